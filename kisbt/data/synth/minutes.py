"""Minutes that put together give the daily bar they were made from."""

from datetime import date, datetime, timedelta

import numpy as np

from kisbt.data.dataset import BarTable, Floats, Ints
from kisbt.domain.market import Instrument
from kisbt.krx.calendar import session_hours
from kisbt.krx.ticks import rounded_down

CLOSING_AUCTION = timedelta(minutes=10)
"""No trade between the end of continuous trading and the closing auction (종가 단일가)."""


def minute_closes(day: date) -> list[datetime]:
    """Bar closes of one session: each minute of continuous trading, then the closing auction."""
    hours = session_hours(day)
    last = hours.close - CLOSING_AUCTION
    count = int((last - hours.open) / timedelta(minutes=1))
    return [hours.open + timedelta(minutes=k + 1) for k in range(count)] + [hours.close]


def minute_table(daily: BarTable, instrument: Instrument, rng: np.random.Generator) -> BarTable:
    """One-minute bars of the sessions in ``daily``; a halted session has none."""
    times: list[datetime] = []
    parts: list[Ints] = []
    for row in range(len(daily)):
        if daily.volume[row] == 0:
            continue
        day = daily.times[row].astype("datetime64[D]").astype(object)
        closes = minute_closes(day)
        bar = [int(getattr(daily, c)[row]) for c in ("open", "high", "low", "close", "volume")]
        part = _session(bar, len(closes), instrument, day, rng)
        parts.append(np.vstack([part, np.full(len(closes), daily.base[row])]))
        times += closes
    names = ("open", "high", "low", "close", "volume", "base")
    columns = dict(zip(names, np.hstack(parts).astype(np.int64), strict=True))
    return BarTable(daily.ticker, np.array(times, dtype="datetime64[s]"), **columns)


def _session(
    bar: list[int], count: int, instrument: Instrument, day: date, rng: np.random.Generator
) -> Ints:
    """Rows open, high, low, close, volume of ``count`` minutes."""
    opened, high, low, close, volume = bar
    sizes = _volumes(volume, count, rng)
    path = _path(opened, high, low, close, count, rng)
    closes = rounded_down(
        path.astype(np.int64), instrument.market, np.datetime64(day, "D"), instrument.product
    )
    closes = np.clip(closes, low, high)
    closes[-1] = close
    opens = np.concatenate([[opened], closes[:-2], [close]])
    highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    idle = sizes == 0
    for at in np.flatnonzero(idle):
        closes[at] = opens[at] = highs[at] = lows[at] = closes[at - 1]
        if at + 1 < count:
            opens[at + 1] = closes[at]
            highs[at + 1] = max(opens[at + 1], closes[at + 1])
            lows[at + 1] = min(opens[at + 1], closes[at + 1])
    busy = np.flatnonzero(~idle[:-1])
    highs[busy[np.argmax(highs[busy])]] = high
    lows[busy[np.argmin(lows[busy])]] = low
    return np.vstack([opens, highs, lows, closes, sizes])


def _volumes(volume: int, count: int, rng: np.random.Generator) -> Ints:
    """Shares a minute: heavy at both ends, never none in the first and the last."""
    place = np.linspace(-1.0, 1.0, count)
    weight = (0.4 + place**2) * rng.gamma(1.2, 1.0, count)
    weight[0] += 6.0
    weight[-1] += 0.05 * weight.sum()
    spare = max(volume - 2, 0)
    sizes: Ints = rng.multinomial(spare, weight / weight.sum()).astype(np.int64)
    sizes[0] += 1
    sizes[-1] += volume - spare - 1
    return sizes


def _path(
    opened: int, high: int, low: int, close: int, count: int, rng: np.random.Generator
) -> Floats:
    """A random walk from ``opened`` to ``close`` that reaches towards ``high`` and ``low``."""
    walk = np.cumsum(rng.normal(size=count))
    line = np.linspace(0.0, 1.0, count)
    wobble = (walk - line * walk[-1]) / max(float(np.abs(walk).max()), 1e-9)
    wish = opened + (close - opened) * line + 0.01 * opened * wobble
    floor, ceiling = min(opened, close), max(opened, close)
    above, below = np.maximum(wish - ceiling, 0.0), np.maximum(floor - wish, 0.0)
    path: Floats = np.clip(wish, floor, ceiling)
    path += above * ((high - ceiling) / max(float(above.max()), 1e-9))
    path -= below * ((floor - low) / max(float(below.max()), 1e-9))
    return path
