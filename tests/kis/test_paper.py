"""What the paper server lacks has a stated substitute, or a clear error."""

from datetime import date
from typing import Any

import pytest

from kisbt.kis.client import KISClient
from kisbt.kis.environment import Paper
from kisbt.kis.errors import KISAPIError, NotOnPaper
from tests.kis.conftest import config_for
from tests.kis.loopback import OK, Heard, Loopback, Say, gateway

DAY = date(2026, 9, 21)


def balance(*rows: dict[str, str]) -> dict[str, Any]:
    totals = {
        "dnca_tot_amt": "1000000",
        "prvs_rcdl_excc_amt": "900000",
        "scts_evlu_amt": "210000",
        "nass_amt": "1110000",
    }
    return {**OK, "output1": list(rows), "output2": [totals]}


def position(ticker: str, held: str, sellable: str | None) -> dict[str, str]:
    row = {"pdno": ticker, "hldg_qty": held, "pchs_avg_pric": "68000.0000", "evlu_amt": "1"}
    return row if sellable is None else {**row, "ord_psbl_qty": sellable}


def order(
    number: str, day: str, side: str, ticker: str, filled: str, amount: str
) -> dict[str, str]:
    return {
        "odno": number,
        "ord_dt": day,
        "ord_tmd": "100000",
        "sll_buy_dvsn_cd": side,
        "pdno": ticker,
        "ord_qty": filled,
        "tot_ccld_qty": filled,
        "tot_ccld_amt": amount,
        "rmn_qty": "0",
    }


