"""Quotations against the data they come from."""

import io
import zipfile
from datetime import timedelta

import pytest

from kisbt.sim.rest.info import isin
from tests.sim.rest.caller import QUOTES
from tests.sim.rest.conftest import DATA

ASK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
RANKING = "/uapi/domestic-stock/v1/ranking"


def test_a_price_shows_the_bands_of_the_rules(paper, sim):
    out = paper.get(f"{QUOTES}/inquire-price", "FHKST01010100", **ASK)["output"]
    name = sim.floor.name("005930")
    assert out["stck_prpr"] == str(name.price)
    assert (out["stck_mxpr"], out["stck_llam"]) == (str(name.band.upper), str(name.band.lower))
    assert out["stck_sdpr"] == str(name.band.base)
    assert int(out["prdy_vrss"]) == name.price - name.band.base
    assert out["aspr_unit"] == "100"
    assert int(out["stck_lwpr"]) <= name.price <= int(out["stck_hgpr"])


def test_before_the_open_nothing_of_the_day_is_known(sim, paper):
    sim.advance_to(sim.target("preopen"))
    out = paper.get(f"{QUOTES}/inquire-price", "FHKST01010100", **ASK)["output"]
    name = sim.floor.name("005930")
    assert (out["acml_vol"], out["stck_oprc"]) == ("0", "0")
    assert out["stck_prpr"] == str(name.band.base)
    book = paper.get(f"{QUOTES}/inquire-asking-price-exp-ccn", "FHKST01010200", **ASK)
    assert book["output2"]["antc_cnpr"] == str(name.band.base)
    assert book["output2"]["antc_mkop_cls_code"] == "311"


def test_the_book_and_the_trades_agree_with_the_price(paper, sim):
    name = sim.floor.name("005930")
    book = paper.get(f"{QUOTES}/inquire-asking-price-exp-ccn", "FHKST01010200", **ASK)["output1"]
    assert name.price in (int(book["askp1"]), int(book["bidp1"]))
    assert int(book["total_askp_rsqn"]) == sum(int(book[f"askp_rsqn{n}"]) for n in range(1, 11))
    trades = paper.get(f"{QUOTES}/inquire-ccnl", "FHKST01010300", **ASK)["output"]
    assert trades[0]["stck_prpr"] == str(name.price)
    assert sum(int(row["cntg_vol"]) for row in trades) == name.volume


def test_a_daily_chart_pages_back_through_all_the_data_without_gaps(paper, sim):
    days, end = [], sim.floor.day
    while True:
        body = paper.get(
            f"{QUOTES}/inquire-daily-itemchartprice", "FHKST03010100", **ASK,
            FID_INPUT_DATE_1="20200101", FID_INPUT_DATE_2=f"{end:%Y%m%d}", FID_PERIOD_DIV_CODE="D",
            FID_ORG_ADJ_PRC="0",
        )  # fmt: skip
        page = body["output2"]
        if not page:
            break
        assert len(page) <= 100
        days += [row["stck_bsop_date"] for row in page]
        oldest = page[-1]["stck_bsop_date"]
        end = end.replace(int(oldest[:4]), int(oldest[4:6]), int(oldest[6:])) - timedelta(days=1)
    known = [f"{d:%Y%m%d}" for d in sim.floor.market.days if d <= sim.floor.day]
    assert days == known[::-1]
    table = DATA.bars["005930"]
    assert len(days) < len(table)


@pytest.mark.parametrize(("period", "most"), [("W", 40), ("M", 10), ("Y", 2)])
def test_longer_bars_sum_up_the_days_inside_them(paper, sim, period, most):
    ask = ASK | {"FID_INPUT_DATE_1": "20200101", "FID_INPUT_DATE_2": f"{sim.floor.day:%Y%m%d}"}
    daily, longer = (
        paper.get(
            f"{QUOTES}/inquire-daily-itemchartprice", "FHKST03010100", **ask,
            FID_PERIOD_DIV_CODE=p, FID_ORG_ADJ_PRC="0",
        )["output2"]
        for p in ("D", period)
    )  # fmt: skip
    assert len(longer) <= most
    assert longer[0]["stck_clpr"] == daily[0]["stck_clpr"]
    last = longer[1]["stck_bsop_date"]
    inside = [d for d in daily if d["stck_bsop_date"] > last]
    if len(inside) < len(daily):
        assert int(longer[0]["acml_vol"]) == sum(int(d["acml_vol"]) for d in inside)
        assert int(longer[0]["stck_hgpr"]) == max(int(d["stck_hgpr"]) for d in inside)


