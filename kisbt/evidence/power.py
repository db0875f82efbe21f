"""What could be detected at all: power, days needed, days still missing.

The information ratio is yearly: mean over standard deviation of the daily difference, times √252.
Block sums of the differences are taken as normal and independent, so the sign-flip statistic is
a noncentral t; ``kisbt gate --calibrate`` checks these figures by simulation.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from kisbt.evidence.sharpe import TRADING_DAYS, expected_max_sharpe

FloatArray = npt.NDArray[np.float64]

FURTHEST = 100 * TRADING_DAYS
"""Nobody waits a hundred years: beyond this the answer is "never"."""


def power(ir: float, days: int, block: int = 10, n_variants: int = 1, level: float = 0.05) -> float:
    """Chance that a version of yearly information ratio ``ir`` passes max-T among N, in [0, 1].

    The others are taken as useless and independent, which is the hardest case.
    """
    blocks = math.ceil(days / block)
    if blocks < 3 or n_variants < 1:
        return 0.0
    single = 1.0 - (1.0 - level) ** (1.0 / n_variants)
    critical = stdtrit(blocks - 1, 1.0 - single)
    shift = ir * math.sqrt(days / TRADING_DAYS)
    missed = float(nctdtr(blocks - 1, shift, critical))
    # SciPy has no value where the noncentrality is huge: nothing is missed there.
    return 1.0 - missed if math.isfinite(missed) else float(shift > critical)


class GatePower(NamedTuple):
    """Chance to pass the development test, the holdout given that, and both."""

    development: float
    holdout: float
    both: float


def gate_power(
    ir: float,
    days: int,
    holdout_days: int,
    n_variants: int = 5,
    *,
    block: int = 10,
    level: float = 0.025,
    skew_level: float = 0.0125,
    skew_below: float = -0.3,
    holdout_level: float = 0.20,
) -> GatePower:
    """Power of the adopted gate with its skew clause.

    The stricter level applies when the block sums' sample skewness falls below ``skew_below``,
    which symmetric ones do by chance, too.
    """
    blocks = max(math.ceil(days / block), 3)
    spread = math.sqrt(6.0 * (blocks - 2) / ((blocks + 1) * (blocks + 3)))
    strict = float(ndtr(skew_below / spread))
    found = (1 - strict) * power(ir, days, block, n_variants, level) + strict * power(
        ir, days, block, n_variants, skew_level
    )
    fine = holdout_days < 12 * block
    second = power(ir, holdout_days, max(block // 2, 1) if fine else block, 1, holdout_level)
    return GatePower(found, second, found * second)


def days_needed(ir: float, power: float = 0.8, level: float = 0.05) -> float:
    """Days for one pre-chosen challenger to pass a one-sided test; infinite when ``ir <= 0``."""
    if ir <= 0:
        return math.inf
    return TRADING_DAYS * ((float(ndtri(1 - level)) + float(ndtri(power))) / ir) ** 2


def max_t_days(
    ir: float, *, n_variants: int, block: int = 10, level: float = 0.025, power_wanted: float = 0.8
) -> int | None:
    """Days for max-T among N to have the wanted power; ``None`` when a century is not enough."""
    if ir <= 0 or power(ir, FURTHEST, block, n_variants, level) < power_wanted:
        return None
    low, high = 1, FURTHEST
    while low < high:
        middle = (low + high) // 2
        if power(ir, middle, block, n_variants, level) >= power_wanted:
            high = middle
        else:
            low = middle + 1
    return low


def days_missing(
    mean: float,
    sd: float,
    n: int,
    *,
    n_variants: int = 1,
    block: int = 10,
    level: float = 0.025,
    power_wanted: float = 0.8,
) -> int | None:
    """Days still missing if what was seen in ``n`` days is the truth; ``None``: never.

    Args:
        mean: Daily mean difference.
        sd: Daily standard deviation; of block sums over √block when days depend on each other.
        n: Days seen.
        n_variants: Versions in the test.
        block: Days a block.
        level: One-sided level of the test.
        power_wanted: Chance to pass that "enough" means.
    """
    if sd <= 0 or mean <= 0:
        return None
    needed = max_t_days(
        mean / sd * math.sqrt(TRADING_DAYS),
        n_variants=n_variants,
        block=block,
        level=level,
        power_wanted=power_wanted,
    )
    return None if needed is None else max(needed - n, 0)


def stream_days_missing(
    d: FloatArray, *, n_variants: int = 1, block: int = 10, level: float = 0.025
) -> int | None:
    """``days_missing`` of an observed stream [days], its daily noise taken from block sums."""
    values = np.asarray(d, dtype=np.float64)
    full = len(values) // block * block
    if full < 3 * block:
        sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    else:
        sd = float(values[-full:].reshape(-1, block).sum(axis=1).std(ddof=1)) / math.sqrt(block)
    mean = float(values.mean()) if len(values) else 0.0
    return days_missing(mean, sd, len(values), n_variants=n_variants, block=block, level=level)


def smallest_detectable(
    days: int, *, n_variants: int = 1, block: int = 10, level: float = 0.025, wanted: float = 0.8
) -> float:
    """Smallest yearly information ratio with the wanted power; infinite when nothing has."""
    low, high = 0.0, 100.0
    if power(high, days, block, n_variants, level) < wanted:
        return math.inf
    for _ in range(60):
        middle = (low + high) / 2
        if power(middle, days, block, n_variants, level) >= wanted:
            high = middle
        else:
            low = middle
    return high


def best_of_useless(n_variants: int, days: int) -> float:
    """Yearly Sharpe that the best of N useless versions shows on average over ``days``."""
    return math.sqrt(TRADING_DAYS) * expected_max_sharpe(n_variants, 1.0 / days)
