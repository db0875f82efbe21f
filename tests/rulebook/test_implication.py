"""Contradiction and implication of conditions, against brute force over a grid."""

import math

from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.rules import Condition
from kisbt.rulebook.implication import implies, impossible, spans, subsumes
from tests.rulebook.samples import OPS, condition, rule, unhurried
from tests.rulebook.test_evaluate import holds

GRID = [x / 2 for x in range(-8, 9)]
few = st.lists(
    st.builds(
        Condition,
        feature=st.sampled_from(["a", "b"]),
        op=st.sampled_from(OPS),
        value=st.integers(-3, 3).map(float),
    ),
    min_size=1,
    max_size=4,
)
ROWS = [{"a": a, "b": b} for a in GRID for b in GRID]


@unhurried
@given(few)
def test_conditions_are_impossible_exactly_when_no_row_satisfies_them(
    conditions: list[Condition],
) -> None:
    satisfied = any(all(holds(c, row) for c in conditions) for row in ROWS)
    assert (impossible(conditions) is None) is satisfied


@unhurried
@given(few, few)
def test_implication_holds_exactly_when_every_row_agrees(
    premise: list[Condition], conclusion: list[Condition]
) -> None:
    if impossible(premise):
        return
    inside = [row for row in ROWS if all(holds(c, row) for c in premise)]
    names = {c.feature for c in premise}
    missing = [{name: row[name] for name in names} for row in inside]
    agreed = all(all(holds(c, row) for c in conclusion) for row in inside + missing)
    assert implies(premise, conclusion) is agreed


def test_impossible_names_the_feature() -> None:
    assert impossible([condition("rsi14 > 70"), condition("rsi14 <= 70")]) == "rsi14"
    assert impossible([condition("rsi14 == 70"), condition("rsi14 != 70")]) == "rsi14"
    assert impossible([condition("rsi14 > 70"), condition("change_pct < 70")]) is None


def test_span_of_an_unbounded_feature_is_the_whole_line() -> None:
    span = spans([condition("rsi14 != 3")])["rsi14"]
    assert (span.low, span.high) == (-math.inf, math.inf)
    assert not span.empty


def test_rule_with_wider_conditions_and_no_weaker_effect_subsumes() -> None:
    wide = rule(1, "rsi14 > 60", then="cap_weight", value=0.05)
    assert subsumes(wide, rule(2, "rsi14 > 70", then="cap_weight", value=0.05))
    assert subsumes(wide, rule(2, "rsi14 > 70", "change_pct > 1", then="cap_weight", value=0.1))
    assert not subsumes(wide, rule(2, "rsi14 > 70", then="cap_weight", value=0.01))
    assert not subsumes(wide, rule(2, "rsi14 > 50", then="cap_weight", value=0.1))
    assert not subsumes(wide, rule(2, "rsi14 > 70", then="scale_size", value=0.5))
    assert subsumes(rule(1, "rsi14 > 60"), rule(2, "rsi14 >= 61"))
