import pytest

from kisbt.domain.market import Market, PriceBand, Quote
from kisbt.domain.trading import Outcome, Side
from kisbt.risk.ask import Ask
from kisbt.risk.pricing import Priced, price_order
from tests.risk.world import (
    ETF,
    SAMSUNG,
    SESSION,
    band,
    book,
    buy,
    instrument,
    judged,
    position,
    quote,
    sell,
)

HELD = [position(SAMSUNG, 10)]
LOWER, UPPER = 49_000, 91_000


def verdict_on(decision, **world):
    (verdict,) = judged(book(positions=HELD, **world), decision).verdicts
    return verdict


def ask(limit_price: int | None, side=buy, **quoted) -> Ask:
    decision = side(quantity=1, limit_price=limit_price)
    return Ask(0, decision, quote(70_000, **quoted), instrument(SAMSUNG))


def test_a_market_order_counts_at_the_close_and_reserves_the_upper_limit():
    assert price_order(ask(None), Side.BUY, SESSION) == Priced(None, 70_000, 91_000)


def test_a_limit_below_the_close_counts_at_the_close():
    assert price_order(ask(65_000), Side.BUY, SESSION) == Priced(65_000, 70_000, 65_000)


def test_a_limit_above_the_close_counts_at_the_limit():
    assert price_order(ask(75_000), Side.BUY, SESSION) == Priced(75_000, 75_000, 75_000)


def test_a_buy_between_two_ticks_moves_down_and_says_so():
    answer = judged(book(), buy(quantity=1, limit_price=70_050))
    assert answer.approved[0].limit_price == 70_000
    assert answer.verdicts[0].outcome is Outcome.ACCEPTED
    assert answer.verdicts[0].by == ("limit:tick",)
    assert answer.verdicts[0].reason == "지정가를 호가 단위로 70,050원 → 70,000원"


def test_a_sale_between_two_ticks_moves_up_and_says_so():
    answer = judged(book(positions=HELD), sell(quantity=1, limit_price=70_001))
    assert answer.approved[0].limit_price == 70_100
    assert answer.verdicts[0].outcome is Outcome.ACCEPTED
    assert answer.verdicts[0].by == ("limit:tick",)
    assert answer.verdicts[0].reason == "지정가를 호가 단위로 70,001원 → 70,100원"


def test_a_price_on_a_tick_is_left_alone():
    verdict = verdict_on(buy(quantity=1, limit_price=70_100))
    assert (verdict.by, verdict.reason) == ((), "")


def test_ticks_go_by_product_and_session():
    answer = judged(book(), buy(ETF, quantity=1, limit_price=35_013))
    assert answer.approved[0].limit_price == 35_010


def test_ticks_go_by_the_session_in_which_the_order_trades():
    old = SESSION.replace(year=2022)
    answer = judged(book(session=old), buy("011200", quantity=1, limit_price=19_970))
    assert answer.approved[0].limit_price == 19_950


def test_ticks_go_by_market():
    old = SESSION.replace(year=2022)
    for market, fitted in ((Market.KOSPI, 150_000), (Market.KOSDAQ, 150_200)):
        quoted = Quote(150_000, PriceBand(150_000, 105_000, 195_000), True)
        offer = Ask(0, buy(quantity=1, limit_price=150_250), quoted, instrument(SAMSUNG, market))
        priced = price_order(offer, Side.BUY, old)
        assert isinstance(priced, Priced)
        assert priced.limit == fitted


@pytest.mark.parametrize("price", [LOWER, UPPER])
@pytest.mark.parametrize("side", [buy, sell])
def test_the_limits_of_the_day_are_inside_the_band(side, price: int):
    assert band(SAMSUNG) == PriceBand(70_000, LOWER, UPPER)
    assert verdict_on(side(quantity=1, limit_price=price)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("price", [LOWER - 50, UPPER + 1])
@pytest.mark.parametrize("side", [buy, sell])
def test_a_price_outside_the_band_is_rejected(side, price: int):
    verdict = verdict_on(side(quantity=1, limit_price=price))
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.by == ("limit:band",)
    assert "가격제한폭(49,000~91,000원) 밖" in verdict.reason


def test_the_price_that_is_outside_is_named():
    assert verdict_on(buy(limit_price=91_001)).reason.startswith("지정가 91,001원이 ")


@pytest.mark.parametrize(
    ("side", "price", "moved"), [(buy, 50_020, "50,000"), (sell, 90_950, "91,000")]
)
def test_a_price_that_a_tick_moves_out_of_an_off_tick_band_is_rejected(side, price, moved):
    off_tick = Quote(70_000, PriceBand(70_000, 50_010, 90_970), True)
    verdict = verdict_on(side(quantity=1, limit_price=price), quotes={SAMSUNG: off_tick})
    assert verdict.by == ("limit:band",)
    assert verdict.reason.startswith(f"지정가 {moved}원이 ")


@pytest.mark.parametrize("side", [buy, sell])
def test_a_halted_name_is_not_traded(side):
    verdict = verdict_on(side(quantity=1), quotes={SAMSUNG: quote(70_000, tradable=False)})
    assert verdict.by == ("market:halted",)
    assert verdict.reason == "거래정지이거나 시세가 멈춘 종목"


@pytest.mark.parametrize("side", [buy, sell])
def test_a_name_without_a_band_is_not_traded(side):
    verdict = verdict_on(side(quantity=1), quotes={SAMSUNG: quote(70_000, band=False)})
    assert verdict.by == ("market:no_band",)
    assert verdict.reason == "기준가를 알 수 없어 가격제한폭이 없는 종목"


@pytest.mark.parametrize("side", [buy, sell])
def test_a_name_without_a_price_is_not_traded(side):
    broken = Quote(0, PriceBand(70_000, LOWER, UPPER), True)
    verdict = verdict_on(side(quantity=1), quotes={SAMSUNG: broken})
    assert verdict.by == ("market:no_price",)
    assert verdict.reason == "종가를 알 수 없는 종목"


def test_a_close_of_one_won_is_a_price():
    cheap = Quote(1, PriceBand(1, 1, 2), True)
    assert verdict_on(buy(quantity=1), quotes={SAMSUNG: cheap}).outcome is Outcome.ACCEPTED
