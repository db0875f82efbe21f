"""Is a condition that loses only one half of the reason?

Where the reason is two conditions at once, the first alone loses nearly as much when the second
takes few rows away, and the plainer one would be told. So the rows under the first are asked again:
does a second one separate losers from the rest among them? If the first were the whole reason its
rows would lose alike, whatever else holds. The statistic is that of all questions: sums over blocks
of sessions, T, and a false discovery rate over all second conditions that were asked about.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from kisbt.reflection_graph.conditions import Floats, Grid, Mask
from kisbt.reflection_graph.evidence import Evidence

Ints = NDArray[np.int64]


def one_sided(t: Floats, blocks: Floats | int) -> Floats:
    """Chance of so low a T (total over root of squared block sums) when nothing is there.

    Args:
        t: Any shape.
        blocks: How many have support, of the same shape or one for all.
    """
    from scipy.stats import t as student

    degrees = np.maximum(blocks - 1, 1)
    room = np.maximum(blocks - t * t, 1e-9)
    return np.asarray(student.cdf(t * np.sqrt(degrees / room), degrees))


def second_half(
    evidence: Evidence,
    grid: Grid,
    first: int,
    pairs: Collection[int],
    there: Mask,
    block: Ints,
    *,
    least: int,
    level: float,
) -> int | None:
    """The second condition that separates best under ``first``; ``None`` when none does.

    Rows under both must lose more than the other rows under ``first``, at the false discovery
    ``level`` over all second conditions.

    Args:
        evidence: Rows in order of time.
        grid: All conditions.
        first: Which of them loses.
        pairs: Conditions that lose together with it; others are asked about, not chosen.
        there: Rows that no earlier pattern explains, ``[n]``.
        block: Number of each row's block of sessions, ``[n]``.
        least: Fewest rows with and without the second condition.
        level: False discovery rate.
    """
    from scipy.stats import false_discovery_control

    if not pairs:
        return None
    under = np.flatnonzero(grid.mask(evidence.rows, first) & there)
    if not len(under):
        return None
    both = grid.masks(evidence.rows[under])
    count = both.sum(axis=0)
    asked = (count >= least) & (len(under) - count >= least)
    asked &= grid.column != grid.column[first]
    if not asked.any():
        return None
    number = np.unique(block[under], return_inverse=True)[1]
    t = np.zeros(len(asked))
    for wide in (False, True):
        mine = _same_kind(grid, first, wide) & asked
        base = evidence.outcome if wide else evidence.excess
        if mine.any():
            t[mine] = _contrast(base[under], both[:, mine], number)
    p = one_sided(t, number.max() + 1)
    q = np.ones(len(asked))
    q[asked] = false_discovery_control(p[asked], method="bh")
    chosen = asked & (q <= level) & np.isin(np.arange(len(asked)), list(pairs))
    if not chosen.any():
        return None
    return int(np.argmin(np.where(chosen, t, np.inf)))


def _same_kind(grid: Grid, first: int, wide: bool) -> Mask:
    """Conditions that are compared by raw outcomes with ``first`` (both of the market), or not."""
    own = grid.wide
    return np.asarray((own & own[first]) == wide)


def _contrast(values: Floats, both: Mask, number: Ints) -> Floats:
    """T of each second condition: the mean outcome with it less the mean without it.

    Args:
        values: Outcomes under the first condition, ``[n]``.
        both: Where the second holds, ``[n, C]``.
        number: Block of each row, from 0.
    """
    one = both.astype(np.float64)
    count = one.sum(axis=0)
    weight = one / count - (1.0 - one) / (len(values) - count)
    # Around the common mean, which is 0 if all rows lose alike.
    weighted = weight * (values - values.mean())[:, None]
    sums = np.zeros((number.max() + 1, both.shape[1]))
    np.add.at(sums, number, weighted)
    squares = (sums**2).sum(axis=0)
    return np.asarray(sums.sum(axis=0) / np.sqrt(np.maximum(squares, 1e-30)))
