"""What became of our orders, from three sources that repeat, lag, get lost and overtake each other.

An HTTP answer names the order. A notice reports one event, may come twice, late, before the
answer, or never. The day's order list is cumulative but lags. So quantities only ever grow, a
fill counts once, and whatever stays open to doubt is listed until a source settles it.
"""

import itertools
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import NamedTuple

from kisbt.domain.trading import OrderState, Side
from kisbt.kis.models.account import OrderReceipt, OrderRow
from kisbt.kis.records import Notice

READINGS = 3
"""Readings of the order list after which a repeated notice is taken for a repetition."""

SKEW = timedelta(seconds=90)

_NEW, _MODIFY, _CANCEL = "0", "1", "2"


class Execution(NamedTuple):
    """Shares that traded at one price in won, and the venue's time of day where it was told."""

    quantity: int
    price: int
    at: time | None = None


@dataclass(slots=True)
class Tracked:
    """One order as far as it is known. Shares and won; ``sent`` naive KST.

    ``own`` is false for an order of somebody else on the account. ``moved`` shares went on under
    another number when the order was modified. ``executions`` are the noticed fills, as they came.
    """

    key: int
    ticker: str
    side: Side
    quantity: int
    price: int | None
    sent: datetime | None
    own: bool = True
    number: str = ""
    branch: str = ""
    original: str = ""
    lost: bool = False
    rejected: bool = False
    reason: str = ""
    cancelled: int = 0
    moved: int = 0
    noticed: int = 0
    noticed_amount: int = 0
    listed: int = 0
    listed_amount: int = 0
    seen: set[tuple[object, ...]] = field(default_factory=set, repr=False)
    executions: list[Execution] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """Executed shares: the larger of what notices and the list say."""
        return min(max(self.noticed, self.listed), self.quantity)

    @property
    def amount(self) -> int:
        """Executed won, from the source that knows more."""
        return self.listed_amount if self.listed >= self.noticed else self.noticed_amount

    @property
    def remaining(self) -> int:
        """Shares that may still be executed."""
        if self.rejected:
            return 0
        return max(0, self.quantity - self.filled - self.cancelled - self.moved)

    @property
    def state(self) -> OrderState:
        """Where it stands."""
        if self.rejected:
            return OrderState.REJECTED
        if not self.number:
            return OrderState.UNKNOWN if self.lost else OrderState.SENT
        if self.filled >= self.quantity:
            return OrderState.FILLED
        if self.remaining == 0:
            return OrderState.CANCELLED
        return OrderState.PARTIAL if self.filled else OrderState.ACCEPTED


