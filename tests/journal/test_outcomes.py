from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.trading import Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.outcomes import (
    HORIZONS,
    OutcomeTracker,
    Splits,
    TradeOutcome,
    backfill,
    trade_return,
)
from kisbt.journal.record import TradeLink, TradeRecord
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import START, fill, info

FIRST = date(2024, 1, 2)


class Made(NamedTuple):
    """A trade on a session (its index), and the bar of that session after which it is told."""

    session: int
    ticker: str
    side: Side
    price: int


class Market(NamedTuple):
    """Sessions with some bars each; a name without a bar keeps its last close."""

    sessions: list[date]
    bars: list[list[dict[str, int]]]
    trades: list[Made]
    splits: dict[tuple[str, int], float]


NAMES = ("A00001", "A00002", "A00003")
PRICES = st.integers(1, 2_000_000)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 3, 4, 11, 40]), max_size=25))
    sessions = [FIRST]
    for gap in gaps:
        sessions.append(sessions[-1] + timedelta(days=gap))
    bar = st.dictionaries(st.sampled_from(NAMES), PRICES)
    bars = [draw(st.lists(bar, min_size=1, max_size=3)) for _ in sessions]
    trade = st.builds(
        Made,
        st.integers(0, len(sessions) - 1),
        st.sampled_from(NAMES),
        st.sampled_from(Side),
        PRICES,
    )
    split = st.tuples(st.sampled_from(NAMES), st.integers(0, len(sessions) - 1))
    splits = st.dictionaries(split, st.sampled_from([0.1, 2.0, 5.0]), max_size=3)
    return Market(sessions, bars, draw(st.lists(trade, max_size=8)), draw(splits))


def naive(market: Market) -> set[TradeOutcome]:
    """Each result from its definition."""
    closes: list[dict[str, int]] = []
    for bars in market.bars:
        last: dict[str, int] = dict(closes[-1]) if closes else {}
        for bar in bars:
            last |= bar
        closes.append(last)
    found = set()
    for number, made in enumerate(market.trades):
        for days in HORIZONS:
            due = market.sessions[made.session] + timedelta(days=days)
            for session, at_close in zip(market.sessions, closes, strict=True):
                if session >= due and made.ticker in at_close:
                    became = 1.0
                    for (name, on), ratio in sorted(market.splits.items()):
                        split_on = market.sessions[on]
                        traded_on = market.sessions[made.session]
                        if name == made.ticker and traded_on < split_on <= session:
                            became *= ratio
                    value = trade_return(made.side, made.price, at_close[made.ticker] * became)
                    found.add(TradeOutcome(str(number), days, value))
                    break
    return found


@given(market=markets(), reuse=st.booleans())
def test_tracker_finds_what_the_definition_says(market: Market, reuse: bool) -> None:
    tracker = OutcomeTracker()
    known: list[TradeOutcome] = []
    closes: dict[str, int] = {}
    for (name, on), ratio in market.splits.items():
        tracker.adjust(name, ratio, market.sessions[on])
    for session, bars in enumerate(market.bars):
        for number, made in enumerate(market.trades):
            if made.session == session:
                day = market.sessions[session]
                tracker.add(str(number), made.ticker, made.side, made.price, day)
        for bar, change in enumerate(bars):
            at = datetime.combine(market.sessions[session], time(9 + bar))
            closes.update(change)
            known += tracker.observe(at, closes if reuse else dict(closes))
    known += tracker.close_session()
    assert len(known) == len(set(known))
    assert set(known) == naive(market)
    assert len(tracker) == 2 * len(market.trades) - len(known)


def test_result_is_the_return_from_the_fill_price_and_good_is_positive() -> None:
    assert trade_return(Side.BUY, 50_000, 52_500) == pytest.approx(0.05)
    assert trade_return(Side.SELL, 50_000, 52_500) == pytest.approx(-0.05)
    assert trade_return(Side.SELL, 50_000, 40_000) == pytest.approx(0.20)


def test_results_wait_for_the_first_session_at_or_after_the_day() -> None:
    tracker = OutcomeTracker()
    friday = date(2024, 1, 5)
    tracker.add("t", "A00001", Side.BUY, 100, friday)
    for day, close in ((11, 90), (12, 110), (15, 120)):
        for hour in (10, 15):
            at = datetime(2024, 1, day, hour)
            got = tracker.observe(at, {"A00001": close + (hour == 10)})
            if day < 15 or hour == 15:
                assert got == []
            else:
                assert [(one.days, one.value) for one in got] == [(7, pytest.approx(0.10))]


@pytest.mark.parametrize(("ratio", "close"), [(5.0, 12_000), (0.1, 600_000)])
def test_split_or_consolidation_leaves_the_result_alone(ratio: float, close: int) -> None:
    tracker = OutcomeTracker()
    tracker.add("old", "A00001", Side.BUY, 50_000, FIRST)
    tracker.add("other", "A00002", Side.BUY, 50_000, FIRST)
    on = FIRST + timedelta(days=3)
    tracker.add("new", "A00001", Side.BUY, close, on)
    tracker.adjust("A00001", ratio, on)
    tracker.observe(datetime.combine(FIRST + timedelta(days=10), time(15, 30)),
                    {"A00001": close, "A00002": 60_000})  # fmt: skip
    values = {one.trade_id: one.value for one in tracker.close_session()}
    assert values == {
        "old": pytest.approx(0.20),
        "other": pytest.approx(0.20),
        "new": pytest.approx(0.0),
    }


