from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Rule
from kisbt.domain.trading import Side
from kisbt.errors import JournalError
from kisbt.journal import schema
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import TradeLink, TradeRecord
from kisbt.journal.runs import PromptRecord
from kisbt.journal.writer import RunJournal
from tests.journal.conftest import NewUrl
from tests.journal.scenes import START, info, play, rows


def trade(number: int, **changes: object) -> TradeRecord:
    fields = {
        "trade_id": f"t{number:03d}",
        "timestamp": START + timedelta(days=number),
        "ticker": "005930",
        "action": "BUY",
        "quantity": 10,
        "price": 50_000,
    }
    return TradeRecord.model_validate({**fields, **changes})


def test_trade_comes_back_as_it_was_written(db: DatabaseManager) -> None:
    whole = trade(
        1,
        justification_text="20일선 위",
        market_snapshot={"change_pct": 1.5},
        portfolio_before={"cash": 1},
        pnl_7_days=0.05,
        pnl_30_days=-0.125,
    )
    assert db.insert_trade(whole) == "t001"
    assert db.get_trade("t001") == (whole, TradeLink())


def test_second_trade_of_the_same_id_is_refused_and_nothing_is_lost(db: DatabaseManager) -> None:
    db.insert_trade(trade(1))
    with pytest.raises(JournalError, match="refused a row"):
        db.insert_trade(trade(1, price=1))
    assert [one.price for one in db.get_trades_by_period()] == [50_000]


def test_trade_of_an_unknown_run_is_refused(db: DatabaseManager) -> None:
    with pytest.raises(JournalError, match="refused a row"):
        db.insert_trade(trade(1), TradeLink(run_id="nowhere"))
    assert db.get_trades_by_period() == []


def test_missing_trade_is_one_clear_line(db: DatabaseManager) -> None:
    with pytest.raises(JournalError, match="no trade 'x'"):
        db.get_trade("x")
    with pytest.raises(JournalError, match="no trade 'x'"):
        db.update_pnl("x", pnl_7_days=0.1)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (None, None, [0, 1, 2, 3]),
        (date(2024, 1, 3), None, [1, 2, 3]),
        (None, date(2024, 1, 3), [0, 1]),
        ("2024-01-03", "2024-01-04", [1, 2]),
        ("2024-01-03T15:30:00", None, [1, 2, 3]),
        (datetime(2024, 1, 3, 15, 30, 0, 1), None, [2, 3]),
        (None, datetime(2024, 1, 3, 6, 30, tzinfo=UTC), [0, 1]),
        (None, datetime(2024, 1, 3, 6, 29, tzinfo=UTC), [0]),
        ("2025-01-01", None, []),
    ],
)
def test_period_holds_both_its_ends(
    db: DatabaseManager, start: object, end: object, found: list[int]
) -> None:
    for number in (2, 0, 3, 1):
        db.insert_trade(trade(number))
    got = db.get_trades_by_period(start, end)  # type: ignore[arg-type]
    assert [one.trade_id for one in got] == [f"t{number:03d}" for number in found]


def test_period_that_is_no_date_is_one_clear_line(db: DatabaseManager) -> None:
    for wrong in ("yesterday", "2024-01-03T25:00:00"):
        with pytest.raises(JournalError, match="not an ISO date"):
            db.get_trades_by_period(wrong)


def test_trades_are_found_by_name_action_run_and_count(db: DatabaseManager) -> None:
    run_id = db.begin_run(info())
    db.insert_trade(trade(0), TradeLink(run_id=run_id, fill_number=0))
    db.insert_trade(trade(1, ticker="000660", action="SELL"))
    db.insert_trade(trade(2))

    def ids(**only: object) -> list[str]:
        return [one.trade_id for one in db.get_trades_by_period(**only)]  # type: ignore[arg-type]

    assert ids(ticker="000660") == ["t001"]
    assert ids(action="BUY") == ["t000", "t002"]
    assert ids(action=Side.SELL) == ["t001"]
    assert ids(run_id=run_id) == ["t000"]
    assert ids(limit=2) == ["t000", "t001"]


def test_fractions_of_a_second_sort_as_time_does(db: DatabaseManager) -> None:
    moments = [START, START + timedelta(microseconds=5), START + timedelta(seconds=1)]
    for number, at in reversed(list(enumerate(moments))):
        db.insert_trade(trade(number, timestamp=at))
    assert [one.trade_id for one in db.get_trades_by_period()] == ["t000", "t001", "t002"]
    assert len(db.get_trades_by_period(end=START)) == 1


def test_worst_trades_come_worst_first_and_unknown_results_do_not(db: DatabaseManager) -> None:
    run_id = db.begin_run(info())
    for number, result in enumerate((0.1, None, -0.3, -0.2, -0.3)):
        link = TradeLink(run_id=run_id, fill_number=number) if number < 4 else None
        db.insert_trade(trade(number, pnl_7_days=result), link)
    db.update_pnl("t001", pnl_30_days=-0.9)
    assert [one.trade_id for one in db.get_worst_trades(3)] == ["t002", "t004", "t003"]
    assert [one.trade_id for one in db.get_worst_trades(run_id=run_id)] == ["t002", "t003", "t000"]
    assert [one.trade_id for one in db.get_worst_trades(days=30)] == ["t001"]


