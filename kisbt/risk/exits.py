"""Sizing of sales. Nothing bounds them but the shares that can be sold."""

from collections.abc import Sequence
from typing import NamedTuple

from kisbt.domain.rules import RuleEffects
from kisbt.domain.state import PositionStatus
from kisbt.domain.trading import Action, Decision, OpenOrder, Side
from kisbt.risk.ask import Ask, Passed, Refusal, let_pass
from kisbt.risk.book import RiskBook
from kisbt.risk.pricing import Priced
from kisbt.risk.resting import sells_at_least_as_urgently

_NOT_HELD = Refusal(("limit:sellable",), "보유하지 않은 종목")
_AT_TARGET = Refusal(("plan:no_change",), "이미 목표 비중 이하")
_RESTING = Refusal(("order:resting",), "이미 걸린 매도 주문이 같은 일을 함")


class Supply(NamedTuple):
    """Shares of a name as a new sale sees them.

    ``available`` may be sold by it, after node 5 has cancelled what it replaces. ``underway`` are
    in resting sales at least as urgent, which stay.
    """

    available: int
    underway: int


def supply(
    position: PositionStatus, limit_price: int | None, resting: Sequence[OpenOrder]
) -> Supply:
    """Count the shares that a new sale at ``limit_price`` could sell."""
    underway = replaceable = 0
    for order in resting:
        if sells_at_least_as_urgently(order, limit_price):
            underway += order.remaining
        elif order.side is Side.SELL:
            replaceable += order.remaining
    available = min(position.sellable + replaceable, position.quantity - underway)
    return Supply(available, underway)


def size_exit(
    ask: Ask,
    priced: Priced,
    position: PositionStatus | None,
    equity: int,
    resting: Sequence[OpenOrder],
) -> Passed | Refusal:
    """Size a sale: a quantity as asked, a target weight or everything net of what is underway."""
    if position is None:
        return _NOT_HELD
    available, underway = supply(position, priced.limit, resting)
    decision = ask.decision
    if decision.quantity is not None:
        wanted = decision.quantity
    else:
        wanted = position.quantity
        if decision.target_weight:
            wanted -= max(int(decision.target_weight * equity), 0) // ask.quote.close
        if wanted < 1:
            return _AT_TARGET
        wanted -= underway
        if wanted < 1:
            return _RESTING
    size = min(wanted, available)
    if size < 1:
        return Refusal(("limit:sellable",), "매도가능수량 없음", wanted)
    by = ("limit:sellable",) if size < wanted else ()
    return let_pass(ask, Side.SELL, wanted, size, priced.limit, by)


def forced_exits(book: RiskBook) -> dict[str, tuple[str, ...]]:
    """Return the rules that want a held name sold, by ticker in the portfolio's order."""
    effects = book.effects
    if effects is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for position in book.portfolio.positions:
        said: RuleEffects = effects(position.ticker)
        if said.force_exit:
            found[position.ticker] = said.force_exit
    return found


def sells_it_all(
    decision: Decision, position: PositionStatus, resting: Sequence[OpenOrder]
) -> bool:
    """Whether the plan's own sale does what a forced exit would: everything, at the market."""
    if decision.limit_price is not None:
        return False
    if decision.quantity is not None:
        return decision.quantity >= supply(position, None, resting).available
    return not decision.target_weight


def forced_decision(ticker: str, rules: tuple[str, ...]) -> Decision:
    """Return the decision that the rules add to a plan."""
    return Decision(
        ticker=ticker,
        action=Action.SELL,
        justification=f"학습 규칙 {', '.join(rules)}: 강제 청산",
        rules=rules,
    )


def by_rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    """Return rule ids as ``Verdict.by`` entries."""
    return tuple([f"rule:{rule}" for rule in rules])
