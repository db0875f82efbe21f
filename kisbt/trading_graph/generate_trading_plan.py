"""Node 3 of 6: ask the decider what to do."""

from kisbt.domain.state import DecisionContext, TradingState
from kisbt.trading_graph.desk import AtDesk


def generate_trading_plan(state: TradingState, runtime: AtDesk) -> TradingState:
    """Ask the desk's decider; its plan is taken as it is, absurd or not: node 4 judges it.

    Reads ``tick``, ``portfolio`` and ``market``. Writes ``plan``.

    Raises:
        DeciderError: the decider has no valid plan.
    """
    context = DecisionContext(state["tick"], state["portfolio"], state["market"])
    return {"plan": runtime.context.decider.decide(context)}
