"""What the threads of a store have heard and Cerebro has not asked for yet: queues alone."""

from collections import deque
from datetime import date, datetime
from typing import Protocol

from kisbt.adapter.bars import BarSet
from kisbt.adapter.health import Pulse
from kisbt.adapter.live_clock import LiveClock, Seat
from kisbt.adapter.minute_source import refused
from kisbt.domain.market import PriceBand
from kisbt.kis.events import (
    Connected,
    Disconnected,
    Registered,
    RegistrationRefused,
    StreamEvent,
    Unregistered,
)
from kisbt.kis.gaps import Outage
from kisbt.kis.records import Book, Notice, Trade


class Source(Protocol):
    """Where complete bars come from."""

    def hear(self, event: object) -> None:
        """Something came over the stream; on the stream's thread."""
        ...

    def urgent(self, event: object) -> bool:
        """Whether that may complete a bar; on the stream's thread."""
        ...

    def step(self) -> datetime:
        """Publish what is due; when to be called again. On the worker's thread."""
        ...


class Intake:
    """Filled on the stream's and the worker's thread, emptied on Cerebro's.

    Args:
        clock: Woken when there is something for Cerebro.
        until: Bars later than this are dropped.

    Attributes:
        items: Sets of bars, and price bands of a session, oldest first.
        notices: Order notices.
        notes: Level and text of what a person should know.
        outages: Times for which order notices are lost.
        prices: Newest traded price by ticker, won.
    """

    def __init__(self, clock: LiveClock, until: datetime | None) -> None:
        self._clock, self._until = clock, until
        self.pulse = Pulse(clock.now)
        self.items: deque[BarSet | tuple[date, dict[str, PriceBand]]] = deque()
        self.notices: deque[Notice] = deque()
        self.notes: deque[tuple[str, str]] = deque()
        self.outages: deque[Outage] = deque()
        self.prices: dict[str, int] = {}
        self.last_bar: datetime | None = None
        self.bar_lag: float | None = None
        self.done = False
        self._source: Source | None = None
        self._seat: Seat | None = None

    @property
    def news(self) -> bool:
        """Whether Cerebro's next turn has something to do."""
        return bool(self.items or self.notices or self.notes or self.outages)

    def connect(self, source: Source, seat: Seat) -> None:
        """Pass what is heard to the source, and wake its worker where that helps."""
        self._source, self._seat = source, seat

    def hear(self, event: StreamEvent) -> None:
        """Take something from the stream, on its thread."""
        if isinstance(event, Trade | Book):
            self.pulse.tick()
            if isinstance(event, Trade):
                self.prices[event.ticker] = event.price
        elif isinstance(event, Notice):
            self.notices.append(event)
            self._clock.wake()
        elif isinstance(event, Outage):
            self.outages.append(event)
            self._clock.wake()
        else:
            self._told(event)
        if self._source is not None and self._seat is not None:
            self._source.hear(event)
            if self._source.urgent(event):
                self._seat.wake()

    def _told(self, event: object) -> None:
        pulse = self.pulse
        if isinstance(event, Registered):
            pulse.registered.add(event.registration)
            pulse.refused.discard(event.registration)
        elif isinstance(event, Unregistered):
            pulse.registered.discard(event.registration)
        elif isinstance(event, RegistrationRefused):
            pulse.refused.add(event.registration)
            self.say("alert", refused(event))
        elif isinstance(event, Connected):
            self.say("info", "실시간 연결됨")
        elif isinstance(event, Disconnected):
            pulse.registered.clear()
            self.say("warning", f"실시간 연결 끊김: {event.reason}")

    def say(self, level: str, text: str) -> None:
        """Tell a person, at Cerebro's next turn."""
        self.notes.append((level, text))
        self._clock.wake()

    def publish(self, bars: BarSet) -> None:
        """Take a complete set of bars."""
        if self._until is not None and bars.at > self._until:
            return
        if not bars.delayed:
            self.last_bar = bars.at
            self.bar_lag = (self._clock.now() - bars.at).total_seconds()
        self.items.append(bars)
        self._clock.wake()

    def take_bands(self, day: date, bands: dict[str, PriceBand]) -> None:
        """Take the price bands of a session."""
        self.items.append((day, bands))

    def finish(self) -> None:
        """No bar will come any more."""
        self.done = True
        self._clock.wake()
