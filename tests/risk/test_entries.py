import pytest

from kisbt.domain.rules import RuleEffects
from kisbt.domain.trading import Action, Outcome, Side, TradingMode
from tests.risk.world import (
    ETF,
    HYNIX,
    NAVER,
    SAMSUNG,
    book,
    buy,
    judged,
    limits,
    position,
    resting,
    sell,
)

MAN = 10_000


def bought(answer) -> list[tuple[str, int]]:
    return [(o.ticker, o.quantity) for o in answer.approved if o.side is Side.BUY]


def test_a_quantity_is_so_many_shares_more():
    answer = judged(book(positions=[position(SAMSUNG, 5)]), buy(quantity=7))
    (order,), (verdict,) = answer.approved, answer.verdicts
    assert (order.side, order.quantity, order.limit_price, order.decision) == (
        Side.BUY, 7, None, 0,
    )  # fmt: skip
    assert (verdict.outcome, verdict.requested, verdict.quantity) == (Outcome.ACCEPTED, 7, 7)
    assert (verdict.action, verdict.by, verdict.reason) == (Action.BUY, (), "")


def test_quantity_wins_over_target_weight():
    assert bought(judged(book(), buy(quantity=3, target_weight=0.5))) == [(SAMSUNG, 3)]


def test_a_target_weight_is_of_the_whole_stake():
    assert bought(judged(book(cash=7_000 * MAN), buy(target_weight=0.1))) == [(SAMSUNG, 100)]
    world = book(cash=6_300 * MAN, positions=[position(SAMSUNG, 100)])
    assert bought(judged(world, buy(target_weight=0.2))) == [(SAMSUNG, 100)]


def test_resting_buys_count_towards_the_target():
    world = book(cash=7_000 * MAN, open_orders=[resting(SAMSUNG, Side.BUY, 40)])
    assert bought(judged(world, buy(target_weight=0.1))) == [(SAMSUNG, 60)]


def test_resting_sales_do_not_count_towards_the_target():
    world = book(
        cash=6_300 * MAN,
        positions=[position(SAMSUNG, 100, sellable=60)],
        open_orders=[resting(SAMSUNG, Side.SELL, 40)],
    )
    assert bought(judged(world, buy(target_weight=0.2))) == [(SAMSUNG, 100)]


def test_a_target_is_counted_at_the_limit_when_that_is_higher():
    world = book(cash=7_000 * MAN)
    assert bought(judged(world, buy(target_weight=0.1, limit_price=80_000))) == [(SAMSUNG, 87)]
    assert bought(judged(world, buy(target_weight=0.1, limit_price=60_000))) == [(SAMSUNG, 100)]


def test_a_target_already_reached_is_no_change():
    world = book(cash=0, positions=[position(SAMSUNG, 100)])
    (verdict,) = judged(world, buy(target_weight=0.5)).verdicts
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == ("plan:no_change",)
    assert verdict.reason == "이미 목표 비중 이상 (걸린 매수 포함)"


def test_a_target_below_one_share_buys_nothing():
    world = book(cash=70_000)
    (verdict,) = judged(world, buy(target_weight=0.99)).verdicts
    assert verdict.by == ("plan:below_one_share",)
    assert verdict.reason == "목표 금액이 1주 값보다 작음"


def test_one_share_is_enough():
    world = book(cash=100_000)
    assert bought(judged(world, buy(target_weight=0.7))) == [(SAMSUNG, 1)]


def test_an_account_without_equity_buys_nothing():
    for equity in (0, -5_000_000):
        (verdict,) = judged(book(equity=equity), buy(target_weight=0.5)).verdicts
        assert verdict.by == ("plan:below_one_share",)
        (verdict,) = judged(book(equity=equity), buy(quantity=1)).verdicts
        assert verdict.by == ("limit:max_weight",)


def test_a_buy_without_a_size_asks_for_the_weight_cap():
    world = book(cash=7_000 * MAN, limits=limits(max_weight=0.2))
    (verdict,) = judged(world, buy()).verdicts
    assert (verdict.outcome, verdict.requested, verdict.quantity) == (Outcome.ACCEPTED, 200, 200)


