"""Paging, many quotes at once, orders and their look-up."""

import threading
import time as clock
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from kisbt.domain.trading import OrderState, Side
from kisbt.kis.client import KISClient
from kisbt.kis.endpoints import Family
from kisbt.kis.environment import Paper, Real
from kisbt.kis.errors import KISAPIError, Refused
from kisbt.kis.limits import RateLimiter
from tests.kis.conftest import NOW, config_for
from tests.kis.loopback import ACCOUNT, OK, Heard, Loopback, Say, gateway


def daily(heard: Heard) -> Say:
    """Up to 100 weekdays before the end of the range, newest first."""
    first = datetime.strptime(heard.query["FID_INPUT_DATE_1"], "%Y%m%d").date()
    day = datetime.strptime(heard.query["FID_INPUT_DATE_2"], "%Y%m%d").date()
    rows: list[dict[str, str]] = []
    while len(rows) < 100 and day >= first:
        if day.weekday() < 5:
            rows.append(_bar(day))
        day -= timedelta(days=1)
    return Say({**OK, "output1": {}, "output2": [*rows, {}]})


def _bar(day: date) -> dict[str, str]:
    prices = dict.fromkeys(("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr"), "100")
    return {"stck_bsop_date": f"{day:%Y%m%d}", "acml_vol": "1", **prices}


