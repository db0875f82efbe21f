"""A learned rule as data: conditions on features and one effect."""

from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from kisbt.domain.market import Frozen

Op = Literal[">=", ">", "<=", "<", "==", "!="]


class Condition(Frozen):
    """``feature op value``. A feature without a value never satisfies a condition."""

    feature: str
    op: Op
    value: float = Field(allow_inf_nan=False)


class Category(StrEnum):
    """Where a rule belongs in the prompt."""

    RISK = "risk"
    ENTRY = "entry"
    EXIT = "exit"
    SIZING = "sizing"


class EffectKind(StrEnum):
    """What a rule does when all its conditions hold for a name."""

    BLOCK_BUY = "block_buy"
    FORCE_EXIT = "force_exit"
    CAP_WEIGHT = "cap_weight"
    SCALE_SIZE = "scale_size"
    REQUIRE_APPROVAL = "require_approval"


_NEEDS_VALUE = {EffectKind.CAP_WEIGHT, EffectKind.SCALE_SIZE}


class Effect(Frozen):
    """An effect; ``value`` is the weight of ``cap_weight`` or the factor of ``scale_size``."""

    kind: EffectKind
    value: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _value_fits_the_kind(self) -> "Effect":
        if (self.kind in _NEEDS_VALUE) != (self.value is not None):
            word = "needs a value in 0..1" if self.kind in _NEEDS_VALUE else "takes no value"
            raise ValueError(f"effect {self.kind} {word}")
        return self


class Evidence(Frozen):
    """What a rule rests on. ``mean_return`` is a fraction."""

    trades: int = Field(default=0, ge=0)
    losers: int = Field(default=0, ge=0)
    mean_return: float | None = Field(default=None, allow_inf_nan=False)
    source_runs: tuple[str, ...] = ()


class Rule(Frozen):
    """One executable sentence: when all conditions hold, the effect applies to that name."""

    id: str = Field(pattern=r"^R\d{4}$")
    category: Category
    priority: int = Field(ge=1, le=10)
    when: tuple[Condition, ...] = Field(min_length=1)
    then: Effect
    because: str = Field(min_length=1)
    evidence: Evidence = Evidence()


class RuleEffects(NamedTuple):
    """What all rules together say of one name at one time; rule ids beside each effect.

    ``cap_weight`` is the tightest cap, ``scale`` the smallest factor (1.0 when none applies).
    """

    block_buy: tuple[str, ...] = ()
    force_exit: tuple[str, ...] = ()
    cap_weight: float | None = None
    capped_by: tuple[str, ...] = ()
    scale: float = 1.0
    scaled_by: tuple[str, ...] = ()
    approval: tuple[str, ...] = ()


NO_EFFECTS = RuleEffects()
