"""The rulebook decider: what it buys, sells and holds, and how it says why."""

from collections.abc import Callable
from typing import Any

import pytest

from kisbt.config import RiskLimits
from kisbt.domain.rules import Rule
from kisbt.domain.trading import Action, Decision
from kisbt.errors import PromptError
from kisbt.llm.rulebook_decider import RulebookDecider
from kisbt.rulebook.draft import compose
from tests.llm.worlds import CALM, SURGE, context, position
from tests.rulebook.samples import AT, draft, policy, rule


def decider(
    *rules: Rule,
    limits: RiskLimits | None = None,
    tick: Callable[[str, int], int] | None = None,
    **changes: Any,
) -> RulebookDecider:
    version = compose(draft(policy=policy(**changes), rules=rules), 1, AT)
    return RulebookDecider(version, limits or RiskLimits(), tick=tick)


def only(decisions: tuple[Decision, ...]) -> Decision:
    (decision,) = decisions
    return decision


def test_label_says_that_no_llm_decides() -> None:
    assert RulebookDecider.label == "rulebook (no LLM)"


def test_name_that_meets_all_entry_conditions_is_bought_and_the_numbers_are_named() -> None:
    plan = decider().decide(context({"000001": CALM, "000002": SURGE}))
    bought = only(plan.decisions)
    assert (bought.ticker, bought.action) == ("000002", Action.BUY)
    assert (bought.target_weight, bought.quantity, bought.limit_price) == (0.1, None, None)
    assert bought.justification == (
        "진입: 거래량 3.2배, 등락률 +4.1 %; 거래량 비율 순위 1/1; 목표 비중 10.0 %"
    )
    assert plan.comment == "매도 0, 보유 0, 매수 1; 후보 1"


@pytest.mark.parametrize(
    "change",
    [
        {"volume_ratio": 1.9},
        {"volume_ratio": None},
        {"change_pct": None},
        {"halted": 1.0},
        {"rsi14": 90.0},
    ],
)
def test_name_that_misses_one_condition_is_not_bought(change: dict[str, float | None]) -> None:
    plan = decider(avoid=("rsi14 >= 80",)).decide(context({"000002": SURGE | change}))
    assert plan.decisions == ()
    assert "진입 조건을 채운 종목 없음" in plan.comment


def test_closed_market_gate_stops_buying_and_says_so() -> None:
    gated = decider(market=("breadth >= 0.6",))
    plan = gated.decide(context({"000002": SURGE}, [position("000009")]))
    assert [d.action for d in plan.decisions] == [Action.HOLD]
    assert plan.comment == "매도 0, 보유 1, 매수 0; 신규 매수 중단: 상승 종목 비율 0.50"
    assert decider(market=("breadth >= 0.5",)).decide(context({"000002": SURGE})).decisions


def test_gate_without_a_value_is_closed() -> None:
    plan = decider(market=("breadth >= 0.5",)).decide(
        context({"000002": SURGE | {"breadth": None}})
    )
    assert plan.comment.endswith("신규 매수 중단: 상승 종목 비율 없음")


def test_tick_without_any_bar_ends_in_nothing() -> None:
    assert decider().decide(context({})).comment.endswith("시세가 있는 종목 없음")


def test_best_names_are_taken_first_up_to_the_daily_number() -> None:
    rows = {f"00000{n}": SURGE | {"volume_ratio": 2.0 + n} for n in range(5)}
    plan = decider(max_new_per_day=2).decide(context(rows))
    assert [d.ticker for d in plan.decisions] == ["000004", "000003"]
    assert "순위 2/5" in plan.decisions[1].justification
    assert "하루 한도·자리·현금으로 3 보류" in plan.comment


def test_low_ranks_first_when_the_policy_says_so_and_no_value_ranks_last() -> None:
    rows = {
        "000001": SURGE | {"rsi14": None},
        "000002": SURGE | {"rsi14": 60.0},
        "000003": SURGE | {"rsi14": 40.0},
    }
    low = decider(rank_by="rsi14", rank_order="low", max_new_per_day=3).decide(context(rows))
    assert [d.ticker for d in low.decisions] == ["000003", "000002", "000001"]
    high = decider(rank_by="rsi14", max_new_per_day=3).decide(context(rows))
    assert [d.ticker for d in high.decisions] == ["000002", "000003", "000001"]


def test_rank_without_korean_words_is_named_as_it_is() -> None:
    plan = decider(rank_by="my_feature").decide(context({"000001": SURGE | {"my_feature": 1.0}}))
    assert "my_feature 순위 1/1" in plan.decisions[0].justification


def test_ties_are_broken_by_ticker() -> None:
    plan = decider().decide(context({"000003": SURGE, "000001": SURGE, "000002": SURGE}))
    assert [d.ticker for d in plan.decisions] == ["000001", "000002"]


