"""backtrader's broker interface over an ``AccountBook``: what all modes answer and tell alike."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import backtrader as bt

from kisbt.adapter.account_book import AccountBook, Executed, Expired, RefusedError, Working
from kisbt.adapter.costs import KRXCommission
from kisbt.domain.ports import ExecutionListener
from kisbt.domain.state import Valuation
from kisbt.domain.trading import Holding, OpenOrder, OrderEvent, OrderState, PositionChange, Side
from kisbt.errors import StrategyError

_SIDES = {Side.BUY: bt.BuyOrder, Side.SELL: bt.SellOrder}


class BookBroker(bt.BrokerBase):
    """Market and limit orders, whole shares, valid for one session, no short selling, no margin.

    What KRX or KIS would refuse ends as ``Rejected`` with ``order.info.reason``. Any other order
    type is rejected too, and said in ``refusals``. Commission and tax come from the settings:
    ``setcommission`` and ``set_cash`` of a strategy change nothing.

    A mode says by its own methods what time it is, what a name closed at, and how an order
    comes to rest; ``next`` moves it on.

    Args:
        book: The account.
        listeners: Told of every order event and fill, in order (journal, day use).
    """

    def __init__(self, book: AccountBook, listeners: Sequence[ExecutionListener] = ()) -> None:
        super().__init__()
        self._account = book
        self.refusals: dict[str, int] = {}
        self._listeners = tuple(listeners)
        self._orders: dict[str, bt.Order] = {}
        self._outbox: deque[bt.Order | None] = deque()
        self._positions: dict[str, bt.Position] = {}
        self._flat = bt.Position()
        self._valuation = Valuation(book.ledger.cash, book.ledger.cash, 0, 0)
        self.startingcash = self.cash = float(book.ledger.cash)
        self._commissions = {
            each.ticker: KRXCommission(each, book.costs, self._today) for each in book.instruments
        }

    def setcommission(self, *_args: Any, **_kwargs: Any) -> None:
        """Ignored: the rates are the account's, in ``[costs]`` of the settings."""

    def set_cash(self, _cash: float) -> None:
        """Ignored: the starting cash is the run's."""

    setcash = set_cash

    def getcommissioninfo(self, data: Any) -> KRXCommission:
        """KRX costs of one name."""
        return self._commissions[data._name]

    def getcash(self) -> float:
        """Orderable cash, won: D+2 cash less what resting buys reserve."""
        return float(self._account.ledger.orderable)

    def getvalue(self, datas: Sequence[Any] | None = None) -> float:
        """Equity, or the value of positions in ``datas``, at the last close. Won."""
        if datas is None:
            return float(self._valuation.equity)
        return float(sum(self._worth(data._name) for data in datas))

    get_cash, get_value = getcash, getvalue  # BrokerBase promises these and does not deliver

    def getposition(self, data: Any) -> bt.Position:
        """The position in one name."""
        return self._positions.get(data._name, self._flat)

    @property
    def valuation(self) -> Valuation:
        """The account at the current close."""
        return self._valuation

    @property
    def orderable(self) -> int:
        """Cash that a new buy may reserve now, won."""
        return self._account.ledger.orderable

    @property
    def traded(self) -> int:
        """Won bought and sold so far, costs left out."""
        return self._account.traded

    def buy(self, owner: Any, data: Any, size: float, **terms: Any) -> bt.Order:
        """Send a buy order. See ``place``."""
        return self.place(Side.BUY, owner, data, size, **terms)

    def sell(self, owner: Any, data: Any, size: float, **terms: Any) -> bt.Order:
        """Send a sell order. See ``place``."""
        return self.place(Side.SELL, owner, data, size, **terms)

    def place(
        self,
        side: Side,
        owner: Any,
        data: Any,
        size: float,
        *,
        price: float | None = None,
        plimit: float | None = None,
        exectype: int | None = None,
        decision: int | None = None,
        tick: int | None = None,
        **terms: Any,
    ) -> bt.Order:
        """Send an order for the next bar; the answer is the order, alive or rejected.

        Args:
            side: Buy or sell.
            owner: The strategy to notify; ``None`` is the first one.
            data: The feed, whose name is the ticker.
            size: Shares; a fraction of a share is cut off.
            price: Limit price in won of a ``Limit`` order.
            plimit: Not used by market and limit orders.
            exectype: ``Market`` (default) or ``Limit``.
            decision: Index of the plan's decision behind it, if any.
            tick: Number of the tick behind it, if any.
            terms: ``valid`` is ignored (KRX orders end with the session); ``oco``, ``parent``
                and trailing terms are refused.
        """
        if not len(data):
            raise StrategyError(
                f"order for {data._name} before its first bar",
                hint="trade a name only once len(data) > 0",
            )
        book, ref = self._account, self._account.next_ref()
        market = exectype in (None, bt.Order.Market)
        limit = None if market or price is None else int(price)
        asked = int(abs(size))
        working: Working | None = None
        refusal = self._unsupported(exectype, price, terms)
        if refusal is None:
            try:
                working = self._rest(ref, book.columns[data._name], side, asked, limit)
            except RefusedError as no:
                refusal = str(no)
        taken = working.quantity if working else asked
        order = _SIDES[side](
            owner=owner, data=data, size=taken, exectype=exectype, pricelimit=plimit,
            price=float(working.limit) if working and working.limit else price,
            tradeid=terms.get("tradeid", 0),
        )  # fmt: skip
        order.addcomminfo(self.getcommissioninfo(data))
        order.addinfo(ref=ref, decision=decision, tick=tick)
        if taken != asked:
            order.addinfo(reason=f"주문가능금액에 맞춰 {asked:,}주에서 {taken:,}주로 줄임")
        order.submit(self)
        self._tell(order)
        if working is None:
            self._reject(order, side, limit, refusal or "")
        else:
            self._orders[ref] = order
            self._dispatch(order, working)
        return order

    def cancel(self, order: bt.Order) -> bool:
        """Take a resting order back; false when it no longer rests."""
        working = self._account.remove(order.info.ref)
        if working is None:
            return False
        self._cancelled(working)
        return True

    def get_notification(self) -> bt.Order | None:
        """The next order to tell the strategy about; ``None`` ends this round."""
        return self._outbox.popleft() if self._outbox else None

    def notify(self, order: bt.Order) -> None:
        """Queue an order for the strategy."""
        self._tell(order)

    def order_by_ref(self, ref: str) -> bt.Order | None:
        """The resting order with that reference in this run."""
        return self._orders.get(ref)

    def open_orders(self) -> list[OpenOrder]:
        """Resting orders, oldest first."""
        names = self._account.instruments
        return [
            OpenOrder(w.ref, names[w.column].ticker, w.side, w.remaining, w.limit)
            for w in self._account.working.values()
        ]

    def holdings(self) -> Mapping[str, Holding]:
        """Positions by ticker."""
        book = self._account
        return {book.instruments[column].ticker: book.holding(column) for column in book.quantities}

    def _rest(self, ref: str, column: int, side: Side, quantity: int, limit: int | None) -> Working:
        """Let an order rest, or raise ``RefusedError``."""
        raise NotImplementedError

    def _moment(self) -> datetime:
        """When what is told now happens, naive KST."""
        raise NotImplementedError

    def _number(self) -> float:
        """Backtrader's float date of an execution told now."""
        raise NotImplementedError

    def _today(self) -> date:
        """The trading day."""
        raise NotImplementedError

    def _close(self, column: int) -> int:
        """Last close of a name, won; 0 before its first bar."""
        raise NotImplementedError

    def _dispatch(self, order: bt.Order, working: Working) -> None:
        """An order rests in the book: it is accepted."""
        order.accept(self)
        self._event(order, working.side, working.limit, OrderState.ACCEPTED)
        self._tell(order)

    def _reject(self, order: bt.Order, side: Side, limit: int | None, reason: str) -> None:
        order.addinfo(reason=reason)
        order.reject(self)
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        self._event(order, side, limit, OrderState.REJECTED)
        self._tell(order)

    def _cancelled(self, working: Working) -> None:
        order = self._orders.pop(working.ref)
        order.cancel()
        self._event(order, working.side, working.limit, OrderState.CANCELLED)
        self._tell(order)

    def _execute(self, step: Executed) -> None:
        working, fill, entry = step
        order = self._orders[working.ref]
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        position = self._positions.setdefault(fill.ticker, bt.Position())
        size, average, opened, closed = position.update(signed, float(fill.price))
        cost = float(fill.commission + fill.tax)
        order.execute(
            self._number(),
            signed,
            float(fill.price),
            closed,
            -closed * entry,
            cost if closed else 0.0,
            opened,
            float(opened * fill.price),
            cost if opened else 0.0,
            None,
            -closed * (fill.price - entry),
            size,
            average,
        )
        for listener in self._listeners:
            listener.record_fill(fill)
        if working.remaining:
            order.partial()
            self._event(order, working.side, working.limit, OrderState.PARTIAL)
        else:
            del self._orders[working.ref]
            order.completed()
            self._event(order, working.side, working.limit, OrderState.FILLED)
        self._tell(order)

    def _expire(self, step: Expired) -> None:
        order = self._orders.pop(step.working.ref)
        order.status = bt.Order.Expired
        order.addinfo(reason=step.reason)
        self._event(order, step.working.side, step.working.limit, OrderState.EXPIRED)
        self._tell(order)

    def _restate(self, change: PositionChange) -> None:
        if change.quantity_before or change.quantity_after:
            average = self._account.averages.get(self._account.columns[change.ticker], 0.0)
            self._positions[change.ticker] = bt.Position(change.quantity_after, average)
        for listener in self._listeners:
            listener.record_change(change)

    def _value(self) -> Valuation:
        book, cash = self._account, self._account.ledger.cash
        if not book.quantities:
            return Valuation(cash, cash, 0, 0)
        worths = [self._close(column) * held for column, held in book.quantities.items()]
        total = sum(worths)
        return Valuation(cash, cash + total, total, max(worths))

    def _worth(self, ticker: str) -> int:
        column = self._account.columns[ticker]
        return self._account.quantities.get(column, 0) * self._close(column)

    def _event(
        self,
        order: bt.Order,
        side: Side,
        limit: int | None,
        state: OrderState,
        reason: str | None = None,
    ) -> None:
        event = OrderEvent(
            order.info.ref, self._moment(), order.data._name, side,
            abs(int(order.size)), limit, state, abs(int(order.executed.size)),
            order.info.get("reason") or "" if reason is None else reason,
            order.info.tick, order.info.decision,
        )  # fmt: skip
        for listener in self._listeners:
            listener.record_order(event)

    def _tell(self, order: bt.Order) -> None:
        self._outbox.append(order.clone())

    @staticmethod
    def _unsupported(
        exectype: int | None, price: float | None, terms: Mapping[str, Any]
    ) -> str | None:
        if exectype not in (None, bt.Order.Market, bt.Order.Limit):
            return f"지원하지 않는 주문 유형: {bt.Order.ExecTypes[exectype]}"
        if exectype == bt.Order.Limit and (price is None or not price >= 1):
            return "지정가 주문에 가격이 없음"
        for key in ("oco", "parent", "trailamount", "trailpercent"):
            if terms.get(key) is not None:
                return f"지원하지 않는 주문 조건: {key}"
        return None
