"""One decision on its way through node 4, and the two ways it leaves."""

from typing import NamedTuple

from kisbt.domain.market import Instrument, Quote
from kisbt.domain.trading import Decision, OrderIntent, Outcome, Side, Verdict
from kisbt.risk.reasons import clip_reason, tick_reason

_ACCEPTED = Outcome.ACCEPTED
_CLIPPED = Outcome.CLIPPED
_REJECTED = Outcome.REJECTED
_TICK = "limit:tick"


class Ask(NamedTuple):
    """A sane decision on a known name; ``place`` is its index in the plan."""

    place: int
    decision: Decision
    quote: Quote
    instrument: Instrument


class Refusal(NamedTuple):
    """What turned a decision down, as in ``Verdict.by``, and why in one short sentence.

    ``requested`` is shares, 0 where it did not come to counting them.
    """

    by: tuple[str, ...]
    reason: str
    requested: int = 0


class Passed(NamedTuple):
    """A decision of which something is left to send."""

    verdict: Verdict
    intent: OrderIntent


def refuse(index: int, decision: Decision, refusal: Refusal) -> Verdict:
    """Return the verdict on a decision of which nothing passes."""
    return Verdict.made(
        decision=index,
        ticker=decision.ticker,
        action=decision.action,
        outcome=_REJECTED,
        requested=refusal.requested,
        quantity=0,
        by=refusal.by,
        reason=refusal.reason,
    )


def hold(index: int, decision: Decision) -> Verdict:
    """Return the verdict on a decision that asks for nothing."""
    return Verdict.made(
        decision=index,
        ticker=decision.ticker,
        action=decision.action,
        outcome=_ACCEPTED,
        requested=0,
        quantity=0,
        by=(),
        reason="보유",
    )


def let_pass(
    ask: Ask, side: Side, requested: int, size: int, limit_price: int | None, by: tuple[str, ...]
) -> Passed:
    """Return the verdict and the order for ``size`` shares of the ``requested`` ones.

    ``by`` names what lowered the size; a limit price moved to a tick is added to it.
    """
    decision = ask.decision
    outcome, reason = _ACCEPTED, ""
    if size < requested:
        outcome, reason = _CLIPPED, clip_reason(by, requested, size)
    asked_price = decision.limit_price
    if limit_price != asked_price and asked_price is not None and limit_price is not None:
        moved = tick_reason(asked_price, limit_price)
        by, reason = (*by, _TICK), f"{reason}; {moved}" if reason else moved
    verdict = Verdict.made(
        decision=ask.place,
        ticker=decision.ticker,
        action=decision.action,
        outcome=outcome,
        requested=requested,
        quantity=size,
        by=by,
        reason=reason,
    )
    intent = OrderIntent(
        ticker=decision.ticker,
        side=side,
        quantity=size,
        limit_price=limit_price,
        decision=ask.place,
    )
    return Passed(verdict, intent)
