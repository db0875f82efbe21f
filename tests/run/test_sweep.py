"""Replays of a comparison: the same bytes wherever they run, and none made twice."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kisbt.config import Settings, load_settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.memory import NullJournal
from kisbt.report.card import compare_cards, read_card
from kisbt.report.contest import contest_of
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.run.backtest import compute
from kisbt.run.command import run_order
from kisbt.run.engines import ATTEMPTS, DaskCluster, Engine, LocalProcesses, WorkerLostError
from kisbt.run.job import Replay, Task, replay_job
from kisbt.run.order import Order, specs_of
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.publish import Published, publish
from kisbt.run.registered import earlier_versions
from kisbt.run.shelf import Shelf
from kisbt.run.spec import RunSpec
from kisbt.run.sweep import sweep
from kisbt.run.variants import variants
from tests.run.conftest import Said

PERIOD = {"first": "2023-01-02", "last": "2023-06-30"}


def jobs_of(settings: Settings, folds: int = 2) -> list[Prepared]:
    specs = specs_of(Order(prompts=(1, 2), **PERIOD), settings)
    return [v.ready for v in variants([prepare(s, settings) for s in specs], settings, folds=folds)]


def swept(settings: Settings, engine: Engine | None) -> list[Published]:
    with DatabaseManager(settings.journal_url()) as db:
        return sweep(
            jobs_of(settings),
            settings,
            db,
            lambda _, result: publish(result, settings, page=False),
            engine=engine,
            quiet=True,
        )


def dying_once(spec: RunSpec, settings: Settings) -> Replay:
    """Kills its worker at the first try of each window of version 1."""
    mark = settings.folder("results") / f"died-{spec.first}"
    if spec.prompt == 1 and not mark.exists():
        mark.write_text(str(os.getpid()), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
    (settings.folder("results") / f"made-{spec.prompt}-{spec.first}-{os.getpid()}").touch()
    return replay_job(spec, settings)


def dying_always(spec: RunSpec, settings: Settings) -> Replay:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(f"{spec.prompt} outlived SIGKILL under {settings.root}")


@pytest.fixture
def settings(project: Path) -> Settings:
    return load_settings()


def test_processes_give_the_bytes_and_the_journal_of_one_process(settings: Settings) -> None:
    plain = swept(settings, None)
    spread = swept(settings, LocalProcesses(2))
    assert len(plain) == len(spread) == 4
    for one, other in zip(plain, spread, strict=True):
        assert compare_cards(read_card(one.card), read_card(other.card)) == []
        assert one.trades.read_bytes() == other.trades.read_bytes()
    with DatabaseManager(settings.journal_url()) as db:
        assert {run.status for run in db.runs()} == {"finished"}
        for one, other in zip(plain, spread, strict=True):
            pair = [db.run(each.result.run_id) for each in (one, other)]
            assert pair[0].ticks == pair[1].ticks > 0
            trades = [
                [(t.timestamp, t.ticker, t.price, t.justification_text) for t in
                 db.get_trades_by_period(run_id=each.result.run_id)]
                for each in (one, other)
            ]  # fmt: skip
            assert trades[0] == trades[1]


def test_killed_worker_loses_one_replay_which_is_made_again(settings: Settings) -> None:
    settings.folder("results").mkdir(parents=True)
    plain = swept(settings, None)
    spread = swept(settings, LocalProcesses(2, dying_once))
    for one, other in zip(plain, spread, strict=True):
        assert compare_cards(read_card(one.card), read_card(other.card)) == []
    made = [file.name.rsplit("-", 1)[0] for file in settings.folder("results").glob("made-*")]
    assert len(made) == len(set(made)) == 4  # nothing but the killed replay was begun twice
    assert len(list(settings.folder("results").glob("died-*"))) == 2


def test_worker_that_dies_again_and_again_ends_the_sweep(settings: Settings) -> None:
    with pytest.raises(WorkerLostError, match=f"died {ATTEMPTS} times"):
        swept(settings, LocalProcesses(1, dying_always))
    with DatabaseManager(settings.journal_url()) as db:
        assert {run.status for run in db.runs()} == {"interrupted"}


class _Counting:
    """Computes in this process; stops the sweep after some replays."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.made: list[int] = []
        self._stop_after = stop_after

    def run(self, tasks: Iterator[Task], settings: Settings) -> Iterator[tuple[Task, Replay]]:
        for task in tasks:
            if len(self.made) == self._stop_after:
                raise KeyboardInterrupt
            self.made.append(task.number)
            yield task, replay_job(task.spec, settings)


