"""Step 9 rehearsed in an evolution: a week's days beyond an account's limits demote a version."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.learning import project as trap_project
from kisbt.config import Settings, load_settings
from kisbt.data.store import load_dataset
from kisbt.data.synth.traps import TrapSpec
from kisbt.report.evolution import render_evolution
from kisbt.rulebook.store import PromptStore
from kisbt.run.evolve import Evolved, EvolveOrder, run_evolution

SPEC = TrapSpec("chased_surge", 0.10, names=16, sessions=480, seed=2)
PAST, WEEKS = 330, 4

Harm = Callable[[sqlite3.Connection, str, str], None]
"""Changes the books of a version's run on one day."""


def order_of(settings: Settings) -> EvolveOrder:
    days = load_dataset("market", settings.folder("datasets")).timeline.astype("datetime64[D]")
    return EvolveOrder(first=days[PAST].item(), weeks=WEEKS, seed=7, jobs=1)


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished evolution, in which version 2 is in force from week 2 on."""
    folder = tmp_path_factory.mktemp("evolved")
    trap_project(folder, SPEC, holdout=120)
    with (folder / "kisbt.toml").open("a", encoding="utf-8") as file:
        file.write("[limits]\nmax_drawdown = 0.5\n")
    settings = load_settings(folder / "kisbt.toml", {})
    done = run_evolution(order_of(settings), settings)
    assert [record["after"] for record in done.records] == [2] * WEEKS
    return folder


class Again:
    """A copy of the evolution whose weeks from the second on are walked once more."""

    def __init__(self, evolved: Path, folder: Path) -> None:
        shutil.copytree(evolved, folder, dirs_exist_ok=True)
        self.settings = load_settings(folder / "kisbt.toml", {})
        (self.home,) = (folder / "results").glob("evolve-*")
        self.journal = self.home / "journal.sqlite"
        self.weeks = [self.home / "weeks" / f"{n:04d}.json" for n in range(2, WEEKS + 1)]

    def harm(self, harm: Harm, day: str) -> None:
        with closing(sqlite3.connect(self.journal)) as journal, journal:
            harm(journal, f"{self.home.name}-v0002", day)

    def walk(self) -> Evolved:
        for week in self.weeks:
            week.unlink()
        return run_evolution(order_of(self.settings), self.settings)


@pytest.fixture
def again(evolved: Path, tmp_path: Path) -> Again:
    found = Again(evolved, tmp_path)
    with closing(sqlite3.connect(found.journal)) as journal, journal:
        journal.execute("DELETE FROM gate_events WHERE kind = 'guard_day'")
    return found


def days(again: Again, week: int) -> list[str]:
    """The sessions of a week, from the journal."""
    path = again.home / "weeks" / f"{week:04d}.json"
    record = load(path)
    with closing(sqlite3.connect(again.journal)) as journal:
        found = journal.execute(
            "SELECT DISTINCT substr(at, 1, 10) FROM equity WHERE at >= ? AND at < ? ORDER BY 1",
            (record["first"], f"{record['last']}~"),
        )
        return [day for (day,) in found]


def load(path: Path) -> dict[str, Any]:
    return dict(orjson.loads(path.read_bytes()))


def fall(journal: sqlite3.Connection, run: str, day: str) -> None:
    query = "UPDATE equity SET equity = equity * 0.4 WHERE run_id = ? AND at LIKE ?"
    journal.execute(query, (run, f"{day}%"))


def soar(journal: sqlite3.Connection, run: str, day: str) -> None:
    query = "UPDATE equity SET equity = equity * 10 WHERE run_id = ? AND at LIKE ?"
    journal.execute(query, (run, f"{day}%"))


def overdraw(journal: sqlite3.Connection, run: str, day: str) -> None:
    query = "UPDATE equity SET cash = -1 WHERE run_id = ? AND at LIKE ?"
    journal.execute(query, (run, f"{day}%"))


def mumble(journal: sqlite3.Connection, run: str, day: str) -> None:
    query = "SELECT tick FROM ticks WHERE run_id = ? AND at LIKE ?"
    (tick,) = journal.execute(query, (run, f"{day}%")).fetchone()
    journal.execute(
        "INSERT INTO llm_calls (run_id, tick, call, cache_key, model, request, status, called_at) "
        "VALUES (?, ?, 0, 'k', 'm', '{}', 'invalid', ?)",
        (run, tick, day),
    )


@pytest.mark.parametrize(
    ("harm", "reason", "korean"),
    [
        (fall, "drawdown", "최대 낙폭 한도"),
        (overdraw, "breach", "위험 한도 위반"),
        (mumble, "parse_failures", "읽을 수 없는 답"),
    ],
)
def test_a_day_beyond_a_limit_demotes_on_its_sunday_and_the_report_says_why(
    again: Again, harm: Harm, reason: str, korean: str
) -> None:
    again.harm(harm, days(again, 3)[1])  # not the week's last day
    done = again.walk()
    moves = [(r["week"], r["move"]["kind"]) for r in done.records if r["move"]][:2]
    assert moves == [(1, "promotion"), (3, "demotion")]
    move = done.records[2]["move"]
    assert (move["from"], move["to"], move["reasons"]) == (2, 1, [reason])
    assert move["evidence"]["wealth"] < move["evidence"]["needed"]
    assert done.records[3]["version"] == 1
    assert f"강등: 2 → 1 ({korean})" in done.home.report.read_text(encoding="utf-8")
    english = render_evolution(done.facts, "en").decode()
    assert re.search(r"demoted: 2 → 1 \([a-z ]+\)", english)
    prompts = PromptStore(done.home.settings(again.settings).folder("prompts"))
    assert f"강등: {korean}" in prompts.changes.read_text(encoding="utf-8")
    # A process that ended after the pointer moved and before the week was written walks it again.
    again.weeks = again.weeks[1:]
    assert again.walk().facts == done.facts


def test_days_before_it_came_into_force_do_not_count(again: Again) -> None:
    before = days(again, 1)
    for harm in (overdraw, soar, mumble):  # a peak ten times as high, too
        again.harm(harm, before[-1])
    done = again.walk()
    assert [record["after"] for record in done.records] == [2] * WEEKS
