"""The worker of a store: reads history, then lets the source publish bars as they fall due."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from kisbt.adapter.bars import BarSet
from kisbt.adapter.intake import Intake, Source
from kisbt.adapter.live_clock import LiveClock
from kisbt.errors import TradingSystemError

AGAIN = 10.0
"""Wall seconds after which it goes on behind an error."""

AFTER_LAST = timedelta(hours=2)
"""A source that wants its next turn so long after the last wanted bar has published all."""


class LiveWorker:
    """One thread, which fills the intake and touches nothing else.

    Args:
        source: Publishes bars into the intake.
        intake: Told of troubles, and of the end.
        clock: Venue time; the worker has a seat of its own at it.
        history: Reads what lies before the first live bar.
        until: The last bar that is wanted.
    """

    def __init__(
        self,
        source: Source,
        intake: Intake,
        clock: LiveClock,
        history: Callable[[], Iterable[BarSet]],
        until: datetime | None,
    ) -> None:
        self._source, self._intake, self._clock = source, intake, clock
        self._history, self._until = history, until
        self._stopping = threading.Event()
        self.seat = clock.seat("store")
        self._thread = threading.Thread(target=self._run, name="kis-store", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def started(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stop(self, seconds: float = 10.0) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self.seat.leave()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            for bars in self._history():
                self._intake.publish(bars)
            while not self._stopping.is_set():
                due = self._step()
                if self._until is not None and due > self._until + AFTER_LAST:
                    break
                self.seat.wait(due)
        except Exception as error:  # the thread's outermost guard: say it and let the feeds end
            self._intake.say("alert", f"시세 스레드가 멈춤: {type(error).__name__}: {error}")
        self._intake.finish()
        self.seat.leave()

    def _step(self) -> datetime:
        try:
            return self._source.step()
        except TradingSystemError as error:
            self._intake.say("warning", str(error))
            return self._clock.now() + max(self._clock.lapse(AGAIN), timedelta(seconds=1))
