"""A small made-up market for fault sessions: three thin names, so that orders fill in parts.

Nothing of it is real. Prices are walks inside their limits, on tick.
"""

import random
from datetime import date, datetime, timedelta

import pandas as pd

from kisbt.adapter.minute_source import CALL
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


def chaos_market(days: int, seed: int = 0, minutes: int = 0) -> Dataset:
    """Bars of ``days`` sessions from ``FIRST`` on, and of a few before.

    Args:
        days: Sessions to trade and to wait.
        seed: Of the walks.
        minutes: Length of a bar; 0 for daily bars.
    """
    first = FIRST
    for _ in range(BEFORE):
        first = calendar.previous_session(first)
    spread = days * 2 + 10
    sessions = calendar.sessions(first, FIRST + timedelta(days=spread))[: BEFORE + days]
    if minutes:
        bars = [at for day in sessions[BEFORE - 1 :] for at in _closes(day, minutes)]
    else:
        bars = [datetime.combine(day, datetime.min.time()) for day in sessions]
    frames = {
        name.ticker: _walk(name, price, bars, random.Random(f"{seed}:{name.ticker}"))
        for name, price in zip(NAMES, _PRICES, strict=True)
    }
    return Dataset.from_frames("chaos", frames, NAMES, frequency=f"{minutes}m" if minutes else "1d")


def _closes(day: date, minutes: int) -> list[datetime]:
    hours = calendar.session_hours(day)
    count = int((hours.close - hours.open) / timedelta(minutes=minutes))
    ends = [hours.open + timedelta(minutes=minutes) * (n + 1) for n in range(count)]
    return [end for end in ends if not hours.close - CALL < end < hours.close]


def _walk(name: Instrument, start: int, bars: list[datetime], draw: random.Random) -> pd.DataFrame:
    calm = 0.25 if len(bars) > len({bar.date() for bar in bars}) else 1.0
    rows, price = [], start
    for day in (bar.date() for bar in bars):
        ends = [_near(price, draw.gauss(0, 0.008 * calm), name, day) for _ in range(2)]
        high = max(*ends, _near(max(ends), abs(draw.gauss(0, 0.004 * calm)), name, day))
        low = min(*ends, _near(min(ends), -abs(draw.gauss(0, 0.004 * calm)), name, day))
        volume = int(_VOLUME * draw.uniform(0.6, 1.6))
        rows.append((ends[0], high, low, ends[1], volume))
        price = ends[1]
    index = pd.DatetimeIndex(bars)
    return pd.DataFrame(rows, columns=["open", "high", "low", "close", "volume"], index=index)


def _near(price: int, by: float, name: Instrument, day: date) -> int:
    return round_down(int(price * (1 + by)), name.market, day, name.product)
