"""Rules against rows: the compiled form, the naive form, and what may never happen."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.rules import NO_EFFECTS, Condition, EffectKind, Rule, RuleEffects
from kisbt.rulebook.evaluate import compile_conditions, compile_rules, evaluate
from tests.rulebook import samples
from tests.rulebook.samples import condition, rule, unhurried

TESTS = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def holds(one: Condition, row: Mapping[str, float | None]) -> bool:
    value = row.get(one.feature)
    return value is not None and not math.isnan(value) and TESTS[one.op](value, one.value)


@dataclass
class Naive:
    """The joint effects in the most pedestrian way."""

    rules: Sequence[Rule]
    row: Mapping[str, float | None]

    def ids(self, kind: EffectKind, value: float | None = None) -> tuple[str, ...]:
        return tuple(sorted(r.id for r in self.fired(kind) if r.then.value == value))

    def fired(self, kind: EffectKind) -> list[Rule]:
        return [
            r for r in self.rules if r.then.kind is kind and all(holds(c, self.row) for c in r.when)
        ]

    def smallest(self, kind: EffectKind) -> float | None:
        return min((r.then.value for r in self.fired(kind)), default=None)

    def effects(self) -> RuleEffects:
        cap = self.smallest(EffectKind.CAP_WEIGHT)
        scale = self.smallest(EffectKind.SCALE_SIZE)
        return RuleEffects(
            self.ids(EffectKind.BLOCK_BUY),
            self.ids(EffectKind.FORCE_EXIT),
            cap,
            self.ids(EffectKind.CAP_WEIGHT, cap),
            1.0 if scale is None else scale,
            self.ids(EffectKind.SCALE_SIZE, scale),
            self.ids(EffectKind.REQUIRE_APPROVAL),
        )


@unhurried
@given(samples.bare_rule_sets, samples.rows)
def test_compiled_evaluation_equals_the_naive_one(
    rules: tuple[Rule, ...], row: dict[str, float | None]
) -> None:
    assert evaluate(rules, row) == Naive(rules, row).effects()


@unhurried
@given(samples.bare_rule_sets, samples.rows, st.randoms(use_true_random=False))
def test_order_of_rules_does_not_matter(
    rules: tuple[Rule, ...], row: dict[str, float | None], random: object
) -> None:
    shuffled = list(rules)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert evaluate(shuffled, row) == evaluate(rules, row)


@unhurried
@given(samples.bare_rule_sets, samples.bare_rules, samples.rows)
def test_adding_a_rule_never_loosens(
    rules: tuple[Rule, ...], extra: Rule, row: dict[str, float | None]
) -> None:
    before, after = evaluate(rules, row), evaluate((*rules, extra), row)
    assert set(before.block_buy) <= set(after.block_buy)
    assert set(before.force_exit) <= set(after.force_exit)
    assert set(before.approval) <= set(after.approval)
    assert after.scale <= before.scale
    if before.cap_weight is not None:
        assert after.cap_weight is not None
        assert after.cap_weight <= before.cap_weight


@unhurried
@given(samples.bare_rule_sets, samples.rows)
def test_compiled_rules_give_the_same_answer_twice(
    rules: tuple[Rule, ...], row: dict[str, float | None]
) -> None:
    effects = compile_rules(rules)
    assert effects(row) == effects(dict(row)) == evaluate(rules, row)


@pytest.mark.parametrize("op", samples.OPS)
@pytest.mark.parametrize("row", [{}, {"rsi14": None}, {"rsi14": math.nan}])
def test_feature_without_a_value_satisfies_nothing(op: str, row: dict[str, float | None]) -> None:
    one = rule(1, f"rsi14 {op} 50")
    assert evaluate((one,), row) is NO_EFFECTS
    assert not compile_conditions(one.when)(row)
    assert not compile_conditions(one.when, needs="any")(row)


def test_row_that_fires_nothing_gives_the_shared_empty_answer() -> None:
    assert evaluate((), {"rsi14": 5.0}) is NO_EFFECTS
    assert compile_rules((rule(1, "rsi14 > 70"),))({"rsi14": 70.0}) is NO_EFFECTS


def test_tightest_cap_and_smallest_factor_win_and_are_named() -> None:
    rules = (
        rule(4, "rsi14 > 70", then="cap_weight", value=0.05),
        rule(2, "rsi14 > 60", then="cap_weight", value=0.05),
        rule(1, "rsi14 > 50", then="cap_weight", value=0.1),
        rule(5, "rsi14 > 50", then="scale_size", value=0.5),
        rule(3, "rsi14 > 90", then="scale_size", value=0.1),
    )
    found = evaluate(rules, {"rsi14": 80.0})
    assert (found.cap_weight, found.capped_by) == (0.05, ("R0002", "R0004"))
    assert (found.scale, found.scaled_by) == (0.5, ("R0005",))


@unhurried
@given(st.lists(samples.conditions, max_size=5), samples.rows)
def test_compiled_conditions_equal_all_and_any(
    conditions: list[Condition], row: dict[str, float | None]
) -> None:
    assert compile_conditions(conditions)(row) is all(holds(c, row) for c in conditions)
    assert compile_conditions(conditions, needs="any")(row) is any(
        holds(c, row) for c in conditions
    )


def test_condition_that_went_around_the_schema_is_refused() -> None:
    fine = condition("rsi14 >= 1")
    for change in ({"op": "or __import__('os')"}, {"value": math.inf}):
        with pytest.raises(ValueError, match="not a condition"):
            compile_conditions([fine.model_copy(update=change)])


def test_feature_name_cannot_become_code() -> None:
    name = "x') or print('y"
    one = Condition(feature=name, op=">", value=1)
    assert compile_conditions([one])({name: 2.0})
    assert not compile_conditions([one])({})
