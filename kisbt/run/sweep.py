"""Runs the replays of a comparison, journals them in this process, and keeps what is done."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from kisbt.config import Settings
from kisbt.domain.result import RunResult
from kisbt.journal.database import DatabaseManager
from kisbt.journal.script import write_script
from kisbt.journal.writer import RunJournal
from kisbt.llm.meter import Meter
from kisbt.run.backtest import run_backtest, run_info
from kisbt.run.engines import Engine
from kisbt.run.job import Replay, Task
from kisbt.run.prepare import Prepared
from kisbt.run.progress import progress_bar
from kisbt.run.publish import Published
from kisbt.run.shelf import Shelf

Publish = Callable[[int, RunResult], Published]
"""Writes the files of replay number n."""


def sweep(
    jobs: Sequence[Prepared],
    settings: Settings,
    db: DatabaseManager,
    publish: Publish,
    *,
    engine: Engine | None = None,
    meter: Meter | None = None,
    talks: int = 1,
    names: Sequence[str] = (),
    quiet: bool = False,
) -> list[Published]:
    """Make every replay, publish it, and return all in the order of ``jobs``.

    Each is registered in the journal before it begins. What is done stays done when a later one
    fails or the sweep is interrupted: the same call goes on from there.

    Args:
        jobs: What to replay.
        settings: Where things lie.
        db: The journal; only this process writes to it.
        publish: Writes a replay's files.
        engine: Where to compute; ``None``: in this process.
        meter: The command's count of what its models cost, with the budget.
        talks: Replays at a time in this process: more than one is for those that wait for a
            model. Each of them journals as it goes, so that one that is stopped leaves its bars.
        names: What the progress bar calls each.
        quiet: Show no progress.

    Raises:
        TradingSystemError: a replay failed.
    """
    shelf = Shelf(settings, jobs) if len(jobs) > 1 else None
    done: dict[int, Published] = {}
    waiting = []
    for number in range(len(jobs)):
        kept = shelf.get(number, db) if shelf else None
        if kept is None:
            waiting.append(number)
        else:
            done[number] = publish(number, kept)

    def finish(number: int, result: RunResult) -> None:
        done[number] = publish(number, result)
        db.finish_run(result.run_id, "finished", done[number].metrics)
        if shelf:
            shelf.put(number, result)

    if engine is None and talks > 1:
        _talking(jobs, waiting, settings, db, finish, meter, talks, quiet)
    elif engine is None:
        for number in waiting:
            ready = jobs[number]
            label = names[number] if names else f"replay {number + 1}"
            with progress_bar(label, 2 * len(ready.tape), quiet=quiet) as advance:
                result = run_backtest(ready, settings, db, progress=advance, meter=meter)
            finish(number, result)
    else:
        _on_engine(engine, jobs, waiting, settings, db, finish, quiet)
    if shelf:
        shelf.clear()
    return [done[number] for number in range(len(jobs))]


def _talking(
    jobs: Sequence[Prepared],
    waiting: Sequence[int],
    settings: Settings,
    db: DatabaseManager,
    finish: Callable[[int, RunResult], None],
    meter: Meter | None,
    talks: int,
    quiet: bool,
) -> None:
    """Replays in threads of this process: while one waits for its model the others go on."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(talks, thread_name_prefix="replay")
    running = {
        pool.submit(run_backtest, jobs[number], settings, db, meter=meter, stop=stop): number
        for number in waiting
    }
    trouble: BaseException | None = None
    try:
        with progress_bar("replays", len(waiting), quiet=quiet) as advance:
            for count, future in enumerate(as_completed(running), start=1):
                if future.cancelled():
                    continue
                error = future.exception()
                if error is None:
                    finish(running[future], future.result())
                elif trouble is None:  # let the others come to a decision boundary first
                    trouble = error
                    stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                if advance is not None:
                    advance(count)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    if trouble is not None:
        raise trouble


def _on_engine(
    engine: Engine,
    jobs: Sequence[Prepared],
    waiting: Sequence[int],
    settings: Settings,
    db: DatabaseManager,
    finish: Callable[[int, RunResult], None],
    quiet: bool,
) -> None:
    trials: dict[str, int] = {}

    def tasks() -> Iterator[Task]:
        for number in waiting:
            ready = jobs[number]
            before = db.trials_on(ready.dataset.hash)
            run_id = db.begin_run(run_info(ready, settings))
            trials[run_id] = before
            yield Task(number, run_id, ready.spec)

    finished = set()
    try:
        with progress_bar("replays", len(waiting), quiet=quiet) as advance:
            for task, replay in engine.run(tasks(), settings):
                finish(task.number, _write_down(db, task, replay, trials[task.run_id]))
                finished.add(task.run_id)
                if advance is not None:
                    advance(len(finished))
    except BaseException:
        for run_id in trials:
            if run_id not in finished:
                db.finish_run(run_id, "interrupted")
        raise


def _write_down(db: DatabaseManager, task: Task, replay: Replay, trials: int) -> RunResult:
    journal = RunJournal(db, task.run_id)
    write_script(replay.lines, journal)
    journal.close()
    return replace(replay.result, run_id=task.run_id, trials_before=trials)