class OrderLedger:
    """All orders of one account and day. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys = itertools.count(1)
        self._orders: dict[int, Tracked] = {}
        self._by_number: dict[str, Tracked] = {}
        self._early: dict[str, list[Notice]] = {}
        self._doubts: dict[str, int] = {}

    def sending(
        self, ticker: str, side: Side, quantity: int, price: int | None, at: datetime
    ) -> int:
        """Note an order before it is sent, and return its key here."""
        with self._lock:
            key = next(self._keys)
            self._orders[key] = Tracked(key, ticker, side, quantity, price, at)
            return key

    def accepted(self, key: int, receipt: OrderReceipt) -> Tracked:
        """Note KIS's receipt; notices that came before it are applied now."""
        with self._lock:
            order = self._orders[key]
            order.branch = receipt.branch
            self._name(order, receipt.number)
            return order

    def refused(self, key: int, reason: str) -> Tracked:
        """Note that the order was surely not taken."""
        with self._lock:
            order = self._orders[key]
            order.rejected, order.reason = True, reason
            return order

    def unanswered(self, key: int) -> Tracked:
        """Note that the answer is lost; a notice or the list may still name the order."""
        with self._lock:
            order = self._orders[key]
            order.lost = True
            self._match_lost()
            return order

    def absent(self, key: int) -> Tracked:
        """Note that a lost order is proven not to exist at KIS."""
        with self._lock:
            order = self._orders[key]
            if not order.number:
                order.rejected, order.reason = True, "never reached KIS"
            return order

    def notice(self, notice: Notice) -> Tracked | None:
        """Apply a notice; return the order it changed, ``None`` if nothing (yet)."""
        with self._lock:
            order = self._by_number.get(bare_number(notice.number))
            if order is None and bare_number(notice.original):
                if notice.is_fill:
                    order = self._gone_on(notice)
                elif notice.change != _NEW:
                    return self._change(notice)
            if order is not None:
                return order if self._apply(order, notice) else None
            self._early.setdefault(bare_number(notice.number), []).append(notice)
            self._match_lost()
            return self._by_number.get(bare_number(notice.number))

    def listed(self, rows: Iterable[OrderRow]) -> list[Tracked]:
        """Apply a reading of the day's orders; return the orders that changed.

        Rows that belong to none of our orders become foreign ones.
        """
        with self._lock:
            changed = []
            for row in sorted(rows, key=lambda row: row.number):
                order = self._by_number.get(bare_number(row.number)) or self._adopt(row)
                if order is None:
                    continue
                before = (order.filled, order.remaining, order.rejected)
                self._read(order, row)
                if before != (order.filled, order.remaining, order.rejected):
                    changed.append(order)
            return changed

    def order(self, key: int) -> Tracked:
        """Return one order by its key here."""
        with self._lock:
            return self._orders[key]

    def orders(self) -> list[Tracked]:
        """Return all orders, oldest first."""
        with self._lock:
            return list(self._orders.values())

    def doubtful(self) -> list[Tracked]:
        """Return the orders for which the list should be read: lost ones and repeated fills."""
        with self._lock:
            return [
                order
                for order in self._orders.values()
                if order.state is OrderState.UNKNOWN or bare_number(order.number) in self._doubts
            ]

    def differences(self, rows: Iterable[OrderRow]) -> list[str]:
        """Return in words how our view differs from the list's, order by order."""
        with self._lock:
            listed = {bare_number(row.number): row for row in rows}
            orders = {number for number, row in listed.items() if not _only_cancels(row)}
            found = [
                f"order {number}: filled {order.filled} here, {listed[number].filled} at KIS"
                for number, order in self._by_number.items()
                if number in listed and listed[number].filled != order.filled
            ]
            found += [f"order {number}: not here" for number in orders - self._by_number.keys()]
            found += [
                f"order {number}: not at KIS" for number in self._by_number.keys() - listed.keys()
            ]
            found += [
                f"{order.side} {order.quantity} {order.ticker}: outcome unknown"
                for order in self._orders.values()
                if order.state is OrderState.UNKNOWN
            ]
            return sorted(found)

    def _read(self, order: Tracked, row: OrderRow) -> None:
        """Take over what a row of the list says, as far as it is news."""
        if row.filled >= order.listed:
            order.listed = row.filled
            average = row.average_price or 0.0
            order.listed_amount = row.filled_amount or round(average * row.filled)
        if row.refused:
            order.rejected = True
        if row.filled >= order.filled:  # else the row is older than what is known
            gone = row.cancelled or 0
            if row.remaining is not None:
                gone = order.quantity - row.filled - row.remaining
            order.cancelled = max(order.cancelled, gone - order.moved)
        bare = bare_number(row.number)
        left = self._doubts.get(bare)
        if left is not None:
            settled = left <= 1 or order.listed > order.noticed or order.remaining == 0
            self._doubts[bare] = left - 1
            if settled:
                del self._doubts[bare]

    def _name(self, order: Tracked, number: str) -> None:
        bare = bare_number(number)
        if order.number or bare in self._by_number:
            return
        order.number, order.lost = number, False
        self._by_number[bare] = order
        for early in self._early.pop(bare, []):
            self._apply(order, early)

    def _apply(self, order: Tracked, notice: Notice) -> bool:
        """Apply a notice to the order of its own number; return whether it changed anything."""
        mark = (notice.is_fill, notice.accepted, notice.time, notice.quantity, notice.price)
        if mark in order.seen:
            if notice.is_fill and order.filled < order.quantity:
                self._doubts[bare_number(order.number)] = READINGS
            return False
        order.seen.add(mark)
        order.branch = order.branch or notice.branch
        if notice.is_fill:
            order.noticed += notice.quantity
            order.noticed_amount += notice.quantity * notice.price
            order.executions.append(Execution(notice.quantity, notice.price, notice.time))
        elif notice.refused:
            order.rejected, order.reason = True, "refused by the exchange (거부)"
        elif notice.accepted == "3":  # the rest of an IOC or FOK order
            order.cancelled = order.quantity - order.filled
        return True

    def _change(self, notice: Notice) -> Tracked | None:
        """Apply a cancel or a modify to the order that it names."""
        original = self._by_number.get(bare_number(notice.original))
        if original is None or notice.refused or notice.accepted != "2":
            return None
        mark = (notice.change, bare_number(notice.number))
        if mark in original.seen:
            return None
        original.seen.add(mark)
        if notice.change == _CANCEL:
            original.cancelled = min(
                original.cancelled + notice.quantity, original.quantity - original.filled
            )
            return original
        return self._move(original, notice.number, notice.quantity, notice.price or None)

    def _gone_on(self, notice: Notice) -> Tracked | None:
        """The order that a fill belongs to of whose modification nothing was heard."""
        original = self._by_number.get(bare_number(notice.original))
        if original is None or not notice.order_quantity:
            return None  # the list will tell
        price = notice.order_price or None
        return self._move(original, notice.number, notice.order_quantity, price)

    def _move(self, original: Tracked, number: str, quantity: int, price: int | None) -> Tracked:
        """Let ``quantity`` shares of an order go on under another number."""
        original.moved += quantity
        # a list read before had these shares as gone; the next one sets right what is too much
        original.cancelled = max(0, original.cancelled - quantity)
        moved = Tracked(
            next(self._keys),
            original.ticker,
            original.side,
            quantity,
            price,
            original.sent,
            own=original.own,
            original=original.number,
        )
        self._orders[moved.key] = moved
        self._name(moved, number)
        return moved

    def _match_lost(self) -> None:
        """Give early notices to lost orders, unless an answer under way may claim them.

        Only an acceptance names an order. A fill may be of an order that somebody modified into
        the very likeness of the lost one, and not every fill names its original: its number has
        to be told by something else.
        """
        for notices in list(self._early.values()):
            taken = next((each for each in notices if _is_acceptance(each)), None)
            if taken is None:
                continue
            fitting = [order for order in self._nameless() if _fits_notice(order, taken)]
            if fitting and all(order.lost for order in fitting):
                self._name(fitting[0], taken.number)

    def _adopt(self, row: OrderRow) -> Tracked | None:
        """Find or make the order of a row whose number is new."""
        if row.side is None or not row.quantity or _only_cancels(row):
            return None
        if row.is_change:
            original = self._by_number.get(bare_number(row.original))
            return original and self._move(original, row.number, row.quantity, row.price or None)
        fitting = [order for order in self._nameless() if _fits_row(order, row)]
        if any(not order.lost for order in fitting):
            return None  # its answer is still under way and will say
        if fitting:
            order = fitting[0]
        else:
            key = next(self._keys)
            price = row.price or None
            order = Tracked(key, row.ticker, row.side, row.quantity, price, row.at, own=False)
            self._orders[key] = order
        order.branch = row.branch
        self._name(order, row.number)
        return order

    def _nameless(self) -> list[Tracked]:
        return [order for order in self._orders.values() if not order.number and not order.rejected]


