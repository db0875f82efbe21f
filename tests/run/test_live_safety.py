"""Losses on two sets of books, remembered over restarts; when a session begins and ends."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.adapter.guard import Footing, Guard, GuardLimits, Proposal
from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument, PriceBand
from kisbt.domain.trading import Fill, OrderEvent, OrderState, Side, TradingMode
from kisbt.journal.controls import scope_of
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunInfo
from kisbt.journal.writer import RunJournal
from kisbt.risk.day_use import DayTotals, DayUse
from kisbt.risk.measures import LossTracker
from kisbt.run.live_books import latest_run
from kisbt.run.live_safety import (
    TwoBooks,
    Used,
    remember_day,
    remember_guard,
    remember_losses,
    used_in,
)
from kisbt.run.live_start import history_until, last_close

LIMITS = RiskLimits(daily_loss=0.03, weekly_loss=0.07)
MON, TUE = date(2025, 3, 10), date(2025, 3, 11)
SCOPE = scope_of("paper", "5012345601")


def test_the_venues_loss_rules_when_it_is_the_worse() -> None:
    books = TwoBooks(100)
    books.observe(MON, 99)
    assert books.status(LIMITS).mode is TradingMode.ACTIVE
    assert books.observe_venue(MON, 96)
    status = books.status(LIMITS)
    assert status.mode is TradingMode.REDUCE_ONLY
    assert status.reason.startswith("증권사 잔고 기준 일일 손실")


def test_our_own_loss_rules_when_it_is_the_worse() -> None:
    books = TwoBooks(100)
    books.observe(MON, 96)
    books.observe_venue(MON, 100)
    status = books.status(LIMITS)
    assert (status.mode, status.daily_loss) == (TradingMode.REDUCE_ONLY, 0.04)


def test_a_halt_rules_all() -> None:
    books = TwoBooks(100)
    books.observe(MON, 96)
    assert books.status(LIMITS, halted=True).mode is TradingMode.HALTED


def test_an_empty_balance_is_never_believed() -> None:
    books = TwoBooks(100)
    books.observe(MON, 100)
    assert not any(books.observe_venue(MON, 0) for _ in range(3))
    assert books.status(LIMITS).mode is TradingMode.ACTIVE
    assert books.doubts == 3


def test_a_jump_is_believed_once_two_readings_agree() -> None:
    books = TwoBooks(100)
    books.observe(MON, 100)
    assert not books.observe_venue(MON, 80)
    assert not books.observe_venue(MON, 60)
    assert books.observe_venue(MON, 60)
    assert books.status(LIMITS).mode is TradingMode.REDUCE_ONLY


@given(st.lists(st.tuples(st.integers(50, 150), st.integers(50, 150)), min_size=1))
def test_two_books_are_never_milder_than_our_own(figures: list[tuple[int, int]]) -> None:
    order = [TradingMode.ACTIVE, TradingMode.REDUCE_ONLY, TradingMode.HALTED]
    both, own = TwoBooks(100), LossTracker(100)
    for ours, theirs in figures:
        both.observe(MON, ours)
        own.observe(MON, ours)
        both.observe_venue(MON, theirs)
        assert order.index(both.status(LIMITS).mode) >= order.index(own.status(LIMITS).mode)


@pytest.fixture
def db(tmp_path) -> DatabaseManager:
    with DatabaseManager(f"sqlite:///{(tmp_path / 'j.sqlite').as_posix()}") as opened:
        yield opened


def begin(db: DatabaseManager, scope: str = SCOPE) -> RunJournal:
    run_id = db.begin_run(
        RunInfo(mode="paper", strategy="s", decider="d", dataset_name="x", dataset_hash="y",
                config_hash="c", scope=scope)
    )  # fmt: skip
    return RunJournal(db, run_id, batch=1)


def test_a_weekly_loss_survives_restarts_and_runs(db: DatabaseManager) -> None:
    begin(db).record_equity(datetime(2025, 3, 7, 15, 30), 100, 100, 0.0)
    second = begin(db)
    second.record_equity(datetime(2025, 3, 10, 15, 30), 92, 92, 0.0)
    begin(db, scope_of("paper", "5099999901")).record_equity(
        datetime(2025, 3, 10, 15, 30), 1, 1, 0.0
    )
    losses = TwoBooks()
    assert remember_losses(db, SCOPE, losses) == 2
    losses.observe(TUE, 93)
    status = losses.status(LIMITS)
    assert status.mode is TradingMode.REDUCE_ONLY
    assert "주간 손실 8.00%" in status.reason


def test_orders_and_turnover_of_the_day_survive_restarts(db: DatabaseManager) -> None:
    journal = begin(db)
    evening, morning = datetime(2025, 3, 10, 15, 31), datetime(2025, 3, 11, 9, 5)
    for ref, at, state in (
        ("O1", evening, OrderState.ACCEPTED),
        ("O2", morning, OrderState.FILLED),
        ("O3", morning, OrderState.REJECTED),
        ("O4", datetime(2025, 3, 10, 9, 5), OrderState.FILLED),
    ):
        journal.record_order(OrderEvent(ref, at, "005930", Side.BUY, 1, 100, state, 0, "", 0, 0))
    journal.record_fill(Fill("O2", 1, morning, TUE, "005930", Side.BUY, 5, 100, 0, 0, 0, 5))
    day = DayUse()
    remember_day(db, SCOPE, day, TUE)
    assert day.totals(TUE) == DayTotals(orders=2, turnover=500)
    assert used_in(db, SCOPE, TUE) == Used(orders=2, traded=500, bought=500)
    assert used_in(db, SCOPE, MON) == Used(orders=1, traded=0, bought=0)
    guard = Guard(GuardLimits(max_bought_per_day=1_000))
    remember_guard(db, SCOPE, guard, TUE)
    name = Instrument(ticker="005930")
    on = Footing(100, 100, PriceBand(100, 70, 130), 10_000, {}, 0, 0, 0)
    order = Proposal(name, Side.BUY, 6, None, morning, TUE)
    assert "하루 매수 금액" in (guard.objection(order, on) or "")
    assert guard.objection(order._replace(quantity=5), on) is None


def test_a_bar_whose_order_left_counts_as_decided_although_its_tick_was_never_written(
    db: DatabaseManager,
) -> None:
    assert latest_run(db, SCOPE) is None
    journal = begin(db)
    at = datetime(2025, 3, 10, 15, 31)
    journal.record_order(
        OrderEvent("O1", at, "005930", Side.BUY, 1, None, OrderState.INTENT, 0, "", 0, 0)
    )
    past = latest_run(db, SCOPE)
    assert past is not None
    assert (past.tick, past.decided, past.open) == (1, at, 1)


@pytest.mark.parametrize(
    ("now", "decided", "expected"),
    [
        # evening: today's close is still to be decided on
        (datetime(2025, 3, 10, 20, 0), None, datetime(2025, 3, 10, 15, 29, 59)),
        # early morning: yesterday's close is
        (datetime(2025, 3, 11, 8, 0), None, datetime(2025, 3, 10, 15, 29, 59)),
        # a weekend: Friday's close is
        (datetime(2025, 3, 9, 12, 0), None, datetime(2025, 3, 7, 15, 29, 59)),
        # decided already by an earlier process
        (datetime(2025, 3, 11, 8, 0), datetime(2025, 3, 10, 15, 30), datetime(2025, 3, 11, 8, 0)),
        # the session has opened: too late for it
        (datetime(2025, 3, 11, 9, 30), None, datetime(2025, 3, 11, 9, 30)),
        # the close is only just over, its bar not to be had yet: yesterday's is too old
        (datetime(2025, 3, 11, 15, 31), None, datetime(2025, 3, 11, 15, 31)),
    ],
)
def test_a_daily_session_misses_no_close_whose_orders_can_still_make_it(
    now: datetime, decided: datetime | None, expected: datetime
) -> None:
    assert history_until(now, "1d", decided) == expected
    assert history_until(now, "1m", decided) == now


@pytest.mark.parametrize(
    ("now", "days", "expected"),
    [
        (datetime(2025, 3, 10, 8, 0), 1, datetime(2025, 3, 10, 15, 30)),
        (datetime(2025, 3, 10, 15, 30), 1, datetime(2025, 3, 11, 15, 30)),
        (datetime(2025, 3, 8, 12, 0), 2, datetime(2025, 3, 11, 15, 30)),
        (datetime(2024, 11, 14, 8, 0), 1, datetime(2024, 11, 14, 16, 30)),
    ],
)
def test_days_are_sessions(now: datetime, days: int, expected: datetime) -> None:
    assert last_close(now, days) == expected
    assert last_close(now, None) is None
