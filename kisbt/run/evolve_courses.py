"""What every version did over the whole period: replayed once, kept by hash, cut at any day.

A replay is causal: its first days do not depend on later ones (``kisbt lookahead`` checks that). So
one replay to the period's end gives the course up to any day of a walk through it.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from kisbt.audit.legality import audit_fills
from kisbt.audit.trading_days import trading_days
from kisbt.config import Settings
from kisbt.domain.ports import Journal
from kisbt.errors import TradingSystemError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.memory import NullJournal
from kisbt.journal.writer import RunJournal
from kisbt.krx.costs import CostModel
from kisbt.report.writing import canonical_json, write_whole
from kisbt.rulebook.version import PromptVersion
from kisbt.run.backtest import run_info
from kisbt.run.evolve_workers import Workers
from kisbt.run.paired import DayReturns, session_returns
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.replay import Brain, Replayed, replay
from kisbt.run.spec import RunSpec


class Course(NamedTuple):
    """One replay, a value a session: close of equity and traded amount, won.

    ``breaches`` are days of fills that break a rule of the market. ``failed`` is why there is
    nothing else.
    """

    days: tuple[date, ...] = ()
    cash: int = 0
    equity: tuple[int, ...] = ()
    traded: tuple[int, ...] = ()
    breaches: tuple[date, ...] = ()
    failed: str = ""

    def until(self, last: date) -> DayReturns:
        """Returns, turnover and breaches as they stood on ``last``."""
        if self.failed:
            return DayReturns((), np.zeros(0), 0.0, 0, self.failed)
        count = sum(day <= last for day in self.days)
        levels = np.array([self.cash, *self.equity[:count]], dtype=np.float64)
        turnover = sum(self.traded[:count]) / max(float(levels[1:].mean()), 1.0) if count else 0.0
        breaches = sum(day <= last for day in self.breaches)
        return DayReturns(self.days[:count], levels[1:] / levels[:-1] - 1.0, turnover, breaches)

    def between(self, first: date, last: date) -> NDArray[np.float64]:
        """Daily returns from ``first`` to ``last``, both included."""
        return self.until(last).between(first, last)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        days, breaches = ([day.isoformat() for day in each] for each in (self.days, self.breaches))
        return {**self._asdict(), "days": days, "breaches": breaches}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Course":
        """Back from plain values."""
        days = {n: tuple(map(date.fromisoformat, raw[n])) for n in ("days", "breaches")}
        rest = {n: tuple(raw[n]) for n in ("equity", "traded")}
        return cls(**{**raw, **days, **rest})


def course_of(
    ready: Prepared,
    journal: Journal | None = None,
    brain: Brain | None = None,
    takeovers: Sequence[tuple[date, Brain]] = (),
) -> Course:
    """Replay what was prepared, net of costs.

    Args:
        ready: What to replay.
        journal: Told everything; ``None``: nobody is.
        brain: Who decides first; ``None``: the version that was prepared.
        takeovers: Who decides from which day on, in order.
    """
    spec = ready.spec
    ran = replay(
        ready.strategy,
        ready.tape,
        brain or ready.brain(),
        cash=spec.cash,
        limits=spec.limits,
        costs=CostModel.from_settings(spec.costs),
        fills=spec.fills,
        journal=journal or NullJournal(),
        takeovers=takeovers,
    )
    return _course(ready, ran)


def _course(ready: Prepared, ran: Replayed) -> Course:
    spec = ready.spec
    found = audit_fills(
        ran.fills,
        ready.dataset.bars,
        ready.dataset.instruments,
        start_cash=spec.cash,
        participation=spec.fills.participation,
        rates=(spec.costs.commission_rate, spec.costs.etf_commission_rate, spec.costs.tax),
        changes=ran.changes,
    )
    days, _ = session_returns(ran.equity, spec.cash)
    closes = {point.at.date(): point.equity for point in ran.equity}
    traded = dict.fromkeys(days, 0)
    for fill in ran.fills:
        traded[fill.at.date()] += fill.amount
    filled = {fill.number: fill.at.date() for fill in ran.fills}
    at = [filled.get(one.fill_number, days[0]) for one in found]
    return Course(
        days, spec.cash, tuple(closes[day] for day in days), tuple(traded.values()), tuple(at)
    )


_latest: list[Prepared] = []
"""What this process prepared last: the next version starts from its data and features."""


def be_ready(spec: RunSpec, settings: Settings) -> None:
    """Load what every later replay in this process needs."""
    _latest[:] = [prepare(spec, settings)]
    trading_days()


def course_job(spec: RunSpec, settings: Settings) -> Course:
    """One version's course, in any process. A version that cannot run is told as failed."""
    try:
        ready = prepare(spec, settings, _latest[0] if _latest else None)
        _latest[:] = [ready]
        return course_of(ready)
    except TradingSystemError as error:
        return Course(failed=str(error))


