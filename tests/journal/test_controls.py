"""Halts, approvals and alerts as people and sessions share them, on SQLite and Postgres."""

import subprocess
import sys
import time
from datetime import datetime

import pytest

from kisbt.domain.trading import OrderIntent, Side
from kisbt.errors import JournalError
from kisbt.journal.controls import Controls, scope_of
from kisbt.journal.database import DatabaseManager
from kisbt.run.live_safety import HaltWatch
from tests.journal.scenes import info

MINE, OTHER = scope_of("paper", "5012345601"), scope_of("real", "5012345601")
AT, LATER = datetime(2025, 3, 3, 10, 0), datetime(2025, 3, 3, 10, 30)
BUY = OrderIntent(ticker="005930", side=Side.BUY, quantity=3, limit_price=70_000, decision=0)


@pytest.fixture
def controls(db: DatabaseManager) -> Controls:
    return Controls(db, clock=lambda: AT)


@pytest.fixture
def run_id(db: DatabaseManager) -> str:
    return db.begin_run(info(mode="paper", scope=MINE))


def test_a_scope_tells_environments_apart_and_hides_the_account() -> None:
    assert MINE != OTHER
    assert MINE.startswith("paper-50xx-")
    assert "12345" not in MINE


def test_a_halt_of_everywhere_stops_every_account(controls: Controls) -> None:
    made = controls.halt("오류 주문")
    assert [halt.halt_id for halt in controls.standing(MINE)] == [made.halt_id]
    assert [halt.halt_id for halt in controls.standing(OTHER)] == [made.halt_id]


def test_a_halt_of_one_account_leaves_the_others_alone(controls: Controls) -> None:
    controls.halt("이 계좌만", scope=MINE)
    assert len(controls.standing(MINE)) == 1
    assert controls.standing(OTHER) == []


def test_resuming_one_account_keeps_the_halt_of_everywhere(controls: Controls) -> None:
    controls.halt("전부")
    controls.halt("이 계좌만", scope=MINE)
    assert [halt.reason for halt in controls.resume("kim", scope=MINE)] == ["이 계좌만"]
    assert [halt.reason for halt in controls.standing(MINE)] == ["전부"]
    assert len(controls.resume("kim")) == 1
    assert controls.standing(MINE) == []
    assert controls.resume("kim") == []


def test_what_a_halt_asks_for_is_carried_out_once(controls: Controls) -> None:
    made = controls.halt("팔아라", action="liquidate")
    assert controls.standing(MINE)[0].carried_out_at is None
    controls.carried_out(made.halt_id)
    (halt,) = controls.standing(MINE)
    assert (halt.action, halt.carried_out_at) == ("liquidate", "2025-03-03T10:00:00+09:00")


def test_a_halt_survives_the_process_that_made_it(controls: Controls, db: DatabaseManager) -> None:
    controls.halt("정전 전", scope=MINE)
    with DatabaseManager(db.engine.url.render_as_string(hide_password=False)) as again:
        assert [halt.reason for halt in Controls(again).standing(MINE)] == ["정전 전"]


def test_an_approval_is_answered_once(controls: Controls, run_id: str) -> None:
    asked = controls.ask(run_id, MINE, 4, "삼성전자 매수", [BUY], at=AT, expires=LATER)
    (waiting,) = controls.approvals(MINE, waiting=True)
    assert (waiting.approval_id, waiting.tick, waiting.orders) == (asked, 4, (BUY,))
    done = controls.answer(asked, "approved", "kim")
    assert (done.answer, done.answered_by) == ("approved", "kim")
    assert controls.approvals(MINE, waiting=True) == []
    assert controls.approvals(MINE, waiting=False) == [done]
    with pytest.raises(JournalError, match="approved by kim"):
        controls.answer(asked, "rejected", "lee")


def test_an_unknown_approval_is_said(controls: Controls) -> None:
    with pytest.raises(JournalError, match="no approval 'A-nope'"):
        controls.answer("A-nope", "approved", "kim")


def test_alerts_come_back_newest_first(controls: Controls, run_id: str) -> None:
    controls.alert(run_id, "warning", "첫째", at=AT)
    controls.alert(run_id, "alert", "둘째\x00", at=LATER)
    controls.alert(None, "alert", "계좌 없음", at=AT)
    assert [a.message for a in controls.alerts(run_id=run_id)] == ["둘째\ufffd", "첫째"]
    assert len(controls.alerts(scope=MINE)) == 3
    assert len(controls.alerts(scope=OTHER, limit=5)) == 1


def test_another_process_halts_within_a_second(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{(tmp_path / 'journal.sqlite').as_posix()}"
    monkeypatch.setenv("KISBT_JOURNAL", url)
    with DatabaseManager(url) as db:
        halted = HaltWatch(Controls(db), MINE)
        assert not halted()
        process = subprocess.Popen(
            [sys.executable, "-c", "from kisbt.cli import main; main()", "halt", "--json"],
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None
            process.stdout.read(1)  # it has spoken: the halt is durable
            spoken = time.monotonic()
            while not halted():
                assert time.monotonic() - spoken < 1.0
                time.sleep(0.01)
        assert "kisbt halt" in halted.reason


def test_an_answer_is_kept_for_a_fifth_of_a_second(controls: Controls) -> None:
    seconds = [0.0]
    halted = HaltWatch(controls, MINE, ticking=lambda: seconds[0])
    assert not halted()
    controls.halt("이제")
    seconds[0] = 0.19
    assert not halted()
    seconds[0] = 0.2
    assert halted()


def test_a_journal_that_cannot_be_read_stops_the_account(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    with DatabaseManager(f"sqlite:///{path.as_posix()}") as db:
        halted = HaltWatch(Controls(db), MINE)
        assert not halted()
        db.engine.dispose()
        for each in tmp_path.glob("journal.sqlite*"):
            each.unlink()
        path.mkdir()
        halted.refresh()
        assert halted()
        assert "일지를 읽을 수 없음" in halted.reason
