"""The rate limiter that all threads and processes of one key share."""

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson

from kisbt.kis.endpoints import Family
from kisbt.kis.private_files import locked, private_folder
from kisbt.kis.window import Budget, Window

TOTAL, LEDGER = "total", "ledger"

AFTER_FAILURE = 1.0
"""Seconds for which a call without an answer may still be on its way to the server."""


class RateLimiter:
    """Hands out starts, in order of arrival, urgent ones first.

    With a ``path``, processes share it through that file; without one, only threads do.

    Args:
        per_second: Calls a second of the key.
        ledger_per_second: The limit of account and order calls on top of it, if any.
        path: State file; its lock file is beside it.
        clock: Seconds of a clock that all processes share (``time.monotonic`` is system-wide).
        sleep: How to wait.
    """

    def __init__(
        self,
        per_second: float,
        *,
        ledger_per_second: float | None = None,
        path: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        budgets = {TOTAL: Budget.per_second(per_second)}
        if ledger_per_second is not None:
            budgets[LEDGER] = Budget.per_second(ledger_per_second)
        resolution = time.get_clock_info("monotonic").resolution
        self._window = Window(budgets, margin=max(0.002, 2 * resolution))
        self._path = path
        self._clock, self._sleep = clock, sleep
        self._turns = _Turns()
        self._state_lock = threading.Lock()
        self._numbers = itertools.count(1)
        if path is not None:
            private_folder(path.parent)

    @contextmanager
    def slot(self, family: Family, *, urgent: bool = False) -> Iterator[None]:
        """Wait until a call of ``family`` may start, and count it while the block runs.

        Leave the block when the answer is complete.
        """
        groups = self._groups(family)
        id = f"{os.getpid()}-{next(self._numbers)}"
        with self._turns.take(0 if urgent else 1):
            while (seconds := self._try(id, groups)) > 0:
                self._sleep(seconds)
        try:
            yield
        except BaseException:
            self._finish(id, AFTER_FAILURE)
            raise
        self._finish(id, 0.0)

    def throttled(self, seconds: float = 1.0) -> None:
        """Start nothing for ``seconds``: the server rejected a call for its rate."""
        with self._state():
            self._window.hold(self._clock() + seconds)

    def load(self) -> float:
        """Share of the tightest budget that calls of the last window use now, 0..1.

        All processes of the key count, as far as this one has heard of them.
        """
        with self._state_lock:
            now, window = self._clock(), self._window
            shares = [
                sum(
                    group in slot.groups
                    and (slot.answered is None or slot.answered > now - budget.seconds)
                    for slot in window.slots
                )
                / budget.calls
                for group, budget in window.budgets.items()
            ]
        return min(max(shares, default=0.0), 1.0)

    def _groups(self, family: Family) -> tuple[str, ...]:
        ledger = family in (Family.ACCOUNT, Family.ORDER) and LEDGER in self._window.budgets
        return (TOTAL, LEDGER) if ledger else (TOTAL,)

    def _try(self, id: str, groups: tuple[str, ...]) -> float:
        with self._state():
            now = self._clock()
            seconds = self._window.wait(groups, now)
            if seconds <= 0:
                self._window.start(id, groups, now)
            return seconds

    def _finish(self, id: str, grace: float) -> None:
        with self._state():
            self._window.answer(id, self._clock() + grace)

    @contextmanager
    def _state(self) -> Iterator[None]:
        """Hold the shared state: read it, let the block change it, write it back."""
        with self._state_lock:
            if self._path is None:
                self._window.forget(self._clock())
                yield
                return
            with locked(self._path.with_suffix(".lock")):
                self._read(self._path)
                self._window.forget(self._clock())
                yield
                _write(self._path, self._window.dump())

    def _read(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        try:
            self._window.load(orjson.loads(content))
        except (ValueError, TypeError, KeyError, AttributeError):
            # a process died while writing: what was in flight is unknown, so sit out a window
            self._window.load({"slots": [], "next": {}, "held": 0.0})
            self._window.hold(self._clock() + AFTER_FAILURE)


def _write(path: Path, state: Mapping[str, object]) -> None:
    """Overwrite in place; the caller holds the lock, and a torn file is recognised."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o600)
    try:
        os.write(handle, orjson.dumps(state))
    finally:
        os.close(handle)


class _Turns:
    """One thread at a time, the most urgent first, then by arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._busy = False

    @contextmanager
    def take(self, rank: int) -> Iterator[None]:
        with self._changed:
            ticket = (rank, next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            try:
                self._changed.wait_for(lambda: not self._busy and self._waiting[0] == ticket)
            except BaseException:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._changed.notify_all()
                raise
            heapq.heappop(self._waiting)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