def test_minutes_of_today_are_thirty_a_page_and_never_yesterdays(paper, sim):
    minutes, hour = [], "153000"
    while True:
        rows = paper.get(
            f"{QUOTES}/inquire-time-itemchartprice", "FHKST03010200", **ASK,
            FID_INPUT_HOUR_1=hour, FID_PW_DATA_INCU_YN="Y", FID_ETC_CLS_CODE="",
        )["output2"]  # fmt: skip
        assert len(rows) <= 30
        minutes += [row["stck_cntg_hour"] for row in rows]
        if not rows or rows[-1]["stck_cntg_hour"] <= "090000":
            break
        hour = f"{int(rows[-1]['stck_cntg_hour'][:4]) - 1:04d}00"
        if hour.endswith("9900"):
            hour = f"{int(hour[:2]):02d}5900"
    assert minutes[0] == "100500"
    assert minutes[-1] == "090000"
    assert minutes == sorted(set(minutes), reverse=True)
    assert len(minutes) == 66


def test_an_old_days_minutes_are_those_it_was_lived_by(real, sim):
    ask = ASK | {"FID_INPUT_HOUR_1": "153000"}

    def minutes(day):
        rows = real.get(
            f"{QUOTES}/inquire-time-dailychartprice", "FHKST03010230", **ask,
            FID_INPUT_DATE_1=f"{day:%Y%m%d}",
        )["output2"]  # fmt: skip
        return [(r["stck_cntg_hour"], r["stck_prpr"], r["cntg_vol"]) for r in rows]

    today = sim.floor.day
    sim.advance_to(sim.target("close"))
    lived = minutes(today)
    sim.advance_to(sim.target("preopen"))
    assert sim.floor.day > today
    assert minutes(today) == lived


def test_rankings_are_ordered_and_filtered(real):
    rank = {
        "FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "0000", "FID_RANK_SORT_CLS_CODE": "0",
        "FID_TRGT_EXLS_CLS_CODE": "0000001100",
    }  # fmt: skip
    volumes = real.get(f"{QUOTES}/volume-rank", "FHPST01710000", **rank)["output"]
    assert [int(r["acml_vol"]) for r in volumes] == sorted(
        (int(r["acml_vol"]) for r in volumes), reverse=True
    )
    assert "069500" not in {r["mksc_shrn_iscd"] for r in volumes}
    rises = real.get(f"{RANKING}/fluctuation", "FHPST01700000", **rank)["output"]
    rates = [float(r["prdy_ctrt"]) for r in rises]
    assert rates == sorted(rates, reverse=True)
    assert [r["data_rank"] for r in rises] == [str(n) for n in range(1, len(rises) + 1)]
    falls = real.get(
        f"{RANKING}/fluctuation", "FHPST01700000", **rank | {"FID_RANK_SORT_CLS_CODE": "1"}
    )["output"]
    assert falls[0]["stck_shrn_iscd"] == rises[-1]["stck_shrn_iscd"]
    kosdaq = real.get(
        f"{RANKING}/volume-power", "FHPST01680000", **rank | {"FID_INPUT_ISCD": "1001"}
    )["output"]
    assert [r["stck_shrn_iscd"] for r in kosdaq] == ["247540"]


def test_holidays_run_on_by_their_own_key(real):
    first = real.get(f"{QUOTES}/chk-holiday", "CTCA0903R", BASS_DT="20250101")
    days = {row["bass_dt"]: row for row in first["output"]}
    assert days["20250101"]["opnd_yn"] == "N"
    assert days["20250102"]["opnd_yn"] == "Y"
    assert days["20250105"]["wday_dvsn_cd"] == "01"
    assert len(first["ctx_area_nk"]) == 20
    second = real.get(
        f"{QUOTES}/chk-holiday", "CTCA0903R", BASS_DT="20250101", CTX_AREA_NK=first["ctx_area_nk"]
    )
    assert second["output"][0]["bass_dt"] == "20250126"
    assert days.keys().isdisjoint(row["bass_dt"] for row in second["output"])


def test_the_server_tells_the_venues_time(real, sim):
    out = real.get(f"{QUOTES}/market-time", "HHMCM000002C0")["output1"]
    assert out["time"] == f"{sim.now:%H%M%S}"
    assert out["date3"] == f"{sim.floor.day:%Y%m%d}"


