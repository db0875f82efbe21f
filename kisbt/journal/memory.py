"""Journals that write nothing to disk: public doubles for tests, and for twin runs."""

from datetime import datetime

from kisbt.domain.llm import LLMCall
from kisbt.domain.result import EquityPoint
from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, PositionChange


class MemoryJournal:
    """Keeps everything, in the order it was told."""

    def __init__(self) -> None:
        self.ticks: list[TradingState] = []
        self.events: list[OrderEvent] = []
        self.fills: list[Fill] = []
        self.equity: list[EquityPoint] = []
        self.changes: list[PositionChange] = []
        self.calls: list[LLMCall] = []

    def record_tick(self, state: TradingState) -> None:
        """Keep one finished tick."""
        self.ticks.append(state)

    def record_order(self, event: OrderEvent) -> None:
        """Keep one change of an order's state."""
        self.events.append(event)

    def record_fill(self, fill: Fill) -> None:
        """Keep one execution."""
        self.fills.append(fill)

    def record_change(self, change: PositionChange) -> None:
        """Keep a split or a delisting."""
        self.changes.append(change)

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Keep the account at a bar's close."""
        self.equity.append(EquityPoint(at, cash, equity, exposure))

    def record_call(self, call: LLMCall) -> None:
        """Keep one exchange with a model."""
        self.calls.append(call)


class NullJournal:
    """Keeps nothing."""

    def record_tick(self, state: TradingState) -> None:
        """Forget one finished tick."""

    def record_order(self, event: OrderEvent) -> None:
        """Forget one change of an order's state."""

    def record_fill(self, fill: Fill) -> None:
        """Forget one execution."""

    def record_change(self, change: PositionChange) -> None:
        """Forget a split or a delisting."""

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Forget the account at a bar's close."""

    def record_call(self, call: LLMCall) -> None:
        """Forget one exchange with a model."""
