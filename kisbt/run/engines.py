"""Where the replays of a sweep are computed: local processes, a Dask or a Ray cluster.

Each engine takes tasks from an iterator when it has room for one and yields replays as they are
done, in any order. A replay is pure, so one that died with its worker is computed again, and
no other is lost with it.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from kisbt.config import Settings
from kisbt.errors import ConfigError, TradingSystemError
from kisbt.run.job import Replay, Task, replay_job
from kisbt.run.spec import RunSpec

ATTEMPTS = 3
"""How often a replay whose worker died is begun before the sweep gives up."""

Work = Callable[[RunSpec, Settings], Replay]


class Engine(Protocol):
    """Computes tasks."""

    def run(self, tasks: Iterator[Task], settings: Settings) -> Iterator[tuple[Task, Replay]]:
        """Yield every task with its replay, in the order in which they are done.

        Raises:
            TradingSystemError: a replay failed, or lost its worker ``ATTEMPTS`` times.
        """
        ...


class WorkerLostError(TradingSystemError):
    """A replay's worker died again and again."""


class LocalProcesses:
    """joblib's worker processes (loky), a pool for each: one that dies takes no other along.

    Args:
        jobs: Processes at a time.
        work: What a worker does.
    """

    def __init__(self, jobs: int, work: Work = replay_job) -> None:
        self._jobs = jobs
        self._work = work

    def run(self, tasks: Iterator[Task], settings: Settings) -> Iterator[tuple[Task, Replay]]:
        """See ``Engine``."""
        from concurrent.futures import FIRST_COMPLETED, Future, wait
        from concurrent.futures.process import BrokenProcessPool

        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        pools: dict[int, Any] = {}
        running: dict[Future[Replay], tuple[int, Task, int]] = {}

        def begin(slot: int, task: Task, attempt: int) -> None:
            if slot not in pools:
                pools[slot] = ProcessPoolExecutor(max_workers=1)
            future = pools[slot].submit(self._work, task.spec, settings)
            running[future] = (slot, task, attempt)

        def refill(slot: int) -> None:
            task = next(tasks, None)
            if task is not None:
                begin(slot, task, 1)

        try:
            for slot in range(self._jobs):
                refill(slot)
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    slot, task, attempt = running.pop(future)
                    try:
                        replay = future.result()
                    except BrokenProcessPool as error:
                        pools.pop(slot).shutdown(wait=False)
                        if attempt >= ATTEMPTS:
                            raise _lost(task) from error
                        begin(slot, task, attempt + 1)
                        continue
                    refill(slot)  # before the parent writes this one down
                    yield task, replay
        finally:
            for pool in pools.values():
                pool.shutdown(wait=False, kill_workers=True)


class DaskCluster:
    """An existing Dask cluster whose workers see the project folder under the same path.

    Args:
        address: Of its scheduler, ``tcp://host:port``.
        work: What a worker does.
    """

    def __init__(self, address: str, work: Work = replay_job) -> None:
        self._address = address
        self._work = work

    def run(self, tasks: Iterator[Task], settings: Settings) -> Iterator[tuple[Task, Replay]]:
        """See ``Engine``; Dask itself begins again what a dead worker was at."""
        try:
            import distributed
        except ModuleNotFoundError as error:
            raise ConfigError(
                "the Dask client is not installed", hint="install kisbt[dask]"
            ) from error
        dask: Any = distributed
        try:
            client = dask.Client(self._address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {self._address}",
                hint="start one with 'dask scheduler' and give its address with --cluster",
            ) from error
        with client, client.as_current():
            running: dict[Any, Task] = {}
            done = dask.as_completed()

            def refill() -> None:
                # One task a thread: a worker that dies holds no finished replay of an earlier one.
                room = max(1, sum(client.nthreads().values()))
                while len(running) < room and (task := next(tasks, None)) is not None:
                    future = client.submit(
                        self._work, task.spec, settings, pure=False, key=f"kisbt-{task.run_id}"
                    )
                    running[future] = task
                    done.add(future)

            try:
                refill()
                while running:
                    future = next(done)
                    try:
                        replay = future.result()
                    except dask.KilledWorker as error:
                        raise _lost(running[future]) from error
                    task = running.pop(future)
                    future.release()
                    refill()
                    yield task, replay
            finally:
                client.cancel(list(running))


class RayCluster:
    """An existing Ray cluster whose workers see the project folder under the same path.

    Args:
        address: ``auto``, or ``ray://host:port``.
        work: What a worker does.
    """

    def __init__(self, address: str, work: Work = replay_job) -> None:
        self._address = address
        self._work = work

    def run(self, tasks: Iterator[Task], settings: Settings) -> Iterator[tuple[Task, Replay]]:
        """See ``Engine``; Ray itself begins again what a dead worker was at."""
        try:
            import ray
        except ModuleNotFoundError as error:
            raise ConfigError("Ray is not installed", hint="install kisbt[ray]") from error
        try:
            ray.init(address=self._address, log_to_driver=False, ignore_reinit_error=True)
        except (ConnectionError, OSError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster answers at {self._address}",
                hint="start one with 'ray start --head' and give its address with --cluster",
            ) from error
        work = ray.remote(max_retries=ATTEMPTS - 1)(self._work)
        running = {work.remote(task.spec, settings): task for task in tasks}
        while running:
            (first, *_), _ = ray.wait(list(running), num_returns=1)
            task = running.pop(first)
            try:
                replay = ray.get(first)
            except ray.exceptions.WorkerCrashedError as error:
                raise _lost(task) from error
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, TradingSystemError):
                    raise error.cause from error
                raise
            yield task, replay


def _lost(task: Task) -> WorkerLostError:
    return WorkerLostError(
        f"the worker of replay {task.run_id} died {ATTEMPTS} times",
        hint="is there enough memory? use fewer --jobs; what is done is kept",
    )