def test_daily_bars_come_over_pages_oldest_first(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-daily-itemchartprice", daily)
    first, last = date(2025, 1, 1), date(2026, 9, 21)
    bars = paper.day_bars("005930", first, last)
    wanted = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert [bar.day for bar in bars] == [day for day in wanted if day.weekday() < 5]
    assert len(server.of("inquire-daily-itemchartprice")) == 5
    assert server.heard[-1].query["FID_ORG_ADJ_PRC"] == "0"


def test_chart_that_repeats_itself_ends(paper: KISClient[Paper], server: Loopback) -> None:
    server.default(
        "inquire-daily-itemchartprice",
        {**OK, "output1": {}, "output2": [_bar(date(2026, 9, 21))]},
    )
    assert len(paper.day_bars("005930", date(2020, 1, 1), date(2026, 9, 21))) == 1


def minutes(heard: Heard) -> Say:
    end = datetime.strptime(heard.query["FID_INPUT_HOUR_1"], "%H%M%S")
    rows = []
    for back in range(30):
        at = end - timedelta(minutes=back)
        if at.time() < time(9):
            at = datetime(1900, 1, 1, 15, 30)  # the session before, as KIS may add
        prices = dict.fromkeys(("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr"), "100")
        day = "20260918" if at.hour == 15 else "20260921"
        rows.append(
            {"stck_bsop_date": day, "stck_cntg_hour": f"{at:%H%M}00", "cntg_vol": "1", **prices}
        )
    return Say({**OK, "output1": {}, "output2": rows})


def test_minutes_of_today_end_now_and_start_with_the_session(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.default("inquire-time-itemchartprice", minutes)
    bars = paper.minute_bars("005930")
    assert bars[0].at == datetime(2026, 9, 21, 9, 0)
    assert bars[-1].at == NOW
    assert len(bars) == 76
    assert paper.minute_bars_of("005930", NOW.date())[-1].at == NOW


def pages(*cursors: tuple[str, str]) -> list[Say]:
    """Answers of one row each, with their paging mark and cursor."""
    return [
        Say(
            {
                **OK,
                "ctx_area_fk100": "50123456^01^".ljust(100),
                "ctx_area_nk100": cursor.ljust(100),
                "output1": [
                    {"pdno": f"{n:06d}", "hldg_qty": "1", "pchs_avg_pric": "1", "prpr": "1"}
                ],
                "output2": [{"dnca_tot_amt": "5"}],
            },
            headers={"tr_cont": mark},
        )
        for n, (mark, cursor) in enumerate(cursors)
    ]


def test_balance_pages_are_followed_with_the_cursor_as_it_came(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.say("inquire-balance", *pages(("F", "a"), ("M", "b"), ("D", "")))
    assert [row.ticker for row in paper.inquire_balance().positions] == [
        "000000",
        "000001",
        "000002",
    ]
    first, second, third = server.of("inquire-balance")
    assert [page.headers["tr_cont"] for page in (first, second, third)] == ["", "N", "N"]
    assert second.query["CTX_AREA_NK100"] == "a".ljust(100)
    assert third.query["CTX_AREA_FK100"] == "50123456^01^".ljust(100)
    assert first.query["CANO"] == ACCOUNT


@pytest.mark.parametrize("cursors", [[("M", "")], [("M", "a"), ("M", "a")]])
def test_paging_that_does_not_move_is_an_error(
    cursors: list[tuple[str, str]], paper: KISClient[Paper], server: Loopback
) -> None:
    server.say("inquire-balance", *pages(*cursors))
    with pytest.raises(KISAPIError, match="no key"):
        paper.inquire_balance()


def test_old_and_recent_orders_are_asked_with_their_own_ids(
    real: KISClient[Real], server: Loopback
) -> None:
    server.default("inquire-daily-ccld", {**OK, "output1": [], "output2": {}})
    real.inquire_daily_ccld(date(2026, 1, 5), NOW.date(), side=Side.SELL, ticker="005930")
    asked = {heard.tr_id: heard.query for heard in server.of("inquire-daily-ccld")}
    assert asked["CTSC9215R"]["INQR_STRT_DT"] == "20260105"
    assert asked["CTSC9215R"]["INQR_END_DT"] < asked["TTTC0081R"]["INQR_STRT_DT"]
    assert asked["TTTC0081R"]["INQR_END_DT"] == "20260921"
    assert asked["TTTC0081R"]["SLL_BUY_DVSN_CD"] == "01"


def test_many_quotes_keep_order_and_errors_apart(paper: KISClient[Paper], server: Loopback) -> None:
    def answer(heard: Heard) -> Say:
        ticker = heard.query["FID_INPUT_ISCD"]
        if ticker == "000003":
            return gateway("APBK0656", "종목이 없습니다", 200)
        return Say({**OK, "output": {"stck_prpr": ticker}}, wait=0.01)

    server.default("inquire-price", answer)
    names = [f"{number:06d}" for number in range(1, 41)]
    batch = paper.quotes([*names, *names])
    assert list(batch.prices) == [name for name in names if name != "000003"]
    assert {name: price.price for name, price in batch.prices.items()}["000040"] == 40
    assert isinstance(batch.errors["000003"], Refused)
    assert len(server.of("inquire-price")) == 40


def test_threads_share_a_client(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-price", {**OK, "output": {"stck_prpr": "7"}})
    server.default("inquire-balance", pages(("D", ""))[0].body or {})
    seen: list[int] = []

    def work() -> None:
        for _ in range(5):
            seen.append(paper.inquire_price("005930").price)
            seen.append(paper.inquire_balance().totals.cash)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [5] * 40 + [7] * 40
    assert server.tokens == 1


def test_orders_are_sent_as_documented(paper: KISClient[Paper], server: Loopback) -> None:
    taken = {**OK, "output": {"KRX_FWDG_ORD_ORGNO": "00950", "ODNO": "0000000007"}}
    server.default("order-cash", taken)
    server.default("order-rvsecncl", taken)
    paper.buy("005930", 3, 70100)
    paper.sell("005930", 2)
    paper.order_cash("005930", Side.BUY, 1, 70000, division="12")
    paper.cancel("0000000007")
    paper.modify("0000000007", 70200, quantity=2, branch="00950")
    buy, sell, fok = (heard.body for heard in server.of("order-cash"))
    cancel, modify = (heard.body for heard in server.of("order-rvsecncl"))
    assert (buy["ORD_DVSN"], buy["ORD_UNPR"], buy["ORD_QTY"]) == ("00", "70100", "3")
    assert (sell["ORD_DVSN"], sell["ORD_UNPR"], sell["SLL_TYPE"]) == ("01", "0", "01")
    assert (fok["ORD_DVSN"], fok["EXCG_ID_DVSN_CD"]) == ("12", "KRX")
    assert (cancel["QTY_ALL_ORD_YN"], cancel["ORD_QTY"], cancel["ORD_UNPR"]) == ("Y", "0", "0")
    assert cancel["RVSE_CNCL_DVSN_CD"] == "02"
    assert (modify["RVSE_CNCL_DVSN_CD"], modify["ORD_QTY"]) == ("01", "2")
    assert modify["KRX_FWDG_ORD_ORGNO"] == "00950"
    assert all(isinstance(text, str) and key.isupper() for key, text in buy.items())
    assert [heard.tr_id for heard in server.of("order-cash")] == [
        "VTTC0012U",
        "VTTC0011U",
        "VTTC0012U",
    ]


@pytest.mark.parametrize(
    "send",
    [
        lambda c: c.buy("5930", 1, 1),
        lambda c: c.buy("삼성전자", 1, 1),
        lambda c: c.buy("005930", 0, 1),
        lambda c: c.sell("005930", -3, 1),
        lambda c: c.buy("005930", 1, 0),
        lambda c: c.order_cash("005930", Side.BUY, 1, division="00"),
        lambda c: c.order_cash("005930", Side.BUY, 1, 1, division="99"),
        lambda c: c.cancel("not a number"),
        lambda c: c.cancel("1", quantity=0),
        lambda c: c.modify("1", 0),
    ],
)
def test_order_that_makes_no_sense_is_not_sent(
    send: Any, paper: KISClient[Paper], server: Loopback
) -> None:
    with pytest.raises(Refused):
        send(paper)
    assert server.heard == []


def test_hash_goes_with_the_order_when_wanted(server: Loopback, settings: Any) -> None:
    from kisbt.kis.session import Session

    with KISClient.connect(config_for(server.url), Paper(), settings) as made:
        session = made.session
        hashing = Session(
            session.access, session.auth, session.wire, session._limiter, hash_orders=True
        )
        server.default("/uapi/hashkey", {"HASH": "f00d"})
        server.default("order-cash", {**OK, "output": {"ODNO": "1"}})
        KISClient(hashing).buy("005930", 1, 1)
    assert server.of("order-cash")[0].headers["hashkey"] == "f00d"
    assert server.of("/uapi/hashkey")[0].body == server.of("order-cash")[0].body


def test_orders_are_urgent_and_nothing_else_is(
    paper: KISClient[Paper], server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    slot = RateLimiter.slot

    def spy(self: RateLimiter, family: Family, *, urgent: bool = False) -> Any:
        asked.append((family.value, urgent))
        return slot(self, family, urgent=urgent)

    monkeypatch.setattr(RateLimiter, "slot", spy)
    server.default("order-cash", {**OK, "output": {"ODNO": "1"}})
    server.default("inquire-price", {**OK, "output": {"stck_prpr": "7"}})
    paper.inquire_price("005930")
    paper.buy("005930", 1, 1)
    assert asked == [("oauth", False), ("quote", False), ("order", True)]


@pytest.mark.parametrize(("adjusted", "flag"), [(True, "1"), (False, "0")])
def test_daily_price_has_the_opposite_flag_of_the_chart(
    adjusted: bool, flag: str, paper: KISClient[Paper], server: Loopback
) -> None:
    server.default("inquire-daily-price", {**OK, "output": []})
    paper.inquire_daily_price("005930", adjusted=adjusted)
    assert server.heard[-1].query["FID_ORG_ADJ_PRC"] == flag


def listed(number: str, price: str = "70100", **more: str) -> dict[str, str]:
    return {
        "odno": number,
        "ord_dt": "20260921",
        "ord_tmd": "101501",
        "sll_buy_dvsn_cd": "02",
        "pdno": "005930",
        "ord_qty": "3",
        "ord_unpr": price,
        "tot_ccld_qty": "0",
        "rmn_qty": "3",
        **more,
    }


def test_lost_order_is_found_by_what_was_sent(
    paper: KISClient[Paper], server: Loopback, slept: list[float]
) -> None:
    rows = [
        listed("0000000005"),
        listed("0000000006", price="1"),
        listed("0000000007", ord_tmd="090000"),
        listed("0000000008", orgn_odno="0000000005"),
        listed("0000000009"),
    ]
    server.say("inquire-daily-ccld", {**OK, "output1": [], "output2": {}})
    server.default("inquire-daily-ccld", {**OK, "output1": rows, "output2": {}})
    found = paper.find_order("005930", Side.BUY, 3, 70100, NOW, known=["5"])
    assert found.order is not None
    assert found.order.number == "0000000009"
    assert found.order.state is OrderState.ACCEPTED
    assert slept == [1.5]


def test_absent_order_is_only_certain_if_the_list_could_be_read(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.default("inquire-daily-ccld", {**OK, "output1": [], "output2": {}})
    assert paper.find_order("005930", Side.BUY, 3, 70100, NOW) == (None, True)
    server.default("inquire-daily-ccld", lambda _: gateway("APBK9999", "오류", 200))
    assert paper.find_order("005930", Side.BUY, 3, 70100, NOW, tries=2) == (None, False)


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"tot_ccld_qty": "3", "rmn_qty": "0"}, OrderState.FILLED),
        ({"tot_ccld_qty": "1", "rmn_qty": "2"}, OrderState.PARTIAL),
        ({"cncl_yn": "Y"}, OrderState.CANCELLED),
        ({"rjct_qty": "3"}, OrderState.REJECTED),
        ({}, OrderState.ACCEPTED),
    ],
)
def test_row_of_the_order_list_has_a_state(row: dict[str, str], state: OrderState) -> None:
    from kisbt.kis.models.account import OrderRow

    assert OrderRow.model_validate(listed("1", **row)).state is state


def test_clock_skew_is_read_from_the_answers(paper: KISClient[Paper], server: Loopback) -> None:
    assert paper.clock_skew is None
    server.default("inquire-price", {**OK, "output": {"stck_prpr": "7"}})
    paper.inquire_price("005930")
    assert paper.clock_skew is not None
    assert abs(paper.clock_skew) < 2.0


def test_closed_client_leaves_no_threads(server: Loopback, settings: Any) -> None:
    server.default("inquire-price", {**OK, "output": {"stck_prpr": "7"}})
    with KISClient.connect(config_for(server.url), Paper(), settings) as client:
        client.quotes(["005930", "000660"])
    clock.sleep(0.01)
    assert not [thread for thread in threading.enumerate() if "kis-quotes" in thread.name]
