"""The guard lets no breach through, blocks no exit, and agrees with node 4."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.adapter.guard import Footing, Guard, GuardLimits, Proposal
from kisbt.domain.market import Instrument, PriceBand
from kisbt.domain.trading import OrderIntent, Side, TradingMode, TradingPlan
from kisbt.risk.book import RiskBook
from kisbt.risk.judge import judge
from tests.risk.absurd import books, plans
from tests.risk.world import SESSION

BAR = datetime.combine(SESSION, time(10, 0))
NAME = Instrument(ticker="005930")
BAND = PriceBand(70_000, 49_000, 91_000)


def proposal(side: Side = Side.BUY, quantity: int = 10, limit: int | None = None, **more: Any):
    return Proposal(NAME, side, quantity, limit, more.pop("bar", BAR), more.pop("on", SESSION))


def footing(**changes: Any) -> Footing:
    plain = Footing(70_000, 70_000, BAND, 100_000_000, {}, 0, 0, 1_000)
    return plain._replace(**changes)


def footing_in(world: RiskBook, order: OrderIntent, sent: list[OrderIntent]) -> Footing:
    """What the broker would tell the guard after ``sent`` orders of the same tick."""
    resting = [(o.ticker, o.side, o.remaining, o.limit_price) for o in world.open_orders]
    resting += [(o.ticker, o.side, o.quantity, o.limit_price) for o in sent]
    values = {p.ticker: p.value for p in world.portfolio.positions}
    buying = total = 0
    for ticker, side, shares, limit in resting:
        known = world.quote(ticker)
        worth = shares * max(known.close if known else 0, limit or 0)
        total += worth
        if side is Side.BUY:
            buying += worth
            values[ticker] = values.get(ticker, 0) + worth
    quote = world.quote(order.ticker)
    assert quote is not None
    position = world.portfolio.position(order.ticker)
    return Footing(
        quote.close,
        quote.close,
        quote.band,
        world.portfolio.equity,
        values,
        buying,
        total,
        position.quantity if position else 0,  # node 5 first makes way
    )


@settings(max_examples=250)
@given(plans(), books)
def test_what_node_4_passed_passes_the_guard_under_the_same_limits(
    plan: TradingPlan, world: RiskBook
) -> None:
    guard = Guard(GuardLimits.of(world.limits), mode=lambda: world.status.mode)
    guard.remember(world.session, orders=world.day.orders, traded=world.day.turnover, bought=0)
    sent: list[OrderIntent] = []
    for order in judge(plan, world).approved:
        name = world.instrument(order.ticker)
        assert name is not None
        asked = Proposal(name, order.side, order.quantity, order.limit_price, BAR, world.session)
        assert guard.objection(asked, footing_in(world, order, sent)) is None
        guard.took(asked)
        sent.append(order)


fractions = st.floats(0.01, 1.5)
tight = st.builds(
    GuardLimits,
    max_weight=fractions,
    max_exposure=fractions,
    max_positions=st.integers(1, 4),
    max_orders_per_day=st.integers(1, 5),
    max_turnover_per_day=fractions,
    max_deviation=st.floats(0.01, 0.3),
    max_order_value=st.integers(70_000, 50_000_000),
    max_bought_per_day=st.integers(70_000, 50_000_000),
    one_order_a_bar=st.booleans(),
)
footings = st.builds(
    footing,
    equity=st.integers(0, 200_000_000),
    last=st.integers(49_000, 91_000),
    values=st.dictionaries(
        st.sampled_from(["005930", "000660", "035420"]), st.integers(0, 60_000_000)
    ),
    buying=st.integers(0, 30_000_000),
    resting=st.integers(30_000_000, 60_000_000),
)
limits_on_tick = st.one_of(st.none(), st.integers(490, 910).map(lambda n: n * 100))


@given(tight, st.lists(st.tuples(footings, st.integers(1, 500), limits_on_tick), max_size=8))
def test_no_buy_that_passes_breaks_a_limit(limits: GuardLimits, asked: list[Any]) -> None:
    guard, passed = Guard(limits), 0
    for on, quantity, limit in asked:
        order = proposal(quantity=quantity, limit=limit)
        if guard.objection(order, on) is not None:
            continue
        guard.took(order)
        passed += 1
        worth = quantity * max(on.close, limit or 0)
        assert limits.max_order_value is None or worth <= limits.max_order_value
        assert worth + on.values.get("005930", 0) <= (limits.max_weight or 0) * on.equity
        assert worth + sum(on.values.values()) <= (limits.max_exposure or 0) * on.equity
        assert worth + on.resting <= (limits.max_turnover_per_day or 0) * on.equity
        assert worth + on.buying <= (limits.max_bought_per_day or 0)
        others = {ticker for ticker, value in on.values.items() if value}
        assert "005930" in others or len(others) < (limits.max_positions or 0)
        assert passed <= (limits.max_orders_per_day or 0)
        assert not limits.one_order_a_bar or passed == 1
        if limit is not None and limits.max_deviation is not None:
            assert limit <= on.last * (1 + limits.max_deviation)


@given(tight, footings, st.integers(1, 1_000), limits_on_tick, st.integers(0, 5))
def test_no_rule_for_buys_blocks_an_exit(
    limits: GuardLimits, on: Footing, quantity: int, limit: int | None, before: int
) -> None:
    guard = Guard(limits, mode=lambda: TradingMode.REDUCE_ONLY, stale=lambda _t: "3분째 조용함")
    guard.locked["005930"] = "장부와 잔고가 다름"
    order = proposal(Side.SELL, quantity, limit)
    for _ in range(before):
        guard.took(order)
    assert guard.objection(order, on) is None


@pytest.mark.parametrize(
    ("guard", "order", "on", "word"),
    [
        (Guard(mode=lambda: TradingMode.HALTED), proposal(), footing(), "정지"),
        (Guard(mode=lambda: TradingMode.HALTED), proposal(Side.SELL), footing(), "정지"),
        (Guard(mode=lambda: TradingMode.REDUCE_ONLY), proposal(), footing(), "매도만"),
        (Guard(lock=lambda: "실전 주문 잠김"), proposal(Side.SELL), footing(), "실전"),
        (Guard(stale=lambda _t: "멈춤"), proposal(), footing(), "시세"),
        (Guard(), proposal(limit=91_100), footing(), "가격제한폭"),
        (Guard(), proposal(Side.SELL, limit=70_050), footing(), "호가단위"),
        (Guard(), proposal(Side.SELL, 1_001), footing(), "매도가능수량"),
        (Guard(), proposal(quantity=0), footing(), "1주"),
        (Guard(), proposal(), footing(band=None), "알 수 없음"),
        (Guard(GuardLimits(max_deviation=0.1)), proposal(limit=77_100), footing(), "높음"),
        (Guard(GuardLimits(max_deviation=0.1)), proposal(), footing(last=77_100), "높음"),
    ],
)
def test_each_objection_says_why(guard: Guard, order: Proposal, on: Footing, word: str) -> None:
    said = guard.objection(order, on)
    assert said is not None
    assert word in said


def test_a_copy_of_a_buy_at_one_bar_is_refused_and_at_the_next_is_not() -> None:
    guard = Guard()
    guard.took(proposal())
    assert "같은 주문" in (guard.objection(proposal(), footing()) or "")
    assert guard.objection(proposal(quantity=11), footing()) is None
    assert guard.objection(proposal(bar=BAR + timedelta(minutes=1)), footing()) is None


def test_a_new_session_begins_with_nothing_used() -> None:
    guard = Guard(GuardLimits(max_orders_per_day=1, max_bought_per_day=1_000_000))
    guard.took(proposal(quantity=5))
    guard.filled(SESSION, Side.BUY, 900_000)
    assert guard.objection(proposal(quantity=6), footing()) is not None
    following = SESSION + timedelta(days=1)
    later = proposal(quantity=6, bar=BAR + timedelta(days=1), on=following)
    assert guard.objection(later, footing()) is None


def test_selling_everything_passes_a_halt_once_a_person_asked_for_it() -> None:
    guard = Guard(mode=lambda: TradingMode.HALTED)
    guard.liquidating = True
    assert guard.objection(proposal(Side.SELL), footing()) is None
    assert guard.objection(proposal(), footing()) is not None


def test_an_order_that_the_venue_refused_does_not_count() -> None:
    guard = Guard(GuardLimits(max_orders_per_day=1))
    guard.took(proposal())
    guard.dropped(SESSION)
    assert guard.objection(proposal(quantity=3), footing()) is None
