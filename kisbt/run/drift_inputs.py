"""What a day is run again on: the features that its decisions saw, and replies from the cache."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from kisbt.data.features.table import FeatureTable
from kisbt.domain.ports import Decider
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import TradingPlan
from kisbt.errors import DeciderError, StopRun
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import read_markets, read_seen
from kisbt.journal.record import from_iso
from kisbt.journal.schema import ticks

Rows = dict[str, dict[str, float | None]]
"""Features by ticker and name."""


class Seen:
    """The bars that a run decided on: hash of the snapshot by bar, bar by tick number."""

    def __init__(self, db: DatabaseManager, run_id: str) -> None:
        self._db = db
        with db.reading() as connection:
            self.hashes = {from_iso(s.at): s.snapshot for s in read_seen(connection, run_id)}
            query = select(ticks.c.tick, ticks.c.at)
            rows = connection.execute(query.where(ticks.c.run_id == run_id))
            self.ticks = {row.tick: from_iso(row.at) for row in rows}

    def rows(self, at: datetime) -> Rows:
        """The features that the decision at that bar saw."""
        with self._db.reading() as connection:
            ((_, market),) = read_markets(connection, [self.hashes[at]])
        return {
            ticker: dict(zip(market.names, row, strict=True)) for ticker, row in market.rows.items()
        }


class Overlaid(FeatureTable):
    """Features of the data, but the recorded ones at some bars."""

    recorded: Mapping[int, Rows] = {}

    def rows(self, t: int) -> Rows:
        """See ``FeatureTable``."""
        found = self.recorded.get(t)
        return super().rows(t) if found is None else {k: dict(v) for k, v in found.items()}


class Holding:
    """A decider that holds where a reply is missing, and counts it."""

    def __init__(self, inner: Decider) -> None:
        self._inner, self.held = inner, 0
        self.label = inner.label

    def decide(self, context: DecisionContext) -> TradingPlan:
        """The inner plan.

        Raises:
            DeciderError: there is none, or no reply to make one of.
        """
        try:
            return self._inner.decide(context)
        except StopRun as stop:
            self.held += 1
            raise DeciderError(str(stop)) from stop
