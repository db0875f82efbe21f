"""How a new order meets the orders that already rest in the same name."""

from collections.abc import Iterable, Sequence

from kisbt.domain.trading import OpenOrder, Side

_BUY = Side.BUY
_SELL = Side.SELL


def by_name(orders: Iterable[OpenOrder]) -> dict[str, list[OpenOrder]]:
    """Return resting orders by ticker, oldest first within a name."""
    found: dict[str, list[OpenOrder]] = {}
    for order in orders:
        found.setdefault(order.ticker, []).append(order)
    return found


def sells_at_least_as_urgently(order: OpenOrder, limit_price: int | None) -> bool:
    """Whether a resting sale would fill no later than a new one at ``limit_price``.

    A market order is the most urgent; among limits the lower price is.
    """
    if order.side is not _SELL:
        return False
    if order.limit_price is None:
        return True
    return limit_price is not None and order.limit_price <= limit_price


def replaced_by(
    side: Side,
    quantity: int,
    limit_price: int | None,
    sellable: int,
    resting: Sequence[OpenOrder],
) -> list[OpenOrder]:
    """Return the name's resting orders that a new order takes the place of, oldest first.

    The opposite side always: an account must not trade with itself, and the newer wish counts.
    Resting sales that are less urgent than a new sale, when the new one needs shares beyond the
    ``sellable`` ones, those not promised to any order. Resting buys stay beside a new buy.
    """
    if side is _BUY:
        return [order for order in resting if order.side is _SELL]
    short = quantity > sellable
    return [
        order
        for order in resting
        if order.side is _BUY or (short and not sells_at_least_as_urgently(order, limit_price))
    ]
