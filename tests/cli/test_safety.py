"""halt, resume, approve and reject as a person types them."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kisbt.config import load_settings
from kisbt.domain.trading import OrderIntent, Side
from kisbt.journal.controls import Controls, scope_of
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunInfo
from tests.run.conftest import Said, kisbt, project  # noqa: F401 - fixtures

SCOPE = scope_of("paper", "5012345601")
AT = datetime(2025, 3, 3, 10, 0)


def journal() -> DatabaseManager:
    return DatabaseManager(load_settings().journal_url())


def ask(db: DatabaseManager) -> str:
    run_id = db.begin_run(
        RunInfo(mode="paper", strategy="s", decider="d", dataset_name="x", dataset_hash="y",
                scope=SCOPE)
    )  # fmt: skip
    order = OrderIntent(ticker="005930", side=Side.BUY, quantity=3, decision=0)
    return Controls(db).ask(run_id, SCOPE, 0, "005930 매수 3주", [order], at=AT, expires=AT)


def test_halt_works_before_any_journal_exists_and_resume_lifts_it(
    project: Path,  # noqa: F811
    kisbt: Callable[..., Said],  # noqa: F811
) -> None:
    said = kisbt("halt", "--cancel", "--reason", "점검")
    assert said.code == 0
    assert "모든 계좌, 미체결 취소" in said.out
    with journal() as db:
        (halt,) = Controls(db).standing(SCOPE)
    assert (halt.reason, halt.action) == ("점검", "cancel")
    assert "점검" in kisbt("resume").out
    assert "정지된 것이 없습니다" in kisbt("resume").out


def test_halt_speaks_json(project: Path, kisbt: Callable[..., Said]) -> None:  # noqa: F811
    said = json.loads(kisbt("halt", "--liquidate", "--account", SCOPE, "--json").out)
    assert (said["halt"]["action"], said["halt"]["scope"]) == ("liquidate", SCOPE)
    assert len(json.loads(kisbt("resume", "--account", SCOPE, "--json").out)["resumed"]) == 1


def test_approve_lists_what_waits_and_answers_it(
    project: Path,  # noqa: F811
    kisbt: Callable[..., Said],  # noqa: F811
) -> None:
    with journal() as db:
        first, second = ask(db), ask(db)
    listed = json.loads(kisbt("approve", "--json").out)["waiting"]
    assert {each["approval_id"] for each in listed} == {first, second}
    assert listed[0]["orders"][0]["ticker"] == "005930"
    assert first in kisbt("approve").out
    assert "승인" in kisbt("approve", first).out
    assert json.loads(kisbt("reject", second, "--json").out)["approval"]["answer"] == "rejected"
    again = kisbt("approve", first)
    assert again.code == 6
    assert "has an answer already" in again.err


def test_resume_without_a_journal_is_one_line(
    project: Path,  # noqa: F811
    kisbt: Callable[..., Said],  # noqa: F811
) -> None:
    said = kisbt("resume")
    assert said.code == 6
    assert said.err.count("\n") == 1
    assert "there is no journal" in said.err
