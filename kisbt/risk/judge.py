"""Node 4's arithmetic: a plan against limits, rules, the market and the account."""

from typing import NamedTuple

from kisbt.domain.rules import NO_EFFECTS
from kisbt.domain.state import PositionStatus
from kisbt.domain.trading import (
    Decision,
    OpenOrder,
    OrderIntent,
    Side,
    TradingMode,
    TradingPlan,
    Verdict,
)
from kisbt.risk.ask import Ask, Passed, Refusal, let_pass, refuse
from kisbt.risk.book import Judgement, RiskBook
from kisbt.risk.clipping import Room
from kisbt.risk.entries import find_objection, size_entry, stake_in
from kisbt.risk.exits import by_rules, forced_decision, forced_exits, sells_it_all, size_exit
from kisbt.risk.pricing import price_order
from kisbt.risk.reasons import clip_reason
from kisbt.risk.resting import by_name
from kisbt.risk.screening import admit, screen

_HALTED = TradingMode.HALTED
_ACTIVE = TradingMode.ACTIVE
_BUY = Side.BUY
_SELL = Side.SELL
_NOTHING = Judgement()
_BY_HALT = ("mode:HALTED",)

Forced = dict[str, tuple[str, ...]]


def judge(plan: TradingPlan, book: RiskBook) -> Judgement:
    """Answer every decision of ``plan``: accepted, clipped or rejected, and by what.

    In this order, exits before buys, each in the plan's order:

    1. sense: numbers are numbers, the name is known (``input:``);
    2. one decision a name: first of equals, a sale before a buy (``plan:``);
    3. trading state: HALTED lets nothing pass, REDUCE_ONLY sales only (``mode:``);
    4. confidence and learned rules, for buys; a forced exit is added for a held name;
    5. the market: not halted, a known band, the price on a tick and inside it;
    6. sales: the sellable quantity;
    7. buys: weight cap a name, positions, orders a day, exposure, turnover a day, then cash with
       market orders reserved at the upper limit plus commission, ``min_cash`` left alone.

    Drawdown, daily and weekly loss act through the trading state. No limit and no rule stands in
    the way of a sale, but sales count towards orders and turnover. What the plan's exits free is
    for the next tick: they have not filled yet. The orders that come out, judged again in the
    same book, come out the same. Nothing in a plan, however absurd, makes this raise.
    """
    halted = book.status.mode is _HALTED
    forced: Forced = {} if halted else forced_exits(book)
    decisions = plan.decisions
    if not decisions and not forced:
        return _NOTHING
    sells, buys, verdicts = screen(decisions, book)
    account = _Account(
        book,
        {position.ticker: position for position in book.portfolio.positions},
        by_name(book.open_orders),
    )
    added = _force(forced, len(decisions), account, sells, verdicts)
    exits: list[OrderIntent] = []
    for ask in sells.values():
        _settle(ask, _judge_exit(ask, account), verdicts, exits)
    entries: list[OrderIntent] = []
    if buys:
        room = Room(book, exits)
        for ask in buys.values():
            _settle(ask, _judge_entry(ask, account, room), verdicts, entries)
    return Judgement(
        tuple([verdicts[index] for index in range(len(verdicts))]),
        tuple(exits + entries),
        tuple(added),
    )


class _Account(NamedTuple):
    book: RiskBook
    positions: dict[str, PositionStatus]
    resting: dict[str, list[OpenOrder]]


def _settle(
    ask: Ask,
    answer: Passed | Refusal,
    verdicts: dict[int, Verdict],
    orders: list[OrderIntent],
) -> None:
    if isinstance(answer, Passed):
        verdicts[ask.place] = answer.verdict
        orders.append(answer.intent)
    else:
        verdicts[ask.place] = refuse(ask.place, ask.decision, answer)


def _force(
    forced: Forced,
    first_index: int,
    account: _Account,
    sells: dict[str, Ask],
    verdicts: dict[int, Verdict],
) -> list[Decision]:
    """Put the exits that rules force among the sales; return the decisions that this adds.

    A sale of the plan that leaves less than a forced exit would is replaced by it.
    """
    added: list[Decision] = []
    for ticker, rules in forced.items():
        own = sells.get(ticker)
        if own is not None:
            resting = account.resting.get(ticker, ())
            if sells_it_all(own.decision, account.positions[ticker], resting):
                continue
            instead = Refusal(by_rules(rules), f"학습 규칙 {', '.join(rules)}: 강제 청산이 대신함")
            verdicts[own.place] = refuse(own.place, own.decision, instead)
            del sells[ticker]
        index = first_index + len(added)
        decision = forced_decision(ticker, rules)
        added.append(decision)
        ask = admit(index, decision, account.book)
        if isinstance(ask, Refusal):
            verdicts[index] = refuse(index, decision, ask)
        else:
            sells[ticker] = ask
    return added


def _judge_exit(ask: Ask, account: _Account) -> Passed | Refusal:
    book, ticker = account.book, ask.decision.ticker
    if book.status.mode is _HALTED:
        return Refusal(_BY_HALT, book.status.reason)
    priced = price_order(ask, _SELL, book.session)
    if isinstance(priced, Refusal):
        return priced
    position = account.positions.get(ticker)
    resting = account.resting.get(ticker, ())
    return size_exit(ask, priced, position, book.portfolio.equity, resting)


def _judge_entry(ask: Ask, account: _Account, room: Room) -> Passed | Refusal:
    book, decision = account.book, ask.decision
    mode = book.status.mode
    if mode is not _ACTIVE:
        return Refusal((f"mode:{mode}",), book.status.reason)
    ticker = decision.ticker
    effects = book.effects(ticker) if book.effects else NO_EFFECTS
    objection = find_objection(decision, book.limits, effects, may_ask=book.may_ask)
    if objection is not None:
        return objection
    priced = price_order(ask, _BUY, book.session)
    if isinstance(priced, Refusal):
        return priced
    stake = stake_in(
        account.positions.get(ticker), ask.quote.close, account.resting.get(ticker, ())
    )
    wish = size_entry(ask, priced, stake, effects, book.limits.max_weight, book.portfolio.equity)
    if isinstance(wish, Refusal):
        return wish
    requested, size, by = wish
    if size > 0:
        size, lowered = room.clip(ticker, size, priced, ask.instrument.product)
        by += lowered
    if size < 1:
        return Refusal(by, clip_reason(by, requested, 0), requested)
    room.take(ticker, size, priced, ask.instrument.product)
    passed = let_pass(ask, _BUY, requested, size, priced.limit, by)
    if not effects.approval:
        return passed
    return passed._replace(intent=passed.intent.model_copy(update={"approval": effects.approval}))
