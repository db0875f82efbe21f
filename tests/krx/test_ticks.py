"""Quote units: the printed tables, their edges, rounding, and the vectorised twins."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.market import Market, Product
from kisbt.krx.ticks import (
    is_on_tick,
    lowest_tick,
    round_down,
    round_up,
    rounded_down,
    rounded_up,
    tick_size,
    tick_sizes,
)

from .values import days, markets, prices, products

OLD, NEW = date(2023, 1, 24), date(2023, 1, 25)
FUND_OLD, FUND_NEW = date(2023, 12, 10), date(2023, 12, 11)

NOW = [(1, 1), (2_000, 5), (5_000, 10), (20_000, 50), (50_000, 100), (200_000, 500)]
NOW += [(500_000, 1_000)]
KOSPI_OLD = [(1, 1), (1_000, 5), (5_000, 10), (10_000, 50), (50_000, 100), (100_000, 500)]
KOSPI_OLD += [(500_000, 1_000)]
KOSDAQ_OLD = [(1, 1), (1_000, 5), (5_000, 10), (10_000, 50), (50_000, 100)]

TABLES = [
    *((market, NEW, Product.STOCK, NOW) for market in Market),
    (Market.KOSPI, OLD, Product.STOCK, KOSPI_OLD),
    (Market.KOSDAQ, OLD, Product.STOCK, KOSDAQ_OLD),
    (Market.KONEX, OLD, Product.STOCK, KOSDAQ_OLD),
    (Market.KOSPI, date(2010, 10, 4), Product.STOCK, KOSPI_OLD),
    *((Market.KOSPI, FUND_OLD, fund, [(1, 5)]) for fund in (Product.ETF, Product.ETN)),
    *((Market.KOSPI, FUND_NEW, fund, [(1, 1), (2_000, 5)]) for fund in (Product.ETF, Product.ETN)),
    *((Market.KOSPI, day, Product.ELW, [(1, 5)]) for day in (FUND_OLD, FUND_NEW)),
]


@pytest.mark.parametrize(("market", "day", "product", "table"), TABLES)
def test_tick_is_the_printed_tables_on_both_sides_of_every_edge(
    market: Market, day: date, product: Product, table: list[tuple[int, int]]
) -> None:
    for (start, tick), end in zip(table, [s for s, _ in table[1:]] + [9_999_999], strict=True):
        for price in (start, start + 1, (start + end) // 2, end - 1):
            assert tick_size(price, market, day, product) == tick, price


@pytest.mark.parametrize("price", [0, -1, -5_000])
def test_price_below_one_won_has_no_tick(price: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 won, not {price}"):
        tick_size(price, Market.KOSPI, NEW)
    assert not is_on_tick(price, Market.KOSPI, NEW)


def test_product_is_a_share_unless_said_otherwise() -> None:
    assert tick_size(1_234, Market.KOSPI, NEW) == 1
    assert round_down(7_777, Market.KOSPI, NEW) == 7_770
    assert round_up(7_777, Market.KOSPI, NEW) == 7_780
    assert is_on_tick(7_770, Market.KOSPI, NEW)
    assert lowest_tick(OLD) == 1


@pytest.mark.parametrize(
    ("product", "before", "since"),
    [(Product.STOCK, 1, 1), (Product.ETF, 5, 1), (Product.ETN, 5, 1), (Product.ELW, 5, 5)],
)
def test_lowest_tick_of_funds_fell_on_2023_12_11(product: Product, before: int, since: int) -> None:
    assert lowest_tick(FUND_OLD, product) == before
    assert lowest_tick(FUND_NEW, product) == since


@given(prices, markets, days, products)
def test_lowest_tick_is_the_unit_at_one_won(
    price: int, market: Market, day: date, product: Product
) -> None:
    assert lowest_tick(day, product) == tick_size(1, market, day, product)
    assert tick_size(price, market, day, product) % lowest_tick(day, product) == 0


def test_below_the_lowest_quotable_price_rounding_down_gives_that_price() -> None:
    assert round_down(3, Market.KOSPI, FUND_OLD, Product.ETF) == 5
    assert round_down(9, Market.KOSPI, FUND_OLD, Product.ETF) == 5


@given(prices, markets, days, products)
def test_rounding_is_idempotent_on_tick_and_brackets_the_price(
    price: int, market: Market, day: date, product: Product
) -> None:
    down, up = round_down(price, market, day, product), round_up(price, market, day, product)
    assert is_on_tick(down, market, day, product)
    assert is_on_tick(up, market, day, product)
    assert round_down(down, market, day, product) == down
    assert round_up(up, market, day, product) == up
    assert up >= price
    assert down <= price or down == lowest_tick(day, product)
    assert up - down < 2 * tick_size(price, market, day, product)
    assert is_on_tick(price, market, day, product) == (down == price == up)


@given(prices, st.integers(0, 5_000), markets, days, products)
def test_rounding_is_monotone(
    price: int, step: int, market: Market, day: date, product: Product
) -> None:
    for rounding in (round_down, round_up):
        low = rounding(price, market, day, product)
        assert low <= rounding(price + step, market, day, product)


@given(st.lists(st.tuples(prices, days), min_size=1, max_size=30), markets, products)
def test_vectorised_twins_agree_with_the_scalars(
    rows: list[tuple[int, date]], market: Market, product: Product
) -> None:
    price = np.array([p for p, _ in rows])
    day = np.array([d for _, d in rows], dtype="datetime64[D]")
    for twin, scalar in (
        (tick_sizes, tick_size),
        (rounded_down, round_down),
        (rounded_up, round_up),
    ):
        got = twin(price, market, day, product)
        assert got.dtype == np.int64
        assert got.tolist() == [scalar(p, market, d, product) for p, d in rows]


def test_vectorised_day_broadcasts_and_price_below_one_gets_the_lowest_unit() -> None:
    ticks = tick_sizes([0, -3, 1_500, 700_000], Market.KOSPI, np.datetime64(OLD))
    assert ticks.tolist() == [1, 1, 5, 1_000]
    assert rounded_down([0, 1_501], Market.KOSPI, np.datetime64(OLD)).tolist() == [1, 1_500]
    assert rounded_up([0, 1_501], Market.KOSPI, np.datetime64(OLD)).tolist() == [1, 1_505]


def test_market_decides_the_tick_before_2023() -> None:
    assert not is_on_tick(150_100, Market.KOSPI, OLD)
    assert is_on_tick(150_100, Market.KOSDAQ, OLD)
    for market, down, up in ((Market.KOSPI, 150_000, 150_500), (Market.KOSDAQ, 150_100, 150_100)):
        day = np.datetime64(OLD)
        assert rounded_down([150_100], market, day).tolist() == [down]
        assert rounded_up([150_100], market, day).tolist() == [up]


def test_vectorised_twins_take_days_as_dates_and_as_text_and_give_integers() -> None:
    for days_ in ([OLD, NEW], ["2023-01-24", "2023-01-25"]):
        assert tick_sizes([15_000, 15_000], Market.KOSPI, days_).tolist() == [50, 10]
        for rounding in (rounded_down, rounded_up):
            got = rounding([15_020.0, 15_020.0], Market.KOSPI, days_)
            assert got.dtype == np.int64
            assert got[1] == 15_020


def test_table_changes_overnight_and_not_before() -> None:
    assert tick_size(15_000, Market.KOSDAQ, NEW - timedelta(days=1)) == 50
    assert tick_size(15_000, Market.KOSDAQ, NEW) == 10
