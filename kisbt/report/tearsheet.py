"""The page of one run: honesty box, figures, trades, and quantstats' tearsheet."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kisbt.report import ledger
from kisbt.report.daily import SESSIONS_A_YEAR, Daily, counted_fills, daily
from kisbt.report.honesty import banners, honesty_box
from kisbt.report.linechart import Line, line_chart
from kisbt.report.markup import Cell, escape, number, page, section, table, text
from kisbt.report.metrics import Figure, compute_metrics
from kisbt.report.model_section import model_section
from kisbt.report.quantstats_markup import quantstats_markup
from kisbt.report.quantstats_parts import QuantstatsParts, quantstats_parts
from kisbt.report.wording import BLANK, Lang, in_words, label_of, say, tone
from kisbt.report.writing import write_whole

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

logger = logging.getLogger(__name__)

FEWEST_SESSIONS = 3

_CARDS = ("total_return", "cagr", "sharpe", "max_drawdown", "win_rate", "excess_return")
_TONED = {"total_return", "cagr", "excess_return", "realised_pnl", "unrealised_pnl", "alpha"}
_GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "성과",
        "Performance",
        ("start_equity", "end_equity", "total_return", "cagr", "annual_volatility", "sharpe",
         "sortino", "calmar", "best_day", "worst_day"),
    ),
    (
        "위험과 벤치마크",
        "Risk and benchmark",
        ("max_drawdown", "max_drawdown_days", "max_drawdown_recovered",
         "benchmark_return", "benchmark_max_drawdown", "excess_return", "beta", "alpha",
         "correlation"),
    ),
    (
        "거래",
        "Trading",
        ("fills", "round_trips", "win_rate", "profit_factor", "mean_holding_days",
         "realised_pnl", "unrealised_pnl", "exposure_mean", "turnover_annual"),
    ),
    (
        "위험 분석기",
        "Risk analyzer",
        ("max_exposure", "max_concentration", "max_turnover", "worst_daily_loss",
         "worst_weekly_loss", "bars_beyond_limits"),
    ),
    (
        "비용과 판단",
        "Costs and decisions",
        ("commission", "tax", "gross_total_return", "cost_drag", "cost_drag_won",
         "ticks", "decisions", "rejected", "rejected_share", "holds", "violations"),
    ),
)  # fmt: skip


def write_tearsheet(result: "RunResult", path: Path, lang: Lang = "ko") -> Path:
    """Write the page of one run: one HTML file that fetches nothing. Same result, same bytes.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return write_whole(path, render_tearsheet(result, lang))


def render_tearsheet(result: "RunResult", lang: Lang = "ko") -> bytes:
    """The page as bytes."""
    series, figures = daily(result), compute_metrics(result)
    title = "백테스트 결과" if lang == "ko" else "Backtest"
    name = str(result.strategy.get("name", ""))
    body = [
        _header(result, figures, title, lang),
        *banners(result, lang),
        honesty_box(result, figures, lang),
        _headline(figures, lang),
    ]
    if series.days:
        body.append(_equity_section(result, series, lang))
    body.append(_figures_section(figures, lang))
    if result.llm is not None:
        body.append(model_section(result, lang))
    if series.days:
        body.append(_months_section(series, lang))
    body.append(_trades_section(result, lang))
    body += _quantstats_sections(result, series, lang)
    body.append(_footer(result, lang))
    return page(lang=lang, title=f"{title} · {name}", body=body)


def _header(result: "RunResult", figures: Mapping[str, Figure], title: str, lang: Lang) -> str:
    period = f"{figures['first_day'] or BLANK} ~ {figures['last_day'] or BLANK}"
    sessions = figures["sessions"]
    count = f"{sessions}거래일" if lang == "ko" else f"{sessions} sessions"
    words = [period, count, str(result.dataset.get("name", ""))]
    if result.prompt is not None:
        number = result.prompt.get("number")
        words.append(f"프롬프트 {number}" if lang == "ko" else f"prompt {number}")
    line = " · ".join(words)
    return (
        f'<header><p class="brand">kisbt · {escape(title)}</p>'
        f"<h1>{escape(result.strategy.get('name', '?'))}"
        f" <small>{escape(in_words(result.decider, lang))}</small></h1>"
        f'<p class="sub">{escape(line)}</p></header>'
    )


def _headline(figures: Mapping[str, Figure], lang: Lang) -> str:
    young = int(figures["sessions"] or 0) < SESSIONS_A_YEAR
    # A year's return from less than a year would be the loudest and least honest number here.
    keys = ["annual_volatility" if key == "cagr" and young else key for key in _CARDS]
    cards = "".join(
        f'<div class="card"><span>{escape(label_of(key, lang))}</span>'
        f'<b class="{tone(figures[key]) if key in _TONED else ""}">'
        f"{escape(say(key, figures[key], lang))}</b></div>"
        for key in keys
    )
    return f'<section class="cards">{cards}</section>'


