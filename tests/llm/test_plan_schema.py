"""What counts as a plan, and what is refused with which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.trading import Action, Decision, TradingPlan
from kisbt.errors import DeciderError
from kisbt.llm.plan_schema import (
    MAX_REPLY,
    NOT_ASKED,
    DecisionAnswer,
    PlanAnswer,
    parse_plan,
    plan_schema,
)
from tests.llm.fakes import line, reply

KNOWN = {"000001", "000002"}


def test_schema_answer_and_domain_have_the_same_fields_so_that_none_is_forgotten() -> None:
    schema = plan_schema()
    asked = [name for name in Decision.model_fields if name not in NOT_ASKED]
    item = schema["properties"]["decisions"]["items"]
    assert list(item["properties"]) == item["required"] == asked
    assert list(DecisionAnswer.model_fields) == asked
    assert list(schema["properties"]) == list(TradingPlan.model_fields)
    assert list(PlanAnswer.model_fields) == list(TradingPlan.model_fields)


def test_schema_keeps_to_what_every_server_understands() -> None:
    def walk(node: dict[str, Any]) -> None:
        assert not {"$ref", "$defs", "anyOf", "default"} & set(node)
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert list(node["properties"]) == node["required"]
            for child in node["properties"].values():
                walk(child)
        elif node["type"] == "array":
            walk(node["items"])

    walk(plan_schema(("종목A",)))


def test_schema_names_the_tickers_only_while_servers_accept_so_many() -> None:
    def ticker(schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = schema["properties"]["decisions"]["items"]["properties"]["ticker"]
        return found

    assert ticker(plan_schema(("B", "A")))["enum"] == ["B", "A"]
    assert "enum" not in ticker(plan_schema())
    assert "enum" not in ticker(plan_schema(tuple(f"{n:06d}" for n in range(201))))


def test_complete_reply_becomes_a_plan() -> None:
    plan = parse_plan(
        reply(
            line("000001", "SELL", target_weight=0.0, rules=["R0002"]),
            line("000002", "BUY", quantity=10, limit_price=71_500),
            comment="둘",
        ),
        KNOWN,
    )
    assert [d.action for d in plan.decisions] == [Action.SELL, Action.BUY]
    assert plan.decisions[0].rules == ("R0002",)
    assert (plan.decisions[1].quantity, plan.decisions[1].limit_price) == (10, 71_500)
    assert plan.decisions[1].agreement is None
    assert plan.comment == "둘"


def test_sizes_may_be_left_out_and_whole_floats_are_whole_numbers() -> None:
    short = '{"decisions":[{"ticker":"000001","action":"BUY","confidence":1,"justification":"x"}]}'
    (decision,) = parse_plan(short, KNOWN).decisions
    assert (decision.target_weight, decision.quantity, decision.confidence) == (None, None, 1.0)
    (decision,) = parse_plan(reply(line("000001", quantity=10.0)), KNOWN).decisions
    assert decision.quantity == 10


def test_empty_plan_is_a_plan() -> None:
    assert parse_plan(reply(), KNOWN).decisions == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ticker": "999999"}, "decisions[0].ticker: '999999' is not in the data"),
        ({"action": "buy"}, "decisions[0].action"),
        ({"confidence": 1.01}, "decisions[0].confidence"),
        ({"confidence": -0.01}, "decisions[0].confidence"),
        ({"confidence": None}, "decisions[0].confidence"),
        ({"confidence": "0.7"}, "decisions[0].confidence"),
        ({"confidence": True}, "decisions[0].confidence"),
        ({"target_weight": 1.2}, "decisions[0].target_weight"),
        ({"target_weight": -0.1}, "decisions[0].target_weight"),
        ({"quantity": 10**12}, "decisions[0].quantity"),
        ({"quantity": -1}, "decisions[0].quantity"),
        ({"quantity": 1.5}, "decisions[0].quantity"),
        ({"quantity": "10"}, "decisions[0].quantity"),
        ({"limit_price": 0}, "decisions[0].limit_price"),
        ({"justification": None}, "decisions[0].justification"),
        ({"justification": "x" * 3000}, "decisions[0].justification"),
        ({"rules": "R0001"}, "decisions[0].rules"),
        ({"agreement": 1.0}, "decisions[0].agreement"),
        ({"stop_loss": 5}, "decisions[0].stop_loss"),
    ],
)
def test_one_bad_field_makes_the_whole_plan_invalid_and_is_named(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(DeciderError) as caught:
        parse_plan(reply(line("000001") | change, line("000002")), KNOWN)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"decisions": [], "comment": NaN}', "not a JSON object"),
        ('{"decisions": null}', "decisions"),
        ('{"comment": "none"}', "decisions"),
        ('{"decisions": [], "decisions": []}', "'decisions' stands twice"),
        ('{"decisions": [], "plan": 1}', "plan"),
        (reply(line("000001"), line("000001")), "'000001' stands twice"),
        (reply(line("000001"))[:-20], "not a JSON object"),
        ('{"decisions":' * 100_000, "characters"),
        ('{"decisions":' + "[" * 50_000, "not a JSON object"),
        ('{"decisions": [], "comment": "' + "x" * MAX_REPLY + '"}', "characters"),
        (reply(line("000001")).replace("0.7", "1e999"), "confidence"),
        (reply(line("000001")).replace("0.7", "9" * 5000), "not a JSON object"),
        (reply(line("000001")).replace("거래량", "\\ud800"), "justification"),
    ],
)
@pytest.mark.parametrize("prose", [False, True])
def test_what_is_no_plan_is_refused_in_one_printable_line(
    text: str, says: str, prose: bool
) -> None:
    with pytest.raises(DeciderError) as caught:
        parse_plan(text, KNOWN, prose=prose)
    message = caught.value.message
    if not (prose and says == "not a JSON object"):
        assert says in message
    assert message.isprintable()
    assert len(message) <= 500


def test_a_plan_alone_in_a_code_fence_is_a_plan_in_any_mode() -> None:
    body = reply(line("000001"))
    for fenced in (f"```json\n{body}\n```", f"```\n{body}\n```\n"):
        assert parse_plan(fenced, KNOWN) == parse_plan(body, KNOWN)
    with pytest.raises(DeciderError):
        parse_plan(f"```python\n{body}\n```", KNOWN)


def test_words_around_the_object_are_allowed_only_where_there_is_no_json_mode() -> None:
    body = reply(line("000001"))
    text = f"<think>{{보자}} 음</think>다음과 같습니다.\n```json\n{body}\n```\n이상입니다 {{끝}}."
    assert parse_plan(text, KNOWN, prose=True) == parse_plan(body, KNOWN)
    with pytest.raises(DeciderError, match="not a JSON object"):
        parse_plan(text, KNOWN)


def test_two_objects_in_the_words_are_no_plan_because_nobody_knows_which_is_meant() -> None:
    both = f"{reply(line('000001'))} 아니, {reply()}"
    with pytest.raises(DeciderError, match="more than one JSON object"):
        parse_plan(both, KNOWN, prose=True)


@given(st.text(max_size=200) | st.text('{}[]":,decisionstickr0123456789.eE+-\\ul', max_size=200))
def test_any_text_is_a_plan_or_a_decider_error(text: str) -> None:
    for prose in (False, True):
        try:
            plan = parse_plan(text, KNOWN, prose=prose)
        except DeciderError:
            continue
        assert isinstance(plan, TradingPlan)


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_cells = st.recursive(_scalars, lambda kids: st.lists(kids, max_size=3), max_leaves=5)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(line("000001"), _cells)),
    st.sampled_from(sorted(KNOWN)),
)
def test_accepted_plans_hold_only_numbers_in_range(changes: dict[str, Any], ticker: str) -> None:
    text = json.dumps({"decisions": [line(ticker) | changes], "comment": ""})
    try:
        (decision,) = parse_plan(text, KNOWN).decisions
    except DeciderError:
        return
    assert decision.ticker in KNOWN
    assert 0 <= decision.confidence <= 1
    assert decision.target_weight is None or 0 <= decision.target_weight <= 1
    assert decision.quantity is None or 0 <= decision.quantity < 10**12
    assert decision.limit_price is None or 0 < decision.limit_price < 10**12