def test_result_is_filled_in_and_what_is_there_stays(db: DatabaseManager) -> None:
    db.insert_trade(trade(1))
    db.update_pnl("t001", pnl_7_days=0.05)
    db.update_pnl("t001", pnl_30_days=-0.5)
    db.update_pnl("t001")
    (found,) = db.get_trades_by_period()
    assert (found.pnl_7_days, found.pnl_30_days) == (0.05, -0.5)


@pytest.mark.parametrize("value", [-1.5, float("nan"), float("inf"), 5_000.0])
def test_impossible_result_is_refused(db: DatabaseManager, value: float) -> None:
    db.insert_trade(trade(1))
    with pytest.raises(JournalError, match="cannot have returned"):
        db.update_pnl("t001", pnl_7_days=value)
    assert db.get_trades_by_period()[0].pnl_7_days is None


def test_run_is_registered_with_its_prompt_and_rules(db: DatabaseManager) -> None:
    rule = Rule(
        id="R0007",
        category=Category.ENTRY,
        priority=8,
        when=(Condition(feature="change_pct", op=">=", value=12.0),),
        then=Effect(kind=EffectKind.BLOCK_BUY),
        because="급등 추격 매수",
    )
    prompt = PromptRecord(number=3, hash="sha256:p", text="원칙", summary="세 번째", rules=(rule,))
    ids = [db.begin_run(info(prompt=prompt, spec={"cash": 1})) for _ in range(2)]
    assert len(set(ids)) == 2
    with db.reading() as connection:
        (version,) = connection.execute(select(schema.prompt_versions)).all()
        (learned,) = connection.execute(select(schema.rules)).all()
    assert (version.number, version.text) == (3, "원칙")
    assert Rule.model_validate_json(learned.body) == rule
    run = db.run(ids[0])
    assert (run.status, run.prompt_number, run.spec) == ("running", 3, {"cash": 1})


def test_finished_run_keeps_status_and_metrics(db: DatabaseManager) -> None:
    run_id = db.begin_run(info(run_id="mine"))
    assert run_id == "mine"
    db.finish_run(run_id, "finished", {"return": 0.1, "sharpe": float("nan")})
    run = db.run("mine")
    assert (run.status, run.metrics) == ("finished", {"return": 0.1, "sharpe": None})
    assert run.finished_at == "2025-03-03T09:00:00+09:00"
    db.finish_run(run_id, "failed")
    assert (db.run("mine").status, db.run("mine").metrics) == ("failed", None)


def test_run_of_a_taken_id_is_refused(db: DatabaseManager) -> None:
    db.begin_run(info(run_id="mine"))
    with pytest.raises(JournalError, match="refused a row"):
        db.begin_run(info(run_id="mine"))


def test_unknown_run_is_one_clear_line(db: DatabaseManager) -> None:
    for ask in (db.run, db.finish_run, db.discard_run):
        with pytest.raises(JournalError, match="no run 'x'"):
            ask("x")


def test_runs_are_listed_newest_first_and_by_what_they_are(db: DatabaseManager) -> None:
    first = db.begin_run(info(run_id="a"))
    second = db.begin_run(info(run_id="b", dataset_hash="sha256:other"))
    db.finish_run(second)
    assert [run.run_id for run in db.runs()] == ["b", "a"]
    assert [run.run_id for run in db.runs(limit=1)] == ["b"]
    assert [run.run_id for run in db.runs(status="running")] == [first]
    assert [run.run_id for run in db.runs(dataset_hash="sha256:other")] == [second]


def test_every_run_begun_on_the_data_is_a_trial(db: DatabaseManager) -> None:
    assert db.trials_on("sha256:data") == 0
    for _ in range(2):
        db.begin_run(info())
    db.finish_run(db.begin_run(info()), "failed")
    db.begin_run(info(dataset_hash="sha256:other"))
    assert db.trials_on("sha256:data") == 3


def test_discarded_run_leaves_only_the_trial(db: DatabaseManager) -> None:
    kept, gone = db.begin_run(info(run_id="kept")), db.begin_run(info(run_id="gone"))
    for run_id in (kept, gone):
        journal = RunJournal(db, run_id)
        play(journal, ticks=30)
        journal.close()
    before = rows(db)
    db.discard_run(gone)
    after = rows(db)
    assert db.run(gone).status == "interrupted"
    assert db.run(gone).ticks == db.run(gone).trades == 0
    for name in ("ticks", "decisions", "orders", "order_events", "fills", "trades", "equity"):
        assert 2 * len(after[name]) == len(before[name]) > 0, name
    journal = RunJournal(db, gone)
    play(journal, ticks=30)
    journal.close()
    again = rows(db)
    assert {name: again[name] for name in again if name != "runs"} == {
        name: before[name] for name in before if name != "runs"
    }


def test_closed_journal_opens_again_with_everything(new_url: NewUrl) -> None:
    url = new_url()
    with DatabaseManager(url) as db:
        db.insert_trade(trade(1))
        run_id = db.begin_run(info())
    with DatabaseManager(url, create=False) as db:
        assert [one.trade_id for one in db.get_trades_by_period()] == ["t001"]
        assert db.run(run_id).status == "running"  # this process still lives
        assert db.interrupted == []
