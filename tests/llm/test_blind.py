"""What a mask shows, and how a masked plan becomes a real one."""

from datetime import date

import pytest

from kisbt.domain.market import Instrument, Market
from kisbt.domain.trading import Action, Decision, TradingPlan
from kisbt.llm.blind import Mask, read_code
from tests.llm.worlds import CALM, context, position

SAMSUNG = Instrument(ticker="005930", name="삼성전자", sector="반도체")
NAVER = Instrument(ticker="035420", name="NAVER")
TARGET = Instrument(ticker="001680", name="대상")
PLAIN = Instrument(ticker="003920", name="매수 수량")
UNIVERSE = (SAMSUNG, NAVER, TARGET, PLAIN)


def plan(**fields: object) -> TradingPlan:
    return TradingPlan(decisions=(Decision.model_validate(fields),))


def test_same_seed_gives_the_same_mask_in_any_order_of_names() -> None:
    one, two = Mask(7, UNIVERSE), Mask(7, reversed(UNIVERSE))
    for instrument in UNIVERSE:
        ticker = instrument.ticker
        assert one.code(ticker) == two.code(ticker)
        assert one.level(ticker) == two.level(ticker)
    assert one.equity == two.equity


def test_seeds_deal_different_codes_levels_and_equities() -> None:
    masks = [Mask(seed, UNIVERSE) for seed in range(40)]
    assert {mask.code("005930") for mask in masks} == {"종목A", "종목B", "종목C", "종목D"}
    assert len({mask.level("005930") for mask in masks}) > 30
    assert len({mask.equity for mask in masks}) > 10


def test_codes_go_on_after_z_and_late_names_get_the_next_one() -> None:
    many = [Instrument(ticker=f"{n:06d}") for n in range(28)]
    mask = Mask(1, many)
    assert mask.codes[:2] == ("종목A", "종목B")
    assert mask.codes[25:] == ("종목Z", "종목AA", "종목AB")
    assert mask.code("900001") == "종목AC"
    assert mask.rank("900001") == 28


@pytest.mark.parametrize("text", ["종목B", " 종목 B ", "B", "종목B\n"])
def test_a_code_is_read_in_the_ways_models_write_it(text: str) -> None:
    assert read_code(text) == "종목B"


@pytest.mark.parametrize("text", ["005930", "삼성전자", "종목 1", ""])
def test_what_is_no_code_is_left_to_be_refused(text: str) -> None:
    assert read_code(text) == text


def test_prices_keep_their_ratio_to_the_close_and_amounts_to_the_equity() -> None:
    mask = Mask(3, UNIVERSE)
    level = mask.level("005930")
    assert 5_000 <= level < 50_000
    assert mask.price("005930", 71_500, 71_500) == level
    assert mask.price("005930", 2 * 71_500, 71_500) == 2 * level
    assert mask.money(25_000_000, 100_000_000) == mask.equity // 4
    shares = mask.shares(280, "005930", 71_500, 100_000_000)
    assert shares * level / mask.equity == pytest.approx(280 * 71_500 / 1e8, rel=0.01)
    assert mask.shares(1, "005930", 1, 10**12) == 1


def test_text_loses_tickers_names_and_dates_but_no_ordinary_words() -> None:
    mask = Mask(3, UNIVERSE)
    samsung, naver = mask.code("005930"), mask.code("035420")
    text = "005930(삼성전자)는 2024-03-15에, naver는 2023년 8월 2일과 20240105에 올랐다."
    assert mask.scrub(text) == (
        f"{samsung}({samsung})는 (날짜)에, {naver}는 (날짜)과 (날짜)에 올랐다."
    )
    kept = "이 규칙의 대상은 매수 수량 0.5배, `value` ≥ 2000.5, 1005930 주, NAVERLY"
    assert mask.scrub(kept) == kept


@pytest.mark.parametrize(
    "day",
    [
        "2024-08-05",
        "2024/08",
        "2024.8.5",
        "2024. 8. 5",
        "20240805",
        "2024년",
        "2024년 8월 5일",
        "24년 8월",
        "8월 5일",
    ],
)
def test_days_are_struck_out_in_every_way_of_writing_them(day: str) -> None:
    assert Mask(1, UNIVERSE).scrub(f"그날({day}) 크게 내렸다") == "그날((날짜)) 크게 내렸다"


