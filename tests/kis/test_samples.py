"""Real frames and answers, in our own words: the same fields and widths with other values.

With ``KISBT_KIS_SAMPLES`` naming a folder of recorded ones, those are read as well.
"""

import json
import os
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from kisbt.domain.trading import Side
from kisbt.kis.answers import outputs, read
from kisbt.kis.endpoints import BALANCE, DAILY_CHART, DAILY_ORDERS, MINUTE_CHART, PRICE
from kisbt.kis.frames import parse_frame
from kisbt.kis.models.account import BalanceTotals, Buyable, OrderReceipt, OrderRow, Position
from kisbt.kis.models.charts import DayBar, MinuteBar
from kisbt.kis.models.quotes import Price
from kisbt.kis.records import Notice, Trade
from kisbt.kis.wire import Answer
from tests.kis.stream_texts import BOOK, NOTICE_FIELDS_23, TRADE, encrypted, key

SAMPLES = os.environ.get("KISBT_KIS_SAMPLES", "")
recorded = pytest.mark.skipif(not SAMPLES, reason="KISBT_KIS_SAMPLES names no folder")
"""Tests on answers recorded by others, which are not part of this repository."""


def test_trade_frame_has_typed_fields() -> None:
    (trade,) = parse_frame(TRADE)
    assert isinstance(trade, Trade)
    assert (trade.ticker, trade.price, trade.volume) == ("000660", 128500, 17)
    assert (trade.day_volume, trade.ask, trade.bid) == (2345678, 128500, 128000)
    assert trade.at == datetime(2026, 9, 21, 10, 15, 30)
    assert trade.side is Side.BUY
    assert trade.strength == 104.27
    assert not trade.halted
    assert not trade.in_auction
    assert trade.vi_base == 127000
    assert trade.session == ""


def test_trade_frame_with_the_field_of_2026_09_14_tells_the_session() -> None:
    (trade,) = parse_frame(TRADE + "^2")
    assert trade.session == "2"


@pytest.mark.parametrize("extra", ["", "^1^2^3", "^1^2^3^2"])
def test_order_book_frame_has_ten_levels_in_every_layout(extra: str) -> None:
    (book,) = parse_frame(BOOK + extra)
    assert (book.ask, book.bid) == (128500, 128000)
    assert len(book.asks) == len(book.bids) == 10
    assert book.asks[0].quantity == 1000
    assert book.bids[-1].price == 123500
    assert book.hour_class == "0"
    assert book.expected_price is None


@pytest.mark.parametrize("layout", [23, 26])
def test_notice_is_read_from_both_ends_in_both_layouts(layout: int) -> None:
    fields = list(NOTICE_FIELDS_23)
    if layout == 26:
        fields[18:19] = ["000000000", "1", "Y", ""]
    frame = encrypted("H0STCNI9", "^".join(fields))
    (notice,) = parse_frame(frame, {"H0STCNI9": key()})
    assert isinstance(notice, Notice)
    assert (notice.number, notice.ticker, notice.side) == ("0000002891", "136480", Side.BUY)
    assert (notice.quantity, notice.price, notice.time) == (1, 3190, time(9, 49, 41))
    assert notice.is_fill
    assert notice.name == "하림"
    assert notice.order_price == 0


def test_price_of_2022_obeys_our_limits() -> None:
    raw = {
        "stck_prpr": "128500",
        "stck_mxpr": "167000",
        "stck_llam": "90000",
        "stck_sdpr": "128500",
        "aspr_unit": "500",
        "prdy_vrss": "0",
        "prdy_ctrt": "0.00",
        "prdy_vrss_sign": "3",
        "w52_hgpr_date": "20210225",
        "per": "19.67",
        "temp_stop_yn": "N",
        "vi_cls_code": "N",
        "iscd_stat_cls_code": "55",
        "fcam_cnnm": "5,000",
        "cpfn_cnnm": "36,576 억",
    }
    price = Price.model_validate(raw)
    assert price.upper_limit is not None
    assert price.lower_limit is not None
    assert price.upper_limit - price.price == price.price - price.lower_limit == 38500
    assert price.year_high_day == date(2021, 2, 25)
    assert not price.halted
    assert not price.in_vi
    assert price.model_extra == {"fcam_cnnm": "5,000", "cpfn_cnnm": "36,576 억"}


