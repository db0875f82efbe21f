"""Several runs side by side, without a verdict: no statistical test is made here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kisbt.report.daily import daily
from kisbt.report.honesty import banners, box, honesty_rows
from kisbt.report.linechart import Line, line_chart
from kisbt.report.markup import Cell, escape, page, section, table, text
from kisbt.report.metrics import Figure, compute_metrics
from kisbt.report.wording import Lang, in_words, label_of, say
from kisbt.report.writing import write_whole

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

KEYS = (
    "total_return",
    "cagr",
    "annual_volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "worst_day",
    "exposure_mean",
    "turnover_annual",
    "fills",
    "round_trips",
    "win_rate",
    "profit_factor",
    "mean_holding_days",
    "commission",
    "tax",
    "cost_drag",
    "benchmark_return",
    "excess_return",
    "decisions",
    "rejected_share",
    "holds",
)
"""Figures of a comparison, in order."""

_SHARED = {"ko": ("데이터", "벤치마크", "가정"), "en": ("Data", "Benchmark", "Assumptions")}
"""Rows of the honesty box that runs over the same data have in common."""


class Comparison(NamedTuple):
    """Runs over what they have in common.

    ``results`` all leave out the same bars when ``common`` is true; else the runs cover different
    bars or data, and each keeps its own period.
    """

    results: tuple["RunResult", ...]
    names: tuple[str, ...]
    common: bool
    shortened: bool


def compare(results: Sequence["RunResult"], lang: Lang = "ko") -> Comparison:
    """Bring runs onto one period: the longest warm-up counts for all of them.

    Raises:
        ValueError: there is nothing to compare.
    """
    if not results:
        raise ValueError("no result to compare")
    bars = [tuple(point.at for point in result.equity) for result in results]
    same_data = len({result.dataset.get("hash") for result in results}) == 1
    common = same_data and len(set(bars)) == 1
    warm = max(result.warmup_bars for result in results)
    shortened = common and any(result.warmup_bars != warm for result in results)
    if shortened:
        results = [replace(result, warmup_bars=warm) for result in results]
    return Comparison(tuple(results), _names(results, lang), common, shortened)


def comparison_table(
    results: Sequence["RunResult"], lang: Lang = "ko"
) -> tuple[list[str], list[list[str]]]:
    """Columns and rows for a terminal: one figure a row, one run a column."""
    compared = compare(results, lang)
    figures = [compute_metrics(result) for result in compared.results]
    columns = ["지표" if lang == "ko" else "Figure", *compared.names]
    rows = [[label_of(key, lang), *(say(key, f[key], lang) for f in figures)] for key in KEYS]
    return columns, rows


def no_verdict(lang: Lang = "ko") -> str:
    """What a comparison does not say."""
    if lang == "ko":
        return (
            "통계 검정 없이 나란히 보여줄 뿐입니다. "
            "숫자의 차이가 우연인지 아닌지는 여기서 판정하지 않습니다."
        )
    return (
        "Shown side by side, without any statistical test: "
        "whether a difference is luck is not judged here."
    )


def write_comparison(results: Sequence["RunResult"], path: Path, lang: Lang = "ko") -> Path:
    """Write the comparison of several runs as one HTML file that fetches nothing.

    Raises:
        ConfigError: the folder cannot be written.
        ValueError: there is no result.
    """
    return write_whole(path, render_comparison(results, lang))


def render_comparison(results: Sequence["RunResult"], lang: Lang = "ko") -> bytes:
    """The page as bytes."""
    ko = lang == "ko"
    compared = compare(results, lang)
    figures = [compute_metrics(result) for result in compared.results]
    title = "백테스트 비교" if ko else "Backtests side by side"
    count = f"{len(results)}개 실행" if ko else f"{len(results)} runs"
    first, figure = compared.results[0], figures[0]
    period = f"{figure['first_day']} ~ {figure['last_day']} · " if compared.common else ""
    body = [
        f'<header><p class="brand">kisbt</p><h1>{title} <small>{count}</small></h1>'
        f'<p class="sub">{escape(period)}{escape(first.dataset.get("name", ""))}</p></header>',
        f'<div class="banner calm">{escape(no_verdict(lang))}</div>',
        *dict.fromkeys(banner for result in compared.results for banner in banners(result, lang)),
        *_period_notes(compared, figures, lang),
        _shared_box(compared, figures, lang),
        _chart(compared, lang),
        _figures(compared, figures, lang),
        _per_run(compared, figures, lang),
    ]
    return page(lang=lang, title=title, body=[part for part in body if part])


def _names(results: Sequence["RunResult"], lang: Lang) -> tuple[str, ...]:
    names: list[str] = []
    for result in results:
        name = str(result.strategy.get("name", "?"))
        if result.prompt is not None:
            number = result.prompt.get("number")
            name += f" · 프롬프트 {number}" if lang == "ko" else f" · prompt {number}"
        names.append(name)
    return tuple(
        f"{name} ({result.run_id})" if names.count(name) > 1 else name
        for name, result in zip(names, results, strict=True)
    )


def _period_notes(
    compared: Comparison, figures: Sequence[Mapping[str, Figure]], lang: Lang
) -> list[str]:
    ko = lang == "ko"
    if not compared.common:
        said = (
            "데이터나 기간이 서로 달라 숫자를 맞대어 볼 수 없습니다. 곡선은 그리지 않았습니다."
            if ko
            else "Data or periods differ: figures cannot be set against each other; no curves."
        )
        return [f'<div class="banner warn">{said}</div>']
    if compared.shortened:
        since = figures[0]["first_day"]
        said = (
            f"준비 구간이 서로 달라 가장 긴 쪽에 맞췄습니다: 모든 숫자는 {since}부터입니다."
            if ko
            else f"Warm-ups differ, so the longest counts for all: figures start on {since}."
        )
        return [f'<p class="note">{escape(said)}</p>']
    return []


def _shared_box(compared: Comparison, figures: Sequence[Mapping[str, Figure]], lang: Lang) -> str:
    if not compared.common:
        return ""
    rows = honesty_rows(compared.results[0], figures[0], lang)
    title = "결과를 보기 전에" if lang == "ko" else "Before the result"
    return box(title, [row for row in rows if row[0] in _SHARED[lang]])


def _chart(compared: Comparison, lang: Lang) -> str:
    series = [daily(result) for result in compared.results]
    if not compared.common or not series[0].days:
        return ""
    lines = [
        Line(name, f"s{index % 8}", each.drawn(each.net))
        for index, (name, each) in enumerate(zip(compared.names, series, strict=True))
    ]
    if series[0].benchmark.levels:
        label = in_words(compared.results[0].benchmark_label, lang)
        lines.append(Line(label, "reference", series[0].drawn(series[0].benchmark)))
    title = "누적 수익률 (비용 반영)" if lang == "ko" else "Cumulative return, net of costs"
    return section(title, line_chart(series[0].drawn_days, lines, label=title))


def _figures(compared: Comparison, figures: Sequence[Mapping[str, Figure]], lang: Lang) -> str:
    heads = [text("지표" if lang == "ko" else "Figure")]
    heads += [Cell(escape(name), "num wrap") for name in compared.names]
    rows = [
        [text(label_of(key, lang)), *(Cell(escape(say(key, f[key], lang)), "num") for f in figures)]
        for key in KEYS
    ]
    return section("숫자" if lang == "ko" else "Figures", table(heads, rows))


def _per_run(compared: Comparison, figures: Sequence[Mapping[str, Figure]], lang: Lang) -> str:
    """The rest of each run's honesty box, one box a run; all of it when nothing is shared."""
    shared = _SHARED[lang] if compared.common else ()
    boxes = []
    for result, figure, name in zip(compared.results, figures, compared.names, strict=True):
        rows = [row for row in honesty_rows(result, figure, lang) if row[0] not in shared]
        boxes.append(box(name, rows))
    return section("실행마다 다른 것" if lang == "ko" else "What differs by run", *boxes)
