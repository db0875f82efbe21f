"""Whether a bar closed at the upper limit (상한가)."""

from datetime import date

from kisbt.domain.market import Instrument
from kisbt.krx.limits import FIRST_DAY_SINCE, base_price, price_band

SMALLEST_RISE = 1.05
"""No product's upper limit is nearer to its base than this; it spares most bars the full rule."""


def closed_at_upper(instrument: Instrument, day: date, close: int, base: int) -> bool:
    """Whether ``close`` is the upper limit of ``day`` over the base price ``base`` (0: unknown).

    On adjusted data the limit is computed from adjusted prices, so a limit close before a split
    can be missed by a tick; it is never invented.
    """
    if base <= 0 or close < base * SMALLEST_RISE:
        return False
    first_day = instrument.offer_price is not None and instrument.listed == day
    band = price_band(
        base,
        instrument.market,
        day,
        instrument.product,
        instrument.leverage,
        first_day=first_day,
    )
    return close == band.upper


def session_base(instrument: Instrument, day: date, before: int, ratio: float) -> int:
    """Base price of ``day`` where the data does not give one; 0 when it cannot be known.

    Args:
        instrument: The name; its offering price is the base of its first day, if that is not
            before 2023-06-26 (earlier the auction's price was, which only the data can tell).
        day: The session.
        before: Close of its session before, 0 when there is none, won.
        ratio: New shares for one old share of a split on ``day``, else 1.0.
    """
    if instrument.listed == day:
        return (instrument.offer_price or 0) if day >= FIRST_DAY_SINCE else 0
    rebased = int(before / ratio)
    if rebased <= 0:
        return 0
    return base_price(rebased, instrument.market, day, instrument.product)
