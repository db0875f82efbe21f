"""What one tick of the operating graph carries: the state and the records of it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple, TypedDict

from kisbt.domain.market import Frozen
from kisbt.domain.trading import (
    Decision,
    OrderIntent,
    OrderReceipt,
    TradingMode,
    TradingPlan,
    Verdict,
)

FeatureRow = Mapping[str, float | None]
"""Feature name to value for one name at one time; ``None`` where there is no value yet."""


class Tick(NamedTuple):
    """One decision: its number in the run (from 0), the bar's close and the order's session.

    ``at`` is naive KST. ``session`` is the trading day in which an order sent now would trade.
    """

    number: int
    at: datetime
    session: date


class Valuation(NamedTuple):
    """The account at a bar's close, in won: D+2 cash, equity, all positions, the largest one."""

    cash: int
    equity: int
    invested: int
    largest: int

    @property
    def exposure(self) -> float:
        """Value of all positions over equity."""
        return self.invested / self.equity if self.equity else 0.0


class PositionStatus(NamedTuple):
    """One position valued at the last close. Won, except ``weight`` and ``unrealised_pct``."""

    ticker: str
    quantity: int
    sellable: int
    average_price: float
    last_price: int
    value: int
    weight: float
    unrealised: int
    unrealised_pct: float


class PortfolioStatus(Frozen):
    """Node 1's answer. Won; ``exposure`` is the value of all positions over equity.

    ``cash`` is D+2 cash (예수금 after settlement); ``orderable_cash`` is what may be spent on
    new orders now (주문가능금액), reservations of resting orders taken off.
    """

    cash: int
    orderable_cash: int
    equity: int
    exposure: float
    positions: tuple[PositionStatus, ...]

    def position(self, ticker: str) -> PositionStatus | None:
        """The position in ``ticker``, if any."""
        return next((p for p in self.positions if p.ticker == ticker), None)


class MarketAnalysis(Frozen):
    """Node 2's answer: features by name, and what stands out.

    ``closes`` are won. ``opportunities`` are volume surges (거래량 급증) and ``risks`` sharp
    falls (급락), strongest first. ``mood`` is the market mood (시장 심리 지수), 0..100.
    """

    features: dict[str, dict[str, float | None]]
    closes: dict[str, int]
    opportunities: tuple[str, ...]
    risks: tuple[str, ...]
    mood: float | None


class RiskStatus(Frozen):
    """Where the account stands against its limits when node 4 judged. Fractions of equity."""

    mode: TradingMode
    reason: str
    drawdown: float
    daily_loss: float
    weekly_loss: float


class NodeFailure(Frozen):
    """A node raised: the tick ends in hold."""

    node: str
    error: str


class TickReport(Frozen):
    """Node 6's answer: one line for people, and how the tick ended.

    ``ending`` is ``traded``, ``waiting`` (all that passed waits for a person), ``nothing_passed``
    or ``hold``.
    """

    ending: str
    line: str


class TradingState(TypedDict, total=False):
    """Blackboard of one tick. Each key is written by exactly one node (``failure`` by any)."""

    tick: Tick  # given
    portfolio: PortfolioStatus  # 1 fetch_portfolio_status
    market: MarketAnalysis  # 2 analyze_market_conditions
    plan: TradingPlan  # 3 generate_trading_plan
    verdicts: tuple[Verdict, ...]  # 4 validate_trading_plan
    approved: tuple[OrderIntent, ...]  # 4
    risk: RiskStatus  # 4
    added: tuple[Decision, ...]  # 4: exits that rules force, numbered on from the plan's last
    receipts: tuple[OrderReceipt, ...]  # 5 execute_trading_plan
    report: TickReport  # 6 record_and_report
    failure: NodeFailure  # whichever node raised


class DecisionContext(NamedTuple):
    """What the decider is given."""

    tick: Tick
    portfolio: PortfolioStatus
    market: MarketAnalysis
