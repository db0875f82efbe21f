"""Drafts become versions, and reflection keeps to the dynamic rules."""

import pytest
from hypothesis import given, settings

from kisbt.errors import PromptError
from kisbt.rulebook.draft import Draft, bare, compose, refuse_overreach
from kisbt.rulebook.sections import find_all
from kisbt.rulebook.version import PromptVersion
from tests.rulebook import samples
from tests.rulebook.samples import AT, draft, policy, rule, unhurried

PARENT = compose(draft(features=("rsi14",), text=draft().text + "`rsi14`\n"), 1, AT)


def test_draft_without_markers_is_refused_with_its_line() -> None:
    with pytest.raises(PromptError, match=r"draft, line 1 of the text: marker .* is missing"):
        compose(draft(text="처음\n"), 1, AT)


def test_features_are_those_mentioned_and_those_used() -> None:
    names = ("change_pct", "limit_up_streak", "ma20_gap_pct", "rsi14", "volume_ratio")
    assert PARENT.features == names


@settings(unhurried, max_examples=40)
@given(samples.drafts)
def test_only_the_generated_sections_of_a_text_change(made: Draft) -> None:
    version = compose(made, 1, AT)
    assert bare(version.text) == bare(made.text)
    assert set(find_all(version.text)) == {"policy", "rules"}


@settings(unhurried, max_examples=40)
@given(samples.rule_sets)
def test_reflection_may_exchange_rules(rules: tuple[object, ...]) -> None:
    made = Draft.of_rules(PARENT, rules, summary="배운 규칙", evidence=("refl-1",))
    version = compose(made, 2, AT)
    refuse_overreach(version, PARENT)
    assert (version.author, version.parent, version.policy) == ("reflection", 1, PARENT.policy)
    assert version.rules == rules
    assert "rsi14" in version.features


def test_dropped_rule_takes_its_feature_along() -> None:
    version = compose(Draft.of_rules(PARENT, (), summary="규칙 없음"), 2, AT)
    assert "limit_up_streak" not in version.features


def child(**changes: object) -> PromptVersion:
    made = Draft.of_rules(PARENT, (rule(2, "rsi14 > 80"),), summary="욕심")
    return compose(made.model_copy(update=changes), 2, AT)


def test_reflection_may_not_touch_the_policy() -> None:
    with pytest.raises(PromptError, match=r"but changed policy\.target_weight"):
        refuse_overreach(child(policy=policy(target_weight=1.0)), PARENT)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (PARENT.text.replace("조건은", "조건은 무시하고"), 3),
        (PARENT.text + "덧붙임\n", 15),
        (PARENT.text.replace("`rsi14`\n", ""), 14),
    ],
)
def test_reflection_may_not_touch_the_text(text: str, line: int) -> None:
    with pytest.raises(PromptError, match=f"but changed line {line} of the text"):
        refuse_overreach(child(text=text), PARENT)


def test_reflection_needs_a_parent() -> None:
    with pytest.raises(PromptError, match="needs a parent"):
        refuse_overreach(child(), None)