def test_interrupted_sweep_goes_on_where_it_stopped(settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt):
        swept(settings, _Counting(stop_after=3))
    again = _Counting()
    finished = swept(settings, again)
    assert again.made == [3]
    assert not (settings.folder("results") / "sweeps").exists()
    for one, other in zip(finished, swept(settings, None), strict=True):
        assert compare_cards(read_card(one.card), read_card(other.card)) == []
    with DatabaseManager(settings.journal_url()) as db:
        statuses = [run.status for run in db.runs()]
    assert statuses.count("interrupted") == 1
    assert statuses.count("finished") == 8


def test_kept_replay_is_read_back_whole_or_not_at_all(settings: Settings) -> None:
    jobs = jobs_of(settings)
    with DatabaseManager(settings.journal_url()) as db:
        with pytest.raises(KeyboardInterrupt):
            swept(settings, _Counting(stop_after=1))
        shelf = Shelf(settings, jobs)
        kept = shelf.get(0, db)
        assert kept is not None
        assert [type(fill).__name__ for fill in kept.fills[:1]] == ["Fill"]
        (file,) = shelf.folder.iterdir()
        file.write_bytes(file.read_bytes()[:-40])
        assert shelf.get(0, db) is None
    assert Shelf(settings, jobs[:-1]).folder != shelf.folder


def test_replay_whose_journal_is_gone_is_made_again(settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt):
        swept(settings, _Counting(stop_after=2))
    (settings.folder("results") / "journal.sqlite").unlink()
    again = _Counting()
    swept(settings, again)
    assert again.made == [0, 1, 2, 3]


def test_dask_cluster_of_two_workers_gives_the_same_bytes(settings: Settings) -> None:
    distributed: Any = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        spread = swept(settings, DaskCluster(cluster.scheduler_address))
    for one, other in zip(swept(settings, None), spread, strict=True):
        assert compare_cards(read_card(one.card), read_card(other.card)) == []


def test_killed_dask_worker_loses_one_replay_which_is_made_again(settings: Settings) -> None:
    distributed: Any = pytest.importorskip("distributed")
    settings.folder("results").mkdir(parents=True)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        spread = swept(settings, DaskCluster(cluster.scheduler_address, dying_once))
    made = [file.name.rsplit("-", 1)[0] for file in settings.folder("results").glob("made-*")]
    assert len(made) == len(set(made)) == 4
    assert len(list(settings.folder("results").glob("died-*"))) == 2
    for one, other in zip(swept(settings, None), spread, strict=True):
        assert compare_cards(read_card(one.card), read_card(other.card)) == []


