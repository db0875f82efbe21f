"""What a change would have done on the development rows, slice by slice, without a replay.

This only ranks proposals (GEPA's inner loop); nothing is promoted on it. A slice is a third of the
days by market mood, in one half of the period. A blocked buy leaves its place to the next name, so
its gain is the outcome of the average judged name less its own: to forbid everything gains nothing,
however bad the days were. A forced exit leaves cash, or what the average position did where that
was worse.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kisbt.domain.rules import EffectKind, Rule
from kisbt.reflection_graph.conditions import Floats, Mask, holds
from kisbt.reflection_graph.evidence import Evidence
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.proposals import Proposal


class Score(NamedTuple):
    """What a change would have done.

    ``gains`` by slice: the return a judged row would be better off. ``changed`` is the share of
    decisions that differ, ``dates`` how many days have one, ``fires`` how many rows.
    """

    gains: tuple[float, ...]
    changed: float
    dates: int
    fires: int

    @property
    def total(self) -> float:
        """Mean gain over slices."""
        return float(np.mean(self.gains)) if self.gains else 0.0

    def beats(self, other: "Score") -> bool:
        """At least as good on every slice and better on one."""
        pairs = list(zip(self.gains, other.gains, strict=True))
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def weight_taken(rule: Rule, rows: Evidence, target: float) -> Floats:
    """The share of a full position that ``rule`` takes away, a row, 0..1."""
    mask = holds(rule.when, rows.names, rows.rows)
    kind, value = rule.then.kind, rule.then.value
    if kind is EffectKind.SCALE_SIZE:
        share = 1.0 - (value or 0.0)
    elif kind is EffectKind.CAP_WEIGHT:
        share = max(0.0, 1.0 - (value or 0.0) / target)
    elif kind is EffectKind.REQUIRE_APPROVAL:
        share = 0.0
    else:
        share = 1.0
    return np.asarray(mask * share)


def score(proposal: Proposal, champion: Sequence[Rule], material: Material) -> Score:
    """Compare the champion's rules with and without the change, on entries or holdings."""
    touched = proposal.rule or next(r for r in champion if r.id == proposal.removes)
    holding = touched.then.kind is EffectKind.FORCE_EXIT
    rows = material.holdings if holding else material.entries
    if not len(rows):
        return Score((), 0.0, 0, 0)
    target = material.policy.target_weight
    before = _taken(champion, rows, target, holding)
    after = _taken(proposal.apply(champion), rows, target, holding)
    moved = after - before
    usual = float(rows.outcome.mean())
    base = min(0.0, usual) if holding else usual
    gain = moved * (base - rows.outcome)
    different = np.abs(moved) > 1e-12
    changed, dates = _changed(rows, different, holding)
    gains = tuple(float(gain[mask].sum() / mask.sum()) for mask in slices(rows) if mask.any())
    return Score(gains, changed, dates, int(different.sum()))


def _taken(rules: Sequence[Rule], rows: Evidence, target: float, holding: bool) -> Floats:
    taken = np.zeros(len(rows))
    for rule in rules:
        if (rule.then.kind is EffectKind.FORCE_EXIT) or not holding:
            taken = np.maximum(taken, weight_taken(rule, rows, target))
    return taken


def _changed(rows: Evidence, different: Mask, holding: bool) -> tuple[float, int]:
    """Share of decisions; of holdings: share of names-in-a-row, since one exit ends the rest."""
    dates = len(np.unique(rows.day[different]))
    if not holding:
        return float(different.mean()), dates
    tickers = [place.partition("|")[2] for place in rows.place]
    spells: set[tuple[str, int]] = set()
    hit: set[tuple[str, int]] = set()
    last: dict[str, tuple[int, int]] = {}
    for i, (ticker, day) in enumerate(zip(tickers, rows.day.tolist(), strict=True)):
        number, before = last.get(ticker, (0, -99))
        number += day - before > 7  # a week without a row: another position
        last[ticker] = (number, day)
        spells.add((ticker, number))
        if different[i]:
            hit.add((ticker, number))
    return len(hit) / len(spells), dates


def slices(rows: Evidence) -> list[Mask]:
    """Thirds by market mood times halves of the period; only halves without a mood."""
    middle = (rows.day.min() + rows.day.max()) / 2
    halves = [rows.day <= middle, rows.day > middle]
    if "market_mood" not in rows.names:
        return [np.asarray(half) for half in halves]
    mood = rows.rows[:, rows.names.index("market_mood")]
    known = mood[~np.isnan(mood)]
    if not len(known):
        return [np.asarray(half) for half in halves]
    low, high = np.quantile(known, (1 / 3, 2 / 3))
    thirds = [~(mood > low), (mood > low) & (mood <= high), mood > high]
    return [np.asarray(half & third) for half in halves for third in thirds]
