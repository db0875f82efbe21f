"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Split the days into S blocks; for every choice of half of them as "in sample" take the best
version there and look up its rank in the other half. PBO is the share of choices in which it
lands in the lower half. Source: Bailey, Borwein, López de Prado & Zhu (2017).
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class PBO(NamedTuple):
    """``value`` in [0, 1]; ``logits`` of the relative rank, one a split."""

    value: float
    logits: FloatArray


def pbo(diffs: FloatArray, blocks: int = 10) -> PBO:
    """PBO of N versions from paired differences [days, N], judged by their Sharpe ratio.

    Days that do not divide evenly go one each to the first blocks.

    Raises:
        ValueError: odd or too many blocks, or fewer than two versions.
    """
    values = np.asarray(diffs, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"overfitting needs [days, 2 or more versions], not {values.shape}")
    if blocks < 2 or blocks % 2 or len(values) < 2 * blocks:
        raise ValueError(f"{len(values)} days do not make {blocks} blocks, an even number")
    scale = np.abs(values).max(axis=0)
    values = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    lengths = np.array([len(part) for part in np.array_split(np.arange(len(values)), blocks)])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    sums = np.add.reduceat(values, starts, axis=0)
    squares = np.add.reduceat(values**2, starts, axis=0)
    chosen = list(combinations(range(blocks), blocks // 2))
    halves = np.zeros((len(chosen), blocks))
    for row, members in enumerate(chosen):
        halves[row, list(members)] = 1.0
    inside = _sharpes(halves, sums, squares, lengths)
    outside = _sharpes(1.0 - halves, sums, squares, lengths)
    best = np.argmax(inside, axis=1)
    champion = np.take_along_axis(outside, best[:, np.newaxis], axis=1)
    rank = np.sum(outside < champion, axis=1) + (1 + np.sum(outside == champion, axis=1)) / 2
    relative = rank / (values.shape[1] + 1)
    logits = np.log(relative / (1 - relative))
    return PBO(float(np.mean(logits <= 0)), logits)


def _sharpes(
    halves: FloatArray, sums: FloatArray, squares: FloatArray, lengths: npt.NDArray[np.int64]
) -> FloatArray:
    count = (halves @ lengths)[:, np.newaxis]
    mean = halves @ sums / count
    variance = np.maximum(halves @ squares / count - mean**2, 0.0)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 1e-18)
