"""Hypothesis strategies: accounts and markets of every kind, and plans from sober to absurd.

A book is drawn from a seed, which is fast enough for thousands of them; a plan is drawn piece by
piece, so that a plan that breaks something shrinks to the decision that does it.
"""

import math
import random

from hypothesis import strategies as st

from kisbt.config import RiskLimits
from kisbt.domain.market import Quote
from kisbt.domain.rules import NO_EFFECTS, RuleEffects
from kisbt.domain.trading import Action, Decision, OpenOrder, Side, TradingMode, TradingPlan
from kisbt.risk.book import RiskBook
from kisbt.risk.day_use import DayTotals
from tests.risk.world import CLOSES, book, instrument, position, quote

TICKERS = sorted(CLOSES)

SEEDS = 2**20
"""Few enough for hypothesis to draw them evenly; beyond 24 bits it prefers small ones."""

ODD_FLOATS = [math.nan, math.inf, -math.inf, -0.1, 1.5, 1e300, 0.0, 5e-324]
ODD_INTS = [0, -1, -(10**30), 10**11, 10**18, 10**400]

QUOTES: dict[tuple[str, str], Quote | None] = {
    (ticker, kind): None
    if kind == "unknown"
    else quote(
        CLOSES[ticker],
        product=instrument(ticker).product,
        tradable=kind != "halted",
        band=kind != "no band",
    )
    for ticker in TICKERS
    for kind in ("good", "halted", "no band", "unknown")
}


def some_price(dice: random.Random, ticker: str) -> int | None:
    return dice.choice([None, int(CLOSES[ticker] * dice.uniform(0.65, 1.35))])


def some_limits(dice: random.Random) -> RiskLimits:
    """Mostly wide: each limit has its turn to be the one that binds."""

    def or_else(wide: float, narrow: float) -> float:
        return wide if dice.random() < 0.7 else narrow

    return RiskLimits(
        max_weight=or_else(0.5, dice.uniform(0.01, 1)),
        max_exposure=or_else(1.0, dice.uniform(0.01, 1)),
        max_positions=int(or_else(10, dice.randint(1, 4))),
        max_orders_per_day=int(or_else(20, dice.randint(1, 8))),
        max_turnover_per_day=or_else(3.0, dice.uniform(0.05, 2)),
        min_confidence=or_else(0.0, 0.5),
        min_cash=int(or_else(0, dice.choice([1_000_000, 50_000_000]))),
    )


def some_effects(dice: random.Random) -> RuleEffects:
    if dice.random() < 0.7:
        return NO_EFFECTS
    return RuleEffects(
        block_buy=dice.choice([(), (), ("R0001",)]),
        force_exit=dice.choice([(), (), ("R0002",)]),
        cap_weight=dice.choice([None, 0.0, 0.05, 0.5]),
        capped_by=("R0003",),
        scale=dice.choice([1.0, 0.5, 0.0]),
        scaled_by=("R0004",),
        approval=dice.choice([(), (), (), ("R0005",)]),
    )


def some_book(seed: int) -> RiskBook:
    dice = random.Random(seed)
    positions, orders = [], []
    for ticker in dice.sample(TICKERS, dice.choice([0, 0, 1, 2, 3])):
        quantity = dice.randint(1, 400)
        sellable = dice.choice([quantity, dice.randint(0, quantity)])
        positions.append(position(ticker, quantity, sellable=sellable))
        if sellable < quantity and dice.random() < 0.7:
            orders.append((ticker, Side.SELL, quantity - sellable))
    for ticker in dice.choices(TICKERS, k=dice.choice([0, 0, 0, 1, 2])):
        orders.append((ticker, Side.BUY, dice.randint(1, 100)))
    cash = int(10 ** dice.uniform(6, 8.5))
    kinds = ["good"] * 20 + ["halted", "no band", "unknown"]
    return book(
        cash=cash,
        orderable=dice.choice([cash, cash, dice.randint(0, cash)]),
        equity=dice.choice([None] * 20 + [0, -5_000_000]),
        positions=positions,
        open_orders=[
            OpenOrder(f"O{n}", ticker, side, size, some_price(dice, ticker))
            for n, (ticker, side, size) in enumerate(orders)
        ],
        limits=some_limits(dice),
        effects=dice.choice([None, {ticker: some_effects(dice) for ticker in TICKERS}]),
        mode=dice.choice([TradingMode.ACTIVE] * 20 + list(TradingMode)),
        reason="하루 손실",
        day=DayTotals(dice.choice([0, dice.randint(0, 6)]), dice.choice([0, 30_000_000])),
        quotes={ticker: QUOTES[ticker, dice.choice(kinds)] for ticker in TICKERS},
    )


books = st.integers(0, SEEDS).map(some_book)


def some_sober_decisions(dice: random.Random, actions: tuple[Action, ...]) -> list[Decision]:
    """At most one decision a name, each of a size that could pass."""
    return [
        Decision(
            ticker=ticker,
            action=dice.choice(actions),
            target_weight=dice.choice([None, dice.uniform(0, 0.6)]),
            quantity=dice.choice([None, dice.randint(1, 300)]),
            limit_price=some_price(dice, ticker),
            confidence=dice.choice([1.0, dice.random()]),
        )
        for ticker in dice.sample(TICKERS, dice.randint(0, len(TICKERS)))
    ]


@st.composite
def absurd_decisions(draw: st.DrawFn) -> Decision:
    """Any number anywhere; a name that may not exist."""
    return Decision(
        ticker=draw(st.sampled_from([*TICKERS, "999999", "", "삼성전자"])),
        action=draw(st.sampled_from(Action)),
        target_weight=draw(st.none() | st.floats(0, 1) | st.sampled_from(ODD_FLOATS)),
        quantity=draw(st.none() | st.integers(1, 2_000) | st.sampled_from(ODD_INTS)),
        limit_price=draw(st.none() | st.integers(1, 300_000) | st.sampled_from(ODD_INTS)),
        confidence=draw(st.just(1.0) | st.floats(0, 1) | st.sampled_from(ODD_FLOATS)),
    )


@st.composite
def plans(draw: st.DrawFn) -> TradingPlan:
    """A sober plan with some nonsense strewn in."""
    dice = random.Random(draw(st.integers(0, SEEDS)))
    found = some_sober_decisions(dice, (Action.BUY, Action.BUY, Action.SELL, Action.HOLD))
    for nonsense in draw(st.lists(absurd_decisions(), max_size=3)):
        found.insert(dice.randint(0, len(found)), nonsense)
    return TradingPlan(decisions=tuple(found))


buys = st.integers(0, SEEDS).map(
    lambda seed: some_sober_decisions(random.Random(seed), (Action.BUY,))
)
"""Buys of different names."""
