"""Two reflections of one project at once, each in a process of its own."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from kisbt.config import Settings, load_settings
from kisbt.journal.database import DatabaseManager
from kisbt.reflection_graph.graph import reflect
from kisbt.rulebook.lint import lint_store
from tests.reflection_graph.scenes import Passes, bench_of, kept, store_of


def work(folder: Path, start: Barrier) -> None:
    settings = load_settings(folder / "kisbt.toml", {})
    with DatabaseManager(settings.journal_url()) as db:
        bench = bench_of(settings, db, trial=Passes(0), steps=folder / "steps")
        start.wait(500)
        reflect(bench)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_reflections_at_once_leave_one_result_and_whole_files(settings: Settings) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(2)
    both = [spawn.Process(target=work, args=(settings.root, start)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(1000)
    assert [process.exitcode for process in both] == [0, 0]
    store = store_of(settings)
    with DatabaseManager(settings.journal_url()) as db:
        (found,) = kept(db).all()
    written = [one["version"] for one in found.report["candidates"]]
    assert store.numbers() == [1, *written]
    assert store.current_number() == found.report["promoted"] == written[0]
    assert store.current().text == store.core.read_text(encoding="utf-8")
    assert [one for one in lint_store(store) if one.level == "error"] == []
