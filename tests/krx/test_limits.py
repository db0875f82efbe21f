"""Price limits: real limit closes, the formula's corners, first days, funds, liquidation."""

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.market import Market, PriceBand, Product
from kisbt.krx.limits import NO_UPPER_LIMIT, base_price, opening_range, price_band, price_bands
from kisbt.krx.ticks import is_on_tick, lowest_tick, round_up, tick_size

from .values import days, markets, multiples, prices, products

FACTS = Path(__file__).parents[1] / "facts" / "limit_prices.csv"
OLD, NEW = date(2023, 1, 24), date(2023, 1, 25)
NARROW, WIDE = date(2015, 6, 14), date(2015, 6, 15)
FIRST_OLD, FIRST_NEW = date(2023, 6, 25), date(2023, 6, 26)


def test_real_limit_closes_are_reproduced() -> None:
    rows = list(csv.DictReader(FACTS.read_text(encoding="utf-8").splitlines()))
    assert len(rows) >= 48
    for row in rows:
        market, day, base = Market(row["market"]), date.fromisoformat(row["date"]), int(row["base"])
        band = price_band(base, market, day, first_day=row["note"] == "ipo_day")
        limit = band.upper if row["side"] == "up" else band.lower
        assert limit == int(row["limit_price"]), row
        assert tick_size(base, market, day) == int(row["tick_at_base"])
        assert tick_size(limit, market, day) == int(row["tick_at_limit"])


@pytest.mark.parametrize(
    ("base", "market", "day", "lower", "upper"),
    [
        (10_000, Market.KOSPI, NARROW, 8_500, 11_500),
        (10_000, Market.KOSPI, WIDE, 7_000, 13_000),
        (10_000, Market.KONEX, WIDE, 8_500, 11_500),
        (10_000, Market.KOSDAQ, NARROW, 8_500, 11_500),
        (835, Market.KOSPI, date(2021, 1, 4), 585, 1_085),  # the upper end has another tick
        (4_990, Market.KOSDAQ, NEW, 3_495, 6_480),  # 6,485 rounded down
        (1, Market.KOSPI, NEW, 1, 2),  # base is the lowest tick: nothing below
        (2, Market.KOSPI, NEW, 1, 3),
        (3, Market.KOSPI, NEW, 2, 4),  # 0.9 won of width becomes one tick
        (7, Market.KOSPI, NEW, 5, 9),
    ],
)
def test_band_of_a_share(base: int, market: Market, day: date, lower: int, upper: int) -> None:
    assert price_band(base, market, day) == PriceBand(base, lower, upper)


def test_width_is_cut_with_the_tick_of_the_base_so_the_band_is_not_symmetric_in_rate() -> None:
    # 30 % of 5,020 is 1,506; the base's tick of 10 makes 1,500, so the lower limit is 3,520
    # although 70 % of the base, rounded up, would be 3,515.
    assert price_band(5_020, Market.KOSPI, NEW) == PriceBand(5_020, 3_520, 6_520)


@pytest.mark.parametrize(
    ("leverage", "lower", "upper"),
    [
        (1.0, 7_000, 13_000),
        (-1.0, 7_000, 13_000),
        (0.5, 7_000, 13_000),
        (2.0, 4_000, 16_000),
        (-2.0, 4_000, 16_000),
        (1.5, 5_500, 14_500),
        (-3.0, 1_000, 19_000),
        (4.0, 1, 22_000),
    ],
)
def test_fund_beyond_one_widens_its_band(leverage: float, lower: int, upper: int) -> None:
    band = price_band(10_000, Market.KOSPI, date(2024, 1, 2), Product.ETF, leverage)
    assert band == PriceBand(10_000, lower, upper)


def test_fund_of_low_price_keeps_one_tick_of_width() -> None:
    assert price_band(15, Market.KOSPI, date(2023, 12, 10), Product.ETN) == PriceBand(15, 10, 20)
    assert price_band(5, Market.KOSPI, date(2023, 12, 10), Product.ETN) == PriceBand(5, 5, 10)
    assert price_band(10, Market.KOSPI, date(2023, 12, 10), Product.ETN) == PriceBand(10, 5, 15)
    assert price_band(15, Market.KOSPI, date(2023, 12, 11), Product.ETN) == PriceBand(15, 11, 19)
    assert price_band(15, Market.KOSPI, date(2023, 12, 11), Product.ELW) == PriceBand(15, 10, 20)