def bare_number(number: str) -> str:
    """Return an order number without its padding, by which it is known here."""
    return number.strip().lstrip("0")


def _only_cancels(row: OrderRow) -> bool:
    """Whether a row is a cancel, which executes nothing, and no order gone on after a modify."""
    if not row.is_change:
        return False
    name = row.side_name.upper()
    if "취소" in name or "CANCEL" in name:
        return True
    return not ("정정" in name or "AMEND" in name or row.filled or row.remaining)


def _is_acceptance(notice: Notice) -> bool:
    """Whether a notice tells that a new order was taken (접수), or that the exchange refused it."""
    return not notice.is_fill and notice.change == _NEW and not bare_number(notice.original)


def _fits_notice(order: Tracked, notice: Notice) -> bool:
    """Whether an acceptance can be of this order."""
    return (
        order.ticker == notice.ticker
        and order.side is notice.side
        and order.quantity == (notice.order_quantity or notice.quantity)
        and order.price == (notice.price or None)
    )


def _fits_row(order: Tracked, row: OrderRow) -> bool:
    return (
        order.ticker == row.ticker
        and order.side is row.side
        and order.quantity == row.quantity
        and (order.price is None or not row.price or order.price == row.price)
        and (not row.division or order.price is not None or row.division == "01")
        and (order.sent is None or row.at is None or row.at >= order.sent - SKEW)
    )
