"""No plan gets past node 4 with more risk than the limits allow."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.domain.rules import RuleEffects
from kisbt.domain.trading import Action, Decision, Outcome, Side, TradingMode, TradingPlan
from kisbt.risk.book import RiskBook
from kisbt.risk.judge import judge
from tests.risk.absurd import TICKERS, books, buys, plans, some_book, some_sober_decisions
from tests.risk.checker import breaches
from tests.risk.world import WIDE, book, limits, position

many = settings(max_examples=250)


@many
@given(plans(), books)
def test_no_plan_leads_to_an_order_that_breaks_a_limit(plan: TradingPlan, world: RiskBook):
    assert breaches(plan, world, judge(plan, world)) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_absurd_decisions_break_no_limit(seed: int):
    dice = random.Random(seed)
    nonsense = [float("nan"), float("inf"), -1.0, 0.1, 0.5, 1.0, 7.0, None]
    sizes = [None, None, 1, 10, -5, 0, 10**12, 10**400]
    plan = TradingPlan(
        decisions=tuple(
            Decision(
                ticker=dice.choice([*TICKERS, "000000", "?"]),
                action=dice.choice(list(Action)),
                target_weight=dice.choice(nonsense),
                quantity=dice.choice(sizes),
                limit_price=dice.choice([None, 70_000, 70_001, 1, -1, 10**400]),
                confidence=dice.choice([1.0, 0.5, float("nan"), 7.0]),
            )
            for _ in range(1_000)
        )
    )
    world = book(positions=[position("005930", 100)], limits=limits(max_weight=0.2))
    answer = judge(plan, world)
    assert len(answer.verdicts) == 1_000
    assert breaches(plan, world, answer) == []


@many
@given(plans(), books)
def test_judging_the_approved_orders_again_changes_nothing(plan: TradingPlan, world: RiskBook):
    first = judge(plan, world)
    everything = [*plan.decisions, *first.added]
    again = judge(
        TradingPlan(
            decisions=tuple(
                Decision(
                    ticker=order.ticker,
                    action=Action(order.side.value),
                    quantity=order.quantity,
                    limit_price=order.limit_price,
                    confidence=everything[order.decision].confidence,
                )
                for order in first.approved
            )
        ),
        world,
    )
    assert [(o.ticker, o.side, o.quantity, o.limit_price) for o in again.approved] == [
        (o.ticker, o.side, o.quantity, o.limit_price) for o in first.approved
    ]
    assert all(v.outcome is Outcome.ACCEPTED for v in again.verdicts if v.quantity)


@many
@given(plans(), books)
def test_clipping_never_increases_a_size(plan: TradingPlan, world: RiskBook):
    for verdict in judge(plan, world).verdicts:
        assert 0 <= verdict.quantity <= verdict.requested


@many
@given(plans(), books, st.randoms(use_true_random=False))
def test_the_order_of_decisions_creates_no_risk(
    plan: TradingPlan, world: RiskBook, dice: random.Random
):
    shuffled = list(plan.decisions)
    dice.shuffle(shuffled)
    other = TradingPlan(decisions=tuple(shuffled))
    assert breaches(other, world, judge(other, world)) == []


@many
@given(plans(), books)
def test_nothing_but_the_market_and_the_shares_held_bounds_an_exit(
    plan: TradingPlan, world: RiskBook
):
    def exits(of: RiskBook) -> list[tuple[str, int, int | None]]:
        approved = judge(plan, of).approved
        return [(o.ticker, o.quantity, o.limit_price) for o in approved if o.side is Side.SELL]

    free = world._replace(
        limits=WIDE,
        day=world.day._replace(orders=0, turnover=0),
        effects=world.effects and (lambda ticker: _only_exits(world, ticker)),
    )
    assert exits(world) == exits(free)
    if world.status.mode is TradingMode.REDUCE_ONLY:
        assert exits(world) == exits(_in_mode(world, TradingMode.ACTIVE))


def _only_exits(world: RiskBook, ticker: str) -> RuleEffects:
    assert world.effects is not None
    return RuleEffects(force_exit=world.effects(ticker).force_exit)


def _in_mode(world: RiskBook, mode: TradingMode) -> RiskBook:
    return world._replace(status=world.status.model_copy(update={"mode": mode}))


TIGHTER = {
    "max_weight": lambda value, by: max(value * by, 1e-6),
    "max_exposure": lambda value, by: max(value * by, 1e-6),
    "max_positions": lambda value, by: max(int(value * by), 1),
    "max_orders_per_day": lambda value, by: max(int(value * by), 1),
    "max_turnover_per_day": lambda value, by: max(value * by, 1e-6),
    "min_confidence": lambda value, by: 1 - (1 - value) * by,
    "min_cash": lambda value, by: value + int((1 - by) * 50_000_000),
}


def _tightened(world: RiskBook, limit: str, by: float) -> RiskBook:
    value = TIGHTER[limit](getattr(world.limits, limit), by)
    return world._replace(limits=world.limits.model_copy(update={limit: value}))


@many
@given(buys, books, st.sampled_from(sorted(TIGHTER)), st.floats(0, 1))
def test_tightening_a_limit_never_approves_more_of_a_buy(
    asked: list[Decision], world: RiskBook, limit: str, by: float
):
    plan = TradingPlan(decisions=tuple(asked[:1]))

    def bought(of: RiskBook) -> int:
        return sum(o.quantity for o in judge(plan, of).approved if o.side is Side.BUY)

    assert bought(_tightened(world, limit, by)) <= bought(world)


def _used(world: RiskBook, plan: TradingPlan, limit: str) -> float:
    """How much of what ``limit`` bounds the approved buys take."""
    buys = [o for o in judge(plan, world).approved if o.side is Side.BUY]
    held = {p.ticker: p.value for p in world.portfolio.positions}

    def value(order) -> int:
        quote = world.quote(order.ticker)
        return order.quantity * max(quote.close, order.limit_price or 0)

    def cost(order) -> int:
        quote, listed = world.quote(order.ticker), world.instrument(order.ticker)
        price = order.limit_price or quote.band.upper
        return world.costs.buy_total(price, order.quantity, listed.product)

    if limit == "max_weight":
        return max((held.get(o.ticker, 0) + value(o) for o in buys), default=0)
    if limit in ("max_exposure", "max_turnover_per_day"):
        return sum(map(value, buys))
    if limit == "max_positions":
        return len({o.ticker for o in buys} - set(held))
    if limit == "max_orders_per_day":
        return len(buys)
    if limit == "min_confidence":
        return -min((plan.decisions[o.decision].confidence for o in buys), default=1.0)
    return sum(map(cost, buys))


@many
@given(buys, books, st.sampled_from(sorted(TIGHTER)), st.floats(0, 1))
def test_tightening_a_limit_never_lets_a_plan_take_more_of_what_it_bounds(
    asked: list[Decision], world: RiskBook, limit: str, by: float
):
    plan = TradingPlan(decisions=tuple(asked))
    world = world._replace(open_orders=())
    tight = _tightened(world, limit, by)
    assert _used(tight, plan, limit) <= _used(world, plan, limit)


@given(plans(), books)
def test_a_judgement_is_a_function_of_its_input(plan: TradingPlan, world: RiskBook):
    assert judge(plan, world) == judge(plan, world)


def test_the_plans_and_books_drawn_here_do_trade():
    traded = clipped = several = 0
    for seed in range(300):
        asked = some_sober_decisions(random.Random(seed), (Action.BUY, Action.SELL))
        answer = judge(TradingPlan(decisions=tuple(asked)), some_book(seed))
        traded += bool(answer.approved)
        several += len(answer.approved) > 1
        clipped += any(v.outcome is Outcome.CLIPPED for v in answer.verdicts)
    assert traded > 100
    assert clipped > 50
    assert several > 40
