"""The bounds that buys share. A buy of Samsung is 70,000 a share, 91,000 reserved at the limit."""

import pytest

from kisbt.domain.market import Product
from kisbt.domain.trading import Outcome, Side
from kisbt.krx.costs import CostModel
from kisbt.risk.day_use import DayTotals
from tests.risk.world import (
    COSTS,
    ETF,
    HYNIX,
    NAVER,
    book,
    buy,
    judged,
    limits,
    position,
    resting,
    sell,
)

FREE = CostModel.free()


def last(answer) -> tuple[int, tuple[str, ...]]:
    verdict = answer.verdicts[-1]
    return verdict.quantity, verdict.by


def test_a_market_buy_reserves_the_upper_limit_and_commission():
    world = book(cash=1_000_000, orderable=910_127, equity=10**9)
    assert COSTS.buy_total(91_000, 10, Product.STOCK) == 910_127
    assert last(judged(world, buy(quantity=10))) == (10, ())
    poorer = book(cash=1_000_000, orderable=910_126, equity=10**9)
    answer = judged(poorer, buy(quantity=10))
    assert last(answer) == (9, ("limit:orderable_cash",))
    assert answer.verdicts[0].reason == "주문가능금액(상한가 증거금): 10주 → 9주"


def test_a_limit_buy_reserves_its_limit_and_commission():
    world = book(cash=600_000, equity=10**9)
    assert last(judged(world, buy(quantity=10, limit_price=60_000))) == (
        9,
        ("limit:orderable_cash",),
    )
    free = book(cash=600_000, equity=10**9, costs=FREE)
    assert last(judged(free, buy(quantity=10, limit_price=60_000))) == (10, ())


def test_funds_pay_their_own_commission():
    dear = CostModel(commission_rate=0.0, etf_commission_rate=0.01, tax=True)
    world = book(cash=353_499, equity=10**9, costs=dear)
    assert last(judged(world, buy(ETF, quantity=10, limit_price=35_000)))[0] == 9
    richer = book(cash=353_500, equity=10**9, costs=dear)
    assert last(judged(richer, buy(ETF, quantity=10, limit_price=35_000)))[0] == 10


def test_cash_is_clipped_to_the_last_share_that_fits_however_dear_the_commission():
    dear = CostModel(commission_rate=0.049, etf_commission_rate=0.0, tax=True)
    world = book(cash=100_000_000, equity=10**12, costs=dear)
    size, by = last(judged(world, buy(quantity=5_000)))
    assert by == ("limit:orderable_cash",)
    assert dear.buy_total(91_000, size, Product.STOCK) <= 100_000_000
    assert dear.buy_total(91_000, size + 1, Product.STOCK) > 100_000_000


def test_min_cash_stays_uninvested():
    world = book(cash=1_000_000, equity=10**9, costs=FREE, limits=limits(min_cash=90_000))
    assert last(judged(world, buy(quantity=10))) == (10, ())
    more = world._replace(limits=limits(min_cash=90_001))
    answer = judged(more, buy(quantity=10))
    assert last(answer) == (9, ("limit:min_cash",))
    assert answer.verdicts[0].reason == "최소 현금: 10주 → 9주"
    assert last(judged(more, buy(quantity=11))) == (9, ("limit:orderable_cash",))


@pytest.mark.parametrize("cash", [0, 90_999])
def test_cash_for_less_than_a_share_buys_nothing(cash: int):
    world = book(cash=cash, equity=10**9, costs=FREE)
    assert last(judged(world, buy(quantity=1))) == (0, ("limit:orderable_cash",))


def test_cash_below_the_minimum_buys_nothing():
    world = book(cash=1_000, equity=10**9, limits=limits(min_cash=5_000))
    assert last(judged(world, buy(quantity=3))) == (0, ("limit:orderable_cash",))


def test_exactly_enough_cash_for_one_share():
    world = book(cash=91_000, equity=10**9, costs=FREE)
    assert last(judged(world, buy(quantity=1))) == (1, ())


def test_buys_share_the_cash_in_the_plans_order():
    world = book(cash=910_000 + 195_000, equity=10**9, costs=FREE)
    answer = judged(world, buy(quantity=10), buy(HYNIX, quantity=2))
    assert [v.quantity for v in answer.verdicts] == [10, 1]


