import math

import pytest

from kisbt.domain.trading import Action, Decision, Outcome
from kisbt.risk.screening import MAX_PRICE, MAX_QUANTITY
from tests.risk.world import HYNIX, SAMSUNG, book, buy, judged, keep, position, quote, sell

NUMBERS = {
    "input:target_weight": "목표 비중은 0과 1 사이의 수",
    "input:quantity": "수량은 1주 이상 10,000,000,000주 이하",
    "input:limit_price": "지정가는 1원 이상 1,000,000,000원 이하",
    "input:confidence": "확신도는 0과 1 사이의 수",
}


def only(decision: Decision, **world: object):
    answer = judged(book(positions=[position(SAMSUNG, 10)], **world), decision)
    (verdict,) = answer.verdicts
    return verdict


@pytest.mark.parametrize("weight", [-0.0001, 1.0001, math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("make", [buy, sell])
def test_a_weight_outside_0_to_1_is_nonsense(make, weight: float):
    verdict = only(make(target_weight=weight))
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == ("input:target_weight",)
    assert verdict.reason == NUMBERS["input:target_weight"]


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1, 10**400])
@pytest.mark.parametrize("make", [buy, sell])
def test_a_quantity_that_no_company_has_issued_is_nonsense(make, quantity: int):
    verdict = only(make(quantity=quantity))
    assert verdict.by == ("input:quantity",)
    assert verdict.reason == NUMBERS["input:quantity"]
    assert verdict.requested == verdict.quantity == 0


@pytest.mark.parametrize("make", [buy, sell])
def test_numbers_at_the_edge_of_sense_pass_this_gate(make):
    for fields in (
        {"quantity": 1, "limit_price": 70_000},
        {"quantity": MAX_QUANTITY},
        {"target_weight": 0.0},
        {"target_weight": 1.0},
        {"confidence": 0.0},
        {"confidence": 1.0},
    ):
        assert not any(by.startswith("input:") for by in only(make(**fields)).by)


@pytest.mark.parametrize("price", [0, -70_000, -(10**400), MAX_PRICE + 1, 10**400])
@pytest.mark.parametrize("make", [buy, sell])
def test_a_limit_price_that_no_share_can_have_is_nonsense(make, price: int):
    verdict = only(make(limit_price=price))
    assert verdict.by == ("input:limit_price",)
    assert verdict.reason == NUMBERS["input:limit_price"]


@pytest.mark.parametrize("price", [1, MAX_PRICE])
def test_a_limit_price_at_the_edge_of_sense_meets_the_band(price: int):
    assert only(buy(limit_price=price)).by == ("limit:band",)


@pytest.mark.parametrize("confidence", [-0.01, 1.01, math.nan, math.inf])
def test_a_buy_needs_a_confidence_between_0_and_1(confidence: float):
    verdict = only(buy(confidence=confidence))
    assert verdict.by == ("input:confidence",)
    assert verdict.reason == NUMBERS["input:confidence"]
    assert only(sell(confidence=confidence)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("make", [buy, sell])
def test_a_name_outside_the_universe_is_unknown(make):
    for ticker in ("999999", "", "삼성전자", SAMSUNG + " "):
        verdict = only(make(ticker))
        assert verdict.by == ("input:ticker",)
        assert verdict.reason == "알 수 없는 종목"


def test_a_name_without_quote_or_listing_is_unknown():
    assert only(buy(HYNIX), quotes={HYNIX: None}).by == ("input:ticker",)
    assert only(buy("999999"), quotes={"999999": quote(1_000)}).by == ("input:ticker",)


def test_a_hold_asks_for_nothing_even_in_an_unknown_name():
    for ticker in (SAMSUNG, "999999"):
        verdict = only(keep(ticker))
        assert verdict.outcome is Outcome.ACCEPTED
        assert (verdict.ticker, verdict.action) == (ticker, Action.HOLD)
        assert (verdict.requested, verdict.quantity, verdict.by) == (0, 0, ())
        assert verdict.reason == "보유"
    assert judged(book(), keep()).approved == ()


def outcomes(*decisions: Decision) -> list[tuple[str, ...]]:
    world = book(positions=[position(SAMSUNG, 10), position(HYNIX, 10)])
    return [verdict.by for verdict in judged(world, *decisions).verdicts]


def test_the_first_of_equal_decisions_speaks_for_a_name():
    world = book()
    answer = judged(world, buy(quantity=3), buy(HYNIX, quantity=1), buy(quantity=5))
    assert [(o.ticker, o.quantity) for o in answer.approved] == [(SAMSUNG, 3), (HYNIX, 1)]
    assert answer.verdicts[2].by == ("plan:duplicate",)
    assert answer.verdicts[2].reason == "같은 종목의 앞선 결정이 우선"
    assert outcomes(sell(quantity=1), sell(quantity=2)) == [(), ("plan:duplicate",)]


@pytest.mark.parametrize("swap", [False, True])
def test_a_sale_wins_over_a_buy_of_the_same_name(swap: bool):
    pair = [buy(quantity=3), sell(quantity=2)]
    answer = judged(book(positions=[position(SAMSUNG, 10)]), *(pair[::-1] if swap else pair))
    (order,) = answer.approved
    assert (order.side, order.quantity) == ("SELL", 2)
    loser = next(v for v in answer.verdicts if v.action is Action.BUY)
    assert loser.by == ("plan:contradiction",)
    assert loser.reason == "같은 종목의 매도 결정이 우선"


def test_a_buy_loses_to_a_sale_only_in_its_own_name():
    assert outcomes(sell(HYNIX), buy(SAMSUNG, quantity=1)) == [(), ()]


def test_nonsense_does_not_speak_for_a_name():
    assert outcomes(sell(quantity=-1), sell(quantity=2)) == [("input:quantity",), ()]
    assert outcomes(buy(quantity=1), sell(target_weight=math.nan)) == [
        (),
        ("input:target_weight",),
    ]


def test_a_hold_beside_a_decision_changes_nothing():
    assert outcomes(keep(), buy(quantity=1), keep()) == [(), (), ()]


def test_later_decisions_are_still_judged_after_a_hold_or_nonsense():
    assert outcomes(keep(), buy("nowhere"), buy(quantity=1), buy(HYNIX, quantity=1)) == [
        (),
        ("input:ticker",),
        (),
        (),
    ]


def test_numbers_too_long_to_print_are_turned_down():
    endless = 10**5000
    assert only(buy(quantity=endless)).by == ("input:quantity",)
    assert only(sell(limit_price=endless)).by == ("input:limit_price",)