def test_halted_and_interrupted_names_say_so() -> None:
    price = Price.model_validate({"stck_prpr": "1", "iscd_stat_cls_code": "58", "vi_cls_code": "Y"})
    assert price.halted
    assert price.in_vi


def test_fields_that_paper_leaves_out_are_none() -> None:
    row = {
        "pdno": "005930",
        "prdt_name": "삼성전자",
        "hldg_qty": "3",
        "pchs_avg_pric": "68000.00",
        "prpr": "70000",
    }
    position = Position.model_validate(row)
    assert position.sellable is None
    assert position.average_price == 68000.0
    totals = BalanceTotals.model_validate({"dnca_tot_amt": "1000000", "tot_evlu_amt": "1210000"})
    assert totals.cash_d2 is None


def test_short_order_number_and_upper_case_keys_are_read() -> None:
    raw = {"KRX_FWDG_ORD_ORGNO": "00950", "ODNO": "0001234", "ORD_TMD": "091500"}
    receipt = OrderReceipt.model_validate(raw)
    assert (receipt.number, receipt.branch, receipt.at) == ("0001234", "00950", time(9, 15))


@pytest.mark.parametrize("spelling", ["cnc_cfrm_qty", "cncl_cfrm_qty"])
def test_both_spellings_of_cancelled_quantity_are_read(spelling: str) -> None:
    row = {"odno": "1", "tot_ccld_qty": "0", "ord_qty": "5", spelling: "5"}
    assert OrderRow.model_validate(row).cancelled == 5


def _recorded(name: str) -> str:
    return (Path(SAMPLES) / name).read_text(encoding="utf-8")


@recorded
@pytest.mark.parametrize("name", ["ws_h0stcnt0_real_frames.txt", "ws_h0stasp0_real_frames.txt"])
def test_recorded_frames_are_read(name: str) -> None:
    frames = [line for line in _recorded(name).splitlines() if line.startswith("0|")]
    assert frames
    for frame in (*frames, *(f"{frame}^2" for frame in frames)):
        (record,) = parse_frame(frame)
        assert record.ask > record.bid > 0 or record.ask >= record.bid


@recorded
def test_recorded_notices_are_read() -> None:
    lines = [line for line in _recorded("ws_h0stcni0_doc_frames.txt").splitlines() if "^" in line]
    notices = [parse_frame(encrypted("H0STCNI0", line), {"H0STCNI0": key()})[0] for line in lines]
    assert [notice.is_fill for notice in notices] == [False, True]


@recorded
def test_recorded_answers_are_read() -> None:
    def answer(body: dict[str, Any]) -> Answer:
        return Answer(200, {}, body, 0.0)

    price = json.loads(_recorded("rest_inquire_price_000660.json"))
    assert read(PRICE, Price.model_validate, price["output"]).ticker == "000660"
    minutes = json.loads(_recorded("rest_minute_FHKST03010200_005930_20260929.json"))
    for row in outputs(MINUTE_CHART, answer(minutes), "output2"):
        assert read(MINUTE_CHART, MinuteBar.model_validate, row).volume > 0
    shapes = json.loads(_recorded("rest_shapes_mock_account_2026-08.json"))
    assert Price.model_validate(shapes["FHKST01010100"]["output"]).price == 70000
    for row in outputs(DAILY_CHART, answer(shapes["FHKST03010100"]), "output2"):
        assert read(DAILY_CHART, DayBar.model_validate, row).close > 0
    assert outputs(BALANCE, answer(shapes["VTTC8434R"]), "output1")
    Position.model_validate(shapes["VTTC8434R"]["output1"][0])
    BalanceTotals.model_validate(shapes["VTTC8434R"]["output2"][0])
    Buyable.model_validate(shapes["VTTC8908R"]["output"])
    OrderReceipt.model_validate(shapes["VTTC0802U"]["output"])
    row = outputs(DAILY_ORDERS, answer(shapes["VTTC0081R_partial_fields"]), "output1")[0]
    assert OrderRow.model_validate(row).filled == 1
