"""Replays side by side: over processes, waiting for a model, and from recorded replies.

The model is a scripted server on loopback (``tests/llm``), so nothing of a model's own speed is
in any figure. Imports and the first preparation are not counted, except where it says so.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.market import bench_dataset
from kisbt.config import Settings, load_settings
from kisbt.data.store import save_dataset
from kisbt.domain.result import RunResult
from kisbt.journal.database import DatabaseManager
from kisbt.journal.memory import NullJournal
from kisbt.krx.costs import CostModel
from kisbt.llm.meter import Meter
from kisbt.llm.shared import close_shared
from kisbt.run.conversation import Conversation
from kisbt.run.engines import Engine, LocalProcesses
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.publish import Published
from kisbt.run.replay import replay
from kisbt.run.spec import LLMSpec, RunSpec
from kisbt.run.sweep import sweep
from tests.llm.scripted_server import ScriptedServer, said

NAMES, BARS = 30, 2_520
REPLAYS = 32


def run(quick: bool = False) -> list[Figure]:
    """Measure all three. ``quick`` takes a tenth of the work, which start-up then outweighs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder))
        save_dataset(bench_dataset(NAMES, BARS // 10 if quick else BARS), Path(folder) / "datasets")
        try:
            return [
                _two_jobs(settings, 2 if quick else 24, 1),
                _waiting(settings, 4 if quick else 20),
                *_from_the_cache(settings, 1 if quick else 5),
            ]
        finally:
            close_shared()


def _settings(folder: Path) -> Settings:
    settings = load_settings()
    paths = {
        "datasets": str(folder / "datasets"),
        "results": str(folder / "results"),
        "prompts": str(settings.folder("prompts")),
        "journal": f"sqlite:///{(folder / 'journal.sqlite').as_posix()}",
    }
    llm = settings.llm.model_copy(update={"cache": str(folder / "replies.sqlite")})
    return settings.model_copy(
        update={"paths": settings.paths.model_copy(update=paths), "llm": llm}
    )


def _prepared(settings: Settings, specs: Sequence[RunSpec]) -> list[Prepared]:
    ready: list[Prepared] = []
    for spec in specs:
        ready.append(prepare(spec, settings, ready[-1] if ready else None))
    return ready


def _unpublished(_number: int, result: RunResult) -> Published:
    nowhere = Path(os.devnull)
    return Published(result, {}, None, nowhere, nowhere, nowhere)


def _sweep(
    settings: Settings, jobs: Sequence[Prepared], engine: Engine | None, talks: int
) -> float:
    """Seconds of a sweep with its journal, without pages."""
    with DatabaseManager(settings.journal_url()) as db:
        start = time.perf_counter()
        sweep(jobs, settings, db, _unpublished, engine=engine, talks=talks, quiet=True)
        return time.perf_counter() - start


def _spec(**changes: object) -> RunSpec:
    values: dict[str, object] = {
        "strategy": "strategies/llm_trader.py",
        "data": "bench",
        "prompt": 1,
        "cash": 100_000_000,
    }
    return RunSpec.model_validate({**values, **changes})


def _two_jobs(settings: Settings, replays: int, rounds: int) -> Figure:
    """``--jobs 2`` against ``--jobs 1`` (this process), on two free cores.

    Starting the workers is counted: each imports everything, reads the data and computes the
    features once, as the first job did before the clock started. With as many replays as a
    comparison of two versions over folds has, that is a few percent.
    """
    jobs = _prepared(settings, [_spec(cash=100_000_000 + n) for n in range(replays)])
    ratios = [
        _sweep(settings, jobs, None, 1) / _sweep(settings, jobs, LocalProcesses(2), 1)
        for _ in range(rounds)
    ]
    ratio = statistics.median(ratios)
    return Figure(
        f"two local jobs, {replays} replays of {len(jobs[0].tape):,} bars",
        ratio,
        "x",
        "one job, same replays, journaled",
        ">= 1.7",
        ratio >= 1.7,
    )


def _waiting(settings: Settings, ticks: int) -> Figure:
    """Replays that wait a second for each decision, all at once; their twins are counted."""
    with ScriptedServer(said(seconds=1.0)) as server:
        llm = settings.llm.model_copy(update={"base_url": server.base_url, "concurrency": REPLAYS})
        asking = settings.model_copy(update={"llm": llm})
        whole = prepare(_spec(), asking)
        first = sorted(set(whole.tape.sessions))[-ticks]
        model = LLMSpec(mode="openai", model="bench")
        jobs = _prepared(
            asking,
            [
                _spec(first=first, llm=model.model_copy(update={"mask_seed": n + 1, "seed": n}))
                for n in range(REPLAYS)
            ],
        )
        _pass(prepare(_spec(first=sorted(set(whole.tape.sessions))[-1], llm=model), asking), asking)
        before = server.calls  # one, which imported the client
        seconds = _sweep(asking, jobs, None, REPLAYS)
        if server.calls - before != REPLAYS * ticks:
            raise RuntimeError(f"{server.calls} calls for {REPLAYS} x {ticks} decisions")
    share = ticks * 1.0 / seconds
    return Figure(
        f"{REPLAYS} replays x {ticks} decisions against a 1 s server",
        100 * share,
        "%",
        f"ideal: {REPLAYS} answers a second",
        ">= 90",
        share >= 0.9,
    )


def _from_the_cache(settings: Settings, rounds: int) -> list[Figure]:
    """One name from recorded replies, in memory: the six nodes, and node 3 alone.

    A decision is everything from one bar to the next: backtrader's loop, the broker, the nodes,
    the request rendered and hashed, the reply found, read and unmasked. Not in it: reading the
    data, computing the features, the zero-cost twin, the database.
    """
    ticker = f"{100_000}"
    spec = _spec(tickers=(ticker,))
    recorded = spec.model_copy(update={"llm": LLMSpec(mode="openai", model="bench")})
    with ScriptedServer(said()) as server:
        llm = settings.llm.model_copy(update={"base_url": server.base_url})
        asking = settings.model_copy(update={"llm": llm})
        _pass(prepare(recorded, asking), asking)
    replayed = spec.model_copy(update={"llm": LLMSpec(mode="replay", model="bench")})
    model, rules = prepare(replayed, settings), prepare(spec, settings)
    whole, alone, times = [], [], []
    for _ in range(rounds):
        ticks, seconds = _pass(model, settings)
        _, without = _pass(rules, settings)
        whole.append(ticks / seconds)
        alone.append(ticks / max(seconds - without, 1e-9))
        times.append(seconds / without)
    rate, node = statistics.median(whole), statistics.median(alone)
    ratio = statistics.median(times)
    return [
        Figure("replay from a full cache, one name", rate, "decisions/s",
               "absolute, processor time, six nodes", ">= 5,000", rate >= 5_000),
        Figure("replay from a full cache, one name: time", ratio, "x",
               "the rulebook over the same bars", "<= 3", ratio <= 3),
        Figure("node 3 alone from a full cache, one name", node, "decisions/s",
               "absolute, time over the rulebook's", ">= 5,000", node >= 5_000),
    ]  # fmt: skip


def _pass(ready: Prepared, settings: Settings) -> tuple[int, float]:
    """Decisions and processor seconds of one pass in memory."""
    spec, journal = ready.spec, NullJournal()
    talk = Conversation(ready, settings, journal, Meter(), "bench") if spec.llm else None
    start = time.process_time()
    done = replay(
        ready.strategy,
        ready.tape,
        ready.brain(talk),
        cash=spec.cash,
        limits=spec.limits,
        costs=CostModel.from_settings(spec.costs),
        fills=spec.fills,
        journal=journal,
    )
    return done.ticks, time.process_time() - start
