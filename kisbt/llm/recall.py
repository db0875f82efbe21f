"""How well a memory answered: shares against chance, and the month at which it ends."""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

CHANCE = 0.5
"""What a coin gets right; every question of the probe is built so that this is chance."""

_DROP = 1.92
"""Half the 95 % point of chi-square with one degree of freedom, in units of log-likelihood."""


class Share(NamedTuple):
    """Right answers of those given, with Wilson's interval and the chance of a coin's doing so.

    ``p`` is one-sided and exact (binomial, ``CHANCE``); 1 when nothing was answered.
    """

    right: int
    answered: int
    low: float
    estimate: float
    high: float
    p: float


class Horizon(NamedTuple):
    """Until which month a model remembers: ``"2024-06"``, with the earliest and latest plausible.

    ``until`` is ``None`` when no memory was found. ``p`` is the chance that coins would look as
    much like a memory that ends somewhere, by simulation. ``open_end`` says that memory reaches
    to the end of the data, so that the true cutoff may be later.
    """

    until: str | None
    low: str | None
    high: str | None
    open_end: bool
    p: float


def share(right: int, answered: int, level: float = 0.95) -> Share:
    """The share of right answers. Source: Wilson 1927; exact binomial test."""
    if answered == 0:
        return Share(0, 0, 0.0, CHANCE, 1.0, 1.0)
    test = binomtest(right, answered, CHANCE, alternative="greater")
    bounds = binomtest(right, answered).proportion_ci(level, method="wilson")
    return Share(
        right,
        answered,
        float(bounds.low),
        right / answered,
        float(bounds.high),
        float(test.pvalue),
    )


def advantage(both: Sequence[tuple[bool, bool]], level: float = 0.95) -> tuple[float, float, float]:
    """How much oftener the first of two paired answers is right: low, estimate, high.

    Source: Agresti & Min 2005, half a count added to each cell of the table.
    """
    only_first = sum(one and not two for one, two in both) + 0.5
    only_second = sum(two and not one for one, two in both) + 0.5
    n = len(both) + 2
    centre = (only_first - only_second) / n
    spread = sqrt(max(0.0, (only_first + only_second) / n - centre**2) / n)
    reach = float(norm.ppf((1 + level) / 2)) * spread
    plain = (only_first - only_second) / len(both) if both else 0.0
    return max(-1.0, centre - reach), plain, min(1.0, centre + reach)


def detectable(answered: int, level: float = 0.05, power: float = 0.8) -> float:
    """The accuracy that so many questions would have found with that power, at that level."""
    if answered == 0:
        return 1.0
    reach = float(norm.ppf(1 - level) + norm.ppf(power))
    return min(1.0, CHANCE + reach * CHANCE / sqrt(answered))


def find_horizon(
    months: Sequence[str],
    kinds: Sequence[str],
    right: Sequence[bool],
    *,
    level: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
) -> Horizon:
    """Find the month after which answers are no better than a coin's.

    Maximum likelihood over every possible last month: before it each kind of question has its own
    accuracy, at least ``CHANCE``, after it all have ``CHANCE``. The plausible months are those
    whose log-likelihood is within 1.92 of the best. Whether there is a memory at all is judged
    against coins thrown for the same questions.

    Args:
        months: Of each answer, as ``"2024-06"``.
        kinds: Of each answer; each kind is a fair coin for a model without memory.
        right: Whether each answer is right.
        level: Of the test.
        draws: Simulated coins.
        seed: Of the simulation.
    """
    rows = sorted(set(months))
    columns = sorted(set(kinds))
    if not rows:
        return Horizon(None, None, None, False, 1.0)
    asked = np.zeros((len(rows), len(columns)), dtype=np.int64)
    hits = np.zeros_like(asked)
    for month, kind, good in zip(months, kinds, right, strict=True):
        cell = rows.index(month), columns.index(kind)
        asked[cell] += 1
        hits[cell] += good
    gains = _gains(hits, asked)
    coins = np.random.default_rng(seed).binomial(asked, CHANCE, (draws, *asked.shape))
    beyond = sum(float(_gains(thrown, asked).max()) >= gains.max() for thrown in coins)
    p = (1 + beyond) / (1 + draws)
    if p > level or gains.max() <= 0:
        return Horizon(None, None, None, False, p)
    best = int(gains.argmax())
    plausible = np.flatnonzero(gains >= gains[best] - _DROP)
    return Horizon(
        rows[best],
        rows[int(plausible[0])],
        rows[int(plausible[-1])],
        bool(plausible[-1] == len(rows) - 1),
        p,
    )


def _gains(hits: npt.NDArray[np.int64], asked: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Log-likelihood over coins' when memory ends with each month [months]."""
    right, given = hits.cumsum(axis=0), asked.cumsum(axis=0)
    rate = np.divide(right, given, out=np.full(right.shape, CHANCE), where=given > 0)
    rate = np.maximum(rate, CHANCE)
    wrong = given - right
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = right * np.log(rate / CHANCE) + np.where(
            wrong > 0, wrong * np.log((1 - rate) / (1 - CHANCE)), 0.0
        )
    gain = np.where(np.isfinite(gain), gain, -inf)
    total: npt.NDArray[np.float64] = gain.sum(axis=1)
    return total