def _equity_section(result: "RunResult", series: Daily, lang: Lang) -> str:
    ko = lang == "ko"
    lines = [Line("비용 반영" if ko else "Net of costs", "net", series.drawn(series.net))]
    if series.gross.levels:
        lines.append(Line("비용 0" if ko else "Zero costs", "gross", series.drawn(series.gross)))
    if series.benchmark.levels:
        label = in_words(result.benchmark_label, lang) or ("벤치마크" if ko else "Benchmark")
        lines.append(Line(label, "market", series.drawn(series.benchmark)))
    title = "누적 수익률" if ko else "Cumulative return"
    return section(title, line_chart(series.drawn_days, lines, label=title), classes="equity")


def _figures_section(figures: Mapping[str, Figure], lang: Lang) -> str:
    ko = lang == "ko"
    tables = []
    for korean, english, keys in _GROUPS:
        rows: list[Sequence[Cell]] = [
            [
                text(label_of(key, lang)),
                number(say(key, figures[key], lang), tone(figures[key]) if key in _TONED else ""),
            ]
            for key in keys
        ]
        heads = [text(korean if ko else english), Cell("", "num")]
        tables.append(table(heads, rows, classes="figures"))
    title = "핵심 수치" if ko else "Key figures"
    return section(title, f'<div class="columns">{"".join(tables)}</div>')


def _months_section(series: Daily, lang: Lang) -> str:
    title = "월별 수익률 (%)" if lang == "ko" else "Monthly returns (%)"
    return section(title, ledger.monthly_table(series, lang))


def _trades_section(result: "RunResult", lang: Lang) -> str:
    ko = lang == "ko"
    if not counted_fills(result):
        none = "체결된 주문이 없습니다." if ko else "No order was filled."
        return section("거래" if ko else "Trades", f'<p class="note">{none}</p>')
    worst = "손실이 가장 컸던 거래" if ko else "Worst round trips"
    recent = "최근 체결" if ko else "Latest fills"
    return section(
        worst,
        ledger.worst_trips(result, lang),
        f"<h3>{recent}</h3>",
        ledger.recent_fills(result, lang),
    )


def why_left_out(result: "RunResult", series: Daily, lang: Lang) -> str | None:
    """Why quantstats' statistics would mean nothing here; ``None`` when they do mean something."""
    ko = lang == "ko"
    if len(series.days) < FEWEST_SESSIONS:
        return (
            f"통계에 쓸 거래일이 {len(series.days)}일뿐입니다 (최소 {FEWEST_SESSIONS}일)."
            if ko
            else f"Only {len(series.days)} sessions count (at least {FEWEST_SESSIONS} are needed)."
        )
    if not counted_fills(result):
        return "체결이 한 건도 없었습니다." if ko else "Nothing was traded."
    if not any(series.net.returns()):
        return "자산이 하루도 변하지 않았습니다." if ko else "Equity never changed."
    return None


def _quantstats_sections(result: "RunResult", series: Daily, lang: Lang) -> list[str]:
    ko = lang == "ko"
    title = "quantstats 통계" if ko else "quantstats tearsheet"
    reason = why_left_out(result, series, lang)
    parts: QuantstatsParts | None = None
    moving = len(set(series.benchmark.returns())) > 1
    if reason is None:
        try:
            parts = quantstats_parts(series, benchmark=moving, lang=lang)
        except Exception as error:  # a third party's limits must not cost the user the page
            logger.warning("quantstats could not digest run %s: %s", result.run_id, error)
            kind = f"{type(error).__name__}: {error}"
            reason = f"quantstats 오류: {kind}" if ko else f"quantstats failed: {kind}"
    if parts is None:
        said = "아래 통계를 만들지 않은 이유: " if ko else "Why these statistics are left out: "
        return [section(title, f'<p class="note">{escape(said)}{escape(reason)}</p>')]
    note = (
        "빨간 점선은 전체 기간 평균입니다."
        if ko
        else "Red dashes are the mean of the whole period."
    )
    if not moving:
        note += (
            " 벤치마크가 없거나 움직이지 않아 비교 통계는 뺐습니다."
            if ko
            else " There is no benchmark, or it never moves: comparisons are left out."
        )
    return [section(title, quantstats_markup(parts, moving, series, lang), classes="qs", note=note)]


def _footer(result: "RunResult", lang: Lang) -> str:
    words = (
        "수익률은 단순 일별 수익률, 무위험 수익률 0, 1년 = 252거래일 기준입니다."
        if lang == "ko"
        else "Simple daily returns, risk-free rate zero, a year is 252 sessions."
    )
    return (
        f"<footer><p>{words}</p><p>run <code>{escape(result.run_id)}</code>"
        " · kisbt · charts: quantstats</p></footer>"
    )
