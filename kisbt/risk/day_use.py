"""What one session has used of its order count and turnover."""

from datetime import date
from typing import NamedTuple


class DayTotals(NamedTuple):
    """Orders sent and won traded (buys and sells together) in one session so far."""

    orders: int = 0
    turnover: int = 0


_UNUSED = DayTotals()


class DayUse:
    """Counts orders and turnover of the latest session, and forgets them when the next begins.

    Node 5 calls ``on_order`` for each order that the executor took; whoever hears of fills calls
    ``on_fill``. Both name the session in which the order trades, so that an order sent in the
    evening counts towards the morning. A report for a session already left behind is dropped.
    """

    __slots__ = ("_orders", "_session", "_turnover")

    def __init__(self) -> None:
        self._session = date.min
        self._orders = self._turnover = 0

    def on_order(self, session: date) -> None:
        """Count one order sent."""
        if self._reaches(session):
            self._orders += 1

    def on_fill(self, session: date, amount: int) -> None:
        """Count one execution of ``amount`` won, costs left out."""
        if self._reaches(session):
            self._turnover += amount

    def totals(self, session: date) -> DayTotals:
        """Return what ``session`` has used; nothing for any but the latest one."""
        if session != self._session:
            return _UNUSED
        return DayTotals(self._orders, self._turnover)

    def _reaches(self, session: date) -> bool:
        if session > self._session:
            self._session = session
            self._orders = self._turnover = 0
        return session == self._session
