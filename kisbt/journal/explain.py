"""A chain in words: what ``kisbt journal explain`` prints."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from kisbt.domain.trading import Action, OrderState, Outcome
from kisbt.journal.chain import Chain, Fields, Step
from kisbt.journal.explain_calls import exchange_lines

_ACTIONS = {Action.BUY: "매수", Action.SELL: "매도", Action.HOLD: "보유"}
_OUTCOMES = {Outcome.ACCEPTED: "승인", Outcome.CLIPPED: "축소", Outcome.REJECTED: "거부"}
_STATES = {
    OrderState.INTENT: "의도",
    OrderState.SENT: "전송",
    OrderState.ACCEPTED: "접수",
    OrderState.PARTIAL: "부분 체결",
    OrderState.FILLED: "체결",
    OrderState.CANCELLED: "취소",
    OrderState.EXPIRED: "만료",
    OrderState.REJECTED: "거부",
    OrderState.UNKNOWN: "미확인",
}
_LABELS = {
    "ko": {
        "run": "실행",
        "snapshot": "시장 스냅샷",
        "portfolio": "당시 계좌",
        "prompt": "프롬프트",
        "plan": "계획",
        "verdict": "검증",
        "order": "주문",
        "fill": "체결",
        "result": "결과",
        "failed": "실패한 노드",
        "none": "없음",
        "unknown": "아직 모름",
        "ordinary": "일반 전략의 주문 (기록된 결정 없음)",
        "not_sent": "주문 없음",
        "by": "근거",
        "rules": "적용 규칙",
        "agreement": "추첨 합의",
        "days": "일",
        "cost": "수수료 {commission:,}원 · 세금 {tax:,}원",
        "account": "현금 {cash:,}원 · 평가금액 {equity:,}원 · 투자 비중 {exposure:.1%}",
        "shares": "{:,}주",
        "market_order": "시장가",
        "won": "{:,}원",
    },
    "en": {
        "run": "run",
        "snapshot": "market snapshot",
        "portfolio": "account then",
        "prompt": "prompt",
        "plan": "plan",
        "verdict": "verdict",
        "order": "order",
        "fill": "fill",
        "result": "result",
        "failed": "failed node",
        "none": "none",
        "unknown": "not known yet",
        "ordinary": "an ordinary strategy's order (no recorded decision)",
        "not_sent": "no order",
        "by": "by",
        "rules": "rules applied",
        "agreement": "agreement of draws",
        "days": " days",
        "cost": "commission {commission:,} won · tax {tax:,} won",
        "account": "cash {cash:,} won · equity {equity:,} won · exposure {exposure:.1%}",
        "shares": "{:,} shares",
        "market_order": "market",
        "won": "{:,} won",
    },
}


def explain_lines(chain: Chain, lang: str = "ko") -> Iterator[str]:
    """The chain as lines for people, from what was seen to what came of it."""
    say = _LABELS[lang]
    korean = lang == "ko"
    run = chain.run
    if run is not None:
        yield f"{say['run']}: {run.run_id} · {run.mode} · {run.strategy} · {run.decider}"
    if chain.tick is not None:
        yield from _tick(chain, chain.tick, say)
    if chain.prompt is not None:
        prompt = chain.prompt
        yield f"{say['prompt']}: v{prompt['number']} {prompt['hash']} {prompt['summary']}".rstrip()
    for call in chain.calls:
        yield from exchange_lines(call, lang)
    if not chain.steps:
        yield f"{say['plan']}: {say['none']}"
    for step in chain.steps:
        yield ""
        yield from _step(chain, step, say, korean)


def _tick(chain: Chain, tick: Fields, say: dict[str, str]) -> Iterator[str]:
    seen = tick["snapshot"] or say["none"]
    yield f"{say['snapshot']}: {tick['at']} · tick {tick['tick']} · {seen}"
    for ticker, row in chain.features().items():
        shown = "  ".join(f"{k}={v:g}" for k, v in row.items() if v is not None)
        yield f"    {ticker}  {shown}"
    if tick["portfolio"] is not None:
        yield f"{say['portfolio']}: " + say["account"].format(**tick["portfolio"])
    if tick["failed_node"] is not None:
        yield f"{say['failed']}: {tick['failed_node']}: {tick['error']}"


def _step(chain: Chain, step: Step, say: dict[str, str], korean: bool) -> Iterator[str]:
    decided = step.decision
    if decided is None:
        yield f"{say['plan']}: {say['ordinary']}"
    else:
        action = _named(decided["action"], _ACTIONS, Action, korean)
        because = decided["justification"]
        yield f"{say['plan']} {decided['seq']}: {decided['ticker']} {action} · {because}"
        if decided["agreement"] is not None:
            yield f"    {say['agreement']} {decided['agreement']:.0%}"
        if decided["rules"]:
            yield f"    {say['rules']}: " + _ruled(chain, decided["rules"])
        yield f"{say['verdict']}: " + _verdict(chain, decided, say, korean)
    if step.order is None and decided is not None:
        yield f"{say['order']}: {decided['refusal'] or say['not_sent']}"
    if step.order is not None:
        order = step.order
        limit = order["limit_price"]
        price = say["market_order"] if limit is None else say["won"].format(limit)
        yield f"{say['order']}: {order['ref']} {say['shares'].format(order['quantity'])} {price}"
        for event in step.events:
            state = _named(event["state"], _STATES, OrderState, korean)
            yield f"    {event['at']} {state} {event['filled']} {event['reason']}".rstrip()
    for fill in step.fills:
        shares, price = say["shares"].format(fill["quantity"]), say["won"].format(fill["price"])
        yield f"{say['fill']}: {fill['at']} {shares} × {price} · " + say["cost"].format(**fill)
    for trade in step.trades:
        results = " · ".join(
            f"{days}{say['days']} " + (say["unknown"] if value is None else f"{value:+.2%}")
            for days, value in ((7, trade.pnl_7_days), (30, trade.pnl_30_days))
        )
        yield f"{say['result']}: {trade.trade_id} {results}"


def _verdict(chain: Chain, decided: Fields, say: dict[str, str], korean: bool) -> str:
    if decided["outcome"] is None:
        return say["none"]
    outcome = _named(decided["outcome"], _OUTCOMES, Outcome, korean)
    requested = "?" if decided["requested"] is None else f"{decided['requested']:,}"
    size = f"{requested} → {decided['approved']:,}"
    by = f" · {say['by']} {', '.join(decided['by'])}" if decided["by"] else ""
    return f"{outcome} {size}{by} · {decided['reason']}".rstrip(" ·")


def _ruled(chain: Chain, ids: list[str]) -> str:
    known = chain.prompt["rules"] if chain.prompt else {}
    return ", ".join(f"{one} ({known[one]})" if one in known else one for one in ids)


def _named(value: str, names: dict[Any, str], kind: type[StrEnum], korean: bool) -> str:
    return names[kind(value)] if korean else value
