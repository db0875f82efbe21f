"""The ports of the operating graph: a replay's market view; any broker's account and executor."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import backtrader as bt

from kisbt.adapter.book_broker import BookBroker
from kisbt.adapter.tape import Playhead, Tape
from kisbt.data.features.table import FeatureTable
from kisbt.domain.market import Instrument, Quote
from kisbt.domain.trading import Holding, OpenOrder, OrderIntent, OrderReceipt


class HistoryMarketView:
    """``MarketView`` over a tape: what was known at the close of the current bar.

    Args:
        tape: The bars.
        head: Where the replay stands.
        features: Rows on the tape's timeline, possibly starting earlier.
    """

    def __init__(self, tape: Tape, head: Playhead, features: FeatureTable) -> None:
        self._tape = tape
        self._head = head
        self._features = features
        self._offset = len(features.times) - len(tape.times)

    def now(self) -> datetime:
        """Close of the current bar, naive KST."""
        return self._tape.moments[self._head.t]

    def session(self) -> date:
        """Trading day in which an order sent now would trade."""
        return self._tape.order_sessions[self._head.t]

    def features(self) -> dict[str, dict[str, float | None]]:
        """Feature rows of names whose bar is current."""
        return self._features.rows(self._head.t + self._offset)

    def closes(self) -> dict[str, int]:
        """Last close of every name that has had a bar, won."""
        return self._tape.closes_at(self._head.t)

    def quote(self, ticker: str) -> Quote | None:
        """Close, next band and whether the name traded in the current bar."""
        column = self._tape.columns.get(ticker)
        t = self._head.t
        if column is None or not self._tape.closes[t, column]:
            return None
        return Quote(
            int(self._tape.closes[t, column]),
            self._tape.next_band(t, column),
            self._tape.traded(t, column),
        )

    def instrument(self, ticker: str) -> Instrument | None:
        """The listed name."""
        column = self._tape.columns.get(ticker)
        return None if column is None else self._tape.instruments[column]


class BrokerAccount:
    """``AccountView`` over a broker of any mode."""

    def __init__(self, broker: BookBroker) -> None:
        self._broker = broker

    def cash(self) -> int:
        """D+2 cash, won."""
        return self._broker.valuation.cash

    def orderable_cash(self) -> int:
        """Cash that a new buy may reserve now, won."""
        return self._broker.orderable

    def equity(self) -> int:
        """Cash plus positions at the last close, won."""
        return self._broker.valuation.equity

    def holdings(self) -> Mapping[str, Holding]:
        """Positions by ticker."""
        return self._broker.holdings()

    def open_orders(self) -> Sequence[OpenOrder]:
        """Resting orders, oldest first."""
        return self._broker.open_orders()


class BrokerExecutor:
    """``Executor`` that sends approved orders through a backtrader broker.

    Call ``attach`` with the feeds by ticker before the first order.
    """

    def __init__(self, broker: BookBroker) -> None:
        self._broker = broker
        self._feeds: Mapping[str, object] = {}
        self._tick = 0

    def attach(self, feeds: Mapping[str, object]) -> None:
        """Name the feeds that orders go to."""
        self._feeds = feeds

    def begin(self, tick: int) -> None:
        """Say which tick the next orders come from."""
        self._tick = tick

    def submit(self, intent: OrderIntent) -> OrderReceipt:
        """Send one order; the receipt says what became of it."""
        limit = intent.limit_price
        order = self._broker.place(
            intent.side,
            None,
            self._feeds[intent.ticker],
            intent.quantity,
            price=limit,
            exectype=bt.Order.Market if limit is None else bt.Order.Limit,
            decision=intent.decision,
            tick=self._tick,
        )
        return OrderReceipt(
            order.info.ref,
            intent.ticker,
            intent.side,
            abs(int(order.size)),
            limit,
            bool(order.alive()),
            order.info.get("reason") or "",
            intent.decision,
        )

    def cancel(self, ref: str) -> bool:
        """Ask to cancel a resting order."""
        order = self._broker.order_by_ref(ref)
        return order is not None and self._broker.cancel(order)
