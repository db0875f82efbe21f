"""Each node on its own, through the port doubles of ``floor``."""

import pytest

from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Rule
from kisbt.domain.state import TickReport, TradingState
from kisbt.domain.trading import OrderIntent, OrderReceipt, Side, TradingMode, TradingPlan
from kisbt.errors import DataError, JournalError
from kisbt.trading_graph.analyze_market_conditions import (
    SHARP_FALL_PCT,
    VOLUME_SURGE_RATIO,
    analyze_market_conditions,
)
from kisbt.trading_graph.direct import _Seat
from kisbt.trading_graph.execute_trading_plan import execute_trading_plan
from kisbt.trading_graph.failure import MAX_CHARACTERS, describe
from kisbt.trading_graph.fetch_portfolio_status import fetch_portfolio_status
from kisbt.trading_graph.generate_trading_plan import generate_trading_plan
from kisbt.trading_graph.record_and_report import record_and_report, summarise
from kisbt.trading_graph.validate_trading_plan import validate_trading_plan
from tests.risk.world import ETF, HYNIX, NAVER, SAMSUNG, buy, limits, sell
from tests.trading_graph.floor import DAY, TICK, Faults, Floor, held, order


def status_of(floor: Floor):
    return fetch_portfolio_status({"tick": TICK}, _Seat(floor.desk()))["portfolio"]


def test_positions_are_valued_at_the_last_close_in_ticker_order():
    floor = Floor(money=8_500_000, held={SAMSUNG: held(100, 40, 56_000.0), HYNIX: held(30)})
    portfolio = status_of(floor)
    hynix, samsung = portfolio.positions
    assert (portfolio.cash, portfolio.equity) == (8_500_000, 20_000_000)
    assert portfolio.exposure == pytest.approx(0.575)
    assert (samsung.ticker, samsung.quantity, samsung.sellable) == (SAMSUNG, 100, 40)
    assert (samsung.last_price, samsung.value, samsung.weight) == (70_000, 7_000_000, 0.35)
    assert (samsung.average_price, samsung.unrealised) == (56_000.0, 1_400_000)
    assert samsung.unrealised_pct == pytest.approx(25.0)
    assert (hynix.ticker, hynix.weight, hynix.unrealised) == (HYNIX, 0.225, 3_000_000)


def test_orderable_cash_is_the_accounts_own():
    assert status_of(Floor(money=100, orderable=60)).orderable_cash == 60


def test_an_empty_account_has_no_exposure():
    portfolio = status_of(Floor(money=0))
    assert (portfolio.exposure, portfolio.positions, portfolio.equity) == (0.0, (), 0)


def test_weights_of_an_account_without_equity_are_zero():
    portfolio = status_of(Floor(money=-7_000_000, held={SAMSUNG: held(100, average=0.0)}))
    (samsung,) = portfolio.positions
    assert (portfolio.exposure, samsung.weight, samsung.unrealised_pct) == (0.0, 0.0, 0.0)


def test_a_held_name_without_a_price_cannot_be_weighed():
    with pytest.raises(DataError, match="held name 005930 has no closing price"):
        status_of(Floor(held={SAMSUNG: held(1)}, prices={}))


def analysis_of(rows):
    update = analyze_market_conditions({"tick": TICK}, _Seat(Floor(rows=rows).desk()))
    return update["market"]


def test_volume_surges_are_opportunities_strongest_first():
    market = analysis_of(
        {
            SAMSUNG: {"change_pct": 1.0, "volume_ratio": VOLUME_SURGE_RATIO},
            HYNIX: {"change_pct": -4.9, "volume_ratio": 5.0},
            NAVER: {"change_pct": None, "volume_ratio": 5.0},
            ETF: {"change_pct": 1.0, "volume_ratio": 2.99},
        }
    )
    assert market.opportunities == (HYNIX, NAVER, SAMSUNG)
    assert market.risks == ()


def test_sharp_falls_are_risks_deepest_first_and_never_opportunities():
    market = analysis_of(
        {
            SAMSUNG: {"change_pct": SHARP_FALL_PCT, "volume_ratio": 9.0},
            HYNIX: {"change_pct": -12.0, "volume_ratio": None},
            NAVER: {"change_pct": -12.0},
            ETF: {"change_pct": -4.99},
        }
    )
    assert market.risks == (HYNIX, NAVER, SAMSUNG)
    assert market.opportunities == ()


