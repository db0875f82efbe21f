"""A version before it has a number and a date."""

from datetime import datetime
from itertools import zip_longest
from typing import Self

from pydantic import Field

from kisbt.domain.market import Frozen
from kisbt.domain.rules import Rule
from kisbt.errors import PromptError
from kisbt.rulebook.checks import Catalogue
from kisbt.rulebook.parse import examine_draft
from kisbt.rulebook.render import render_file, render_sections
from kisbt.rulebook.sections import SectionError, fill, find_all
from kisbt.rulebook.version import Author, Policy, PromptVersion, content_hash, features_used

_UNHASHED = f"sha256:{'0' * 64}"


class Draft(Frozen):
    """What becomes a version. ``features`` are those the text mentions beyond the data's own."""

    parent: int | None = None
    author: Author
    summary: str = Field(min_length=1)
    features: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    policy: Policy
    rules: tuple[Rule, ...] = ()
    text: str

    @classmethod
    def from_file(cls, text: str, source: str, catalogue: Catalogue | None = None) -> Self:
        """Read a draft: a version file whose number, date and generated sections do not matter.

        Raises:
            PromptError: the first fault, with file and line.
        """
        reading = examine_draft(text, source, catalogue)
        for finding in reading.findings:
            if finding.level == "error":
                raise finding.error()
        header = reading.header
        assert header is not None  # no errors means a header
        return cls(
            parent=header.parent,
            author=header.author,
            summary=header.summary,
            features=header.features,
            evidence=header.evidence,
            policy=header.policy,
            rules=reading.rules,
            text=reading.text,
        )

    @classmethod
    def of_rules(
        cls,
        parent: PromptVersion,
        rules: tuple[Rule, ...],
        *,
        summary: str,
        evidence: tuple[str, ...] = (),
    ) -> Self:
        """Reflection's draft: ``parent`` with other dynamic rules and nothing else changed."""
        return cls(
            parent=parent.number,
            author="reflection",
            summary=summary,
            features=tuple(name for name in parent.features if f"`{name}`" in bare(parent.text)),
            evidence=evidence,
            policy=parent.policy,
            rules=rules,
            text=parent.text,
        )


def compose(draft: Draft, number: int, created: datetime) -> PromptVersion:
    """Number and date a draft, and fill its generated sections from its data.

    Raises:
        PromptError: a marker is missing, repeated or out of order.
    """
    try:
        find_all(draft.text)
        text = fill(draft.text, render_sections(draft.policy, draft.rules))
    except SectionError as fault:
        raise PromptError(f"draft, line {fault.line} of the text: {fault.message}") from fault
    version = PromptVersion(
        number=number,
        parent=draft.parent,
        created=created,
        author=draft.author,
        summary=draft.summary,
        features=tuple(sorted({*draft.features, *features_used(draft.policy, draft.rules)})),
        evidence=draft.evidence,
        policy=draft.policy,
        rules=draft.rules,
        text=text,
        hash=_UNHASHED,
    )
    return version.model_copy(update={"hash": content_hash(render_file(version))})


def refuse_overreach(version: PromptVersion, parent: PromptVersion | None) -> None:
    """Hold reflection to the dynamic rules of an existing version.

    Raises:
        PromptError: no parent, or the policy or a word outside the generated sections differs.
    """
    hint = "a person may add such a version: kisbt prompts add"
    if parent is None:
        raise PromptError("a version by reflection needs a parent")
    for name in Policy.model_fields:
        if getattr(version.policy, name) != getattr(parent.policy, name):
            raise PromptError(
                f"reflection may change dynamic rules only, but changed policy.{name}", hint=hint
            )
    ours, theirs = bare(version.text).split("\n"), bare(parent.text).split("\n")
    for line, (our, their) in enumerate(zip_longest(ours, theirs), start=1):
        if our != their:
            raise PromptError(
                f"reflection may change dynamic rules only, but changed line {line} of the text "
                "outside the generated sections",
                hint=hint,
            )


def bare(text: str) -> str:
    """The text with both generated sections emptied."""
    return fill(text, {"policy": "", "rules": ""})
