"""Null campaigns out of a bank of returns: rules made by our own machinery where none can help.

A bank is made by ``python -m benchmarks.null_rules``: daily returns of many versions of one
strategy, on many markets without structure. A campaign draws a market, a champion and challengers
among its versions. Roles are drawn at random, so every advantage has its mirror image and the
claim "the challenger is better" is false on average.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.config import GateSettings
from kisbt.errors import DataError
from kisbt.gate.selection import look, overfitting, select, vetoes

FloatArray = npt.NDArray[np.float64]

HOLDOUT = 125
"""Of a bank's days the last ones are locked away."""

EMBARGO = 10
"""Days between, as long as positions are held: nothing that was open then counts twice."""

REDRAWS = 2000
"""Redraws of markets for the standard error."""


class BankRate(NamedTuple):
    """Promotions over campaigns. Campaigns of a market share its days: ``error`` redraws markets.

    ``upper`` is the 95 % quantile of those redraws, but never below 3 promotions' worth of
    markets without any (rule of three).
    """

    versions: int
    days: int
    holdout: int
    markets: int
    campaigns: int
    promoted: int
    flips: int
    error: float
    upper: float

    @property
    def rate(self) -> float:
        """Share of campaigns that promote."""
        return self.promoted / self.campaigns

    def as_json(self) -> dict[str, object]:
        """Everything as one flat object."""
        return {"kind": "rules", **self._asdict(), "rate": self.rate}


def read_bank(path: Path) -> FloatArray:
    """Daily returns, ``[markets, days, versions]``.

    Raises:
        DataError: no bank, or one of too few days.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = np.asarray(stored["returns"], dtype=np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} is no bank of returns", hint="make one: python -m benchmarks.null_rules"
        ) from error
    if found.ndim != 3 or found.shape[1] < 3 * HOLDOUT or not np.isfinite(found).all():
        raise DataError(f"{path}: returns of shape {found.shape} are no [markets, days, versions]")
    return found


def measure_bank(
    bank: FloatArray, settings: GateSettings, *, versions: int, campaigns: int, seed: int
) -> BankRate:
    """How often the gate promotes, with the functions that judge real evidence.

    Args:
        bank: ``[markets, days, versions]``.
        settings: Levels and blocks.
        versions: Challengers a campaign.
        campaigns: All in all; each market gets its share.
        seed: Of every draw.

    Raises:
        DataError: too few versions in the bank.
    """
    markets, days, stored = bank.shape
    if versions >= stored:
        raise DataError(f"{versions} challengers need {versions + 1} versions, there are {stored}")
    promoted = np.zeros(markets)
    asked = np.zeros(markets)
    flips = 0
    for number in range(campaigns):
        market = number % markets
        passed, flip = _campaign(bank[market], settings, versions, [seed, versions, number])
        promoted[market] += passed
        asked[market] += 1
        flips += flip
    rng = np.random.default_rng([seed, versions, 1])
    drawn = rng.integers(0, markets, (REDRAWS, markets))
    rates = promoted[drawn].sum(axis=1) / asked[drawn].sum(axis=1)
    upper = max(float(np.quantile(rates, 0.95)), 3.0 / markets if not promoted.any() else 0.0)
    return BankRate(
        versions, days - HOLDOUT - EMBARGO, HOLDOUT, markets, campaigns, int(promoted.sum()), flips,
        float(rates.std()), upper if math.isfinite(upper) else 1.0,
    )  # fmt: skip


def _campaign(
    returns: FloatArray, settings: GateSettings, versions: int, seed: list[int]
) -> tuple[bool, bool]:
    """Whether the gate promotes, and whether max-T alone passed."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(returns.shape[1], versions + 1, replace=False)
    diffs = returns[:, chosen[1:]] - returns[:, chosen[:1]]
    development, held_out = diffs[: -HOLDOUT - EMBARGO], diffs[-HOLDOUT:]
    flips = int(rng.integers(2**62))
    found = select(development, settings, seed=flips)
    if not found.survivors:
        return False, False
    best = found.survivors[0]
    if vetoes(overfitting(development, settings), versions, settings):
        return False, True
    level = settings.holdout_level
    return look(held_out[:, best], settings, level=level, seed=flips + 1).passed, True
