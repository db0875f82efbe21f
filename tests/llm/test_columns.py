"""Features as text: exact when names are shown, in steps when they are masked."""

import json
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.rules import Condition
from kisbt.llm.columns import Columns, masked_condition, units_of
from kisbt.rulebook.draft import compose
from kisbt.rulebook.evaluate import compile_conditions
from kisbt.rulebook.version import PromptVersion
from tests.rulebook.samples import AT, draft, policy, rule

FEATURES = ("change_pct", "days_since_listing", "market_mood", "own_feature", "value_traded_krw")


def version(*entry: str, features: tuple[str, ...] = FEATURES) -> PromptVersion:
    made = compose(draft(policy=policy(entry=entry or ("change_pct >= 2",))), 1, AT)
    return made.model_copy(update={"features": features})


ROW: dict[str, float | None] = {
    "change_pct": 1.23456,
    "days_since_listing": 4321.0,
    "market_mood": 58.25,
    "own_feature": 0.123456,
    "value_traded_krw": 1_234_567_890.0,
}


def shown(columns: Columns, row: dict[str, float | None]) -> dict[str, float | None]:
    (text,) = columns.texts({"A": row}).values()
    found: dict[str, float | None] = json.loads("{" + text.removeprefix(","))
    return found


def test_values_are_written_by_their_unit_and_market_wide_ones_stand_apart() -> None:
    columns = Columns.of(version(), blind=False)
    assert shown(columns, ROW) == {
        "change_pct": 1.23,
        "days_since_listing": 4321,
        "own_feature": 0.123456,
        "value_traded_krw": 1234567890,
    }
    assert columns.market_text({"A": ROW}) == '{"market_mood":58.2}'
    assert columns.market_text({}) == '{"market_mood":null}'


def test_missing_values_are_null_whether_absent_or_none() -> None:
    for blind in (False, True):
        columns = Columns.of(version(), blind=blind)
        assert set(shown(columns, {}).values()) == {None}
        assert set(shown(columns, dict.fromkeys(ROW)).values()) == {None}


def test_blind_mode_leaves_out_what_is_not_catalogued() -> None:
    assert "own_feature" not in shown(Columns.of(version(), blind=True), ROW)


def test_a_version_with_one_or_no_own_feature_is_written_too() -> None:
    assert shown(Columns.of(version(features=("change_pct",)), blind=False), ROW) == {
        "change_pct": 1.23
    }
    assert Columns.of(version(features=("market_mood",)), blind=False).texts({"A": ROW}) == {
        "A": "}"
    }


def test_without_a_threshold_amounts_are_steps_of_the_median_of_the_day() -> None:
    columns = Columns.of(version(), blind=True)
    rows = {str(n): ROW | {"value_traded_krw": value} for n, value in enumerate((7e8, 1e9, 9e9))}
    texts = columns.texts(rows)
    values = [json.loads("{" + t.removeprefix(","))["value_traded_krw"] for t in texts.values()]
    assert values == [0.5, 1, 5]
    assert shown(columns, ROW | {"value_traded_krw": 0.0})["value_traded_krw"] is None


@given(st.floats(-1e13, 1e13), st.floats(-1e13, 1e13))
def test_masked_amounts_are_steps_on_both_sides_of_zero(value: float, other: float) -> None:
    columns = Columns(("program_net_buy_krw",), blind=True)
    rows = {"A": {"program_net_buy_krw": value}, "B": {"program_net_buy_krw": other}}
    steps = {0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0}
    for text in columns.texts(rows).values():
        shown = json.loads("{" + text.removeprefix(","))["program_net_buy_krw"]
        assert shown is None or abs(shown) in steps


thresholds = st.floats(1e3, 1e12)
operators: st.SearchStrategy[Literal[">=", "<"]] = st.sampled_from([">=", "<"])


@given(
    thresholds,
    thresholds,
    operators,
    st.floats(-1e13, 1e13) | st.just(0.0),
    st.sampled_from(["value_traded_krw", "days_since_listing"]),
)
def test_steps_decide_a_prompt_s_conditions_as_the_exact_figures_do(
    first: float, second: float, op: Literal[">=", "<"], value: float, name: str
) -> None:
    value = abs(value) if name == "days_since_listing" else value
    made = compose(
        draft(
            policy=policy(entry=(f"{name} {op} {first!r}",)),
            rules=(rule(1, f"{name} {op} {second!r}"),),
        ),
        1,
        AT,
    )
    prompt = made.model_copy(update={"features": FEATURES})
    columns = Columns.of(prompt, blind=True)
    units = units_of(prompt)
    for threshold in (first, second):
        for exact in (value, threshold):
            step = shown_exactly(columns, ROW | {name: exact}, name)
            condition = Condition(feature=name, op=op, value=threshold)
            masked = masked_condition(condition, units.get(name))
            real = compile_conditions((condition,))({name: exact})
            assert compile_conditions((masked,))({name: step}) is real


def shown_exactly(columns: Columns, row: dict[str, float | None], name: str) -> float | None:
    """The step before it is written with six digits."""
    index = columns.names.index(name)
    coarse = next(c for i, _, c in columns._coarse if i == index)
    assert coarse is not None
    return coarse(row[name])