def test_the_weight_cap_clips_a_target():
    world = book(cash=7_000 * MAN, limits=limits(max_weight=0.2))
    (verdict,) = judged(world, buy(target_weight=0.5)).verdicts
    assert (verdict.outcome, verdict.requested, verdict.quantity) == (Outcome.CLIPPED, 500, 200)
    assert verdict.by == ("limit:max_weight",)
    assert verdict.reason == "종목 비중 한도: 500주 → 200주"


def test_the_weight_cap_counts_what_is_held_and_what_rests():
    world = book(
        cash=6_300 * MAN,
        positions=[position(SAMSUNG, 100)],
        open_orders=[resting(SAMSUNG, Side.BUY, 30), resting(HYNIX, Side.BUY, 1)],
        limits=limits(max_weight=0.2),
    )
    assert bought(judged(world, buy(quantity=500))) == [(SAMSUNG, 70)]


def test_a_resting_buy_counts_at_its_limit_when_that_is_higher():
    world = book(
        cash=7_000 * MAN,
        open_orders=[resting(SAMSUNG, Side.BUY, 100, 77_000)],
        limits=limits(max_weight=0.2),
    )
    assert bought(judged(world, buy(quantity=500))) == [(SAMSUNG, 90)]
    lower = world._replace(open_orders=(resting(SAMSUNG, Side.BUY, 100, 50_000),))
    assert bought(judged(lower, buy(quantity=500))) == [(SAMSUNG, 100)]


def test_no_room_under_the_cap_is_a_rejection_with_the_wish():
    world = book(cash=0, positions=[position(SAMSUNG, 100)], limits=limits(max_weight=0.2))
    (verdict,) = judged(world, buy(quantity=5)).verdicts
    assert (verdict.outcome, verdict.requested, verdict.quantity) == (Outcome.REJECTED, 5, 0)
    assert verdict.by == ("limit:max_weight",)
    assert verdict.reason == "종목 비중 한도: 5주 → 0주"


def rules(**effects: object):
    return {SAMSUNG: RuleEffects(**effects)}


@pytest.mark.parametrize(
    ("effects", "ids", "what"),
    [
        ({"block_buy": ("R0001", "R0002")}, ("R0001", "R0002"), "매수 금지"),
        ({"force_exit": ("R0003",)}, ("R0003",), "청산 대상"),
        ({"approval": ("R0004",)}, ("R0004",), "승인 필요"),
    ],
)
def test_a_rule_turns_a_buy_down_and_gives_its_id(effects, ids, what):
    (verdict,) = judged(book(effects=rules(**effects)), buy(quantity=1)).verdicts
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == tuple(f"rule:{one}" for one in ids)
    assert verdict.reason == f"학습 규칙 {', '.join(ids)}: {what}"


def test_a_rule_speaks_for_its_own_name_only():
    world = book(effects={HYNIX: RuleEffects(block_buy=("R0001",))})
    assert bought(judged(world, buy(quantity=1))) == [(SAMSUNG, 1)]


def test_the_tighter_of_limit_and_rule_caps_the_weight():
    capped = rules(cap_weight=0.1, capped_by=("R0005", "R0006"))
    world = book(cash=7_000 * MAN, limits=limits(max_weight=0.2), effects=capped)
    (verdict,) = judged(world, buy(target_weight=0.3)).verdicts
    assert (verdict.requested, verdict.quantity) == (300, 100)
    assert verdict.by == ("rule:R0005", "rule:R0006")
    assert verdict.reason == "학습 규칙 R0005, 학습 규칙 R0006: 300주 → 100주"
    (verdict,) = judged(world, buy()).verdicts
    assert (verdict.requested, verdict.quantity, verdict.by) == (100, 100, ())
    looser = world._replace(limits=limits(max_weight=0.1))
    assert judged(looser, buy(target_weight=0.3)).verdicts[0].by == ("limit:max_weight",)


def test_a_scale_rule_shrinks_a_wished_weight():
    scaled = rules(scale=0.5, scaled_by=("R0008",))
    world = book(cash=7_000 * MAN, effects=scaled)
    (verdict,) = judged(world, buy(target_weight=0.2)).verdicts
    assert (verdict.outcome, verdict.requested, verdict.quantity) == (Outcome.CLIPPED, 200, 100)
    assert verdict.by == ("rule:R0008",)


