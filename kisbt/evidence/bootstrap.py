"""The stationary bootstrap: intervals for streams whose days depend on each other.

Source: Politis & Romano, "The Stationary Bootstrap", JASA 1994; the automatic block length is
Politis & White 2004 with Patton's correction of 2009, from ``arch``.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

_CELLS = 4_000_000
"""Resampled values held at once, so that memory does not grow with the number of draws."""


class Interval(NamedTuple):
    """A percentile interval around an estimate, in the unit of the statistic."""

    low: float
    estimate: float
    high: float


def block_length(x: FloatArray) -> float:
    """Mean block length for one stream [n], in [1, n / 2]; 1 when nothing can be estimated."""
    values = np.asarray(x, dtype=np.float64)
    if values.size < 10 or np.ptp(values) == 0:
        return 1.0
    from arch.bootstrap import optimal_block_length

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stream without any autocorrelation divides by zero
        found = float(optimal_block_length(values)["stationary"].iloc[0])
    return float(np.clip(found, 1.0, values.size / 2)) if np.isfinite(found) else 1.0


def stationary_indices(n: int, mean_block: float, draws: int, seed: int) -> IndexArray:
    """Days of ``draws`` resampled histories of ``n`` days, int64 [draws, n].

    Blocks start anywhere, run on circularly and end each day with chance ``1 / mean_block``.
    """
    if n < 1 or draws < 1 or mean_block < 1:
        raise ValueError(f"cannot resample {n} days in blocks of {mean_block}, {draws} times")
    return _indices(np.random.default_rng(seed), n, mean_block, draws)


def _indices(rng: np.random.Generator, n: int, mean_block: float, draws: int) -> IndexArray:
    begins = rng.random((draws, n)) < 1.0 / mean_block
    begins[:, 0] = True
    starts = rng.integers(0, n, (draws, n))
    day = np.arange(n)
    since = np.maximum.accumulate(np.where(begins, day, 0), axis=1)
    found: IndexArray = (np.take_along_axis(starts, since, axis=1) + day - since) % n
    return found


@lru_cache(maxsize=2)
def _histories(n: int, mean_block: float, draws: int, seed: int) -> IndexArray:
    """Kept, because versions that are compared over the same days are resampled alike."""
    found = _indices(np.random.default_rng(seed), n, mean_block, draws)
    found.flags.writeable = False
    return found


def resample(
    x: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    mean_block: float,
    draws: int = 2000,
    seed: int = 0,
) -> FloatArray:
    """The statistic of ``draws`` resampled histories, float64 [draws].

    Args:
        x: One stream [n], or several that are resampled together [n, k].
        statistic: Takes [draws, n] or [draws, n, k], gives [draws].
        mean_block: Mean block length in days.
        draws: Resampled histories.
        seed: Same seed, same result.
    """
    values = np.asarray(x, dtype=np.float64)
    at_once = max(1, _CELLS // values.size)
    if draws <= at_once:
        chosen = _histories(len(values), mean_block, draws, seed)
        return np.asarray(statistic(values[chosen]), dtype=np.float64)
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, draws, at_once):
        chosen = _indices(rng, len(values), mean_block, min(at_once, draws - start))
        parts.append(np.asarray(statistic(values[chosen]), dtype=np.float64))
    return np.concatenate(parts)


def interval(
    x: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    level: float = 0.95,
    mean_block: float | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Two-sided percentile interval of any statistic; see ``resample`` for its shape.

    ``mean_block`` of ``None`` estimates it from the stream (the largest of several).
    """
    values = np.asarray(x, dtype=np.float64)
    if mean_block is None:
        columns = values.reshape(len(values), -1)
        mean_block = max(block_length(columns[:, k]) for k in range(columns.shape[1]))
    found = resample(values, statistic, mean_block=mean_block, draws=draws, seed=seed)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    estimate = float(np.asarray(statistic(values[np.newaxis]))[0])
    return Interval(float(low), estimate, float(high))


def mean_interval(
    x: FloatArray,
    *,
    level: float = 0.95,
    mean_block: float | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """``interval`` of the mean of one stream [n]."""
    return interval(
        x,
        lambda sample: sample.mean(axis=1),
        level=level,
        mean_block=mean_block,
        draws=draws,
        seed=seed,
    )
