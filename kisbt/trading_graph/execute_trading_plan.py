"""Node 5 of 6: send what node 4 approved."""

from kisbt.domain.state import NodeFailure, PortfolioStatus, TradingState
from kisbt.domain.trading import OpenOrder, OrderIntent, OrderReceipt, Side
from kisbt.risk.resting import by_name, replaced_by
from kisbt.trading_graph.desk import AtDesk, Desk
from kisbt.trading_graph.failure import describe

_NOT_SENT = "보내지 못함"
_UNKNOWN = "결과 불명"


def execute_trading_plan(state: TradingState, runtime: AtDesk) -> TradingState:
    """Net each approved order against the name's resting orders and send it, exits first.

    An error half-way stops it: the receipts so far are kept, the order that raised has none, and
    the rest is not sent. When it was the sending that raised, nobody knows whether the order
    reached the market, so it counts as one of today's. Orders that need a person's word are put
    to the approver first, all in one question, and wait; the others go.

    Reads ``tick``, ``portfolio``, ``market``, ``plan``, ``added`` and ``approved``. Writes
    ``receipts``, and ``failure`` when an order raised.
    """
    desk, session, approved = runtime.context, state["tick"].session, state["approved"]
    asked, waiting = _ask_first(state, desk)
    resting = by_name(desk.account.open_orders())
    receipts: list[OrderReceipt] = []
    for intent in approved:
        if intent.decision in waiting:
            receipts.append(_waits(intent, asked))
            continue
        stage = _NOT_SENT
        try:
            size = intent.quantity
            if intent.ticker in resting:
                size = _make_way(intent, desk, state["portfolio"], resting[intent.ticker])
            if size < 1:
                receipts.append(_nothing_left(intent))
                continue
            if size < intent.quantity:
                intent = intent.model_copy(update={"quantity": size})
            stage = _UNKNOWN
            receipt = desk.executor.submit(intent)
        except Exception as error:
            if stage is _UNKNOWN:
                desk.day.on_order(session)
            unsent = len(approved) - len(receipts) - 1
            return {
                "receipts": tuple(receipts),
                "failure": NodeFailure(
                    node="execute_trading_plan",
                    error=f"{intent.side} {intent.ticker} {intent.quantity:,}주 {stage}, "
                    f"나머지 {unsent}건 보내지 않음: {describe(error)}",
                ),
            }
        if receipt.accepted:
            desk.day.on_order(session)
        receipts.append(receipt)
    return {"receipts": tuple(receipts)}


def _ask_first(state: TradingState, desk: Desk) -> tuple[str, frozenset[int]]:
    """Put what needs a person's word to the approver: the question's id, and whose orders wait."""
    approver = desk.approver
    if approver is None:
        return "", frozenset()
    closes = state["market"].closes
    waiting = [i for i in state["approved"] if approver.wants(i, closes.get(i.ticker, 0))]
    if not waiting:
        return "", frozenset()
    decisions = state["plan"].decisions + state.get("added", ())
    why = [decisions[intent.decision].justification for intent in waiting]
    asked = approver.ask(state["tick"], waiting, why)
    return asked, frozenset(intent.decision for intent in waiting)


def _waits(intent: OrderIntent, asked: str) -> OrderReceipt:
    return OrderReceipt(
        ref="",
        ticker=intent.ticker,
        side=intent.side,
        quantity=intent.quantity,
        limit_price=intent.limit_price,
        accepted=False,
        reason=f"승인 대기 {asked}",
        decision=intent.decision,
        approval=asked,
    )


def _make_way(
    intent: OrderIntent, desk: Desk, portfolio: PortfolioStatus, resting: list[OpenOrder]
) -> int:
    """Cancel what the order replaces; return how many shares may now be sent.

    A sale that no longer rested has filled: its shares are gone, and the order shrinks by them.
    """
    position = portfolio.position(intent.ticker)
    free = position.sellable if position else 0
    for order in replaced_by(intent.side, intent.quantity, intent.limit_price, free, resting):
        if desk.executor.cancel(order.ref) and order.side is Side.SELL:
            free += order.remaining
    return intent.quantity if intent.side is Side.BUY else min(intent.quantity, free)


def _nothing_left(intent: OrderIntent) -> OrderReceipt:
    return OrderReceipt(
        ref="",
        ticker=intent.ticker,
        side=intent.side,
        quantity=intent.quantity,
        limit_price=intent.limit_price,
        accepted=False,
        reason="걸려 있던 매도가 이미 체결되어 팔 주식이 없음",
        decision=intent.decision,
    )
