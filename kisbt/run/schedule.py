"""A reflection every week, made up for after downtime, told to whoever listens.

The ``schedule`` library keeps the rhythm, on the venue's clock (naive KST) and not the machine's.
A week counts as reflected on when the journal says so; one that was slept through is made up for
at once. A reflection goes on where it was interrupted, so stopping it loses nothing.
"""

import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple, Protocol

import schedule

from kisbt.errors import ConfigError, TradingSystemError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.reflections import Reflections

logger = logging.getLogger("kisbt.reflect")

DONE = "정기 반성"
"""How the journal's alert about a finished scheduled reflection begins."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class StoppedError(TradingSystemError):
    """A reflection was asked to stop between two steps; it goes on next time."""


class Waiting(Protocol):
    """Waits: a clock that a test can turn."""

    def now(self) -> datetime:
        """Naive KST."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Return after ``seconds``, or earlier when ``stop`` is set."""
        ...


class WallClock:
    """Real time."""

    def now(self) -> datetime:
        """Naive KST."""
        from kisbt.krx.calendar import now

        return now()

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """See ``Waiting``."""
        stop.wait(seconds)


class Rhythm(NamedTuple):
    """When to reflect: a weekday (Monday is 0) and a time of day, KST."""

    weekday: int = 6
    at: time = time(18)

    def before(self, moment: datetime) -> datetime:
        """The latest time at or before ``moment``."""
        day = moment.date() - timedelta(days=(moment.weekday() - self.weekday) % 7)
        found = datetime.combine(day, self.at)
        return found if found <= moment else found - timedelta(days=7)

    def after(self, moment: datetime) -> datetime:
        """The first time after ``moment``."""
        return self.before(moment) + timedelta(days=7)


SUNDAY = Rhythm()


def rhythm_of(text: str) -> Rhythm:
    """``sun 18:00`` and the like.

    Raises:
        ConfigError: not a weekday and a time.
    """
    match = re.fullmatch(r"\s*([A-Za-z]{3,9})\s+(\d{1,2}):(\d{2})\s*", text)
    days = [] if match is None else [d for d in WEEKDAYS if d.startswith(match[1].lower())]
    if match is None or len(days) != 1 or int(match[2]) > 23 or int(match[3]) > 59:
        raise ConfigError(f"'{text}' is no weekday and time", hint='use "sun 18:00" (KST)')
    return Rhythm(WEEKDAYS.index(days[0]), time(int(match[2]), int(match[3])))


class VenueJob(schedule.Job):
    """A weekly job on a clock of its own: whatever the machine's time zone, KST counts."""

    def __init__(self, scheduler: "VenueScheduler", rhythm: Rhythm) -> None:
        super().__init__(1, scheduler)
        self.unit = "weeks"
        self.start_day = WEEKDAYS[rhythm.weekday]
        self.at_time = rhythm.at
        self._rhythm = rhythm
        self._clock = scheduler.clock

    @property
    def should_run(self) -> bool:
        """Whether its time has come."""
        return self.next_run is not None and self._clock() >= self.next_run

    def _schedule_next_run(self) -> None:
        self.next_run = self._rhythm.after(self._clock())


class VenueScheduler(schedule.Scheduler):
    """``schedule.Scheduler`` on the venue's clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.clock = clock

    def weekly(self, rhythm: Rhythm, work: Callable[[], Any]) -> VenueJob:
        """Do ``work`` every week."""
        job = VenueJob(self, rhythm)
        job.do(work)
        return job


class Patience(NamedTuple):
    """How a failed reflection is tried again: how often, and after how many seconds, doubling."""

    attempts: int = 4
    seconds: float = 300.0


PATIENT = Patience()


class Weekly:
    """Reflects every week until it is told to stop.

    Args:
        reflect: Makes one reflection and tells its outcome in a line; called with what tells of
            steps, which raises ``StoppedError`` when it is time to stop.
        last: When the journal was last reflected on, naive KST, if ever.
        notify: Told level and line of every outcome.
        rhythm: When.
        clock: Tells time and waits.
        patience: How failures are met.
    """

    def __init__(
        self,
        reflect: Callable[[Callable[[str], None]], str],
        last: Callable[[], datetime | None],
        notify: Callable[[str, str], None],
        *,
        rhythm: Rhythm = SUNDAY,
        clock: Waiting | None = None,
        patience: Patience = PATIENT,
    ) -> None:
        self._reflect = reflect
        self._last = last
        self._notify = notify
        self._rhythm = rhythm
        self._clock = clock or WallClock()
        self._patience = patience
        self.stop = threading.Event()

    def run(self) -> None:
        """Catch up, then reflect every week; returns when ``stop`` is set."""
        if self.overdue():
            self._once()
        scheduler = VenueScheduler(self._clock.now)
        job = scheduler.weekly(self._rhythm, self._once)
        while not self.stop.is_set():
            assert job.next_run is not None  # set when the job was made
            idle = (job.next_run - self._clock.now()).total_seconds()
            # Sleep in pieces: a machine that was suspended finds out within a minute.
            self._clock.wait(self.stop, min(max(idle, 0.0), 60.0))
            if not self.stop.is_set():
                scheduler.run_pending()

    def overdue(self) -> bool:
        """Whether the latest appointed time passed without a reflection since."""
        last = self._last()
        return last is None or last < self._rhythm.before(self._clock.now())

    def _once(self) -> None:
        wait = self._patience.seconds
        for attempt in range(1, self._patience.attempts + 1):
            try:
                told = self._reflect(self._step)
            except StoppedError:
                self._notify("info", "반성을 멈췄습니다. 다음에 이어서 합니다.")
                return
            except TradingSystemError as error:
                if attempt == self._patience.attempts:
                    self._notify("alert", f"반성 실패 ({attempt}번 시도): {error}")
                    return
                logger.warning("reflection failed, attempt %d: %s", attempt, error)
                self._clock.wait(self.stop, wait)
                if self.stop.is_set():
                    return
                wait *= 2
            else:
                self._notify("info", f"{DONE}: {told}")
                return

    def _step(self, what: str) -> None:
        logger.info("%s", what)
        if self.stop.is_set():
            raise StoppedError("stopped between two steps")


def last_reflection(db: DatabaseManager) -> datetime | None:
    """When this journal was last reflected on, by hand or by schedule; naive KST.

    A reflection over the same evidence keeps its first time, so notices of scheduled ones count,
    too.
    """
    told = [one.created_at for one in Reflections(db).all()]
    told += [one.at for one in Controls(db).alerts(limit=200) if one.message.startswith(DONE)]
    return max((from_iso(at) for at in told), default=None)


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Set ``stop`` on SIGINT and SIGTERM instead of dying; a second signal ends at once."""
    names = [name for name in ("SIGINT", "SIGTERM") if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}

    def heard(_number: int, _frame: Any) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)

    for name in names:
        signal.signal(getattr(signal, name), heard)
    try:
        yield
    finally:
        restore()
