"""Steps 3, 4 and 6 as pure functions: the test, the veto, the look. Arrays in, verdicts out.

The registry around them and ``kisbt gate --calibrate`` call the same functions, so that what is
calibrated is what decides.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.config import GateSettings
from kisbt.evidence.pbo import PBO, pbo
from kisbt.evidence.signflip import MaxT, block_sign_flip

FloatArray = npt.NDArray[np.float64]


class Selection(NamedTuple):
    """Outcome of the max-T test.

    ``levels`` [N] are the levels that applied; ``survivors`` are positions of the versions that
    passed, the largest statistic first.
    """

    test: MaxT
    levels: FloatArray
    survivors: tuple[int, ...]


def block_days(settings: GateSettings, longest_holding: int) -> int:
    """Days a block: the setting, or the longest holding period when that is longer."""
    return max(settings.block, longest_holding)


def select(
    diffs: FloatArray,
    settings: GateSettings,
    *,
    seed: int,
    longest_holding: int = 0,
    share: float = 1.0,
) -> Selection:
    """Step 3 on development differences [days, N].

    Args:
        diffs: Challenger minus champion, a column for every version ever registered.
        settings: Levels and block length.
        seed: Of the random flips.
        longest_holding: Days; a block is at least that long.
        share: Part of the level this call may use, when several calls share one holdout.
    """
    block = block_days(settings, longest_holding)
    test = block_sign_flip(diffs, block, settings.draws, seed)
    levels = share * np.where(test.skew >= settings.skew_below, settings.level, settings.skew_level)
    passed = (test.adjusted <= levels) & (test.statistics > 0)
    order = np.argsort(-test.statistics, kind="stable")
    survivors: list[int] = []
    for position in order:  # step down: nobody passes behind one that failed
        if not passed[position]:
            break
        survivors.append(int(position))
    return Selection(test, levels, tuple(survivors))


def overfitting(diffs: FloatArray, settings: GateSettings) -> PBO | None:
    """Step 4: PBO of the differences [days, N]; ``None`` when there is nothing to split."""
    days, versions = diffs.shape
    if versions < 2 or days < 2 * settings.pbo_blocks:
        return None
    return pbo(diffs, settings.pbo_blocks)


def vetoes(found: PBO | None, versions: int, settings: GateSettings) -> bool:
    """Whether PBO forbids a promotion: from eight versions on, at .5."""
    return (
        found is not None
        and versions >= settings.pbo_versions
        and found.value >= settings.pbo_limit
    )


class Look(NamedTuple):
    """Step 6: the holdout's p-value and mean daily difference, and whether they pass."""

    p: float
    mean: float
    days: int
    block: int
    passed: bool


def look(
    diffs: FloatArray,
    settings: GateSettings,
    *,
    level: float,
    seed: int,
    longest_holding: int = 0,
) -> Look:
    """One-sided block sign-flip of one version's holdout differences [days]."""
    values = np.asarray(diffs, dtype=np.float64)
    block = block_days(settings, longest_holding)
    if len(values) < 12 * block:
        block = max(settings.block // 2, longest_holding, 1)
    test = block_sign_flip(values, block, settings.draws, seed)
    mean = float(values.mean())
    return Look(test.p, mean, len(values), block, test.p <= level and mean > 0)
