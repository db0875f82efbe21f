"""Orders that wait for a person: asked in one question, sent when somebody says yes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from kisbt.domain.rules import Rule
from kisbt.domain.state import Tick
from kisbt.domain.trading import Action, Decision, OrderIntent, Side
from kisbt.errors import JournalError
from kisbt.trading_graph.direct import run_tick
from kisbt.trading_graph.graph import invoke_tick
from tests.risk.world import SAMSUNG
from tests.trading_graph.floor import TICK, Floor, held

OTHER = "000660"
BUY = Decision(ticker=SAMSUNG, action=Action.BUY, quantity=3, justification="싸다")
SELL = Decision(ticker=OTHER, action=Action.SELL, quantity=2, justification="비싸다")


@dataclass
class Person:
    """An approver that lets what it is told wait."""

    waits: Sequence[str] = ()
    error: Exception | None = None
    asked: list[tuple[Tick, list[OrderIntent], list[str]]] = field(default_factory=list)

    def wants(self, intent: OrderIntent, close: int) -> bool:
        assert close > 0
        return intent.ticker in self.waits or bool(intent.approval)

    def ask(self, tick: Tick, waiting: Sequence[OrderIntent], why: Sequence[str]) -> str:
        if self.error is not None:
            raise self.error
        self.asked.append((tick, list(waiting), list(why)))
        return "A-1"


def rule(effect: str) -> Rule:
    return Rule.model_validate(
        {
            "id": "R0004",
            "category": "risk",
            "priority": 5,
            "when": [{"feature": "change_pct", "op": ">", "value": 1.0}],
            "then": {"kind": effect},
            "because": "큰 손실이 있었다",
        }
    )


@pytest.fixture(params=[run_tick, invoke_tick])
def run(request: pytest.FixtureRequest):
    return request.param


def test_what_waits_is_asked_once_and_the_rest_is_sent(run) -> None:
    floor = Floor(held={OTHER: held(10)}, script=(BUY, SELL))
    person = Person(waits=(SAMSUNG,))
    state = run(TICK, floor.desk(approver=person))
    ((tick, orders, why),) = person.asked
    assert (tick, [o.ticker for o in orders], why) == (TICK, [SAMSUNG], ["싸다"])
    assert [intent.ticker for intent in floor.sent] == [OTHER]
    waiting = next(r for r in state["receipts"] if r.ticker == SAMSUNG)
    assert (waiting.accepted, waiting.ref, waiting.approval) == (False, "", "A-1")
    assert state["report"].line == "주문 1건 접수, 1건 승인 대기"
    assert state["report"].ending == "traded"


def test_a_plan_that_waits_as_a_whole_ends_waiting(run) -> None:
    floor = Floor(script=(BUY,))
    state = run(TICK, floor.desk(approver=Person(waits=(SAMSUNG,))))
    assert floor.sent == []
    assert (state["report"].ending, state["report"].line) == ("waiting", "주문 1건 승인 대기")


def test_nothing_is_sent_when_the_question_cannot_be_written(run) -> None:
    floor = Floor(held={OTHER: held(10)}, script=(BUY, SELL))
    person = Person(waits=(SAMSUNG,), error=JournalError("disk full"))
    state = run(TICK, floor.desk(approver=person))
    assert floor.sent == []
    assert state["failure"].node == "execute_trading_plan"


def test_a_rule_that_requires_approval_asks_where_somebody_can_be_asked(run) -> None:
    floor = Floor(script=(BUY,), rows={SAMSUNG: {"change_pct": 2.0}})
    person = Person()
    state = run(TICK, floor.desk(rules=(rule("require_approval"),), approver=person))
    assert person.asked[0][1][0].approval == ("R0004",)
    assert state["report"].ending == "waiting"


def test_the_same_rule_blocks_where_nobody_can_be_asked(run) -> None:
    floor = Floor(script=(BUY,), rows={SAMSUNG: {"change_pct": 2.0}})
    state = run(TICK, floor.desk(rules=(rule("require_approval"),)))
    assert floor.sent == []
    (verdict,) = state["verdicts"]
    assert verdict.by == ("rule:R0004",)
    assert "승인 필요" in verdict.reason


def test_orders_that_need_nobody_are_sent_as_ever(run) -> None:
    floor = Floor(script=(BUY,))
    person = Person()
    run(TICK, floor.desk(approver=person))
    assert [(i.ticker, i.side) for i in floor.sent] == [(SAMSUNG, Side.BUY)]
    assert person.asked == []
    assert datetime(2024, 3, 1) < TICK.at