def test_sellable_quantity_comes_from_the_balance(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.default(
        "inquire-balance", balance(position("005930", "5", "3"), position("000660", "2", "2"))
    )
    found = paper.inquire_psbl_sell("005930")
    assert (found.quantity, found.held, found.source) == (3, 5, "substitute")
    assert paper.inquire_psbl_sell("035720").quantity == 0


def test_balance_that_does_not_say_is_not_taken_for_zero(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.default("inquire-balance", balance(position("005930", "5", None)))
    with pytest.raises(KISAPIError, match="how much of 005930"):
        paper.inquire_psbl_sell("005930")


def test_empty_balance_is_an_error_not_an_empty_account(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.say("inquire-balance", {**OK, "output1": [], "output2": []})
    with pytest.raises(KISAPIError, match="no output2"):
        paper.inquire_balance()


def test_assets_come_from_the_balance(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-balance", balance(position("005930", "3", "3")))
    found = paper.inquire_account_balance()
    assert (found.total, found.net, found.source) == (1110000, 1110000, "substitute")
    assert [(asset.kind, asset.value) for asset in found.assets] == [
        ("주식", 210000),
        ("예수금", 900000),
    ]


def test_profit_comes_from_executions_by_moving_average(
    paper: KISClient[Paper], server: Loopback
) -> None:
    rows = [
        order("4", "20260921", "01", "005930", "15", "165000"),
        order("3", "20260921", "01", "000660", "1", "9000"),
        order("2", "20260918", "02", "005930", "10", "110000"),
        order("1", "20260917", "02", "005930", "10", "90000"),
    ]
    server.default("inquire-daily-ccld", {**OK, "output1": rows, "output2": {}})
    found = paper.inquire_period_trade_profit(date(2026, 9, 1), DAY)
    known = {(row.day, row.ticker): row.realised for row in found.rows}
    assert known[DAY, "005930"] == 165000 - 15 * 10000
    assert known[DAY, "000660"] is None  # bought before the period
    assert found.totals.realised is None
    by_day = paper.inquire_period_profit(date(2026, 9, 1), DAY)
    assert [row.day for row in by_day.rows] == [DAY, date(2026, 9, 18), date(2026, 9, 17)]
    assert by_day.rows[0].realised is None
    assert by_day.rows[1].bought == 110000
    assert by_day.rows[1].source == "substitute"


def test_open_orders_come_from_the_days_orders(paper: KISClient[Paper], server: Loopback) -> None:
    row = {**order("7", "20260921", "02", "005930", "0", "0"), "ord_qty": "5", "rmn_qty": "5"}
    cancel = {**row, "odno": "8", "orgn_odno": "0000000007"}
    server.default("inquire-daily-ccld", {**OK, "output1": [cancel, row], "output2": {}})
    assert [found.number for found in paper.inquire_psbl_rvsecncl()] == ["7"]
    assert server.heard[-1].query["CCLD_DVSN"] == "02"


def test_empty_order_list_beside_counted_orders_is_an_error(
    paper: KISClient[Paper], server: Loopback
) -> None:
    answer = {**OK, "msg_cd": "70070000", "output1": [], "output2": {"tot_ccld_qty": "3"}}
    server.say("inquire-daily-ccld", answer, {**answer, "output2": {"tot_ccld_qty": "0"}})
    with pytest.raises(KISAPIError, match="empty although"):
        paper.inquire_daily_ccld()
    assert paper.inquire_daily_ccld() == ()


def quote(heard: Heard) -> Say:
    ticker = heard.query["FID_INPUT_ISCD"]
    if ticker == "999999":
        return gateway("APBK0656", "종목 없음", 200)
    number = int(ticker[:3])
    output = {
        "stck_prpr": str(1000 + number),
        "acml_vol": str(number),
        "prdy_ctrt": f"-{number}.50",
        "hts_avls": str(5000 - number),
        "acml_tr_pbmn": str(7 * number),
    }
    return Say({**OK, "output": output})


def test_rankings_rank_the_universe(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-price", quote)
    names = ["100000", "300000", "200000", "999999"]
    assert [row.ticker for row in paper.volume_rank(universe=names)] == [
        "300000",
        "200000",
        "100000",
    ]
    assert paper.fluctuation(universe=names)[0].ticker == "100000"
    assert paper.fluctuation(universe=names, falling=True)[0].ticker == "300000"
    assert [row.rank for row in paper.market_cap(universe=names)] == [1, 2, 3]
    assert paper.market_cap(universe=names)[0].market_cap == 4900
    assert paper.volume_rank(by="3", universe=names)[0].value_traded == 2100


def test_strength_ranking_asks_for_trades(paper: KISClient[Paper], server: Loopback) -> None:
    server.default("inquire-price", quote)

    def ticks(heard: Heard) -> Say:
        strength = "120.00" if heard.query["FID_INPUT_ISCD"] == "100000" else "80.00"
        row = {"stck_cntg_hour": "100000", "stck_prpr": "1", "cntg_vol": "1"}
        return Say({**OK, "output": [{**row, "tday_rltv": strength}]})

    server.default("inquire-ccnl", ticks)
    ranked = paper.volume_power(universe=["300000", "100000"])
    assert [(row.ticker, row.strength) for row in ranked] == [("100000", 120.0), ("300000", 80.0)]


def test_ranking_without_a_universe_says_what_to_give(paper: KISClient[Paper]) -> None:
    with pytest.raises(NotOnPaper, match="universe="):
        paper.volume_rank()


def test_holidays_come_from_the_calendar_and_are_asked_once(
    paper: KISClient[Paper], server: Loopback
) -> None:
    days = paper.chk_holiday(date(2026, 9, 23))
    assert [day.open for day in days[:4]] == [True, False, False, False]  # 추석
    assert paper.chk_holiday(date(2026, 9, 23)) is days
    assert server.of("chk-holiday") == []


def test_index_comes_from_the_head_of_its_chart(paper: KISClient[Paper], server: Loopback) -> None:
    server.default(
        "inquire-daily-indexchartprice",
        {**OK, "output1": {"bstp_nmix_prpr": "2648.76"}, "output2": []},
    )
    assert paper.inquire_index_price("0001").value == 2648.76


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.inquire_price_2("005930"),
        lambda c: c.intstock_multprice(["005930"]),
        lambda c: c.inquire_vi_status(DAY),
        lambda c: c.search_stock_info("005930"),
        lambda c: c.search_info("005930"),
        lambda c: c.market_time(),
        lambda c: c.inquire_balance_rlz_pl(),
        lambda c: c.minute_bars_of("005930", date(2026, 9, 18)),
        lambda c: c.inquire_time_indexchartprice("0001"),
    ],
)
def test_what_nothing_stands_in_for_says_where_else_to_look(
    call: Any, paper: KISClient[Paper], server: Loopback
) -> None:
    with pytest.raises(NotOnPaper) as caught:
        call(paper)
    assert caught.value.hint
    assert server.heard == []


def test_quotes_may_come_from_the_real_host_and_orders_never(
    server: Loopback, settings: Any
) -> None:
    real_host = Loopback()
    real_host.default("inquire-price", {**OK, "output": {"stck_prpr": "5"}})
    real_host.default("volume-rank", {**OK, "output": []})
    try:
        values = {**config_for(server.url)._values, "prod": real_host.url}
        config = type(config_for(""))(values, "kis_devlp.yaml")
        both = settings.model_copy(update={"quotes_from_real": True})
        with KISClient.connect(config, Paper(), both) as client:
            assert client.inquire_price("005930").price == 5
            assert client.volume_rank() == ()
            server.say("order-cash", {**OK, "output": {"ODNO": "1"}})
            client.buy("005930", 1, 5)
        trading = [heard for heard in real_host.heard if "/trading/" in heard.path]
        assert trading == []
        assert server.of("order-cash")[0].tr_id == "VTTC0012U"
        assert real_host.of("inquire-price")[0].headers["appkey"].startswith("R")
    finally:
        real_host.close()