@pytest.mark.parametrize(
    "words", ["20 % 이상", "1월 효과", "2000.5 이상", "12345678주", "5일선", "10년 국채"]
)
def test_numbers_that_are_no_days_stay(words: str) -> None:
    assert Mask(1, UNIVERSE).scrub(words) == words


def test_words_for_people_get_the_names_back() -> None:
    mask = Mask(3, [*UNIVERSE, Instrument(ticker="111111")])
    samsung, nameless = mask.code("005930"), mask.code("111111")
    spaced = samsung.replace("종목", "종목 ")
    text = f"{samsung}는 {spaced}이고 {nameless}, 종목ZZ"
    assert mask.reveal(text) == "삼성전자(005930)는 삼성전자(005930)이고 111111, 종목ZZ"


def test_selling_all_masked_shares_sells_all_real_shares() -> None:
    mask = Mask(3, UNIVERSE)
    held = position("005930", cost=60_000, last=71_500, quantity=137, sellable=137)
    here = context({"005930": CALM}, [held], close=71_500)
    shown = mask.shares(137, "005930", 71_500, 100_000_000)
    code = mask.code("005930")
    for masked, real in ((shown, 137), (2 * shown, 274), (0, 0)):
        sell = plan(ticker=code, action=Action.SELL, quantity=masked)
        (decision,) = mask.unmask(sell, here).decisions
        assert (decision.ticker, decision.quantity) == ("005930", real)
    half = plan(ticker=code, action=Action.SELL, quantity=shown // 2)
    (decision,) = mask.unmask(half, here).decisions
    assert decision.quantity == pytest.approx(137 / 2, abs=137 / shown + 1)


def test_shares_that_may_not_be_sold_yet_do_not_change_what_a_masked_share_is() -> None:
    mask = Mask(3, UNIVERSE)
    held = position("005930", cost=60_000, last=71_500, quantity=137, sellable=50)
    shown = mask.shares(137, "005930", 71_500, 100_000_000)
    everything = plan(ticker=mask.code("005930"), action=Action.SELL, quantity=shown)
    here = context({"005930": CALM}, [held], close=71_500)
    assert mask.unmask(everything, here).decisions[0].quantity == 137


def test_bought_shares_are_worth_the_share_of_equity_that_the_model_saw() -> None:
    mask = Mask(3, UNIVERSE)
    here = context({"005930": CALM}, close=71_500)
    tenth = mask.equity // mask.level("005930") // 10
    buy = plan(ticker=mask.code("005930"), action=Action.BUY, quantity=tenth)
    (decision,) = mask.unmask(buy, here).decisions
    assert decision.quantity is not None
    assert decision.quantity * 71_500 == pytest.approx(1e7, rel=0.02)


@pytest.mark.parametrize(("action", "won"), [(Action.BUY, 70_700), (Action.SELL, 70_800)])
def test_limit_prices_come_back_in_won_on_a_tick_on_the_safe_side(action: Action, won: int) -> None:
    mask = Mask(3, UNIVERSE)
    here = context({"005930": CALM}, close=71_500)
    below = round(mask.level("005930") * 70_770 / 71_500)
    order = plan(ticker=mask.code("005930"), action=action, quantity=1, limit_price=below)
    (decision,) = mask.unmask(order, here).decisions
    assert decision.limit_price == won


def test_a_name_or_an_account_without_a_price_leads_to_no_size_and_no_crash() -> None:
    mask = Mask(3, UNIVERSE)
    broke = context({"005930": CALM}, equity=0, close=0)
    order = plan(ticker=mask.code("005930"), action=Action.BUY, quantity=5, limit_price=10_000)
    (decision,) = mask.unmask(order, broke).decisions
    assert (decision.quantity, decision.limit_price) == (0, 1)
    assert mask.money(5, 0) == mask.price("005930", 5, 0) == 0
    assert mask.shares(5, "005930", 100, 0) == 0


def test_ticks_follow_the_order_day_and_the_market() -> None:
    kosdaq = Instrument(ticker="035720", name="어떤회사", market=Market.KOSDAQ)
    mask = Mask(3, [kosdaq])
    here = context({"035720": CALM}, close=60_000)
    here = here._replace(tick=here.tick._replace(session=date(2020, 3, 2)))
    masked = round(mask.level("035720") * 60_050 / 60_000)
    order = plan(ticker=mask.code("035720"), action=Action.BUY, limit_price=masked)
    (decision,) = mask.unmask(order, here).decisions
    assert decision.limit_price == 60_000
