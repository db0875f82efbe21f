"""Several draws of one decision become one plan with an agreement."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median

from kisbt.domain.trading import Action, Decision, TradingPlan

_CAUTION = (Action.HOLD, Action.SELL, Action.BUY)
"""Which action wins a tie: the one that does least."""


def combine(plans: Sequence[TradingPlan], draws: int, min_agreement: float = 0.0) -> TradingPlan:
    """Return the plan that most draws agree on, name by name.

    A draw that does not mention a name, and one that gave no valid plan, count as HOLD. The
    agreement of a name is the share of all draws that gave the winning action; below
    ``min_agreement`` the name is held, and the justification says so. Sizes, limit price and
    confidence are medians of the draws that gave the action; words and rules come from the draw
    whose size is nearest the median, the earliest of equals.

    Args:
        plans: Valid plans, in the order of the draws.
        draws: How many draws were made, valid or not.
        min_agreement: Fraction, 0..1.

    Returns:
        Decisions in the order in which the draws first mention their names.

    Raises:
        ValueError: there is no plan, or more than draws.
    """
    if not 0 < len(plans) <= draws:
        raise ValueError(f"{len(plans)} plans of {draws} draws")
    names = dict.fromkeys(decision.ticker for plan in plans for decision in plan.decisions)
    lines = [{decision.ticker: decision for decision in plan.decisions} for plan in plans]
    decisions = tuple(
        _agree(name, [line.get(name) for line in lines], draws, min_agreement) for name in names
    )
    shares = [d.agreement for d in decisions if d.agreement is not None]
    told = f", 평균 합의 {fmean(shares):.2f}" if shares else ""
    comment = f"{plans[0].comment} ({draws}회 중 {len(plans)}회 유효{told})".strip()
    return TradingPlan(decisions=decisions, comment=comment)


def _agree(
    ticker: str, answers: Sequence[Decision | None], draws: int, min_agreement: float
) -> Decision:
    votes = Counter(Action.HOLD if answer is None else answer.action for answer in answers)
    votes[Action.HOLD] += draws - len(answers)
    action = max(_CAUTION, key=lambda a: votes[a])  # max keeps the first of equals
    agreement = votes[action] / draws
    chosen = [a for a in answers if a is not None and a.action is action]
    if action is Action.HOLD or agreement < min_agreement:
        tally = ", ".join(f"{a} {votes[a]}/{draws}" for a in _CAUTION if votes[a])
        if agreement < min_agreement:
            why = f"합의 부족({agreement:.2f} < {min_agreement:.2f})으로 보류: {tally}"
        else:
            why = f"{chosen[0].justification} ({tally})" if chosen else f"보류: {tally}"
        return Decision(ticker=ticker, action=Action.HOLD, justification=why, agreement=agreement)
    weights = [d.target_weight for d in chosen if d.target_weight is not None]
    quantities = [d.quantity for d in chosen if d.quantity is not None]
    prices = [d.limit_price for d in chosen if d.limit_price is not None]
    by_quantity = 2 * len(quantities) > len(chosen)
    quantity = int(median(quantities)) if by_quantity else None
    weight = median(weights) if weights and not by_quantity else None
    nearest = min(chosen, key=lambda d: _distance(d, weight, quantity))
    return Decision(
        ticker=ticker,
        action=action,
        target_weight=weight,
        quantity=quantity,
        limit_price=int(median(prices)) if 2 * len(prices) > len(chosen) else None,
        confidence=median(d.confidence for d in chosen),
        justification=nearest.justification,
        rules=nearest.rules,
        agreement=agreement,
    )


def _distance(decision: Decision, weight: float | None, quantity: int | None) -> float:
    if quantity is not None:
        return float("inf") if decision.quantity is None else abs(decision.quantity - quantity)
    if weight is not None:
        gap = decision.target_weight
        return float("inf") if gap is None else abs(gap - weight)
    return 0.0
