"""Which conditions separate losers from winners, and how sure that is.

The statistic is that of the gate's own test: rows are cut into blocks of consecutive sessions, a
block's sum of residual outcomes under the condition is one observation, and T is their sum over
the root of their summed squares. Blocks are as long as outcomes overlap, so overlapping holding
periods are not counted as independent. All single conditions and all pairs of two features are
asked at once (one matrix product a block), so the number of questions is known, and the false
discovery rate is controlled over all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kisbt.domain.rules import Condition
from kisbt.reflection_graph.conditions import MARKET_WIDE, Floats, Grid, Mask, make_grid
from kisbt.reflection_graph.evidence import Evidence
from kisbt.reflection_graph.halves import one_sided, second_half

Ints = NDArray[np.int64]

FEWEST_BLOCKS = 8

PAIR_GAIN, PAIR_ROWS = 1.15, 0.85
"""A pair must score this much more than its better half, on at most this share of its rows."""


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


RIVALS, RIVAL_SCORE, RIVAL_OVERLAP = 2, 0.7, 0.5
"""Rivals told beside a pattern at most; their least score and overlap, as shares of its own."""

MOST_ROWS = 0.7
"""A condition that holds for more of the rows than this separates nothing."""


def cut_blocks(day: Ints, length: int) -> Blocks:
    """Blocks of ``length`` consecutive sessions (those that have rows), in order."""
    sessions, number = np.unique(day, return_inverse=True)
    block = number // max(1, length)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    stops = np.append(starts[1:], len(day))
    half = int(np.searchsorted(block[starts], (len(sessions) // max(1, length) + 1) // 2))
    return Blocks(starts.astype(np.int64), stops.astype(np.int64), half)


def count_blocks(masks: Sequence[Mask]) -> tuple[Floats, Floats]:
    """Rows under every pair of conditions, and blocks that have some, ``[C, C]`` each.

    Args:
        masks: ``[rows, C]`` by block.
    """
    size = masks[0].shape[1]
    support, seen = np.zeros((size, size)), np.zeros((size, size))
    for mask in masks:
        one = mask.astype(np.float32)
        here = (one.T @ one).astype(np.float64)
        support += here
        seen += here > 0
    return support, seen


def sum_blocks(
    masks: Sequence[Mask], residuals: Sequence[Floats], half: int
) -> tuple[Floats, Floats, Floats]:
    """Residuals under every pair: their total, squared block sums, and the first half's total."""
    size = masks[0].shape[1]
    total, squares, first = (np.zeros((size, size)) for _ in range(3))
    for number, (mask, residual) in enumerate(zip(masks, residuals, strict=True)):
        one = mask.astype(np.float32)
        sums = (one.T @ (one * residual[:, None].astype(np.float32))).astype(np.float64)
        total += sums
        squares += sums * sums
        if number < half:
            first += sums
    return total, squares, first


def askable(grid: Grid, sums: Sums, least: int, most: float, count: int) -> Mask:
    """Which entries are questions: enough rows, not nearly all, two features, each pair once."""
    enough = (sums.support >= least) & (sums.support <= most * count)
    enough &= sums.blocks >= FEWEST_BLOCKS
    different = grid.column[:, None] != grid.column[None, :]
    upper = np.triu(np.ones_like(enough), 1).astype(bool) & different
    return np.asarray(enough & (upper | np.eye(len(enough), dtype=bool)))


def p_values(sums: Sums, asked: Mask) -> tuple[Floats, Floats]:
    """T of every entry, and its one-sided p where ``asked``: small when the condition loses."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(sums.squares > 0, sums.total / np.sqrt(sums.squares), 0.0)
    p = np.ones_like(t)
    p[asked] = one_sided(t[asked], sums.blocks[asked])
    return t, p


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
    condition does not come up again; what explains the same rows nearly as well is told as its
    rival, right behind it. So are a condition and the pair that it is one half of (``halves``).

    Args:
        evidence: Rows in order of time.
        block: Sessions a block; at least as long as outcomes overlap.
        least: Fewest rows under a condition.
        level: False discovery rate.
        most: Patterns at most.
    """
    if len(evidence) < 4 * least:
        return []
    grid = make_grid(evidence.names, evidence.rows, evidence.excess, least)
    if not grid.conditions:
        return []
    blocks = cut_blocks(evidence.day, block)
    number = np.searchsorted(blocks.starts, np.arange(len(evidence)), side="right") - 1
    left = np.ones(len(evidence))
    found: list[Pattern] = []
    asker = _Asker(evidence, grid, blocks)
    while len(found) < most:
        losing, worth = _losing(evidence, grid, asker.sums(left), least, level)
        ranked = [one for one in losing if worth[one.i, one.j]]
        known: set[frozenset[tuple[str, str]]] = {
            frozenset((c.feature, c.op) for c in one.when) for one in found
        }
        first = next((r for r in ranked if _key(grid, r) not in known), None)
        if first is None:
            break
        pairs = _pairs_of(losing, first) if first.i == first.j else {}
        other = second_half(
            evidence, grid, first.i, pairs, left > 0, number, least=least, level=level
        )
        if other is not None and _key(grid, pairs[other]) not in known:
            two = sorted((pairs[other], first), key=lambda one: -one.score)
            first, ranked = two[0], [two[1], *(one for one in ranked if one not in two)]
        mask = _mask(grid, evidence, first)
        found.append(_pattern(evidence, grid, first, mask))
        known.add(_key(grid, first))
        found += _rivals(evidence, grid, ranked, first, mask, known)
        left = np.where(mask, 0.0, left)
    return found[:most]


