"""The graph itself: its edges, its two executors, and how a tick ends."""

import subprocess
import sys

import pytest

from kisbt.domain.trading import Outcome
from kisbt.errors import JournalError
from kisbt.trading_graph.desk import Silent
from kisbt.trading_graph.direct import run_tick
from kisbt.trading_graph.graph import FOLLOWERS, NODES, STEPS, STOP, build_graph, invoke_tick
from tests.risk.world import HYNIX, SAMSUNG, buy, sell
from tests.trading_graph.floor import TICK, Faults, Floor, held

NAMES = [
    "fetch_portfolio_status",
    "analyze_market_conditions",
    "generate_trading_plan",
    "validate_trading_plan",
    "execute_trading_plan",
    "record_and_report",
]
both_executors = pytest.mark.parametrize("runner", [run_tick, invoke_tick])


def test_the_six_nodes_carry_the_owners_names_in_order():
    assert [node.__name__ for node in NODES] == NAMES
    assert list(STEPS) == list(FOLLOWERS) == NAMES


def test_langgraph_has_the_nodes_and_edges_of_the_table():
    drawn = build_graph().get_graph()
    assert set(drawn.nodes) == {*NAMES, "__start__", "__end__"}
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    table = {(here, there) for here, followers in FOLLOWERS.items() for there in followers}
    assert edges == table | {("__start__", NAMES[0])}
    assert STOP == "__end__"


def test_the_graph_is_compiled_once():
    assert build_graph() is build_graph()


@both_executors
def test_a_tick_that_passes_goes_through_all_six_nodes(runner):
    floor = Floor(script=[buy(quantity=3), sell(HYNIX)])
    state = runner(TICK, floor.desk())
    assert list(state) == [
        "tick", "portfolio", "market", "plan", "verdicts", "approved", "risk", "added",
        "receipts", "report",
    ]  # fmt: skip
    assert [v.outcome for v in state["verdicts"]] == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert [r.ticker for r in state["receipts"]] == [SAMSUNG]
    assert state["report"].ending == "traded"
    assert floor.ticks == [state]


@both_executors
def test_nothing_left_goes_from_risk_straight_to_the_record(runner):
    floor = Floor(script=[sell(HYNIX)])
    state = runner(TICK, floor.desk())
    assert state["report"].ending == "nothing_passed"
    assert "receipts" not in state
    assert floor.faults.calls["open_orders"] == 1
    assert floor.ticks == [state]


@both_executors
@pytest.mark.parametrize(
    ("call", "node", "last"),
    [
        ("equity", NAMES[0], "tick"),
        ("features", NAMES[1], "portfolio"),
        ("decide", NAMES[2], "market"),
        ("quote", NAMES[3], "plan"),
    ],
)
def test_a_failing_node_ends_the_tick_in_hold(runner, call: str, node: str, last: str):
    floor = Floor(script=[buy(quantity=1)], faults=Faults({call: (1, ValueError("깨짐"))}))
    state = runner(TICK, floor.desk())
    assert floor.sent == []
    assert (state["failure"].node, state["failure"].error) == (node, "ValueError: 깨짐")
    assert (state["report"].ending, state["report"].line) == (
        "hold",
        f"보류: {node}: ValueError: 깨짐",
    )
    assert list(floor.ticks[0])[-3:] == [last, "failure", "report"]
    assert floor.ticks == [state]
    assert floor.told == [("alert", state["report"].line)]


@both_executors
def test_a_failure_to_read_resting_orders_at_execution_sends_nothing(runner):
    floor = Floor(
        script=[buy(quantity=1)], faults=Faults({"open_orders": (2, TimeoutError("늦음"))})
    )
    state = runner(TICK, floor.desk())
    assert floor.sent == []
    assert "receipts" not in state
    assert state["report"].line == "보류: execute_trading_plan: TimeoutError: 늦음"


@both_executors
def test_an_execution_that_breaks_half_way_is_recorded_with_its_receipts(runner):
    floor = Floor(
        script=[buy(quantity=1), buy(HYNIX, quantity=1)],
        faults=Faults({"submit": (2, TimeoutError("늦음"))}),
    )
    state = runner(TICK, floor.desk())
    assert [r.ticker for r in state["receipts"]] == [SAMSUNG]
    assert state["report"].ending == "hold"
    assert state["report"].line.endswith("TimeoutError: 늦음 (주문 1건은 이미 나감)")
    assert floor.ticks == [state]


@both_executors
def test_a_decider_without_a_plan_is_a_hold(runner):
    class Mute(Floor):
        def decide(self, context):
            return None

    state = runner(TICK, Mute().desk())
    assert state["report"].ending == "hold"
    assert state["failure"].node == "validate_trading_plan"


@both_executors
def test_a_journal_that_cannot_write_stops_the_run(runner):
    floor = Floor(faults=Faults({"record_tick": (1, OSError("disk full"))}))
    with pytest.raises(JournalError, match="disk full"):
        runner(TICK, floor.desk())
    assert floor.told == []


@both_executors
def test_a_person_who_cannot_be_told_does_not_stop_the_run(runner, caplog):
    floor = Floor(
        faults=Faults({"decide": (1, ValueError("x")), "notify": (1, OSError("no network"))})
    )
    assert runner(TICK, floor.desk())["report"].ending == "hold"
    assert "nobody could be told: 보류: generate_trading_plan" in caplog.text


@both_executors
def test_an_interrupt_is_not_a_failing_node(runner):
    class Interrupted(Floor):
        def decide(self, context):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner(TICK, Interrupted().desk())


@both_executors
def test_a_good_tick_alarms_nobody(runner):
    floor = Floor(held={SAMSUNG: held(5)}, script=[sell()])
    runner(TICK, floor.desk())
    assert floor.told == []


def test_a_desk_without_a_notifier_is_silent():
    floor = Floor(faults=Faults({"decide": (1, ValueError("x"))}))
    desk = floor.desk()
    assert Silent().notify("alert", "x") is None
    quiet = type(desk)(floor, floor, floor, floor, floor, desk.limits, desk.costs)
    assert run_tick(TICK, quiet)["report"].ending == "hold"
    assert floor.told == []
    assert not quiet.halted()


def test_tracing_is_off_whatever_the_environment_says(monkeypatch):
    from langsmith.utils import tracing_is_enabled

    seen = []

    class Watching(Floor):
        def decide(self, context):
            seen.append(tracing_is_enabled())
            return super().decide(context)

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "true")
    invoke_tick(TICK, Watching().desk())
    assert seen == [False]


def test_replays_do_not_import_langgraph():
    code = (
        "import sys, kisbt.trading_graph.direct, kisbt.trading_graph.graph;"
        "print(sorted(m for m in sys.modules if m.startswith(('lang', 'backtrader', 'pandas'))))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert shown.strip() == "[]"