def test_daily_number_holds_over_the_ticks_of_one_session() -> None:
    asked = decider(max_new_per_day=2)
    rows = {f"00000{n}": SURGE | {"volume_ratio": 2.0 + n} for n in range(5)}
    first = asked.decide(context({"000001": rows["000001"]}, number=0, day=0))
    second = asked.decide(context(rows, number=1, day=0))
    third = asked.decide(context(rows, number=2, day=0))
    next_day = asked.decide(context(rows, number=3, day=1))
    bought = [[d.ticker for d in plan.decisions] for plan in (first, second, third, next_day)]
    assert bought == [["000001"], ["000004"], [], ["000004", "000003"]]


def test_name_asked_for_in_this_session_is_not_asked_for_again() -> None:
    asked = decider(max_new_per_day=3)
    asked.decide(context({"000001": SURGE}, number=0, day=0))
    plan = asked.decide(context({"000001": SURGE, "000002": SURGE}, number=1, day=0))
    assert [d.ticker for d in plan.decisions] == ["000002"]


def test_same_tick_asked_twice_gives_the_same_plan() -> None:
    asked, now = decider(), context({"000001": SURGE, "000002": SURGE})
    assert asked.decide(now) == asked.decide(now)


def test_held_name_is_not_bought_again() -> None:
    plan = decider().decide(context({"000001": SURGE}, [position("000001")]))
    assert [d.action for d in plan.decisions] == [Action.HOLD]


def test_no_free_place_cash_or_exposure_means_no_purchase() -> None:
    rows, held = {"000001": SURGE}, [position("000009")]
    assert not decider(limits=RiskLimits(max_positions=1)).decide(context(rows, held)).decisions[1:]
    assert not decider().decide(context(rows, cash=999)).decisions
    assert not decider(limits=RiskLimits(min_cash=50_000_000)).decide(context(rows)).decisions
    assert not decider().decide(context(rows, exposure=0.95)).decisions
    assert decider().decide(context(rows, cash=1000)).decisions


def test_cash_is_not_promised_twice_in_one_plan() -> None:
    rows = {"000001": SURGE, "000002": SURGE}
    plan = decider().decide(context(rows, cash=10_000_000))
    assert [d.ticker for d in plan.decisions] == ["000001"]


def test_target_never_exceeds_the_weight_limit() -> None:
    plan = decider(limits=RiskLimits(max_weight=0.04)).decide(context({"000001": SURGE}))
    assert only(plan.decisions).target_weight == 0.04


@pytest.mark.parametrize(
    ("last", "changes", "reason"),
    [
        (930, {}, "손절: 손익 -7.0 % (기준 -7 %)"),
        (1250, {"take_profit_pct": 25}, "익절: 손익 +25.0 % (기준 +25 %)"),
    ],
)
def test_stop_and_target_sell_everything(last: int, changes: dict[str, Any], reason: str) -> None:
    plan = decider(**changes).decide(context({"000001": CALM}, [position("000001", last=last)]))
    sold = only(plan.decisions)
    assert (sold.action, sold.target_weight, sold.justification) == (Action.SELL, 0.0, reason)


def test_one_won_before_the_stop_holds() -> None:
    plan = decider(take_profit_pct=25).decide(
        context({"000001": CALM}, [position("000001", last=931)])
    )
    held = only(plan.decisions)
    assert (held.action, held.target_weight) == (Action.HOLD, None)
    assert held.justification == "보유: 손익 -6.9 %, 비중 0.1 %"


def test_exit_condition_sells_and_names_the_value() -> None:
    row = CALM | {"ma20_gap_pct": -3.4}
    plan = decider(exits=("rsi14 > 80", "ma20_gap_pct < -3")).decide(
        context({"000001": row}, [position("000001")])
    )
    assert only(plan.decisions).justification == "청산 조건: 20이평 -3.4 %"


def test_trailing_stop_counts_from_the_highest_close_seen_since_the_purchase() -> None:
    trailing = decider(trailing_stop_pct=10, stop_loss_pct=None)
    actions = []
    for number, last in enumerate((1000, 1200, 1100, 1080, 1079)):
        held = [position("000001", last=last)]
        plan = trailing.decide(context({"000001": CALM}, held, number=number))
        actions.append(plan.decisions[0])
    assert [d.action for d in actions] == [Action.HOLD] * 3 + [Action.SELL] * 2
    assert actions[3].justification == "추적 손절: 고점 1,200원 대비 -10.0 % (기준 -10 %)"


def test_trail_starts_anew_for_a_new_purchase() -> None:
    trailing = decider(trailing_stop_pct=10, stop_loss_pct=None)
    trailing.decide(context({"000001": CALM}, [position("000001", last=2000)], number=0))
    trailing.decide(context({"000001": CALM}, number=1))
    plan = trailing.decide(context({"000001": CALM}, [position("000001", last=1000)], number=2))
    assert plan.decisions[0].action is Action.HOLD


def test_holding_days_count_sessions_and_not_ticks() -> None:
    timed = decider(max_holding_days=3)
    actions = []
    for number, day in enumerate((0, 0, 1, 1, 2)):
        plan = timed.decide(context({"000001": CALM}, [position("000001")], number=number, day=day))
        actions.append(plan.decisions[0])
    assert [d.action for d in actions] == [Action.HOLD] * 4 + [Action.SELL]
    assert actions[-1].justification == "보유 기간: 3거래일 (기준 3거래일)"


