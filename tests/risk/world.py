"""A small market and account to judge plans in; every part can be replaced."""

from collections.abc import Mapping, Sequence
from datetime import date

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument, Market, PriceBand, Product, Quote
from kisbt.domain.rules import NO_EFFECTS, RuleEffects
from kisbt.domain.state import PortfolioStatus, PositionStatus, RiskStatus
from kisbt.domain.trading import Action, Decision, OpenOrder, Side, TradingMode, TradingPlan
from kisbt.krx.costs import CostModel
from kisbt.krx.limits import price_band
from kisbt.risk.book import Judgement, RiskBook
from kisbt.risk.day_use import DayTotals
from kisbt.risk.judge import judge

SESSION = date(2024, 3, 4)
COSTS = CostModel(commission_rate=0.000140527, etf_commission_rate=0.000146527, tax=True)
WIDE = RiskLimits(
    max_weight=1.0,
    max_exposure=1.0,
    max_positions=1_000,
    max_orders_per_day=1_000_000,
    max_turnover_per_day=1_000_000.0,
    daily_loss=1.0,
    weekly_loss=1.0,
    max_drawdown=1.0,
)
"""Limits that leave only cash, the market and the shares held in the way."""

SAMSUNG, HYNIX, NAVER, ETF = "005930", "000660", "035420", "069500"
CLOSES = {
    SAMSUNG: 70_000,
    HYNIX: 150_000,
    NAVER: 200_000,
    ETF: 35_000,
    "011200": 19_980,
    "034220": 9_990,
}


def limits(**changes: object) -> RiskLimits:
    return RiskLimits.model_validate({**WIDE.model_dump(), **changes})


def instrument(ticker: str, market: Market = Market.KOSPI) -> Instrument:
    product = Product.ETF if ticker == ETF else Product.STOCK
    return Instrument(ticker=ticker, market=market, product=product)


def quote(
    close: int, *, product: Product = Product.STOCK, tradable: bool = True, band: bool = True
) -> Quote:
    limits_of_day = price_band(close, Market.KOSPI, SESSION, product) if band else None
    return Quote(close, limits_of_day, tradable)


def position(ticker: str, quantity: int, *, sellable: int | None = None) -> PositionStatus:
    price = CLOSES[ticker]
    sellable = quantity if sellable is None else sellable
    return PositionStatus(
        ticker, quantity, sellable, float(price), price, price * quantity, 0.0, 0, 0.0
    )


def resting(
    ticker: str, side: Side, remaining: int, limit_price: int | None = None, ref: str = "O1"
) -> OpenOrder:
    return OpenOrder(ref, ticker, side, remaining, limit_price)


def status(mode: TradingMode = TradingMode.ACTIVE, reason: str = "") -> RiskStatus:
    return RiskStatus(mode=mode, reason=reason, drawdown=0.0, daily_loss=0.0, weekly_loss=0.0)


def book(
    *,
    cash: int = 100_000_000,
    orderable: int | None = None,
    equity: int | None = None,
    positions: Sequence[PositionStatus] = (),
    open_orders: Sequence[OpenOrder] = (),
    limits: RiskLimits = WIDE,
    costs: CostModel = COSTS,
    effects: Mapping[str, RuleEffects] | None = None,
    mode: TradingMode = TradingMode.ACTIVE,
    reason: str = "",
    day: DayTotals | None = None,
    quotes: Mapping[str, Quote | None] | None = None,
    session: date = SESSION,
) -> RiskBook:
    invested = sum(p.value for p in positions)
    equity = cash + invested if equity is None else equity
    known: dict[str, Quote | None] = {
        ticker: quote(close, product=instrument(ticker).product) for ticker, close in CLOSES.items()
    }
    known.update(quotes or {})
    named = {ticker: instrument(ticker) for ticker in CLOSES}
    return RiskBook(
        portfolio=PortfolioStatus(
            cash=cash,
            orderable_cash=cash if orderable is None else orderable,
            equity=equity,
            exposure=invested / equity if equity > 0 else 0.0,
            positions=tuple(positions),
        ),
        quote=known.get,
        instrument=named.get,
        open_orders=tuple(open_orders),
        limits=limits,
        costs=costs,
        effects=None if effects is None else lambda ticker: effects.get(ticker, NO_EFFECTS),
        status=status(mode, reason),
        day=DayTotals() if day is None else day,
        session=session,
    )


def buy(ticker: str = SAMSUNG, **fields: object) -> Decision:
    return Decision.model_validate({"ticker": ticker, "action": Action.BUY, **fields})


def sell(ticker: str = SAMSUNG, **fields: object) -> Decision:
    return Decision.model_validate({"ticker": ticker, "action": Action.SELL, **fields})


def keep(ticker: str = SAMSUNG) -> Decision:
    return Decision(ticker=ticker, action=Action.HOLD)


def judged(book: RiskBook, *decisions: Decision) -> Judgement:
    return judge(TradingPlan(decisions=decisions), book)


def band(ticker: str) -> PriceBand:
    found = quote(CLOSES[ticker], product=instrument(ticker).product).band
    assert found is not None
    return found
