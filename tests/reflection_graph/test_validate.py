from typing import Any

import pytest

from kisbt.config import Settings
from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Rule
from kisbt.journal.database import DatabaseManager
from kisbt.reflection_graph.proposals import Proposal, key_of, neighbours, rule_of
from kisbt.reflection_graph.scoring import score
from kisbt.reflection_graph.state import Workbench
from kisbt.reflection_graph.validate_rule_format import faults_of
from tests.reflection_graph.scenes import bench_of

BLOCK = Effect(kind=EffectKind.BLOCK_BUY)


def rule(
    *parts: tuple[str, str, float], number: int = 1, then: Effect = BLOCK, **more: Any
) -> Rule:
    when = tuple(Condition.model_validate({"feature": f, "op": o, "value": v}) for f, o, v in parts)
    return Rule(id=f"R{number:04d}", category=Category.ENTRY, priority=5, when=when, then=then,
                because="숫자", **more)  # fmt: skip


def adding(one: Rule) -> Proposal:
    return Proposal("add", one, None, "I-1")


@pytest.fixture
def bench(settings: Settings, db: DatabaseManager) -> Workbench:
    return bench_of(settings, db)


def faults(bench: Workbench, proposal: Proposal, *, live: tuple[Rule, ...] = (),
           rejected: tuple[Rule, ...] = ()) -> str:  # fmt: skip
    champion = bench.champion.model_copy(update={"rules": live})
    return " / ".join(faults_of(proposal, champion, bench.material, rejected))


SOUND = rule(("change_pct", ">=", 15.0))


def test_a_sound_rule_has_no_fault(bench: Workbench) -> None:
    assert faults(bench, adding(SOUND)) == ""


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (rule(("tomorrow", ">=", 1.0)), "tomorrow"),
        (rule(("trade_strength", ">=", 100.0)), "no feature a rule may be learnt over"),
        (rule(("breadth", ">=", 1.5)), "outside 0..1"),
        (rule(("rsi14", "<", -3.0)), "outside 0..100"),
        (rule(("change_pct", ">=", 5.0), ("change_pct", "<", 3.0)), "never fires"),
        (rule(("volume_ratio", ">=", 1.0)), "fires on every name that may be bought"),
    ],
)
def test_an_unsound_rule_is_refused_with_its_reason(
    bench: Workbench, broken: Rule, said: str
) -> None:
    assert said in faults(bench, adding(broken))


def test_a_rule_that_an_existing_one_covers_adds_nothing(bench: Workbench) -> None:
    live = rule(("change_pct", ">=", 12.0), number=7)
    assert "adds nothing to R0007" in faults(bench, adding(SOUND), live=(live,))


def test_a_thirteenth_rule_needs_another_to_go(bench: Workbench) -> None:
    live = tuple(
        rule(("gap_pct", ">=", 10.0 + n), ("rsi14", "<", 50.0 - n), number=100 + n)
        for n in range(12)
    )
    assert "at most 12" in faults(bench, adding(SOUND), live=live)
    assert "at most 12" not in faults(bench, adding(SOUND)._replace(removes="R0100"), live=live)


def test_retiring_a_rule_that_is_not_there_is_refused(bench: Workbench) -> None:
    assert "not in force" in faults(bench, Proposal("retire", None, "R0042", None))


def test_a_near_copy_of_a_rejected_rule_is_a_copy(bench: Workbench) -> None:
    old = rule(("change_pct", ">=", 14.9), number=9)
    other = rule(("change_pct", ">=", 6.0), number=9)
    milder = old.model_copy(update={"then": Effect(kind=EffectKind.SCALE_SIZE, value=0.5)})
    assert "a copy of R0009" in faults(bench, adding(SOUND), rejected=(old,))
    assert faults(bench, adding(SOUND), rejected=(other, milder)) == ""


def test_forbidding_everything_gains_nothing(bench: Workbench) -> None:
    everything = adding(rule(("value_traded_krw", ">=", 0.0)))
    told = score(everything, (), bench.material)
    assert told.changed == 1.0
    whole = bench.material.entries
    weighed = sum(whole.outcome.mean() - outcome for outcome in whole.outcome)
    assert weighed == pytest.approx(0, abs=1e-9)
    assert score(adding(SOUND), (), bench.material).total > told.total


def test_a_rule_that_is_covered_changes_nothing(bench: Workbench) -> None:
    live = (rule(("change_pct", ">=", 10.0), number=7),)
    told = score(adding(SOUND), live, bench.material)
    assert (told.changed, told.dates, told.total) == (0.0, 0, 0.0)


def test_neighbours_change_one_thing_and_stay_rules(bench: Workbench) -> None:
    parent = adding(rule(("change_pct", ">=", 15.0), ("market_mood", "<", 40.0)))
    found = list(neighbours(parent))
    assert len({key_of(one) for one in found} | {key_of(parent)}) == len(found) + 1
    assert {len(one.rule.when) for one in found if one.rule} == {1, 2}
    assert any(one.rule and one.rule.then.kind is EffectKind.SCALE_SIZE for one in found)


@pytest.mark.parametrize(
    ("kind", "mean", "when", "category", "effect"),
    [
        ("entry", -0.02, ("change_pct", ">=", 15.0), Category.ENTRY, EffectKind.BLOCK_BUY),
        ("entry", -0.02, ("breadth", "<", 0.3), Category.RISK, EffectKind.BLOCK_BUY),
        ("entry", 0.01, ("change_pct", ">=", 15.0), Category.SIZING, EffectKind.SCALE_SIZE),
        ("holding", -0.02, ("rsi14", "<", 30.0), Category.EXIT, EffectKind.FORCE_EXIT),
    ],
)
def test_the_category_follows_from_what_is_lost_and_when(
    kind: str, mean: float, when: Any, category: Category, effect: EffectKind
) -> None:
    insight = {
        "id": "I-1", "kind": kind, "mean": mean, "t": -3.4, "trips": 0, "support": 40, "losers": 30,
        "loss_rate": 0.75, "effect": -0.05, "matched": None,
        "when": [dict(zip(("feature", "op", "value"), when, strict=True))],
    }  # fmt: skip
    made = rule_of(insight, "R0001", ["run"])
    assert (made.category, made.then.kind, made.priority) == (category, effect, 7)
    assert made.because.isprintable()
