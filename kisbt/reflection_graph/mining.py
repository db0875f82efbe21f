"""Which conditions separate losers from winners, and how sure that is.

The statistic is that of the gate's own test: rows are cut into blocks of consecutive sessions, a
block's sum of residual outcomes under the condition is one observation, and T is their sum over
the root of their summed squares. Blocks are as long as outcomes overlap, so overlapping holding
periods are not counted as independent. All single conditions and all pairs of two features are
asked at once (one matrix product a block), so the number of questions is known, and the false
discovery rate is controlled over all of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kisbt.domain.rules import Condition
from kisbt.reflection_graph.conditions import MARKET_WIDE, Floats, Grid, Mask, make_grid
from kisbt.reflection_graph.evidence import Evidence

Ints = NDArray[np.int64]

FEWEST_BLOCKS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Rows cut by session: ``starts`` are first rows, ``half`` the second half's first block."""

    starts: Ints
    stops: Ints
    half: int


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Per pair of conditions ``[C, C]`` (the diagonal: single ones), over all rows.

    ``support`` counts rows, ``total`` sums residuals, ``squares`` their squared block sums,
    ``blocks`` counts blocks with support, ``first`` is the total of the period's first half.
    """

    support: Floats
    total: Floats
    squares: Floats
    blocks: Floats
    first: Floats


@dataclass(frozen=True, slots=True)
class Pattern:
    """One condition, or two, under which judged names lost more than the rest.

    ``effect`` is the mean outcome under it less the mean elsewhere, ``mean`` the mean outcome
    itself; fractions. ``lift`` is its loss rate over that of all rows. ``p`` is one-sided, ``q``
    after false-discovery control over everything asked. ``stable`` tells whether both halves of
    the period say so. ``score`` is frequency x impact less one standard error: the return that
    the average judged name would be better off.
    """

    kind: str
    when: tuple[Condition, ...]
    support: int
    days: int
    share: float
    losers: int
    loss_rate: float
    lift: float
    mean: float
    effect: float
    t: float
    p: float
    q: float
    stable: bool
    score: float


def cut_blocks(day: Ints, length: int) -> Blocks:
    """Blocks of ``length`` consecutive sessions (those that have rows), in order."""
    sessions, number = np.unique(day, return_inverse=True)
    block = number // max(1, length)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    stops = np.append(starts[1:], len(day))
    half = int(np.searchsorted(block[starts], (len(sessions) // max(1, length) + 1) // 2))
    return Blocks(starts.astype(np.int64), stops.astype(np.int64), half)


def sum_blocks(grid: Grid, rows: Floats, residual: Floats, blocks: Blocks) -> Sums:
    """One pass over all rows; memory is one block of masks and a few ``[C, C]``."""
    size = len(grid.conditions)
    support, total, squares, seen, first = (np.zeros((size, size)) for _ in range(5))
    for number, (start, stop) in enumerate(
        zip(blocks.starts.tolist(), blocks.stops.tolist(), strict=True)
    ):
        masks = grid.masks(rows[start:stop]).astype(np.float32)
        weighed = masks * residual[start:stop, None].astype(np.float32)
        here = (masks.T @ masks).astype(np.float64)
        sums = (masks.T @ weighed).astype(np.float64)
        support += here
        total += sums
        squares += sums * sums
        seen += here > 0
        if number < blocks.half:
            first += sums
    return Sums(support, total, squares, seen, first)


def askable(grid: Grid, sums: Sums, least: int, most: float, count: int) -> Mask:
    """Which entries are questions: enough rows, not nearly all, two features, each pair once."""
    enough = (sums.support >= least) & (sums.support <= most * count)
    enough &= sums.blocks >= FEWEST_BLOCKS
    different = grid.column[:, None] != grid.column[None, :]
    upper = np.triu(np.ones_like(enough), 1).astype(bool) & different
    return np.asarray(enough & (upper | np.eye(len(enough), dtype=bool)))


def p_values(sums: Sums) -> tuple[Floats, Floats]:
    """T of every entry and its one-sided p: small when the condition loses."""
    from scipy.stats import t as student

    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(sums.squares > 0, sums.total / np.sqrt(sums.squares), 0.0)
        degrees = np.maximum(sums.blocks - 1, 1)
        room = np.maximum(sums.blocks - t * t, 1e-9)
        p = student.cdf(t * np.sqrt(degrees / room), degrees)
    return t, np.asarray(p)


def discovery_rates(p: Floats, asked: Mask) -> Floats:
    """Rates by Benjamini and Hochberg, over single ones and over pairs; 1 where not asked."""
    from scipy.stats import false_discovery_control

    q = np.ones_like(p)
    diagonal = np.eye(len(p), dtype=bool)
    for family in (asked & diagonal, asked & ~diagonal):
        if family.any():
            q[family] = false_discovery_control(p[family], method="bh")
    return q


def mine(
    evidence: Evidence,
    *,
    block: int,
    least: int,
    level: float,
    most: int = 6,
) -> list[Pattern]:
    """Patterns that lose, best first; each one explains what those before it did not.

    After a pattern is taken its rows carry no residual any more, so a mere companion of a true
    condition does not come up again.

    Args:
        evidence: Rows in order of time.
        block: Sessions a block; at least as long as outcomes overlap.
        least: Fewest rows under a condition.
        level: False discovery rate.
        most: Patterns at most.
    """
    if len(evidence) < 4 * least:
        return []
    outcome = evidence.outcome
    grid = make_grid(evidence.names, evidence.rows, evidence.excess, least)
    if not grid.conditions:
        return []
    blocks = cut_blocks(evidence.day, block)
    wide = np.array([c.feature in MARKET_WIDE for c in grid.conditions], dtype=bool)
    both = wide[:, None] & wide[None, :]
    left = np.ones(len(evidence))
    found: list[Pattern] = []
    own, whole = evidence.excess - evidence.excess.mean(), outcome - outcome.mean()
    while len(found) < most:
        sums = sum_blocks(grid, evidence.rows, own * left, blocks)
        if wide.any():
            # Days cannot be compared with themselves: the market's own features meet raw outcomes.
            raw = sum_blocks(grid, evidence.rows, whole * left, blocks)
            sums = Sums(
                sums.support,
                np.where(both, raw.total, sums.total),
                np.where(both, raw.squares, sums.squares),
                sums.blocks,
                np.where(both, raw.first, sums.first),
            )
        pattern, mask = _best(evidence, grid, sums, least, level, {p.when for p in found})
        if pattern is None:
            break
        found.append(pattern)
        left = np.where(mask, 0.0, left)
    return found


def _best(
    evidence: Evidence,
    grid: Grid,
    sums: Sums,
    least: int,
    level: float,
    known: set[tuple[Condition, ...]],
) -> tuple[Pattern | None, Mask]:
    asked = askable(grid, sums, least, 0.7, len(evidence))
    t, p = p_values(sums)
    q = discovery_rates(p, asked)
    score = (-sums.total - np.sqrt(sums.squares)) / len(evidence)
    stable = (sums.first < 0) & (sums.total - sums.first < 0)
    good = asked & (q <= level) & (score > 0) & stable
    order = np.argsort(np.where(good, -score, np.inf), axis=None, kind="stable")
    for flat in order[: len(known) + 1].tolist():
        i, j = divmod(flat, len(grid.conditions))
        if not good[i, j]:
            break
        when = (grid.conditions[i],) if i == j else (grid.conditions[i], grid.conditions[j])
        if when not in known:
            mask = grid.mask(evidence.rows, i) & grid.mask(evidence.rows, j)
            return describe(evidence, when, mask, float(t[i, j]), float(p[i, j]), float(q[i, j]),
                            bool(stable[i, j]), float(score[i, j])), mask  # fmt: skip
    return None, np.zeros(len(evidence), dtype=bool)


def describe(
    evidence: Evidence,
    when: tuple[Condition, ...],
    mask: Mask,
    t: float,
    p: float,
    q: float,
    stable: bool,
    score: float,
) -> Pattern:
    """Put a condition's figures together."""
    under, outside = evidence.outcome[mask], evidence.outcome[~mask]
    losers = int((under < 0).sum())
    base = float((evidence.outcome < 0).mean())
    rate = losers / max(1, len(under))
    mean = float(under.mean()) if len(under) else 0.0
    return Pattern(
        kind=evidence.kind,
        when=when,
        support=len(under),
        days=len(np.unique(evidence.day[mask])),
        share=len(under) / max(1, len(evidence)),
        losers=losers,
        loss_rate=rate,
        lift=rate / base if base else 0.0,
        mean=mean,
        effect=mean - float(outside.mean()) if len(outside) else 0.0,
        t=t,
        p=p,
        q=q,
        stable=stable,
        score=score,
    )


