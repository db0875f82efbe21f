from datetime import timedelta

import orjson
import pytest
from sqlalchemy import func, select

from kisbt.domain.state import NodeFailure, RiskStatus, TickReport
from kisbt.domain.trading import (
    Action,
    OrderState,
    Outcome,
    PositionChange,
    Side,
    TradingMode,
    TradingPlan,
    Verdict,
)
from kisbt.errors import JournalError
from kisbt.journal import schema
from kisbt.journal.chain import load_snapshot
from kisbt.journal.database import DatabaseManager
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import (
    START,
    decision,
    event,
    fill,
    info,
    market,
    play,
    portfolio,
    state,
)


def test_fill_becomes_a_trade_with_what_was_known_at_its_decision(db: DatabaseManager) -> None:
    run_id = db.begin_run(info())
    journal = RunJournal(db, run_id)
    tick = state(0, decision("000660"), decision("005930", justification="RSI 낮음"))
    journal.record_tick(tick)
    at = START + timedelta(days=1)
    journal.record_fill(fill(0, "0-1", at, "005930", Side.BUY))
    journal.close()
    (trade,) = db.get_trades_by_period()
    assert trade.trade_id == f"{run_id}-000000"
    assert trade.timestamp == "2024-01-03T15:30:00+09:00"
    assert (trade.ticker, trade.action, trade.quantity, trade.price) == (
        "005930", "BUY", 10, 50_000,
    )  # fmt: skip
    assert trade.justification_text == "RSI 낮음"
    assert orjson.loads(trade.market_snapshot) == market(0).features["005930"]
    before = orjson.loads(trade.portfolio_before)
    assert before["cash"] == 10_000_000
    assert before["positions"] == [portfolio().positions[0]._asdict()]
    _, link = db.get_trade(trade.trade_id)
    assert (link.run_id, link.fill_number, link.order_ref) == (run_id, 0, "0-1")
    assert (link.tick, link.seq) == (0, 1)


def test_ordinary_order_becomes_a_trade_that_says_so(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info(strategy="Momentum", prompt=None)))
    for day, side in enumerate((Side.BUY, Side.SELL)):
        at = START + timedelta(days=day)
        journal.record_order(event(f"o{day}", at, "005930", side, OrderState.ACCEPTED))
        journal.record_fill(fill(day, f"o{day}", at, "005930", side))
        journal.record_equity(at, 9_000_000, 9_500_000, 0.05)
    journal.close()
    bought, sold = db.get_trades_by_period()
    assert "Momentum" in bought.justification_text
    assert "no recorded decision" in bought.justification_text
    assert bought.market_snapshot == "{}"
    assert orjson.loads(bought.portfolio_before)["positions"] == []
    assert orjson.loads(sold.portfolio_before) == {
        "cash": 9_000_000,
        "equity": 9_500_000,
        "exposure": 0.05,
        "positions": [{"ticker": "005930", "quantity": 10}],
    }


def test_holdings_are_carried_over_splits_and_restarts(db: DatabaseManager) -> None:
    run_id = db.begin_run(info(strategy="Momentum", prompt=None))

    def told(journal: RunJournal, number: int, day: int, ticker: str, held: int) -> None:
        at = START + timedelta(days=day)
        journal.record_fill(fill(number, f"o{number}", at, ticker, Side.BUY, position_after=held))

    journal = RunJournal(db, run_id)
    told(journal, 0, 0, "005930", 10)
    told(journal, 1, 2, "000660", 7)
    for day, ticker, kind, before, after in (
        (1, "005930", "split", 10, 50),
        (2, "000660", "split", 1, 2),  # before that day's fill
        (3, "035420", "delisting", 3, 0),
    ):
        session = (START + timedelta(days=day)).date()
        journal.record_change(PositionChange(session, ticker, kind, 1.0, before, after, 0))
    journal.flush()
    again = RunJournal(db, run_id)
    told(again, 2, 4, "005930", 60)
    again.close()
    positions = orjson.loads(db.get_trades_by_period()[-1].portfolio_before)["positions"]
    assert {one["ticker"]: one["quantity"] for one in positions} == {"005930": 50, "000660": 7}