def test_market_mood_is_taken_from_the_first_row_that_has_it():
    assert analysis_of({SAMSUNG: {"market_mood": None}, HYNIX: {"market_mood": 41.0}}).mood == 41.0
    assert analysis_of({SAMSUNG: {"change_pct": 1.0}}).mood is None
    assert analysis_of({}).mood is None


def test_the_decider_sees_tick_portfolio_and_market():
    floor = Floor(script=[buy(quantity=1)], rows={SAMSUNG: {"change_pct": 1.0}})
    state: TradingState = {"tick": TICK, "portfolio": status_of(floor)}
    state |= analyze_market_conditions(state, _Seat(floor.desk()))
    update = generate_trading_plan(state, _Seat(floor.desk()))
    assert update == {"plan": TradingPlan(decisions=(buy(quantity=1),))}
    assert floor.asked == [(TICK, state["portfolio"], state["market"])]


def before_node_4(floor: Floor, *decisions) -> TradingState:
    state: TradingState = {"tick": TICK, "portfolio": status_of(floor)}
    state |= analyze_market_conditions(state, _Seat(floor.desk()))
    state["plan"] = TradingPlan(decisions=decisions)
    return state


def a_rule(kind: EffectKind, feature: str = "change_pct") -> Rule:
    return Rule(
        id="R0001",
        category=Category.RISK,
        priority=1,
        when=(Condition(feature=feature, op=">=", value=12.0),),
        then=Effect(kind=kind),
        because="급등 추격 매수 금지",
    )


def test_learned_rules_read_the_features_of_each_name():
    floor = Floor(rows={SAMSUNG: {"change_pct": 12.5}, HYNIX: {"change_pct": 3.0}})
    desk = floor.desk(rules=(a_rule(EffectKind.BLOCK_BUY),))
    state = before_node_4(floor, buy(quantity=1), buy(HYNIX, quantity=1), buy(NAVER, quantity=1))
    update = validate_trading_plan(state, _Seat(desk))
    assert [o.ticker for o in update["approved"]] == [HYNIX, NAVER]
    assert update["verdicts"][0].by == ("rule:R0001",)


def test_an_exit_that_a_rule_forces_is_written_beside_the_plan():
    floor = Floor(rows={SAMSUNG: {"change_pct": 12.5}}, held={SAMSUNG: held(10)})
    desk = floor.desk(rules=(a_rule(EffectKind.FORCE_EXIT),))
    update = validate_trading_plan(before_node_4(floor), _Seat(desk))
    assert [d.ticker for d in update["added"]] == [SAMSUNG]
    assert [o.quantity for o in update["approved"]] == [10]


def test_the_desk_supplies_losses_halt_limits_day_and_resting_orders():
    floor = Floor(held={SAMSUNG: held(10)}, resting=[order("O1", NAVER, Side.BUY, 1)])
    desk = floor.desk(limits=limits(max_positions=2, max_orders_per_day=2))
    state = before_node_4(floor, buy(HYNIX, quantity=1))
    update = validate_trading_plan(state, _Seat(desk))
    assert update["verdicts"][0].by == ("limit:max_positions",)
    assert update["risk"].mode is TradingMode.ACTIVE

    desk.day.on_order(TICK.session)
    desk.day.on_order(TICK.session)
    state = before_node_4(floor, buy(SAMSUNG, quantity=1))
    update = validate_trading_plan(state, _Seat(desk))
    assert update["verdicts"][0].by == ("limit:max_orders_per_day",)

    strict = floor.desk(limits=limits(daily_loss=0.01))
    strict.losses.observe(DAY, 100)
    strict.losses.observe(DAY, 99)
    update = validate_trading_plan(state, _Seat(strict))
    assert update["risk"].mode is TradingMode.REDUCE_ONLY
    assert update["verdicts"][0].by == ("mode:REDUCE_ONLY",)

    update = validate_trading_plan(state, _Seat(floor.desk(halted=lambda: True)))
    assert update["risk"].mode is TradingMode.HALTED
    assert update["verdicts"][0].by == ("mode:HALTED",)