def question(evidence: Evidence, when: tuple[Condition, ...], mask: Mask, block: int) -> Pattern:
    """The same figures for one condition asked on purpose: ``p`` is ``q``, one question."""
    wide = all(condition.feature in MARKET_WIDE for condition in when)
    base = evidence.outcome if wide else evidence.excess
    residual = base - base.mean() if len(base) else base
    cut = cut_blocks(evidence.day, block)
    if not len(evidence):
        return describe(evidence, when, mask, 0.0, 1.0, 1.0, False, 0.0)
    sums = np.add.reduceat(residual * mask, cut.starts)
    seen = np.add.reduceat(mask.astype(np.int64), cut.starts) > 0
    one = Sums(
        np.array([[mask.sum()]], dtype=float), np.array([[sums.sum()]]),
        np.array([[(sums**2).sum()]]), np.array([[float(seen.sum())]]),
        np.array([[sums[: cut.half].sum()]]),
    )  # fmt: skip
    t, p = p_values(one)
    first, total = float(one.first[0, 0]), float(one.total[0, 0])
    score = (-total - float(np.sqrt(one.squares[0, 0]))) / len(evidence)
    stable = first < 0 and total - first < 0
    return describe(evidence, when, mask, float(t[0, 0]), float(p[0, 0]), float(p[0, 0]),
                    stable, score)  # fmt: skip
