"""What node 4 judges against, and what it answers."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument, Quote
from kisbt.domain.rules import RuleEffects
from kisbt.domain.state import PortfolioStatus, RiskStatus
from kisbt.domain.trading import Decision, OpenOrder, OrderIntent, Verdict
from kisbt.krx.costs import CostModel
from kisbt.risk.day_use import DayTotals


class RiskBook(NamedTuple):
    """Everything that bounds a plan at one tick. Won and shares.

    ``quote`` and ``instrument`` answer ``None`` for a name outside the universe. ``effects`` says
    what the learned rules together want of a name; ``None`` means that there are no rules.
    ``day`` is what ``session``, the day in which an order sent now would trade, has used so far.
    ``may_ask`` says that somebody can be asked: a rule that requires approval then lets an order
    pass that waits, and otherwise stands in its way.
    """

    portfolio: PortfolioStatus
    quote: Callable[[str], Quote | None]
    instrument: Callable[[str], Instrument | None]
    open_orders: Sequence[OpenOrder]
    limits: RiskLimits
    costs: CostModel
    effects: Callable[[str], RuleEffects] | None
    status: RiskStatus
    day: DayTotals
    session: date
    may_ask: bool = False


class Judgement(NamedTuple):
    """Node 4's answer to a plan.

    ``verdicts`` has one entry a decision in the plan's order, then one for each of ``added``:
    exits that a rule forces although the plan does not ask for them, numbered on from the plan's
    last decision. ``approved`` holds exits first, then buys, each in that order.
    """

    verdicts: tuple[Verdict, ...] = ()
    approved: tuple[OrderIntent, ...] = ()
    added: tuple[Decision, ...] = ()
