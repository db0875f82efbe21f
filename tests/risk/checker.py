"""Judges the judge: recomputes from the book alone what the approved orders could lead to.

Shares no arithmetic with ``kisbt.risk``; exact fractions throughout.
"""

from fractions import Fraction

from kisbt.domain.rules import NO_EFFECTS
from kisbt.domain.trading import (
    Action,
    OpenOrder,
    OrderIntent,
    Outcome,
    Side,
    TradingMode,
    TradingPlan,
)
from kisbt.krx.ticks import is_on_tick
from kisbt.risk.book import Judgement, RiskBook

CENT = Fraction(1, 1_000_000)
"""Won that a limit times the equity may be off by, being a product of floats."""


def breaches(plan: TradingPlan, book: RiskBook, answer: Judgement) -> list[str]:
    """Return every way in which the answer is wrong or unsafe; empty when all is well."""
    buys = [order for order in answer.approved if order.side is Side.BUY]
    sells = [order for order in answer.approved if order.side is Side.SELL]
    found = _verdict_faults(plan, answer)
    found += _mode_faults(book, buys, sells)
    for order in answer.approved:
        found += _order_faults(order, book)
    for order in sells:
        found += _oversold(order, book)
    found += _rule_faults(plan, book, answer, buys)
    if buys:
        found += _cash_faults(book, buys)
        found += _weight_faults(book, buys)
        found += _count_faults(book, answer, buys)
        found += _turnover_faults(book, answer)
    if [o.side for o in answer.approved] != [Side.SELL] * len(sells) + [Side.BUY] * len(buys):
        found.append("exits do not come first")
    return found


def _verdict_faults(plan: TradingPlan, answer: Judgement) -> list[str]:
    decisions = [*plan.decisions, *answer.added]
    found = []
    if [v.decision for v in answer.verdicts] != list(range(len(decisions))):
        return ["verdicts do not line up with decisions"]
    orders = {order.decision: order for order in answer.approved}
    if len(orders) != len(answer.approved):
        found.append("two orders of one decision")
    for decision, verdict in zip(decisions, answer.verdicts, strict=True):
        order = orders.get(verdict.decision)
        sent = order.quantity if order else 0
        right = {
            Outcome.ACCEPTED: sent == verdict.quantity == verdict.requested
            and (sent > 0) == (decision.action is not Action.HOLD),
            Outcome.CLIPPED: 0 < sent == verdict.quantity < verdict.requested and verdict.by,
            Outcome.REJECTED: sent == verdict.quantity == 0 and verdict.by and verdict.reason,
        }
        if not right[verdict.outcome]:
            found.append(f"verdict does not fit its order: {verdict} {order}")
        if order and (order.ticker, order.side.value) != (decision.ticker, decision.action.value):
            found.append("order does not fit its decision")
        if verdict.outcome is not Outcome.ACCEPTED and not (verdict.by and verdict.reason):
            found.append("no reason given")
    return found


def _mode_faults(book: RiskBook, buys: list[OrderIntent], sells: list[OrderIntent]) -> list[str]:
    if book.status.mode is TradingMode.HALTED and (buys or sells):
        return ["order while HALTED"]
    if book.status.mode is TradingMode.REDUCE_ONLY and buys:
        return ["buy while REDUCE_ONLY"]
    return []


def _order_faults(order: OrderIntent, book: RiskBook) -> list[str]:
    quote, instrument = book.quote(order.ticker), book.instrument(order.ticker)
    if quote is None or instrument is None:
        return ["order in an unknown name"]
    if not quote.tradable or quote.band is None:
        return ["order in a name that cannot be traded"]
    price = order.limit_price
    if price is None:
        return []
    if not quote.band.lower <= price <= quote.band.upper:
        return ["limit price outside the band"]
    if not is_on_tick(price, instrument.market, book.session, instrument.product):
        return ["limit price off tick"]
    return []


