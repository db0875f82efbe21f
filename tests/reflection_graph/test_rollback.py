"""Step 9, rehearsed: a promoted version does harm and goes back to its parent by itself."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, update

from kisbt.config import Settings
from kisbt.gate.gate import Gate
from kisbt.journal.call_tables import llm_calls
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunInfo, RunMode
from kisbt.journal.schema import equity, runs, ticks
from kisbt.krx.calendar import sessions
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.version import PromptVersion
from kisbt.run.paired import DayReturns
from kisbt.run.rollback import Watched, watch
from tests.gate.scenes import HOLDOUT
from tests.reflection_graph.scenes import NOON, POLICY, TEXT, kept, let_through, store_of

AFTER = tuple(sessions(date(2023, 7, 31), date(2024, 7, 31)))


@pytest.fixture
def promoted(settings: Settings, db: DatabaseManager) -> PromptVersion:
    """Version 2, which the gate has let through and which is in force."""
    store = store_of(settings)
    policy = POLICY.model_copy(update={"max_new_per_day": 1})
    version = store.add(Draft(author="human", summary="둘째", parent=1, policy=policy, text=TEXT))
    let_through(settings, db, store, version)
    return version


def courses(gap: float, days: Sequence[date] = AFTER) -> list[DayReturns]:
    """The version in force and its parent; the first earns ``gap`` less a day, about."""
    noise = np.random.default_rng(5).normal(size=(2, len(days)))
    parent = 0.01 * noise[0]
    own = parent + 0.003 * noise[1] - gap
    return [DayReturns(tuple(days), returns, 1.0, 0) for returns in (own, parent)]


def look(settings: Settings, db: DatabaseManager, gap: float | None = None, **more: object
         ) -> Watched | None:  # fmt: skip
    replays = None if gap is None else lambda _: courses(gap)
    return watch(db, store_of(settings), settings, replays=replays, clock=lambda: NOON,
                 **more)  # type: ignore[arg-type]  # fmt: skip


def traded_live(
    db: DatabaseManager,
    version: PromptVersion,
    line: Sequence[tuple[int, int]],
    mode: RunMode = "paper",
) -> list[date]:
    """A live run under ``version``; a session each of (cash, equity)."""
    info = RunInfo(mode=mode, strategy="s", decider="d", dataset_name="d", dataset_hash="h")
    run = db.begin_run(info.model_copy(update={"scope": "account"}))
    days = sessions(date(2024, 8, 1), date(2024, 9, 30))[: len(line)]
    rows = [
        {"run_id": run, "at": f"{day}T15:30:00+09:00", "cash": cash, "equity": value,
         "exposure": 0.5}
        for day, (cash, value) in zip(days, line, strict=True)
    ]  # fmt: skip
    with db.writing(durable=False) as connection:
        connection.execute(insert(equity), rows)
        mine = update(runs).where(runs.c.run_id == run)
        connection.execute(mine.values(prompt_hash=version.hash, prompt_number=version.number))
    return days


def test_version_worse_than_its_parent_goes_back_with_alert_and_ledger(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    before = store_of(settings).load(1).text
    found = look(settings, db, 0.003)
    assert found is not None
    assert (found.moved, found.reasons) == (True, ("worse_than_parent",))
    assert found.wealth >= found.needed
    store = store_of(settings)
    assert store.current_number() == 1
    assert store.core.read_text(encoding="utf-8") == before
    (alert,) = Controls(db).alerts()
    assert alert.level == "alert"
    assert "2 → 1" in alert.message
    campaign = kept(db).all()[0].report["candidates"][0]["ruling"]["detail"]["campaign"]
    assert Gate(db, settings.gate).decision(campaign, promoted.hash).verdict == "roll_back"
    assert look(settings, db, 0.003) is None  # version 1 was not promoted by the gate


def test_version_as_good_as_its_parent_stays(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    found = look(settings, db, 0.0)
    assert found is not None
    assert (found.moved, found.reasons, found.days) == (False, (), len(AFTER))
    assert store_of(settings).current_number() == promoted.number


def test_telling_moves_nothing(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    found = look(settings, db, 0.003, move=False)
    assert found is not None
    assert found.reasons
    assert not found.moved
    assert store_of(settings).current_number() == promoted.number
    assert Controls(db).alerts() == []


def test_drawdown_at_its_limit_takes_a_version_back(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    limits = settings.limits.model_copy(update={"max_drawdown": 0.10})
    careful = settings.model_copy(update={"limits": limits})
    traded_live(db, promoted, [(50, 1_000), (50, 920)])
    assert look(careful, db, None) is not None
    assert store_of(settings).current_number() == 2
    traded_live(db, promoted, [(50, 1_000), (50, 890)])
    found = look(careful, db, None)
    assert found is not None
    assert (found.reasons, found.moved) == (("drawdown",), True)
    assert store_of(settings).current_number() == 1


def test_cash_below_zero_is_a_breach(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    traded_live(db, promoted, [(50, 1_000), (-1, 1_000)])
    found = look(settings, db, None)
    assert found is not None
    assert found.reasons == ("breach",)


def answered(db: DatabaseManager, version: PromptVersion, *statuses: str) -> None:
    """One live run of one day, always the same, on which a model gave these answers."""
    before = {run.run_id for run in db.runs()}
    traded_live(db, version, [(50, 1_000)])
    (run,) = {run.run_id for run in db.runs()} - before
    at = "2024-08-01T15:30:00+09:00"
    tick = {"run_id": run, "tick": 0, "at": at, "session": at[:10], "ending": "done", "line": "",
            "opportunities": "[]", "risks": "[]", "comment": ""}  # fmt: skip
    with db.writing(durable=False) as connection:
        connection.execute(insert(ticks), tick)
        connection.execute(insert(llm_calls), [
            {"run_id": run, "tick": 0, "call": n, "cache_key": "k", "model": "m", "request": "{}",
             "status": status, "called_at": at}
            for n, status in enumerate(statuses)
        ])  # fmt: skip


def test_more_than_five_percent_unreadable_answers_in_a_day_take_a_version_back(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    answered(db, promoted, *["valid"] * 19, "invalid")
    few = look(settings, db)
    assert few is not None
    assert (few.reasons, few.moved) == ((), False)
    answered(db, promoted, "invalid")  # the same day: 2 of 21
    found = look(settings, db)
    assert found is not None
    assert (found.reasons, found.moved) == (("parse_failures",), True)
    assert store_of(settings).current_number() == 1
    (alert,) = Controls(db).alerts()
    assert alert.message == "프롬프트 2 → 1 자동 되돌리기: 읽을 수 없는 답"


def test_model_that_could_not_be_reached_is_not_the_versions_fault(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    answered(db, promoted, "valid", *["failed"] * 30)
    found = look(settings, db)
    assert found is not None
    assert found.reasons == ()


def test_fault_of_a_day_that_nobody_looked_at_counts_the_next_time(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    traded_live(db, promoted, [(-1, 1_000), (50, 1_000), (50, 1_000)])
    found = look(settings, db)
    assert found is not None
    assert (found.reasons, found.live_days) == (("breach",), 3)


def test_simulators_accounts_are_not_one_account(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    limits = settings.limits.model_copy(update={"max_drawdown": 0.10})
    careful = settings.model_copy(update={"limits": limits})
    traded_live(db, promoted, [(50, 1_000), (50, 1_200)], mode="sim")
    traded_live(db, promoted, [(50, 1_000), (50, 1_000), (50, 1_000)], mode="sim")
    found = look(careful, db)
    assert found is not None
    assert found.reasons == ()
    traded_live(db, promoted, [(50, 1_200), (50, 1_000)])
    found = look(careful, db)
    assert found is not None
    assert found.reasons == ("drawdown",)


def test_five_days_of_drift_take_a_version_back(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    days = traded_live(db, promoted, [(50, 1_000)] * 6)
    few = look(settings, db, None, drift=dict.fromkeys(days[2:], True))
    assert few is not None
    assert few.reasons == ()
    found = look(settings, db, None, drift=dict.fromkeys(days[1:], True))
    assert found is not None
    assert found.reasons == ("drift",)


def test_person_who_puts_it_back_in_force_has_the_last_word(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    look(settings, db, 0.003)
    store_of(settings).rollback(2, reason="사람")
    found = look(settings, db, 0.003)
    assert found is not None
    assert (found.moved, found.reasons) == (False, ())
    assert store_of(settings).current_number() == 2


def test_other_epoch_of_the_gate_still_bets(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    gate = settings.gate.model_copy(update={"ramp_days": 21})
    other = settings.model_copy(update={"gate": gate})
    found = look(other, db, 0.003)
    assert found is not None
    assert found.reasons == ("worse_than_parent",)
    assert store_of(settings).current_number() == 1
    store_of(settings).rollback(2, reason="사람")
    again = look(other, db, 0.003)
    assert again is not None
    assert (again.kept, again.moved) == (True, False)
    assert store_of(settings).current_number() == 2


def test_days_that_the_test_saw_do_not_count(
    settings: Settings, db: DatabaseManager, promoted: PromptVersion
) -> None:
    seen = sessions(HOLDOUT.last - timedelta(days=300), HOLDOUT.last)
    found = watch(
        db, store_of(settings), settings, replays=lambda _: courses(0.01, seen),
        clock=lambda: datetime(2024, 1, 2),
    )  # fmt: skip
    assert found is not None
    assert (found.days, found.reasons) == (0, ())
