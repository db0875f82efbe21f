"""How well the live data comes in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from kisbt.kis.frames import FrameCounts


class StreamHealth(NamedTuple):
    """The state of stream and bars at ``at`` (venue time, naive KST). Ages and lags in seconds.

    ``connected`` is ``None`` without a stream. ``tick_age`` is venue time since the last trade,
    ``bar_lag`` how long after its end the last bar was published, ``late`` counts trades that
    came after that, ``repaired`` bars that were read from charts, ``lost`` ones that could not be.
    ``load`` is the share of the request limit in use, 0..1.
    """

    at: datetime
    connected: bool | None
    reason: str
    tick_age: float | None
    last_bar: datetime | None
    bar_lag: float | None
    registrations: int
    places: int
    drops: int
    gaps: int
    late: int
    repaired: int
    lost: int
    load: float | None


class Pulse:
    """Remembers when something was last heard. Written on the stream's thread, read on others."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.ticked: datetime | None = None
        self.wanted: frozenset[tuple[str, str]] = frozenset()
        self.registered: set[tuple[str, str]] = set()
        self.refused: set[tuple[str, str]] = set()

    def tick(self) -> None:
        """A trade or an order book came in."""
        self.ticked = self._now()

    def age(self, at: datetime) -> float | None:
        """Seconds since the last trade; ``None`` before the first."""
        ticked = self.ticked
        return None if ticked is None else max((at - ticked).total_seconds(), 0.0)

    def complete(self, places: int) -> bool:
        """Whether every wish for prices was answered, or as many as there may be places for."""
        answered = self.wanted & (self.registered | self.refused)
        return len(answered) >= min(len(self.wanted), places - 1)

    def silent(self, at: datetime, since: datetime, limit: timedelta) -> bool:
        """Whether nothing has come for ``limit``, counted from ``since`` at the earliest."""
        ticked = self.ticked
        latest = since if ticked is None else max(since, ticked)
        return at - latest > limit


NO_COUNTS = FrameCounts()
"""What a store without a stream has counted."""
