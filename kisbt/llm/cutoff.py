"""What a model may have read: days before, around and after its knowledge cutoff, and the gap."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.evidence.bootstrap import Interval, block_length, mean_interval, resample

CutoffClass = Literal["before", "around", "after", "unknown"]

CLASSES: tuple[CutoffClass, ...] = ("before", "around", "after", "unknown")

FEWEST_DAYS = 20
"""With fewer days on either side the leak gap is not estimated."""


class ClassResult(NamedTuple):
    """A class's days: how many, their compounded return and their mean daily return with interval.

    Fractions. ``mean`` is ``None`` for a class of fewer than ``FEWEST_DAYS`` days.
    """

    days: int
    total: float
    mean: Interval | None


class CutoffResult(NamedTuple):
    """Results by class, and the leak gap: mean daily return before minus after, a fraction a day.

    ``gap`` is ``None`` when either side has fewer than ``FEWEST_DAYS`` days. A gap whose whole
    interval lies above 0 means that the model earned more on days that it may have read about.
    """

    classes: dict[CutoffClass, ClassResult]
    gap: Interval | None

    @property
    def leaks(self) -> bool:
        """Whether the gap is above 0 at the interval's level."""
        return self.gap is not None and self.gap.low > 0


def classify(day: date, cutoff: date | None, margin_days: int = 0) -> CutoffClass:
    """Class of a decision by its day.

    Args:
        day: Session of the decision.
        cutoff: Last day that the model may have read about; ``None`` when nobody knows.
        margin_days: Calendar days on both sides of the cutoff that count as ``around``, because
            declared cutoffs are not exact; 0 puts the cutoff's own day alone there.
    """
    if cutoff is None:
        return "unknown"
    margin = timedelta(days=max(0, margin_days))
    if day < cutoff - margin:
        return "before"
    return "after" if day > cutoff + margin else "around"


def count_classes(
    days: Iterable[date], cutoff: date | None, margin_days: int = 0
) -> dict[CutoffClass, int]:
    """How many of the days fall in each class, every class named."""
    counts: dict[CutoffClass, int] = dict.fromkeys(CLASSES, 0)
    for day in days:
        counts[classify(day, cutoff, margin_days)] += 1
    return counts


def by_class(
    returns: npt.NDArray[np.float64],
    days: Sequence[date],
    cutoff: date | None,
    margin_days: int = 0,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> CutoffResult:
    """Split a run's daily returns by class and measure the leak gap.

    The two sides are resampled apart, in stationary blocks whose length is estimated on each.

    Args:
        returns: Net daily returns, fractions [n]. In excess of a benchmark the gap is cleaner,
            because a bull market before the cutoff is not a leak.
        days: The session of each return [n], ascending.
        cutoff: The model's knowledge cutoff.
        margin_days: As ``classify``.
        level: Of the intervals.
        draws: Resampled histories.
        seed: Of the resampling.

    Raises:
        ValueError: as many returns as days are needed.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.shape != (len(days),):
        raise ValueError(f"{values.shape} returns for {len(days)} days")
    labels = [classify(day, cutoff, margin_days) for day in days]
    parts: dict[CutoffClass, npt.NDArray[np.float64]] = {
        kind: values[[label == kind for label in labels]] for kind in CLASSES
    }
    classes: dict[CutoffClass, ClassResult] = {}
    for kind, part in parts.items():
        if part.size:
            enough = part.size >= FEWEST_DAYS
            mean = mean_interval(part, level=level, draws=draws, seed=seed) if enough else None
            classes[kind] = ClassResult(part.size, float(np.prod(1 + part) - 1), mean)
    return CutoffResult(classes, _gap(parts["before"], parts["after"], level, draws, seed))


def _gap(
    before: npt.NDArray[np.float64],
    after: npt.NDArray[np.float64],
    level: float,
    draws: int,
    seed: int,
) -> Interval | None:
    if min(before.size, after.size) < FEWEST_DAYS:
        return None
    means = [
        resample(
            part,
            lambda sample: sample.mean(axis=1),
            mean_block=block_length(part),
            draws=draws,
            seed=seed + side,
        )
        for side, part in enumerate((before, after))
    ]
    low, high = np.quantile(means[0] - means[1], [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(before.mean() - after.mean()), float(high))
