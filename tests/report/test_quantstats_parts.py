import logging
import re
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest

from kisbt.report.containment import contained_plotting, percent_tick
from kisbt.report.daily import daily
from kisbt.report.quantstats_markup import even
from kisbt.report.quantstats_parts import QuantstatsParts, quantstats_parts
from kisbt.report.quantstats_words import CHART_TEXT, CHARTS, LEFT_OUT, METRICS
from tests.report.fakes import fake_result


@pytest.fixture(scope="module")
def long_run() -> QuantstatsParts:
    """Ten years, so that every row of quantstats is there."""
    return quantstats_parts(
        daily(fake_result(sessions=2_650, trade_chance=0.1)), benchmark=True, lang="ko"
    )


def test_every_metric_is_translated(long_run: QuantstatsParts) -> None:
    named = {row.name for row in long_run.metrics if row.values}
    assert named == {METRICS[name] for name in METRICS if name not in LEFT_OUT}


def test_every_chart_is_drawn_with_korean_text(long_run: QuantstatsParts) -> None:
    assert [chart.name for chart in long_run.charts] == list(CHARTS)
    for chart in long_run.charts:
        words = re.findall(r">([^<>]+)</text>", chart.svg)
        assert words
        assert not [word for word in words if re.search("[A-Za-z]", word)], chart.name
        assert not set(CHART_TEXT) & set(words)


def test_strategy_stands_before_benchmark(long_run: QuantstatsParts) -> None:
    result = fake_result(sessions=2_650, trade_chance=0.1)
    total = result.equity[-1].equity / result.start_cash - 1
    row = next(row for row in long_run.metrics if row.name == METRICS["Cumulative Return"])
    assert row.values[0] == f"{total * 100:,.2f}%"


def test_days_before_the_first_trade_stay_in() -> None:
    result = fake_result(sessions=150, warmup=0, trade_chance=0.0)
    late = [
        point._replace(equity=point.equity + 1_000 * max(0, t - 100) * (-1) ** t)
        for t, point in enumerate(result.equity)
    ]
    series = daily(fake_result(sessions=150, warmup=0, trade_chance=0.0, equity=late))
    parts = quantstats_parts(series, benchmark=True, lang="en")
    moved = next(row for row in parts.metrics if row.name == "Time in Market")
    assert float(moved.values[0].rstrip("%")) < 40.0


def test_spans_longer_than_the_run_are_left_out() -> None:
    parts = quantstats_parts(daily(fake_result(sessions=320)), benchmark=True, lang="en")
    names = {row.name for row in parts.metrics}
    assert "1Y" in names
    assert names.isdisjoint({"3Y (ann.)", "5Y (ann.)", "10Y (ann.)"})


def test_rolling_charts_need_their_window() -> None:
    parts = quantstats_parts(daily(fake_result(sessions=150)), benchmark=True, lang="ko")
    assert [chart.name for chart in parts.charts] == ["vol_returns", "dd_plot"]


def test_plotting_leaves_the_process_as_it_was() -> None:
    fonts = logging.getLogger("matplotlib.font_manager")
    level, filters = fonts.level, list(warnings.filters)
    backend = matplotlib.get_backend()
    settings, errors = matplotlib.rcParams.copy(), np.geterr()
    with contained_plotting():
        matplotlib.rcParams["font.size"] = 99
    assert matplotlib.rcParams.copy() == settings
    assert matplotlib.get_backend() == backend
    assert (fonts.level, list(warnings.filters), np.geterr()) == (level, filters, errors)


def test_plotting_restores_after_an_error() -> None:
    settings = matplotlib.rcParams.copy()

    def draw() -> None:
        with contained_plotting():
            matplotlib.rcParams["lines.linewidth"] = 9
            raise KeyError("x")

    with pytest.raises(KeyError):
        draw()
    assert matplotlib.rcParams.copy() == settings


def test_open_figures_of_the_user_survive() -> None:
    import matplotlib.pyplot as pyplot

    figure = pyplot.figure()
    try:
        with contained_plotting():
            pass
        assert pyplot.fignum_exists(figure.number)
    finally:
        pyplot.close(figure)


def test_first_page_of_a_process_equals_later_ones_and_says_nothing() -> None:
    code = (
        "from tests.report.fakes import fake_result\n"
        "from kisbt.report.tearsheet import render_tearsheet\n"
        "pages = {render_tearsheet(fake_result(sessions=320)) for _ in range(2)}\n"
        "print(len(pages))\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.025, "2.5%"), (-0.1, "−10%"), (0.0, "0%"), (-0.000001, "0%"), (12.0, "1,200%")],
)
def test_axis_percent_keeps_its_decimals(value: float, written: str) -> None:
    assert percent_tick(value, 0) == written


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("16.5%", "16.50%"),
        ("-0.0", "0.00"),
        ("-1.2", "−1.20"),
        ("1,234.5", "1,234.50"),
        ("-", "–"),
        ("14", "14"),
        ("-3", "−3"),
        ("2024-01-02", "2024-01-02"),
    ],
)
def test_numbers_of_quantstats_are_made_even(raw: str, written: str) -> None:
    assert even(raw) == written
