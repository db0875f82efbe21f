"""The prompts in this repository: sound, usable, and really different."""

import json
import re
from pathlib import Path

from kisbt.data.features.catalogue import FEATURES, HISTORY
from kisbt.domain.trading import Decision, TradingPlan
from kisbt.llm.plan_schema import NOT_ASKED
from kisbt.rulebook.compare import compare_data
from kisbt.rulebook.lint import lint_store
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import MARKET_FEATURES
from kisbt.rulebook.wording import WORDINGS

STORE = PromptStore(
    Path(__file__).parents[2] / "prompts", catalogue={feature.name: feature for feature in FEATURES}
)


def test_shipped_store_is_sound_and_points_to_version_one() -> None:
    assert lint_store(STORE) == []
    assert STORE.current_number() == 1
    assert len(STORE.numbers()) >= 2


def test_shipped_versions_use_features_with_history_only() -> None:
    known = {feature.name for feature in HISTORY}
    assert all(set(version.features) <= known for version in STORE.versions())


def test_second_version_differs_in_gate_entry_and_risk() -> None:
    first, second = STORE.load(1), STORE.load(2)
    changed = {change.what for change in compare_data(first, second)}
    assert {"policy.market", "policy.entry", "policy.stop_loss_pct"} <= changed
    assert (second.policy.stop_loss_pct or 0) < (first.policy.stop_loss_pct or 0)
    assert second.policy.target_weight < first.policy.target_weight


def test_answer_shown_in_the_text_is_a_valid_plan_with_every_field() -> None:
    for version in STORE.versions():
        (example,) = re.findall(r"```json\n(.*?)```", version.text, re.DOTALL)
        plan = TradingPlan.model_validate(json.loads(example))
        assert {rule for d in plan.decisions for rule in d.rules} <= {r.id for r in version.rules}
        for field in {*Decision.model_fields, "comment"} - NOT_ASKED:
            assert f"| `{field}` |" in version.text


def test_sections_are_numbered_without_gaps() -> None:
    for version in STORE.versions():
        numbers = re.findall(r"^## (\d+)\.", version.text, re.MULTILINE)
        assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
        assert {"원칙", "위험 규칙", "진입·청산 조건", "동적 규칙", "출력 형식"} <= set(
            re.findall(r"^## \d+\. (.*)$", version.text, re.MULTILINE)
        )


def test_every_catalogued_feature_has_korean_words() -> None:
    assert set(WORDINGS) == {feature.name for feature in FEATURES}


def test_market_gate_accepts_exactly_the_market_wide_features() -> None:
    assert set(MARKET_FEATURES) == {feature.name for feature in FEATURES if feature.market_wide}