def test_base_off_tick_still_gives_limits_on_tick() -> None:
    # An adjusted base: width 900 of 3,003 cut to 900; 2,103 goes up and 3,903 down to a tick of 5.
    assert price_band(3_003, Market.KOSPI, NEW) == PriceBand(3_003, 2_105, 3_900)


@pytest.mark.parametrize(
    ("base", "lower", "upper"),
    [(5_300, 3_180, 21_200), (13_000, 7_800, 52_000), (7_300, 4_380, 29_200)],
)
def test_first_day_runs_from_60_to_400_percent_of_the_offer(
    base: int, lower: int, upper: int
) -> None:
    for market in (Market.KOSPI, Market.KOSDAQ):
        band = price_band(base, market, FIRST_NEW, first_day=True)
        assert band == PriceBand(base, lower, upper)
        assert opening_range(base, market, FIRST_NEW) == band


def test_first_day_width_is_cut_to_ticks_and_its_ends_are_on_tick() -> None:
    # 40 % of 2,010 is 804, cut to 800: 1,210. 8,040 has a tick of 10.
    assert price_band(2_010, Market.KOSDAQ, FIRST_NEW, first_day=True) == (2_010, 1_210, 8_040)
    # 5,050: 300 % is 15,150; the sum 20,200 sits where the tick is 50.
    assert price_band(5_050, Market.KOSDAQ, FIRST_NEW, first_day=True) == (5_050, 3_030, 20_200)
    # 5,010: 20,040 comes down to 20,000.
    assert price_band(5_010, Market.KOSDAQ, FIRST_NEW, first_day=True) == (5_010, 3_010, 20_000)
    # 40 % of 2 won is no tick; one tick it is.
    assert price_band(2, Market.KOSDAQ, FIRST_NEW, first_day=True) == (2, 1, 8)
    # An offer off tick: the rise of 3 x 5,013 is cut to 15,030, the fall of 2,005 to 2,000.
    assert price_band(5_013, Market.KOSDAQ, FIRST_NEW, first_day=True) == (5_013, 3_015, 20_000)


def test_earlier_first_day_is_an_ordinary_band_around_the_opening_price() -> None:
    ordinary = price_band(20_000, Market.KOSDAQ, FIRST_OLD)
    assert price_band(20_000, Market.KOSDAQ, FIRST_OLD, first_day=True) == ordinary
    assert ordinary == PriceBand(20_000, 14_000, 26_000)


def test_earlier_opening_auction_ran_from_90_to_200_percent_of_the_offer() -> None:
    assert opening_range(10_000, Market.KOSDAQ, FIRST_OLD) == PriceBand(10_000, 9_000, 20_000)
    # 90 % of 10,011 is 9,009.9: the first tick at or above it is 9,010; twice it is cut.
    assert opening_range(10_011, Market.KOSDAQ, FIRST_OLD) == PriceBand(10_011, 9_010, 20_000)


@pytest.mark.parametrize(
    ("market", "product"), [(Market.KONEX, Product.STOCK), (Market.KOSPI, Product.ETF)]
)
def test_first_day_changes_nothing_for_konex_and_funds(market: Market, product: Product) -> None:
    day = date(2024, 1, 2)
    first = price_band(10_000, market, day, product, first_day=True)
    assert first == price_band(10_000, market, day, product)


def test_liquidation_has_no_limit() -> None:
    band = price_band(10_000, Market.KOSPI, NEW, liquidation=True)
    assert band == PriceBand(10_000, 1, NO_UPPER_LIMIT)
    assert NO_UPPER_LIMIT == 1_000_000_000
    assert price_band(10_000, Market.KOSPI, NEW, liquidation=True, first_day=True) == band
    fund = price_band(10_000, Market.KOSPI, NEW, Product.ETF, liquidation=True)
    assert fund.lower == 5


def test_base_below_one_won_is_refused() -> None:
    for base in (0, -1):
        with pytest.raises(ValueError, match="at least 1 won"):
            price_band(base, Market.KOSPI, NEW)
        with pytest.raises(ValueError, match="at least 1 won"):
            base_price(base, Market.KOSPI, NEW)


def test_base_price_is_the_close_rounded_up_never_down() -> None:
    assert base_price(71_050, Market.KOSPI, date(2026, 1, 5)) == 71_100
    assert base_price(71_100, Market.KOSPI, date(2026, 1, 5)) == 71_100
    assert base_price(4_996, Market.KOSPI, date(2026, 1, 5)) == 5_000
    assert base_price(1_999, Market.KOSPI, date(2023, 12, 10), Product.ETF) == 2_000
    assert base_price(1_999, Market.KOSPI, date(2023, 12, 11), Product.ETF) == 1_999