class _Asker:
    """The masks of all conditions by block, asked again for each pattern."""

    def __init__(self, evidence: Evidence, grid: Grid, blocks: Blocks) -> None:
        self._spans = [
            slice(*span) for span in zip(blocks.starts.tolist(), blocks.stops.tolist(), strict=True)
        ]
        self._masks = [grid.masks(evidence.rows[span]) for span in self._spans]
        self._half = blocks.half
        self._support, self._seen = count_blocks(self._masks)
        self._wide = np.flatnonzero(grid.wide)
        self._own = evidence.excess - evidence.excess.mean()
        self._whole = evidence.outcome - evidence.outcome.mean()

    def sums(self, left: Floats) -> Sums:
        """Sums with the residuals of explained rows (``left`` 0) taken out."""
        residuals = self._by_block(self._own * left)
        total, squares, first = sum_blocks(self._masks, residuals, self._half)
        if len(self._wide):
            # Days cannot be compared with themselves: the market's own features meet raw outcomes.
            both = np.ix_(self._wide, self._wide)
            few = [mask[:, self._wide] for mask in self._masks]
            raw = sum_blocks(few, self._by_block(self._whole * left), self._half)
            total[both], squares[both], first[both] = raw
        return Sums(self._support, total, squares, self._seen, first)

    def _by_block(self, values: Floats) -> list[Floats]:
        return [values[span] for span in self._spans]


class _Ranked(NamedTuple):
    """A question that was answered with yes: conditions ``i`` and ``j`` (equal: one alone)."""

    i: int
    j: int
    t: float
    p: float
    q: float
    score: float


def _losing(
    evidence: Evidence, grid: Grid, sums: Sums, least: int, level: float
) -> tuple[list[_Ranked], Mask]:
    """Everything that loses at the false discovery ``level``, best score first.

    With it which pairs ``[C, C]`` say enough more than their halves to stand for themselves.
    """
    asked = askable(grid, sums, least, MOST_ROWS, len(evidence))
    t, p = p_values(sums, asked)
    q = discovery_rates(p, asked)
    score = (-sums.total - np.sqrt(sums.squares)) / len(evidence)
    stable = (sums.first < 0) & (sums.total - sums.first < 0)
    i, j = np.nonzero(asked & (q <= level) & (score > 0) & stable)
    order = np.argsort(-score[i, j], kind="stable")
    found = [
        _Ranked(a, b, float(t[a, b]), float(p[a, b]), float(q[a, b]), float(score[a, b]))
        for a, b in zip(i[order].tolist(), j[order].tolist(), strict=True)
    ]
    return found, _worth_two(sums, score)


def _pairs_of(losing: Sequence[_Ranked], half: _Ranked) -> dict[int, _Ranked]:
    """Pairs that lose with the single condition ``half`` in them, by the other condition."""
    return {
        one.i + one.j - half.i: one
        for one in losing
        if one.i != one.j and half.i in (one.i, one.j) and one.score >= RIVAL_SCORE * half.score
    }


def _rivals(
    evidence: Evidence,
    grid: Grid,
    ranked: Sequence[_Ranked],
    first: _Ranked,
    mask: Mask,
    known: set[frozenset[tuple[str, str]]],
) -> list[Pattern]:
    """Conditions on other features that explain the same rows nearly as well.

    Which of them is the reason the rows cannot tell; a trial of each can.
    """
    found: list[Pattern] = []
    for one in ranked:
        if one.score < RIVAL_SCORE * first.score or len(found) == RIVALS:
            break
        if _key(grid, one) in known:
            continue
        other = _mask(grid, evidence, one)
        if (other & mask).sum() >= RIVAL_OVERLAP * min(other.sum(), mask.sum()):
            found.append(_pattern(evidence, grid, one, other))
            known.add(_key(grid, one))
    return found


def _mask(grid: Grid, evidence: Evidence, one: _Ranked) -> Mask:
    return grid.mask(evidence.rows, one.i) & grid.mask(evidence.rows, one.j)


def _key(grid: Grid, one: _Ranked) -> frozenset[tuple[str, str]]:
    """Features and directions, whatever the thresholds."""
    return frozenset((grid.conditions[k].feature, grid.conditions[k].op) for k in (one.i, one.j))


def _pattern(evidence: Evidence, grid: Grid, one: _Ranked, mask: Mask) -> Pattern:
    i, j = one.i, one.j
    when = (grid.conditions[i],) if i == j else (grid.conditions[i], grid.conditions[j])
    return describe(evidence, when, mask, one.t, one.p, one.q, True, one.score)


def _worth_two(sums: Sums, score: Floats) -> Mask:
    """Pairs that say clearly more than either condition alone; single ones always do."""
    alone = np.maximum(score.diagonal(), 0.0)
    rows = sums.support.diagonal()
    more = score > PAIR_GAIN * np.maximum(alone[:, None], alone[None, :])
    narrower = sums.support <= PAIR_ROWS * np.minimum(rows[:, None], rows[None, :])
    return np.asarray((more & narrower) | np.eye(len(score), dtype=bool))


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
    t, p = p_values(one, np.ones((1, 1), dtype=bool))
    first, total = float(one.first[0, 0]), float(one.total[0, 0])
    score = (-total - float(np.sqrt(one.squares[0, 0]))) / len(evidence)
    stable = first < 0 and total - first < 0
    return describe(evidence, when, mask, float(t[0, 0]), float(p[0, 0]), float(p[0, 0]),
                    stable, score)  # fmt: skip
