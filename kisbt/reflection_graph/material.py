"""Everything one reflection reads from the journal, loaded once and kept while it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection

from kisbt.domain.trading import PositionChange
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import (
    Execution,
    Judged,
    Scope,
    Seen,
    Source,
    fingerprint,
    read_changes,
    read_executions,
    read_judged,
    read_seen,
    sources,
)
from kisbt.journal.recovery import read_opening
from kisbt.reflection_graph.conditions import LEARNABLE
from kisbt.reflection_graph.evidence import Evidence, entry_evidence, holding_evidence
from kisbt.reflection_graph.panel import Panel, build_panel
from kisbt.reflection_graph.trips import Trips, make_trips, round_trip_cost
from kisbt.rulebook.version import Policy

One = TypeVar("One")

SHORTEST, LONGEST = 3, 20
"""Sessions: bounds of the horizon over which a judged name's outcome is taken."""


@dataclass(eq=False)
class Material:
    """What the journal holds for one scope. Read on first use; never changes afterwards.

    ``until`` of the scope also ends what outcomes may be looked at: nothing behind it is read, so
    that reflection in the middle of a walk forward knows no later close. ``whole`` is the material
    of the same runs without an end, which was read once: it is cut at ``until`` instead.
    """

    db: DatabaseManager
    scope: Scope
    policy: Policy
    horizon_days: int | None = None
    tell: Callable[[str], None] = field(default=lambda _: None)
    whole: "Material | None" = None

    @cached_property
    def sources(self) -> list[Source]:
        """Runs in the scope, oldest first."""
        return sources(self.db, self.scope)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what there is to learn from."""
        return fingerprint(self.db, self.sources, self.scope)

    @cached_property
    def executions(self) -> dict[str, list[Execution]]:
        """Fills by run, up to the scope's end."""
        last = self.scope.until
        found = self._of_runs(read_executions) if self.whole is None else self.whole.executions
        if last is None:
            return found
        return {
            run: [one for one in fills if one.fill.session <= last] for run, fills in found.items()
        }

    @cached_property
    def _changes(self) -> dict[str, list[PositionChange]]:
        return self._of_runs(read_changes) if self.whole is None else self.whole._changes

    def _of_runs(self, read: Callable[[Connection, str], One]) -> dict[str, One]:
        with self.db.reading() as connection:
            return {source.run_id: read(connection, source.run_id) for source in self.sources}

    @cached_property
    def trips(self) -> Trips:
        """Round trips closed in the period."""
        self.tell("trips")
        books: dict[str, list[tuple[Source, Sequence[Execution]]]] = {}
        changes: dict[str, list[PositionChange]] = {}
        opening: dict[str, Mapping[str, tuple[int, float]]] = {}
        for source in self.sources:
            if source.mode != "backtest" and source.book not in opening:
                began = read_opening(self.db, source.run_id)
                opening[source.book] = {} if began is None else began.positions
            books.setdefault(source.book, []).append((source, self.executions[source.run_id]))
            changes.setdefault(source.book, []).extend(self._until(self._changes[source.run_id]))
        since = self.scope.since.isoformat() if self.scope.since else ""
        until = self.scope.until.isoformat() if self.scope.until else "9999"
        return make_trips(
            books, changes, LEARNABLE, opening=opening, since=since, until=until
        )  # fmt: skip

    def _until(self, changes: Sequence[PositionChange]) -> list[PositionChange]:
        last = self.scope.until
        return [one for one in changes if last is None or one.session <= last]

    @cached_property
    def panels(self) -> list[Panel]:
        """Markets of all runs, in the order in which they were first seen."""
        self.tell("panels")
        until = self.scope.until
        if self.whole is not None and until and all(p.every == 1 for p in self.whole.panels):
            return [p for whole in self.whole.panels if (p := whole.until(until)) is not None]
        found = []
        with self.db.reading() as connection:
            for market in dict.fromkeys(s.market for s in self.sources):
                mine = [s for s in self.sources if s.market == market]
                seen: list[Seen] = []
                changes: list[PositionChange] = []
                for source in mine:
                    seen += [
                        one for one in read_seen(connection, source.run_id) if self._counts(one.at)
                    ]
                    changes += self._changes[source.run_id]
                panel = build_panel(connection, market, seen, changes, LEARNABLE)
                if panel is not None:
                    found.append(panel)
        return found

    def _counts(self, at: str) -> bool:
        since, until = self.scope.since, self.scope.until
        day = at[:10]
        return (since is None or day >= since.isoformat()) and (
            until is None or day <= until.isoformat()
        )

    @cached_property
    def judged(self) -> dict[str, list[tuple[Judged, bool]]]:
        """Buys that were decided, by market, and whether each was filled."""
        filled = {one.fill.ref for fills in self.executions.values() for one in fills}
        found: dict[str, list[tuple[Judged, bool]]] = {}
        for source in self.sources:
            for one in self._decided[source.run_id]:
                done = f"{source.run_id}:{one.order_ref}" in filled
                found.setdefault(source.market, []).append((one, done))
        return found

    @cached_property
    def _decided(self) -> dict[str, list[Judged]]:
        return self._of_runs(read_judged) if self.whole is None else self.whole._decided

    @cached_property
    def horizon(self) -> int:
        """Sessions until an outcome: as set, or the middle holding time of the trips."""
        if self.horizon_days is not None:
            return self.horizon_days
        if not len(self.trips):
            return 10
        # Calendar days to sessions: five of seven.
        return int(np.clip(round(float(np.median(self.trips.days)) * 5 / 7), SHORTEST, LONGEST))

    @cached_property
    def cost(self) -> float:
        """What a round trip cost, a fraction."""
        return round_trip_cost([one for fills in self.executions.values() for one in fills])

    @cached_property
    def entries(self) -> Evidence:
        """Every name judged, with what followed."""
        self.tell("entries")
        return entry_evidence(self.panels, self.judged, self.policy, self.horizon, self.cost)

    @cached_property
    def holdings(self) -> Evidence:
        """Every position at every close, with what was still to come."""
        self.tell("holdings")
        return holding_evidence(self.panels, self.trips)
