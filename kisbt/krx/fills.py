"""The one fill model: what an order gets from a bar, or from a tick, which is a bar of one price.

Semantics, the same for the backtest and for the simulator:

- A market order fills at the open, which is the opening auction's price on a daily bar.
- A buy limit fills at the open when the open is at or below the limit (better of open), else at
  the limit when the bar trades down to it. Sells mirror this.
- No volume, no fill: the name is halted (거래정지).
- A bar that never traded below the upper limit (상한가 잠김) gives a buyer nothing: all who queue
  there queue before us. One that never traded above the lower limit gives a seller nothing.
- The price is on tick, inside the band and inside ``[low, high]``, and never worse than the limit.
- No more shares than ``available``: the free rest of a share of the bar's volume.
"""

from datetime import date
from typing import NamedTuple

from kisbt.domain.market import Market, PriceBand, Product
from kisbt.domain.trading import Side
from kisbt.krx.rates import exact_ratio
from kisbt.krx.ticks import tick_size

_BUY = Side.BUY


class MatchBar(NamedTuple):
    """What traded in one bar: prices in won, ``volume`` in shares."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class FillResult(NamedTuple):
    """What an order got: won a share and shares."""

    price: int
    quantity: int


class TickRules(NamedTuple):
    """What decides the tick of one name on one day."""

    market: Market
    on: date
    product: Product = Product.STOCK


def cap_quantity(volume: int, participation: float) -> int:
    """Return the shares of a bar's ``volume`` that we may trade, cut down.

    ``participation`` is a fraction in 0..1, taken as the decimal it prints as.
    """
    top, bottom = exact_ratio(participation)
    return volume * top // bottom


def match(
    side: Side,
    limit_price: int | None,
    remaining: int,
    bar: MatchBar,
    band: PriceBand | None,
    rules: TickRules,
    *,
    available: int,
) -> FillResult | None:
    """Return what an order gets from ``bar``, or ``None``.

    Args:
        side: Side of the order.
        limit_price: Won, or ``None`` for a market order. Need not be on tick: the fill is.
        remaining: Shares still wanted.
        bar: The first bar after the order was sent, or a later one.
        band: The day's limits; ``None`` where the base is unknown, which checks none.
        rules: What decides the tick.
        available: Shares of the bar's volume still free under the participation cap: what
            ``cap_quantity`` says less what earlier fills took of this bar.

    A price that had to be on tick and is not (adjusted data, mid-price trades) moves to the next
    tick against us where that is inside everything above, else to the next one for us.
    """
    quantity = min(remaining, available)
    if bar.volume <= 0 or quantity <= 0 or bar.low < 1:
        return None
    lowest, highest = bar.low, bar.high
    if band is not None:
        if lowest >= band.upper if side is _BUY else highest <= band.lower:
            return None
        lowest, highest = max(lowest, band.lower), min(highest, band.upper)
    if limit_price is not None:
        if side is _BUY:
            highest = min(highest, limit_price)
        else:
            lowest = max(lowest, limit_price)
    if lowest > highest:
        return None
    price = min(max(bar.open, lowest), highest)
    tick = tick_size(price, *rules)
    below = price // tick * tick
    if below != price:
        above = below + tick
        adverse, other = (above, below) if side is _BUY else (below, above)
        price = adverse if lowest <= adverse <= highest else other
        if not lowest <= price <= highest:
            return None
    return FillResult(price, quantity)
