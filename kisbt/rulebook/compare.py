"""What differs between two versions: data first, then text."""

import difflib
from typing import Any, NamedTuple

from kisbt.domain.rules import Rule
from kisbt.rulebook.render import render_rules
from kisbt.rulebook.version import Policy, PromptVersion
from kisbt.rulebook.wording import condition_text


class Change(NamedTuple):
    """One difference in the data, as text; ``None`` where a side has nothing."""

    what: str
    before: str | None
    after: str | None


def compare_data(before: PromptVersion, after: PromptVersion) -> list[Change]:
    """Thresholds that differ, then rules that were added, dropped or changed, by id."""
    changes = [
        Change(f"policy.{name}", _shown(old), _shown(new))
        for name in Policy.model_fields
        if (old := getattr(before.policy, name)) != (new := getattr(after.policy, name))
    ]
    old_rules = {rule.id: rule for rule in before.rules}
    new_rules = {rule.id: rule for rule in after.rules}
    for rule_id in sorted({*old_rules, *new_rules}):
        old_rule, new_rule = old_rules.get(rule_id), new_rules.get(rule_id)
        if old_rule != new_rule:
            changes.append(Change(f"rule.{rule_id}", _sentence(old_rule), _sentence(new_rule)))
    return changes


def compare_text(before: PromptVersion, after: PromptVersion) -> list[str]:
    """A unified diff of the two texts, without line ends."""
    return list(
        difflib.unified_diff(
            before.text.splitlines(),
            after.text.splitlines(),
            f"version {before.number}",
            f"version {after.number}",
            lineterm="",
        )
    )


def _sentence(rule: Rule | None) -> str | None:
    return None if rule is None else render_rules((rule,)).strip().removeprefix("- ")


def _shown(value: Any) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, tuple):
        return "\n".join(condition_text(condition) for condition in value)
    return str(value)
