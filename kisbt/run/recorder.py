"""Keeps what a finished replay is judged by, while passing everything on to the journal."""

from collections.abc import Callable
from datetime import datetime

from kisbt.domain.ports import Journal
from kisbt.domain.result import EquityPoint
from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, Outcome, PositionChange
from kisbt.risk.day_use import DayUse

Progress = Callable[[int], None]
"""Called now and then with the number of bars done."""

_STEP = 64


class Recorder:
    """A ``Journal`` that counts and collects in memory and forwards to another one.

    Args:
        journal: Where everything goes on to.
        day: Told of every fill, so that node 4 knows the session's turnover.
        progress: Told of bars done.
    """

    def __init__(self, journal: Journal, day: DayUse, progress: Progress | None = None) -> None:
        self._journal = journal
        self._day = day
        self._progress = progress
        self.equity: list[EquityPoint] = []
        self.fills: list[Fill] = []
        self.events: list[OrderEvent] = []
        self.reasons: dict[str, str] = {}
        self.decisions = self.rejected = 0

    def record_tick(self, state: TradingState) -> None:
        """Count verdicts, remember why each order was sent."""
        verdicts = state.get("verdicts", ())
        self.decisions += len(verdicts)
        self.rejected += sum(1 for verdict in verdicts if verdict.outcome is Outcome.REJECTED)
        receipts = state.get("receipts", ())
        if receipts:
            decisions = state["plan"].decisions + state.get("added", ())
            for receipt in receipts:
                if receipt.decision is not None and receipt.decision < len(decisions):
                    self.reasons[receipt.ref] = decisions[receipt.decision].justification
        self._journal.record_tick(state)

    def record_order(self, event: OrderEvent) -> None:
        """Keep one change of an order's state."""
        self.events.append(event)
        self._journal.record_order(event)

    def record_fill(self, fill: Fill) -> None:
        """Keep one execution."""
        self.fills.append(fill)
        self._day.on_fill(fill.session, fill.amount)
        self._journal.record_fill(fill)

    def record_change(self, change: PositionChange) -> None:
        """Pass a split or a delisting on."""
        self._journal.record_change(change)

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Keep one point of the equity line."""
        self.equity.append(EquityPoint(at, cash, equity, exposure))
        if self._progress is not None and len(self.equity) % _STEP == 0:
            self._progress(len(self.equity))
        self._journal.record_equity(at, cash, equity, exposure)