def intent(ticker: str, side: Side, quantity: int, price: int | None = None, decision: int = 0):
    return OrderIntent(
        ticker=ticker, side=side, quantity=quantity, limit_price=price, decision=decision
    )


def executed(floor: Floor, *approved: OrderIntent):
    desk = floor.desk()
    state: TradingState = {"tick": TICK, "portfolio": status_of(floor), "approved": approved}
    return execute_trading_plan(state, _Seat(desk)), desk.day.totals(TICK.session)


def test_each_approved_order_is_sent_with_a_receipt_and_counted():
    floor = Floor(refused=[NAVER])
    update, day = executed(
        floor,
        intent(SAMSUNG, Side.BUY, 3),
        intent(NAVER, Side.BUY, 2, 199_000, 1),
        intent(ETF, Side.BUY, 1, None, 2),
    )
    assert [o.ticker for o in floor.sent] == [SAMSUNG, NAVER, ETF]
    assert [r.accepted for r in update["receipts"]] == [True, False, True]
    assert "failure" not in update
    assert day.orders == 2


def test_an_order_cancels_the_opposite_side_first():
    floor = Floor(
        held={SAMSUNG: held(10, 6)},
        resting=[
            order("O1", SAMSUNG, Side.SELL, 4, 80_000),
            order("O2", SAMSUNG, Side.BUY, 4, 60_000),
            order("O3", HYNIX, Side.SELL, 4, 80_000),
        ],
    )
    executed(floor, intent(SAMSUNG, Side.BUY, 5))
    assert (floor.cancelled, [o.quantity for o in floor.sent]) == (["O1"], [5])


def test_a_sale_that_fits_beside_resting_sales_leaves_them():
    floor = Floor(
        held={SAMSUNG: held(10, 6)},
        resting=[
            order("O1", SAMSUNG, Side.SELL, 4, 80_000),
            order("O2", SAMSUNG, Side.BUY, 4, 60_000),
        ],
    )
    executed(floor, intent(SAMSUNG, Side.SELL, 6))
    assert (floor.cancelled, [o.quantity for o in floor.sent]) == (["O2"], [6])


def test_a_sale_takes_over_the_shares_of_cancelled_sales():
    floor = Floor(held={SAMSUNG: held(10, 6)}, resting=[order("O1", SAMSUNG, Side.SELL, 4, 80_000)])
    executed(floor, intent(SAMSUNG, Side.SELL, 9))
    assert (floor.cancelled, [o.quantity for o in floor.sent]) == (["O1"], [9])


def test_shares_of_a_sale_that_filled_meanwhile_are_not_sold_again():
    floor = Floor(
        held={SAMSUNG: held(10, 6)},
        resting=[order("O1", SAMSUNG, Side.SELL, 4, 80_000)],
        gone=["O1"],
    )
    update, day = executed(floor, intent(SAMSUNG, Side.SELL, 10, decision=3))
    assert [(o.quantity, o.decision) for o in floor.sent] == [(6, 3)]
    assert day.orders == 1
    assert update["receipts"][0].quantity == 6


def test_nothing_left_to_sell_sends_nothing_and_says_so():
    floor = Floor(
        held={SAMSUNG: held(10, 0)},
        resting=[order("O1", SAMSUNG, Side.SELL, 10, 80_000)],
        gone=["O1"],
    )
    update, day = executed(floor, intent(SAMSUNG, Side.SELL, 10, 75_000, 3))
    assert floor.sent == []
    assert update["receipts"] == (
        OrderReceipt(
            "", SAMSUNG, Side.SELL, 10, 75_000, False,
            "걸려 있던 매도가 이미 체결되어 팔 주식이 없음", 3,
        ),
    )  # fmt: skip
    assert day.orders == 0


def test_the_last_free_share_is_still_sold():
    floor = Floor(
        held={SAMSUNG: held(10, 1)},
        resting=[order("O1", SAMSUNG, Side.SELL, 9, 80_000)],
        gone=["O1"],
    )
    executed(floor, intent(SAMSUNG, Side.SELL, 10))
    assert [o.quantity for o in floor.sent] == [1]


def test_a_buy_goes_out_whole_even_when_the_opposite_sale_had_filled():
    floor = Floor(
        held={SAMSUNG: held(10, 0)},
        resting=[order("O1", SAMSUNG, Side.SELL, 10, 80_000)],
        gone=["O1"],
    )
    executed(floor, intent(SAMSUNG, Side.BUY, 5))
    assert [o.quantity for o in floor.sent] == [5]