def test_fill_of_an_order_sent_before_a_restart_still_finds_its_decision(
    db: DatabaseManager,
) -> None:
    run_id = db.begin_run(info())
    journal = RunJournal(db, run_id)
    sent = event("0-0", START, "005930", Side.BUY, OrderState.ACCEPTED, tick=0, decision=0)
    journal.record_order(sent)
    journal.record_tick(state(0, decision()))
    journal.flush()
    again = RunJournal(db, run_id)
    again.record_fill(fill(0, "0-0", START + timedelta(days=1), "005930", Side.BUY))
    again.close()
    (trade,) = db.get_trades_by_period()
    assert trade.justification_text == "거래량 급증"
    assert orjson.loads(trade.market_snapshot) == market(0).features["005930"]
    assert orjson.loads(trade.portfolio_before)["positions"]


def test_tick_that_never_saw_the_market_still_explains_a_late_fill(db: DatabaseManager) -> None:
    run_id = db.begin_run(info())
    journal = RunJournal(db, run_id)
    blind = state(0, decision())
    del blind["market"]
    del blind["portfolio"]
    sent = event("0-0", START, "005930", Side.BUY, OrderState.ACCEPTED, tick=0, decision=0)
    journal.record_order(sent)
    journal.record_tick(blind)
    journal.flush()
    again = RunJournal(db, run_id)
    again.record_fill(fill(0, "0-0", START, "005930", Side.BUY))
    again.close()
    (trade,) = db.get_trades_by_period()
    assert (trade.justification_text, trade.market_snapshot) == ("거래량 급증", "{}")


@pytest.mark.parametrize("batch", [0, 500])
def test_late_execution_changes_an_ended_order_and_a_stale_notice_does_not(
    db: DatabaseManager, batch: int
) -> None:
    journal = RunJournal(db, db.begin_run(info()), batch=batch)
    for to, filled in (
        (OrderState.ACCEPTED, 0),
        (OrderState.ACCEPTED, 0),
        (OrderState.CANCELLED, 0),
        (OrderState.ACCEPTED, 0),
        (OrderState.CANCELLED, 4),
    ):
        journal.record_order(event("a", START, "005930", Side.BUY, to, filled=filled))
    journal.close()
    with db.reading() as connection:
        events = connection.execute(select(schema.order_events.c.state)).scalars().all()
        order = connection.execute(select(schema.orders)).one()
    assert events == ["accepted", "cancelled", "cancelled"]
    assert (order.state, order.filled) == ("cancelled", 4)


def test_known_fill_number_is_no_second_trade(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info()), batch=0)
    for _ in range(2):
        journal.record_fill(fill(3, "a", START, "005930", Side.BUY))
    assert len(db.get_trades_by_period()) == 1


def test_absurd_plan_is_written_and_its_words_survive(db: DatabaseManager) -> None:
    nan, huge = float("nan"), 10**40
    absurd = [
        decision("no such\x00name\ud800", quantity=huge, limit_price=-huge),
        decision(target_weight=nan, confidence=float("inf"), justification="\x00"),
        decision(quantity=-5, target_weight=-3.0),
    ]
    journal = RunJournal(db, db.begin_run(info()))
    refused = Verdict(
        decision=0, ticker="no such\x00name", action=Action.BUY, outcome=Outcome.REJECTED,
        requested=huge, reason="모르는 종목 \ud800",
    )  # fmt: skip
    tick = state(0, *absurd, verdicts=(refused,), receipts=())
    tick["plan"] = TradingPlan(decisions=tuple(absurd), comment="\ud800")
    journal.record_tick(tick)
    journal.close()
    with db.reading() as connection:
        made = connection.execute(select(schema.decisions).order_by(schema.decisions.c.seq)).all()
    assert made[0].ticker == "no such�name�"
    assert (made[0].quantity, made[0].limit_price, made[0].requested) == (None, None, None)
    assert str(huge) in made[0].raw
    assert (made[1].target_weight, made[1].confidence, made[1].justification) == (None, None, "�")
    assert "nan" in made[1].raw
    assert "inf" in made[1].raw
    assert (made[2].quantity, made[2].target_weight, made[2].raw) == (-5, -3.0, None)
    assert [one.outcome for one in made] == ["rejected", None, None]


