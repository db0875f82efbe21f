"""Do two streams differ in Sharpe ratio? Studentised bootstrap, for unequal volatilities.

Source: Ledoit & Wolf, "Robust Performance Hypothesis Testing with the Sharpe Ratio", JEF 2008:
delta method over (mean, mean, second moment, second moment), circular blocks, block-based
standard errors in the resampled world and a Parzen kernel in the real one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class SharpeDifference(NamedTuple):
    """Per-period Sharpe of the first minus the second, its standard error, two-sided p."""

    difference: float
    error: float
    p: float


def sharpe_difference(
    first: FloatArray, second: FloatArray, *, block: int = 10, draws: int = 2000, seed: int = 0
) -> SharpeDifference:
    """Test that two paired streams [days] have the same Sharpe ratio.

    Raises:
        ValueError: unequal lengths, fewer than two blocks, or a stream that never moves.
    """
    pair = np.column_stack([first, second]).astype(np.float64)
    days = len(pair)
    if days < 2 * block or (np.ptp(pair, axis=0) == 0).any():
        raise ValueError("a Sharpe difference needs two moving streams of at least two blocks")
    pair = pair / pair.std()  # a common scale changes no ratio
    moments = np.concatenate([pair, pair**2], axis=1)
    difference, gradient = _delta(moments.mean(axis=0))
    influence = (moments - moments.mean(axis=0)) @ gradient
    error = np.sqrt(max(_parzen(influence), 1e-12) / days)
    blocks = days // block
    starts = np.random.default_rng(seed).integers(0, days, (draws, blocks))
    index = (starts[:, :, np.newaxis] + np.arange(block)) % days
    sample = moments[index]  # [draws, blocks, block, 4]
    centre = sample.mean(axis=(1, 2))
    found, slopes = _delta(centre)
    sums = (sample.sum(axis=2) - block * centre[:, np.newaxis]) / np.sqrt(block)
    spread = np.sum(np.einsum("dbk,dk->db", sums, slopes) ** 2, axis=1) / blocks
    errors = np.sqrt(np.maximum(spread, 1e-12) / (blocks * block))
    extreme = np.abs(found - difference) / errors >= abs(difference) / error
    p = (1 + np.count_nonzero(extreme)) / (draws + 1)
    return SharpeDifference(float(difference), float(error), float(p))


def _delta(v: FloatArray) -> tuple[FloatArray, FloatArray]:
    a, b, c, d = np.moveaxis(v, -1, 0)
    first = np.maximum(c - a**2, 1e-12)
    second = np.maximum(d - b**2, 1e-12)
    gradient = np.stack(
        [c / first**1.5, -d / second**1.5, -0.5 * a / first**1.5, 0.5 * b / second**1.5], axis=-1
    )
    return a / np.sqrt(first) - b / np.sqrt(second), gradient


def _parzen(x: FloatArray) -> float:
    days = len(x)
    width = max(1, int(2.6614 * days**0.2))  # Andrews' rate for Parzen, rule of thumb
    total = float(np.mean(x * x))
    for lag in range(1, min(width, days - 1) + 1):
        z = lag / (width + 1)
        weight = 1 - 6 * z**2 + 6 * z**3 if z <= 0.5 else 2 * (1 - z) ** 3
        total += 2 * weight * float(np.sum(x[lag:] * x[:-lag])) / days
    return total
