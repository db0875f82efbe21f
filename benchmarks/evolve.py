"""Evolving over five years of 40 names, against the plain replays that it needs.

Two walks. In the first much is tried, as on real prices: nothing is there to be learnt, and the
search is loosened, so that every campaign has candidates. In the second a trap is found at once and
nothing after it: three replays, and what a walk does besides them is most of it. The demand is held
against the first.

Either side is done by a fresh process with a clock of its own: what a process loads once (the
exchange's calendar, data, features) is in both, and nothing that one has loaded makes the other
faster. The plain replays run one after another; evolving has both processors.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from benchmarks.figures import Figure
from benchmarks.learning import project
from kisbt.config import Settings
from kisbt.data.synth.traps import IR_3, TrapSpec
from kisbt.run.evolve import Evolved, EvolveOrder, run_evolution
from kisbt.run.order import Order, specs_of
from kisbt.run.paired import DayReturns, day_returns
from kisbt.run.spec import RunSpec

Done = TypeVar("Done")


class Used(NamedTuple):
    """Seconds by the clock, and of all processors with those of ended child processes."""

    clock: float
    processor: float


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes two years of 12 names."""
    names, sessions = (12, 500) if quick else (40, 1_250)
    kind = "chased_surge"
    nothing = TrapSpec(kind, 0.0, reward=0.0, names=names, sessions=sessions, seed=5)
    trap = TrapSpec(kind, IR_3[kind], names=names, sessions=sessions, seed=5)
    figures = _walk("much tried", nothing, discovery=0.95, most=1.5)
    return figures + ([] if quick else _walk("one trap", trap, discovery=None, most=None))


def _walk(told: str, spec: TrapSpec, discovery: float | None, most: float | None) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="kisbt-bench-") as folder:
        settings = project(Path(folder), spec, holdout=120, discovery=discovery)
        done, evolving = _afresh(_evolve, settings)
        own = done.home.settings(settings)
        specs = _needed(done, own)
        plain, replaying = _afresh(_replay, specs, own)
    tried = done.facts["trials"]
    if any(one.failed for one in plain) or tried["campaigns"] == 0:
        raise AssertionError("nothing was tested: the ratio would say nothing")
    ratio = evolving.clock / replaying.clock
    worked = evolving.processor / replaying.processor
    busy = evolving.processor / evolving.clock
    name = (
        f"evolve, {told}: {spec.sessions:,} sessions x {spec.names} names, "
        f"{tried['campaigns']} campaigns, {len(specs)} replays needed"
    )
    wanted, met = ("-", True) if most is None else (f"<= {most} x", ratio <= most)
    return [
        Figure(name, ratio, "x", "the same replays, one after another", wanted, met),
        Figure(f"evolve, {told}: seconds", evolving.clock, "s", "absolute", "-", True),
        Figure(f"evolve, {told}: processor time", worked, "x", "that of the replays", "-", True),
        Figure(f"evolve, {told}: processors busy", busy, "", f"of {os.cpu_count()}", "-", True),
    ]


def _needed(done: Evolved, settings: Settings) -> list[RunSpec]:
    """Every version that there is, once, and the evolving account when it is another one."""
    from kisbt.rulebook.store import PromptStore

    base = specs_of(Order(), settings)[0]
    numbers = PromptStore(settings.folder("prompts")).numbers()
    specs = [base.model_copy(update={"prompt": number}) for number in numbers]
    return specs if done.facts["against_frozen"] is None else [*specs, specs[0]]


def _evolve(settings: Settings) -> Evolved:
    return run_evolution(EvolveOrder(seed=7), settings)


def _replay(specs: list[RunSpec], settings: Settings) -> list[DayReturns]:
    return day_returns(specs, settings)


def _afresh(work: Callable[..., Done], *arguments: Any) -> tuple[Done, Used]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, work, arguments).result()


def _timed(work: Callable[..., Done], arguments: tuple[Any, ...]) -> tuple[Done, Used]:
    began, used = time.perf_counter(), _processor_seconds()
    done = work(*arguments)
    return done, Used(time.perf_counter() - began, _processor_seconds() - used)


def _processor_seconds() -> float:
    """Processor time of this process and of those it has started and ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
