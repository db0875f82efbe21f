"""Node 4 of 6: the learned rules and the risk limits, enforced."""

from collections.abc import Callable, Mapping

from kisbt.domain.rules import RuleEffects
from kisbt.domain.state import TradingState
from kisbt.risk.book import RiskBook
from kisbt.risk.judge import judge
from kisbt.rulebook.evaluate import Row
from kisbt.trading_graph.desk import AtDesk

_NO_FEATURES: Row = {}


def validate_trading_plan(state: TradingState, runtime: AtDesk) -> TradingState:
    """Judge the plan against the rules, the limits, the market and the account.

    Reads ``tick``, ``portfolio``, ``market`` and ``plan``. Writes ``verdicts``,
    ``approved``, ``risk`` and ``added``.
    """
    desk = runtime.context
    session = state["tick"].session
    status = desk.losses.status(desk.limits, halted=desk.halted())
    book = RiskBook(
        portfolio=state["portfolio"],
        quote=desk.market.quote,
        instrument=desk.market.instrument,
        open_orders=desk.account.open_orders(),
        limits=desk.limits,
        costs=desk.costs,
        effects=desk.effects and _effects_of(desk.effects, state["market"].features),
        status=status,
        day=desk.day.totals(session),
        session=session,
        may_ask=desk.approver is not None,
    )
    verdicts, approved, added = judge(state["plan"], book)
    return {"verdicts": verdicts, "approved": approved, "risk": status, "added": added}


def _effects_of(
    rules: Callable[[Row], RuleEffects], rows: Mapping[str, Row]
) -> Callable[[str], RuleEffects]:
    """Return the effects by ticker; a name without a current bar meets no condition."""
    return lambda ticker: rules(rows.get(ticker, _NO_FEATURES))
