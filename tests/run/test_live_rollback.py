"""After the close of a live day a version that does harm goes back, and the next day follows."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kisbt.config import load_settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import Scope
from kisbt.krx.calendar import sessions
from kisbt.reflection_graph.material import Material
from kisbt.report.live_day import LiveDay
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.run import live_desk, rollback_duty
from kisbt.run.drift_duty import DriftDuty
from kisbt.run.live_command import LiveOutcome, trade
from kisbt.run.live_order import LiveOrder
from kisbt.run.paired import DayReturns
from tests.reflection_graph.scenes import let_through

FIRST = "2024-11-11"
PARENT = 1
DAYS = [day.isoformat() for day in sessions(date(2024, 11, 11), date(2024, 11, 22))]

Harm = Callable[[sqlite3.Connection, str, str], None]
"""Changes the journal of a run and a day that is over, before anybody looks at it."""


def store() -> PromptStore:
    return PromptStore(
        load_settings().folder("prompts"), catalogue={each.name: each for each in FEATURES}
    )


@pytest.fixture
def promoted(project: Path) -> int:
    """The number of a version that trades as the shipped one, let through and in force."""
    write("")
    prompts, settings = store(), load_settings()
    parent = prompts.load(PARENT)
    assert prompts.current_number() == PARENT
    values = parent.model_dump(include={"policy", "rules", "text", "features"})
    version = prompts.add(
        Draft.model_validate(
            {"author": "human", "summary": "새것", "parent": parent.number} | values
        )
    )
    with DatabaseManager(settings.journal_url()) as db:
        let_through(settings, db, prompts, version)
    return version.number


def write(toml: str) -> None:
    Path("kisbt.toml").write_text(f"[kis]\nconfig = 'nowhere'\n{toml}", encoding="utf-8")


def live(days: int = 3, **more: Any) -> LiveOutcome:
    order = LiveOrder(venue="sim", days=days, first=FIRST, **more)
    return trade(order, load_settings(), confirm=lambda _: "", quiet=True, page=False, environ={})


def rows(query: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect("results/journal.sqlite")) as journal:
        return journal.execute(query, values).fetchall()


def harmed(monkeypatch: pytest.MonkeyPatch, harm: Harm) -> None:
    """Have ``harm`` done at every close, before the day's drift and its versions are looked at."""

    class First(DriftDuty):
        def __call__(self, day: LiveDay) -> list[tuple[str, list[list[str]]]]:
            with closing(sqlite3.connect("results/journal.sqlite")) as journal, journal:
                harm(journal, day.run_id, day.session.isoformat())
            return super().__call__(day)

    monkeypatch.setattr(live_desk, "DriftDuty", First)


def took_back(promoted: int, why: str) -> str:
    """The pointer went back for this reason and the session followed; the last day before it."""
    assert store().current_number() == PARENT
    said = f"프롬프트 {promoted} → {PARENT} 자동 되돌리기: {why}"
    ((at, run),) = rows("SELECT at, run_id FROM alerts WHERE level = 'alert' AND message = ?", said)
    assert rows("SELECT prompt_number FROM runs WHERE run_id = ?", run) == [(promoted,)]
    day = at[:10]
    page = Path("results", run, "days", f"{day}.html").read_text(encoding="utf-8")
    assert f"{promoted} → {PARENT}: 자동 되돌리기 ({why})" in page
    lived = "SELECT min(e.at), max(e.at) FROM equity e JOIN runs r USING (run_id) WHERE {} = ?"
    ((_, last),) = rows(lived.format("r.prompt_number"), promoted)
    ((next_day, _),) = rows(lived.format("r.prompt_number"), PARENT)
    assert last[:10] == day < next_day[:10]
    return day


def pay(journal: sqlite3.Connection, run: str, day: str) -> None:
    """Another two million won are gone, and nothing tells where."""
    won = 2_000_000 * (DAYS.index(day) + 1)
    query = "UPDATE equity SET cash = cash - ?, equity = equity - ? WHERE run_id = ? AND at >= ?"
    journal.execute(query, (won, won, run, day))


def overdraw(journal: sqlite3.Connection, run: str, day: str) -> None:
    if day == DAYS[1]:
        query = "UPDATE equity SET cash = -1 WHERE run_id = ? AND at >= ?"
        journal.execute(query, (run, day))


