from dataclasses import replace
from datetime import date

from kisbt.domain.result import BenchmarkPoint
from kisbt.report.daily import Curve, counted_fills, daily
from tests.report.fakes import START_CASH, fake_result, from_levels


def test_base_is_the_last_warmup_bar() -> None:
    series = daily(from_levels([100, 200, 300, 400], [1.0, 2.0, 3.0, 4.0], warmup_bars=2))
    assert series.start == date(2024, 1, 3)
    assert series.days == (date(2024, 1, 4), date(2024, 1, 5))
    assert series.net == Curve(200.0, (300.0, 400.0))
    assert series.benchmark == Curve(2.0, (3.0, 4.0))


def test_without_warmup_the_base_is_the_starting_cash() -> None:
    series = daily(from_levels([START_CASH + 1_000], [5.0]))
    assert series.start is None
    assert series.net.base == START_CASH
    assert series.benchmark == Curve(5.0, (5.0,))


def test_picture_starts_at_zero_on_the_day_of_the_base() -> None:
    series = daily(from_levels([100, 200, 300], [1.0, 2.0, 3.0], warmup_bars=1))
    assert series.drawn_days == (date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4))
    assert series.drawn(series.net) == [0.0, 1.0, 2.0]


def test_picture_of_minutes_does_not_show_the_first_day_twice() -> None:
    series = daily(fake_result(sessions=3, bars_a_day=10, warmup=5))
    assert series.drawn_days == series.days
    assert len(series.drawn(series.net)) == 3


def test_minutes_are_reduced_to_the_last_bar_of_each_day() -> None:
    result = fake_result(sessions=3, bars_a_day=10, warmup=5)
    closes = tuple(float(result.equity[i].equity) for i in (9, 19, 29))
    assert daily(result).net.levels == closes


def test_benchmark_before_its_first_value_is_flat_at_it() -> None:
    result = from_levels([100] * 4)
    late = [BenchmarkPoint(result.equity[2].at, 50.0), BenchmarkPoint(result.equity[3].at, 55.0)]
    series = daily(replace(result, benchmark=late))
    assert series.benchmark == Curve(50.0, (50.0, 50.0, 50.0, 55.0))


def test_twin_of_another_length_is_no_twin() -> None:
    assert daily(from_levels([100, 100], gross_equity=[100])).gross.levels == ()


def test_returns_stop_at_a_lost_account() -> None:
    assert Curve(100.0, (50.0, 0.0, 0.0)).returns() == [-0.5, -1.0, 0.0]


def test_all_fills_count_without_warmup_and_none_without_counted_bars() -> None:
    result = fake_result(sessions=60, warmup=0, trade_chance=0.5)
    assert counted_fills(result) == result.fills
    assert counted_fills(replace(result, warmup_bars=60)) == []
