"""Decision contexts made from a few words."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from kisbt.domain.state import (
    DecisionContext,
    MarketAnalysis,
    PortfolioStatus,
    PositionStatus,
    Tick,
)

FIRST = date(2026, 3, 2)

CALM: dict[str, float | None] = {
    "volume_ratio": 1.0,
    "change_pct": 0.0,
    "ma20_gap_pct": 0.0,
    "limit_up_streak": 0.0,
    "breadth": 0.5,
    "market_mood": 50.0,
    "halted": 0.0,
}
"""A name that is neither bought nor sold under ``tests.rulebook.samples.policy``."""

SURGE = CALM | {"volume_ratio": 3.2, "change_pct": 4.1, "ma20_gap_pct": 6.3}
"""A name that meets the entry conditions."""


def position(
    ticker: str, cost: float = 1000, last: int = 1000, quantity: int = 100, sellable: int = 100
) -> PositionStatus:
    value = last * quantity
    gain = round((last - cost) * quantity)
    return PositionStatus(
        ticker,
        quantity,
        sellable,
        cost,
        last,
        value,
        value / 1e8,
        gain,
        (last / cost - 1) * 100 if cost else 0.0,
    )


def context(
    rows: Mapping[str, Mapping[str, float | None]],
    held: Sequence[PositionStatus] = (),
    *,
    number: int = 0,
    day: int | None = None,
    close: int = 1000,
    cash: int = 50_000_000,
    equity: int = 100_000_000,
    exposure: float = 0.1,
) -> DecisionContext:
    """One tick; ``day`` counts sessions and follows ``number`` unless given."""
    session = FIRST + timedelta(days=number if day is None else day)
    closes = dict.fromkeys(rows, close) | {p.ticker: p.last_price for p in held}
    return DecisionContext(
        Tick(number, datetime(2026, 3, 2, 15, 30), session),
        PortfolioStatus(
            cash=cash, orderable_cash=cash, equity=equity, exposure=exposure, positions=tuple(held)
        ),
        MarketAnalysis(
            features={ticker: dict(row) for ticker, row in rows.items()},
            closes=closes,
            opportunities=(),
            risks=(),
            mood=None,
        ),
    )
