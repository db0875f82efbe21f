"""The backtest command without its terminal: settings and options in, published runs out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kisbt.config import Settings
from kisbt.domain.result import RunResult
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.llm.meter import Budget, Meter
from kisbt.report.contest import Contest, Entry, LeftOut, Trials, names_of
from kisbt.run.engines import DaskCluster, Engine, LocalProcesses, RayCluster
from kisbt.run.order import Order, specs_of, with_llm
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.publish import Published, check_writable, publish, publish_comparison
from kisbt.run.registered import earlier_versions
from kisbt.run.sweep import sweep
from kisbt.run.trials import trials_on
from kisbt.run.variants import Variant, variants

if TYPE_CHECKING:
    from kisbt.report.verdicts import Judged

MANY = 6
"""From this number of replays on all processors are used unless ``--jobs`` says otherwise."""


class Outcome(NamedTuple):
    """What a backtest left: its replays in order, and the comparison, if there was one."""

    published: list[Published]
    contest: Contest | None = None
    trials: Trials = Trials(1)
    judged: "Judged | None" = None
    comparison: Path | None = None
    said: tuple[str, ...] = ()
    """What the user should know about how the order was understood."""


def run_order(order: Order, settings: Settings, *, quiet: bool = False) -> Outcome:
    """Replay every version asked for, publish each, and judge several side by side.

    A replay that is done stays done when a later one is interrupted or fails.

    Raises:
        TradingSystemError: whatever is wrong with options, data, strategy, prompt or journal.
    """
    specs = specs_of(order, settings)
    settings = with_llm(order, settings)
    engine = engine_of(order, settings)
    check_writable(settings.folder("results"))
    versions: list[Prepared] = []
    for spec in specs:
        versions.append(prepare(spec, settings, versions[-1] if versions else None))
    seeds, said = order.seeds, []
    if seeds > 1 and all(ready.spec.llm is None for ready in versions):
        seeds = 1
        said.append("seeds change nothing without a model: every version is replayed once")
    jobs = variants(
        versions,
        settings,
        seeds=seeds,
        folds=order.folds,
        leave_one_out=order.leave_one_out,
    )
    asks = specs[0].llm is not None
    meter = Meter(Budget.from_settings(settings.llm)) if order.llm == "openai" else Meter()
    pages = seeds == order.folds == 1

    def write(number: int, result: RunResult) -> Published:
        return publish(result, settings, page=pages and jobs[number].rule is None)

    with DatabaseManager(settings.journal_url()) as db:
        published = sweep(
            [job.ready for job in jobs],
            settings,
            db,
            write,
            engine=engine if engine is not None or asks else _many(order, len(jobs)),
            meter=meter,
            talks=min(len(jobs), order.jobs or settings.llm.concurrency) if asks else 1,
            names=[label(job) for job in jobs],
            quiet=quiet,
        )
        if len(jobs) < 2:
            return Outcome(published, said=tuple(said))
        trials = trials_on(db, versions[0].dataset.hash)
        contest = gathered(jobs, [one.result for one in published], versions, settings)
        earlier = earlier_versions(db, versions[0], contest)
    from kisbt.report.verdicts import judge  # slow to import, and of no use to a single replay

    judged = judge(contest, earlier)
    page = publish_comparison(contest, trials, judged, settings)
    return Outcome(published, contest, trials, judged, page, tuple(said))


def engine_of(order: Order, settings: Settings) -> Engine | None:
    """The cluster asked for; ``None`` for this machine.

    Raises:
        ConfigError: a cluster without an address, or an address without a cluster.
    """
    if order.engine == "local":
        if order.cluster is not None:
            raise ConfigError("--cluster needs --engine dask or ray")
        return None
    if order.engine == "ray":
        return RayCluster(order.cluster or "auto")
    if order.cluster is None:
        raise ConfigError(
            "--engine dask needs the address of a cluster",
            hint="--cluster tcp://host:8786; 'dask scheduler' and 'dask worker' start one",
        )
    return DaskCluster(order.cluster)


def _many(order: Order, replays: int) -> Engine | None:
    import os

    wanted = order.jobs
    if wanted is None:  # a process takes seconds to start: not worth it for a handful
        wanted = (os.cpu_count() or 1) if replays >= MANY else 1
    return LocalProcesses(min(wanted, replays)) if wanted > 1 and replays > 1 else None


def label(job: Variant) -> str:
    """What the progress bar calls a replay."""
    ready = job.ready
    name = f"prompt {ready.version.number}" if ready.version else ready.strategy.path.stem
    return name if job.rule is None else f"{name} without {job.rule}"


def gathered(
    jobs: Sequence[Variant],
    results: Sequence[RunResult],
    versions: Sequence[Prepared],
    settings: Settings,
) -> Contest:
    """Replays brought into the order of a comparison."""
    groups: dict[tuple[int, str | None], dict[int, list[RunResult]]] = {}
    for job, result in zip(jobs, results, strict=True):
        groups.setdefault((job.version, job.rule), {}).setdefault(job.seed, []).append(result)
    replays = {
        key: tuple(tuple(folds) for folds in seeds.values()) for key, seeds in groups.items()
    }
    firsts = [replays[number, None][0][0] for number in range(len(versions))]
    names = names_of(firsts, settings.lang)
    because = {
        (number, rule.id): rule.because
        for number, ready in enumerate(versions)
        for rule in ready.rules
    }
    return Contest(
        [Entry(name, replays[number, None]) for number, name in enumerate(names)],
        [
            LeftOut(number, rule, because[number, rule], each)
            for (number, rule), each in replays.items()
            if rule is not None
        ],
    )