def test_exit_that_node_4_forced_by_itself_is_a_decision_too(db: DatabaseManager) -> None:
    forced = Verdict(
        decision=1, ticker="000660", action=Action.SELL, outcome=Outcome.ACCEPTED,
        requested=7, quantity=7, by=("rule:R0003",), reason="손절 규칙",
    )  # fmt: skip
    tick = state(0, decision(action=Action.HOLD))
    tick["verdicts"] = (*tick["verdicts"], forced)
    journal = RunJournal(db, db.begin_run(info()))
    journal.record_tick(tick)
    journal.close()
    with db.reading() as connection:
        made = connection.execute(select(schema.decisions).order_by(schema.decisions.c.seq)).all()
    assert [(one.seq, one.ticker, one.action, one.approved) for one in made] == [
        (0, "005930", "HOLD", 10),
        (1, "000660", "SELL", 7),
    ]
    assert made[1].justification == "손절 규칙"


def test_failed_node_ends_in_a_written_hold(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info()))
    tick = state(0)
    for key in ("portfolio", "market", "plan", "verdicts", "risk", "receipts", "report"):
        del tick[key]  # type: ignore[misc]
    tick["failure"] = NodeFailure(node="fetch_portfolio_status", error="계좌가 대답하지 않음")
    journal.record_tick(tick)
    reported = state(1, report=TickReport(ending="hold", line="보유"))
    reported["risk"] = RiskStatus(
        mode=TradingMode.HALTED, reason="손실 한도", drawdown=float("nan"), daily_loss=0.05,
        weekly_loss=0.0,
    )  # fmt: skip
    journal.record_tick(reported)
    journal.close()
    with db.reading() as connection:
        made = connection.execute(select(schema.ticks).order_by(schema.ticks.c.tick)).all()
    assert (made[0].ending, made[0].failed_node) == ("hold", "fetch_portfolio_status")
    assert (made[0].snapshot, made[0].portfolio, made[0].mode) == (None, None, None)
    assert (made[1].mode, made[1].drawdown, made[1].daily_loss) == ("HALTED", None, 0.05)


def test_replays_of_other_versions_share_snapshots(db: DatabaseManager) -> None:
    for version in range(3):
        journal = RunJournal(db, db.begin_run(info(config_hash=str(version))), batch=7)
        play(journal, ticks=20, seed=5)
        journal.close()
    with db.reading() as connection:
        stored = connection.execute(select(func.count()).select_from(schema.snapshots)).scalar_one()
        ticks = connection.execute(select(func.count()).select_from(schema.ticks)).scalar_one()
    assert (stored, ticks) == (20, 60)


@pytest.mark.parametrize("names", [0, 1, 40])
def test_snapshot_is_restored_as_the_decision_saw_it(db: DatabaseManager, names: int) -> None:
    tickers = tuple(f"{number:06d}" for number in range(names))
    seen = market(20, names=tickers)
    journal = RunJournal(db, db.begin_run(info()))
    journal.record_tick(state(0, market=seen))
    journal.close()
    with db.reading() as connection:
        (row,) = connection.execute(select(schema.ticks)).all()
    restored = load_snapshot(db, row.snapshot)
    assert (restored.features, restored.closes) == (seen.features, seen.closes)


