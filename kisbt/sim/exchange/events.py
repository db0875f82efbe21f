"""What the exchange tells whoever listens: notices of orders, prints, phases, interruptions."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.orders import Order
from kisbt.sim.exchange.path import Step


class NoticeKind(StrEnum):
    """Why an order notice is sent."""

    ACCEPTED = "accepted"
    MODIFIED = "modified"
    CANCELLED = "cancelled"
    DROPPED = "dropped"
    """The rest of an IOC or FOK order."""
    FILLED = "filled"


class Notice(NamedTuple):
    """One change of an order. ``quantity`` and ``price`` are of this change, shares and won."""

    kind: NoticeKind
    at: datetime
    order: Order
    quantity: int
    price: int


class Printed(NamedTuple):
    """One step of a watched name happened."""

    name: NameDay
    step: Step


class PhaseBegan(NamedTuple):
    """The venue went into another phase."""

    at: datetime
    phase: Phase


class Interrupted(NamedTuple):
    """A name stopped or went on: VI and halts."""

    at: datetime
    name: NameDay
    on: bool


Event = Notice | Printed | PhaseBegan | Interrupted
Listener = Callable[[Event], None]