def test_buys_share_the_cash_net_of_commission():
    world = book(cash=910_127 + 195_027, equity=10**9)
    assert last(judged(world, buy(quantity=10), buy(HYNIX, quantity=1)))[0] == 1
    poorer = book(cash=910_127 + 195_026, equity=10**9)
    assert last(judged(poorer, buy(quantity=10), buy(HYNIX, quantity=1)))[0] == 0


def test_the_plans_own_exits_free_no_cash_no_exposure_and_no_place():
    world = book(
        cash=0,
        positions=[position(HYNIX, 10)],
        limits=limits(max_positions=1),
    )
    assert last(judged(world, sell(HYNIX), buy(quantity=1))) == (0, ("limit:max_positions",))
    roomier = world._replace(limits=limits(max_exposure=0.9))
    assert last(judged(roomier, sell(HYNIX), buy(quantity=1)))[1] == ("limit:max_exposure",)
    wide = world._replace(limits=limits())
    assert last(judged(wide, sell(HYNIX), buy(HYNIX, quantity=1)))[1] == ("plan:contradiction",)
    assert last(judged(wide, sell(HYNIX), buy(quantity=1))) == (
        0,
        ("limit:max_exposure",),
    )


def test_exposure_counts_positions_and_resting_buys_and_earlier_buys():
    world = book(
        cash=1_000_000_000 - 15_000_000,
        positions=[position(HYNIX, 100)],
        open_orders=[
            resting(NAVER, Side.BUY, 50),
            resting(HYNIX, Side.SELL, 100, 180_000),
        ],
        limits=limits(max_exposure=0.1),
    )
    assert last(judged(world, buy(quantity=10_000))) == (1_071, ("limit:max_exposure",))
    answer = judged(world, buy(ETF, quantity=1_000), buy(quantity=10_000))
    assert last(answer) == (571, ("limit:max_exposure",))
    assert answer.verdicts[-1].reason == "총 투자 비중 한도: 10,000주 → 571주"


def test_exposure_counts_a_limit_above_the_close_at_the_limit():
    world = book(cash=1_000_000_000, limits=limits(max_exposure=0.1))
    assert last(judged(world, buy(quantity=10_000, limit_price=80_000)))[0] == 1_250
    resting_dear = world._replace(open_orders=(resting(NAVER, Side.BUY, 50, 240_000),))
    assert last(judged(resting_dear, buy(quantity=10_000)))[0] == 1_257


def test_a_resting_buy_that_cannot_be_valued_counts_as_everything():
    for known in (None, 1_000):
        world = book(
            open_orders=[resting("999999", Side.BUY, 1, known)], limits=limits(max_positions=9)
        )
        size, by = last(judged(world, buy(quantity=1)))
        assert (size, by) == ((0, ("limit:max_exposure",)) if known is None else (1, ()))


def test_an_unknown_resting_order_in_a_broken_account_does_not_add_room():
    world = book(equity=-1_000_000, open_orders=[resting("999999", Side.BUY, 1)])
    assert judged(world, buy(quantity=1)).approved == ()


def test_a_new_name_needs_a_place():
    world = book(positions=[position(HYNIX, 1)], limits=limits(max_positions=2))
    answer = judged(world, buy(NAVER, quantity=1), buy(quantity=1), buy(HYNIX, quantity=1))
    assert [v.quantity for v in answer.verdicts] == [1, 0, 1]
    assert answer.verdicts[1].by == ("limit:max_positions",)
    assert answer.verdicts[1].reason == "보유 종목 수 한도: 1주 → 0주"


def test_a_resting_buy_takes_a_place_and_a_resting_sale_does_not():
    world = book(open_orders=[resting(NAVER, Side.BUY, 1)], limits=limits(max_positions=1))
    assert last(judged(world, buy(quantity=1)))[1] == ("limit:max_positions",)
    assert last(judged(world, buy(NAVER, quantity=1))) == (1, ())
    world = book(open_orders=[resting(NAVER, Side.SELL, 1)], limits=limits(max_positions=1))
    assert last(judged(world, buy(quantity=1))) == (1, ())


