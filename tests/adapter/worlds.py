"""Small markets for tests of the adapter."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kisbt.adapter.tape import Tape
from kisbt.config import FillSettings, RiskLimits
from kisbt.data.dataset import Dataset
from kisbt.domain.market import Instrument, Market
from kisbt.journal.memory import NullJournal
from kisbt.krx.costs import CostModel
from kisbt.run.loader import LoadedStrategy
from kisbt.run.replay import Replayed, replay

Row = tuple[int, int, int, int, int]
"""open, high, low, close, volume"""

SESSIONS = pd.to_datetime(
    [
        "2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11",
        "2024-03-12", "2024-03-13", "2024-03-14", "2024-03-15", "2024-03-18", "2024-03-19",
    ]
)  # fmt: skip


def frame(rows: Sequence[Row], start: int = 0) -> pd.DataFrame:
    """Daily bars on consecutive sessions, from the ``start``-th one on."""
    index = SESSIONS[start : start + len(rows)]
    return pd.DataFrame(
        np.array(rows, dtype=np.int64),
        index=index,
        columns=["open", "high", "low", "close", "volume"],
    )


def flat(price: int, days: int, volume: int = 1_000_000) -> list[Row]:
    """A price that does not move."""
    return [(price, price, price, price, volume)] * days


def world(frames: dict[str, pd.DataFrame], **facts: Any) -> Dataset:
    """A dataset of KOSPI names."""
    instruments = facts.pop(
        "instruments", [Instrument(ticker=t, market=Market.KOSPI) for t in frames]
    )
    return Dataset.from_frames("test", frames, instruments, **facts)


def run(
    cls: type[Any],
    dataset: Dataset,
    *,
    cash: int = 10_000_000,
    participation: float = 0.1,
    costs: CostModel | None = None,
    journal: Any = None,
    progress: Callable[[int], None] | None = None,
) -> Replayed:
    """Replay an ordinary strategy class."""
    return replay(
        LoadedStrategy(cls, Path(__file__), "sha256:test"),
        Tape(dataset),
        None,
        cash=cash,
        limits=RiskLimits(),
        costs=costs or CostModel.free(),
        fills=FillSettings(participation=participation),
        journal=journal or NullJournal(),
        progress=progress,
    )
