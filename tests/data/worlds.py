"""Small random datasets: halts, late listings, missing bars, splits, minutes, odd prices."""

from datetime import date

import numpy as np
from hypothesis import strategies as st

from kisbt.data.dataset import BarTable, Dataset, IndexSeries
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument, Market, Product

FIRST = np.datetime64("2023-06-01", "D")


def make_world(
    seed: int,
    names: int = 3,
    bars: int = 60,
    *,
    minutes: bool = False,
    halts: float = 0.1,
    missing: float = 0.1,
    split: bool = False,
    bases: bool = False,
    wild: bool = False,
) -> Dataset:
    """One dataset from a seed. ``wild`` moves prices by limits every other day."""
    rng = np.random.default_rng(seed)
    times = _times(bars, minutes)
    tables, instruments, actions = {}, [], []
    for n in range(names):
        ticker = f"{n + 1:05d}0"
        start = int(rng.integers(0, bars // 2 + 1)) if n == names - 1 else 0
        keep = np.arange(bars) >= start
        keep &= rng.uniform(size=bars) >= missing
        keep[-1] = True
        instrument = Instrument(
            ticker=ticker,
            market=Market.KOSDAQ if n % 2 else Market.KOSPI,
            product=Product.ETF if n == 2 else Product.STOCK,
            leverage=2.0 if n == 2 else 1.0,
            listed=times[np.argmax(keep)].astype("datetime64[D]").astype(date) if n else None,
            offer_price=5_000 if n == names - 1 and n else None,
        )
        at = times[keep]
        tables[ticker] = _walk(ticker, at, rng, halts=halts, bases=bases, wild=wild)
        instruments.append(instrument)
        if split and len(at) > 4:
            day = at[len(at) // 2].astype("datetime64[D]").astype(date)
            ratio = float(rng.choice([5.0, 0.1, 3.0, 1.5]))
            actions.append(CorporateAction(ticker=ticker, date=day, ratio=ratio))
    index = IndexSeries("index", times, 1000.0 + np.arange(bars, dtype=np.float64))
    return Dataset.build(
        "world",
        tables,
        instruments,
        index=index,
        actions=actions,
        frequency="1m" if minutes else "1d",
    )


def worlds(max_bars: int = 70) -> st.SearchStrategy[Dataset]:
    """Datasets of one to five names."""
    return st.builds(
        make_world,
        st.integers(0, 2**32 - 1),
        st.integers(1, 5),
        st.integers(2, max_bars),
        minutes=st.booleans(),
        halts=st.sampled_from([0.0, 0.1, 0.5]),
        missing=st.sampled_from([0.0, 0.1, 0.6]),
        split=st.booleans(),
        bases=st.booleans(),
        wild=st.booleans(),
    )


def _times(bars: int, minutes: bool) -> np.ndarray:
    if minutes:
        count = np.arange(bars)
        day, minute = count // 30, count % 30
        return (FIRST + day).astype("datetime64[s]") + (541 + minute) * np.timedelta64(60, "s")
    return (FIRST + np.arange(bars)).astype("datetime64[s]") + np.timedelta64(930 * 60, "s")


def _walk(
    ticker: str,
    times: np.ndarray,
    rng: np.random.Generator,
    *,
    halts: float,
    bases: bool,
    wild: bool,
) -> BarTable:
    count = len(times)
    level = rng.choice([30, 900, 4_000, 60_000, 400_000])
    steps = rng.choice([-0.2, 0.0, 0.3], count) if wild else 0.02 * rng.normal(size=count)
    close = np.maximum((level * np.exp(np.cumsum(steps))).astype(np.int64), 1)
    close = np.minimum(close, 5_000_000)
    if wild:
        for t in range(1, count):
            tick = 1 if close[t - 1] < 2_000 else 10
            rise = close[t - 1] * 3 // 10 // tick * tick if steps[t] > 0 else -1
            close[t] = max(1, min(close[t - 1] + rise, 5_000_000))
    opened = np.maximum(close + rng.integers(-3, 4, count), 1)
    high = np.maximum(opened, close) + rng.integers(0, 5, count)
    low = np.maximum(np.minimum(opened, close) - rng.integers(0, 5, count), 1)
    volume = rng.integers(0 if wild else 1, 10_000_000, count)
    for t in np.flatnonzero(rng.uniform(size=count) < halts):
        close[t] = close[t - 1] if t else close[t]
        opened[t] = high[t] = low[t] = close[t]
        volume[t] = 0
    high, low = np.maximum(high, opened), np.minimum(low, opened)
    high, low = np.maximum(high, close), np.minimum(low, close)
    base = np.zeros(count, np.int64)
    if bases:
        base[1:] = close[:-1]
        base[rng.uniform(size=count) < 0.2] = 0
    return BarTable(ticker, times, opened, high, low, close, volume.astype(np.int64), base)
