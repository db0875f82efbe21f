"""When and what an order gets. Prices and sizes come from ``kisbt.krx.fills.match`` alone.

An order that rests when a bar begins is matched against the **whole bar**, exactly as the backtest
does, and the fill is delivered at the step where its price is first reached. An order that comes
while a bar runs is matched against what is left of it. So an order sent before the open of a daily
bar, or at the close of a minute bar, fills here as it fills in the backtest.
"""

from kisbt.domain.trading import Side
from kisbt.krx.fills import FillResult, MatchBar, cap_quantity, match
from kisbt.sim.exchange.names import NameDay, Plan
from kisbt.sim.exchange.orders import Order

LATE_SHARE = 20
"""Sessions outside regular hours get one twentieth of the day's volume, at the close's price."""


def free_shares(name: NameDay, bar: int, participation: float) -> int:
    """Shares of a bar's volume that our accounts may still take."""
    return cap_quantity(name.bars[bar].volume, participation) - name.taken.get(bar, 0)


def plan(order: Order, name: NameDay, first: int, participation: float) -> Plan | None:
    """What ``order`` will get from the bar of step ``first``, counted from that step on."""
    rest = name.remaining_bar(first)
    if rest is None or order.waiting:
        return None
    bar = name.steps[first].bar
    free = min(free_shares(name, bar, participation), rest.volume)
    result = match(
        order.side, order.limit, order.remaining, rest, name.band, name.rules, available=free
    )
    if result is None:
        return None
    name.taken[bar] = name.taken.get(bar, 0) + result.quantity
    return Plan(_reached(order.side, result.price, name, first), result.price, result.quantity)


def unplan(order: Order, name: NameDay) -> None:
    """Give the planned shares back to the bar."""
    planned = name.plans.pop(order.number, None)
    if planned is not None:
        name.taken[name.steps[planned.step].bar] -= planned.quantity


def take_now(order: Order, name: NameDay, quote: int, participation: float) -> FillResult | None:
    """What ``order`` gets at the quoted price of the moment, ``quote``: a bar of one price.

    The quote is drawn inside the range of the running bar, so that no fill leaves the data.
    """
    if not quote or name.done >= len(name.steps) or order.waiting:
        return None
    bar = name.steps[name.done].bar
    whole = name.bars[bar]
    quote = min(max(quote, whole.low), whole.high)
    rest = sum(step.volume for step in name.steps[name.done :] if step.bar == bar)
    free = min(free_shares(name, bar, participation), rest)
    limit = order.limit
    if limit is not None and (quote > limit if order.side is Side.BUY else quote < limit):
        return None
    result = match(
        order.side,
        limit,
        order.remaining,
        MatchBar(quote, quote, quote, quote, rest),
        name.band,
        name.rules,
        available=free,
    )
    if result is not None:
        name.taken[bar] = name.taken.get(bar, 0) + result.quantity
    return result


def late_fill(
    order: Order, name: NameDay, price: int, volume: int, participation: float
) -> FillResult | None:
    """What ``order`` gets outside regular hours: the closing price, from a small pool."""
    pool = cap_quantity(volume // LATE_SHARE, participation) - name.late_taken
    result = match(
        order.side,
        order.limit,
        order.remaining,
        MatchBar(price, price, price, price, volume),
        name.band,
        name.rules,
        available=pool,
    )
    if result is not None:
        name.late_taken += result.quantity
    return result


def _reached(side: Side, price: int, name: NameDay, first: int) -> int:
    """The first step at which ``price`` is to be had.

    A buyer at the upper limit waits for the first print below it, when the queue has been served;
    a seller at the lower limit mirrors that.
    """
    bar, band = name.steps[first].bar, name.band
    for number in range(first, len(name.steps)):
        step = name.steps[number]
        if step.bar != bar:
            break
        if side is Side.BUY:
            there, queued = step.price <= price, band is not None and step.price >= band.upper
        else:
            there, queued = step.price >= price, band is not None and step.price <= band.lower
        if there and not queued:
            return number
    return first
