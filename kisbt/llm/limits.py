"""Requests and tokens a minute, and how many at once: one limiter for all runs of a process."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WINDOW = 60.0
"""Seconds of the window that both limits hold in, wherever it is laid."""

MARGIN = 0.05
"""Seconds added to the window: the server sees a request a little later than it was sent."""


_SPAN = WINDOW + MARGIN
_ROUNDING = 1e-6


class Slot:
    """A booked start. ``tokens`` is an estimate until the answer corrects it."""

    __slots__ = ("at", "tokens")

    def __init__(self, at: float, tokens: int) -> None:
        self.at = at
        self.tokens = tokens


class CallLimiter:
    """Books starts in order of arrival, so that no minute holds more than the limits allow.

    Args:
        concurrency: Requests under way at once.
        requests_per_minute: ``None`` for no limit.
        tokens_per_minute: ``None`` for no limit. A request that is larger waits for an empty
            minute.
        clock: Seconds.
        sleep: How to wait.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._free = threading.BoundedSemaphore(concurrency)
        self._requests = requests_per_minute
        self._tokens = tokens_per_minute
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._booked: deque[Slot] = deque()
        self._paused_until = 0.0

    @contextmanager
    def slot(self, tokens: int) -> Iterator[Slot]:
        """Wait for a start, and hold one of the concurrent places while the block runs.

        Args:
            tokens: Estimate of what the request and its answer will take.
        """
        with self._free:
            slot = self._book(tokens)
            while (seconds := slot.at - self._clock()) > _ROUNDING:
                self._sleep(seconds)  # a pause may have moved the start meanwhile
            yield slot

    def pause(self, seconds: float) -> None:
        """Start nothing for ``seconds``: the server said so. Booked starts move behind it."""
        with self._lock:
            now = self._clock()
            self._paused_until = max(self._paused_until, now + seconds)
            waiting: list[Slot] = []
            while self._booked and self._booked[-1].at > now:
                waiting.append(self._booked.pop())
            for slot in reversed(waiting):
                self._place(slot, now)

    def _book(self, tokens: int) -> Slot:
        with self._lock:
            now = self._clock()
            slot = Slot(now, tokens)
            while self._booked and self._booked[0].at <= now - _SPAN:
                self._booked.popleft()
            self._place(slot, now)
            return slot

    def _place(self, slot: Slot, now: float) -> None:
        booked = self._booked
        at = max(now, self._paused_until, booked[-1].at if booked else now)
        if self._requests is not None and len(booked) >= self._requests:
            at = max(at, booked[-self._requests].at + _SPAN)
        if self._tokens is not None:
            at = self._with_tokens(at, slot.tokens, self._tokens)
        slot.at = at
        booked.append(slot)

    def _with_tokens(self, at: float, tokens: int, limit: int) -> float:
        """The first time from ``at`` on at which ``tokens`` more fit into the window before it."""
        room = limit - min(tokens, limit)
        taken = 0
        for earlier in reversed(self._booked):
            taken += earlier.tokens
            if taken > room:
                return max(at, earlier.at + _SPAN)
        return at
