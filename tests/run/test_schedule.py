"""The weekly rhythm on a clock that a test turns."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.errors import ConfigError, JournalError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.run.schedule import (
    DONE,
    Patience,
    Rhythm,
    Weekly,
    last_reflection,
    rhythm_of,
    stopping,
)

SUNDAY = datetime(2026, 11, 22, 18)
MONDAY = datetime(2026, 11, 23, 9)


class TurnedClock:
    """Waiting turns it; it stops the rhythm at ``end``."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.at, self.end = start, end
        self.rhythm: Weekly | None = None

    def now(self) -> datetime:
        return self.at

    def wait(self, stop: threading.Event, seconds: float) -> None:
        self.at += timedelta(seconds=max(seconds, 1.0))
        if self.at >= self.end:
            stop.set()


class Diary:
    """What was reflected when, and what was told."""

    def __init__(self, clock: TurnedClock, failures: int = 0) -> None:
        self.clock, self.failures = clock, failures
        self.made: list[datetime] = []
        self.told: list[tuple[str, str]] = []

    def reflect(self, step: Callable[[str], None]) -> str:
        step("trips")
        if self.failures:
            self.failures -= 1
            raise JournalError("the journal is locked")
        self.made.append(self.clock.now())
        return f"RF-{len(self.made)}"

    def notify(self, level: str, line: str) -> None:
        self.told.append((level, line))

    def last(self) -> datetime | None:
        return self.made[-1] if self.made else None


def lived(
    start: datetime, weeks: float, *, last: datetime | None = None, failures: int = 0
) -> Diary:
    clock = TurnedClock(start, start + timedelta(weeks=weeks))
    diary = Diary(clock, failures)
    if last is not None:
        diary.made.append(last)
    weekly = Weekly(
        diary.reflect, diary.last, diary.notify, clock=clock, patience=Patience(3, 60.0)
    )
    weekly.run()
    return diary


def test_it_reflects_every_sunday_at_six() -> None:
    diary = lived(MONDAY, 3, last=SUNDAY)
    assert [at.strftime("%a %H:%M") for at in diary.made[1:]] == ["Sun 18:00"] * 3
    assert [level for level, _ in diary.told] == ["info"] * 3
    assert diary.told[0][1].startswith(DONE)


def test_a_week_that_was_slept_through_is_made_up_for_at_once() -> None:
    diary = lived(MONDAY, 0.5, last=SUNDAY - timedelta(days=1))
    assert diary.made[1:] == [MONDAY]


def test_a_week_that_was_reflected_on_is_not_reflected_on_again() -> None:
    assert lived(MONDAY, 0.5, last=SUNDAY + timedelta(minutes=3)).made[1:] == []


def test_a_journal_never_reflected_on_is_overdue() -> None:
    assert lived(MONDAY, 0.5).made == [MONDAY]


def test_a_failure_is_tried_again_after_a_growing_pause() -> None:
    diary = lived(MONDAY, 0.5, failures=2)
    assert diary.made == [MONDAY + timedelta(seconds=60 + 120)]
    assert [level for level, _ in diary.told] == ["info"]


def test_who_fails_again_and_again_is_told_and_next_week_comes() -> None:
    diary = lived(MONDAY, 1.2, failures=3)
    assert diary.told[0][0] == "alert"
    assert "the journal is locked" in diary.told[0][1]
    assert [at.strftime("%a") for at in diary.made] == ["Sun"]


def test_a_stop_ends_a_reflection_between_two_steps() -> None:
    clock = TurnedClock(MONDAY, MONDAY + timedelta(weeks=1))
    diary = Diary(clock)

    def reflect(step: Callable[[str], None]) -> str:
        weekly.stop.set()
        return diary.reflect(step)

    weekly = Weekly(reflect, diary.last, diary.notify, clock=clock)
    weekly.run()
    assert diary.made == []
    assert [level for level, _ in diary.told] == ["info"]
    assert not diary.told[0][1].startswith(DONE)


def test_a_signal_stops_in_good_order_and_a_second_one_is_the_old_one() -> None:
    stop = threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    with stopping(stop):
        assert signal.getsignal(signal.SIGTERM) is not before
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
        assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGTERM) is before


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    weekday=st.integers(0, 6),
    at=st.times(),
)
def test_a_time_of_the_rhythm_is_never_more_than_a_week_away(
    moment: datetime, weekday: int, at: time
) -> None:
    rhythm = Rhythm(weekday, at)
    before, after = rhythm.before(moment), rhythm.after(moment)
    assert before <= moment < after
    assert after - before == timedelta(days=7)
    assert (before.weekday(), before.time()) == (weekday, at)


@pytest.mark.parametrize("text", ["sunday", "s 18:00", "sun 24:00", "sun 12:60", "xyz 10:00", ""])
def test_what_is_no_time_of_a_week_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no weekday and time"):
        rhythm_of(text)


def test_days_may_be_shortened() -> None:
    assert rhythm_of("sun 18:00") == rhythm_of("Sunday 18:00") == Rhythm(6, time(18))
    assert rhythm_of("wed 7:05") == Rhythm(2, time(7, 5))


def test_the_journal_knows_when_it_was_last_reflected_on(tmp_path: Path) -> None:
    with DatabaseManager(f"sqlite:///{tmp_path / 'journal.sqlite'}") as db:
        assert last_reflection(db) is None
        Controls(db).alert(None, "alert", "반성 실패 (3번 시도)", at=MONDAY)
        assert last_reflection(db) is None
        Controls(db).alert(None, "info", f"{DONE}: RF-1", at=SUNDAY)
        assert last_reflection(db) == SUNDAY