def test_resting_orders_of_a_name_not_held_are_netted_too():
    floor = Floor(resting=[order("O1", SAMSUNG, Side.SELL, 1)])
    executed(floor, intent(SAMSUNG, Side.BUY, 5))
    assert floor.cancelled == ["O1"]


def test_an_error_half_way_keeps_the_receipts_and_sends_no_more():
    floor = Floor(faults=Faults({"submit": (2, OSError("연결 끊김"))}))
    update, day = executed(
        floor,
        intent(SAMSUNG, Side.BUY, 1),
        intent(HYNIX, Side.SELL, 1_200, decision=1),
        intent(NAVER, Side.BUY, 1, decision=2),
        intent(ETF, Side.BUY, 1, decision=3),
    )
    assert [r.ticker for r in update["receipts"]] == [SAMSUNG]
    assert [o.ticker for o in floor.sent] == [SAMSUNG]
    assert update["failure"].node == "execute_trading_plan"
    assert update["failure"].error == (
        "SELL 000660 1,200주 결과 불명, 나머지 2건 보내지 않음: OSError: 연결 끊김"
    )
    assert day.orders == 2, "an order whose answer is lost may have reached the market"


def test_an_error_before_sending_counts_no_order():
    floor = Floor(
        held={SAMSUNG: held(5)},
        resting=[order("O1", SAMSUNG, Side.BUY, 1)],
        faults=Faults({"cancel": (1, OSError("연결 끊김"))}),
    )
    update, day = executed(floor, intent(SAMSUNG, Side.SELL, 1))
    assert update["receipts"] == ()
    assert update["failure"].error.startswith("SELL 005930 1주 보내지 못함, ")
    assert day.orders == 0


def ended(**parts) -> TickReport:
    return summarise({"tick": TICK, "verdicts": (), **parts})


def receipt(accepted: bool) -> OrderReceipt:
    return OrderReceipt("O1", SAMSUNG, Side.BUY, 1, None, accepted)


def test_a_tick_without_decisions_says_so():
    assert ended() == TickReport(ending="nothing_passed", line="결정 없음")


def test_a_tick_of_which_nothing_passed_says_how_much_was_asked():
    floor = Floor()
    state = before_node_4(floor, buy("999999"), sell())
    state |= validate_trading_plan(state, _Seat(floor.desk()))
    assert summarise(state) == TickReport(ending="nothing_passed", line="결정 2건 중 주문 없음")


def test_a_tick_that_traded_counts_its_orders():
    assert ended(receipts=(receipt(True),)).line == "주문 1건 접수"
    assert ended(receipts=(receipt(True), receipt(False), receipt(True))) == TickReport(
        ending="traded", line="주문 2건 접수, 1건 거부"
    )


def test_a_tick_of_which_every_order_was_refused_has_not_traded():
    assert ended(receipts=(receipt(False),)).ending == "nothing_passed"


def test_an_unwritable_journal_stops_the_run():
    floor = Floor(faults=Faults({"record_tick": (1, OSError("disk full"))}))
    with pytest.raises(JournalError, match="tick 0 could not be recorded: disk full"):
        record_and_report({"tick": TICK, "verdicts": ()}, _Seat(floor.desk()))
    own = JournalError("schema is newer")
    floor = Floor(faults=Faults({"record_tick": (1, own)}))
    with pytest.raises(JournalError) as caught:
        record_and_report({"tick": TICK, "verdicts": ()}, _Seat(floor.desk()))
    assert caught.value is own


def test_an_error_is_described_on_one_line():
    assert describe(ValueError("두 줄\n  짜리")) == "ValueError: 두 줄 짜리"
    assert describe(KeyError()) == "KeyError:"
    assert describe(DataError("무엇", hint="어떻게")) == "DataError: 무엇 (어떻게)"
    long = describe(ValueError("x" * 1_000))
    assert (len(long), long[-2:]) == (MAX_CHARACTERS, "x…")
    exact = describe(ValueError("x" * (MAX_CHARACTERS - 12)))
    assert (len(exact), exact[-1]) == (MAX_CHARACTERS, "x")
