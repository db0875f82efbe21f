"""Plans, verdicts, orders and fills: what passes between nodes, broker and journal."""

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from kisbt.domain.market import Frozen


class Side(StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"


class Action(StrEnum):
    """What a decision asks for."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class Decision(Frozen):
    """One line of a plan.

    Sizes are wishes: ``target_weight`` is the share of equity to hold after the trade, and
    ``quantity`` is shares to trade; with both, ``quantity`` wins; with neither, a BUY asks for
    the weight cap and a SELL for everything. Values may be absurd: node 4 judges them.
    ``limit_price`` of ``None`` is a market order. ``confidence`` is meant to be 0..1.
    ``rules`` are ids of the prompt rules that the decider says it applied. ``agreement`` is the
    share of a model's draws that gave this action, ``None`` when it was asked once.
    """

    ticker: str
    action: Action
    target_weight: float | None = None
    quantity: int | None = None
    limit_price: int | None = None
    confidence: float = 1.0
    justification: str = ""
    rules: tuple[str, ...] = ()
    agreement: float | None = None


class TradingPlan(Frozen):
    """The decider's whole answer for one tick."""

    decisions: tuple[Decision, ...] = ()
    comment: str = ""


class OrderIntent(Frozen):
    """An order that node 4 approved. ``limit_price`` of ``None`` is a market order.

    ``decision`` is the index of the decision in the plan that led to it. ``approval`` names the
    learned rules that want a person's word first.
    """

    ticker: str
    side: Side
    quantity: int = Field(gt=0)
    limit_price: int | None = Field(default=None, gt=0)
    decision: int = Field(ge=0)
    approval: tuple[str, ...] = ()


class Outcome(StrEnum):
    """Node 4's answer to one decision."""

    ACCEPTED = "accepted"
    CLIPPED = "clipped"
    REJECTED = "rejected"


class Verdict(Frozen):
    """Node 4's answer: the outcome, the size that passed, and what did it.

    ``requested`` and ``quantity`` are shares (0 for a hold). ``by`` names each limit or rule
    that changed the size, e.g. ``("limit:max_weight", "rule:R0007")``; ``reason`` says it in
    one sentence. ``decision`` is the index in the plan.
    """

    decision: int
    ticker: str
    action: Action
    outcome: Outcome
    requested: int = 0
    quantity: int = 0
    by: tuple[str, ...] = ()
    reason: str = ""


class TradingMode(StrEnum):
    """Trading state: everything, exits only, or nothing at all."""

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"


class Holding(NamedTuple):
    """One position at the broker: shares, shares that may be sold now, average cost in won."""

    quantity: int
    sellable: int
    average_price: float


class OpenOrder(NamedTuple):
    """An order that still rests. ``remaining`` is shares; ``limit_price`` None = market."""

    ref: str
    ticker: str
    side: Side
    remaining: int
    limit_price: int | None


class OrderReceipt(NamedTuple):
    """What the executor says of a submitted order. ``ref`` identifies it in this run.

    One that waits for a person has no ``ref`` yet: ``approval`` says where it waits.
    """

    ref: str
    ticker: str
    side: Side
    quantity: int
    limit_price: int | None
    accepted: bool
    reason: str = ""
    decision: int | None = None
    approval: str = ""


class OrderState(StrEnum):
    """State of an order, the same in every mode."""

    INTENT = "intent"
    SENT = "sent"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class OrderEvent(NamedTuple):
    """One change of an order's state.

    ``at`` is naive KST; ``quantity`` and ``filled`` are shares; ``tick`` and ``decision`` name
    the decision it came from (``None`` for an ordinary strategy's order).
    """

    ref: str
    at: datetime
    ticker: str
    side: Side
    quantity: int
    limit_price: int | None
    state: OrderState
    filled: int = 0
    reason: str = ""
    tick: int | None = None
    decision: int | None = None


class Fill(NamedTuple):
    """One execution. ``price`` in won a share, ``commission`` and ``tax`` in won.

    ``at`` is naive KST: the close of the bar that filled it, or the venue's time when live.
    ``session`` is the trading day. ``cash_after`` is D+2 cash in won.
    """

    ref: str
    number: int
    at: datetime
    session: date
    ticker: str
    side: Side
    quantity: int
    price: int
    commission: int
    tax: int
    cash_after: int
    position_after: int

    @property
    def amount(self) -> int:
        """Price times quantity, in won, without costs."""
        return self.price * self.quantity


class PositionChange(NamedTuple):
    """What happened to a held position without an order.

    ``split`` (액면분할, 병합): shares times ``ratio``, the fraction of a share paid in cash.
    ``delisting`` (상장폐지): shares gone, ``cash`` is what was paid for them at the last close.
    """

    session: date
    ticker: str
    kind: str
    ratio: float
    quantity_before: int
    quantity_after: int
    cash: int
