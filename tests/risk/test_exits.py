import pytest

from kisbt.domain.rules import RuleEffects
from kisbt.domain.trading import Action, Decision, Outcome, Side, TradingMode
from kisbt.risk.day_use import DayTotals
from tests.risk.world import (
    HYNIX,
    SAMSUNG,
    book,
    buy,
    judged,
    keep,
    limits,
    position,
    quote,
    resting,
    sell,
)

EXIT = {SAMSUNG: RuleEffects(force_exit=("R0007", "R0009"))}


def sold(answer) -> list[tuple[str, int, int | None]]:
    return [(o.ticker, o.quantity, o.limit_price) for o in answer.approved]


def test_a_sale_without_a_size_sells_everything():
    answer = judged(book(positions=[position(SAMSUNG, 10)]), sell())
    (order,), (verdict,) = answer.approved, answer.verdicts
    assert (order.side, order.quantity, order.limit_price, order.decision) == (
        Side.SELL, 10, None, 0,
    )  # fmt: skip
    assert (verdict.outcome, verdict.requested, verdict.quantity) == (Outcome.ACCEPTED, 10, 10)
    assert (verdict.decision, verdict.ticker, verdict.action) == (0, SAMSUNG, Action.SELL)
    assert (verdict.by, verdict.reason) == ((), "")


def test_quantity_wins_over_target_weight():
    world = book(positions=[position(SAMSUNG, 10)])
    assert sold(judged(world, sell(quantity=3, target_weight=0.0))) == [(SAMSUNG, 3, None)]


def test_a_target_weight_leaves_that_share_of_equity():
    world = book(cash=0, positions=[position(SAMSUNG, 100)])
    assert sold(judged(world, sell(target_weight=0.3))) == [(SAMSUNG, 70, None)]
    assert sold(judged(world, sell(target_weight=0.305))) == [(SAMSUNG, 70, None)]
    assert sold(judged(world, sell(target_weight=0.0))) == [(SAMSUNG, 100, None)]


def test_a_target_in_an_account_below_zero_sells_everything():
    world = book(equity=-5_000_000, positions=[position(SAMSUNG, 10)])
    assert sold(judged(world, sell(target_weight=0.5))) == [(SAMSUNG, 10, None)]


def test_a_sale_to_a_weight_already_reached_is_no_change():
    world = book(cash=0, positions=[position(SAMSUNG, 100)])
    (verdict,) = judged(world, sell(target_weight=1.0)).verdicts
    assert verdict.by == ("plan:no_change",)
    assert verdict.reason == "이미 목표 비중 이하"
    assert sold(judged(world, sell(target_weight=0.9999))) == [(SAMSUNG, 1, None)]


def test_nothing_held_is_nothing_to_sell():
    (verdict,) = judged(book(), sell(quantity=5)).verdicts
    assert verdict.by == ("limit:sellable",)
    assert verdict.reason == "보유하지 않은 종목"


def test_a_sale_of_more_than_is_sellable_is_clipped():
    world = book(positions=[position(SAMSUNG, 10, sellable=6)])
    answer = judged(world, sell(quantity=8))
    (verdict,) = answer.verdicts
    assert sold(answer) == [(SAMSUNG, 6, None)]
    assert verdict.outcome is Outcome.CLIPPED
    assert (verdict.requested, verdict.quantity) == (8, 6)
    assert verdict.by == ("limit:sellable",)
    assert verdict.reason == "매도가능수량: 8주 → 6주"


def test_a_clip_and_a_moved_price_are_both_named():
    world = book(positions=[position(SAMSUNG, 10, sellable=6)])
    (verdict,) = judged(world, sell(quantity=8, limit_price=70_001)).verdicts
    assert verdict.outcome is Outcome.CLIPPED
    assert verdict.by == ("limit:sellable", "limit:tick")
    assert verdict.reason == ("매도가능수량: 8주 → 6주; 지정가를 호가 단위로 70,001원 → 70,100원")


def test_nothing_sellable_is_rejected_with_what_was_asked():
    world = book(positions=[position(SAMSUNG, 10, sellable=0)])
    (verdict,) = judged(world, sell(quantity=8)).verdicts
    assert verdict.outcome is Outcome.REJECTED
    assert (verdict.requested, verdict.quantity) == (8, 0)
    assert verdict.by == ("limit:sellable",)
    assert verdict.reason == "매도가능수량 없음"


