"""Sizing of buys: the wish, the weight cap a name, and the rules that shrink both."""

from collections.abc import Sequence
from typing import NamedTuple

from kisbt.config import RiskLimits
from kisbt.domain.rules import RuleEffects
from kisbt.domain.state import PositionStatus
from kisbt.domain.trading import Decision, OpenOrder, Side
from kisbt.risk.ask import Ask, Refusal
from kisbt.risk.exits import by_rules
from kisbt.risk.pricing import Priced

_AT_TARGET = Refusal(("plan:no_change",), "이미 목표 비중 이상 (걸린 매수 포함)")
_BELOW_ONE_SHARE = Refusal(("plan:below_one_share",), "목표 금액이 1주 값보다 작음")
_MAX_WEIGHT: tuple[str, ...] = ("limit:max_weight",)


class Stake(NamedTuple):
    """What the account already has in a name, resting buys taken as filled. Shares and won."""

    shares: int
    value: int


class Wish(NamedTuple):
    """Shares asked for, shares left after the name's own bounds, and what lowered them."""

    requested: int
    size: int
    by: tuple[str, ...]


def stake_in(position: PositionStatus | None, close: int, resting: Sequence[OpenOrder]) -> Stake:
    """Add up a position and the buys that rest in its name."""
    shares, value = (position.quantity, position.value) if position else (0, 0)
    for order in resting:
        if order.side is Side.BUY:
            shares += order.remaining
            value += order.remaining * max(close, order.limit_price or 0)
    return Stake(shares, value)


def find_objection(
    decision: Decision, limits: RiskLimits, effects: RuleEffects, *, may_ask: bool = False
) -> Refusal | None:
    """Return why the name may not be bought at all, by confidence or by rule."""
    if decision.confidence < limits.min_confidence:
        return Refusal(
            ("limit:min_confidence",),
            f"확신도 {decision.confidence:.2f} < 최소 {limits.min_confidence:.2f}",
        )
    if effects.block_buy:
        return Refusal(by_rules(effects.block_buy), _rules_say(effects.block_buy, "매수 금지"))
    if effects.force_exit:
        return Refusal(by_rules(effects.force_exit), _rules_say(effects.force_exit, "청산 대상"))
    if effects.approval and not may_ask:
        return Refusal(by_rules(effects.approval), _rules_say(effects.approval, "승인 필요"))
    return None


def size_entry(
    ask: Ask, priced: Priced, stake: Stake, effects: RuleEffects, max_weight: float, equity: int
) -> Wish | Refusal:
    """Size a buy within the name's own bounds: the weight cap and the rules.

    A wish by weight is for the whole stake, so that what is held or resting comes off it; a wish
    by quantity is for so many more. A ``scale_size`` rule multiplies a wished weight, and the cap
    as well, which is all it does to an explicit quantity: judged again, an approved order stays
    as it is.
    """
    decision, price = ask.decision, priced.value
    cap, by_cap = max_weight, _MAX_WEIGHT
    if effects.cap_weight is not None and effects.cap_weight < cap:
        cap, by_cap = effects.cap_weight, by_rules(effects.capped_by)
    by_scale = by_rules(effects.scaled_by)
    by: tuple[str, ...] = ()
    if decision.quantity is not None:
        requested = size = decision.quantity
    else:
        weight = cap if decision.target_weight is None else decision.target_weight
        requested = int(weight * equity) // price - stake.shares
        if requested < 1:
            return _AT_TARGET if stake.shares else _BELOW_ONE_SHARE
        size = int(weight * effects.scale * equity) // price - stake.shares
        if size < requested:
            by = by_scale
    room = (int(cap * effects.scale * equity) - stake.value) // price
    if room < size:
        size = room
        by = (*by, *by_cap) if by else (*by_cap, *by_scale)
    return Wish(requested, size, by)


def _rules_say(rules: tuple[str, ...], what: str) -> str:
    return f"학습 규칙 {', '.join(rules)}: {what}"
