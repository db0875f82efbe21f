"""Orders in, fills out: placing, modifying, cancelling, planning and booking on a ``Floor``."""

from datetime import date, datetime

from kisbt.domain.trading import Side
from kisbt.krx.fills import FillResult
from kisbt.sim.exchange import checks
from kisbt.sim.exchange.account import Account
from kisbt.sim.exchange.checks import NewOrder
from kisbt.sim.exchange.events import Notice, NoticeKind
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.matching import late_fill, plan, take_now, unplan
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.orders import KINDS, Order, Pricing, Revision
from kisbt.sim.exchange.refusals import Refusal, RefusedError

_LATE_KINDS = frozenset(code for code, kind in KINDS.items() if not kind.phases[0].regular)


class Desk:
    """The order desk of a venue."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def place(self, new: NewOrder) -> Order:
        """Take an order, tell so, and give it at once what there is to be had at once.

        Raises:
            RefusedError: nothing changed.
        """
        order, name = self._admit(new, None)
        self._rest(order)
        self._tell(NoticeKind.ACCEPTED, order, order.quantity, order.price)
        self._settle_in(order, name)
        return order

    def cancel(self, account: str, number: int, quantity: int | None, stamp: date) -> Order:
        """Cancel a resting order's rest, or ``quantity`` of it; returns the cancellation's order.

        Raises:
            RefusedError: unknown, or nothing left.
        """
        target = self._target(account, number)
        size = self._part(target, quantity)
        order = self._revision(target, Revision.CANCEL, size, stamp)
        target.cancelled += size
        self._shrink(target, size)
        self._tell(NoticeKind.CANCELLED, order, size, 0)
        return order

    def modify(
        self,
        account: str,
        number: int,
        quantity: int | None,
        kind: str,
        price: int,
        stamp: date,
        trigger: int = 0,
    ) -> Order:
        """Replace a resting order's rest, or ``quantity`` of it, by one at another price.

        The new order has its own number and the time priority of its own arrival.

        Raises:
            RefusedError: unknown, nothing left, or the new price is not possible.
        """
        target = self._target(account, number)
        size = self._part(target, quantity)
        new = NewOrder(
            account,
            target.ticker,
            target.side,
            kind or target.kind,
            size,
            price,
            stamp,
            trigger,
            target.venue,
            target.old_tr,
        )
        order, name = self._admit(new, target)
        order.revision, order.original = Revision.MODIFY, target.number
        target.moved += size
        self._shrink(target, size)
        self._rest(order)
        self._tell(NoticeKind.MODIFIED, order, size, order.price)
        self._settle_in(order, name)
        return order

    def begin_bar(self, name: NameDay) -> None:
        """Plan every resting order of a name for the bar that begins now, in order of arrival."""
        name.bar = name.steps[name.done].bar
        self.replan(name)

    def replan(self, name: NameDay) -> None:
        """Forget what was planned for a name and plan anew from its next step."""
        self.forget(name)
        for order in self.floor.resting_in(name.ticker):
            self._plan(order, name)

    def forget(self, name: NameDay) -> None:
        """Drop what was planned for a name."""
        for order in self.floor.resting_in(name.ticker):
            unplan(order, name)

    def after_step(self, name: NameDay, at: datetime) -> None:
        """Deliver the fills whose step has just printed, then wake stop orders it touched."""
        if name.plans:
            for order in self.floor.resting_in(name.ticker):
                planned = name.plans.get(order.number)
                if planned is not None and planned.step < name.done:
                    del name.plans[order.number]
                    self._fill(order, name, FillResult(planned.price, planned.quantity), at)
        for order in self.floor.resting_in(name.ticker):
            if order.waiting:
                touched = (
                    name.price >= order.trigger
                    if order.side is Side.BUY
                    else name.price <= order.trigger
                )
                if touched:
                    order.trigger = 0
                    self._plan(order, name)

    def to_market(self, order: Order, name: NameDay) -> None:
        """Turn a conditional limit order (조건부지정가) into a market order, if cash allows."""
        assert name.band is not None
        try:
            self._reserve(order, name.band.upper, order.remaining, name)
        except ValueError:
            return
        unplan(order, name)
        order.limit = None
        self._plan(order, name)

    def match_late(self, order: Order, at: datetime) -> None:
        """One try of an order outside regular hours."""
        name = self.floor.name(order.ticker)
        early = order.kind == "05"
        price = name.previous_close if early else name.price
        volume = name.previous_volume if early else name.volume
        result = late_fill(order, name, price, volume, self.floor.participation)
        if result is not None:
            self._fill(order, name, result, at)

    def expire(self, order: Order) -> None:
        """End an order whose session is over. KIS sends no notice of it."""
        name = self.floor.name(order.ticker)
        order.expired += order.remaining
        self._shrink(order, order.remaining, name)

    def _admit(self, new: NewOrder, replaces: Order | None) -> tuple[Order, NameDay]:
        floor = self.floor
        kind = checks.known_kind(new.kind)
        if new.venue not in ("KRX", "SOR", ""):
            raise RefusedError(Refusal.UNKNOWN_VENUE)
        if not floor.known(new.ticker):
            raise RefusedError(Refusal.UNKNOWN_CODE)
        checks.check_quantity(new.quantity)
        phase = checks.check_hours(kind, floor.now, floor.times)
        name = floor.name(new.ticker)
        checks.check_name(name, phase, floor.now)
        limit = checks.working_price(new, kind, name, floor.book(name))
        order = Order(
            floor.issued + 1,
            floor.day,
            new.stamp,
            floor.now,
            new.account,
            new.ticker,
            new.side,
            new.kind,
            new.quantity,
            new.price if kind.pricing is Pricing.LIMIT else 0,
            limit,
            new.quantity,
            trigger=new.trigger if kind is KINDS["22"] else 0,
            venue=new.venue or "KRX",
            old_tr=new.old_tr,
        )
        self._cover(order, name, replaces)
        floor.next_number()
        return order, name

    def _cover(self, order: Order, name: NameDay, replaces: Order | None) -> None:
        """Reserve the cash of a buy, or check the shares of a sale; nothing changes on refusal."""
        account = self.floor.accounts[order.account]
        if order.side is Side.SELL:
            free = self.floor.sellable(account, order.ticker)
            if order.quantity > free + (order.quantity if replaces is not None else 0):
                raise RefusedError(Refusal.SHARES)
            return
        assert order.limit is not None or name.band is not None
        price = order.limit if order.limit is not None else name.band.upper if name.band else 0
        if replaces is not None:
            kept = replaces.remaining - order.quantity
            before = account.ledger.release(replaces.ref)
            self._keep(account, replaces, name, kept)
        try:
            self._reserve(order, price, order.quantity, name)
        except ValueError:
            if replaces is not None:
                account.ledger.reserve(replaces.ref, before)
            raise RefusedError(Refusal.CASH) from None

    def _reserve(self, order: Order, price: int, quantity: int, name: NameDay) -> None:
        if order.side is Side.BUY:
            total = self.floor.costs.buy_total(price, quantity, name.instrument.product)
            self.floor.accounts[order.account].ledger.reserve(order.ref, total)

    def _keep(self, account: Account, order: Order, name: NameDay, quantity: int) -> None:
        """Reserve for what is left of a buy; never more than before, so it always succeeds."""
        account.ledger.release(order.ref)
        if order.side is Side.BUY and quantity > 0:
            price = order.limit if order.limit is not None else name.band.upper if name.band else 0
            self._reserve(order, price, quantity, name)

    def _rest(self, order: Order) -> None:
        self.floor.orders.setdefault(order.day, {})[order.number] = order
        self.floor.resting[order.number] = order

    def _settle_in(self, order: Order, name: NameDay) -> None:
        """What an order meets on arrival: the book, else the rest of the running bar."""
        floor, kind = self.floor, KINDS[order.kind]
        phase = floor.phase
        if order.kind in _LATE_KINDS or order.kind == "05":
            # The single price is found every ten minutes, never on arrival.
            begun = order.kind == "05" or floor.now >= floor.times.post_close_match
            if begun and order.kind != "07":
                self.match_late(order, floor.now)
        elif phase is Phase.CONTINUOUS and not name.stopped(floor.now):
            self._take(order, name)
        if kind.now and order.remaining:
            rest = order.remaining
            order.cancelled += rest
            self._shrink(order, rest, name)
            self._tell(NoticeKind.DROPPED, order, rest, 0)
        elif order.remaining:
            self._plan(order, name)

    def _take(self, order: Order, name: NameDay) -> None:
        floor, kind = self.floor, KINDS[order.kind]
        if not (floor.market.daily_data or kind.now) or kind.pricing is Pricing.SAME:
            return
        book = floor.book(name)
        quote = book.ask if order.side is Side.BUY else book.bid
        result = take_now(order, name, quote, floor.participation)
        if result is None:
            return
        if kind.now == "FOK" and result.quantity < order.remaining:
            name.taken[name.steps[name.done].bar] -= result.quantity
            return
        self._fill(order, name, result, floor.now)

    def _plan(self, order: Order, name: NameDay) -> None:
        """Plan for the running bar; a bar that has not begun plans when it does."""
        if name.done >= len(name.steps) or name.steps[name.done].bar != name.bar:
            return
        if order.kind in _LATE_KINDS or order.kind == "05" or not order.remaining:
            return
        planned = plan(order, name, name.done, self.floor.participation)
        if planned is not None:
            name.plans[order.number] = planned

    def _fill(self, order: Order, name: NameDay, got: FillResult, at: datetime) -> None:
        account = self.floor.accounts[order.account]
        account.ledger.release(order.ref)
        booked = account.book(
            order, got.price, got.quantity, name.instrument, self.floor.costs, self.floor.day
        )
        order.filled += got.quantity
        order.amount += got.price * got.quantity
        order.costs += booked.fee + booked.tax
        order.remaining -= got.quantity
        self._keep(account, order, name, order.remaining)
        if not order.remaining:
            self.floor.resting.pop(order.number, None)
        self.floor.emit(Notice(NoticeKind.FILLED, at, order, got.quantity, got.price))

    def _shrink(self, order: Order, size: int, name: NameDay | None = None) -> None:
        """Take shares out of a resting order that will not be filled."""
        name = name or self.floor.name(order.ticker)
        unplan(order, name)
        order.remaining -= size
        self._keep(self.floor.accounts[order.account], order, name, order.remaining)
        if order.remaining:
            self._plan(order, name)
        else:
            self.floor.resting.pop(order.number, None)

    def _target(self, account: str, number: int) -> Order:
        order = self.floor.orders.get(self.floor.day, {}).get(number)
        if order is None or order.account != account:
            raise RefusedError(Refusal.UNKNOWN_ORDER)
        if not order.remaining or order.number not in self.floor.resting:
            raise RefusedError(Refusal.NOTHING_LEFT)
        return order

    def _part(self, order: Order, quantity: int | None) -> int:
        if quantity is None:
            return order.remaining
        if not 1 <= quantity <= order.remaining:
            raise RefusedError(Refusal.QUANTITY)
        return quantity

    def _revision(self, target: Order, revision: Revision, size: int, stamp: date) -> Order:
        floor = self.floor
        order = Order(
            floor.next_number(),
            floor.day,
            stamp,
            floor.now,
            target.account,
            target.ticker,
            target.side,
            target.kind,
            size,
            0,
            None,
            0,
            revision=revision,
            original=target.number,
            venue=target.venue,
            old_tr=target.old_tr,
        )
        floor.orders.setdefault(floor.day, {})[order.number] = order
        return order

    def _tell(self, kind: NoticeKind, order: Order, quantity: int, price: int) -> None:
        self.floor.emit(Notice(kind, self.floor.now, order, quantity, price))
