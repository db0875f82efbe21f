"""The live broker: an ``AccountBook`` behind backtrader's interface, whose orders go to KIS."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

import backtrader as bt

from kisbt.adapter.account_book import AccountBook, RefusedError, Working
from kisbt.adapter.guard import Footing, Guard, Proposal
from kisbt.adapter.kis_following import Ahead, FollowingBroker, Notify, VenueLog
from kisbt.adapter.kis_following import Pending as Pending
from kisbt.adapter.kis_orders import Venue
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument
from kisbt.domain.ports import Clock, ExecutionListener, MarketView
from kisbt.domain.trading import OrderState, Side
from kisbt.kis.ledger import Tracked
from kisbt.kis.records import Notice
from kisbt.krx import calendar

ENTRY = timedelta(minutes=20)
"""Orders of a session leave from so long before its open (08:40) until its close."""

RETRY_AFTER = timedelta(seconds=2)
RETRY_FOR = timedelta(minutes=5)
"""An order that KIS surely did not take, for no fault of its own, is tried again so often."""

UNANSWERED = "응답을 받지 못함: 당일 주문내역으로 확인 중"


class LiveMarket(MarketView, Protocol):
    """A market view that also plays back what happened before the start."""

    @property
    def delayed(self) -> bool:
        """Whether the current bar is such a one."""
        ...


class KISBroker(FollowingBroker):
    """Sends orders to KIS and books what becomes of them. See ``BookBroker``.

    An order is journaled as intent before anything leaves. In its session it is sent at once;
    decided before, it waits for the auction (08:40). The answer accepts it, refuses it with KIS's
    words, or stays out: then the order is ``UNKNOWN`` until the day's orders have told, and is
    never sent again. Notices and readings of the day's orders bring fills; each is booked once.

    Everything changes on Cerebro's thread: in ``place``, ``cancel`` and ``next``.

    Args:
        venue: The client.
        market: The current bar, with the quotes that orders are judged by.
        book: The account as the journal and the venue know it.
        clock: Venue time.
        notices: Hands over the notices that came since it was last asked.
        listeners: Told of every order event and fill; the durable journal first.
        log: Remembers the venue's order numbers.
        guard: Looks at every order before it leaves.
        notify: Tells a person.
        last_price: Newest price of a name, if one is known that is newer than its bar.
        actions: Splits known beforehand; those the books have seen already are left out. So are
            delistings, which the names themselves tell.
        account: The account's ten digits.
        by_bar: Book executions only in turns that bring a bar, as a backtest does. A simulator in
            lock-step then gives the backtest's very fills; live, they are booked as they come.
    """

    def __init__(
        self,
        venue: Venue,
        market: LiveMarket,
        book: AccountBook,
        *,
        clock: Clock,
        notices: Callable[[], Sequence[Notice]],
        listeners: Sequence[ExecutionListener] = (),
        log: VenueLog | None = None,
        guard: Guard | None = None,
        notify: Notify | None = None,
        last_price: Callable[[str], int | None] = lambda _ticker: None,
        actions: Iterable[CorporateAction] = (),
        account: str = "",
        by_bar: bool = False,
    ) -> None:
        self._market = market
        super().__init__(
            venue, book, clock=clock, guard=guard or Guard(), listeners=listeners, log=log,
            notify=notify, account=account, by_bar=by_bar,
        )  # fmt: skip
        self._bar = self._current_bar()
        self._notices = notices
        self._last_price = last_price
        self._tries: dict[str, tuple[datetime, datetime]] = {}
        self._recalled: dict[str, datetime] = {}
        self._at_bar = False
        self._early: list[bt.Order] = []
        self._actions = self._ahead(actions)

    # what a mode says of time and price

    def _moment(self) -> datetime:
        return self._bar if self._at_bar and self._bar is not None else self._clock.now()

    def _number(self) -> float:
        return float(bt.date2num(self._bar or self._clock.now()))

    def _today(self) -> date:
        return self._clock.now().date()

    def _close(self, column: int) -> int:
        return self._market.closes().get(self.book.instruments[column].ticker, 0)

    # Cerebro's turns

    def next(self) -> None:
        """One turn: hear, read, send what may leave now, book what happened, value the account."""
        bar = self._current_bar()
        new_bar, self._bar = bar is not None and bar != self._bar, bar
        self._at_bar = False
        self._outbox.extendleft(reversed(self._early))
        self._early.clear()
        self._act()
        heard = self._notices()
        if (desk := self._desks.get(self._today())) is not None:
            desk.hear(heard)
        self._release()
        self._look(new_bar)
        self._call_back()
        self._at_bar = self._by_bar and new_bar
        if new_bar or not self._by_bar:
            self._follow_all()
            self._close_sessions(new_bar)
        if new_bar:
            self._valuation = self._value()
        self._outbox.append(None)  # Cerebro stops reading at the mark

    def get_notification(self) -> bt.Order | None:
        """See ``BookBroker``. A name's executions wait for its first bar in this process.

        backtrader dates what closes a trade by the name's current bar, and fails without one.
        """
        while (order := super().get_notification()) is not None:
            if not order.executed.size or len(order.data):
                return order
            self._early.append(order)
        return None

    def settle(self, *, again: bool = False) -> None:
        """Take in notices, read the orders of open days, and book what that tells, now.

        For comparing books with the venue. In bar mode nothing is booked before its bar.

        Args:
            again: Read the orders of all days at hand, also where nothing seems to be open.
        """
        if (desk := self._desks.get(self._today())) is not None:
            desk.hear(self._notices())
        if self._by_bar:
            return
        for desk in self._desks.values():
            if again or desk.due() is not None:
                desk.read()
        self._follow_all()

    def strangers(self) -> list[Tracked]:
        """Open orders on the account that are not ours, as far as today's orders were read."""
        desk = self._desks.get(self._today())
        return [] if desk is None else [o for o in desk.strangers() if o.remaining]

    def look_again(self) -> None:
        """Read the day's orders at the next turn: the stream was away and may have missed fills."""
        self._reread = True

    def wake_at(self) -> datetime | None:
        """When the next turn is wanted at the latest, bar or no bar; ``None`` for no wish."""
        now = self._clock.now()
        wishes = [
            max(self._opens(working.session), self._tries.get(ref, (datetime.min,) * 2)[1])
            for ref, working in self._pending.items()
            if now < calendar.session_hours(working.session).close
        ]
        wishes += [self._opens(each.session) for each in self._actions[:1]]
        if not self._by_bar:
            wishes += [due for desk in self._desks.values() if (due := desk.due()) is not None]
        return min(wishes, default=None)

    def cancel(self, order: bt.Order) -> bool:
        """Take a resting order back; true once nothing of it rests and nothing of it traded now.

        One that has not left yet is dropped. Otherwise KIS is asked, and the day's orders tell
        what the request met: a fill may have overtaken it.
        """
        ref = order.info.ref
        working = self.book.working.get(ref)
        if working is None:
            return False
        if ref not in self._sent:  # it never left, or an error struck before it could
            self._pending.pop(ref, None)
            return super().cancel(order)
        before = working.remaining
        self._desks[working.session].cancel(ref)
        self._follow(ref)
        return ref not in self.book.working and working.remaining == before

    # an order's way out

    def _rest(self, ref: str, column: int, side: Side, quantity: int, limit: int | None) -> Working:
        instrument = self.book.instruments[column]
        quote, session = self._market.quote(instrument.ticker), self._market.session()
        if self._market.delayed:
            raise RefusedError("지나간 봉에서는 주문하지 않음")
        if quantity < 1:
            raise RefusedError("수량이 1주 미만")
        if quote is None:
            raise RefusedError("아직 상장되지 않은 종목")
        if instrument.delisted is not None and session > instrument.delisted:
            raise RefusedError("상장폐지된 종목")
        footing = self._footing(column, instrument, quote.close)._replace(band=quote.band)
        working = self.book.admit(
            ref, column, side, quantity, limit, session=session, band=quote.band
        )
        proposal = Proposal(
            instrument, side, working.quantity, working.limit, self._market.now(), session
        )
        objection = self.guard.objection(proposal, footing)
        if objection is not None:
            self.book.remove(ref)
            raise RefusedError(objection)
        self.guard.took(proposal)
        return working

    def _footing(self, column: int, instrument: Instrument, close: int) -> Footing:
        book, closes = self.book, self._market.closes()
        values = {
            book.instruments[n].ticker: held * self._close(n) for n, held in book.quantities.items()
        }
        buying = resting = 0
        for order in book.working.values():
            ticker = book.instruments[order.column].ticker
            worth = order.remaining * max(closes.get(ticker, 0), order.limit or 0)
            resting += worth
            if order.side is Side.BUY:
                buying += worth
                values[ticker] = values.get(ticker, 0) + worth
        last = self._last_price(instrument.ticker) or close
        return Footing(
            close, last, None, self._valuation.equity, values, buying, resting,
            book.sellable(column),
        )  # fmt: skip

    def _dispatch(self, order: bt.Order, working: Working) -> None:
        self._event(order, working.side, working.limit, OrderState.INTENT)
        self._pending[working.ref] = working
        if self._may_leave(working, self._clock.now()):
            self._send(working)

    def _act(self) -> None:
        """Splits and delistings take effect before the first order of their session leaves."""
        while self._actions and self._opens(self._actions[0].session) <= self._clock.now():
            self.take_effect(*self._actions.pop(0))

    def _ahead(self, actions: Iterable[CorporateAction]) -> list[Ahead]:
        """What is known to come of our names and is not in the books yet, oldest first."""
        ours = self.book.columns
        coming = [Ahead(a.date, a.ticker, a.kind, a.ratio) for a in actions if a.ticker in ours]
        for each in self.book.instruments:
            if each.delisted is not None:
                after = calendar.next_session(each.delisted)
                coming.append(Ahead(after, each.ticker, "delisting", 1.0))
        done = {(each.session, each.ticker, each.kind) for each in self.book.changes}
        known = self.book.opened
        if known == date.min:
            known = self._clock.now().date()
        return sorted(each for each in coming if each.session > known and each[:3] not in done)

    def _may_leave(self, working: Working, now: datetime) -> bool:
        """Whether its session has begun and is not over: what is too late expires unsent.

        A machine may have slept between decision and order.
        """
        opens, close = self._opens(working.session), calendar.session_hours(working.session).close
        return opens <= now < close

    def _release(self) -> None:
        """Send what has waited for its session, oldest first; what is too late expires."""
        now = self._clock.now()
        for working in list(self._pending.values()):
            tried = self._tries.get(working.ref)
            if self._may_leave(working, now) and (tried is None or tried[1] <= now):
                ticker = self.book.instruments[working.column].ticker
                objection = self.guard.stopped(ticker, working.side)
                if objection is None:
                    self._send(working)
                else:
                    self._pending.pop(working.ref)
                    self.guard.dropped(working.session)
                    self._refuse(working, objection)

    def _send(self, working: Working) -> None:
        ref, order, session = working.ref, self._orders[working.ref], working.session
        self._pending.pop(ref)
        self._event(order, working.side, working.limit, OrderState.SENT)
        self._sent[ref] = working
        ticker = self.book.instruments[working.column].ticker
        desk = self._desk(session)
        standing = desk.send(ref, ticker, working.side, working.quantity, working.limit)
        if standing.state is OrderState.INTENT and self._may_retry(ref):
            del self._sent[ref]
            self._pending[ref] = working
            self._event(order, working.side, working.limit, OrderState.INTENT, standing.reason)
            return
        self._tries.pop(ref, None)
        if standing.state in (OrderState.INTENT, OrderState.REJECTED):
            del self._sent[ref]
            self.guard.dropped(session)
            self._refuse(working, standing.reason)
        elif standing.state is OrderState.UNKNOWN:
            self._event(order, working.side, working.limit, OrderState.UNKNOWN, UNANSWERED)
            self._notify("warning", f"{ref} {ticker} {working.side}: {UNANSWERED}")
        else:
            self._accept(working, standing)

    def _may_retry(self, ref: str) -> bool:
        now = self._clock.now()
        first, _ = self._tries.get(ref, (now, now))
        self._tries[ref] = first, now + RETRY_AFTER
        return now - first < RETRY_FOR

    # what became of it

    def _look(self, new_bar: bool) -> None:
        """Read the day's orders where something is open and it is time.

        A bar waits for it only where notices have not told: otherwise it is done in the turn after,
        so that nothing lies between a bar and the decision on it.
        """
        now = self._clock.now()
        for desk in self._desks.values():
            due = desk.due()
            if due is None:
                continue
            told = new_bar and desk.told and not desk.urgent
            if self._reread or (new_bar if self._by_bar else (new_bar or due <= now) and not told):
                desk.read()
        self._reread = False

    def _call_back(self) -> None:
        """Cancel what was taken for never sent and turned up at KIS: it may have been replaced."""
        now = self._clock.now()
        for desk in self._desks.values():
            for ref in desk.returned():
                standing = desk.standing(ref)
                if ref not in self._recalled:
                    self._notify("alert", f"{ref}: 접수되지 않은 줄 알았던 주문이 KIS에 있음")
                    if self._log is not None:
                        self._log.named(ref, desk.day, standing.number, standing.branch)
                if standing.remaining and self._recalled.get(ref, datetime.min) <= now:
                    desk.cancel(ref)
                self._recalled[ref] = now + RETRY_AFTER

    def _current_bar(self) -> datetime | None:
        try:
            return self._market.now()
        except LookupError:
            return None

    @staticmethod
    def _opens(session: date) -> datetime:
        return calendar.session_hours(session).open - ENTRY
