"""Which decisions of a plan make sense at all, and which of them speak for a name.

In this order: a hold asks for nothing; numbers must be numbers; the name must be known; then one
decision a name is left: the first sale, else the first buy.
"""

from collections.abc import Sequence
from typing import NamedTuple

from kisbt.domain.trading import Action, Decision, Verdict
from kisbt.risk.ask import Ask, Refusal, hold, refuse
from kisbt.risk.book import RiskBook

MAX_QUANTITY = 10_000_000_000
"""Shares. More than any listed company has issued, and safe in every database column."""

MAX_PRICE = 1_000_000_000
"""Won a share. Hundreds of times the dearest share ever."""

_BAD_WEIGHT = Refusal(("input:target_weight",), "목표 비중은 0과 1 사이의 수")
_BAD_QUANTITY = Refusal(("input:quantity",), f"수량은 1주 이상 {MAX_QUANTITY:,}주 이하")
_BAD_PRICE = Refusal(("input:limit_price",), f"지정가는 1원 이상 {MAX_PRICE:,}원 이하")
_BAD_CONFIDENCE = Refusal(("input:confidence",), "확신도는 0과 1 사이의 수")
_UNKNOWN = Refusal(("input:ticker",), "알 수 없는 종목")
_DUPLICATE = Refusal(("plan:duplicate",), "같은 종목의 앞선 결정이 우선")
_CONTRADICTION = Refusal(("plan:contradiction",), "같은 종목의 매도 결정이 우선")

_HOLD = Action.HOLD
_SELL = Action.SELL


class Screened(NamedTuple):
    """Sales and buys by ticker in the plan's order, and the verdicts on all other decisions."""

    sells: dict[str, Ask]
    buys: dict[str, Ask]
    verdicts: dict[int, Verdict]


def screen(decisions: Sequence[Decision], book: RiskBook) -> Screened:
    """Sort the plan's decisions into sales, buys, and those that end here."""
    sells: dict[str, Ask] = {}
    buys: dict[str, Ask] = {}
    verdicts: dict[int, Verdict] = {}
    for index, decision in enumerate(decisions):
        if decision.action is _HOLD:
            verdicts[index] = hold(index, decision)
            continue
        ask = admit(index, decision, book)
        side = sells if decision.action is _SELL else buys
        if isinstance(ask, Refusal):
            verdicts[index] = refuse(index, decision, ask)
        elif decision.ticker in side:
            verdicts[index] = refuse(index, decision, _DUPLICATE)
        else:
            side[decision.ticker] = ask
    for ticker in sells:
        overruled = buys.pop(ticker, None)
        if overruled is not None:
            index = overruled.place
            verdicts[index] = refuse(index, overruled.decision, _CONTRADICTION)
    return Screened(sells, buys, verdicts)


def admit(index: int, decision: Decision, book: RiskBook) -> Ask | Refusal:
    """Return a decision with its name's quote, or why it makes no sense."""
    fault = find_fault(decision)
    if fault is not None:
        return fault
    quote = book.quote(decision.ticker)
    instrument = book.instrument(decision.ticker)
    if quote is None or instrument is None:
        return _UNKNOWN
    return Ask(index, decision, quote, instrument)


def find_fault(decision: Decision) -> Refusal | None:
    """Return what is wrong with a decision's numbers; NaN and infinity are never right.

    The confidence of a sale is not looked at: nothing but the market stands in an exit's way.
    """
    weight = decision.target_weight
    if weight is not None and not 0.0 <= weight <= 1.0:
        return _BAD_WEIGHT
    quantity = decision.quantity
    if quantity is not None and not 1 <= quantity <= MAX_QUANTITY:
        return _BAD_QUANTITY
    price = decision.limit_price
    if price is not None and not 1 <= price <= MAX_PRICE:
        return _BAD_PRICE
    if decision.action is not _SELL and not 0.0 <= decision.confidence <= 1.0:
        return _BAD_CONFIDENCE
    return None
