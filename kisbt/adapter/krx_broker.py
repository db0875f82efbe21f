"""backtrader's broker interface over a ``HistoryBook``: KRX rules, whole shares, day orders."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import backtrader as bt

from kisbt.adapter.book import Executed, Expired, HistoryBook, RefusedError, Working
from kisbt.adapter.costs import KRXCommission
from kisbt.domain.ports import ExecutionListener
from kisbt.domain.state import Valuation
from kisbt.domain.trading import Holding, OpenOrder, OrderEvent, OrderState, PositionChange, Side
from kisbt.errors import StrategyError

_SIDES = {Side.BUY: bt.BuyOrder, Side.SELL: bt.SellOrder}


class KRXBackBroker(bt.BrokerBase):
    """Fills orders from history under Korean market rules.

    Market and limit orders, whole shares, valid for one session, no short selling, no margin.
    What KRX or KIS would refuse ends as ``Rejected`` with ``order.info.reason``. Any other order
    type is rejected too, and said in ``refusals``. Commission and tax come from the settings:
    ``setcommission`` and ``set_cash`` of a strategy change nothing.

    Args:
        book: The account and the tape.
        listeners: Told of every order event and fill, in order (journal, day use).
    """

    def __init__(self, book: HistoryBook, listeners: Sequence[ExecutionListener] = ()) -> None:
        super().__init__()
        self.book = book
        self.refusals: dict[str, int] = {}
        self._listeners = tuple(listeners)
        self._orders: dict[str, bt.Order] = {}
        self._outbox: deque[bt.Order | None] = deque()
        self._positions: dict[str, bt.Position] = {}
        self._flat = bt.Position()
        self._valuation = Valuation(book.ledger.cash, book.ledger.cash, 0, 0)
        self.startingcash = self.cash = float(book.ledger.cash)
        self._commissions = {
            ticker: KRXCommission(instrument, book.costs, self._today)
            for ticker, instrument in zip(book.tape.tickers, book.tape.instruments, strict=True)
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
        return float(self.book.ledger.orderable)

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
    def traded(self) -> int:
        """Won bought and sold so far, costs left out."""
        return self.book.traded

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
        """Send an order for the next bar; the answer is the order, accepted or rejected.

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
        book, ref = self.book, self.book.next_ref()
        market = exectype in (None, bt.Order.Market)
        limit = None if market or price is None else int(price)
        column = book.tape.columns[data._name]
        asked = int(abs(size))
        working: Working | None = None
        refusal = self._unsupported(exectype, price, terms)
        if refusal is None:
            try:
                working = book.place(ref, column, side, asked, limit)
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
            order.addinfo(reason=refusal)
            order.reject(self)
            self.refusals[refusal or ""] = self.refusals.get(refusal or "", 0) + 1
            self._event(order, side, limit, OrderState.REJECTED)
        else:
            self._orders[ref] = order
            order.accept(self)
            self._event(order, side, working.limit, OrderState.ACCEPTED)
        self._tell(order)
        return order

    def cancel(self, order: bt.Order) -> bool:
        """Take a resting order back; false when it no longer rests."""
        ref = order.info.ref
        working = self.book.remove(ref)
        if working is None:
            return False
        mine = self._orders.pop(ref)
        mine.cancel()
        self._event(mine, working.side, working.limit, OrderState.CANCELLED)
        self._tell(mine)
        return True

    def next(self) -> None:
        """One bar time later: corporate actions, fills, expiries, then the new value."""
        for step in self.book.advance():
            if isinstance(step, Executed):
                self._execute(step)
            elif isinstance(step, Expired):
                self._expire(step)
            else:
                self._restate(step.change)
        self._valuation = self._value()
        self._outbox.append(None)  # Cerebro stops reading at the mark

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
        tickers = self.book.tape.tickers
        return [
            OpenOrder(w.ref, tickers[w.column], w.side, w.remaining, w.limit)
            for w in self.book.working.values()
        ]

    def holdings(self) -> Mapping[str, Holding]:
        """Positions by ticker."""
        book = self.book
        return {book.tape.tickers[column]: book.holding(column) for column in book.quantities}

    def _execute(self, step: Executed) -> None:
        working, fill, entry = step
        order = self._orders[working.ref]
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        position = self._positions.setdefault(fill.ticker, bt.Position())
        size, average, opened, closed = position.update(signed, float(fill.price))
        cost = float(fill.commission + fill.tax)
        order.execute(
            self.book.tape.numbers[self.book.head.t],
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
        if change.quantity_before:
            average = self.book.averages.get(self.book.tape.columns[change.ticker], 0.0)
            self._positions[change.ticker] = bt.Position(change.quantity_after, average)
        for listener in self._listeners:
            listener.record_change(change)

    def _value(self) -> Valuation:
        book, t = self.book, self.book.head.t
        closes, cash = book.tape.closes, book.ledger.cash
        if not book.quantities:
            return Valuation(cash, cash, 0, 0)
        worths = [int(closes[t, column]) * held for column, held in book.quantities.items()]
        total = sum(worths)
        return Valuation(cash, cash + total, total, max(worths))

    def _worth(self, ticker: str) -> int:
        book = self.book
        column = book.tape.columns[ticker]
        held = book.quantities.get(column, 0)
        return held * int(book.tape.closes[book.head.t, column])

    def _today(self) -> Any:
        return self.book.tape.sessions[self.book.head.t]

    def _event(self, order: bt.Order, side: Side, limit: int | None, state: OrderState) -> None:
        event = OrderEvent(
            order.info.ref, self.book.tape.moments[self.book.head.t], order.data._name, side,
            abs(int(order.size)), limit, state, abs(int(order.executed.size)),
            order.info.get("reason") or "", order.info.tick, order.info.decision,
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
