"""Conditions as masks over rows of features, and the grid of those worth asking about."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.rules import Condition

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

LEARNABLE: tuple[str, ...] = tuple(f.name for f in FEATURES if f.history and f.unit != "flag")
"""Features a rule may be learnt over: with history, and more than a flag."""

MARKET_WIDE: frozenset[str] = frozenset(f.name for f in FEATURES if f.market_wide)


class Grid(NamedTuple):
    """Conditions to ask about: ``column`` is the feature's column, ``low`` true for ``<``."""

    conditions: list[Condition]
    column: NDArray[np.int64]
    value: Floats
    low: Mask

    @property
    def wide(self) -> Mask:
        """Which conditions are about the market as a whole, ``[C]``."""
        return np.array([c.feature in MARKET_WIDE for c in self.conditions], dtype=bool)

    def masks(self, rows: Floats) -> Mask:
        """Which condition holds for which row, ``[n, C]``; a missing value satisfies nothing."""
        seen = rows[:, self.column]
        below = seen < self.value
        return np.asarray(np.where(self.low, below, seen >= self.value))

    def mask(self, rows: Floats, index: int) -> Mask:
        """Where one condition holds, ``[n]``."""
        seen = rows[:, self.column[index]]
        value = self.value[index]
        return np.asarray(seen < value if self.low[index] else seen >= value)


def holds(conditions: Sequence[Condition], names: Sequence[str], rows: Floats) -> Mask:
    """Whether all ``conditions`` hold, for features in the last axis of ``rows``."""
    found = np.ones(rows.shape[:-1], dtype=bool)
    for condition in conditions:
        found &= holds_one(condition, names, rows)
    return found


def holds_one(condition: Condition, names: Sequence[str], rows: Floats) -> Mask:
    """One condition; a feature that is not there, or has no value, satisfies nothing."""
    if condition.feature not in names:
        return np.zeros(rows.shape[:-1], dtype=bool)
    seen = rows[..., list(names).index(condition.feature)]
    value = condition.value
    match condition.op:
        case ">=":
            return np.asarray(seen >= value)
        case ">":
            return np.asarray(seen > value)
        case "<=":
            return np.asarray(seen <= value)
        case "<":
            return np.asarray(seen < value)
        case "==":
            return np.asarray(seen == value)
        case "!=":
            return np.asarray((seen != value) & ~np.isnan(seen))


def readable(value: float) -> float:
    """The value to three significant digits: a rule is read by people."""
    return float(f"{value:.3g}") + 0.0


def make_grid(names: Sequence[str], rows: Floats, outcome: Floats, least: int) -> Grid:
    """Thresholds of every feature: quantiles of ``rows``, and where a decision stump cuts.

    Args:
        names: Features by column.
        rows: ``[n, F]``.
        outcome: What the stump explains, ``[n]``.
        least: Rows that must lie on each side of a threshold.
    """
    conditions: list[Condition] = []
    columns: list[int] = []
    for column, name in enumerate(names):
        seen = rows[:, column]
        known = ~np.isnan(seen)
        if name not in LEARNABLE or known.sum() < 2 * least:
            continue
        values = seen[known]
        cuts = {readable(cut) for cut in np.quantile(values, QUANTILES)}
        cuts |= {readable(cut) for cut in _stump(values, outcome[known], least)}
        for cut in sorted(cuts):
            above = int((values >= cut).sum())
            if above >= least and len(values) - above >= least:
                conditions += [
                    Condition(feature=name, op=">=", value=cut),
                    Condition(feature=name, op="<", value=cut),
                ]
                columns += [column, column]
    return Grid(
        conditions,
        np.array(columns, dtype=np.int64),
        np.array([c.value for c in conditions]),
        np.array([c.op == "<" for c in conditions], dtype=bool),
    )


def _stump(values: Floats, outcome: Floats, least: int) -> list[float]:
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(max_depth=2, min_samples_leaf=least, random_state=0)
    tree.fit(values[:, None].astype(np.float32), outcome)
    cuts: list[float] = tree.tree_.threshold[tree.tree_.feature >= 0].tolist()
    return cuts