def with_resting(*orders, sellable: int):
    return book(positions=[position(SAMSUNG, 10, sellable=sellable)], open_orders=orders)


def test_an_exit_takes_the_shares_of_a_less_urgent_resting_sale():
    world = with_resting(resting(SAMSUNG, Side.SELL, 7, 75_000), sellable=3)
    assert sold(judged(world, sell())) == [(SAMSUNG, 10, None)]
    assert sold(judged(world, sell(limit_price=74_900))) == [(SAMSUNG, 10, 74_900)]


def test_an_exit_that_already_rests_is_not_sent_twice():
    world = with_resting(resting(SAMSUNG, Side.SELL, 10), sellable=0)
    (verdict,) = judged(world, sell()).verdicts
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == ("order:resting",)
    assert verdict.reason == "이미 걸린 매도 주문이 같은 일을 함"


def test_only_what_is_not_underway_is_sent():
    world = with_resting(resting(SAMSUNG, Side.SELL, 4), sellable=6)
    assert sold(judged(world, sell())) == [(SAMSUNG, 6, None)]
    world = with_resting(resting(SAMSUNG, Side.SELL, 9), sellable=1)
    assert sold(judged(world, sell())) == [(SAMSUNG, 1, None)]


def test_shares_underway_are_counted_once_when_the_broker_calls_them_sellable():
    world = with_resting(resting(SAMSUNG, Side.SELL, 4), sellable=10)
    assert sold(judged(world, sell(quantity=10))) == [(SAMSUNG, 6, None)]


def test_resting_sales_of_both_kinds_add_up():
    world = with_resting(
        resting(SAMSUNG, Side.SELL, 2, 69_000, "a"),
        resting(SAMSUNG, Side.SELL, 1, 70_000, "b"),
        resting(SAMSUNG, Side.SELL, 2, 80_000, "c"),
        resting(SAMSUNG, Side.SELL, 3, 81_000, "d"),
        resting(SAMSUNG, Side.BUY, 50, 60_000, "e"),
        sellable=2,
    )
    assert sold(judged(world, sell(limit_price=70_000))) == [(SAMSUNG, 7, 70_000)]
    (verdict,) = judged(world, sell(quantity=9, limit_price=70_000)).verdicts
    assert (verdict.requested, verdict.quantity) == (9, 7)


def test_a_resting_sale_of_another_name_is_not_ours():
    world = with_resting(resting(HYNIX, Side.SELL, 10), sellable=10)
    assert sold(judged(world, sell())) == [(SAMSUNG, 10, None)]


def test_exits_pass_when_every_buy_limit_is_used_up():
    world = book(
        cash=0,
        positions=[position(SAMSUNG, 10), position(HYNIX, 10)],
        limits=limits(
            max_orders_per_day=1, max_turnover_per_day=0.01, max_positions=1, min_confidence=1.0,
            max_weight=0.01, max_exposure=0.01,
        ),
        day=DayTotals(50, 10**9),
        mode=TradingMode.REDUCE_ONLY,
        effects={SAMSUNG: RuleEffects(block_buy=("R0001",), approval=("R0002",), scale=0.0,
                                      cap_weight=0.0)},
    )  # fmt: skip
    answer = judged(world, sell(confidence=0.0), sell(HYNIX))
    assert sold(answer) == [(SAMSUNG, 10, None), (HYNIX, 10, None)]
    assert {v.outcome for v in answer.verdicts} == {Outcome.ACCEPTED}


def test_a_rule_adds_an_exit_that_the_plan_is_silent_about():
    world = book(positions=[position(HYNIX, 3), position(SAMSUNG, 10)], effects=EXIT)
    answer = judged(world, keep(), buy(HYNIX, quantity=1))
    assert sold(answer) == [(SAMSUNG, 10, None), (HYNIX, 1, None)]
    assert answer.approved[0].decision == 2
    assert answer.added == (
        Decision(
            ticker=SAMSUNG,
            action=Action.SELL,
            justification="학습 규칙 R0007, R0009: 강제 청산",
            rules=("R0007", "R0009"),
        ),
    )
    assert answer.verdicts[2].outcome is Outcome.ACCEPTED
    assert answer.verdicts[2].decision == 2


def test_an_empty_plan_still_gets_its_forced_exit():
    answer = judged(book(positions=[position(SAMSUNG, 10)], effects=EXIT))
    assert sold(answer) == [(SAMSUNG, 10, None)]
    assert [v.decision for v in answer.verdicts] == [0]


