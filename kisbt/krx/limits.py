"""Daily price limits (가격제한폭) and base prices (기준가격).

Source:
    Rate: 30 % since 2015-06-15 (KOSPI Reg. 1185 addendum), 15 % before; KONEX always 15 %.
    Width: KOSPI Reg. 20(2), KOSDAQ Enf. 17-2: the rate of the base cut to the tick **of the
    base**, at least the lowest tick, times the multiple of a leveraged or inverse fund.
    Ends: KOSPI Enf. 31(1): base + width rounded down, base - width rounded up to a tick.
    Base: KOSPI Enf. 30(1)1: previous close rounded up to a tick.
    First day (신규상장): 60 to 400 % of the offer price since 2023-06-26 (addenda of Reg. 2123
    and 2120). Liquidation trading (정리매매): no limit.

Every one of 1,237 limit closes of 2021-2026 agrees. The exact history of the 15 % is unverified.
"""

from datetime import date

import numpy as np
import numpy.typing as npt

from kisbt.domain.market import Market, PriceBand, Product
from kisbt.krx.ticks import (
    IntArray,
    lowest_tick,
    round_down,
    round_up,
    rounded_down,
    rounded_up,
    tick_size,
    tick_sizes,
)

WIDE_LIMIT_SINCE = date(2015, 6, 15)
FIRST_DAY_SINCE = date(2023, 6, 26)

NO_UPPER_LIMIT = 1_000_000_000
"""Upper end of a band without one, won a share: on tick everywhere and above any quoted price."""

_KONEX = Market.KONEX
_STOCK = Product.STOCK


def base_price(
    previous_close: int, market: Market, on: date, product: Product = Product.STOCK
) -> int:
    """Return the day's base price: the previous close rounded up to a tick.

    A cash dividend changes nothing. On the day of a rights issue, split or the like the venue
    publishes another base: pass that one to ``price_band`` instead.

    Raises:
        ValueError: ``previous_close`` is below 1.
    """
    return round_up(previous_close, market, on, product)


def price_band(
    base: int,
    market: Market,
    on: date,
    product: Product = Product.STOCK,
    leverage: float = 1.0,
    *,
    first_day: bool = False,
    liquidation: bool = False,
) -> PriceBand:
    """Return the day's limits around ``base``, in won.

    Args:
        base: Base price in won. On a first day since 2023-06-26 the offer price (공모가); on an
            earlier first day the opening price, which was found inside ``opening_range``.
        market: Market division.
        on: Trading day.
        product: Product kind.
        leverage: Signed multiple of a fund; widens the band only beyond 1.
        first_day: First trading day of an offering on KOSPI or KOSDAQ. No rule of its own is
            known for KONEX and for funds, so there it changes nothing.
        liquidation: Liquidation trading: from the lowest tick to ``NO_UPPER_LIMIT``.

    Raises:
        ValueError: ``base`` is below 1.
    """
    tick = tick_size(base, market, on, product)
    lowest = lowest_tick(on, product)
    if liquidation:
        return PriceBand(base, lowest, NO_UPPER_LIMIT)
    if first_day and on >= FIRST_DAY_SINCE and market is not _KONEX and product is _STOCK:
        rise = base * 3 // tick * tick
        fall = base * 2 // 5 // tick * tick or lowest
    else:
        percent = 15 if market is _KONEX or on < WIDE_LIMIT_SINCE else 30
        rise = base * percent // (100 * tick) * tick or lowest
        if leverage != 1.0:
            rise = rise * _widening(leverage) // 100
        fall = rise
    return PriceBand(
        base,
        round_up(max(base - fall, lowest), market, on, product),
        round_down(base + rise, market, on, product),
    )


def opening_range(offer_price: int, market: Market, on: date) -> PriceBand:
    """Return the range of a first day's opening auction, in won.

    Since 2023-06-26 that is the whole day's band. Before, 90 to 200 % of the offer price, and
    the auction's price became the base of the day.

    Source:
        Addenda of Reg. 2123 and 2120; the earlier range from secondary sources, unverified.
    """
    if on >= FIRST_DAY_SINCE:
        return price_band(offer_price, market, on, first_day=True)
    return PriceBand(
        offer_price,
        round_up(-(-offer_price * 9 // 10), market, on),
        round_down(offer_price * 2, market, on),
    )


def price_bands(
    bases: npt.ArrayLike,
    market: Market,
    days: npt.ArrayLike,
    product: Product = Product.STOCK,
    leverage: float = 1.0,
) -> tuple[IntArray, IntArray]:
    """Return lower and upper limits in won; the vectorised twin of ``price_band``.

    ``bases`` (won) and ``days`` (``datetime64``) broadcast against each other. An unknown base
    (below 1) has the limits 0 and 0. First days and liquidation are the scalar's business.
    """
    base, day = np.broadcast_arrays(
        np.asarray(bases, dtype=np.int64), np.asarray(days, dtype="datetime64[D]")
    )
    tick = tick_sizes(base, market, day, product)
    lowest = tick_sizes(1, market, day, product)
    wide = (day >= np.datetime64(WIDE_LIMIT_SINCE)) & (market is not _KONEX)
    width = base * np.where(wide, 30, 15) // (100 * tick) * tick
    width = np.where(width == 0, lowest, width) * _widening(leverage) // 100
    lower = rounded_up(np.maximum(base - width, lowest), market, day, product)
    upper = rounded_down(base + width, market, day, product)
    known = base >= 1
    return np.where(known, lower, 0), np.where(known, upper, 0)


def _widening(leverage: float) -> int:
    """Return what a fund's multiple makes of the width, in percent."""
    return max(100, round(abs(leverage) * 100))
