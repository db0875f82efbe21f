"""Has quantstats make its tearsheet and takes it apart, for our own page to put together.

quantstats writes into a template. Ours holds nothing but marks between the pieces, so the page
around them, and everything a browser would fetch, is our own.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kisbt.report.quantstats_words import CHART_TEXT, CHARTS, LEFT_OUT, METRICS, ROLLING
from kisbt.report.svg import clean_svg

if TYPE_CHECKING:
    import pandas as pd

    from kisbt.report.daily import Daily
    from kisbt.report.wording import Lang

STRATEGY, BENCHMARK = "Strategy", "Benchmark"
_UNDRAWN = (
    "log_returns",
    "yearly_returns",
    "histogram",
    "daily_returns",
    "drawdowns_periods",
    "monthly_heatmap",
    "distribution",
)
"""Charts that ``CHARTS`` leaves out: drawing them would take half of the time."""

_TABLES = ("metrics", "eoy_table")
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)
_YEARS_NEEDED = {"1Y": 1, "3Y (ann.)": 3, "5Y (ann.)": 5, "10Y (ann.)": 10}


class Row(NamedTuple):
    """One row of a quantstats table: its name and its values as written; no values = a rule."""

    name: str
    values: tuple[str, ...]


class Chart(NamedTuple):
    """One chart: its name in quantstats' template, its title, and inline SVG."""

    name: str
    title: str
    svg: str


class QuantstatsParts(NamedTuple):
    """What quantstats has to say. Values stand strategy first, then benchmark if there is one.

    ``years`` are returns by calendar year in percent.
    """

    metrics: tuple[Row, ...]
    years: tuple[Row, ...]
    charts: tuple[Chart, ...]


def quantstats_parts(series: "Daily", *, benchmark: bool, lang: "Lang") -> QuantstatsParts:
    """Run quantstats over the counted sessions.

    Raises:
        Exception: whatever quantstats raises on series it cannot digest.
    """
    import tempfile

    import pandas as pd

    from kisbt.report.containment import contained_plotting

    index = pd.DatetimeIndex(series.days)
    net = pd.Series(series.net.returns(), index, name=STRATEGY, dtype=float)
    market = None
    if benchmark:
        market = pd.Series(series.benchmark.returns(), index, name=BENCHMARK, dtype=float)
    with contained_plotting(), tempfile.TemporaryDirectory(prefix="kisbt-") as folder:
        pieces = _pieces(net, market, Path(folder))
    words = CHART_TEXT if lang == "ko" else {}
    charts = [
        Chart(name, title := titles[lang != "ko"], clean_svg(pieces[name], name, title, words))
        for name, titles in CHARTS.items()
        if "<svg" in pieces[name] and len(series.days) > ROLLING.get(name, 0)
    ]
    years = len(series.days) / 252
    return QuantstatsParts(
        tuple(_metric_rows(pieces["metrics"], benchmark, years, lang)),
        tuple(_year_rows(pieces["eoy_table"], benchmark)),
        tuple(charts),
    )


def _pieces(
    net: "pd.Series[float]", market: "pd.Series[float] | None", folder: Path
) -> dict[str, str]:
    from quantstats import plots, reports

    from kisbt.report.containment import replaced

    names = (*_TABLES, *CHARTS)
    template, output = folder / "template", folder / "output"
    template.write_text("".join(f"@@{n}@@{{{{{n}}}}}" for n in names), encoding="utf-8")
    # match_dates would cut off the days before the first trade, which belong to the result.
    draw: Callable[..., None] = reports.html
    with replaced(plots, dict.fromkeys(_UNDRAWN, _nothing)):
        draw(
            net,
            market,
            output=str(output),
            template_path=str(template),
            match_dates=False,
            strategy_title=STRATEGY,
            benchmark_title=BENCHMARK,
            periods_per_year=252,
        )
    parts = re.split(r"@@(\w+)@@", output.read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _nothing(*_: object, **__: object) -> None:
    """Draw nothing."""


def _rows(table: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in _CELL.findall(row)] for row in _ROW.findall(table)]
    return rows[1:]


def _metric_rows(table: str, benchmark: bool, years: float, lang: "Lang") -> list[Row]:
    rows: list[Row] = []
    for name, *values in _rows(table):
        name = name.rstrip("﹪ ")
        if not values:
            rows.append(Row("", ()))
        elif name not in LEFT_OUT and years >= _YEARS_NEEDED.get(name, 0) * 0.95:
            # quantstats puts the benchmark first
            ordered = tuple(reversed(values)) if benchmark else tuple(values)
            rows.append(Row(METRICS.get(name, name) if lang == "ko" else name, ordered))
    return rows


def _year_rows(table: str, benchmark: bool) -> list[Row]:
    """Years with the strategy's return and the benchmark's; quantstats' own verdicts are left."""
    rows = _rows(table)
    if benchmark:
        return [Row(cells[0], (cells[2], cells[1])) for cells in rows]
    return [Row(cells[0], (cells[1],)) for cells in rows]