@given(prices, markets, days, products, multiples, st.booleans())
def test_band_encloses_its_base_and_ends_on_tick(
    price: int, market: Market, day: date, product: Product, multiple: float, first: bool
) -> None:
    base = base_price(price, market, day, product)
    band = price_band(base, market, day, product, multiple, first_day=first)
    assert lowest_tick(day, product) <= band.lower <= base < band.upper
    assert band.lower < base or base == lowest_tick(day, product)
    assert is_on_tick(band.lower, market, day, product)
    assert is_on_tick(band.upper, market, day, product)
    assert band.holds(base)


@given(prices, st.integers(0, 20_000), markets, days)
def test_limits_rise_with_the_base(price: int, step: int, market: Market, day: date) -> None:
    low = price_band(round_up(price, market, day), market, day)
    high = price_band(round_up(price + step, market, day), market, day)
    assert low.upper <= high.upper
    assert low.lower <= high.lower


@given(
    st.lists(st.tuples(st.integers(-5, 3_000_000) | prices, days), min_size=1, max_size=30),
    markets,
    products,
    multiples,
)
def test_vectorised_bands_agree_with_the_scalar(
    rows: list[tuple[int, date]], market: Market, product: Product, multiple: float
) -> None:
    bases = np.array([base for base, _ in rows])
    on = np.array([day for _, day in rows], dtype="datetime64[D]")
    lower, upper = price_bands(bases, market, on, product, multiple)
    for at, (base, day) in enumerate(rows):
        expected = (0, 0)
        if base >= 1:
            _, *ends = price_band(base, market, day, product, multiple)
            expected = tuple(ends)
        assert (lower[at], upper[at]) == expected


def test_limits_are_plain_integers() -> None:
    for day in (FIRST_OLD, FIRST_NEW):
        for first_day in (False, True):
            share = price_band(5_013, Market.KOSDAQ, day, first_day=first_day)
            assert {type(end) for end in (*share, *opening_range(5_013, Market.KOSPI, day))} == {
                int
            }
    fund = price_band(5_015, Market.KOSPI, FIRST_NEW, Product.ETF, 1.5)
    assert {type(end) for end in fund} == {int}


def test_market_decides_the_tick_of_base_and_limits() -> None:
    # Before 2023-01-25 a share of 100,000 won and more has a tick of 500 on KOSPI, 100 on KOSDAQ.
    assert base_price(123_301, Market.KOSPI, OLD) == 123_500
    assert base_price(123_301, Market.KOSDAQ, OLD) == 123_400
    assert price_band(150_100, Market.KOSDAQ, OLD) == (150_100, 105_100, 195_100)
    # Off tick on KOSPI: 45,030 of width is cut to 45,000; 105,100 goes up, 195,100 down to 500s.
    assert price_band(150_100, Market.KOSPI, OLD) == (150_100, 105_500, 195_000)
    lower, upper = price_bands([150_100], Market.KOSPI, [OLD])
    assert (lower.tolist(), upper.tolist()) == ([105_500], [195_000])


def test_opening_range_knows_its_market() -> None:
    assert opening_range(150_100, Market.KOSPI, OLD) == (150_100, 135_500, 300_000)
    assert opening_range(150_100, Market.KOSDAQ, OLD) == (150_100, 135_100, 300_200)
    assert opening_range(10_000, Market.KONEX, FIRST_NEW) == (10_000, 8_500, 11_500)


def test_vectorised_bands_take_days_as_dates_and_as_text() -> None:
    for days_ in ([NARROW, WIDE], ["2015-06-14", "2015-06-15"]):
        lower, upper = price_bands([10_000.0, 10_000.0], Market.KOSPI, days_)
        assert lower.tolist() == [8_500, 7_000]
        assert upper.tolist() == [11_500, 13_000]
        assert lower.dtype == upper.dtype == np.int64


def test_one_day_broadcasts_over_bases() -> None:
    lower, upper = price_bands([10_000, 0, 1], Market.KOSPI, np.datetime64("2024-01-02"))
    assert lower.tolist() == [7_000, 0, 1]
    assert upper.tolist() == [13_000, 0, 2]
    assert lower.dtype == upper.dtype == np.int64
