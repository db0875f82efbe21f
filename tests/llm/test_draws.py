"""k draws become one plan: majority, medians, and abstaining when they disagree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.trading import Action, Decision, TradingPlan
from kisbt.llm.draws import combine


def drawn(*decisions: Decision, comment: str = "") -> TradingPlan:
    return TradingPlan(decisions=decisions, comment=comment)


def buy(ticker: str = "A", **fields: Any) -> Decision:
    return Decision(ticker=ticker, action=Action.BUY, **fields)


def sell(ticker: str = "A", **fields: Any) -> Decision:
    return Decision(ticker=ticker, action=Action.SELL, **fields)


def only(plan: TradingPlan) -> Decision:
    (decision,) = plan.decisions
    return decision


def test_sizes_are_medians_and_words_come_from_the_draw_nearest_to_them() -> None:
    plans = [
        drawn(buy(target_weight=0.05, confidence=0.9, justification="작게", rules=("R0001",))),
        drawn(buy(target_weight=0.10, confidence=0.6, justification="가운데", rules=("R0002",))),
        drawn(buy(target_weight=0.20, confidence=0.5, justification="크게")),
    ]
    decision = only(combine(plans, 3))
    assert decision.action is Action.BUY
    assert (decision.target_weight, decision.confidence) == (0.10, 0.6)
    assert (decision.justification, decision.rules) == ("가운데", ("R0002",))
    assert decision.agreement == 1.0


def test_agreement_is_the_share_of_all_draws_also_of_those_that_failed() -> None:
    plans = [drawn(buy(target_weight=0.1))] * 3
    bought = only(combine(plans, 5, 0.6))
    assert (bought.action, bought.agreement) == (Action.BUY, 0.6)
    assert only(combine(plans, 5, 0.61)).action is Action.HOLD
    lost = only(combine(plans, 7))
    assert (lost.action, lost.agreement) == (Action.HOLD, 4 / 7)
    assert lost.justification == "보류: HOLD 4/7, BUY 3/7"


def test_low_agreement_abstains_and_says_so() -> None:
    plans = [drawn(buy()), drawn(buy()), drawn(sell())]
    decision = only(combine(plans, 3, 0.7))
    assert decision.action is Action.HOLD
    assert decision.agreement == pytest.approx(2 / 3)
    assert decision.justification == "합의 부족(0.67 < 0.70)으로 보류: SELL 1/3, BUY 2/3"
    assert (decision.target_weight, decision.quantity, decision.rules) == (None, None, ())


@pytest.mark.parametrize(
    ("plans", "wins"),
    [
        ([drawn(buy()), drawn()], Action.HOLD),
        ([drawn(buy()), drawn(sell())], Action.SELL),
        ([drawn(sell()), drawn(Decision(ticker="A", action=Action.HOLD))], Action.HOLD),
    ],
)
def test_a_tie_goes_to_the_action_that_does_least(plans: list[TradingPlan], wins: Action) -> None:
    assert only(combine(plans, len(plans))).action is wins


def test_quantities_win_over_weights_when_most_draws_speak_of_shares() -> None:
    plans = [
        drawn(buy(quantity=10, limit_price=1000)),
        drawn(buy(quantity=13, limit_price=1020)),
        drawn(buy(target_weight=0.1)),
    ]
    decision = only(combine(plans, 3))
    assert (decision.quantity, decision.target_weight, decision.limit_price) == (11, None, 1010)
    plans = [drawn(buy(quantity=10)), drawn(buy(target_weight=0.1)), drawn(buy(target_weight=0.2))]
    decision = only(combine(plans, 3))
    assert decision.quantity is None
    assert decision.target_weight == pytest.approx(0.15)


def test_names_keep_the_order_of_their_first_mention_and_the_comment_tells_the_draws() -> None:
    plans = [drawn(buy("B"), comment="하나"), drawn(buy("A"), buy("B"), comment="둘")]
    combined = combine(plans, 2)
    assert [d.ticker for d in combined.decisions] == ["B", "A"]
    assert combined.comment == "하나 (2회 중 2회 유효, 평균 합의 0.75)"


def test_no_plan_cannot_be_combined() -> None:
    with pytest.raises(ValueError, match="0 plans of 3 draws"):
        combine([], 3)
    with pytest.raises(ValueError, match="2 plans of 1 draws"):
        combine([drawn(), drawn()], 1)


decisions = st.builds(
    Decision,
    ticker=st.sampled_from("ABC"),
    action=st.sampled_from(Action),
    target_weight=st.none() | st.floats(0, 1),
    quantity=st.none() | st.integers(0, 1000),
    limit_price=st.none() | st.integers(1, 10**6),
    confidence=st.floats(0, 1),
)
plans = st.lists(decisions, max_size=3, unique_by=lambda d: d.ticker).map(lambda d: drawn(*d))


@given(st.lists(plans, min_size=1, max_size=7), st.integers(0, 3), st.floats(0, 1))
def test_combined_sizes_lie_within_what_was_drawn(
    drawn_plans: list[TradingPlan], failed: int, least: float
) -> None:
    draws = len(drawn_plans) + failed
    for decision in combine(drawn_plans, draws, least).decisions:
        same = [
            d
            for plan in drawn_plans
            for d in plan.decisions
            if d.ticker == decision.ticker and d.action is decision.action
        ]
        assert decision.agreement is not None
        if decision.action is Action.HOLD:
            assert decision.quantity is decision.target_weight is None
            continue
        assert decision.agreement == len(same) / draws
        assert decision.agreement >= least
        for name in ("target_weight", "quantity", "limit_price"):
            value = getattr(decision, name)
            given_values = [v for d in same if (v := getattr(d, name)) is not None]
            assert value is None or min(given_values) <= value <= max(given_values)


@given(plans, st.integers(2, 5))
def test_draws_that_all_say_the_same_change_nothing_but_agreement_and_comment(
    plan: TradingPlan, draws: int
) -> None:
    combined = combine([plan] * draws, draws)
    for one, other in zip(plan.decisions, combined.decisions, strict=True):
        assert other.agreement == 1.0
        if one.action is Action.HOLD:
            assert other.action is Action.HOLD
        elif one.quantity is not None:
            assert other == one.model_copy(update={"agreement": 1.0, "target_weight": None})
        else:
            assert other == one.model_copy(update={"agreement": 1.0})
