"""What there is to learn from, as rows: every name judged, and every name held, with what came.

Entry rows are buys that were decided (traded, clipped or rejected) and names that the champion's
own entry conditions let through but nobody bought: field.md calls it the wider question list.
Holding rows are positions at the close of a bar, with what was still to come until their exit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kisbt.journal.learning import Judged
from kisbt.reflection_graph.conditions import Floats, Mask, holds, holds_one
from kisbt.reflection_graph.panel import Panel
from kisbt.reflection_graph.trips import Trips
from kisbt.rulebook.version import Policy

Kind = Literal["entry", "holding"]

TRADED, REJECTED, SKIPPED = 0, 1, 2
FATES = ("traded", "rejected", "skipped")
"""What became of a judged name: bought, turned down by node 4, or not asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """``n`` rows in order of time, one a name and time.

    ``rows`` is ``[n, F]``. ``outcome`` is the return that followed, a fraction, net of costs
    (entries); ``excess`` is the same less what the whole market did. ``day`` is a session's
    ordinal (days since 1970), ``place`` is ``at|ticker``. ``fate`` indexes ``FATES``; ``by`` names
    what rejected a row.
    """

    kind: Kind
    names: tuple[str, ...]
    rows: Floats
    outcome: Floats
    excess: Floats
    day: NDArray[np.int64]
    place: list[str]
    fate: NDArray[np.int8]
    by: list[str]

    def __len__(self) -> int:
        return len(self.outcome)

    def where(self, keep: Mask) -> "Evidence":
        """Only the rows where ``keep`` holds."""
        index = np.flatnonzero(keep)
        return Evidence(
            self.kind, self.names, self.rows[index], self.outcome[index], self.excess[index],
            self.day[index], [self.place[i] for i in index], self.fate[index],
            [self.by[i] for i in index],
        )  # fmt: skip


def candidates(panel: Panel, policy: Policy) -> Mask:
    """Names that the policy would consider buying, by its market, entry and avoid lines, [T, N]."""
    names, rows = panel.names, panel.features
    found = holds((*policy.market, *policy.entry), names, rows)
    for condition in policy.avoid:
        found &= ~holds_one(condition, names, rows)
    return found


def entry_evidence(
    panels: Sequence[Panel],
    judged: dict[str, list[tuple[Judged, bool]]],
    policy: Policy,
    horizon: int,
    cost: float,
) -> Evidence:
    """Entry rows of all markets; ``judged`` by market, with whether the buy was filled.

    Args:
        panels: The markets.
        judged: Buys that were decided.
        policy: The champion's thresholds, for the names nobody asked for.
        horizon: Sessions until an outcome is taken.
        cost: What a round trip costs, a fraction.
    """
    parts = []
    for panel in panels:
        forward = panel.forward(horizon)
        fate = np.where(candidates(panel, policy), SKIPPED, -1).astype(np.int8)
        reasons: dict[tuple[int, int], str] = {}
        times = {at: t for t, at in enumerate(panel.at)}
        places = {ticker: n for n, ticker in enumerate(panel.tickers)}
        for one, filled in judged.get(panel.market, ()):
            t, n = times.get(one.at), places.get(one.ticker)
            if t is None or n is None:
                continue
            now = TRADED if filled else REJECTED if one.outcome == "rejected" else SKIPPED
            if fate[t, n] < 0 or now < fate[t, n]:
                fate[t, n] = now
                reasons[t, n] = one.by
        parts.append(_rows("entry", panel, forward - cost, fate, reasons, forward, cost))
    return _joined("entry", parts)


def holding_evidence(panels: Sequence[Panel], trips: Trips) -> Evidence:
    """Holding rows: at each close of a held name, the return still to come until its exit."""
    parts = []
    for panel in panels:
        values = panel.values
        remaining = np.full(values.shape, np.nan)
        times = np.array(panel.at)
        places = {ticker: n for n, ticker in enumerate(panel.tickers)}
        mine = trips.of_market(panel.market)
        first = np.searchsorted(times, [trips.entered_at[i] for i in mine])
        last = np.searchsorted(times, [trips.left_at[i] for i in mine])
        for i, start, end in zip(mine, first.tolist(), last.tolist(), strict=True):
            n = places.get(trips.ticker[i])
            if n is not None and start < end < len(times):
                span = slice(start, end)
                fresh = np.isnan(remaining[span, n])
                still = values[end, n] / values[span, n] - 1.0
                remaining[span, n] = np.where(fresh, still, remaining[span, n])
        fate = np.where(np.isnan(remaining), -1, TRADED).astype(np.int8)
        parts.append(_rows("holding", panel, remaining, fate, {}, None, 0.0))
    return _joined("holding", parts)


def _rows(
    kind: Kind,
    panel: Panel,
    outcome: Floats,
    fate: NDArray[np.int8],
    reasons: dict[tuple[int, int], str],
    forward: Floats | None,
    cost: float,
) -> Evidence:
    known = (fate >= 0) & ~np.isnan(outcome) & panel.current()
    t, n = np.nonzero(known)
    result = outcome[t, n]
    excess = result
    if forward is not None:
        counted = np.where(panel.current(), forward, np.nan)
        total, there = np.nansum(counted, axis=1), (~np.isnan(counted)).sum(axis=1)
        market = total / np.maximum(there, 1)
        excess = result + cost - market[t]
    where = list(zip(t.tolist(), n.tolist(), strict=True))
    days = np.array([at[:10] for at in panel.at], dtype="datetime64[D]").astype(np.int64)
    return Evidence(
        kind, panel.names, panel.features[t, n], result, excess, days[t],
        [f"{panel.at[a]}|{panel.tickers[b]}" for a, b in where],
        fate[t, n], [reasons.get(one, "[]") for one in where],
    )  # fmt: skip


def _joined(kind: Kind, parts: Sequence[Evidence]) -> Evidence:
    """All parts in order of time; a name and time that several markets hold counts once."""
    if not parts:
        empty = np.zeros(0)
        return Evidence(kind, (), np.zeros((0, 0)), empty, empty, empty.astype(np.int64), [],
                        empty.astype(np.int8), [])  # fmt: skip
    places = [place for part in parts for place in part.place]
    first: dict[str, int] = {}
    for index, place in enumerate(places):
        first.setdefault(place, index)
    order = np.array([first[place] for place in sorted(first)], dtype=np.int64)
    whole = Evidence(
        kind, parts[0].names,
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([part.excess for part in parts]),
        np.concatenate([part.day for part in parts]),
        places,
        np.concatenate([part.fate for part in parts]),
        [by for part in parts for by in part.by],
    )  # fmt: skip
    return Evidence(
        kind, whole.names, whole.rows[order], whole.outcome[order], whole.excess[order],
        whole.day[order], [places[i] for i in order], whole.fate[order],
        [whole.by[i] for i in order],
    )  # fmt: skip
