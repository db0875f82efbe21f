"""Everything the ledger knows of one version: each registration, test, look, day and verdict."""

from typing import Any, NamedTuple

from kisbt.config import GateSettings
from kisbt.errors import GateError
from kisbt.gate.decision import GateDecision
from kisbt.gate.registry import Campaign, Registry
from kisbt.gate.state import decision_of
from kisbt.gate.wording import decision_lines, entry_line
from kisbt.journal.database import DatabaseManager
from kisbt.journal.experiments import ExperimentLedger, LedgerEntry


class VersionStory(NamedTuple):
    """One campaign in which the version was registered, what happened, and where it stands."""

    campaign: Campaign
    entries: list[LedgerEntry]
    decision: GateDecision

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "campaign": self.campaign.model_dump(mode="json"),
            "entries": [entry._asdict() for entry in self.entries],
            "decision": self.decision.model_dump(mode="json"),
        }


def find_version(entries: list[LedgerEntry], name: str) -> str:
    """The full hash that ``name`` begins (with or without ``sha256:``).

    Raises:
        GateError: none, or several.
    """
    known = {entry.version for entry in entries if entry.version is not None}
    found = sorted(one for one in known if one.removeprefix("sha256:").startswith(
        name.removeprefix("sha256:")
    ))  # fmt: skip
    if len(found) == 1:
        return found[0]
    if found:
        raise GateError(f"{len(found)} versions begin with {name!r}", hint="write more of the hash")
    raise GateError(
        f"the gate has never seen a version {name!r}",
        hint="only registered versions have a record; see kisbt prompts list for hashes",
    )


def version_story(db: DatabaseManager, name: str, settings: GateSettings) -> list[VersionStory]:
    """All campaigns of one version, oldest first. The ledger's chain is checked first.

    Raises:
        GateError: no such version.
        JournalError: the ledger was changed afterwards.
    """
    ledger = ExperimentLedger(db)
    ledger.check()
    entries = ledger.entries()
    version = find_version(entries, name)
    registry = Registry(entries)
    campaigns = list(dict.fromkeys(e.campaign for e in entries if e.version == version))
    return [
        VersionStory(
            registry.campaign(campaign),
            registry.entries(campaign, version=version),
            decision_of(registry, campaign, version, settings),
        )
        for campaign in campaigns
    ]


def story_lines(stories: list[VersionStory], lang: str) -> list[str]:
    """The story in words."""
    lines = []
    for story in stories:
        terms = story.campaign.terms
        days = f"{terms.development.first} ~ {terms.development.last}"
        held = f"{terms.holdout.first} ~ {terms.holdout.last}" if terms.holdout else "-"
        short = story.decision.version[:19], terms.champion[:19]
        if lang == "ko":
            lines += [f"{short[0]} (캠페인 {story.campaign.id}, 챔피언 {short[1]})",
                      f"  개발 구간 {days}, 홀드아웃 {held}"]  # fmt: skip
        else:
            lines += [f"{short[0]} (campaign {story.campaign.id}, champion {short[1]})",
                      f"  development {days}, holdout {held}"]  # fmt: skip
        told = (entry_line(entry, lang) for entry in story.entries)
        lines += [f"  {line}" for line in told if line is not None]
        lines += [f"  {line}" for line in decision_lines(story.decision, lang)]
    return lines
