"""From a pattern to an insight: matched controls, the trades behind it, what else would have been.

A matched control is a judged name of the same day (or nearly) with the same features otherwise,
to which the condition did not apply. Without them every loss in a falling market has a reason.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from kisbt.reflection_graph.conditions import Floats, Mask, holds
from kisbt.reflection_graph.evidence import FATES, Evidence
from kisbt.reflection_graph.mining import Pattern
from kisbt.reflection_graph.trips import Trips

MOST_MATCHED = 2_000
MOST_CONTROLS = 10_000
SHOWN_TRADES = 20
SHOWN_PAIRS = 3

Insight = dict[str, Any]


def insight_id(kind: str, when: Sequence[Any]) -> str:
    """The same for the same condition on the same kind of row, in any reflection."""
    said = sorted(f"{c.feature}{c.op}{c.value!r}" for c in when)
    return "I-" + hashlib.sha256(f"{kind}|{'|'.join(said)}".encode()).hexdigest()[:8]


def make_insight(
    pattern: Pattern, evidence: Evidence, trips: Trips, *, block: int, seed: int
) -> Insight:
    """Everything that is known of one pattern, as plain JSON."""
    mask = holds(pattern.when, evidence.names, evidence.rows)
    under = _trips_under(pattern, evidence, mask, trips)
    results = trips.result[under]
    fates = {name: int((evidence.fate[mask] == number).sum()) for number, name in enumerate(FATES)}
    losers = sorted(under, key=lambda i: (trips.result[i], trips.entries[i]))
    return {
        "id": insight_id(pattern.kind, pattern.when),
        "kind": pattern.kind,
        "when": [c.model_dump() for c in pattern.when],
        **{
            name: getattr(pattern, name)
            for name in ("support", "days", "share", "losers", "loss_rate", "lift", "mean",
                         "effect", "t", "p", "q", "stable")
        },
        "frequency": pattern.share,
        "impact": -pattern.effect,
        "priority": pattern.score,
        "fates": fates,
        "trips": len(under),
        "losing_trips": int((results < 0).sum()),
        "trip_mean": float(results.mean()) if len(under) else None,
        "trades": [trips.entries[i][0] for i in losers[:SHOWN_TRADES]],
        "matched": matched_controls(pattern, evidence, mask, block=block, seed=seed),
    }  # fmt: skip


def _trips_under(pattern: Pattern, evidence: Evidence, mask: Mask, trips: Trips) -> list[int]:
    """Round trips that the condition touched: at their entry, or while they were held."""
    if not len(trips):
        return []
    if pattern.kind == "entry":
        return np.flatnonzero(holds(pattern.when, trips.names, trips.features)).tolist()
    hit: dict[str, list[str]] = {}
    for i in np.flatnonzero(mask).tolist():
        at, ticker = evidence.place[i].split("|")
        hit.setdefault(ticker, []).append(at)
    found = []
    for i, ticker in enumerate(trips.ticker):
        times = hit.get(ticker, [])
        first = bisect_left(times, trips.entered_at[i])
        if first < len(times) and times[first] < trips.left_at[i]:
            found.append(i)
    return found


def matched_controls(
    pattern: Pattern, evidence: Evidence, mask: Mask, *, block: int, seed: int
) -> dict[str, Any] | None:
    """Compare rows under the condition with their nearest neighbours outside it.

    Nearness is over all other features, in standard deviations, and the day: a block apart counts
    as three deviations. ``opposite`` shows losers beside their nearest winner of the same day.
    ``None`` when there is nobody to compare with.
    """
    from sklearn.neighbors import NearestNeighbors

    dice = np.random.default_rng(seed)
    inside = _some(np.flatnonzero(mask), MOST_MATCHED, dice)
    outside = _some(np.flatnonzero(~mask), MOST_CONTROLS, dice)
    if len(inside) < 5 or len(outside) < 5:
        return None
    others = [i for i, n in enumerate(evidence.names) if n not in {c.feature for c in pattern.when}]
    space = _space(evidence.rows[:, others], evidence.day, block)
    search = NearestNeighbors(n_neighbors=1).fit(space[outside])
    nearest = outside[search.kneighbors(space[inside], return_distance=False)[:, 0]]
    gaps = evidence.excess[inside] - evidence.excess[nearest]
    return {
        "pairs": len(inside),
        "effect": float(gaps.mean()),
        "worse_share": float((gaps < 0).mean()),
        "opposite": _opposite(evidence, space, mask),
    }


def _opposite(evidence: Evidence, space: Floats, mask: Mask) -> list[dict[str, Any]]:
    """Worst losers under the condition, each beside the day's nearest winner outside it."""
    found = []
    losers = np.flatnonzero(mask & (evidence.outcome < 0))
    for i in losers[np.argsort(evidence.outcome[losers], kind="stable")].tolist():
        same = np.flatnonzero((evidence.day == evidence.day[i]) & ~mask & (evidence.outcome > 0))
        if len(same):
            distance = ((space[same] - space[i]) ** 2).sum(axis=1)
            j = int(same[int(np.argmin(distance))])
            found.append(
                {"loser": evidence.place[i], "outcome": float(evidence.outcome[i]),
                 "control": evidence.place[j], "control_outcome": float(evidence.outcome[j])}
            )  # fmt: skip
        if len(found) == SHOWN_PAIRS:
            break
    return found


def _some(index: np.ndarray, most: int, dice: np.random.Generator) -> np.ndarray:
    if len(index) <= most:
        return index
    return np.sort(dice.choice(index, most, replace=False))


def _space(rows: Floats, day: np.ndarray, block: int) -> Floats:
    """Standardised features, unknown ones in the middle, and the day."""
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0.0).sum(axis=0) / count
    centred = np.where(known, rows - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    scaled = np.clip(centred / np.where(spread > 0, spread, 1.0), -5, 5)
    return np.column_stack([scaled, (day - day.min()) * (3.0 / max(1, block))])


def counterfactuals(evidence: Evidence) -> list[dict[str, Any]]:
    """What traded, rejected and skipped names earned, and rejected ones by what rejected them."""
    rows = [_fate(name, evidence, evidence.fate == number) for number, name in enumerate(FATES)]
    reasons: dict[str, list[int]] = {}
    for i in np.flatnonzero(evidence.fate == FATES.index("rejected")).tolist():
        for reason in orjson.loads(evidence.by[i]):
            reasons.setdefault(reason, []).append(i)
    for reason in sorted(reasons):
        mask = np.zeros(len(evidence), dtype=bool)
        mask[reasons[reason]] = True
        rows.append(_fate(f"rejected by {reason}", evidence, mask))
    return [row for row in rows if row["rows"]]


def _fate(name: str, evidence: Evidence, mask: Mask) -> dict[str, Any]:
    outcome = evidence.outcome[mask]
    return {
        "fate": name,
        "rows": len(outcome),
        "mean": float(outcome.mean()) if len(outcome) else None,
        "loss_rate": float((outcome < 0).mean()) if len(outcome) else None,
    }