def mumble(journal: sqlite3.Connection, run: str, day: str) -> None:
    """Two answers of twenty are none, on the second day; of the first day's twenty one."""
    if day not in DAYS[:2]:
        return
    (tick,) = journal.execute(
        "SELECT tick FROM ticks WHERE run_id = ? AND at LIKE ?", (run, f"{day}%")
    ).fetchone()
    for call in range(20):
        status = "invalid" if call < DAYS.index(day) + 1 else "valid"
        journal.execute(
            "INSERT INTO llm_calls (run_id, tick, call, cache_key, model, request, status, "
            "called_at) VALUES (?, ?, ?, 'k', 'm', '{}', ?, ?)",
            (run, tick, call, status, day),
        )


def nothing(journal: sqlite3.Connection, run: str, day: str) -> None:
    pass


def losing(_versions: object, *_more: object) -> list[DayReturns]:
    """The version in force has lost half a percent a day more than its parent since September."""
    days = tuple(sessions(date(2024, 5, 2), date(2024, 11, 29)))
    parent = 0.01 * np.random.default_rng(5).standard_normal(len(days))
    worse = np.array([0.005 if day >= date(2024, 9, 2) else 0.0 for day in days])
    return [DayReturns(days, found, 1.0, 0) for found in (parent - worse, parent)]


def test_a_day_with_no_reason_leaves_the_version_in_force(promoted: int) -> None:
    live(2)
    assert store().current_number() == promoted
    assert rows("SELECT message FROM alerts WHERE level = 'alert'") == []
    assert rows("SELECT DISTINCT prompt_number FROM runs WHERE mode = 'sim'") == [(promoted,)]
    ((run,),) = rows("SELECT run_id FROM runs WHERE mode = 'sim'")
    page = Path("results", run, "days", f"{DAYS[1]}.html").read_text(encoding="utf-8")
    assert "버전 감시" in page
    assert "되돌릴 이유가 없습니다" in page
    bets = rows("SELECT count(*) FROM gate_events WHERE kind = 'guard_day'")
    assert bets[0][0] > 100  # the two versions were replayed side by side
    assert rows("SELECT max(json_extract(body, '$.day')) FROM gate_events") == [(DAYS[1],)]


@pytest.mark.parametrize(
    ("harm", "why", "day"),
    [(overdraw, "위험 한도 위반", DAYS[1]), (mumble, "읽을 수 없는 답", DAYS[1])],
)
def test_a_fault_of_a_day_takes_the_version_back_that_evening(
    promoted: int, monkeypatch: pytest.MonkeyPatch, harm: Harm, why: str, day: str
) -> None:
    harmed(monkeypatch, harm)
    live(3)
    assert took_back(promoted, why) == day


def test_an_account_at_its_limit_takes_the_version_back(promoted: int) -> None:
    write("[limits]\nmax_drawdown = 0.0001\n")
    outcome = live(5)
    took_back(promoted, "최대 낙폭 한도")
    sold = {fill.ticker for fill in outcome.result.fills if fill.side == "SELL"}
    assert sold & set(outcome.result.opening)  # bought under the version before
    with DatabaseManager(load_settings().journal_url()) as db:
        material = Material(db, Scope(runs=(outcome.run_id,)), store().current().policy)
        assert not set(material.trips.ticker) & (sold & set(outcome.result.opening))


def test_a_version_worse_than_its_parent_goes_back(
    promoted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback_duty, "beside", losing)
    live(2)
    assert took_back(promoted, "이전 버전보다 나쁨") == DAYS[0]


def test_five_days_of_drift_running_take_the_version_back(
    promoted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmed(monkeypatch, pay)
    live(6)
    assert took_back(promoted, "백테스트와의 차이") == DAYS[4]


def test_a_look_that_fails_is_said_and_the_session_goes_on(
    promoted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(rollback_duty, "watch", broken)
    outcome = live(3)
    assert (outcome.failed, outcome.sessions) == (False, 3)
    failed = [
        one for one in outcome.alerts if "프롬프트 버전을 감시하지 못함: a fault of ours" in one
    ]
    assert sorted(one[:10] for one in failed) == DAYS[:3]
    assert store().current_number() == promoted


def test_a_session_with_a_prompt_of_its_own_moves_no_pointer(
    promoted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmed(monkeypatch, overdraw)
    live(3, prompt=promoted)
    assert store().current_number() == promoted


def test_the_alert_is_english_for_who_reads_english(
    promoted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("")
    text = Path("kisbt.toml").read_text(encoding="utf-8")
    Path("kisbt.toml").write_text(f"lang = 'en'\n{text}", encoding="utf-8")
    harmed(monkeypatch, overdraw)
    live(2)
    said = f"prompt {promoted} → {PARENT}, rolled back automatically: a risk limit broken"
    assert said in [message for (message,) in rows("SELECT message FROM alerts")]
