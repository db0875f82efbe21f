"""The full journaled six-node rulebook backtest against plain backtrader, and how it grows."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.baseline import plain_backtrader
from benchmarks.figures import Figure
from benchmarks.market import bench_dataset
from kisbt.adapter.tape import Tape
from kisbt.config import load_settings
from kisbt.data.dataset import Dataset
from kisbt.data.features.compute import compute_features
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunInfo
from kisbt.journal.writer import RunJournal
from kisbt.krx.costs import CostModel
from kisbt.rulebook.store import PromptStore
from kisbt.run.loader import load_strategy
from kisbt.run.prepare import Prepared, strategy_path
from kisbt.run.replay import replay
from kisbt.run.spec import RunSpec

BARS = 2_520
NAMES = 30


def journaled_run(dataset: Dataset, folder: Path) -> float:
    """Seconds from bars in memory to a finished run in a fresh journal.

    Counted: laying out the tape, computing all features, the six nodes at every bar, matching,
    the auditable books, and every tick, decision, order, fill and equity point in SQLite.
    Not counted, as for the baseline: imports, the trading calendar, and pages.
    """
    settings = load_settings()
    strategy = load_strategy(strategy_path(None, settings))
    version = PromptStore(settings.folder("prompts")).load(1)
    spec = RunSpec(strategy="", data="bench", cash=100_000_000, prompt=1)
    info = RunInfo(
        strategy="bench", decider="", dataset_name=dataset.name, dataset_hash=dataset.hash
    )
    with DatabaseManager(f"sqlite:///{(folder / 'journal.sqlite').as_posix()}") as db:
        start = time.perf_counter()
        features = compute_features(dataset)
        ready = Prepared(spec, strategy, dataset, Tape(dataset), version, features, 0, ())
        journal = RunJournal(db, db.begin_run(info))
        done = replay(
            strategy,
            ready.tape,
            ready.brain(),
            cash=spec.cash,
            limits=spec.limits,
            costs=CostModel.from_settings(spec.costs),
            fills=spec.fills,
            journal=journal,
        )
        journal.close()
        seconds = time.perf_counter() - start
    if done.ticks != len(ready.tape) or not done.fills:
        raise RuntimeError(f"the benchmark did not trade: {done.ticks} ticks")
    return seconds


def run(quick: bool = False) -> list[Figure]:
    """Measure (a) speed, (b) growth and (d) memory. ``quick`` takes a tenth of the bars."""
    bars, rounds = (BARS // 10, 1) if quick else (BARS, 3)
    # Memory first: Linux counts what the parent had at the fork as the child's peak.
    memory = [] if sys.platform == "win32" else [_memory(bars)]
    return [
        *memory,
        _against_backtrader(NAMES, bars, rounds, target=1.0, aim=0.5),
        _against_backtrader(1, bars, rounds + 2, target=2.0, aim=1.0),
        _growth("twice the names", (NAMES // 2, bars), (NAMES, bars), rounds),
        _growth("twice the bars", (NAMES, bars // 2), (NAMES, bars), rounds),
    ]


def _against_backtrader(names: int, bars: int, rounds: int, *, target: float, aim: float) -> Figure:
    dataset = bench_dataset(names, bars)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(rounds + 1):  # the first pair warms up and is not counted
            place = Path(folder) / str(n)
            place.mkdir()
            ours.append(journaled_run(dataset, place))
            theirs.append(plain_backtrader(dataset))
    ratio = statistics.median(a / b for a, b in zip(ours[1:], theirs[1:], strict=True))
    return Figure(
        f"journaled six-node backtest, {names} x {bars:,} bars",
        ratio,
        "x",
        "plain backtrader, SMA cross, PandasData",
        f"<= {target}, aim {aim}",
        ratio <= target,
    )


def _growth(what: str, small: tuple[int, int], large: tuple[int, int], rounds: int) -> Figure:
    few, many = bench_dataset(*small), bench_dataset(*large)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(rounds + 1):
            places = [Path(folder) / f"{n}{side}" for side in "ab"]
            for place in places:
                place.mkdir()
            ratios.append(journaled_run(many, places[1]) / journaled_run(few, places[0]))
    ratio = statistics.median(ratios[1:])
    return Figure(f"growth: {what}", ratio, "x", f"{small[0]} x {small[1]:,} bars", "<= 2.2",
                  ratio <= 2.2)  # fmt: skip


def _memory(bars: int) -> Figure:
    """Peak memory of a fresh process that does nothing but the 30-name run."""
    code = f"from benchmarks.backtest import peak; print(peak({NAMES}, {bars}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak = float(done.stdout.strip().splitlines()[-1])
    return Figure(
        f"peak memory, {NAMES} x {bars:,} bars", peak, "MiB", "absolute", "< 400", peak < 400
    )


def peak(names: int, bars: int) -> float:
    """MiB at the highest point of this process after one run."""
    import resource  # not on Windows, where this figure is left out

    with tempfile.TemporaryDirectory() as folder:
        journaled_run(bench_dataset(names, bars), Path(folder))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1024 * 1024 if sys.platform == "darwin" else 1024)
