"""Splits as base prices show them."""

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.data.dataset import BarTable
from kisbt.data.splits import CLEAN, find_splits, nearest_ratio, ratio_text
from kisbt.domain.market import Instrument
from kisbt.krx.calendar import session_closes
from kisbt.krx.ticks import round_up

DAYS = [date(2024, 4, 2), date(2024, 4, 3), date(2024, 4, 4)]
WHO = Instrument(ticker="005930")


def table(closes: list[int], bases: list[int], days: list[date] = DAYS) -> BarTable:
    close, base = np.array(closes), np.array(bases)
    return BarTable(
        "005930", session_closes(days), close, close, close, close, np.ones_like(close), base
    )


@settings(deadline=None)
@given(st.integers(20_000, 900_000), st.sampled_from([r for r in CLEAN if r >= Fraction(1, 10)]))
def test_every_clean_split_is_found_once_with_its_ratio(close: int, ratio: Fraction) -> None:
    base = round_up(max(int(close / ratio), 1), WHO.market, DAYS[1])
    if base < 500:
        return
    found = find_splits(table([close, base, base], [close, base, base]), WHO)
    assert [(f.date, f.ratio) for f in found] == [(DAYS[1], float(ratio))]


def test_a_rights_issue_is_no_split() -> None:
    assert find_splits(table([10_000, 7_000, 7_000], [10_000, 6_800, 7_000]), WHO) == []
    assert find_splits(table([10_000, 5_600, 5_600], [10_000, 5_600, 5_600]), WHO) == []


def test_an_unknown_base_tells_nothing() -> None:
    assert find_splits(table([50_000, 10_000, 10_000], [0, 0, 0]), WHO) == []


def test_sessions_apart_are_not_compared() -> None:
    days = [date(2024, 4, 1), date(2024, 4, 3), date(2024, 4, 4)]
    assert find_splits(table([50_000, 10_000, 10_000], [50_000, 10_000, 10_000], days), WHO) == []


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [(50_000, 10_500, 5), (589, 6_500, Fraction(1, 10)), (100, 99, None), (1_000, 720, None)],
)
def test_the_nearest_ratio_leaves_room_for_the_day(
    before: int, after: int, ratio: Fraction | None
) -> None:
    assert nearest_ratio(before, after) == ratio


def test_ratios_are_told_in_words() -> None:
    assert ratio_text(Fraction(5)) == "5:1 split (액면분할)"
    assert ratio_text(Fraction(1, 10)) == "1:10 reverse split (병합)"
