"""When do conditions imply one another: the arithmetic behind contradictory and subsumed rules.

Every feature is taken as a real number. So two integer conditions such as ``streak > 1`` and
``streak >= 2`` count as different; a fault may be missed, but none is invented.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Self

from kisbt.domain.rules import Condition, EffectKind, Rule


@dataclass(slots=True)
class Span:
    """The values that one feature may take: an interval less some points."""

    low: float = -inf
    low_open: bool = True
    high: float = inf
    high_open: bool = True
    holes: set[float] = field(default_factory=set)

    def narrow(self, condition: Condition) -> Self:
        """Keep only the values that satisfy ``condition`` too."""
        op, value = condition.op, condition.value
        if op == "!=":
            self.holes.add(value)
        if op in (">=", ">", "==") and (value, op == ">") > (self.low, self.low_open):
            self.low, self.low_open = value, op == ">"
        if op in ("<=", "<", "==") and (-value, op == "<") > (-self.high, self.high_open):
            self.high, self.high_open = value, op == "<"
        return self

    @property
    def empty(self) -> bool:
        """Whether no value is left."""
        if self.low == self.high:
            return self.low_open or self.high_open or self.low in self.holes
        return self.low > self.high

    def inside(self, other: "Span") -> bool:
        """Whether every value of this span, which is not empty, lies in ``other``."""
        return (
            (self.low, self.low_open) >= (other.low, other.low_open)
            and (-self.high, self.high_open) >= (-other.high, other.high_open)
            and all(self._misses(hole) for hole in other.holes)
        )

    def _misses(self, value: float) -> bool:
        below = value < self.low or (value == self.low and self.low_open)
        above = value > self.high or (value == self.high and self.high_open)
        return below or above or value in self.holes


def spans(conditions: Iterable[Condition]) -> dict[str, Span]:
    """The values that each feature may take when all ``conditions`` hold."""
    found: dict[str, Span] = {}
    for condition in conditions:
        found.setdefault(condition.feature, Span()).narrow(condition)
    return found


def impossible(conditions: Iterable[Condition]) -> str | None:
    """The first feature that the conditions leave without any value, else ``None``."""
    return next((name for name, span in spans(conditions).items() if span.empty), None)


def implies(premise: Iterable[Condition], conclusion: Iterable[Condition]) -> bool:
    """Whether ``conclusion`` holds wherever the satisfiable ``premise`` does.

    A feature without a value satisfies nothing, so each feature of the conclusion must stand in
    the premise.
    """
    have = spans(premise)
    return all(name in have and have[name].inside(span) for name, span in spans(conclusion).items())


def subsumes(strong: Rule, weak: Rule) -> bool:
    """Whether ``weak`` never adds anything to ``strong``."""
    if strong.then.kind is not weak.then.kind or not implies(weak.when, strong.when):
        return False
    if strong.then.value is None or weak.then.value is None:
        return True
    return strong.then.value <= weak.then.value


BUY_STOPPERS = (EffectKind.BLOCK_BUY, EffectKind.FORCE_EXIT)
"""Effects after which a name is not bought, or bought and thrown out again."""
