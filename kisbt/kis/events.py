"""What a stream hands to its listener."""

from datetime import datetime
from typing import NamedTuple

from kisbt.kis.gaps import Outage, TradeGap, VIChange
from kisbt.kis.records import Record
from kisbt.kis.registrations import Registration


class Connected(NamedTuple):
    """The stream is up. Naive KST."""

    at: datetime


class Disconnected(NamedTuple):
    """The stream is down and will be tried again. Naive KST."""

    at: datetime
    reason: str


class Heartbeat(NamedTuple):
    """The server sent PINGPONG: everything that it had sent before has come."""


class Registered(NamedTuple):
    """KIS took a registration: its data will come."""

    registration: Registration


class Unregistered(NamedTuple):
    """KIS ended a registration."""

    registration: Registration


class RegistrationRefused(NamedTuple):
    """KIS does not take a registration; the wish is dropped unless ``again``."""

    registration: Registration
    reason: str
    again: bool


StreamEvent = (
    Record
    | TradeGap
    | Outage
    | VIChange
    | Connected
    | Disconnected
    | Heartbeat
    | Registered
    | Unregistered
    | RegistrationRefused
)
