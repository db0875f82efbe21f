"""A person's word on a version that passed the gate: ``kisbt approve RF-...``."""

from typing import Any

from kisbt.config import Settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.errors import JournalError, PromptError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.reflections import Reflections
from kisbt.reflection_graph.update_system_logic import LOCK_SECONDS, promote, reflecting
from kisbt.rulebook.store import PromptStore


def answer_reflection(
    db: DatabaseManager, settings: Settings, reflection: str, *, approved: bool, by: str
) -> dict[str, Any]:
    """Promote the version that waits, or turn it down; return what was decided.

    Raises:
        JournalError: no such reflection, or nothing waits in it.
        PromptError: the version in force is not the one that was tested against.
    """
    kept = Reflections(db)
    found = kept.find(reflection)
    if found is None:
        raise JournalError(f"no reflection {reflection!r} in journal {db.name}")
    number = found.report.get("waiting")
    if number is None:
        raise JournalError(f"nothing waits in reflection {reflection}")
    store = PromptStore(settings.folder("prompts"), catalogue={f.name: f for f in FEATURES})
    if approved:
        with reflecting(store, LOCK_SECONDS):
            current = store.current_number()
            if current not in (found.report["champion"], number):
                raise PromptError(
                    f"version {number} was tested against version {found.report['champion']}, but "
                    f"version {current} is in force",
                    hint="run kisbt reflect again",
                )
            promote(store, number, reflection, commit_it=settings.reflection.commit)
    outcome = "promoted" if approved else "turned_down"
    told = {"promoted": number if approved else None, "waiting": None, "outcome": outcome,
            "answered_by": by}  # fmt: skip
    kept.save(
        reflection,
        source_runs=found.source_runs,
        parent_hash=found.parent_hash,
        candidate_hash=found.candidate_hash,
        insights=found.insights,
        report={**found.report, **told},
    )
    return {"reflection": reflection, "version": number, **told}
