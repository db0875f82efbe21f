"""The six nodes in order: the table of contents of a decision.

    1 fetch_portfolio_status -> 2 analyze_market_conditions -> 3 generate_trading_plan
    -> 4 validate_trading_plan -> 5 execute_trading_plan -> 6 record_and_report

After node 4 nothing may be left to execute, and any node may fail: both go straight to node 6.
``NODES``, ``FOLLOWERS`` and ``follow`` are the graph; LangGraph runs it here, and
``direct.run_tick`` does without LangGraph's machinery, to the same states and records. Importing
this module does not import LangGraph, which costs a second.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from kisbt.domain.state import NodeFailure, Tick, TradingState
from kisbt.errors import StopRun
from kisbt.trading_graph.analyze_market_conditions import analyze_market_conditions
from kisbt.trading_graph.desk import AtDesk, Desk
from kisbt.trading_graph.execute_trading_plan import execute_trading_plan
from kisbt.trading_graph.failure import describe
from kisbt.trading_graph.fetch_portfolio_status import fetch_portfolio_status
from kisbt.trading_graph.generate_trading_plan import generate_trading_plan
from kisbt.trading_graph.record_and_report import record_and_report
from kisbt.trading_graph.validate_trading_plan import validate_trading_plan

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

Node = Callable[[TradingState, AtDesk], TradingState]

NODES: tuple[Node, ...] = (
    fetch_portfolio_status,
    analyze_market_conditions,
    generate_trading_plan,
    validate_trading_plan,
    execute_trading_plan,
    record_and_report,
)

FIRST = "fetch_portfolio_status"
EXECUTE = "execute_trading_plan"
RECORD = "record_and_report"
STOP = "__end__"
"""LangGraph's own name of its end."""

FOLLOWERS: Mapping[str, tuple[str, ...]] = {
    "fetch_portfolio_status": ("analyze_market_conditions", RECORD),
    "analyze_market_conditions": ("generate_trading_plan", RECORD),
    "generate_trading_plan": ("validate_trading_plan", RECORD),
    "validate_trading_plan": (EXECUTE, RECORD),
    "execute_trading_plan": (RECORD,),
    "record_and_report": (STOP,),
}
"""The edges: the usual follower first, then where a failure (or an empty node 4) goes."""


def follow(here: str, state: TradingState) -> str:
    """Return the name of the node after ``here``, or ``STOP``."""
    usual = FOLLOWERS[here][0]
    if usual is STOP:
        return STOP
    if "failure" in state or (usual is EXECUTE and not state["approved"]):
        return RECORD
    return usual


def guarded(node: Node) -> Node:
    """Return ``node`` with its failure as data: the tick then ends in hold, journaled.

    ``record_and_report`` stays bare: when the journal cannot be written the run must stop. So
    does ``StopRun`` of any node.
    """
    if node is record_and_report:
        return node
    name = node.__name__

    def step(state: TradingState, runtime: AtDesk) -> TradingState:
        try:
            return node(state, runtime)
        except StopRun:
            raise
        except Exception as error:
            return {"failure": NodeFailure(node=name, error=describe(error))}

    return step


STEPS: Mapping[str, Node] = {node.__name__: guarded(node) for node in NODES}
"""What both executors run, by node name."""


@cache
def build_graph() -> "CompiledStateGraph[TradingState, Desk, TradingState, TradingState]":
    """Return the compiled LangGraph graph; compiled once a process, it keeps no state."""
    from langgraph.graph import START, StateGraph

    graph = StateGraph(TradingState, context_schema=Desk)
    for name, step in STEPS.items():
        graph.add_node(name, cast(Any, step))
    graph.add_edge(START, FIRST)
    for name, followers in FOLLOWERS.items():
        if len(followers) == 1:
            graph.add_edge(name, followers[0])
        else:
            graph.add_conditional_edges(name, _chooser(name), list(followers))
    return graph.compile()


def _chooser(here: str) -> Callable[[TradingState], str]:
    def choose(state: TradingState) -> str:
        return follow(here, state)

    return choose


def invoke_tick(tick: Tick, desk: Desk) -> TradingState:
    """Run one tick through LangGraph and return the final state.

    LangSmith tracing is off whatever the environment says: a tick would wait for its server, and
    the account's positions would leave the machine.

    Raises:
        JournalError: the tick could not be recorded.
    """
    from langsmith import tracing_context

    with tracing_context(enabled=False):
        return cast(TradingState, build_graph().invoke({"tick": tick}, context=desk))