def test_split_told_ahead_counts_from_its_day_on_and_told_twice_once() -> None:
    tracker = OutcomeTracker()
    for _ in range(2):
        tracker.adjust("A00001", 5, FIRST + timedelta(days=8))
    tracker.add("t", "A00001", Side.BUY, 50_000, FIRST)
    known = []
    for day, close in ((7, 55_000), (30, 12_000)):
        at = datetime.combine(FIRST + timedelta(days=day), time(15))
        known += tracker.observe(at, {"A00001": close})
    known += tracker.close_session()
    assert [one.value for one in known] == [pytest.approx(0.10), pytest.approx(0.20)]


@pytest.mark.parametrize("ratio", [0, -1.0, float("nan")])
def test_impossible_split_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="split ratio"):
        OutcomeTracker().adjust("A00001", ratio, FIRST)


def test_name_without_any_close_waits_for_its_first_one() -> None:
    tracker = OutcomeTracker()
    tracker.add("t", "A00001", Side.BUY, 100, FIRST)
    for day, closes in ((7, {"A00002": 1}), (9, {"A00002": 1, "A00001": 150})):
        at = datetime.combine(FIRST + timedelta(days=day), time(15))
        assert tracker.observe(at, closes) == []
    assert tracker.close_session() == [TradeOutcome("t", 7, 0.5)]
    assert len(tracker) == 1


def test_closes_are_asked_for_only_when_a_result_waits_for_them() -> None:
    tracker = OutcomeTracker()
    assert not tracker.due(FIRST)
    tracker.add("t", "A00001", Side.BUY, 100, FIRST)
    assert not tracker.due(FIRST + timedelta(days=6))
    assert tracker.due(FIRST + timedelta(days=7))


def stored(db: DatabaseManager, number: int, **changes: Any) -> None:
    fields = {
        "trade_id": f"t{number}",
        "timestamp": START,
        "ticker": "005930",
        "action": "BUY",
        "quantity": 1,
        "price": 100,
    }
    db.insert_trade(TradeRecord.model_validate({**fields, **changes}), TradeLink())


def results(db: DatabaseManager) -> Mapping[str, tuple[float | None, float | None]]:
    return {one.trade_id: (one.pnl_7_days, one.pnl_30_days) for one in db.get_trades_by_period()}


def test_backfill_fills_in_what_later_closes_decide(db: DatabaseManager) -> None:
    stored(db, 0)
    stored(db, 1, action="SELL", pnl_7_days=0.5)
    stored(db, 2, ticker="000660")
    stored(db, 3, ticker="035420")
    series = {
        "005930": [(date(2024, 1, 8), 90), (date(2024, 1, 10), 110), (date(2024, 2, 1), 150)],
        "000660": [(date(2024, 1, 3), 80)],  # delisted: its last close counts
    }
    assert backfill(db, series) == 5
    assert results(db) == {
        "t0": (pytest.approx(0.10), pytest.approx(0.50)),
        "t1": (0.5, pytest.approx(-0.50)),
        "t2": (pytest.approx(-0.20), pytest.approx(-0.20)),
        "t3": (None, None),
    }
    assert [one.trade_id for one in db.get_worst_trades(1)] == ["t2"]
    assert backfill(db, series) == 0


def test_backfill_knows_splits(db: DatabaseManager) -> None:
    stored(db, 0, price=50_000)
    splits = Splits()
    splits.add("005930", 5, date(2024, 1, 20))
    series = {"005930": [(date(2024, 1, 9), 55_000), (date(2024, 2, 1), 12_000)]}
    assert backfill(db, series, splits=splits) == 2
    assert results(db) == {"t0": (pytest.approx(0.10), pytest.approx(0.20))}


def test_backfill_leaves_what_is_not_decided_yet_and_other_runs(db: DatabaseManager) -> None:
    run_id = db.begin_run(info())
    journal = RunJournal(db, run_id)
    journal.record_fill(fill(0, "a", START, "005930", Side.BUY, price=100))
    journal.close()
    stored(db, 9)
    early = {"005930": [(date(2024, 1, 8), 150)]}
    assert backfill(db, early) == 0
    later = {"005930": [*early["005930"], (date(2024, 1, 9), 200)]}
    assert backfill(db, later, run_id) == 1
    assert results(db) == {f"{run_id}-000000": (1.0, None), "t9": (None, None)}


def test_backfill_ends_where_the_tracker_would_have(db: DatabaseManager) -> None:
    sessions = [FIRST + timedelta(days=day) for day in range(0, 45, 2)]
    closes = [{"A00001": 100 + 3 * n, "A00002": 500 - 7 * n} for n in range(len(sessions))]
    followed, late = db.begin_run(info(run_id="f")), db.begin_run(info(run_id="l"))
    for run_id in (followed, late):
        journal = RunJournal(db, run_id)
        for number, (session, at_close) in enumerate(zip(sessions, closes, strict=True)):
            at = datetime.combine(session, time(15, 30))
            if number < 6:
                side = Side.BUY if number % 2 else Side.SELL
                name = "A00001" if number % 3 else "A00002"
                journal.record_fill(fill(number, "o", at, name, side, price=200 + number))
            if run_id == followed:
                journal.observe(at, at_close)
        journal.close()
    series = {
        name: [(day, at_close[name]) for day, at_close in zip(sessions, closes, strict=True)]
        for name in ("A00001", "A00002")
    }
    assert backfill(db, series, late) == 12
    found = results(db)
    assert all(found[f"f-{n:06d}"] == found[f"l-{n:06d}"] != (None, None) for n in range(6))