def test_a_rejected_buy_takes_no_place_no_order_and_no_cash():
    world = book(
        cash=200_000,
        equity=10**9,
        limits=limits(max_positions=1, max_orders_per_day=1),
    )
    answer = judged(world, buy(NAVER, quantity=1), buy(quantity=1))
    assert [v.quantity for v in answer.verdicts] == [0, 1]


def test_orders_a_day_count_those_sent_and_the_plans_exits():
    world = book(
        positions=[position(HYNIX, 10)], limits=limits(max_orders_per_day=5), day=DayTotals(2, 0)
    )
    answer = judged(
        world, buy(quantity=1), buy(NAVER, quantity=1), buy(ETF, quantity=1), sell(HYNIX)
    )
    assert [v.quantity for v in answer.verdicts] == [1, 1, 0, 10]
    assert answer.verdicts[2].by == ("limit:max_orders_per_day",)
    assert answer.verdicts[2].reason == "하루 주문 수 한도: 1주 → 0주"


def test_turnover_counts_the_day_the_resting_orders_the_exits_and_earlier_buys():
    world = book(
        cash=1_000_000_000 - 15_000_000,
        positions=[position(HYNIX, 100)],
        limits=limits(max_turnover_per_day=0.1),
        day=DayTotals(0, 30_000_000),
    )
    assert last(judged(world, buy(quantity=10_000))) == (1_000, ("limit:max_turnover_per_day",))
    answer = judged(world, sell(HYNIX, quantity=70), buy(ETF, quantity=100), buy(quantity=10_000))
    assert last(answer) == (800, ("limit:max_turnover_per_day",))
    assert answer.verdicts[-1].reason == "하루 매매 대금 한도: 10,000주 → 800주"
    both = world._replace(
        open_orders=(resting(NAVER, Side.BUY, 35), resting(HYNIX, Side.SELL, 50, 175_000))
    )
    assert last(judged(both, buy(quantity=10_000)))[0] == 775


def test_turnover_counts_an_exit_at_a_limit_above_the_close():
    world = book(
        cash=1_000_000_000 - 15_000_000,
        positions=[position(HYNIX, 100)],
        limits=limits(max_turnover_per_day=0.1),
    )
    answer = judged(world, sell(HYNIX, limit_price=175_000), buy(quantity=10_000))
    assert last(answer)[0] == 1_178


def test_a_used_up_turnover_stops_buys_only():
    world = book(
        positions=[position(HYNIX, 10)],
        limits=limits(max_turnover_per_day=0.1),
        day=DayTotals(0, 10**9),
    )
    answer = judged(world, buy(quantity=1), sell(HYNIX))
    assert [v.outcome for v in answer.verdicts] == [Outcome.REJECTED, Outcome.ACCEPTED]
    assert answer.verdicts[0].by == ("limit:max_turnover_per_day",)


def test_every_limit_that_lowers_the_size_is_named_in_its_order():
    world = book(
        cash=100_000_000,
        orderable=910_000,
        costs=FREE,
        limits=limits(max_weight=0.5, max_exposure=0.3, max_turnover_per_day=0.2),
    )
    answer = judged(world, buy(target_weight=0.7))
    assert last(answer) == (
        10,
        (
            "limit:max_weight",
            "limit:max_exposure",
            "limit:max_turnover_per_day",
            "limit:orderable_cash",
        ),
    )
    assert answer.verdicts[0].requested == 1_000


@pytest.mark.parametrize("limit", ["max_exposure", "max_turnover_per_day"])
def test_a_limit_that_is_just_reached_is_not_named(limit: str):
    world = book(cash=70_000_000, limits=limits(**{limit: 0.5}))
    assert last(judged(world, buy(quantity=500))) == (500, ())
    assert last(judged(world, buy(quantity=501))) == (500, (f"limit:{limit}",))


def test_each_buy_of_a_plan_takes_a_place_of_its_own():
    world = book(limits=limits(max_positions=2))
    answer = judged(world, buy(quantity=1), buy(HYNIX, quantity=1), buy(NAVER, quantity=1))
    assert [v.quantity for v in answer.verdicts] == [1, 1, 0]


def test_min_cash_is_to_blame_when_the_cash_itself_would_do():
    world = book(cash=910_000, equity=10**9, costs=FREE, limits=limits(min_cash=1))
    assert last(judged(world, buy(quantity=10))) == (9, ("limit:min_cash",))
