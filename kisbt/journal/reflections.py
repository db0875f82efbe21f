"""Reflections in the journal: what was found, which rules came of it, and what became of them.

The link runs both ways: a reflection names its insights, an insight the trades behind it and the
rules made of it, a trade its snapshot; and a rule's versions name the reflection in ``evidence``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row, delete, insert, select

from kisbt.domain.rules import Rule
from kisbt.errors import JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import iso
from kisbt.journal.schema import prompt_versions, reflections, rules, runs
from kisbt.krx import calendar

ASK_AGAIN = timedelta(days=90)
"""An undecided rule may be asked about again when this much more is known."""


class Reflection(NamedTuple):
    """One reflection. ``report`` holds the steps' results and the candidates with their rulings."""

    reflection_id: str
    created_at: str
    source_runs: tuple[str, ...]
    parent_hash: str | None
    candidate_hash: str | None
    insights: list[dict[str, Any]]
    report: dict[str, Any]


class RuleHistory(NamedTuple):
    """Where a rule comes from and where it went.

    ``body`` is the rule as the newest version has it. ``versions`` are (number, hash) that carry
    it, ``runs`` those made under them, ``origin`` the reflection that proposed it.
    """

    rule_id: str
    body: dict[str, Any]
    versions: list[tuple[int, str]]
    runs: list[str]
    origin: Reflection | None
    proposal: dict[str, Any] | None
    insight: dict[str, Any] | None


class Reflections:
    """Reads and writes reflections.

    Args:
        db: The open journal.
        clock: Naive KST for ``created_at``.
    """

    def __init__(
        self, db: DatabaseManager, *, clock: Callable[[], datetime] = calendar.now
    ) -> None:
        self._db = db
        self._clock = clock

    def save(
        self,
        reflection_id: str,
        *,
        source_runs: Sequence[str],
        parent_hash: str | None,
        candidate_hash: str | None,
        insights: Sequence[Mapping[str, Any]],
        report: Mapping[str, Any],
    ) -> None:
        """Write or rewrite one reflection, durably; its first time stays."""
        kept = self.find(reflection_id)
        row = {
            "reflection_id": reflection_id,
            "created_at": kept.created_at if kept else iso(self._clock().replace(microsecond=0)),
            "source_runs": _json(list(source_runs)),
            "parent_hash": parent_hash,
            "candidate_hash": candidate_hash,
            "insights": _json(list(insights)),
            "report": _json(dict(report)),
        }
        with self._db.writing(durable=True) as connection:
            mine = reflections.c.reflection_id == reflection_id
            connection.execute(delete(reflections).where(mine))
            connection.execute(insert(reflections), row)

    def find(self, reflection_id: str) -> Reflection | None:
        """One reflection, if it is there."""
        query = select(reflections).where(reflections.c.reflection_id == reflection_id)
        with self._db.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _reflection(row)

    def all(self) -> list[Reflection]:
        """Every reflection, oldest first."""
        query = select(reflections).order_by(reflections.c.created_at, reflections.c.reflection_id)
        with self._db.reading() as connection:
            return [_reflection(row) for row in connection.execute(query)]

    def waiting(self) -> list[Reflection]:
        """Reflections whose version waits for a person, oldest first."""
        return [one for one in self.all() if one.report.get("waiting") is not None]

    def rejected(self, *, until: date | None = None, but: str | None = None) -> list[Rule]:
        """Rules not to be tried again, oldest first; those of reflection ``but`` aside.

        Rejected ones for good; undecided ones as long as their test ended less than
        ``ASK_AGAIN`` days before ``until`` (``None``: for good, too).
        """
        return [
            Rule.model_validate(candidate["proposal"]["rule"])
            for one in self.all()
            if one.reflection_id != but
            for candidate in one.report.get("candidates", ())
            if candidate["proposal"]["rule"] is not None and _closed(candidate, until)
        ]

    def rule_history(self, rule_id: str) -> RuleHistory:
        """Everything about one rule.

        Raises:
            JournalError: no version in the journal carries it and no reflection proposed it.
        """
        with self._db.reading() as connection:
            query = (
                select(rules.c.body, prompt_versions.c.number, prompt_versions.c.hash)
                .join(prompt_versions, prompt_versions.c.hash == rules.c.prompt_hash)
                .where(rules.c.rule_id == rule_id)
                .order_by(prompt_versions.c.number, prompt_versions.c.hash)
            )
            found = connection.execute(query).all()
            hashes = [row.hash for row in found]
            mine = select(runs.c.run_id).where(runs.c.prompt_hash.in_(hashes))
            made = connection.execute(mine.order_by(runs.c.started_at, runs.c.run_id))
            run_ids = list(made.scalars())
        origin, proposal = self._origin(rule_id)
        if not found and proposal is None:
            raise JournalError(
                f"no rule {rule_id} in journal {self._db.name}", hint="see kisbt prompts show"
            )
        body = orjson.loads(found[-1].body) if found else dict((proposal or {})["rule"])
        insight = None
        if origin is not None and proposal is not None:
            insight = next((i for i in origin.insights if i["id"] == proposal["insight"]), None)
        versions = [(row.number, row.hash) for row in found]
        return RuleHistory(rule_id, body, versions, run_ids, origin, proposal, insight)

    def _origin(self, rule_id: str) -> tuple[Reflection | None, dict[str, Any] | None]:
        for one in self.all():
            for proposal in (*one.report.get("accepted", ()), *one.report.get("refused", ())):
                if (proposal["rule"] or {}).get("id") == rule_id:
                    return one, proposal
        return None, None


def _reflection(row: Row[Any]) -> Reflection:
    values = {name: row._mapping[name] for name in Reflection._fields}
    for name in ("source_runs", "insights", "report"):
        values[name] = orjson.loads(values[name])
    return Reflection(**{**values, "source_runs": tuple(values["source_runs"])})


def _closed(candidate: Mapping[str, Any], until: date | None) -> bool:
    ruling = candidate.get("ruling") or {}
    if ruling.get("verdict") == "reject":
        return True
    if ruling.get("verdict") != "keep":
        return False
    last = ruling["detail"]["windows"]["development"]["last"]
    return until is None or date.fromisoformat(last) + ASK_AGAIN > until


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
