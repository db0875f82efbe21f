"""What became of orders at KIS, booked: fills, cancellations, refusals, the session's end."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

import backtrader as bt

from kisbt.adapter.account_book import EXPIRED, GONE, REBASED, AccountBook, Expired, Working
from kisbt.adapter.book_broker import BookBroker
from kisbt.adapter.guard import Guard
from kisbt.adapter.kis_orders import ABSENT_READINGS, CALM, CLOSING, OrderDesk, Standing, Venue
from kisbt.domain.ports import Clock, ExecutionListener
from kisbt.domain.trading import OrderState, PositionChange, Side
from kisbt.kis.ledger import Execution
from kisbt.krx import calendar

_KINDS = {Side.BUY: bt.BuyOrder, Side.SELL: bt.SellOrder}

Notify = Callable[[str, str], None]
"""Tells a person: level (``info``, ``warning``, ``alert``) and what."""


class VenueLog(Protocol):
    """Remembers, durably, under which number the venue knows an order."""

    def named(self, ref: str, session: date, number: str, branch: str) -> None:
        """The venue took an order."""
        ...


class Pending(NamedTuple):
    """An order of an earlier process. ``sent`` None: it never left.

    ``over`` orders have ended; their numbers must be known all the same, so that nothing else is
    taken for them, and a late word of a fill finds its order.
    """

    working: Working
    sent: datetime | None
    number: str
    branch: str
    filled: int
    amount: int
    tick: int | None
    decision: int | None
    over: bool = False


class Ahead(NamedTuple):
    """A split or a delisting that is known to come: it takes effect before ``session``."""

    session: date
    ticker: str
    kind: str
    ratio: float


class FollowingBroker(BookBroker):
    """The half of the live broker that listens: orders that left, until nothing of them is open.

    Args:
        venue: The client.
        book: The account as the journal and the venue know it.
        clock: Venue time.
        guard: Told of fills; locks names.
        listeners: Told of every order event and fill; the durable journal first.
        log: Remembers the venue's order numbers.
        notify: Tells a person.
        account: The account's ten digits.
        by_bar: Book executions only in turns that bring a bar.

    Attributes:
        calm: How often the day's orders are read while orders just rest.
    """

    calm = CALM

    def __init__(
        self,
        venue: Venue,
        book: AccountBook,
        *,
        clock: Clock,
        guard: Guard,
        listeners: Sequence[ExecutionListener],
        log: VenueLog | None,
        notify: Notify | None,
        account: str,
        by_bar: bool,
    ) -> None:
        self._clock = clock
        super().__init__(book, listeners)
        self.book = book
        self.guard = guard
        self._venue = venue
        self._log = log
        self._notify = notify or (lambda _level, _text: None)
        self._holder = account
        self._by_bar = by_bar
        self._bar: datetime | None = None
        self._desks: dict[date, OrderDesk] = {}
        self._pending: dict[str, Working] = {}
        self._sent: dict[str, Working] = {}
        self._ended: dict[str, tuple[Working, bt.Order]] = {}
        self._booked = date.min
        self._followed: dict[date, int] = {}
        self._reread = False

    def data_started(self, data: Any) -> None:
        """Tell backtrader of shares held from before, so that selling them is no short trade."""
        column = self.book.columns[data._name]
        held = self.book.quantities.get(column, 0)
        if not held:
            return
        average = self.book.averages.get(column, 0.0)
        self._positions[data._name] = bt.Position(held, average)
        order = bt.BuyOrder(
            data=data, size=held, price=average, exectype=bt.Order.Market, simulated=True
        )
        order.addcomminfo(self.getcommissioninfo(data))
        order.addinfo(ref=None, decision=None, tick=None)
        order.execute(0, held, average, 0, 0.0, 0.0, held, held * average, 0.0, 0.0, 0.0, held,
                      average)  # fmt: skip
        order.completed()
        self._tell(order)

    def take_up(self, pending: Pending, data: Any) -> None:
        """Go on with an order of an earlier process; call it before the first turn.

        One that surely never left is sent when its time comes; any other is followed, under its
        number or, without one, by looking for it among the day's orders.
        """
        working = pending.working
        order = self._made_again(pending, data)
        if pending.over:
            order.status = bt.Order.Canceled
            self._ended[working.ref] = working, order
        else:
            self._orders[working.ref] = order
        if pending.sent is None:
            self._pending[working.ref] = working
            return
        desk = self._desk(working.session)
        desk.resume(
            working.ref, self.book.instruments[working.column].ticker, working.side,
            working.quantity, working.limit, pending.sent, number=pending.number,
            branch=pending.branch, filled=pending.filled, amount=pending.amount,
        )  # fmt: skip
        if pending.over:
            desk.close(working.ref)
            return
        self._sent[working.ref] = working
        if pending.number:
            order.accept(self)
        self._reread = True

    def _made_again(self, pending: Pending, data: Any) -> bt.Order:
        working = pending.working
        order = _KINDS[working.side](
            owner=None, data=data, size=working.quantity, price=working.limit, pricelimit=None,
            exectype=bt.Order.Market if working.limit is None else bt.Order.Limit, simulated=True,
        )  # fmt: skip
        order.addcomminfo(self.getcommissioninfo(data))
        order.addinfo(ref=working.ref, decision=pending.decision, tick=pending.tick)
        order.executed.size = pending.filled if working.side is Side.BUY else -pending.filled
        order.executed.remsize -= order.executed.size
        order.submit(self)
        return order

    def _accept(self, working: Working, standing: Standing) -> None:
        order = self._orders[working.ref]
        if self._log is not None:
            self._log.named(working.ref, working.session, standing.number, standing.branch)
        order.accept(self)
        self._event(order, working.side, working.limit, OrderState.ACCEPTED)
        self._tell(order)

    def _follow_all(self) -> None:
        """Book what is news of the orders of days on which something may have changed."""
        turns = {day: desk.turns for day, desk in self._desks.items()}
        fresh = {day for day, turn in turns.items() if turn != self._followed.get(day)}
        if not fresh:
            return
        for ref in [*self._ended, *self._sent]:
            working = self._sent[ref] if ref in self._sent else self._ended[ref][0]
            done = ref in self._ended and self._desks[working.session].done(ref)
            if working.session in fresh and not done:
                self._follow(ref)
        self._followed = turns

    def _follow(self, ref: str) -> None:
        """Book what is news of one order, and its end if this is it."""
        working = self._sent.get(ref)
        if working is None:
            working, order = self._ended[ref]
        else:
            order = self._orders[ref]
        desk = self._desks[working.session]
        standing = desk.standing(ref)
        if order.status == bt.Order.Submitted and standing.number and ref in self._sent:
            self._accept(working, standing)
        for execution in desk.news(ref):
            self._book(working, order, execution)
        if ref not in self._sent:
            return
        standing = desk.standing(ref)
        if ref not in self.book.working:
            self._end(ref, order)
        elif standing.state is OrderState.REJECTED:
            self._refuse(working, standing.reason)
        elif standing.state is OrderState.CANCELLED and standing.settled:
            self.book.remove(ref)
            self._end(ref, order)
            self._cancelled(working)

    def _book(self, working: Working, order: bt.Order, execution: Execution) -> None:
        late, before = working.ref in self._ended, order.status
        if late:
            self._orders[working.ref], working.reserved = order, 0
        at = self._clock.now()
        if self._by_bar and self._bar is not None:
            at = self._bar
        elif execution.at is not None:
            at = datetime.combine(working.session, execution.at)
        # books are kept in order of days: what is told a day late is booked that late
        self._booked = session = max(working.session, self._booked)
        quantity = min(execution.quantity, working.remaining)
        self._cover(working, session, execution.price * quantity, quantity)
        step = self.book.execute(working, execution.price, quantity, at, session)
        self._execute(step)
        self.guard.filled(working.session, working.side, step.fill.amount)
        if late:
            self._end_again(working, order, before)

    def _end_again(self, working: Working, order: bt.Order, before: int) -> None:
        """An execution of an order that was taken for over: the rest is over, as it was."""
        self._notify("warning", f"{working.ref}: 끝난 것으로 본 주문의 체결이 늦게 확인됨")
        if self._orders.pop(working.ref, None) is not None:
            expired = before == bt.Order.Expired
            order.status = before
            state = OrderState.EXPIRED if expired else OrderState.CANCELLED
            self._event(order, working.side, working.limit, state)

    def _cover(self, working: Working, session: date, amount: int, quantity: int) -> None:
        """The venue executed it, so cash and shares were there: take over what our books lack."""
        book = self.book
        product = book.instruments[working.column].product
        ticker = book.instruments[working.column].ticker
        if working.side is Side.BUY:
            lacking = amount + book.costs.commission(amount, product) - book.ledger.cash
            if lacking > 0:
                self.correct(ticker, session, 0, lacking, "체결 대금보다 장부의 현금이 적음")
        else:
            lacking = quantity - book.quantities.get(working.column, 0)
            if lacking > 0:
                self.correct(ticker, session, lacking, 0, "체결 수량보다 장부의 보유수량이 적음")

    def correct(self, ticker: str, session: date, shares: int, cash: int, why: str) -> None:
        """Change the books without an order, so that they meet the venue; a person is told.

        Args:
            ticker: The name.
            session: The trading day.
            shares: Shares to add (negative: to take away).
            cash: Won to add to D+2 cash (negative: to take away).
            why: What differed.
        """
        column = self.book.columns[ticker]
        before = self.book.quantities.get(column, 0)
        self._booked = session = max(session, self._booked)
        if shares:
            self.book.averages.setdefault(column, float(self._close(column)))
            self.book.hold(column, before + shares)
        if cash > 0:
            self.book.ledger.sell(session, cash, 0)
        elif cash < 0:
            self.book.ledger.buy(session, -cash, 0)
        made = sum(each.kind.startswith("correction") for each in self.book.changes)
        kind = f"correction {made + 1}"  # the journal keeps one of a kind a day
        change = PositionChange(session, ticker, kind, 1.0, before, before + shares, cash)
        self.book.changes.append(change)
        average = self.book.averages.get(column, 0.0)
        self._positions[ticker] = bt.Position(before + shares, average)
        for listener in self._listeners:
            listener.record_change(change)
        self._notify("alert", f"{ticker} 장부 정정 {shares:+,}주 {cash:+,}원: {why}")

    def take_effect(self, session: date, ticker: str, kind: str, ratio: float) -> None:
        """Let a split or a delisting take effect before its session: orders in the name are void.

        A delisting of a name that is not held changes nothing.
        """
        column = self.book.columns[ticker]
        for working in [w for w in self._pending.values() if w.column == column]:
            del self._pending[working.ref]
            self.book.remove(working.ref)
            self._expire(Expired(working, REBASED if kind == "split" else GONE))
        if kind != "split" and column not in self.book.quantities:
            return
        self._booked = max(session, self._booked)
        price = self._close(column)
        self._restate(self.book.act(kind, column, ratio, price=price, session=session))

    def _refuse(self, working: Working, reason: str) -> None:
        self.book.remove(working.ref)
        order = self._orders.pop(working.ref)
        self._end(working.ref, order)
        self._reject(order, working.side, working.limit, reason)

    def _end(self, ref: str, order: bt.Order) -> None:
        working = self._sent.pop(ref, None)
        if working is not None:
            self._ended[ref] = working, order
            self._desks[working.session].close(ref)

    def _close_sessions(self, new_bar: bool) -> None:
        """After a session's close, read its orders to the end and let the rest expire.

        At the closing bar at once, as a backtest does; without one, after ``CLOSING`` has passed.
        """
        now = self._bar if new_bar else None if self._by_bar else self._clock.now() - CLOSING
        if now is None:
            return
        final: dict[date, bool] = {}
        for working in list(self.book.working.values()):
            session = working.session
            if now < calendar.session_hours(session).close:
                continue
            if session not in final:
                final[session] = self._read_to_the_end(session, at_once=new_bar)
            if final[session]:
                self._expire_rest(working)

    def _expire_rest(self, working: Working) -> None:
        ref = working.ref
        if ref in self._sent:
            self._follow(ref)
        if ref in self._sent:
            desk = self._desks[working.session]
            standing = desk.standing(ref)
            unknown = standing.state is OrderState.UNKNOWN
            if unknown or not standing.settled or not desk.ended(ref):
                return
        if ref in self.book.working:
            self._pending.pop(ref, None)
            self.book.remove(ref)
            self._end(ref, self._orders[ref])
            self._expire(Expired(working, EXPIRED))

    def _read_to_the_end(self, session: date, *, at_once: bool) -> bool:
        """Whether all is known of the orders of a session that is over."""
        desk = self._desks.get(session)
        if desk is None or not any(w.session == session for w in self._sent.values()):
            return True
        over = calendar.session_hours(session).close + CLOSING
        due = desk.due()
        if not at_once and due is not None and due > self._clock.now():
            return desk.known_at >= over and not desk.doubtful
        good = desk.read()
        for _ in range(ABSENT_READINGS - 1):
            if not good or not desk.doubtful:
                break
            good = desk.read()
        return good

    def _desk(self, session: date) -> OrderDesk:
        desk = self._desks.get(session)
        if desk is None:
            self._retire(session)
            closes = None if self._by_bar else calendar.session_hours(session).close
            desk = OrderDesk(self._venue, self._clock, session, self._holder, self.calm, closes)
            self._desks[session] = desk
        return desk

    def _retire(self, session: date) -> None:
        """Forget days on which nothing of ours is open any more."""
        live = {working.session for working in self.book.working.values()} | {session}
        for day in [day for day in self._desks if day not in live]:
            del self._desks[day]
            self._ended = {ref: kept for ref, kept in self._ended.items() if kept[0].session != day}
