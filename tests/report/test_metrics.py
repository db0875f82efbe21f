import json
import math
import warnings
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from kisbt.domain.result import RunResult
from kisbt.report.containment import contained_plotting
from kisbt.report.daily import daily
from kisbt.report.metrics import DIGITS, compute_metrics
from kisbt.report.writing import canonical_json
from tests.report.fakes import START_CASH, fake_result, from_levels

UNDEFINED_WHEN_FLAT = ("sharpe", "sortino", "calmar", "beta", "alpha", "correlation")


@pytest.fixture(scope="module")
def stats() -> Any:
    with contained_plotting():
        import quantstats.stats

        return quantstats.stats


def returns_of(result: RunResult) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    series = daily(result)
    index = pd.DatetimeIndex(series.days)
    return pd.Series(series.net.returns(), index), pd.Series(series.benchmark.returns(), index)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_agree_with_quantstats_where_the_definitions_do(stats: Any, seed: int) -> None:
    result = fake_result(seed=seed, sessions=400)
    figures = compute_metrics(result)
    net, market = returns_of(result)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        greeks = stats.greeks(net, market, periods=252)
        expected = {
            "total_return": stats.comp(net),
            "cagr": stats.cagr(net, periods=252),
            "annual_volatility": stats.volatility(net, periods=252),
            "sharpe": stats.sharpe(net, periods=252),
            "sortino": stats.sortino(net, periods=252),
            "max_drawdown": stats.max_drawdown(net),
            "calmar": stats.calmar(net, periods=252),
            "best_day": stats.best(net),
            "worst_day": stats.worst(net),
            "benchmark_return": stats.comp(market),
            "benchmark_max_drawdown": stats.max_drawdown(market),
            "beta": greeks["beta"],
            "alpha": greeks["alpha"],
            "correlation": net.corr(market),
        }
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, abs=1e-9), name


def test_drawdown_length_counts_from_the_peak_where_quantstats_counts_from_the_first_loss(
    stats: Any,
) -> None:
    # Tue peak, Wed loss, Thu recovered: one day below the peak, two days from peak to peak.
    levels = [START_CASH, 101_000_000, 100_000_000, 102_000_000]
    result = from_levels(levels, [100.0, 101.0, 102.0, 103.0])
    net, _ = returns_of(result)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = stats.drawdown_details(stats.to_drawdown_series(net))["days"].max()
    assert theirs == 1
    assert compute_metrics(result)["max_drawdown_days"] == 2


def test_exposure_is_position_value_where_quantstats_counts_days_that_moved(stats: Any) -> None:
    result = fake_result(sessions=200)
    net, _ = returns_of(result)
    counted = result.equity[result.warmup_bars :]
    mean = sum(point.exposure for point in counted) / len(counted)
    assert compute_metrics(result)["exposure_mean"] == pytest.approx(mean, abs=1e-9)
    assert stats.exposure(net) != pytest.approx(mean, abs=1e-3)


def test_hand_made_run_gives_hand_made_figures() -> None:
    figures = compute_metrics(from_levels([100_000_000, 110_000_000, 99_000_000, 104_000_000]))
    assert figures["total_return"] == 0.04
    assert figures["best_day"] == 0.1
    assert figures["worst_day"] == -0.1
    assert figures["max_drawdown"] == -0.1
    assert figures["max_drawdown_recovered"] is False
    assert figures["sessions"] == 4
    assert figures["cagr"] == round(1.04 ** (252 / 4) - 1, DIGITS)


def test_warmup_belongs_to_no_statistic() -> None:
    warm = fake_result(sessions=300, warmup=60)
    cut = replace(
        warm,
        equity=warm.equity[60:],
        gross_equity=warm.gross_equity[60:],
        benchmark=warm.benchmark[59:],
        warmup_bars=0,
    )
    with_warmup, without = compute_metrics(warm), compute_metrics(cut)
    for key in with_warmup.keys() - {
        "warmup_bars",
        # without the day before, its return and the market's start from other bases
        "benchmark_return", "excess_return", "beta", "alpha", "correlation",
        "benchmark_max_drawdown", "max_drawdown_days",
    }:  # fmt: skip
        assert with_warmup[key] == without[key], key


def test_changing_warmup_bars_changes_no_figure() -> None:
    result = fake_result(sessions=120, warmup=40, trade_chance=0.5)
    bent = [
        point._replace(equity=point.equity * 3, exposure=0.9) if t < 39 else point
        for t, point in enumerate(result.equity)
    ]
    assert compute_metrics(replace(result, equity=bent)) == compute_metrics(result)


def test_fills_of_the_warmup_are_not_counted_but_their_lots_are_known() -> None:
    result = replace(fake_result(sessions=200, warmup=0, trade_chance=0.6), warmup_bars=100)
    figures = compute_metrics(result)
    last_warm = result.equity[99].at
    counted = [fill for fill in result.fills if fill.at > last_warm]
    assert 0 < len(counted) < len(result.fills)
    assert figures["fills"] == len(counted)
    assert figures["commission"] == sum(fill.commission for fill in counted)
    assert figures["tax"] == sum(fill.tax for fill in counted)


