from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kisbt.report.daily import Curve
from kisbt.report.drawdowns import deepest, drawdowns


def days(count: int) -> list[date]:
    return [date(2024, 1, 2) + timedelta(days=n) for n in range(count)]


def test_fall_from_the_base_on_the_first_day_is_seen() -> None:
    (fall,) = drawdowns(days(3), Curve(100.0, (90.0, 95.0, 97.0)), date(2023, 12, 29))
    assert fall.peak == date(2023, 12, 29)
    assert (fall.trough, fall.end, fall.recovered) == (date(2024, 1, 2), date(2024, 1, 4), False)
    assert fall.depth == 90.0 / 100.0 - 1.0


def test_recovery_ends_a_fall_and_starts_the_next_peak() -> None:
    falls = drawdowns(days(5), Curve(100.0, (110.0, 99.0, 110.0, 100.0, 120.0)), None)
    assert [(fall.peak.day, fall.trough.day, fall.end.day) for fall in falls] == [
        (2, 3, 4),
        (4, 5, 6),
    ]
    assert all(fall.recovered for fall in falls)
    assert [fall.days for fall in falls] == [2, 2]


def test_rising_curve_never_falls() -> None:
    assert drawdowns(days(3), Curve(1.0, (1.0, 2.0, 3.0)), None) == []
    assert drawdowns([], Curve(1.0, ()), None) == []


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60))
def test_deepest_fall_is_the_worst_ratio_to_a_running_peak(levels: list[float]) -> None:
    falls = drawdowns(days(len(levels)), Curve(levels[0], tuple(levels)), None)
    peak, worst = levels[0], 0.0
    for level in levels:
        peak = max(peak, level)
        worst = min(worst, level / peak - 1.0)
    assert (deepest(falls, 1)[0].depth if falls else 0.0) == worst


def test_deepest_come_first() -> None:
    levels = (95.0, 100.0, 80.0, 100.0, 90.0, 100.0)
    falls = drawdowns(days(6), Curve(100.0, levels), None)
    assert [round(fall.depth, 2) for fall in deepest(falls, 2)] == [-0.2, -0.1]