def test_an_injected_vi_shows_in_the_list_and_in_the_price(real, sim):
    sim.exchange.interrupt("005930", "2", 5)
    ask = {"FID_DIV_CLS_CODE": "0", "FID_INPUT_ISCD": "", "FID_INPUT_DATE_1": ""}
    rows = real.get(f"{QUOTES}/inquire-vi-status", "FHPST01390000", **ask)["output"]
    assert [(r["mksc_shrn_iscd"], r["vi_cls_code"], r["vi_kind_code"]) for r in rows] == [
        ("005930", "Y", "2")
    ]
    price = real.get(f"{QUOTES}/inquire-price", "FHKST01010100", **ASK)["output"]
    assert price["vi_cls_code"] == "Y"
    sim.advance_to(sim.now + timedelta(minutes=3))
    rows = real.get(f"{QUOTES}/inquire-vi-status", "FHPST01390000", **ask)["output"]
    assert rows[0]["vi_cls_code"] == "N"


def test_product_information_carries_a_valid_isin_and_rejects_strangers(real):
    assert isin("005930") == "KR7005930003"
    assert isin("000660") == "KR7000660001"
    out = real.get(f"{QUOTES}/search-info", "CTPF1604R", PDNO="005930", PRDT_TYPE_CD="300")
    assert (out["msg_cd"], out["output"]["std_pdno"]) == ("KIOK0530", "KR7005930003")
    unknown = real.get(f"{QUOTES}/search-info", "CTPF1604R", PDNO="999999", PRDT_TYPE_CD="300")
    assert unknown["rt_cd"] == "7"
    etf = real.get(f"{QUOTES}/search-stock-info", "CTPF1002R", PDNO="069500", PRDT_TYPE_CD="300")
    assert etf["output"]["scty_grp_id_cd"] == "EF"


def test_master_files_have_the_widths_that_readers_slice_by(paper):
    for file, tail, ticker in (("kospi", 227, b"005930"), ("kosdaq", 221, b"247540")):
        reply = paper.raw("GET", f"/common/master/{file}_code.mst.zip", "", {})
        packed = zipfile.ZipFile(io.BytesIO(reply.body)).read(f"{file}_code.mst")
        lines = packed.splitlines()
        line = next(each for each in lines if each.startswith(ticker))
        assert all(len(each) == 21 + 40 + tail for each in lines)
        assert line[9:21].strip().startswith(b"KR7")
        assert line[21:61].decode("cp949").strip() in ("삼성전자", "에코프로비엠")
        assert line[61:63] == b"ST"


@pytest.mark.parametrize(
    ("name", "tr_id"),
    [
        ("inquire-price", "FHKST01010100"), ("inquire-price-2", "FHPST01010000"),
        ("inquire-ccnl", "FHKST01010300"), ("inquire-time-itemconclusion", "FHPST01060000"),
        ("inquire-asking-price-exp-ccn", "FHKST01010200"), ("inquire-investor", "FHKST01010900"),
        ("inquire-daily-price", "FHKST01010400"), ("inquire-daily-itemchartprice", "FHKST03010100"),
        ("inquire-time-itemchartprice", "FHKST03010200"),
        ("inquire-time-dailychartprice", "FHKST03010230"),
    ],
)  # fmt: skip
def test_an_unknown_code_is_answered_with_zeros_or_no_rows(real, sim, name, tr_id):
    day = f"{sim.floor.day:%Y%m%d}"
    fields = ASK | {
        "FID_INPUT_ISCD": "999999", "FID_INPUT_DATE_1": day, "FID_INPUT_DATE_2": day,
        "FID_PERIOD_DIV_CODE": "D", "FID_INPUT_HOUR_1": "153000", "FID_ORG_ADJ_PRC": "0",
    }  # fmt: skip
    body = real.get(f"{QUOTES}/{name}", tr_id, **fields)
    assert body["rt_cd"] == "0"
    for part in ("output", "output1", "output2"):
        value = body.get(part)
        if isinstance(value, dict) and "stck_prpr" in value:
            assert value["stck_prpr"] == "0"
        elif isinstance(value, list):
            assert value == []


def test_an_index_query_must_be_for_an_index(real):
    ask = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "0001"}
    body = real.get(f"{QUOTES}/inquire-index-price", "FHPUP02100000", **ask)
    assert (body["rt_cd"], body["msg_cd"]) == ("1", "OPSQ2001")