def test_several_forced_exits_are_numbered_on():
    both = {SAMSUNG: EXIT[SAMSUNG], HYNIX: RuleEffects(force_exit=("R0001",))}
    world = book(positions=[position(HYNIX, 3), position(SAMSUNG, 10)], effects=both)
    answer = judged(world, keep())
    assert [(o.ticker, o.decision) for o in answer.approved] == [(HYNIX, 1), (SAMSUNG, 2)]
    assert [d.ticker for d in answer.added] == [HYNIX, SAMSUNG]


def test_a_forced_exit_is_not_added_for_a_name_not_held():
    assert judged(book(effects=EXIT)).added == ()


@pytest.mark.parametrize(
    "own", [sell(), sell(quantity=10), sell(target_weight=0.0), sell(quantity=11)]
)
def test_a_plan_that_sells_everything_itself_is_left_alone(own: Decision):
    answer = judged(book(positions=[position(SAMSUNG, 10)], effects=EXIT), own)
    assert sold(answer) == [(SAMSUNG, 10, None)]
    assert answer.added == ()


@pytest.mark.parametrize(
    "own", [sell(quantity=9), sell(target_weight=0.001), sell(limit_price=90_000)]
)
def test_a_plan_that_sells_less_is_overruled(own: Decision):
    answer = judged(book(positions=[position(SAMSUNG, 10)], effects=EXIT), own)
    assert sold(answer) == [(SAMSUNG, 10, None)]
    verdict = answer.verdicts[0]
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == ("rule:R0007", "rule:R0009")
    assert verdict.reason == "학습 규칙 R0007, R0009: 강제 청산이 대신함"


def test_what_counts_as_everything_is_net_of_what_is_underway():
    world = book(
        positions=[position(SAMSUNG, 10, sellable=6)],
        open_orders=[resting(SAMSUNG, Side.SELL, 4)],
        effects=EXIT,
    )
    assert judged(world, sell(quantity=6)).added == ()
    assert len(judged(world, sell(quantity=5)).added) == 1


def test_a_forced_exit_in_a_halted_name_is_rejected_and_recorded():
    world = book(
        positions=[position(SAMSUNG, 10)],
        effects=EXIT,
        quotes={SAMSUNG: quote(70_000, tradable=False)},
    )
    answer = judged(world)
    assert answer.approved == ()
    assert answer.verdicts[0].by == ("market:halted",)


def test_a_forced_exit_in_an_unknown_name_is_rejected_and_recorded():
    world = book(positions=[position(SAMSUNG, 10)], effects=EXIT, quotes={SAMSUNG: None})
    answer = judged(world, buy(HYNIX, quantity=1))
    assert [o.ticker for o in answer.approved] == [HYNIX]
    assert answer.verdicts[1].by == ("input:ticker",)
    assert answer.verdicts[1].decision == 1


def test_no_exit_is_forced_while_halted():
    world = book(positions=[position(SAMSUNG, 10)], effects=EXIT, mode=TradingMode.HALTED)
    assert judged(world) == ((), (), ())


def test_several_sales_underway_add_up():
    world = with_resting(
        resting(SAMSUNG, Side.SELL, 2, None, "a"),
        resting(SAMSUNG, Side.SELL, 3, None, "b"),
        sellable=10,
    )
    (verdict,) = judged(world, sell()).verdicts
    assert (verdict.requested, verdict.quantity, verdict.by) == (5, 5, ())
    assert sold(judged(world, sell(quantity=10))) == [(SAMSUNG, 5, None)]


def test_what_counts_as_everything_includes_what_an_exit_takes_over():
    world = book(
        positions=[position(SAMSUNG, 10, sellable=6)],
        open_orders=[resting(SAMSUNG, Side.SELL, 4, 90_000)],
        effects=EXIT,
    )
    assert judged(world, sell(quantity=10)).added == ()
    answer = judged(world, sell(quantity=6))
    assert sold(answer) == [(SAMSUNG, 10, None)]
    assert len(answer.added) == 1


def test_a_plans_own_exit_does_not_stop_the_next_forced_one():
    both = {HYNIX: RuleEffects(force_exit=("R0001",)), SAMSUNG: EXIT[SAMSUNG]}
    world = book(positions=[position(HYNIX, 3), position(SAMSUNG, 10)], effects=both)
    answer = judged(world, sell(HYNIX))
    assert sold(answer) == [(HYNIX, 3, None), (SAMSUNG, 10, None)]
