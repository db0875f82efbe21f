"""The five steps of reflection in order: the table of contents of learning.

    M1 aggregate_performance_data -> M2 analyze_success_failure_factors
    -> M3 generate_strategy_rules -> validate_rule_format -> M4 update_system_logic

Without a closed trade there is nothing to analyse, and the graph ends after M1. Each step keeps its
result by the hash of its inputs, so a graph that was interrupted goes on where it stopped.
"""

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from kisbt.reflection_graph.aggregate_performance_data import aggregate_performance_data
from kisbt.reflection_graph.analyze_success_failure_factors import (
    analyze_success_failure_factors,
)
from kisbt.reflection_graph.generate_strategy_rules import generate_strategy_rules
from kisbt.reflection_graph.state import ReflectionState, Workbench
from kisbt.reflection_graph.update_system_logic import update_system_logic
from kisbt.reflection_graph.validate_rule_format import validate_rule_format

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

NODES = (
    aggregate_performance_data,
    analyze_success_failure_factors,
    generate_strategy_rules,
    validate_rule_format,
    update_system_logic,
)


def after_figures(state: ReflectionState) -> str:
    """Go on to M2 only when something was traded."""
    return NODES[1].__name__ if state["performance"]["overall"]["trips"] else "__end__"


@cache
def build_graph() -> "CompiledStateGraph[ReflectionState, Workbench, Any, Any]":
    """Return the compiled LangGraph graph; compiled once a process, it keeps no state."""
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(ReflectionState, context_schema=Workbench)
    names = [node.__name__ for node in NODES]
    for name, node in zip(names, NODES, strict=True):
        graph.add_node(name, cast(Any, node))
    graph.add_edge(START, names[0])
    graph.add_conditional_edges(names[0], after_figures, [names[1], END])
    for here, there in pairwise(names[1:]):
        graph.add_edge(here, there)
    graph.add_edge(names[-1], END)
    return graph.compile()


def reflect(bench: Workbench) -> ReflectionState:
    """Run one reflection and return all that it found.

    LangSmith tracing is off whatever the environment says: nothing leaves the machine. Linear
    algebra stays in one thread: its matrices are so small that threads wait for each other most of
    the time.

    Raises:
        TradingSystemError: the journal, the prompts or the gate.
    """
    import sklearn.neighbors  # noqa: F401 (a library has to be loaded for its threads to be limited)
    from langsmith import tracing_context
    from threadpoolctl import threadpool_limits

    with tracing_context(enabled=False), threadpool_limits(1, "blas"):
        return cast(ReflectionState, build_graph().invoke({}, context=bench))