def test_names_with_differing_features_are_restored_too(db: DatabaseManager) -> None:
    seen = market(20)
    seen.features["005930"] = {"change_pct": 1.0, "trade_strength": None}
    one_missing = market(21)
    del one_missing.features["000660"]["rsi14"]
    journal = RunJournal(db, db.begin_run(info()))
    for number, odd in enumerate((seen, one_missing)):
        journal.record_tick(state(number, market=odd))
    journal.close()
    with db.reading() as connection:
        hashes = connection.execute(
            select(schema.ticks.c.snapshot).order_by(schema.ticks.c.tick)
        ).scalars().all()  # fmt: skip
    assert load_snapshot(db, hashes[0]).features == seen.features
    assert load_snapshot(db, hashes[1]).features == one_missing.features


def test_split_is_carried_into_the_result(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info()))
    journal.record_fill(fill(0, "a", START, "005930", Side.BUY, price=50_000))
    split_on = (START + timedelta(days=3)).date()
    journal.record_change(PositionChange(split_on, "005930", "split", 5.0, 10, 50, 0))
    journal.record_change(PositionChange(split_on, "000660", "delisting", 1.0, 10, 0, 9_000))
    journal.observe(START + timedelta(days=7), {"005930": 11_000})
    journal.close()
    (trade,) = db.get_trades_by_period()
    assert trade.pnl_7_days == pytest.approx(0.10)
    assert trade.pnl_30_days is None


def test_results_known_in_a_later_batch_are_filled_in(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info()), batch=2)
    journal.record_fill(fill(0, "a", START, "005930", Side.SELL, price=50_000))
    for day in range(32):
        at = START + timedelta(days=day)
        journal.observe(at, {"005930": 50_000 - 1_000 * day})
        journal.record_equity(at, 1, 1, 0.0)
    journal.close()
    (trade,) = db.get_worst_trades(days=30)
    assert trade.pnl_7_days == pytest.approx(0.14)
    assert trade.pnl_30_days == pytest.approx(0.60)


def test_unknown_run_is_one_clear_line(db: DatabaseManager) -> None:
    with pytest.raises(JournalError, match="no run 'nowhere'"):
        RunJournal(db, "nowhere")


def test_slow_run_is_written_before_its_batch_is_full(
    db: DatabaseManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10_000, 20))
    monkeypatch.setattr("kisbt.journal.writer.time.monotonic", lambda: float(next(seconds)))
    run_id = db.begin_run(info())
    journal = RunJournal(db, run_id, batch=500)
    for number in range(3):
        journal.record_tick(state(number))
        journal.record_equity(START + timedelta(days=number), 1, 1, 0.0)
    assert db.run(run_id).ticks == 2


def test_ticks_without_equity_points_are_written_too(db: DatabaseManager) -> None:
    run_id = db.begin_run(info())
    journal = RunJournal(db, run_id, batch=2)
    for number in range(5):
        journal.record_tick(state(number))
    assert db.run(run_id).ticks == 4


def test_absent_decision_of_a_sent_order_is_no_error(db: DatabaseManager) -> None:
    tick = state(0, decision())
    tick["receipts"] = (tick["receipts"][0]._replace(decision=9),)
    journal = RunJournal(db, db.begin_run(info()))
    journal.record_tick(tick)
    journal.record_fill(fill(0, "0-0", START, "005930", Side.BUY))
    journal.close()
    assert "no recorded decision" in db.get_trades_by_period()[0].justification_text


def test_order_that_was_refused_keeps_its_reason(db: DatabaseManager) -> None:
    tick = state(0, decision())
    refused = tick["receipts"][0]._replace(accepted=False, reason="주문가능금액 부족")
    tick["receipts"] = (refused,)
    journal = RunJournal(db, db.begin_run(info()))
    journal.record_tick(tick)
    journal.close()
    with db.reading() as connection:
        (made,) = connection.execute(select(schema.decisions)).all()
    assert (made.order_ref, made.refusal) == ("0-0", "주문가능금액 부족")
