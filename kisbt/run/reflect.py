"""``kisbt reflect`` without its terminal: everything around the reflection graph.

Learns on development days only. The last ``gate.holdout_days`` sessions of the data, and an embargo
before them, are kept from reflection and opened by the gate alone.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kisbt.config import Settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.errors import ConfigError, TradingSystemError
from kisbt.gate.gate import Gate
from kisbt.gate.registry import Window
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import Scope, first_session, sources
from kisbt.journal.reflections import Reflections
from kisbt.krx import calendar
from kisbt.krx.calendar import add_sessions
from kisbt.reflection_graph.graph import reflect
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.state import Asker, KISFigures, Options, ReflectionState, Workbench
from kisbt.reflection_graph.steps import StepStore, input_hash
from kisbt.report.learning import write_learning
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.gate_trial import GateTrial, Windows
from kisbt.run.learning_facts import learning_facts
from kisbt.run.order import Order, specs_of
from kisbt.run.paired import DayReturns, day_returns
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.rollback import Watched, watch
from kisbt.run.spec import RunSpec

MODES = ("backtest", "sim", "paper", "real")
USUAL_HOLDING = 20

RECORDED = {
    "ko": "모델에게 다시 묻지 않았습니다. 모든 후보는 현재 버전이 받은 기록된 답을 그대로 따르고, "
    "바뀐 규칙은 위험 검토(노드 4)가 집행합니다. 바뀐 프롬프트를 읽은 모델의 답은 재지 않았습니다.",
    "en": "The model was not asked again: every candidate follows the recorded plans of the "
    "version in force, and node 4 enforces its changed rules. What the model would answer to the "
    "changed prompt was not measured.",
}
"""How candidates are tried where a model decides; the page says it."""


class ReflectOrder(NamedTuple):
    """The command line of ``kisbt reflect``; ``None`` takes the settings' value."""

    since: date | None = None
    until: date | None = None
    runs: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    dry_run: bool = False
    candidates: int | None = None
    require_approval: bool = False
    jobs: int = 1


class Reflected(NamedTuple):
    """One finished reflection: its id, all results, the champion, and the learning report.

    ``watched`` is the look at the version in force before it: it may have gone back.
    """

    reflection: str
    state: ReflectionState
    champion: PromptVersion
    windows: Windows | None
    why_untried: str
    report: Path
    watched: Watched | None = None


def run_reflection(
    order: ReflectOrder,
    settings: Settings,
    *,
    asker: Asker | None = None,
    kis: KISFigures | None = None,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], Any] | None = None,
) -> Reflected:
    """Reflect on the journal and, unless it is a dry run, try and promote what was learnt.

    The same order over the same journal is the same reflection: interrupted, it goes on.

    Args:
        order: What to reflect on.
        settings: Where things lie.
        asker: The model of M2, if any.
        kis: KIS's own figures for live periods, if any.
        tell: Told of each piece of work.
        clock: Naive KST for versions, the ledger and reports; a walk through history has its own.

    Raises:
        TradingSystemError: options, journal, prompts, data or gate.
    """
    for mode in order.modes:
        if mode not in MODES:
            raise ConfigError(f"unknown mode '{mode}'", hint=f"one of {', '.join(MODES)}")
    chosen = settings.reflection
    catalogue = {feature.name: feature for feature in FEATURES}
    timed = {} if clock is None else {"clock": clock}
    prompts = PromptStore(settings.folder("prompts"), catalogue=catalogue, **timed)
    with DatabaseManager(settings.journal_url(), create=False) as db:
        watched = look_after(db, prompts, settings, order, tell, clock)
        champion = prompts.current()
        scope = Scope(since=order.since, until=order.until, runs=order.runs, modes=order.modes)
        ready, why = _prepared(db, scope, champion, settings)
        longest = champion.policy.max_holding_days or USUAL_HOLDING
        windows = None if ready is None else windows_of(ready, settings, longest, order.until)
        if windows is not None:
            scope = scope.model_copy(update={"until": _learn_until(db, scope, windows)})
        material = Material(db, scope, champion.policy, chosen.horizon, tell)
        if not material.sources:
            raise ConfigError(
                "no run to learn from", hint="make one with kisbt backtest, or widen the options"
            )
        options = _options(order, settings)
        reflection = reflection_id(material, champion, options)
        trial = None
        if ready is not None and windows is not None and not order.dry_run:
            gate = Gate(db, settings.gate, **timed)
            trial = GateTrial(
                gate, prompts, settings, ready.spec, ready.dataset.hash, windows,
                longest_holding=longest, jobs=order.jobs, tell=tell,
            )  # fmt: skip
        folder = settings.folder("results") / "reflections" / reflection
        memory = _Memory(Reflections(db, **timed), reflection, scope.until)
        bench = Workbench(
            reflection, db, material, champion, prompts, StepStore(folder), options, memory,
            trial=trial, asker=asker, kis=kis, tell=tell,
        )  # fmt: skip
        state = reflect(bench)
        plain = None if windows is None else windows.as_json()
        earlier = Reflections(db).all()
        facts = learning_facts(bench, state, plain, why, earlier)
        page = write_learning(facts, folder / "learning.html", settings.lang)
    return Reflected(reflection, state, champion, windows, why, page, watched)