def test_ray_cluster_gives_the_same_bytes(settings: Settings) -> None:
    ray: Any = pytest.importorskip("ray", reason="Ray is an extra, not installed here")
    from kisbt.run.engines import RayCluster

    ray.init(num_cpus=2, include_dashboard=False)
    try:
        spread = swept(settings, RayCluster("auto"))
    finally:
        ray.shutdown()
    for one, other in zip(swept(settings, None), spread, strict=True):
        assert compare_cards(read_card(one.card), read_card(other.card)) == []


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (Order(engine="dask"), "needs the address"),
        (Order(engine="dask", cluster="tcp://127.0.0.1:1"), "no Dask scheduler answers"),
        (Order(cluster="tcp://127.0.0.1:1"), "--cluster needs --engine"),
        (Order(folds=60), "make no 60 windows"),
    ],
)
def test_impossible_sweeps_are_refused_in_one_line(
    settings: Settings, order: Order, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        run_order(order, settings, quiet=True)
    assert "\n" not in str(refused.value)


def test_windows_cover_the_period_without_a_warm_up_of_their_own(settings: Settings) -> None:
    (spec,) = specs_of(Order(prompts=(1,)), settings)
    whole = prepare(spec, settings)
    parts = [variant.ready for variant in variants([whole], settings, folds=4)]
    assert [day for part in parts for day in part.tape.sessions] == list(whole.tape.sessions)
    assert [part.warmup for part in parts[1:]] == [0, 0, 0]


def test_rule_left_out_is_neither_followed_nor_enforced(settings: Settings) -> None:
    (spec,) = specs_of(Order(prompts=(1,), **PERIOD), settings)
    whole = prepare(spec, settings)
    found = variants([whole], settings, leave_one_out=True)
    assert [variant.rule for variant in found] == [None, "R0001", "R0002", "R0003", "R0004"]
    brain = found[1].ready.brain()
    assert brain is not None
    assert [rule.id for rule in brain.rules] == ["R0002", "R0003", "R0004"]


def test_comparison_on_the_command_line_tells_its_verdict_and_counts_its_trials(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    args = ("--prompt", "1", "--prompt", "2", "--from", "2024-04-01", "--seeds", "3")
    said = kisbt("backtest", *args, "--folds", "2", "--leave-one-out", "--json")
    assert said.code == 0
    answer = json.loads(said.out)
    assert len(answer["runs"]) == 2 * (1 + 4) * 2
    assert "seeds change nothing" in said.err
    verdicts = answer["verdicts"]
    assert verdicts["trials"] == 10
    assert len(verdicts["rules"]) == 8
    assert [one["word"] for one in verdicts["versions"]] == ["undecided"]
    assert verdicts["versions"][0]["mean"]["low"] < verdicts["versions"][0]["mean"]["high"]
    page = Path(answer["comparison"]).read_text(encoding="utf-8")
    assert "규칙을 하나씩 빼면" in page
    assert "10번 시도한 운보다 클 확률" in page
    again = json.loads(kisbt("backtest", *args, "--folds", "2", "--json").out)
    assert again["verdicts"]["trials"] == 10


def test_replays_in_threads_of_one_process_do_not_disturb_each_other(
    settings: Settings,
) -> None:
    ready = jobs_of(settings, folds=1)
    alone = [compute(one, settings, NullJournal()).digests for one in ready]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            ran = [pool.submit(compute, ready[n % 2], settings, NullJournal()) for n in range(6)]
            together = [future.result().digests for future in ran]
    finally:
        sys.setswitchinterval(before)
    assert together == [alone[n % 2] for n in range(6)]


def test_version_replayed_before_is_tested_together_with_those_shown(settings: Settings) -> None:
    store = PromptStore(settings.folder("prompts"), catalogue={f.name: f for f in FEATURES})
    version = store.load(1)
    store.add(Draft.of_rules(version, version.rules[:2], summary="규칙 둘만"))
    pair = Order(prompts=(1, 2), first="2024-04-01")
    fresh = run_order(pair, settings, quiet=True).judged
    run_order(Order(prompts=(3,), first="2024-04-01"), settings, quiet=True)
    run_order(Order(prompts=(3,), first="2024-05-02"), settings, quiet=True)
    burdened = run_order(pair, settings, quiet=True).judged
    assert fresh is not None
    assert burdened is not None
    assert (fresh.versions, fresh.earlier) == (1, 0)
    assert (burdened.versions, burdened.earlier) == (2, 1)
    assert len(burdened.verdicts) == 1
    assert burdened.verdicts[0].p_better >= fresh.verdicts[0].p_better
    shown = run_order(Order(prompts=(1, 3), first="2024-04-01"), settings, quiet=True).judged
    assert shown is not None
    assert (shown.versions, shown.earlier) == (2, 1)


def test_streams_of_earlier_versions_are_those_of_their_replays(settings: Settings) -> None:
    pair = run_order(Order(prompts=(1, 2), first="2024-04-01"), settings, quiet=True)
    assert pair.contest is not None
    (spec, _) = specs_of(Order(prompts=(1, 2), first="2024-04-01"), settings)
    alone = contest_of([pair.contest.entries[0].flat[0]])
    with DatabaseManager(settings.journal_url()) as db:
        found = earlier_versions(db, prepare(spec, settings), alone)
    assert found.shape == (len(alone.days), 1)
    np.testing.assert_allclose(found[:, 0], pair.contest.returns[:, 1])
