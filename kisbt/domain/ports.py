"""The ports of the operating graph: small protocols, met by every mode's adapters."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from kisbt.domain.market import Instrument, Quote
from kisbt.domain.state import DecisionContext, Tick, TradingState
from kisbt.domain.trading import (
    Fill,
    Holding,
    OpenOrder,
    OrderEvent,
    OrderIntent,
    OrderReceipt,
    PositionChange,
    TradingPlan,
)


class AccountView(Protocol):
    """The account as the broker sees it. Won and shares."""

    def cash(self) -> int:
        """D+2 cash: all trades settled."""
        ...

    def orderable_cash(self) -> int:
        """Cash that a new buy may reserve now."""
        ...

    def equity(self) -> int:
        """Cash plus positions at the last close."""
        ...

    def holdings(self) -> Mapping[str, Holding]:
        """Positions by ticker; no entry for zero shares."""
        ...

    def open_orders(self) -> Sequence[OpenOrder]:
        """Orders that still rest, oldest first."""
        ...


class MarketView(Protocol):
    """The market up to the current bar, never beyond it."""

    def now(self) -> datetime:
        """Close of the current bar, naive KST."""
        ...

    def session(self) -> date:
        """Trading day in which an order sent now would trade."""
        ...

    def features(self) -> dict[str, dict[str, float | None]]:
        """Feature rows of all names whose bar is current, by ticker, in the universe's order."""
        ...

    def closes(self) -> dict[str, int]:
        """Last close of every name that has had a bar, won."""
        ...

    def quote(self, ticker: str) -> Quote | None:
        """Close, band and tradability of one name; ``None`` for a name not in the universe."""
        ...

    def instrument(self, ticker: str) -> Instrument | None:
        """The listed name; ``None`` for a name not in the universe."""
        ...


class Decider(Protocol):
    """Answers node 3."""

    label: str
    """What reports call it, e.g. ``"rulebook (no LLM)"``."""

    def decide(self, context: DecisionContext) -> TradingPlan:
        """Return a plan.

        Raises:
            DeciderError: no valid plan; the tick ends in hold.
        """
        ...


class Executor(Protocol):
    """Sends orders. Answers at once; fills come later."""

    def submit(self, intent: OrderIntent) -> OrderReceipt:
        """Send one order."""
        ...

    def cancel(self, ref: str) -> bool:
        """Ask to cancel a resting order; false when it no longer rests."""
        ...


class Approver(Protocol):
    """Lets orders wait for a person's word."""

    def wants(self, intent: OrderIntent, close: int) -> bool:
        """Whether this order must wait; ``close`` is the name's last close, won."""
        ...

    def ask(self, tick: Tick, waiting: Sequence[OrderIntent], why: Sequence[str]) -> str:
        """Let orders of one tick wait, with their justifications; return the question's id."""
        ...


class ExecutionListener(Protocol):
    """Told by a broker what became of orders."""

    def record_order(self, event: OrderEvent) -> None:
        """One change of an order's state."""
        ...

    def record_fill(self, fill: Fill) -> None:
        """One execution."""
        ...

    def record_change(self, change: PositionChange) -> None:
        """A split or a delisting of one name, held or not."""
        ...


class Journal(ExecutionListener, Protocol):
    """Where a run writes what happened. The source of truth for everything after it."""

    def record_tick(self, state: TradingState) -> None:
        """One finished tick, whatever its ending."""
        ...

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """The account at a bar's close."""
        ...


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Naive KST."""
        ...


class Notifier(Protocol):
    """Tells a person."""

    def notify(self, level: str, message: str) -> None:
        """``level`` is ``info``, ``warning`` or ``alert``."""
        ...