def test_minute_bars_are_annualised_by_daily_closes() -> None:
    minutes = fake_result(sessions=30, bars_a_day=20, warmup=40)
    figures = compute_metrics(minutes)
    assert figures["sessions"] == 28
    closes = [minutes.equity[i].equity for i in range(59, 600, 20)]
    base = minutes.equity[39].equity
    moves = [now / before - 1 for before, now in zip([base, *closes], closes, strict=False)]
    mean = sum(moves) / len(moves)
    deviation = math.sqrt(sum((move - mean) ** 2 for move in moves) / (len(moves) - 1))
    assert figures["annual_volatility"] == pytest.approx(deviation * math.sqrt(252), abs=1e-9)


def test_results_of_round_trips_and_open_lots_make_the_change_of_equity() -> None:
    result = fake_result(sessions=500, warmup=0, trade_chance=0.5)
    figures = compute_metrics(result)
    assert isinstance(figures["realised_pnl"], int)
    assert isinstance(figures["unrealised_pnl"], int)
    change = result.equity[-1].equity - result.start_cash
    assert figures["realised_pnl"] + figures["unrealised_pnl"] == change


def test_cost_drag_is_the_twin_minus_the_net_result() -> None:
    result = fake_result(sessions=300)
    figures = compute_metrics(result)
    paid = result.gross_equity[-1] - result.equity[-1].equity
    assert figures["cost_drag_won"] == paid == result.commission + result.tax
    assert figures["cost_drag"] == pytest.approx(paid / START_CASH, abs=1e-9)


def test_without_a_twin_the_cost_drag_is_null() -> None:
    assert compute_metrics(fake_result(sessions=80, gross_equity=[]))["cost_drag"] is None


def test_constant_equity_gives_nulls() -> None:
    figures = compute_metrics(from_levels([START_CASH] * 50, [100.0 + n for n in range(50)]))
    assert {key: figures[key] for key in UNDEFINED_WHEN_FLAT} == dict.fromkeys(UNDEFINED_WHEN_FLAT)
    assert figures["total_return"] == 0.0
    assert figures["max_drawdown"] == 0.0


def test_constant_benchmark_gives_nulls_for_the_comparison() -> None:
    levels = [START_CASH + n * n * 1_000 for n in range(40)]
    figures = compute_metrics(from_levels(levels, [100.0] * 40))
    assert figures["beta"] is figures["correlation"] is None
    assert figures["benchmark_return"] == 0.0


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_unusable_benchmark_levels_are_no_benchmark(value: float) -> None:
    figures = compute_metrics(from_levels([START_CASH, START_CASH + 5], [value, value]))
    assert figures["benchmark_return"] is None
    assert figures["excess_return"] is None


def test_benchmark_keeps_its_last_level_on_bars_without_one() -> None:
    result = from_levels([START_CASH] * 4, [100.0, 110.0])
    assert compute_metrics(result)["benchmark_return"] == 0.1


@pytest.mark.parametrize("warmup", [0, 5, 9])
def test_run_without_counted_bars_gives_nulls(warmup: int) -> None:
    result = from_levels([START_CASH] * (5 if warmup else 0), warmup_bars=warmup)
    figures = compute_metrics(result)
    assert figures["sessions"] == 0
    for key in ("total_return", "cagr", "sharpe", "max_drawdown", "exposure_mean", "win_rate"):
        assert figures[key] is None


def test_one_session_gives_no_deviation() -> None:
    figures = compute_metrics(from_levels([101_000_000]))
    assert figures["total_return"] == 0.01
    assert figures["sharpe"] is figures["annual_volatility"] is None


def test_lost_account_stays_lost() -> None:
    figures = compute_metrics(from_levels([START_CASH, 0, 0]))
    assert figures["total_return"] == figures["max_drawdown"] == -1.0
    assert figures["cagr"] == -1.0


def test_figures_are_json_and_rounded() -> None:
    figures = compute_metrics(fake_result(sessions=120))
    assert json.loads(canonical_json(figures)) == figures
    for value in figures.values():
        if isinstance(value, float):
            assert value == round(value, DIGITS)


def test_same_result_gives_the_same_bytes() -> None:
    once = canonical_json(compute_metrics(fake_result(seed=5)))
    again = canonical_json(compute_metrics(fake_result(seed=5)))
    assert once == again
    assert once != canonical_json(compute_metrics(fake_result(seed=6)))


def test_turnover_is_half_of_the_traded_value_a_year() -> None:
    result = fake_result(sessions=312, warmup=60)
    traded = sum(fill.amount for fill in result.fills)
    mean = sum(point.equity for point in result.equity[60:]) / 252
    expected = pytest.approx(traded / 2 / mean, abs=1e-9)
    assert compute_metrics(result)["turnover_annual"] == expected
