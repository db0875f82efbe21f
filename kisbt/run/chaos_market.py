"""A small made-up market for fault sessions: three names, thin volume, so that orders fill in parts.

Nothing of it is real. Prices are walks inside their limits, on tick.
"""

import random
from datetime import date, datetime, timedelta

import pandas as pd

from kisbt.data.dataset import Dataset
from kisbt.domain.market import Instrument, Market
from kisbt.krx import calendar
from kisbt.krx.ticks import round_down

NAMES = (
    Instrument(ticker="900110", name="가상전자"),
    Instrument(ticker="900120", name="가상화학"),
    Instrument(ticker="900130", name="가상제약", market=Market.KOSDAQ),
)
_PRICES = (50_000, 20_000, 81_000)
_VOLUME = 3_500
FIRST = date(2025, 3, 4)
"""The first day on which a session trades."""
BEFORE = 6
"""Sessions of history before it."""


def chaos_market(days: int, seed: int = 0) -> Dataset:
    """Daily bars of ``days`` sessions from ``FIRST`` on, and of a few before.

    Args:
        days: Sessions to trade and to wait.
        seed: Of the walks.
    """
    first = FIRST
    for _ in range(BEFORE):
        first = calendar.previous_session(first)
    spread = days * 2 + 10
    sessions = calendar.sessions(first, FIRST + timedelta(days=spread))[: BEFORE + days]
    frames = {
        name.ticker: _walk(name, price, sessions, random.Random(f"{seed}:{name.ticker}"))
        for name, price in zip(NAMES, _PRICES, strict=True)
    }
    return Dataset.from_frames("chaos", frames, NAMES)


def _walk(name: Instrument, start: int, days: list[date], draw: random.Random) -> pd.DataFrame:
    rows, price = [], start
    for day in days:
        ends = [_near(price, draw.gauss(0, 0.008), name, day) for _ in range(2)]
        high = max(*ends, _near(max(ends), abs(draw.gauss(0, 0.004)), name, day))
        low = min(*ends, _near(min(ends), -abs(draw.gauss(0, 0.004)), name, day))
        volume = int(_VOLUME * draw.uniform(0.6, 1.6))
        rows.append((ends[0], high, low, ends[1], volume))
        price = ends[1]
    index = pd.DatetimeIndex([datetime.combine(day, datetime.min.time()) for day in days])
    return pd.DataFrame(rows, columns=["open", "high", "low", "close", "volume"], index=index)


def _near(price: int, by: float, name: Instrument, day: date) -> int:
    return round_down(int(price * (1 + by)), name.market, day, name.product)
