"""The figures of each version of a contest, over all its folds and seeds."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kisbt.report.contest import Contest, Entry, FloatArray, Trials
from kisbt.report.daily import SESSIONS_A_YEAR
from kisbt.report.metrics import Figure, compute_metrics
from kisbt.report.verdicts import sharpe_figures
from kisbt.report.wording import Kind, Label, Lang, write_figure

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult


class Standing(NamedTuple):
    """One row: its name and its value for each version."""

    label: Label
    values: tuple[Figure, ...]

    def name(self, lang: Lang) -> str:
        """What the row is called."""
        return self.label.ko if lang == "ko" else self.label.en

    def written(self, lang: Lang) -> list[str]:
        """Every value as text."""
        return [write_figure(value, self.label.kind, lang) for value in self.values]


def standings(contest: Contest, trials: Trials) -> list[Standing]:
    """All rows. Rows about a model are left out when none was asked.

    A figure of several seeds is that of the average stream, or the average of the counts; won
    and counts of several folds are sums.
    """
    rows: list[Standing] = []

    def row(ko: str, en: str, kind: Kind, values: Sequence[Figure]) -> None:
        rows.append(Standing(Label(ko, en, kind), tuple(values)))

    entries = contest.entries
    streams = [stream.mean(axis=0) if contest.common else None for stream in contest.streams]
    if contest.common:
        moves = [stream for stream in streams if stream is not None]
        sharpes = [sharpe_figures(stream, trials) for stream in moves]
        many = f"{max(trials.tried, 1):,}"
        row("누적 수익률", "Total return", "signed", [_growth(m) for m in moves])
        row("연 변동성", "Volatility (ann.)", "fraction", [_volatility(m) for m in moves])
        row("Sharpe", "Sharpe", "ratio", [s.yearly for s in sharpes])
        row(
            "Sharpe가 0보다 클 확률 (PSR)",
            "Chance that Sharpe > 0 (PSR)",
            "fraction",
            [s.probabilistic for s in sharpes],
        )
        row(
            f"{many}번 시도한 운보다 클 확률 (DSR)",
            f"Chance to beat luck of {many} trials (DSR)",
            "fraction",
            [s.deflated for s in sharpes],
        )
        row("최대 낙폭 (MDD)", "Max drawdown", "signed", [_drawdown(m) for m in moves])
    else:
        for key, ko, en, kind in _ALONE:
            row(ko, en, kind, [_average(entry, key) for entry in entries])
    for key, ko, en, kind in _AVERAGED:
        row(ko, en, kind, [_average(entry, key) for entry in entries])
    for key, ko, en, kind in _SUMMED:
        row(ko, en, kind, [_total(entry, key) for entry in entries])
    row("승률", "Win rate", "fraction", [_win_rate(entry) for entry in entries])
    if any(run.llm for entry in entries for run in entry.flat):
        for name, ko, en, kind in _MODEL:
            row(ko, en, kind, [_model_total(entry, name) for entry in entries])
        row(
            "판단 일치율",
            "Agreement of draws",
            "fraction",
            [_mean([_llm(run, "agreement") for run in entry.flat]) for entry in entries],
        )
    return rows  # fmt: skip


_ALONE: tuple[tuple[str, str, str, Kind], ...] = (
    ("total_return", "누적 수익률", "Total return", "signed"),
    ("sharpe", "Sharpe", "Sharpe", "ratio"),
    ("max_drawdown", "최대 낙폭 (MDD)", "Max drawdown", "signed"),
)
_AVERAGED: tuple[tuple[str, str, str, Kind], ...] = (
    ("turnover_annual", "연 회전율 (편도)", "Turnover a year (one way)", "fraction"),
    ("exposure_mean", "평균 투자 비중", "Mean exposure", "fraction"),
    ("cost_drag", "비용이 깎은 수익률", "Cost drag", "fraction"),
)
_SUMMED: tuple[tuple[str, str, str, Kind], ...] = (
    ("commission", "수수료", "Commission", "won"),
    ("tax", "거래세", "Tax", "won"),
    ("fills", "체결 수", "Fills", "count"),
    ("round_trips", "왕복 거래 수", "Round trips", "count"),
    ("decisions", "판단 수", "Decisions", "count"),
    ("holds", "관망으로 끝난 시점", "Bars ended in hold", "count"),
    ("violations", "규정 위반", "Legality violations", "count"),
)
_MODEL: tuple[tuple[str, str, str, Kind], ...] = (
    ("calls", "모델 호출", "Calls to the model", "count"),
    ("tokens_in", "입력 토큰", "Tokens in", "count"),
    ("tokens_out", "출력 토큰", "Tokens out", "count"),
    ("cost_krw", "LLM 비용", "LLM cost", "won"),
)


def _growth(moves: FloatArray) -> float:
    return float(np.prod(1.0 + moves)) - 1.0


def _volatility(moves: FloatArray) -> float | None:
    return float(moves.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) if len(moves) > 1 else None


def _drawdown(moves: FloatArray) -> float:
    level = np.cumprod(np.concatenate(([1.0], 1.0 + moves)))
    return float(np.min(level / np.maximum.accumulate(level)) - 1.0)


def _numbers(entry: Entry, key: str) -> list[float]:
    found = (compute_metrics(run)[key] for run in entry.flat)
    return [float(value) for value in found if isinstance(value, int | float)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _average(entry: Entry, key: str) -> float | None:
    return _mean(_numbers(entry, key))


def _total(entry: Entry, key: str) -> float | None:
    values = _numbers(entry, key)
    return math.fsum(values) / len(entry.replays) if values else None


def _win_rate(entry: Entry) -> float | None:
    figures = [compute_metrics(run) for run in entry.flat]
    trips = sum(int(each["round_trips"] or 0) for each in figures)
    wins = sum(float(each["win_rate"] or 0) * int(each["round_trips"] or 0) for each in figures)
    return wins / trips if trips else None


def _llm(run: "RunResult", key: str) -> float | None:
    value: Any = (run.llm or {}).get(key)
    return None if value is None else float(value)


def _model_total(entry: Entry, key: str) -> float | None:
    values = [value for run in entry.flat if (value := _llm(run, key)) is not None]
    return math.fsum(values) / len(entry.replays) if values else None
