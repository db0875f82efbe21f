"""Quote units (호가가격단위) by price, market, product and day.

Source:
    Shares, KOSPI, KOSDAQ and KONEX alike, since 2023-01-25: KRX business regulations of that
    day. Before it, from 2010-10-04: KOSPI Reg. 624 and 2094, KOSDAQ amendments of 2010-07-29
    and 2092; checked on 187,000 daily bars. Days before 2010-10-04 and KONEX before 2023-01-25
    (read as KOSDAQ) are unverified.
    ETF and ETN: 5 won until 2023-12-10; since 2023-12-11 1 won below 2,000, else 5 (Reg. 2181).
    ELW: 5 won.

Each edge of a table is a multiple of the units on both of its sides, so that rounding with the
unit of the price itself never leaves the table.
"""

from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kisbt.domain.market import Market, Product

IntArray: TypeAlias = npt.NDArray[np.int64]
DayArray: TypeAlias = npt.NDArray[np.datetime64]
_Table: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]

SHARE_TABLE_SINCE = date(2023, 1, 25)
FUND_TABLE_SINCE = date(2023, 12, 11)

_STOCK, _ELW = Product.STOCK, Product.ELW
_KOSPI = Market.KOSPI

_SHARES_NOW = ((2_000, 5_000, 20_000, 50_000, 200_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000))
_KOSPI_OLD = ((1_000, 5_000, 10_000, 50_000, 100_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000))
_KOSDAQ_OLD = ((1_000, 5_000, 10_000, 50_000), (1, 5, 10, 50, 100))
_FUNDS_NOW = ((2_000,), (1, 5))
_FIVE: _Table = ((), (5,))


def tick_size(price: int, market: Market, on: date, product: Product = Product.STOCK) -> int:
    """Return the quote unit at ``price`` won on the day ``on``, in won.

    Raises:
        ValueError: ``price`` is below 1.
    """
    if price < 1:
        raise ValueError(f"a price is at least 1 won, not {price}")
    if product is not _STOCK:
        return 1 if price < 2_000 and product is not _ELW and on >= FUND_TABLE_SINCE else 5
    if on >= SHARE_TABLE_SINCE:
        if price < 20_000:
            return 10 if price >= 5_000 else 5 if price >= 2_000 else 1
        if price < 200_000:
            return 50 if price < 50_000 else 100
        return 500 if price < 500_000 else 1_000
    if price < 10_000:
        return 10 if price >= 5_000 else 5 if price >= 1_000 else 1
    if price < 50_000:
        return 50
    if price < 100_000 or market is not _KOSPI:
        return 100
    return 500 if price < 500_000 else 1_000


def lowest_tick(on: date, product: Product = Product.STOCK) -> int:
    """Return the smallest quote unit of a product, which is also its lowest price, in won."""
    if product is _STOCK:
        return 1
    return 1 if product is not _ELW and on >= FUND_TABLE_SINCE else 5


def round_down(price: int, market: Market, on: date, product: Product = Product.STOCK) -> int:
    """Return the highest quotable price not above ``price``.

    Below the lowest quotable price (possible for funds and ELW only) that lowest price is
    returned, because nothing lower can be quoted.

    Raises:
        ValueError: ``price`` is below 1.
    """
    tick = tick_size(price, market, on, product)
    return price // tick * tick or tick


def round_up(price: int, market: Market, on: date, product: Product = Product.STOCK) -> int:
    """Return the lowest quotable price not below ``price``.

    Raises:
        ValueError: ``price`` is below 1.
    """
    tick = tick_size(price, market, on, product)
    return -(-price // tick) * tick


def is_on_tick(price: int, market: Market, on: date, product: Product = Product.STOCK) -> bool:
    """Whether ``price`` can be quoted; false below 1 won."""
    return price >= 1 and price % tick_size(price, market, on, product) == 0


def tick_sizes(
    prices: npt.ArrayLike,
    market: Market,
    days: npt.ArrayLike,
    product: Product = Product.STOCK,
) -> IntArray:
    """Return the quote unit of every price, in won; the vectorised twin of ``tick_size``.

    ``prices`` (won) and ``days`` (``datetime64``) broadcast against each other. A price below 1,
    for which the scalar raises, gets the lowest unit.
    """
    price = np.asarray(prices)
    day = np.asarray(days, dtype="datetime64[D]")
    now: _Table
    old: _Table
    if product is not _STOCK:
        since, now, old = FUND_TABLE_SINCE, _FIVE if product is _ELW else _FUNDS_NOW, _FIVE
    else:
        since, now = SHARE_TABLE_SINCE, _SHARES_NOW
        old = _KOSPI_OLD if market is _KOSPI else _KOSDAQ_OLD
    return np.where(day >= np.datetime64(since), _look_up(price, now), _look_up(price, old))


def rounded_down(
    prices: npt.ArrayLike, market: Market, days: npt.ArrayLike, product: Product = Product.STOCK
) -> IntArray:
    """Return each price rounded down to a tick; the vectorised twin of ``round_down``."""
    price = np.asarray(prices, dtype=np.int64)
    tick = tick_sizes(price, market, days, product)
    rounded: IntArray = np.maximum(price // tick * tick, tick)
    return rounded


def rounded_up(
    prices: npt.ArrayLike, market: Market, days: npt.ArrayLike, product: Product = Product.STOCK
) -> IntArray:
    """Return each price rounded up to a tick; the vectorised twin of ``round_up``."""
    price = np.asarray(prices, dtype=np.int64)
    tick = tick_sizes(price, market, days, product)
    rounded: IntArray = np.maximum(-(-price // tick) * tick, tick)
    return rounded


def _look_up(price: IntArray, table: _Table) -> IntArray:
    edges, ticks = table
    return np.array(ticks)[np.searchsorted(edges, price, side="right")]
