"""One hash a stream: what a run card pins and ``kisbt verify`` compares."""

from datetime import datetime
from hashlib import sha256

import orjson

from kisbt.domain.llm import LLMCall
from kisbt.domain.ports import Journal
from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, PositionChange
from kisbt.journal.encode import encode_tick
from kisbt.journal.record import iso
from kisbt.journal.script import ScriptJournal
from kisbt.journal.writer import RunJournal


class DigestJournal:
    """Hashes what passes, in order, and hands it on to another journal.

    Streams: ``decisions`` (each tick with its snapshot, portfolio, decisions and verdicts),
    ``orders``, ``fills`` and ``equity``; where a model was asked also ``replies`` (each question's
    key and its answer, sent or recorded). Nothing in them depends on the run's id or on the wall
    clock, as long as order refs do not: equal runs have equal digests, on any machine.

    Args:
        inner: Where everything goes on to.
    """

    def __init__(self, inner: Journal) -> None:
        self._inner = inner
        self._writer = inner if isinstance(inner, RunJournal | ScriptJournal) else None
        self._listener = getattr(inner, "record_call", None)
        self._decisions = sha256()
        self._orders = sha256()
        self._fills = sha256()
        self._equity = sha256()
        self._replies = sha256()
        self._asked = False

    def digests(self) -> dict[str, str]:
        """``sha256:...`` of each stream so far."""
        streams = {
            "decisions": self._decisions,
            "orders": self._orders,
            "fills": self._fills,
            "equity": self._equity,
        }
        if self._asked:
            streams["replies"] = self._replies
        return {name: f"sha256:{stream.hexdigest()}" for name, stream in streams.items()}

    def record_tick(self, state: TradingState) -> None:
        """Hash one finished tick; it is encoded once for both."""
        tick = encode_tick(state)
        self._decisions.update(orjson.dumps((tick.row, tick.decisions)) + b"\n")
        if self._writer is None:
            self._inner.record_tick(state)
            return
        self._writer.record_encoded(tick)
        if "market" in state:
            self._writer.observe(state["tick"].at, state["market"].closes)

    def record_order(self, event: OrderEvent) -> None:
        """Hash one change of an order's state."""
        self._orders.update(orjson.dumps((iso(event.at), *event)) + b"\n")
        self._inner.record_order(event)

    def record_fill(self, fill: Fill) -> None:
        """Hash one execution."""
        self._fills.update(orjson.dumps(tuple(fill)) + b"\n")
        self._inner.record_fill(fill)

    def record_change(self, change: PositionChange) -> None:
        """Hash a split or delisting with the fills, between which it happened."""
        self._fills.update(orjson.dumps(tuple(change)) + b"\n")
        self._inner.record_change(change)

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Hash the account at a bar's close."""
        self._equity.update(orjson.dumps((at, cash, equity, exposure)) + b"\n")
        self._inner.record_equity(at, cash, equity, exposure)

    def record_call(self, call: LLMCall) -> None:
        """Hash one exchange with a model: what was asked and answered, not where and when."""
        self._asked = True
        told = (call.tick, call.call, call.draw, call.key, call.status, call.reply)
        self._replies.update(orjson.dumps(told) + b"\n")
        if self._listener is not None:
            self._listener(call)
