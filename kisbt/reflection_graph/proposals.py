"""From an insight to a rule, and from a rule to its neighbours: everything M3 may try.

A proposal is one change of the champion's rules: ``add`` one, ``replace`` one by a neighbour of it,
or ``retire`` one whose reason is gone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Evidence, Rule
from kisbt.reflection_graph.conditions import MARKET_WIDE
from kisbt.reflection_graph.korean import because

STEPS = (0.8, 1.25)
"""Factors by which a mutation moves a threshold."""


class Proposal(NamedTuple):
    """One change. ``rule`` is what comes in (``None`` for retirement), ``removes`` what goes."""

    action: str
    rule: Rule | None
    removes: str | None
    insight: str | None

    def apply(self, rules: Sequence[Rule]) -> tuple[Rule, ...]:
        """The champion's rules with this change."""
        kept = tuple(rule for rule in rules if rule.id != self.removes)
        return kept if self.rule is None else (*kept, self.rule)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        rule = None if self.rule is None else self.rule.model_dump(mode="json")
        return {**self._asdict(), "rule": rule}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Proposal":
        """Back from plain values."""
        rule = None if raw["rule"] is None else Rule.model_validate(raw["rule"])
        return cls(raw["action"], rule, raw["removes"], raw["insight"])


def rule_of(insight: dict[str, Any], rule_id: str, runs: Sequence[str]) -> Rule:
    """The plainest rule that acts on an insight."""
    when = tuple(Condition.model_validate(c) for c in insight["when"])
    category, effect = _action(insight, when)
    return Rule(
        id=rule_id,
        category=category,
        priority=_priority(insight),
        when=when,
        then=effect,
        because=because(insight),
        evidence=_evidence(insight, runs),
    )


def _action(insight: dict[str, Any], when: tuple[Condition, ...]) -> tuple[Category, Effect]:
    """Losing outright is forbidden, losing less than others earn is made smaller."""
    if insight["kind"] == "holding":
        return Category.EXIT, Effect(kind=EffectKind.FORCE_EXIT)
    if insight["mean"] >= 0:
        return Category.SIZING, Effect(kind=EffectKind.SCALE_SIZE, value=0.5)
    wide = all(c.feature in MARKET_WIDE for c in when)
    return (Category.RISK if wide else Category.ENTRY), Effect(kind=EffectKind.BLOCK_BUY)


def _priority(insight: dict[str, Any]) -> int:
    """1..10 by how sure it is: |t| of 2 gives 4, of 5 and more gives 10."""
    return int(np.clip(round(2 * abs(float(insight["t"]))), 1, 10))


def _evidence(insight: dict[str, Any], runs: Sequence[str]) -> Evidence:
    if insight["trips"]:
        return Evidence(
            trades=insight["trips"],
            losers=insight["losing_trips"],
            mean_return=round(insight["trip_mean"], 6),
            source_runs=tuple(runs),
        )
    return Evidence(source_runs=tuple(runs))


def neighbours(proposal: Proposal) -> Iterator[Proposal]:
    """Mutations of one rule: a threshold moved, a condition dropped, a milder or harder effect."""
    rule = proposal.rule
    if rule is None:
        return
    for i, condition in enumerate(rule.when):
        for step in STEPS:
            value = float(f"{condition.value * step:.3g}")
            if value != condition.value:
                moved = condition.model_copy(update={"value": value})
                yield _with(proposal, when=(*rule.when[:i], moved, *rule.when[i + 1 :]))
        if len(rule.when) > 1:
            yield _with(proposal, when=(*rule.when[:i], *rule.when[i + 1 :]))
    if rule.then.kind is EffectKind.BLOCK_BUY:
        milder = Effect(kind=EffectKind.SCALE_SIZE, value=0.5)
        yield _with(proposal, then=milder, category=Category.SIZING)
    elif rule.then.kind is EffectKind.SCALE_SIZE:
        yield _with(proposal, then=Effect(kind=EffectKind.BLOCK_BUY), category=Category.ENTRY)


def _with(proposal: Proposal, **changes: Any) -> Proposal:
    assert proposal.rule is not None
    return proposal._replace(rule=proposal.rule.model_copy(update=changes))


def key_of(proposal: Proposal) -> tuple[Any, ...]:
    """Equal for proposals that do the same."""
    rule = proposal.rule
    if rule is None:
        return (proposal.removes,)
    when = sorted((c.feature, c.op, c.value) for c in rule.when)
    return (proposal.removes, tuple(when), rule.then.kind.value, rule.then.value)
