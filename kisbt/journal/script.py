"""A run's records kept in memory, so that another process can write them to the journal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kisbt.domain.llm import LLMCall
from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, PositionChange
from kisbt.journal.encode import EncodedTick, encode_tick

Line = tuple[str, tuple[Any, ...]]
"""Name of a method of ``RunJournal`` and what it was called with."""


class ScriptJournal:
    """Notes every call, in order, with ticks encoded already; meets ``domain.ports.Journal``."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def record_tick(self, state: TradingState) -> None:
        """Note one finished tick."""
        self.record_encoded(encode_tick(state))
        if "market" in state:
            self.observe(state["tick"].at, state["market"].closes)

    def record_encoded(self, tick: EncodedTick) -> None:
        """Note a tick that is encoded already."""
        self.lines.append(("record_encoded", (tick,)))

    def observe(self, at: datetime, closes: Mapping[str, int]) -> None:
        """Note all closes of a bar, which trades' results follow from."""
        self.lines.append(("observe", (at, dict(closes))))

    def record_order(self, event: OrderEvent) -> None:
        """Note one change of an order's state."""
        self.lines.append(("record_order", (event,)))

    def record_fill(self, fill: Fill) -> None:
        """Note one execution."""
        self.lines.append(("record_fill", (fill,)))

    def record_change(self, change: PositionChange) -> None:
        """Note a split or a delisting."""
        self.lines.append(("record_change", (change,)))

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Note the account at a bar's close."""
        self.lines.append(("record_equity", (at, cash, equity, exposure)))

    def record_call(self, call: LLMCall) -> None:
        """Note one exchange with a model."""
        self.lines.append(("record_call", (call,)))


def write_script(lines: list[Line], journal: Any) -> None:
    """Tell a journal (``RunJournal``) everything that was noted, in order.

    Raises:
        JournalError: it cannot be written.
    """
    for name, arguments in lines:
        getattr(journal, name)(*arguments)
