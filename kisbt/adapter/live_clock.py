"""Clocks that live threads wait on: real time, time at a multiple, and lock-step.

Whoever waits for the market waits on a seat of the clock, so store, feeds and runner are one code
path for all three. With a paced clock time passes by itself. In lock-step it stands still while
anybody works: only when every seat waits does the venue move, to the earliest time that one of
them waits for, and then one seat works at a time. So a run in lock-step is the same every time.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, Self

from kisbt.krx import calendar

FOREVER = datetime.max


class Seat(Protocol):
    """A place at the clock for one thread."""

    def wait(self, until: datetime) -> bool:
        """Wait until venue time ``until``, or until woken; true when woken before."""
        ...

    def wake(self) -> None:
        """End this seat's wait, or its next one. Safe from any thread."""
        ...

    def leave(self) -> None:
        """Give the place up: time no longer waits for this thread. Safe from any thread."""
        ...


class LiveClock(Protocol):
    """Venue time, naive KST. ``wait`` and ``wake`` are those of the seat of Cerebro's thread."""

    @property
    def paced(self) -> bool:
        """Whether time passes by itself."""
        ...

    def now(self) -> datetime:
        """Venue time."""
        ...

    def lapse(self, seconds: float) -> timedelta:
        """How much venue time passes in so many wall seconds; nothing in lock-step."""
        ...

    def seat(self, name: str) -> Seat:
        """A place for another thread. Take it before that thread starts."""
        ...

    def hold(self, ready: Callable[[], bool]) -> None:
        """Let no time pass while ``ready`` is false, where the clock can help it."""
        ...

    def wait(self, until: datetime) -> bool:
        """Wait until venue time ``until``, or until woken; true when woken before."""
        ...

    def wake(self) -> None:
        """End Cerebro's wait, or its next one. Safe from any thread."""
        ...


class VenueHand(Protocol):
    """The hand on the clock of a venue that moves only when told."""

    def now(self) -> datetime:
        """The venue's time."""
        ...

    def advance(self, until: datetime) -> datetime:
        """Let everything up to ``until`` happen, and be taken in by clients; the venue's time."""
        ...

    def ready(self) -> bool:
        """Whether all clients listen that should; time is held while not."""
        ...

    def settle(self) -> None:
        """Return once everything the venue has sent so far has been taken in by its clients."""
        ...


class _WallSeat:
    def __init__(self, clock: "WallClock") -> None:
        self._clock = clock
        self._woken = threading.Event()

    def wait(self, until: datetime) -> bool:
        seconds = self._clock.wall_seconds(until)
        woken = self._woken.wait(min(max(seconds, 0.0), threading.TIMEOUT_MAX))
        self._woken.clear()
        return woken

    def wake(self) -> None:
        self._woken.set()

    def leave(self) -> None:
        self._woken.set()


class WallClock:
    """Time that passes by itself: Korea's, or a simulator's at a multiple of it.

    Args:
        speed: Venue seconds a wall second.
        read: The venue's time, asked once in ``every`` wall seconds to stay with a simulator that
            skips nights; ``None`` takes Korea's time.
        every: Wall seconds between two readings.
    """

    paced = True

    def __init__(
        self,
        speed: float = 1.0,
        read: Callable[[], datetime] | None = None,
        *,
        every: float = 0.25,
    ) -> None:
        self._speed, self._read, self._every = speed, read, every
        self._lock = threading.Lock()
        self._anchor: tuple[float, datetime] | None = None
        self._last = datetime.min
        self._main = _WallSeat(self)

    def now(self) -> datetime:
        """Venue time, never running backwards."""
        if self._read is None:
            return calendar.now()
        with self._lock:
            wall = time.monotonic()
            if self._anchor is None or wall - self._anchor[0] > self._every:
                self._anchor = time.monotonic(), self._read()
            since, then = self._anchor
            self._last = max(self._last, then + timedelta(seconds=(wall - since) * self._speed))
            return self._last

    def wall_seconds(self, until: datetime) -> float:
        """Wall seconds until venue time ``until``; a simulator may jump, so look again soon."""
        if until == FOREVER:
            return float("inf") if self._read is None else self._every
        seconds = (until - self.now()).total_seconds() / self._speed
        return seconds if self._read is None else min(seconds, self._every)

    def lapse(self, seconds: float) -> timedelta:
        """Venue time in so many wall seconds."""
        return timedelta(seconds=seconds * self._speed)

    def seat(self, name: str) -> Seat:
        """A place for another thread."""
        return _WallSeat(self)

    def hold(self, ready: Callable[[], bool]) -> None:
        """Nothing: this time passes by itself."""

    def wait(self, until: datetime) -> bool:
        """Wait on the seat of Cerebro's thread."""
        return self._main.wait(until)

    def wake(self) -> None:
        """Wake Cerebro's thread."""
        self._main.wake()