def test_new_run_forgets_the_one_before() -> None:
    timed = decider(max_holding_days=2)
    for _ in range(3):
        plan = timed.decide(context({"000001": CALM}, [position("000001")], number=0))
        assert plan.decisions[0].action is Action.HOLD


def test_forced_exit_sells_with_its_rule_and_any_other_reason() -> None:
    forced = decider(rule(7, "change_pct <= -8", then="force_exit"))
    row = CALM | {"change_pct": -9.0}
    plan = forced.decide(context({"000001": row}, [position("000001", last=900)]))
    sold = only(plan.decisions)
    assert (sold.action, sold.rules) == (Action.SELL, ("R0007",))
    assert sold.justification == "손절: 손익 -10.0 % (기준 -7 %); 규칙 R0007: 전량 매도"


def test_buy_rules_never_hold_back_an_exit() -> None:
    blocked = decider(rule(1, "change_pct > -99"), rule(2, "breadth > 0", then="require_approval"))
    plan = blocked.decide(context({"000001": CALM}, [position("000001", last=900)]))
    assert only(plan.decisions).action is Action.SELL


@pytest.mark.parametrize("rows", [{}, {"000001": CALM | {"halted": 1.0}}])
def test_halted_or_absent_holding_is_held_whatever_its_loss(rows: Any) -> None:
    plan = decider().decide(context(rows, [position("000001", last=500)]))
    held = only(plan.decisions)
    assert held.action is Action.HOLD
    assert held.justification == "보유: 거래정지이거나 당일 시세가 없음, 손익 -50.0 %"


def test_holding_that_cannot_be_sold_now_is_held_with_the_reason() -> None:
    plan = decider().decide(context({"000001": CALM}, [position("000001", last=900, sellable=0)]))
    held = only(plan.decisions)
    assert held.action is Action.HOLD
    assert "매도 가능 수량 없음 (손절: 손익 -10.0 %" in held.justification


def test_holding_without_a_cost_has_no_result() -> None:
    plan = decider().decide(context({"000001": CALM}, [position("000001", cost=0)]))
    assert "손익 +0.0 %" in only(plan.decisions).justification


@pytest.mark.parametrize(
    ("then", "value", "ids"),
    [("block_buy", None, "R0001"), ("force_exit", None, "R0001"), ("cap_weight", 0.0, "R0001")],
)
def test_rule_against_a_candidate_lets_the_next_one_in(
    then: str, value: float | None, ids: str
) -> None:
    blocking = decider(rule(1, "limit_up_streak >= 1", then=then, value=value), max_new_per_day=1)
    rows = {
        "000001": SURGE | {"limit_up_streak": 1.0, "volume_ratio": 9.0},
        "000002": SURGE,
    }
    plan = blocking.decide(context(rows))
    assert only(plan.decisions).ticker == "000002"
    assert plan.comment.endswith(f"후보 2, 규칙으로 제외: 000001 {ids}")


def test_cap_lowers_the_target_and_factor_and_approval_are_only_named() -> None:
    ruled = decider(
        rule(1, "change_pct > 4", then="cap_weight", value=0.05),
        rule(2, "change_pct > 4", then="scale_size", value=0.5),
        rule(3, "change_pct > 4", then="require_approval"),
    )
    bought = only(ruled.decide(context({"000001": SURGE})).decisions)
    assert bought.target_weight == 0.05
    assert bought.rules == ("R0001", "R0002", "R0003")
    assert bought.justification.endswith(
        "목표 비중 5.0 %; 규칙 R0001: 비중 한도; 규칙 R0002: 수량 0.5배; 규칙 R0003: 승인 필요"
    )


def test_cap_above_the_target_changes_nothing() -> None:
    ruled = decider(rule(1, "change_pct > 4", then="cap_weight", value=0.5))
    bought = only(ruled.decide(context({"000001": SURGE})).decisions)
    assert bought.target_weight == 0.1
    assert "비중 한도" not in bought.justification


def test_limit_policy_places_its_price_on_a_tick() -> None:
    limited = decider(order="limit", limit_offset_pct=0.5, tick=lambda _, price: price // 10 * 10)
    bought = only(limited.decide(context({"000001": SURGE}, close=1234)).decisions)
    assert bought.limit_price == 1240
    sold = only(limited.decide(context({"000001": CALM}, [position("000001", last=900)])).decisions)
    assert sold.limit_price is None


def test_limit_policy_without_a_tick_rule_is_refused() -> None:
    with pytest.raises(PromptError, match="asks for limit orders"):
        decider(order="limit")


def test_tick_rule_is_not_used_by_a_market_policy() -> None:
    bought = only(decider(tick=lambda _, price: price).decide(context({"000001": SURGE})).decisions)
    assert bought.limit_price is None
