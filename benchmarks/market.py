"""Seeded bars for benchmarks: many names, ten years, on tick, inside the limits."""

from datetime import date

import numpy as np
import pandas as pd

from kisbt.data.dataset import Dataset
from kisbt.domain.market import Market
from kisbt.krx.calendar import sessions
from kisbt.krx.ticks import rounded_down

FIRST, LAST = date(2014, 6, 2), date(2025, 12, 30)


def bench_dataset(names: int, bars: int, seed: int = 1) -> Dataset:
    """``names`` x ``bars`` daily bars of KOSPI names without index, splits or halts."""
    days = np.array(sessions(FIRST, LAST)[:bars], dtype="datetime64[D]")
    rng = np.random.default_rng(seed)
    frames = {}
    for n in range(names):
        close = np.exp(np.cumsum(rng.normal(0.0003, 0.02, bars))) * 20_000
        open_ = np.concatenate((close[:1], close[:-1])) * (1 + rng.normal(0, 0.004, bars))
        top = np.maximum(open_, close) * (1 + abs(rng.normal(0, 0.006, bars)))
        bottom = np.minimum(open_, close) * (1 - abs(rng.normal(0, 0.006, bars)))
        o, h, lo, c = (
            rounded_down(line.astype(np.int64), Market.KOSPI, days)
            for line in (open_, top, bottom, close)
        )
        frames[f"{100_000 + n}"] = pd.DataFrame(
            {
                "open": o,
                "high": np.maximum(h, np.maximum(o, c)),
                "low": np.minimum(lo, np.minimum(o, c)),
                "close": c,
                "volume": rng.lognormal(13, 0.8, bars).astype(np.int64),
            },
            index=pd.to_datetime(days),
        )
    return Dataset.from_frames("bench", frames)
