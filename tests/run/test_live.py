"""``kisbt live`` from end to end, without keys: the embedded simulator in lock-step."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kisbt.config import load_settings
from kisbt.errors import ConfigError, JournalError, StrategyError
from kisbt.journal.controls import EVERYWHERE, Controls
from kisbt.journal.database import DatabaseManager
from kisbt.run.live_command import LiveOutcome, trade
from kisbt.run.live_order import LiveOrder
from tests.run.conftest import Said

FIRST = "2024-11-11"
"""A week of the sample in which the shipped prompt trades."""


STRATEGY = """import backtrader as bt


class {name}(bt.Strategy):
    def prenext(self):
        self.next()

    def next(self):
        {body}
"""

RAISES = """if len(self) == 2:
            raise ValueError('oops')
        self.buy(data=self.datas[0], size=1)"""

BUYS = """for data in self.datas:
            if len(data):
                self.buy(data=data, size=1)"""


def nobody(_question: str) -> str:
    raise AssertionError("a person was asked")


def live(days: int = 3, **more: object) -> LiveOutcome:
    order = LiveOrder(days=days, first=FIRST, **more)  # type: ignore[arg-type]
    return trade(order, load_settings(), confirm=nobody, quiet=True, environ={})


@pytest.fixture(autouse=True)
def no_keys(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own KIS keys are read."""
    config = "[kis]\nconfig = 'nowhere'\n"
    (project / "kisbt.toml").write_text(config, encoding="utf-8")


def rows(query: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect("results/journal.sqlite")) as journal:
        return journal.execute(query, values).fetchall()


def sent() -> int:
    try:
        return rows("SELECT count(*) FROM order_events WHERE state = 'sent'")[0][0]
    except sqlite3.OperationalError:  # the journal is only just being made
        return 0


def test_a_fresh_clone_trades_journals_and_reports(kisbt: Callable[..., Said]) -> None:
    said = kisbt("live", "--mock", "--days", "3")
    assert said.code == 0, said.err
    first, *lines = said.out.splitlines()
    assert "내장 시뮬레이터에서 거래: sample" in first
    assert any("체결 990080 매수 265주" in line for line in lines)
    assert any("2024-11-13 마감" in line for line in lines)
    ((run_id, mode, status),) = rows("SELECT run_id, mode, status FROM runs")
    assert (mode, status) == ("sim", "finished")
    folder = Path("results") / run_id
    assert (folder / "tearsheet.html").is_file()
    day = (folder / "days" / "2024-11-12.html").read_text(encoding="utf-8")
    assert "시늉에너지솔루션" in day
    assert "<script" not in day
    filled = rows("SELECT count(*) FROM orders WHERE state = 'filled'")
    assert filled == [(4,)]
    trades = Path("results/logs/trades.log").read_text(encoding="utf-8").splitlines()
    assert sum(json.loads(line)["event"] == "fill" for line in trades) == 4
    shown = kisbt("live", "--status", "--json")
    (account,) = json.loads(shown.out)["accounts"]
    assert account["run_id"] == run_id
    assert {p["ticker"] for p in account["positions"]} == {"990080", "990090", "980020", "990070"}
    assert run_id in kisbt("live", "--status").out


def test_it_trades_as_the_backtest_does(kisbt: Callable[..., Said]) -> None:
    outcome = live(days=4)
    assert kisbt("backtest", "--from", FIRST, "--to", "2024-11-14").code == 0
    (backtest,) = rows("SELECT run_id FROM runs WHERE mode = 'backtest'")[0]
    for table, columns in (
        ("fills", "number, ref, at, session, ticker, side, quantity, price, commission, tax, "
                  "cash_after, position_after"),
        ("equity", "at, cash, equity, exposure"),
        ("decisions", "tick, seq, ticker, action, outcome, approved, reason, order_ref"),
    ):  # fmt: skip
        query = f"SELECT {columns} FROM {table} WHERE run_id = ?"
        assert rows(query, outcome.run_id) == rows(query, backtest), table


def test_a_halted_account_sends_nothing(project: Path) -> None:
    with DatabaseManager(load_settings().journal_url()) as db:
        Controls(db).halt("점검")
    outcome = live()
    assert (outcome.orders, len(outcome.result.fills)) == (0, 0)
    assert rows("SELECT DISTINCT mode FROM ticks") == [("HALTED",)]
    assert "비상 정지: 점검" in outcome.alerts


def test_orders_wait_for_a_person_and_expire_at_the_open() -> None:
    outcome = live(approve="all")
    assert outcome.orders == 0
    asked = rows("SELECT answer, answered_by, tick FROM approvals ORDER BY tick")
    assert asked == [("expired", "kisbt", 0), ("expired", "kisbt", 1)]
    assert rows("SELECT DISTINCT ending FROM ticks WHERE tick < 2") == [("waiting",)]


