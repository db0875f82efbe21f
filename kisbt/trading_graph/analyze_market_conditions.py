"""Node 2 of 6: the features of every name, and what stands out among them."""

from kisbt.domain.state import MarketAnalysis, TradingState
from kisbt.trading_graph.desk import AtDesk

VOLUME_SURGE_RATIO = 3.0
"""Volume of this many times its 20-bar mean is a surge (거래량 급증)."""

SHARP_FALL_PCT = -5.0
"""A change of this many percent or lower on one day is a sharp fall (급락)."""


def analyze_market_conditions(state: TradingState, runtime: AtDesk) -> TradingState:
    """Collect feature rows; name volume surges as opportunities and sharp falls as risks.

    A name that surges while it falls sharply is a risk only. Equal strengths are ordered by
    ticker.

    Reads nothing. Writes ``market``.
    """
    market = runtime.context.market
    rows = market.features()
    surges: list[tuple[float, str]] = []
    falls: list[tuple[float, str]] = []
    mood: float | None = None
    for ticker, row in rows.items():
        change = row.get("change_pct")
        if change is not None and change <= SHARP_FALL_PCT:
            falls.append((change, ticker))
        else:
            ratio = row.get("volume_ratio")
            if ratio is not None and ratio >= VOLUME_SURGE_RATIO:
                surges.append((-ratio, ticker))
        if mood is None:  # market-wide: the same in every row that has it
            mood = row.get("market_mood")
    analysis = MarketAnalysis.made(
        features=rows,
        closes=market.closes(),
        opportunities=tuple(ticker for _, ticker in sorted(surges)),
        risks=tuple(ticker for _, ticker in sorted(falls)),
        mood=mood,
    )
    return {"market": analysis}
