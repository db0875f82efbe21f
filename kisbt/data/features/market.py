"""Features of the whole market: breadth and the market mood (시장 심리 지수).

All arrays have the names on the last axis.
"""

import numpy as np
from numpy.typing import NDArray

from kisbt.data.features.window import Floats

MOOD_BARS = 5
BREADTH_WEIGHT, TREND_WEIGHT, MONEY_WEIGHT = 40.0, 30.0, 30.0


def breadth(change: Floats, traded: NDArray[np.bool_]) -> Floats:
    """Share of the traded names with a change that rose, 0..1; NaN when there is none."""
    counted = traded & ~np.isnan(change)
    return _share((counted & (change > 0)).sum(axis=-1), counted.sum(axis=-1))


def mood(
    lately: list[Floats],
    change: Floats,
    trend: Floats,
    value: NDArray[np.int64],
    traded: NDArray[np.bool_],
) -> Floats:
    """Market mood, 0 (fear) to 100 (greed).

    Args:
        lately: Breadth of the last ``MOOD_BARS`` bars, oldest first.
        change: Change of each name, percent.
        trend: Distance of each name to its 20-bar mean, percent.
        value: Traded value of each name, won.
        traded: Names that traded in this bar.
    """
    total = lately[0]
    for one in lately[1:]:
        total = total + one
    placed = traded & ~np.isnan(trend)
    above = _share((placed & (trend > 0)).sum(axis=-1), placed.sum(axis=-1))
    money = np.where(traded, value, 0)
    rising = _share(np.where(change > 0, money, 0).sum(axis=-1), money.sum(axis=-1))
    mixed: Floats = (
        BREADTH_WEIGHT * (total / len(lately)) + TREND_WEIGHT * above + MONEY_WEIGHT * rising
    )
    return mixed


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part.astype(np.float64) / whole.astype(np.float64), np.nan)
