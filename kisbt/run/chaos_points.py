"""The points of an order's path at which a fault session may be struck, and how they are noticed.

All of them are on Cerebro's thread: whatever touches an order or the journal from another one is
noted as a breach.
"""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime

from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, OrderState
from kisbt.run.live_books import LiveBooks

POINTS = {
    "deciding": "the decider is asked",
    "intent": "the order is journaled as an intent",
    "leaving": "journaled as sent; the request is about to leave",
    "taken": "KIS has taken the order; nobody was told its number yet",
    "numbered": "the order's number is journaled",
    "accepted": "journaled as accepted",
    "fill_heard": "an execution is known, not journaled",
    "fill_booked": "an execution is journaled",
    "partial": "journaled as partly filled",
    "filled": "journaled as filled",
    "cancelling": "a cancel request is about to leave",
    "cancel_taken": "KIS has cancelled; nobody was told yet",
    "cancelled": "the cancel is known, not journaled",
    "reading": "the day's orders are about to be read",
    "read": "the day's orders were read",
    "balance": "the balance was read",
    "expiring": "the session's end is known of an order, not journaled",
    "bar": "the account at a bar's close is about to be journaled",
    "tick": "the decision and its orders are journaled",
    "before_open": "orders wait for the session (08:35)",
    "auction": "orders lie in the opening auction, no fill yet (08:50)",
    "resting": "limit orders rest in the middle of the day (11:10)",
    "at_close": "the closing auction runs (15:25)",
    "night": "between two sessions (20:00)",
    "restart": "a process killed the day before starts again",
}
"""Every point, and what it means."""


class Killed(BaseException):
    """The process is gone: nothing is caught, nothing tidied up."""


class Wire:
    """Told whenever a point is passed; hands it on to whoever wants to strike.

    Args:
        reached: Called with the point's name, on the thread that passed it.
    """

    def __init__(self, reached: Callable[[str], None]) -> None:
        self._reached = reached
        self.passed: Counter[str] = Counter()
        self.home: int | None = None
        self.strays: set[str] = set()

    def __call__(self, point: str) -> None:
        """A point is passed."""
        if self.home is not None and threading.get_ident() != self.home:
            self.strays.add(f"{point} on {threading.current_thread().name}")
        self.passed[point] += 1
        self._reached(point)


class WatchedBooks(LiveBooks):
    """The session's journal, with a wire across each of its steps."""

    wire: Wire

    def record_order(self, event: OrderEvent) -> None:
        """Write one change of an order."""
        before, after = _AROUND.get(event.state, ("", ""))
        if before:
            self.wire(before)
        super().record_order(event)
        if after:
            self.wire(after)

    def record_fill(self, fill: Fill) -> None:
        """Write one execution."""
        self.wire("fill_heard")
        super().record_fill(fill)
        self.wire("fill_booked")

    def named(self, ref: str, session: date, number: str, branch: str) -> None:
        """Note the number under which the venue took an order."""
        super().named(ref, session, number, branch)
        self.wire("numbered")

    def record_tick(self, state: TradingState) -> None:
        """Write one finished tick."""
        super().record_tick(state)
        self.wire("tick")

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Write the account at a live bar's close."""
        self.wire("bar")
        super().record_equity(at, cash, equity, exposure)


_AROUND = {
    OrderState.INTENT: ("", "intent"),
    OrderState.ACCEPTED: ("", "accepted"),
    OrderState.PARTIAL: ("", "partial"),
    OrderState.FILLED: ("", "filled"),
    OrderState.CANCELLED: ("cancelled", ""),
    OrderState.EXPIRED: ("expiring", ""),
}
