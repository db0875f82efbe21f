"""The front matter of a version file: its keys and their types."""

from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from pydantic import Field, model_validator

from kisbt.domain.market import Frozen
from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Evidence, Rule
from kisbt.rulebook.version import Author, Policy

KST = timezone(timedelta(hours=9))

FORMAT = 1
"""Number of the file format and of the wording of the generated sections."""


class EffectEntry(Frozen):
    """``then`` of a rule: ``{effect: block_buy}`` or ``{effect: cap_weight, value: 0.05}``.

    ``{cap_weight: 0.05}`` is accepted for the latter.
    """

    effect: EffectKind
    value: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form_names_the_effect(cls, data: Any) -> Any:
        if isinstance(data, dict) and len(data) == 1:
            (key, value), *_ = data.items()
            if key in (EffectKind.CAP_WEIGHT, EffectKind.SCALE_SIZE):
                return {"effect": key, "value": value}
        return data

    @model_validator(mode="after")
    def _value_fits_the_effect(self) -> "EffectEntry":
        Effect(kind=self.effect, value=self.value)
        return self


class RuleEntry(Frozen):
    """One rule as it stands in the file."""

    id: str = Field(pattern=r"^R\d{4}$")
    category: Category
    priority: int = Field(ge=1, le=10)
    when: tuple[Condition, ...] = Field(min_length=1)
    then: EffectEntry
    because: str = Field(min_length=1, max_length=300)
    evidence: Evidence = Evidence()

    def rule(self) -> Rule:
        """The rule as the rest of the program knows it."""
        return Rule(
            id=self.id,
            category=self.category,
            priority=self.priority,
            when=self.when,
            then=Effect(kind=self.then.effect, value=self.then.value),
            because=self.because,
            evidence=self.evidence,
        )


class DraftHeader(Frozen):
    """Front matter of a draft: a version without number and date."""

    format: Literal[1]
    parent: int | None = Field(default=None, ge=1, le=9999)
    author: Author
    summary: str = Field(min_length=1, max_length=300)
    features: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    policy: Policy
    rules: tuple[RuleEntry, ...] = ()


class Header(DraftHeader):
    """Front matter of a version file."""

    version: int = Field(ge=1, le=9999)
    created: datetime

    def created_kst(self) -> datetime:
        """``created`` as naive KST; a time without zone is KST already."""
        if self.created.tzinfo is None:
            return self.created
        return self.created.astimezone(KST).replace(tzinfo=None)
