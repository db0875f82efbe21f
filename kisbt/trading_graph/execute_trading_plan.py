"""Node 5 of 6: send what node 4 approved."""

from kisbt.domain.state import NodeFailure, PortfolioStatus, TradingState
from kisbt.domain.trading import OpenOrder, OrderIntent, OrderReceipt, Side
from kisbt.risk.resting import by_name, replaced_by
from kisbt.trading_graph.desk import AtDesk, Desk
from kisbt.trading_graph.failure import describe


def execute_trading_plan(state: TradingState, runtime: AtDesk) -> TradingState:
    """Net each approved order against the name's resting orders and send it, exits first.

    An error half-way stops it: the receipts so far are kept, the order that raised has no receipt
    (whether it reached the market is unknown, so that it counts as sent today), and the rest is
    not sent.

    Reads ``tick``, ``portfolio`` and ``approved``. Writes ``receipts``, and ``failure`` when
    sending raised.
    """
    desk, approved = runtime.context, state["approved"]
    receipts: list[OrderReceipt] = []
    try:
        resting = by_name(desk.account.open_orders())
        for intent in approved:
            receipt = _send(intent, desk, state, resting.get(intent.ticker, []))
            receipts.append(receipt)
    except Exception as error:
        failure = NodeFailure(
            node="execute_trading_plan", error=_half_done(approved, len(receipts), error)
        )
        return {"receipts": tuple(receipts), "failure": failure}
    return {"receipts": tuple(receipts)}


def _send(
    intent: OrderIntent, desk: Desk, state: TradingState, resting: list[OpenOrder]
) -> OrderReceipt:
    if resting:
        left = _make_way(intent, desk, state["portfolio"], resting)
        if left < 1:
            return _refusal(intent, "걸려 있던 매도가 이미 체결되어 팔 주식이 없음")
        if left < intent.quantity:
            intent = intent.model_copy(update={"quantity": left})
    session = state["tick"].session
    try:
        receipt = desk.executor.submit(intent)
    except Exception:
        desk.day.on_order(session)
        raise
    if receipt.accepted:
        desk.day.on_order(session)
    return receipt


def _make_way(
    intent: OrderIntent, desk: Desk, portfolio: PortfolioStatus, resting: list[OpenOrder]
) -> int:
    """Cancel what the order replaces; return how many shares may now be sent.

    A sale that no longer rested has filled: its shares are gone, and the order shrinks by them.
    """
    position = portfolio.position(intent.ticker)
    free = position.sellable if position else 0
    replaced = replaced_by(intent.side, intent.quantity, intent.limit_price, free, resting)
    for order in replaced:
        if desk.executor.cancel(order.ref) and order.side is Side.SELL:
            free += order.remaining
    return intent.quantity if intent.side is Side.BUY else min(intent.quantity, free)


def _refusal(intent: OrderIntent, reason: str) -> OrderReceipt:
    return OrderReceipt(
        "",
        intent.ticker,
        intent.side,
        intent.quantity,
        intent.limit_price,
        accepted=False,
        reason=reason,
        decision=intent.decision,
    )


def _half_done(approved: tuple[OrderIntent, ...], done: int, error: Exception) -> str:
    if done == len(approved):
        return describe(error)
    at = approved[done]
    unsent = len(approved) - done - 1
    return (
        f"{at.side} {at.ticker} {at.quantity:,}주 결과 불명, 나머지 {unsent}건 보내지 않음: "
        f"{describe(error)}"
    )