def test_a_scale_rule_shrinks_the_stake_and_not_only_the_trade():
    scaled = rules(scale=0.5, scaled_by=("R0008",))
    world = book(cash=6_300 * MAN, positions=[position(SAMSUNG, 100)], effects=scaled)
    (verdict,) = judged(world, buy(target_weight=0.2)).verdicts
    assert (verdict.outcome, verdict.requested) == (Outcome.REJECTED, 100)
    assert verdict.by == ("rule:R0008",)
    assert verdict.reason == "학습 규칙 R0008: 100주 → 0주"


def test_a_scale_rule_bounds_a_quantity_by_the_scaled_cap():
    scaled = rules(scale=0.5, scaled_by=("R0008",))
    world = book(cash=7_000 * MAN, limits=limits(max_weight=0.2), effects=scaled)
    assert bought(judged(world, buy(quantity=100))) == [(SAMSUNG, 100)]
    (verdict,) = judged(world, buy(quantity=101)).verdicts
    assert (verdict.requested, verdict.quantity) == (101, 100)
    assert verdict.by == ("limit:max_weight", "rule:R0008")


def test_scale_and_cap_that_both_lower_a_size_are_both_named_once():
    scaled = rules(scale=0.5, scaled_by=("R0008",))
    world = book(cash=7_000 * MAN, limits=limits(max_weight=0.2), effects=scaled)
    (verdict,) = judged(world, buy(target_weight=0.6)).verdicts
    assert (verdict.requested, verdict.quantity) == (600, 100)
    assert verdict.by == ("rule:R0008", "limit:max_weight")


def test_confidence_at_the_minimum_is_enough():
    world = book(limits=limits(min_confidence=0.6))
    assert bought(judged(world, buy(quantity=1, confidence=0.6))) == [(SAMSUNG, 1)]
    (verdict,) = judged(world, buy(quantity=1, confidence=0.59)).verdicts
    assert verdict.by == ("limit:min_confidence",)
    assert verdict.reason == "확신도 0.59 < 최소 0.60"


@pytest.mark.parametrize("mode", [TradingMode.REDUCE_ONLY, TradingMode.HALTED])
def test_buys_need_an_active_state(mode: TradingMode):
    world = book(mode=mode, reason="일일 손실 3.10%")
    (verdict,) = judged(world, buy(quantity=1)).verdicts
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == (f"mode:{mode.value}",)
    assert verdict.reason == "일일 손실 3.10%"


def test_reduce_only_lets_exits_pass_and_halted_nothing():
    held = [position(SAMSUNG, 10)]
    reducing = book(mode=TradingMode.REDUCE_ONLY, reason="손실", positions=held)
    assert len(judged(reducing, sell()).approved) == 1
    (verdict,) = judged(
        book(mode=TradingMode.HALTED, reason="정지", positions=held), sell()
    ).verdicts
    assert verdict.by == ("mode:HALTED",)
    assert verdict.reason == "정지"


def test_exits_come_before_buys_and_each_keep_the_plans_order():
    world = book(positions=[position(SAMSUNG, 10), position(HYNIX, 10)])
    answer = judged(world, buy(NAVER, quantity=1), sell(HYNIX), buy(ETF, quantity=2), sell(SAMSUNG))
    assert [(o.ticker, o.decision) for o in answer.approved] == [
        (HYNIX, 1), (SAMSUNG, 3), (NAVER, 0), (ETF, 2),
    ]  # fmt: skip
    assert [v.ticker for v in answer.verdicts] == [NAVER, HYNIX, ETF, SAMSUNG]


def test_an_empty_plan_has_no_answer():
    assert judged(book(positions=[position(SAMSUNG, 10)])) == ((), (), ())


def test_held_shares_and_several_resting_buys_add_up():
    world = book(
        cash=6_300 * MAN,
        positions=[position(SAMSUNG, 100)],
        open_orders=[resting(SAMSUNG, Side.BUY, 20), resting(SAMSUNG, Side.BUY, 10, None, "O2")],
    )
    assert bought(judged(world, buy(target_weight=0.2))) == [(SAMSUNG, 70)]


def test_a_scale_that_costs_no_whole_share_is_not_named():
    scaled = rules(scale=0.9999, scaled_by=("R0008",))
    world = book(cash=7_000 * MAN + 350_000, effects=scaled)
    (verdict,) = judged(world, buy(target_weight=0.1)).verdicts
    assert (verdict.outcome, verdict.quantity, verdict.by) == (Outcome.ACCEPTED, 100, ())