def test_approved_orders_are_sent_under_their_own_decision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = Controls.ask

    def at_once(self: Controls, *args: object, **more: object) -> str:
        asked = ask(self, *args, **more)  # type: ignore[arg-type]
        self.answer(asked, "approved", "kim")
        return asked

    monkeypatch.setattr(Controls, "ask", at_once)
    outcome = live(approve="all")
    without = live()
    assert len(outcome.result.fills) == len(without.result.fills) == 4
    links = "SELECT ref, ticker, quantity, tick, seq, state FROM orders WHERE run_id = ?"
    assert rows(links, outcome.run_id) == rows(links, without.run_id)


def test_orders_below_the_bound_do_not_wait() -> None:
    outcome = live(approve="20000000")
    assert outcome.orders > 0
    assert rows("SELECT count(*) FROM approvals") == [(0,)]


def test_liquidation_sells_everything_although_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person halts after the second close; the sales leave at the next open."""
    from kisbt.run.live_days import Days

    close = Days._close

    def then_halt(self: Days, session: object) -> None:
        close(self, session)  # type: ignore[arg-type]
        if len(self.done) == 2:
            Controls(self._db).halt("전량 매도", action="liquidate")

    monkeypatch.setattr(Days, "_close", then_halt)
    outcome = live(days=4)
    sides = [(f.ticker, f.side.value) for f in outcome.result.fills]
    assert sorted(sides) == [
        ("990080", "BUY"), ("990080", "SELL"), ("990090", "BUY"), ("990090", "SELL"),
    ]  # fmt: skip
    assert outcome.result.equity[-1].exposure == 0.0
    assert rows("SELECT carried_out_at IS NOT NULL FROM halts") == [(1,)]


def test_a_strategy_that_raises_ends_with_one_line_and_no_orders_left(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    bad = project / "strategies" / "bad.py"
    bad.write_text(STRATEGY.format(name="Bad", body=RAISES), encoding="utf-8")
    said = kisbt("live", "--days", "4", "--from", FIRST, "--strategy", "strategies/bad.py")
    assert said.code == StrategyError.exit_code
    assert said.err.count("\n") == 1
    assert "bad.py raised ValueError: oops (line 10)" in said.err
    assert rows("SELECT status FROM runs") == [("failed",)]
    assert rows("SELECT count(*) FROM orders WHERE state NOT IN "
                "('filled', 'cancelled', 'expired', 'rejected')") == [(0,)]  # fmt: skip


def test_a_full_disk_stops_trading_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from kisbt.journal.writer import RunJournal

    written = RunJournal.record_fill

    def full(self: RunJournal, fill: object) -> None:
        if self._fills:
            raise JournalError("journal cannot grow: the disk is full", hint="free some space")
        written(self, fill)  # type: ignore[arg-type]

    monkeypatch.setattr(RunJournal, "record_fill", full)
    with pytest.raises(JournalError, match="the disk is full"):
        live()
    assert rows("SELECT count(*) FROM fills") == [(1,)]
    assert rows("SELECT status FROM runs") == [("failed",)]


def test_halt_from_another_process_stops_orders_within_a_second(project: Path) -> None:
    """Under load: a strategy that sends an order a bar, in lock-step as fast as it goes."""
    text = STRATEGY.format(name="Busy", body=BUYS)
    (project / "strategies" / "busy.py").write_text(text, encoding="utf-8")
    left: list[LiveOutcome] = []

    def work() -> None:
        order = LiveOrder(days=60, first="2024-01-02", strategy="strategies/busy.py")
        left.append(trade(order, load_settings(), confirm=nobody, quiet=True, environ={}))

    thread = threading.Thread(target=work)
    thread.start()
    while sent() < 20:
        time.sleep(0.05)
        assert thread.is_alive()
    done = subprocess.run(
        [sys.executable, "-c", "from kisbt.cli import main; main()", "halt", "--json"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["halt"]["scope"] == EVERYWHERE
    time.sleep(1.0)
    before = sent()
    thread.join(280.0)
    assert not thread.is_alive()
    assert sent() == before
    assert left[0].result.equity[-1].at.date() > left[0].result.fills[-1].session


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"first": "2024-11-10"}, "no session on that day"),
        ({"frequency": "2h"}, "not a bar length"),
        ({"frequency": "1m"}, "has 1d bars"),
        ({"approve": "some"}, "not understood"),
        ({"decide_at": "25:00"}, "not times of the day"),
        ({"speed": "fast"}, "not a speed"),
        ({"cash": 0}, "impossible"),
        ({"config_dir": Path("nowhere")}, "does not exist"),
        ({"venue": "real"}, "real money"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_starts(
    more: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        trade(
            LiveOrder(days=1, **more),  # type: ignore[arg-type]
            load_settings(), confirm=nobody, quiet=True, environ={},
        )  # fmt: skip
    assert not Path("results/journal.sqlite").exists()
