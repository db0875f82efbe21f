"""The experiments ledger: what was registered, tested, looked at and decided, in order.

Rows are only added. Each row's digest covers the digest before it, so that a row changed, moved
or taken out afterwards is found by ``broken_link``. What the rows mean is the gate's business.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, insert, select, text, update

from kisbt.errors import JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import iso
from kisbt.journal.schema import experiments, gate_events

_LEDGER_LOCK = 5_930_118
"""Postgres advisory lock: check and entry must be one step."""


class LedgerEntry(NamedTuple):
    """One row; ``at`` is ISO text in KST, ``body`` whatever the kind needs."""

    seq: int
    campaign: str
    kind: str
    version: str | None
    at: str
    body: dict[str, Any]
    digest: str


class ExperimentRow(NamedTuple):
    """A registered version: written before its run, ``verdict`` and ``result`` after."""

    experiment_id: str
    registered_at: str
    registration_hash: str
    champion_hash: str
    challenger_hash: str
    dataset_hash: str
    terms: dict[str, Any]
    verdict: str | None
    result: dict[str, Any] | None


class OpenLedger:
    """The ledger inside one transaction: read, check, then write, with nobody in between.

    Args:
        connection: The open journal.
        now: Naive KST.
        known: The oldest rows, as read before: rows are only added.

    Attributes:
        known: Those and what was read since.
    """

    def __init__(
        self, connection: Connection, now: datetime, known: Sequence[LedgerEntry] = ()
    ) -> None:
        self._connection = connection
        self._now = iso(now)
        self.known = list(known)

    def entries(self, campaign: str | None = None) -> list[LedgerEntry]:
        """All rows, or one campaign's, oldest first."""
        behind = self.known[-1].seq + 1 if self.known else 0
        self.known += _entries(self._connection, None, behind)
        return [each for each in self.known if campaign in (None, each.campaign)]

    def append(
        self, campaign: str, kind: str, version: str | None, body: Mapping[str, Any]
    ) -> LedgerEntry:
        """Add a row and return it."""
        last = self._connection.execute(
            select(gate_events.c.seq, gate_events.c.digest)
            .order_by(gate_events.c.seq.desc())
            .limit(1)
        ).first()
        seq, previous = (last.seq + 1, last.digest) if last else (0, "")
        content = canonical(body)
        digest = _digest(previous, seq, campaign, kind, version, self._now, content)
        self._connection.execute(
            insert(gate_events),
            {
                "seq": seq,
                "campaign_id": campaign,
                "kind": kind,
                "version_hash": version,
                "at": self._now,
                "body": content,
                "digest": digest,
            },
        )
        return LedgerEntry(seq, campaign, kind, version, self._now, orjson.loads(content), digest)

    def register(
        self,
        campaign: str,
        *,
        registration: str,
        champion: str,
        challenger: str,
        dataset: str,
        terms: Mapping[str, Any],
    ) -> str:
        """Add a version to the table of experiments and return its id."""
        count = self._connection.execute(
            select(func.count())
            .select_from(experiments)
            .where(experiments.c.experiment_id.like(f"{campaign}-%"))
        ).scalar_one()
        experiment = f"{campaign}-{count + 1:03d}"
        self._connection.execute(
            insert(experiments),
            {
                "experiment_id": experiment,
                "registered_at": self._now,
                "registration_hash": registration,
                "champion_hash": champion,
                "challenger_hash": challenger,
                "dataset_hash": dataset,
                "terms": canonical(terms),
            },
        )
        return experiment

    def conclude(self, experiment: str, verdict: str, result: Mapping[str, Any]) -> None:
        """Set an experiment's latest verdict; the rows of the ledger keep the earlier ones."""
        self._connection.execute(
            update(experiments)
            .where(experiments.c.experiment_id == experiment)
            .values(verdict=verdict, result=canonical(result))
        )


class ExperimentLedger:
    """The ledger of one journal.

    Args:
        db: The journal.
        clock: Naive KST; a walk through history hands in its own.
    """

    def __init__(self, db: DatabaseManager, clock: Callable[[], datetime] | None = None) -> None:
        self._db = db
        self._clock = clock or korean_now
        self._known: list[LedgerEntry] = []

    @contextmanager
    def writing(self) -> Iterator[OpenLedger]:
        """A durable transaction that nobody else can write between."""
        with self._db.writing(durable=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LEDGER_LOCK}
                )
            book = OpenLedger(connection, self._clock(), self._known)
            yield book
        self._known = book.known  # committed: nothing of it can go away any more

    def entries(self, campaign: str | None = None) -> list[LedgerEntry]:
        """All rows, or one campaign's, oldest first."""
        with self._db.reading() as connection:
            return _entries(connection, campaign)

    def entries_of(self, version: str) -> list[LedgerEntry]:
        """Rows about one version, whatever the campaign, oldest first."""
        return [entry for entry in self.entries() if entry.version == version]

    def experiments(self, *, challenger: str | None = None) -> list[ExperimentRow]:
        """Registered versions, oldest first."""
        query = select(experiments).order_by(
            experiments.c.registered_at, experiments.c.experiment_id
        )
        if challenger is not None:
            query = query.where(experiments.c.challenger_hash == challenger)
        with self._db.reading() as connection:
            return [_experiment(row._mapping) for row in connection.execute(query)]

    def broken_link(self) -> int | None:
        """Position of the first row that is not what was written; ``None`` when all are."""
        previous = ""
        for expected, entry in enumerate(self.entries()):
            content = canonical(entry.body)
            digest = _digest(
                previous,
                expected,
                entry.campaign,
                entry.kind,
                entry.version,
                entry.at,
                content,
            )
            if entry.seq != expected or digest != entry.digest:
                return expected
            previous = entry.digest
        return None

    def check(self) -> None:
        """Raise when the chain is broken.

        Raises:
            JournalError: a row was changed, moved or taken out.
        """
        broken = self.broken_link()
        if broken is not None:
            raise JournalError(
                f"experiments ledger of {self._db.name}: entry {broken} is not what was written",
                hint="restore the journal from a backup; no evidence after it counts",
            )


def korean_now() -> datetime:
    """Naive KST, by the wall clock."""
    from kisbt.krx.calendar import now

    return now()


def canonical(value: Mapping[str, Any]) -> str:
    """JSON with sorted keys, the same text for the same content."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(dict(value), default=str, option=options).decode()


def _digest(previous: str, *parts: object) -> str:
    text_of = orjson.dumps([previous, *parts])
    return "sha256:" + hashlib.sha256(text_of).hexdigest()


def _entries(connection: Connection, campaign: str | None, behind: int = 0) -> list[LedgerEntry]:
    query = select(gate_events).where(gate_events.c.seq >= behind).order_by(gate_events.c.seq)
    if campaign is not None:
        query = query.where(gate_events.c.campaign_id == campaign)
    return [
        LedgerEntry(
            row.seq,
            row.campaign_id,
            row.kind,
            row.version_hash,
            row.at,
            orjson.loads(row.body),
            row.digest,
        )
        for row in connection.execute(query)
    ]


def _experiment(row: Mapping[Any, Any]) -> ExperimentRow:
    values = {name: row[name] for name in ExperimentRow._fields}
    values["terms"] = orjson.loads(values["terms"])
    if values["result"] is not None:
        values["result"] = orjson.loads(values["result"])
    return ExperimentRow(**values)