def look_after(
    db: DatabaseManager,
    prompts: PromptStore,
    settings: Settings,
    order: ReflectOrder,
    tell: Callable[[str], None],
    clock: Callable[[], Any] | None = None,
) -> Watched | None:
    """Step 9 before anything is learnt: take the version in force back if it does harm.

    A dry run only tells. Of a journal or data that cannot replay the two versions only the live
    days are looked at.
    """

    def replays(versions: Sequence[PromptVersion]) -> list[DayReturns]:
        tell(f"guard {versions[0].number} / {versions[1].number}")
        return beside(versions, db, settings, last=order.until, jobs=order.jobs)

    return watch(
        db, prompts, settings, replays=replays, move=not order.dry_run,
        clock=clock or calendar.now,
    )  # fmt: skip


def beside(
    versions: Sequence[PromptVersion],
    db: DatabaseManager,
    settings: Settings,
    *,
    last: date | None = None,
    jobs: int = 1,
) -> list[DayReturns]:
    """Replay a version and others beside it, as its latest backtest had it, until ``last``."""
    ready, why = _prepared(db, Scope(), versions[0], settings)
    if ready is None:
        return [DayReturns((), np.zeros(0), 0.0, 0, failed=why)] * len(versions)
    until = {} if last is None else {"last": last}
    specs = [ready.spec.model_copy(update={"prompt": v.number, **until}) for v in versions]
    return day_returns(specs, settings, jobs=jobs)


def reflection_id(material: Material, champion: PromptVersion, options: Options) -> str:
    """The same for the same evidence, champion and options."""
    told = options.model_dump(mode="json", exclude={"dry_run", "require_approval", "commit"})
    return "RF-" + input_hash(material.fingerprint, champion.hash, told)[7:17]


class _Memory:
    """What earlier reflections tried, as of the end of the development days."""

    def __init__(self, kept: Reflections, reflection: str, until: date | None) -> None:
        self._kept, self._reflection, self._until = kept, reflection, until

    def rejected(self) -> list[Any]:
        return self._kept.rejected(until=self._until, but=self._reflection)


def _options(order: ReflectOrder, settings: Settings) -> Options:
    chosen = settings.reflection
    return Options(
        seed=chosen.seed,
        candidates=order.candidates or chosen.candidates,
        block=settings.gate.block,
        discovery_level=chosen.discovery_level,
        least_rows=chosen.least_rows,
        least_changed=chosen.least_changed,
        least_dates=chosen.least_dates,
        require_approval=order.require_approval or chosen.require_approval,
        commit=chosen.commit,
        dry_run=order.dry_run,
    )


def _prepared(
    db: DatabaseManager, scope: Scope, champion: PromptVersion, settings: Settings
) -> tuple[Prepared | None, str]:
    """The champion's replay as its latest backtest had it, and what the page must say of it.

    Without a replay the words say why there is none.
    """
    known = [
        run
        for run in db.runs(status="finished")
        if run.mode == "backtest" and run.prompt_number is not None
        and (not scope.runs or run.run_id in scope.runs)
    ]  # fmt: skip
    own = [run for run in known if run.prompt_hash == champion.hash]
    for run in (own or known)[:1]:
        spec = RunSpec.model_validate(run.spec)
        break
    else:
        spec = specs_of(Order(), settings)[0]
    spec = spec.model_copy(update={"prompt": champion.number, "without": ()})
    why = "" if spec.llm is None else RECORDED[settings.lang]
    try:
        return prepare(spec, settings), why
    except TradingSystemError as error:
        return None, str(error)


def _learn_until(db: DatabaseManager, scope: Scope, windows: Windows) -> date | None:
    """The last day to learn from: before the embargo, unless nothing lies before or in the holdout.

    Live days that came after all data of the replays teach without touching the locked days.
    """
    held = windows.holdout
    if held is not None:
        days = [first_session(db, source.run_id) for source in sources(db, scope)]
        if days and all(day is not None and day > held.last for day in days):
            return scope.until
    return windows.development.last


def windows_of(
    ready: Prepared, settings: Settings, longest: int, until: date | None = None
) -> Windows | None:
    """Development days, an embargo, and the holdout at the end; ``None`` without days.

    With fewer days than would leave development at least as long as the holdout, all of them are
    development days and nothing can be promoted.
    """
    counted = dict.fromkeys(ready.tape.sessions[ready.warmup :])  # a session once, also of minutes
    sessions = [day for day in counted if until is None or day <= until]
    if not sessions:
        return None
    held = settings.gate.holdout_days
    gap = max(settings.gate.embargo, longest)
    if len(sessions) < 2 * held + gap:
        return Windows(Window(first=sessions[0], last=sessions[-1]), None)
    last = sessions[-held - gap - 1]
    first = max(sessions[-held], add_sessions(last, gap + 1))
    return Windows(Window(first=sessions[0], last=last), Window(first=first, last=sessions[-1]))
