"""Who trades in a fault session: a decider by script or by dice, and a person who cancels.

Both know nothing but the bar and the seed, so that a process that starts again would decide the
same: an order that is sent twice cannot hide behind a change of mind.
"""

import random
from collections.abc import Callable
from datetime import datetime

import backtrader as bt

from kisbt.adapter.operator import Operator
from kisbt.domain.market import Instrument
from kisbt.domain.rules import Condition
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import Action, Decision, TradingPlan
from kisbt.krx.ticks import round_down
from kisbt.rulebook.version import Policy, PromptVersion

Decide = Callable[[DecisionContext], TradingPlan]


class ChaosTrader(bt.Strategy):  # type: ignore[misc]
    """Asks the operating graph at every bar's close.

    Args:
        operator: The operating graph with its ports.
    """

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._operator = operator

    def prenext(self) -> None:
        """A name without bars must not silence the rest."""
        self.next()

    def next(self) -> None:
        """Take one tick."""
        self._operator.decide()


class ChaosDecider:
    """Hands every question on.

    Args:
        answer: Makes the plan.
    """

    label = "fault session (no LLM)"

    def __init__(self, answer: Decide) -> None:
        self._answer = answer

    def decide(self, context: DecisionContext) -> TradingPlan:
        """Return a plan."""
        return self._answer(context)


def prompt() -> PromptVersion:
    """The version that a fault session is journaled under; nobody reads it."""
    policy = Policy(
        entry=(Condition(feature="change_pct", op=">", value=0.0),),
        rank_by="change_pct", max_new_per_day=1, target_weight=0.1,
    )  # fmt: skip
    return PromptVersion(
        number=1, created=datetime(2025, 3, 3), author="human", summary="fault session",
        features=(), policy=policy, text="fault session", hash="sha256:" + "0" * 64,
    )  # fmt: skip


def script(context: DecisionContext, names: dict[str, Instrument], day: int) -> TradingPlan:
    """A plan that leads orders past every point: some fill in parts, some rest, some are sold.

    ``day`` counts the sessions that orders of this plan trade in, from 0.
    """
    first, second, third = sorted(names)
    buy, sell = Action.BUY, Action.SELL
    if day % 2 == 0:
        return TradingPlan(
            decisions=(
                Decision(ticker=first, action=buy, target_weight=0.24),
                Decision(ticker=second, action=buy, target_weight=0.10,
                         limit_price=_price(context, names[second], -0.06)),
                Decision(ticker=third, action=buy, target_weight=0.10,
                         limit_price=_price(context, names[third], -0.06)),
            )
        )  # fmt: skip
    held = {p.ticker: p.sellable for p in context.portfolio.positions}
    sold = [
        Decision(ticker=ticker, action=sell, quantity=max(1, shares // 2),
                 limit_price=_price(context, names[ticker], -0.02))
        for ticker, shares in sorted(held.items()) if shares
    ]  # fmt: skip
    return TradingPlan(
        decisions=(
            *sold,
            Decision(ticker=third, action=buy, target_weight=0.20),
            Decision(ticker=second, action=buy, target_weight=0.10,
                     limit_price=_price(context, names[second], -0.06)),
        )
    )  # fmt: skip


def whims(context: DecisionContext, names: dict[str, Instrument], seed: int) -> TradingPlan:
    """A plan by dice that only know seed, bar and name: absurd wishes among sensible ones."""
    held = {p.ticker: p.quantity for p in context.portfolio.positions}
    decisions = []
    for ticker, instrument in sorted(names.items()):
        dice = random.Random(f"{seed}:{context.tick.at:%Y-%m-%d %H:%M}:{ticker}")
        if dice.random() < 0.2:
            continue
        limit = None if dice.random() < 0.4 else _price(context, instrument, dice.gauss(0, 0.015))
        if held.get(ticker) and dice.random() < 0.5:
            wish = dice.choice([None, dice.randint(1, held[ticker]), 10**6])
            decisions.append(
                Decision(ticker=ticker, action=Action.SELL, quantity=wish, limit_price=limit)
            )
        else:
            decisions.append(
                Decision(ticker=ticker, action=Action.BUY, limit_price=limit,
                         target_weight=dice.choice([0.05, 0.15, 0.25, 0.9]))
            )  # fmt: skip
    return TradingPlan(decisions=tuple(decisions))


def _price(context: DecisionContext, name: Instrument, by: float) -> int:
    close = context.market.closes[name.ticker]
    return round_down(int(close * (1 + by)), name.market, context.tick.session, name.product)
