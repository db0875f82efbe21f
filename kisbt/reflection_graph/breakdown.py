"""Figures of round trips, in all and by group. Everything is plain JSON in the end."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kisbt.data.features.catalogue import FEATURES
from kisbt.reflection_graph.trips import Floats, Trips

MOODS = (("low", -np.inf, 40.0), ("middle", 40.0, 60.0), ("high", 60.0, np.inf))
BREADTHS = (("narrow", -np.inf, 0.4), ("even", 0.4, 0.6), ("broad", 0.6, np.inf))
LEVELS = (
    ("<0.5", -np.inf, 0.5),
    ("0.5-0.7", 0.5, 0.7),
    ("0.7-0.9", 0.7, 0.9),
    (">=0.9", 0.9, np.inf),
)
BUCKETS = 4
MOST_GROUPS = 200

Group = dict[str, Any]


def figures(trips: Trips, rows: NDArray[np.int64] | None = None) -> Group:
    """Count, win rate, means, profit factor, worst loss, holding time of some trips.

    ``win_rate`` is trips above zero over all; returns are fractions after costs. What cannot be
    computed (no loser, no result yet) is ``None``.
    """
    index = np.arange(len(trips)) if rows is None else rows
    result, pnl = trips.result[index], trips.pnl[index]
    gains, losses = int(pnl[pnl > 0].sum()), -int(pnl[pnl < 0].sum())
    return {
        "trips": len(index),
        "winners": int((pnl > 0).sum()),
        "losers": int((pnl < 0).sum()),
        "win_rate": _mean(pnl > 0),
        "mean_return": _mean(result),
        "pnl": int(pnl.sum()),
        "profit_factor": gains / losses if losses else None,
        "worst_return": _rounded(result.min()) if len(result) else None,
        "worst_pnl": int(pnl.min()) if len(pnl) else None,
        "best_return": _rounded(result.max()) if len(result) else None,
        "mean_days": _mean(trips.days[index]),
        "mean_7_days": _mean(trips.week[index]),
        "mean_30_days": _mean(trips.month[index]),
    }


def breakdown(trips: Trips) -> dict[str, list[Group]]:
    """The same figures by name, regime, feature bucket, rule, confidence and so on."""
    return {
        "name": _by(trips, trips.ticker),
        "regime": [*_ranged(trips, "market_mood", MOODS), *_ranged(trips, "breadth", BREADTHS)],
        "feature": [group for name in trips.names for group in _buckets(trips, name)],
        "rule": _by_rule(trips),
        "confidence": list(_levels(trips, trips.confidence)),
        "agreement": list(_levels(trips, trips.agreement)),
        "prompt": _by(trips, ["?" if p is None else str(p) for p in trips.prompt]),
        "mode": _by(trips, trips.mode),
    }


def best_and_worst(trips: Trips, count: int) -> tuple[list[Group], list[Group]]:
    """Trips with the best and the worst return, each with its reasons and what was seen."""
    order = np.argsort(trips.result, kind="stable").tolist()
    worst = [_told(trips, i) for i in order[:count] if trips.pnl[i] < 0]
    best = [_told(trips, i) for i in order[::-1][:count] if trips.pnl[i] > 0]
    return best, worst


def _told(trips: Trips, i: int) -> Group:
    seen = zip(trips.names, trips.features[i].tolist(), strict=True)
    return {
        "trades": [*trips.entries[i], *trips.exits[i]],
        "entry": trips.entries[i][0],
        "run": trips.run[i],
        "ticker": trips.ticker[i],
        "opened": trips.opened[i],
        "closed": trips.closed[i],
        "return": _rounded(trips.result[i]),
        "pnl": int(trips.pnl[i]),
        "days": int(trips.days[i]),
        "justification": trips.justification[i],
        "why_left": trips.why_left[i],
        "rules": list(trips.rules[i]),
        "snapshot": {name: value for name, value in seen if value == value},
    }


def _by(trips: Trips, keys: Sequence[str]) -> list[Group]:
    if not len(trips):
        return []
    labels, number = np.unique(np.array(keys), return_inverse=True)
    groups = [
        {"key": str(label), **figures(trips, np.flatnonzero(number == i))}
        for i, label in enumerate(labels)
    ]
    return sorted(groups, key=lambda group: (group["pnl"], group["key"]))[:MOST_GROUPS]


def _by_rule(trips: Trips) -> list[Group]:
    named: dict[str, list[int]] = {}
    for i, rules in enumerate(trips.rules):
        for rule in rules or ("-",):
            named.setdefault(rule, []).append(i)
    return [{"key": key, **figures(trips, np.array(named[key]))} for key in sorted(named)]


def _ranged(trips: Trips, name: str, ranges: Sequence[tuple[str, float, float]]) -> Iterator[Group]:
    if name in trips.names:
        values = trips.features[:, trips.names.index(name)]
        for label, low, high in ranges:
            rows = np.flatnonzero((values >= low) & (values < high))
            if len(rows):
                yield {"key": f"{name}:{label}", **figures(trips, rows)}


def _levels(trips: Trips, values: Floats) -> Iterator[Group]:
    for label, low, high in LEVELS:
        rows = np.flatnonzero((values >= low) & (values < high))
        if len(rows):
            yield {"key": label, **figures(trips, rows)}


_WIDE = {f.name for f in FEATURES if f.unit == "flag"}


def _buckets(trips: Trips, name: str) -> Iterator[Group]:
    """Quarters of the trips by one feature's value."""
    values = trips.features[:, trips.names.index(name)]
    known = values[~np.isnan(values)]
    if name in _WIDE or len(known) < BUCKETS * 5:
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BUCKETS + 1)))
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        last = high == edges[-1]
        inside = (values >= low) & ((values <= high) if last else (values < high))
        rows = np.flatnonzero(inside)
        if len(rows):
            yield {
                "key": f"{name}:{low:.4g}..{high:.4g}", "feature": name, "low": low, "high": high,
                **figures(trips, rows),
            }  # fmt: skip


def _mean(values: NDArray[Any]) -> float | None:
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return _rounded(known.mean()) if len(known) else None


def _rounded(value: Any) -> float:
    return round(float(value), 10) + 0.0