class _StepSeat:
    def __init__(self, clock: "LockstepClock", name: str, rank: int) -> None:
        self.clock, self.name, self.rank = clock, name, rank
        self.until: datetime | None = None
        self.woken = False

    def wait(self, until: datetime) -> bool:
        return self.clock.wait_at(self, until)

    def wake(self) -> None:
        self.clock.wake_at(self)

    def leave(self) -> None:
        self.clock.leave(self)


class LockstepClock:
    """Moves an embedded simulator instead of sleeping. See the module's text.

    Args:
        hand: The simulator.
        patience: Wall seconds that somebody may ``hold`` time: a stream that reconnects so misses
            nothing but what was on its way.
    """

    paced = False

    def __init__(
        self,
        hand: VenueHand,
        *,
        patience: float = 10.0,
    ) -> None:
        self._hand, self.patience = hand, patience
        self._holds: list[Callable[[], bool]] = [hand.ready]
        self._turn = threading.Condition()
        self._seats: list[_StepSeat] = []
        self._busy: _StepSeat | None = None
        self._moving = False
        self._now = hand.now()
        self._main = _StepSeat(self, "cerebro", 1_000)
        self._seats.append(self._main)
        self.steps = 0

    def now(self) -> datetime:
        """The venue's time as of the last step."""
        return self._now

    def lapse(self, seconds: float) -> timedelta:
        """Nothing: no venue time passes while the wall's does."""
        return timedelta()

    def seat(self, name: str) -> Seat:
        """A place for another thread; places of one time work in the order they were taken in."""
        with self._turn:
            seat = _StepSeat(self, name, len(self._seats))
            self._seats.append(seat)
            return seat

    def hold(self, ready: Callable[[], bool]) -> None:
        """Let no time pass while ``ready`` is false, for ``patience`` wall seconds at most."""
        self._holds.append(ready)

    def wait(self, until: datetime) -> bool:
        """Wait on the seat of Cerebro's thread."""
        return self._main.wait(until)

    def wake(self) -> None:
        """Wake Cerebro's thread."""
        self._main.wake()

    def wait_at(self, seat: _StepSeat, until: datetime) -> bool:
        """Give the turn away, and return when it comes back."""
        with self._turn:
            seat.until = until
            if self._busy is seat:
                self._busy = None
            while True:
                if seat not in self._seats:
                    return True
                if self._busy is None and not self._moving and self._all_wait():
                    self._pass_on()
                if self._busy is seat:
                    woken, seat.woken, seat.until = seat.woken, False, None
                    return woken and self._now < until
                self._turn.wait()

    def wake_at(self, seat: _StepSeat) -> None:
        """Note that a seat is to be woken."""
        with self._turn:
            seat.woken = True
            self._turn.notify_all()

    def leave(self, seat: _StepSeat) -> None:
        """Take a seat away."""
        with self._turn:
            if seat in self._seats:
                self._seats.remove(seat)
            if self._busy is seat:
                self._busy = None
            self._turn.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._seats.clear()
            self._turn.notify_all()

    def _all_wait(self) -> bool:
        return all(seat.until is not None for seat in self._seats)

    def _pass_on(self) -> None:
        """Choose who works next, moving the venue if nobody has anything to do now."""
        self._away(self._hand.settle)
        chosen = self._choose()
        if chosen is None and self._seats:
            target = min(seat.until or FOREVER for seat in self._seats)
            if target == FOREVER:
                raise RuntimeError("lock-step: everybody waits, and for nothing")
            self._await_ready()
            self._away(lambda: self._move(target))
            chosen = self._choose()
        self._busy = chosen
        self._turn.notify_all()

    def _choose(self) -> _StepSeat | None:
        due = [
            seat
            for seat in self._seats
            if seat.until is not None and (seat.woken or seat.until <= self._now)
        ]
        return min(due, key=lambda seat: seat.rank, default=None)

    def _move(self, target: datetime) -> None:
        self._now = max(self._now, target)  # what is heard meanwhile was heard by then
        self._now = self._hand.advance(target)
        self.steps += 1

    def _await_ready(self) -> None:
        until = time.monotonic() + self.patience
        while not all(ready() for ready in self._holds) and time.monotonic() < until:
            self._away(lambda: time.sleep(0.005))

    def _away(self, do: Callable[[], None]) -> None:
        """Do something without the lock, so that other threads can wake seats meanwhile."""
        self._moving = True
        self._turn.release()
        try:
            do()
        finally:
            self._turn.acquire()
            self._moving = False
