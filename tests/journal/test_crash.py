"""Processes that die, and processes that write at once."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from kisbt.journal import runs, schema
from kisbt.journal.database import DatabaseManager
from kisbt.journal.writer import RunJournal
from tests.journal.conftest import NewUrl
from tests.journal.scenes import info, play, rows

ROOT = Path(__file__).parents[2]

CHILD = """
import sys, time
from kisbt.journal.database import DatabaseManager
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import info, play
url, run_id, ticks, batch, then = sys.argv[1:]
db = DatabaseManager(url, busy_seconds=60)
journal = RunJournal(db, db.begin_run(info(run_id=run_id)), batch=int(batch))
print("begun", flush=True)
play(journal, ticks=int(ticks))
if then == "wait":
    print("played", flush=True)
    time.sleep(60)
journal.close()
db.finish_run(run_id)
"""


def child(url: str, run_id: str, ticks: int, batch: int, then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, run_id, str(ticks), str(batch), then],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="process start times are read from /proc")
def test_killed_run_leaves_a_readable_journal_and_is_marked_interrupted(new_url: NewUrl) -> None:
    url = new_url()
    with child(url, "victim", ticks=25, batch=10, then="wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with DatabaseManager(url) as meanwhile:
            assert meanwhile.interrupted == []
            assert meanwhile.run("victim").status == "running"
        assert process.stdout.readline() == "played\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with DatabaseManager(url) as db:
        assert db.interrupted == ["victim"]
        run = db.run("victim")
        assert (run.status, run.ticks) == ("interrupted", 20)
        journal = RunJournal(db, "victim")
        play(journal, ticks=25, first=20)
        journal.close()
        resumed = rows(db)
    with DatabaseManager(new_url()) as other:
        journal = RunJournal(other, other.begin_run(info(run_id="whole")))
        play(journal, ticks=25)
        journal.close()
        whole = rows(other)
    assert {k: v for k, v in resumed.items() if k != "runs"} == {
        k: v for k, v in whole.items() if k != "runs"
    }


def test_two_processes_write_at_once_and_both_are_whole(new_url: NewUrl) -> None:
    url = new_url()
    writers = [child(url, name, ticks=60, batch=3, then="end") for name in ("one", "two")]
    for process in writers:
        with process:
            assert process.wait(timeout=120) == 0
    with DatabaseManager(url) as db:
        found = {run.run_id: (run.status, run.ticks) for run in db.runs()}
        assert found == {"one": ("finished", 60), "two": ("finished", 60)}
        one, two = (db.get_trades_by_period(run_id=name) for name in ("one", "two"))
        assert len(one) == len(two) > 0
        assert [t.model_dump(exclude={"trade_id"}) for t in one] == [
            t.model_dump(exclude={"trade_id"}) for t in two
        ]


def test_run_of_another_machine_counts_as_interrupted_after_an_hour_of_silence(
    new_url: NewUrl,
) -> None:
    url = new_url()
    begun = datetime(2025, 3, 3, 9, 0)
    with DatabaseManager(url, clock=lambda: begun) as db:
        db.begin_run(info(run_id="away"))
        with db.writing(durable=False) as connection:
            connection.execute(update(schema.runs).values(host="another"))
    for waited, gone in ((timedelta(minutes=59), []), (timedelta(minutes=61), ["away"])):
        now = begun + waited
        with DatabaseManager(url, clock=lambda now=now: now) as db:
            assert db.interrupted == gone


def test_process_that_took_over_a_number_is_not_the_one_that_had_it() -> None:
    mine = runs.process_mark(os.getpid())
    if mine is None:
        pytest.skip("process start times cannot be read here")
    assert mine.startswith(f"{os.getpid()}:")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as process:
        time.sleep(0.05)
        assert runs.process_mark(process.pid) not in (None, mine)
        process.kill()
    assert runs.process_mark(process.pid) is None


def test_rows_that_could_not_be_written_are_written_by_the_next_flush(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    from kisbt.errors import JournalError

    file = tmp_path / "journal.sqlite"
    with DatabaseManager(f"sqlite:///{file}", busy_seconds=0.05) as db:
        journal = RunJournal(db, db.begin_run(info(run_id="r")))
        play(journal, ticks=10)
        with closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="locked"):
                journal.flush()
        assert db.run("r").ticks == 0
        journal.close()
        assert db.run("r").ticks == 10
