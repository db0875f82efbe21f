"""Node 4's arithmetic: a plan against limits, rules, the market and the account."""

from kisbt.domain.trading import TradingPlan
from kisbt.risk.book import Judgement, RiskBook


def judge(plan: TradingPlan, book: RiskBook) -> Judgement:
    """Answer every decision of ``plan``: accepted, clipped or rejected, and by what."""
    return Judgement()
