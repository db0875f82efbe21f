"""quantstats' charts and tables as markup of our page."""

import re
from collections.abc import Sequence

from kisbt.report.daily import Daily
from kisbt.report.drawdowns import deepest, drawdowns
from kisbt.report.markup import Cell, escape, number, table, text
from kisbt.report.quantstats_parts import QuantstatsParts, Row
from kisbt.report.wording import BLANK, Lang, write_figure

_FEW_DECIMALS = re.compile(r"(?P<number>-?[\d,]+\.\d+)(?P<unit>%?)")


def quantstats_markup(parts: QuantstatsParts, benchmark: bool, series: Daily, lang: Lang) -> str:
    """Charts in two columns, tables in three; the list of drawdowns is our own."""
    ko = lang == "ko"
    figures = "".join(
        f"<figure><figcaption>{escape(chart.title)}</figcaption>{chart.svg}</figure>"
        for chart in parts.charts
    )
    strategy, market = ("전략", "벤치마크") if ko else ("Strategy", "Benchmark")
    columns = [Cell(strategy, "num"), *([Cell(market, "num")] if benchmark else [])]
    metric = [text("지표" if ko else "Metric"), *columns]
    left, right = _halves(parts.metrics)
    years = [
        [text(row.name), *(number(even(f"{value}%")) for value in row.values)]
        for row in parts.years
    ]
    boxes = (
        table(metric, _metric_cells(left)),
        table(metric, _metric_cells(right)),
        table([text("연도별 수익률" if ko else "Returns by year"), *columns], years)
        + _drawdowns(series, lang),
    )
    tables = "".join(f"<div>{box}</div>" for box in boxes)
    return f'<div class="charts">{figures}</div><div class="tables">{tables}</div>'


def even(value: str) -> str:
    """Give a number two decimals (quantstats drops trailing zeros) and a true minus sign."""
    if value.strip() in ("-", ""):
        return BLANK
    match = _FEW_DECIMALS.fullmatch(value)
    if match is None:
        return "−" + value[1:] if value.startswith("-") and value[1:].isdigit() else value
    rounded = f"{float(match['number'].replace(',', '')):,.2f}"
    if not rounded.strip("-0.,"):
        rounded = rounded.lstrip("-")
    return rounded.replace("-", "−") + match["unit"]


def _halves(rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    """Cut at the rule nearest the middle."""
    rules = [index for index, row in enumerate(rows) if not row.values]
    cut = min(rules, key=lambda index: abs(index - len(rows) / 2), default=len(rows))
    return rows[:cut], rows[cut + 1 :]


def _metric_cells(rows: Sequence[Row]) -> list[list[Cell]]:
    cells: list[list[Cell]] = []
    for row in rows:
        if row.values:
            cells.append([text(row.name), *(number(even(value)) for value in row.values)])
        elif cells:
            cells[-1] = [c._replace(classes=f"{c.classes} rule".strip()) for c in cells[-1]]
    return cells


def _drawdowns(series: Daily, lang: Lang) -> str:
    names = (
        ("고점", "회복·끝", "낙폭", "일수") if lang == "ko" else ("Peak", "End", "Depth", "Days")
    )
    body = [
        [
            text(fall.peak, "day"),
            text(f"{fall.end}{'' if fall.recovered else ' *'}", "day"),
            number(write_figure(fall.depth, "signed", lang)),
            number(f"{fall.days:,}"),
        ]
        for fall in deepest(drawdowns(series.days, series.net, series.start), 10)
    ]
    heads = [text(names[0]), text(names[1]), Cell(names[2], "num"), Cell(names[3], "num")]
    caption = "가장 깊은 낙폭 (* 회복 전)" if lang == "ko" else "Deepest drawdowns (* not over)"
    return table(heads, body, caption=caption)
