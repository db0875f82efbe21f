"""The backtest's broker: a ``HistoryBook`` behind backtrader's interface."""

from collections.abc import Sequence
from datetime import date, datetime

from kisbt.adapter.account_book import Executed, Expired, Refused, Working
from kisbt.adapter.book import HistoryBook
from kisbt.adapter.book_broker import BookBroker
from kisbt.domain.ports import ExecutionListener
from kisbt.domain.trading import Side


class KRXBackBroker(BookBroker):
    """Fills orders from history under Korean market rules. See ``BookBroker``.

    Args:
        book: The account and the tape.
        listeners: Told of every order event and fill, in order (journal, day use).
    """

    def __init__(self, book: HistoryBook, listeners: Sequence[ExecutionListener] = ()) -> None:
        super().__init__(book, listeners)
        self.book = book

    def next(self) -> None:
        """One bar time later: corporate actions, fills, expiries, then the new value."""
        for step in self.book.advance():
            if isinstance(step, Executed):
                self._execute(step)
            elif isinstance(step, Expired):
                self._expire(step)
            elif isinstance(step, Refused):
                order, working = self._orders.pop(step.working.ref), step.working
                self._reject(order, working.side, working.limit, step.reason)
            else:
                self._restate(step.change)
        self._valuation = self._value()
        self._outbox.append(None)  # Cerebro stops reading at the mark

    def _rest(self, ref: str, column: int, side: Side, quantity: int, limit: int | None) -> Working:
        return self.book.place(ref, column, side, quantity, limit)

    def _moment(self) -> datetime:
        return self.book.tape.moments[self.book.head.t]

    def _number(self) -> float:
        return float(self.book.tape.numbers[self.book.head.t])

    def _today(self) -> date:
        return self.book.tape.sessions[self.book.head.t]

    def _close(self, column: int) -> int:
        return int(self.book.tape.closes[self.book.head.t, column])
