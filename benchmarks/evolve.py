"""Evolving over five years of 40 names, against the plain replays that it needs."""

import os
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.learning import project
from kisbt.data.synth.traps import IR_3, TrapSpec
from kisbt.rulebook.store import PromptStore
from kisbt.run.evolve import EvolveOrder, run_evolution
from kisbt.run.order import Order, specs_of
from kisbt.run.paired import day_returns


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes two years of 12 names."""
    names, sessions = (12, 500) if quick else (40, 1_250)
    kind = "chased_surge"
    spec = TrapSpec(kind, IR_3[kind], names=names, sessions=sessions, seed=5)
    with tempfile.TemporaryDirectory(prefix="kisbt-bench-") as folder:
        settings = project(Path(folder), spec, holdout=120)
        began, used = time.perf_counter(), _processor_seconds()
        done = run_evolution(EvolveOrder(seed=7), settings)
        evolving = time.perf_counter() - began
        # Of the evolving alone: ending the workers comes after the watch has stopped.
        worked = _processor_seconds() - used
        own = done.home.settings(settings)
        numbers = PromptStore(own.folder("prompts")).numbers()
        base = specs_of(Order(), own)[0]
        specs = [base.model_copy(update={"prompt": number}) for number in numbers]
        if done.facts["against_frozen"] is not None:
            specs.append(specs[0])  # the evolving account itself
        began, used = time.perf_counter(), time.process_time()
        plain = day_returns(specs, own)
        replaying, plainly = time.perf_counter() - began, time.process_time() - used
    if any(one.failed for one in plain) or done.facts["trials"]["campaigns"] == 0:
        raise AssertionError("nothing was tested: the ratio would say nothing")
    ratio = evolving / replaying
    told = f"evolve, {sessions} sessions x {names} names, {len(specs)} versions replayed"
    return [
        Figure(told, ratio, "x", "the same replays, one after another", "<= 1.5 x", ratio <= 1.5),
        Figure("evolve: seconds", evolving, "s", "absolute", "-", True),
        Figure("evolve: processor time", worked / plainly, "x", "that of the replays", "-", True),
        Figure("evolve: processors busy", worked / evolving, "", f"of {os.cpu_count()}", "-", True),
    ]


def _processor_seconds() -> float:
    """Processor time of this process and of its workers, which are ended for the count."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