def _oversold(order: OrderIntent, book: RiskBook) -> list[str]:
    held = sellable = 0
    for position in book.portfolio.positions:
        if position.ticker == order.ticker:
            held, sellable = position.quantity, position.sellable
    stays, goes = 0, 0
    for other in book.open_orders:
        if other.ticker == order.ticker and other.side is Side.SELL:
            sooner = other.limit_price is None or (
                order.limit_price is not None and other.limit_price <= order.limit_price
            )
            if sooner:
                stays += other.remaining
            else:
                goes += other.remaining
    if order.quantity > sellable + goes or order.quantity + stays > held:
        return [f"sells {order.quantity} of {held}"]
    return []


def _rule_faults(
    plan: TradingPlan, book: RiskBook, answer: Judgement, buys: list[OrderIntent]
) -> list[str]:
    found = []
    for order in buys:
        effects = book.effects(order.ticker) if book.effects else NO_EFFECTS
        if effects.block_buy or effects.force_exit or effects.approval:
            found.append("a rule forbids this buy")
        confidence = plan.decisions[order.decision].confidence
        if not book.limits.min_confidence <= confidence <= 1:
            found.append("confidence too low")
    if len({order.ticker for order in answer.approved}) != len(answer.approved):
        found.append("two orders in one name")
    return found


def _close(ticker: str, book: RiskBook) -> int:
    quote = book.quote(ticker)
    return quote.close if quote else 0


def _worth(order: OrderIntent | OpenOrder, book: RiskBook) -> int:
    quantity = order.quantity if isinstance(order, OrderIntent) else order.remaining
    return quantity * max(_close(order.ticker, book), order.limit_price or 0)


def _cash_faults(book: RiskBook, buys: list[OrderIntent]) -> list[str]:
    total = Fraction(0)
    for order in buys:
        quote, instrument = book.quote(order.ticker), book.instrument(order.ticker)
        assert quote is not None
        assert quote.band is not None
        assert instrument is not None
        amount = order.quantity * (order.limit_price or quote.band.upper)
        total += amount + book.costs.commission(amount, instrument.product)
    if total + book.limits.min_cash > book.portfolio.orderable_cash:
        return ["more than the orderable cash"]
    return []


def _weight_faults(book: RiskBook, buys: list[OrderIntent]) -> list[str]:
    equity = book.portfolio.equity
    values = {p.ticker: p.value for p in book.portfolio.positions}
    for order in book.open_orders:
        if order.side is Side.BUY:
            values[order.ticker] = values.get(order.ticker, 0) + _worth(order, book)
    found = []
    for order in buys:
        values[order.ticker] = values.get(order.ticker, 0) + _worth(order, book)
        effects = book.effects(order.ticker) if book.effects else NO_EFFECTS
        cap = Fraction(book.limits.max_weight)
        if effects.cap_weight is not None:
            cap = min(cap, Fraction(effects.cap_weight))
        if values[order.ticker] > cap * Fraction(effects.scale) * equity + CENT:
            found.append("a name above its weight cap")
    if sum(values.values()) > Fraction(book.limits.max_exposure) * equity + CENT:
        found.append("exposure above its limit")
    return found


def _count_faults(book: RiskBook, answer: Judgement, buys: list[OrderIntent]) -> list[str]:
    names = {p.ticker for p in book.portfolio.positions}
    names |= {o.ticker for o in book.open_orders if o.side is Side.BUY}
    after = names | {o.ticker for o in buys}
    found = []
    if len(after) > max(book.limits.max_positions, len(names)):
        found.append("too many positions")
    if book.day.orders + len(answer.approved) > book.limits.max_orders_per_day:
        found.append("too many orders today")
    return found


def _turnover_faults(book: RiskBook, answer: Judgement) -> list[str]:
    traded = book.day.turnover + sum(_worth(o, book) for o in book.open_orders)
    traded += sum(_worth(o, book) for o in answer.approved)
    allowed = Fraction(book.limits.max_turnover_per_day) * book.portfolio.equity
    return ["turnover above its limit"] if traded > allowed + CENT else []
