"""Is the best of several versions better than the champion? Block sign-flip max-T.

Flipping the sign of a block of paired differences swaps the labels "champion" and "challenger"
in it, which is what "no difference" means. The same flips for all versions keep the dependence
between them, so ten near-copies count for little more than one. No variance is estimated: the
level is exact for block sums that are symmetric and independent. White's (2000) and Romano &
Wolf's (2005) max-T with a randomisation null.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_ROWS = 50
_TIE = 1e-9
"""Flips that undo nothing equal the observed statistic but for rounding: they count as ties."""


class MaxT(NamedTuple):
    """One test over N versions.

    ``statistics`` [N], ``p`` of the largest, ``best`` its position, ``adjusted`` [N] step-down
    p-values that control the family-wise error, and ``skew`` [N] of the block sums.
    """

    statistics: FloatArray
    p: float
    best: int
    adjusted: FloatArray
    block: int
    draws: int
    skew: FloatArray


def block_sums(diffs: FloatArray, block: int) -> FloatArray:
    """Sums over consecutive blocks of days, [blocks, N]; the last block may be shorter.

    Raises:
        ValueError: no day, a value that is not finite, or a block without days.
    """
    values = np.asarray(diffs, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"differences must be [days, versions], not {values.shape}")
    if block < 1:
        raise ValueError(f"a block of {block} days")
    if not np.isfinite(values).all():
        raise ValueError("differences hold values that are not finite")
    sums: FloatArray = np.add.reduceat(values, np.arange(0, len(values), block), axis=0)
    return sums


def block_skew(sums: FloatArray) -> FloatArray:
    """Skewness of each column of block sums [blocks, N]; 0 for one that never moves."""
    deviations = sums - sums.mean(axis=0)
    peak = np.abs(sums).max(axis=0)
    unit = np.divide(deviations, peak, out=np.zeros_like(deviations), where=peak > 0)
    variance = np.mean(unit**2, axis=0)
    third = np.mean(unit**3, axis=0)
    skew: FloatArray = np.zeros(sums.shape[1])
    np.divide(third, variance**1.5, out=skew, where=variance > 1e-24)  # below: rounding
    return skew


def block_sign_flip(diffs: FloatArray, block: int = 10, draws: int = 2000, seed: int = 0) -> MaxT:
    """Test that the best of N versions has a mean difference above zero.

    Args:
        diffs: Challenger minus champion [days, N], net of all costs. Unit plays no part.
        block: Days a block; at least the longest holding period.
        draws: Random flips; the smallest possible p is ``1 / (draws + 1)``.
        seed: Same seed, same p.
    """
    sums = block_sums(diffs, block)
    # Scaling first keeps squares of tiny or huge differences inside the floating range.
    peak = np.abs(sums).max(axis=0)
    scaled = np.divide(sums, peak, out=np.zeros_like(sums), where=peak > 0)
    size = np.sqrt(np.sum(scaled**2, axis=0))
    unit = np.divide(scaled, size, out=np.zeros_like(scaled), where=size > 0)
    observed = unit.sum(axis=0)
    flipped = _sums_of(_signs(len(unit), draws, seed), unit)
    order = np.argsort(-observed, kind="stable")
    return MaxT(
        statistics=observed,
        p=_share(flipped.max(axis=1), observed[order[0]]),
        best=int(order[0]),
        adjusted=_step_down(flipped, observed, order),
        block=block,
        draws=draws,
        skew=block_skew(scaled),
    )


def _signs(blocks: int, draws: int, seed: int) -> FloatArray:
    bits = np.random.default_rng(seed).bytes((blocks * draws + 7) // 8)
    flat = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))[: blocks * draws]
    return flat.reshape(draws, blocks).astype(np.float64) * 2.0 - 1.0


def _sums_of(signs: FloatArray, unit: FloatArray) -> FloatArray:
    """``signs @ unit`` in pieces too small for BLAS to wake other threads, which costs more."""
    rows = len(signs) // _ROWS * _ROWS
    pieces = signs[:rows].reshape(-1, _ROWS, signs.shape[1]) @ unit
    return np.concatenate([pieces.reshape(rows, unit.shape[1]), signs[rows:] @ unit])


def _share(null: FloatArray, observed: float) -> float:
    return float((1 + np.count_nonzero(null >= observed - _TIE)) / (len(null) + 1))


def _step_down(
    flipped: FloatArray, observed: FloatArray, order: npt.NDArray[np.intp]
) -> FloatArray:
    ranked = flipped[:, order]
    # Column j: the largest among the versions not yet dropped when j is the best of them.
    rest = np.maximum.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
    exceeded = np.count_nonzero(rest >= observed[order] - _TIE, axis=0)
    stepwise = np.maximum.accumulate((1 + exceeded) / (len(flipped) + 1))
    adjusted = np.empty(len(observed))
    adjusted[order] = stepwise
    return adjusted
