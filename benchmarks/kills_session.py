"""One session of ``kisbt live`` as a subprocess: led through its days, killed, started again."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from kisbt.data.dataset import Dataset
from kisbt.journal.record import iso
from kisbt.krx import calendar
from kisbt.run.chaos_points import Wire
from kisbt.sim.exchange.hours import day_times
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

CRAWL = 20.0
"""Speed by itself; a session is led through its days by leaps besides. The process measures this
pace as it starts, and takes leaps as it takes the nights that a simulator skips."""

BEAT = 0.015
"""Wall seconds between two looks at the journal, and two leaps."""

CALM = 1.2
"""Wall seconds without a request after which a process that starts is ready."""

PATIENT = 6.0
"""Wall seconds for which the venue is kept slow so that what is due gets done."""

START = 120.0
"""Wall seconds that a process may take to start; KIS gives a token once a minute."""

PATIENCE = 400.0
"""Wall seconds that a session may take in all."""

MOST = 20
"""Processes of one session."""

OPEN = "('intent', 'sent', 'unknown')"
EARLY, MINUTE = timedelta(seconds=12), timedelta(minutes=1)
STEP = timedelta(minutes=7)


class _NeverUpError(Exception):
    """One process after the other ended by itself."""


@dataclass(frozen=True)
class _Kill:
    """When a process is to die: after so many order events of it, once up, or from its start."""

    events: int | None
    after: float
    from_start: bool
    away: timedelta


def plan_kills(seed: int) -> list[_Kill]:
    """One to three."""
    dice = random.Random(f"{seed}:kill -9")
    kills = []
    for _ in range(1 + seed % 3):
        kind, events = dice.random(), dice.randint(1, 9)
        away = timedelta(minutes=dice.choice([0, 0, 1, 7, 45, 400]))
        if kind < 0.75:
            kills.append(_Kill(events, dice.uniform(0.0, 0.05), False, away))
        else:
            kills.append(_Kill(None, dice.uniform(0.0, 2.5), kind > 0.87, away))
    return kills


@dataclass
class Session:
    """One session: the venue here, the process there. Also what ``judge`` asks for."""

    folder: Path
    dataset: Dataset
    running: RunningSimulator
    seed: int
    url: str
    scope: str
    kills: list[_Kill]
    sessions: list[date]
    processes: int = 0
    killed: int = 0
    stale: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    while_halted: list[str] = field(default_factory=list)
    foreign: set[tuple[date, int]] = field(default_factory=set)
    closes: dict[datetime, dict[str, int]] = field(default_factory=dict)
    wire: Wire = field(default_factory=lambda: Wire(lambda _point: None))
    _process: subprocess.Popen[bytes] | None = None
    _journal: sqlite3.Connection | None = None
    _events_before: int = 0
    _due: float | None = None
    _since: tuple[str, float] = ("", 0.0)

    @property
    def sim(self) -> Simulator:
        """The venue."""
        return self.running.sim

    def account(self) -> tuple[int, dict[str, int]]:
        """Cash and shares as the venue has them. It must stand still."""
        (account,) = self.sim.floor.accounts.values()
        held = {t: p.quantity for t, p in account.positions.items() if p.quantity}
        return account.ledger.cash, held

    def run(self) -> None:
        """Trade, be killed, start again, settle, end."""
        until = time.monotonic() + PATIENCE
        quiet = self.sessions[-1]
        healed = False
        try:
            self._start()
            while True:
                if time.monotonic() > until:
                    self.errors.append(f"not over after {PATIENCE:.0f} s, at {self._now()}")
                    return
                now = self._now()
                if not healed and now.date() >= quiet:
                    healed, self.kills = True, []
                    self.running.call(lambda sim: sim.load_faults(FaultProfile()))
                if healed and self._decided(quiet) and not self._open_before(quiet):
                    return
                self._lead(now)
                self._beat()
        except _NeverUpError as error:
            self.errors.append(str(error))
        finally:
            self._end()

    # the process

    def _start(self) -> None:
        self.processes += 1
        self._events_before = self._one("SELECT count(*) FROM order_events")
        taken = f"SELECT count(*) FROM runs WHERE heartbeat_at > '{iso(calendar.now())}'"
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("KIS_", "KISBT_"))}
        environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        with (self.folder / "errors.txt").open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from kisbt.cli import main; main()", "live", "--mock",
                 "--config-dir", ".", "--prompt", "1", "--json"],
                cwd=self.folder, env=environ, stdout=subprocess.DEVNULL, stderr=errors,
                creationflags=group,
            )  # fmt: skip
        next_kill = self.kills[0] if self.kills else None
        self._due = None
        if next_kill is not None and next_kill.from_start:
            self._due = time.monotonic() + next_kill.after
        patience = time.monotonic() + START
        while not self._one(taken):
            if not self._beat() or time.monotonic() > patience:
                return
        if next_kill is not None and next_kill.events is None and not next_kill.from_start:
            self._due = time.monotonic() + next_kill.after
        asked, quiet = -1, time.monotonic() + CALM
        while time.monotonic() < min(quiet, patience):  # it reads the past
            before, asked = asked, sum(door.front.requests for door in self.sim.doors.values())
            if asked != before:
                quiet = time.monotonic() + CALM
            if not self._beat():
                return

    def _beat(self) -> bool:
        """Wait a little; kill if it is time; start again what is gone. False if it was started."""
        time.sleep(BEAT)
        process = self._process
        assert process is not None
        if self.kills and self._due is None and self.kills[0].events is not None:
            events = self._one("SELECT count(*) FROM order_events") - self._events_before
            if events >= self.kills[0].events:
                self._due = time.monotonic() + self.kills[0].after
        if self.kills and self._due is not None and time.monotonic() >= self._due:
            process.kill()
            process.wait()
            self.killed += 1
            away = self.kills.pop(0).away
            target = min(self._now() + away, day_times(self.sessions[-1]).entry)
            self.running.call(lambda sim: sim.advance_to(max(sim.now, target)))
        elif process.poll() is None:
            return True
        else:  # it could not start, or gave up: somebody starts it again a little later
            self.running.call(lambda sim: sim.advance_to(sim.now + MINUTE))
        if self.processes > MOST:
            raise _NeverUpError(f"{MOST} processes, and none lives")
        self._start()
        return False

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        polite = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)
        if process.poll() is None:
            process.send_signal(polite)
        try:
            code = process.wait(60.0)
            if code != 0:
                self.errors.append(f"asked to end, it ended with {code}")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.errors.append("asked to end, it did not within a minute")
        if self._journal is not None:
            self._journal.close()
        text = (self.folder / "errors.txt").read_text(encoding="utf-8", errors="replace")
        if "Traceback" in text:
            self.errors.append(text[text.index("Traceback") :][-400:])

    # the venue's time

    def _now(self) -> datetime:
        return self.running.call(lambda sim: sim.now)

    def _lead(self, now: datetime) -> None:
        """Leap ahead, as far as nothing that is due now is missed."""
        day = now.date()
        if not calendar.is_session(day):
            target = day_times(calendar.next_session(day)).entry
        else:
            times = day_times(day)
            if now < times.entry:
                target = times.entry
            elif now < times.open:
                busy = self._within_patience(f"open {day}") and self._one(
                    f"SELECT count(*) FROM orders WHERE state IN {OPEN}"
                )
                target = min(now + (EARLY if busy else 5 * MINUTE), times.open)
            elif now < times.close:
                target = min(now + STEP, times.close)
            elif not self._decided(day) and self._within_patience(f"close {day}"):
                target = now + 2 * EARLY
            else:
                target = day_times(calendar.next_session(day)).entry
            if target.date() > self.sessions[-1]:
                target = now + MINUTE
        self.running.call(lambda sim: sim.advance_to(max(sim.now, target)))

    def _within_patience(self, what: str) -> bool:
        if self._since[0] != what:
            self._since = what, time.monotonic()
        return time.monotonic() - self._since[1] < PATIENT

    # the journal, as others see it

    def _decided(self, day: date) -> int:
        return self._one(f"SELECT count(*) FROM ticks WHERE at LIKE '{day}%'")

    def _open_before(self, day: date) -> int:
        """Orders decided before that day's close that have no end yet."""
        return self._one(
            "SELECT count(*) FROM orders WHERE state NOT IN"
            f" ('filled', 'cancelled', 'rejected', 'expired') AND created_at < '{day}T12'"
        )

    def _one(self, query: str) -> int:
        path = self.folder / "results" / "journal.sqlite"
        try:
            if self._journal is None:
                self._journal = sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True)
            return int(self._journal.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # not there yet
            return 0
