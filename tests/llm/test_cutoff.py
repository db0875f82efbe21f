"""Days before, around and after a knowledge cutoff, and the gap between them."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.llm.cutoff import CLASSES, by_class, classify, count_classes

CUTOFF = date(2024, 6, 1)


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2024, 4, 30), "before"),
        (date(2024, 5, 2), "around"),
        (date(2024, 7, 1), "around"),
        (date(2024, 7, 2), "after"),
    ],
)
def test_margin_lies_on_both_sides_of_the_cutoff(day: date, kind: str) -> None:
    assert classify(day, CUTOFF, 30) == kind


def test_without_a_cutoff_nothing_is_known_and_without_a_margin_only_its_day_is_grey() -> None:
    assert classify(CUTOFF, None, 30) == "unknown"
    around = [CUTOFF + timedelta(days=n) for n in (-1, 0, 1)]
    assert [classify(day, CUTOFF) for day in around] == ["before", "around", "after"]


@given(st.lists(st.dates(date(2020, 1, 1), date(2028, 1, 1))), st.integers(-5, 400))
def test_every_day_falls_in_exactly_one_class_in_the_order_of_time(
    days: list[date], margin: int
) -> None:
    assert sum(count_classes(days, CUTOFF, margin).values()) == len(days)
    kinds = [CLASSES.index(classify(day, CUTOFF, margin)) for day in sorted(days)]
    assert kinds == sorted(kinds)


def history(before: float, after: float, days: int = 300) -> tuple[np.ndarray, list[date]]:
    rng = np.random.default_rng(5)
    dates = [CUTOFF + timedelta(days=n - days // 2) for n in range(days)]
    noise = rng.normal(0, 0.01, days)
    means = np.where([day < CUTOFF for day in dates], before, after)
    return noise - noise.mean() + means, dates


def test_a_planted_leak_is_found_and_no_leak_is_not() -> None:
    returns, days = history(0.004, 0.0)
    found = by_class(returns, days, CUTOFF)
    assert found.leaks
    assert found.gap is not None
    assert found.gap.low < found.gap.estimate < found.gap.high
    assert found.gap.estimate == pytest.approx(returns[:150].mean() - returns[151:].mean())
    returns, days = history(0.001, 0.001)
    assert not by_class(returns, days, CUTOFF).leaks


def test_results_are_told_by_class_with_the_compounded_return() -> None:
    returns, days = history(0.002, 0.0)
    found = by_class(returns, days, CUTOFF, 10)
    assert {kind: result.days for kind, result in found.classes.items()} == {
        "before": 140,
        "around": 21,
        "after": 139,
    }
    assert found.classes["before"].total == pytest.approx(np.prod(1 + returns[:140]) - 1)
    assert found.classes["before"].mean is not None
    assert found.classes["before"].mean.estimate == pytest.approx(returns[:140].mean())


def test_short_sides_have_no_gap_and_short_classes_no_interval() -> None:
    returns, days = history(0.0, 0.0)
    found = by_class(returns[140:], days[140:], CUTOFF)
    assert found.gap is None
    assert not found.leaks
    assert found.classes["before"].mean is None
    unknown = by_class(returns, days, None)
    assert list(unknown.classes) == ["unknown"]
    assert unknown.gap is None
    empty = by_class(np.zeros(0), [], CUTOFF)
    assert empty.classes == {}


def test_same_seed_same_interval() -> None:
    returns, days = history(0.002, 0.0)
    assert by_class(returns, days, CUTOFF, seed=3) == by_class(returns, days, CUTOFF, seed=3)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="returns for 2 days"):
        by_class(np.zeros(3), [CUTOFF, CUTOFF], CUTOFF)
