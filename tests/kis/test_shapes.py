"""Every call reads the shape that the documentation gives for it."""

import json
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from kisbt.domain.trading import Side
from kisbt.kis.client import KISClient
from kisbt.kis.endpoints import ENDPOINTS
from kisbt.kis.environment import Real
from kisbt.kis.errors import KISAPIError
from tests.kis.loopback import Loopback, Say

SHAPES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "shapes.json").read_text(encoding="utf-8")
)
DAY = date(2026, 9, 21)

Call = Callable[[KISClient[Real]], Any]

CALLS: dict[str, Call] = {
    "CTRP6548R": lambda c: c.inquire_account_balance().total,
    "TTTC8434R": lambda c: c.inquire_balance().held("005930"),
    "TTTC8908R": lambda c: c.inquire_psbl_order("005930").cash,
    "TTTC8408R": lambda c: c.inquire_psbl_sell("005930").quantity,
    "TTTC0012U": lambda c: c.buy("005930", 1, 70100).number,
    "TTTC0011U": lambda c: c.order_cash("005930", Side.SELL, 1).branch,
    "TTTC0013U": lambda c: c.cancel("0000012345").number,
    "TTTC0084R": lambda c: c.inquire_psbl_rvsecncl()[0].changeable,
    "TTTC0081R": lambda c: c.inquire_daily_ccld()[0].filled,
    "CTSC9215R": lambda c: c.inquire_daily_ccld(date(2026, 1, 5), date(2026, 1, 9))[0].filled,
    "TTTC8708R": lambda c: c.inquire_period_profit(DAY, DAY).rows[0].realised,
    "TTTC8715R": lambda c: c.inquire_period_trade_profit(DAY, DAY).rows[0].ticker,
    "TTTC8494R": lambda c: c.inquire_balance_rlz_pl().totals.realised,
    "FHKST01010100": lambda c: c.inquire_price("005930").price,
    "FHPST01010000": lambda c: c.inquire_price_2("005930").price,
    "FHKST01010300": lambda c: c.inquire_ccnl("005930")[0].price,
    "FHPST01060000": lambda c: c.inquire_time_itemconclusion("005930", time(10))[0].price,
    "FHKST01010200": lambda c: len(c.inquire_asking_price_exp_ccn("005930").asks),
    "FHKST01010400": lambda c: c.inquire_daily_price("005930")[0].close,
    "FHKST03010100": lambda c: c.day_bars("005930", DAY, DAY)[0].close,
    "FHKST03010200": lambda c: c.inquire_time_itemchartprice("005930", time(10))[0].close,
    "FHKST03010230": lambda c: c.inquire_time_dailychartprice("005930", DAY)[0].volume,
    "FHKST01010900": lambda c: c.inquire_investor("005930")[0].close,
    "FHKST11300006": lambda c: c.intstock_multprice(["005930"])["005930"].price,
    "FHPST01710000": lambda c: c.volume_rank()[0].rank,
    "FHPST01700000": lambda c: c.fluctuation()[0].rank,
    "FHPST01680000": lambda c: c.volume_power()[0].strength,
    "FHPST01740000": lambda c: c.market_cap()[0].market_cap,
    "FHPUP02100000": lambda c: c.inquire_index_price("0001").value,
    "FHKUP03500100": lambda c: c.index_bars("0001", DAY, DAY)[0].close,
    "FHKUP03500200": lambda c: c.inquire_time_indexchartprice("0001")[0].close,
    "FHPUP02120000": lambda c: c.inquire_index_daily_price("0001", DAY)[0].close,
    "CTCA0903R": lambda c: c.chk_holiday(DAY)[0].open,
    "FHPST01390000": lambda c: c.inquire_vi_status(DAY)[0].ticker,
    "HHMCM000002C0": lambda c: c.market_time().business_day,
    "CTPF1604R": lambda c: c.search_info("005930").isin,
    "CTPF1002R": lambda c: c.search_stock_info("005930").ticker,
}


def test_every_call_has_a_documented_shape_and_a_test() -> None:
    assert {endpoint.real for endpoint in ENDPOINTS} == SHAPES.keys() == CALLS.keys()


@pytest.mark.parametrize("tr_id", CALLS)
def test_documented_shape_is_read(tr_id: str, real: KISClient[Real], server: Loopback) -> None:
    server.default("", lambda heard: Say(SHAPES[heard.tr_id]))
    value = CALLS[tr_id](real)
    assert value not in (None, "", 0)
    asked = server.heard[-1]
    assert asked.tr_id == tr_id
    assert asked.headers["custtype"] == "P"
    assert asked.headers["authorization"].startswith("Bearer ")


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _blank(entry) for key, entry in value.items()}
    return [_blank(entry) for entry in value] if isinstance(value, list) else "  "


LISTS_OF_ANYTHING = {"FHKST01010900", "TTTC8708R", "TTTC8715R", "HHMCM000002C0"}
"""Calls whose every field may be blank."""

BOOK = {"FHKST01010200"}
"""A book without a level is a book: that of a halted name."""


@pytest.mark.parametrize("tr_id", sorted(CALLS.keys() - LISTS_OF_ANYTHING - BOOK))
def test_blank_key_field_is_an_error_that_names_it(
    tr_id: str, real: KISClient[Real], server: Loopback
) -> None:
    server.default("", {**_blank(SHAPES[tr_id]), "rt_cd": "0", "msg_cd": "MCA00000"})
    with pytest.raises(KISAPIError, match=r"field \w+|without an order number|cannot be read"):
        CALLS[tr_id](real)


@pytest.mark.parametrize("tr_id", sorted(LISTS_OF_ANYTHING))
def test_blank_optional_fields_read_as_none(
    tr_id: str, real: KISClient[Real], server: Loopback
) -> None:
    server.default("", {**_blank(SHAPES[tr_id]), "rt_cd": "0", "msg_cd": "MCA00000"})
    assert CALLS[tr_id](real) in (None, "")


@pytest.mark.parametrize("tr_id", ["FHKST01010100", "TTTC8434R", "TTTC0081R", "FHKST03010100"])
def test_new_fields_are_kept(tr_id: str, real: KISClient[Real], server: Loopback) -> None:
    shape = json.loads(json.dumps(SHAPES[tr_id]))
    for key in ("output", "output1", "output2"):
        for row in [shape.get(key)] if isinstance(shape.get(key), dict) else shape.get(key, []):
            row["brand_new_field"] = "7"
    server.default("", lambda _: Say(shape))
    found: Any = {
        "FHKST01010100": lambda: real.inquire_price("005930"),
        "TTTC8434R": lambda: real.inquire_balance().positions[0],
        "TTTC0081R": lambda: real.inquire_daily_ccld()[0],
        "FHKST03010100": lambda: real.day_bars("005930", DAY, DAY)[0],
    }[tr_id]()
    assert found.model_extra["brand_new_field"] == "7"
    assert "brand_new_field" not in repr(found)