class Courses:
    """Courses of prompt versions over one period, made when first asked for.

    Args:
        folder: Where they are kept.
        settings: Where the versions lie.
        ready: The period, prepared for any of the versions.
        workers: Who replays.
        tell: Told of replays to come.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        ready: Prepared,
        *,
        workers: Workers,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._ready = ready
        self._workers = workers
        self._tell = tell
        self._known: dict[str, Course] = {}
        self.made = 0

    def of(self, versions: Sequence[PromptVersion]) -> list[Course]:
        """Courses in the order of ``versions``."""
        missing = [v for v in versions if self._kept(v.hash) is None]
        if missing:
            self._tell(f"replays {len(missing)}")
            specs = [self._spec(version) for version in missing]
            for version, course in zip(missing, self._make(specs), strict=True):
                self.put(version, course)
        return [self._known[version.hash] for version in versions]

    def begin(self) -> None:
        """Get the other processes ready for replays to come."""
        self._workers.begin(be_ready, self._ready.spec, self._settings)

    def put(self, version: PromptVersion, course: Course) -> None:
        """Keep a version's course."""
        write_whole(self._file(version.hash), canonical_json(course.as_json()))
        self._known[version.hash] = course
        self.made += 1

    def journaled(self, version: PromptVersion, db: DatabaseManager, run_id: str) -> None:
        """Have the version's replay in ``db``, made when it is not there yet."""
        self._tell(f"journal {version.number}")
        ready = prepare(self._spec(version), self._settings, self._ready)
        course = journaled(ready, db, run_id, self._settings, lambda j: course_of(ready, j))
        if course is not None:
            self.put(version, course)

    def _make(self, specs: Sequence[RunSpec]) -> list[Course]:
        _latest[:] = [self._ready]
        return self._workers.map(course_job, specs, self._settings)

    def _spec(self, version: PromptVersion) -> RunSpec:
        return self._ready.spec.model_copy(update={"prompt": version.number})

    def _kept(self, name: str) -> Course | None:
        if name not in self._known:
            try:
                raw = orjson.loads(self._file(name).read_bytes())
            except (OSError, orjson.JSONDecodeError):
                return None
            self._known[name] = Course.from_json(raw)
        return self._known[name]

    def _file(self, name: str) -> Path:
        return self._folder / f"{name.removeprefix('sha256:')[:24]}.json"


def journaled(
    ready: Prepared,
    db: DatabaseManager,
    run_id: str,
    settings: Settings,
    work: Callable[[Journal], Course],
) -> Course | None:
    """Do ``work`` as run ``run_id`` of ``db``, whole: one that was interrupted is made again.

    ``None`` when it is there already.
    """
    known = {run.run_id: run.status for run in db.runs()}.get(run_id)
    if known == "finished":
        return None
    if known is None:
        db.begin_run(run_info(ready, settings).model_copy(update={"run_id": run_id}))
    else:
        db.discard_run(run_id)
        db.resume_run(run_id)
    journal = RunJournal(db, run_id)
    try:
        found = work(journal)
        journal.close()
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        db.finish_run(run_id, "interrupted" if stopped else "failed")
        raise
    db.finish_run(run_id, "finished")
    return found
