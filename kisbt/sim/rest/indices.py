"""Indices (업종지수). Whatever code is asked, the values are those of the dataset's one index."""

from collections.abc import Mapping

from kisbt.sim.exchange.index import INDICES, IndexDay, IndexTape
from kisbt.sim.rest import sheets_market as sheets
from kisbt.sim.rest.errors import BusinessError
from kisbt.sim.rest.wire import Answer, Call, filled, hms, quoted, rate, sign, ymd

CHART_ROWS, DAILY_ROWS, MINUTE_ROWS = 50, 100, 30


def inquire_index_price(call: Call) -> Answer:
    """국내업종 현재지수."""
    _code(call)
    return quoted(output=filled(sheets.INQUIRE_INDEX_PRICE, _now(IndexTape(call.floor))))


def inquire_daily_indexchartprice(call: Call) -> Answer:
    """국내주식업종기간별시세: at most 50 bars back from the end date, newest first."""
    code = _code(call)
    first, last = call.day("FID_INPUT_DATE_1"), call.day("FID_INPUT_DATE_2")
    tape = IndexTape(call.floor)
    rows = [row for row in tape.days(last) if row.day >= first]
    output = [
        filled(
            sheets.INQUIRE_DAILY_INDEXCHARTPRICE_2,
            {"stck_bsop_date": ymd(row.day), "mod_yn": "N", **_points(row)},
        )
        for row in reversed(rows[-CHART_ROWS:])
    ]
    head = filled(sheets.INQUIRE_DAILY_INDEXCHARTPRICE_1, _head(tape, code))
    return quoted(output1=head, output2=output)


def inquire_time_indexchartprice(call: Call) -> Answer:
    """업종 분봉조회: one row, as of now; the data has no index minutes."""
    code = _code(call)
    tape, now = IndexTape(call.floor), call.floor.now
    row = {
        "stck_bsop_date": ymd(now.date()),
        "stck_cntg_hour": hms(now.replace(second=0)),
        **_points(tape.today()),
    }
    head = filled(sheets.INQUIRE_TIME_INDEXCHARTPRICE_1, _head(tape, code))
    return quoted(output1=head, output2=[filled(sheets.INQUIRE_TIME_INDEXCHARTPRICE_2, row)])


def inquire_index_daily_price(call: Call) -> Answer:
    """국내업종 일자별지수: up to 100 days back from the asked one, newest first."""
    _code(call)
    tape = IndexTape(call.floor)
    rows = tape.days(call.day("FID_INPUT_DATE_1"))[-DAILY_ROWS:]
    output = [
        filled(
            sheets.INQUIRE_INDEX_DAILY_PRICE_2,
            {"stck_bsop_date": ymd(row.day), **_points(row), **_changes(row)},
        )
        for row in reversed(rows)
    ]
    head = filled(sheets.INQUIRE_INDEX_DAILY_PRICE_1, _now(tape))
    return quoted(output1=head, output2=output)


def _code(call: Call) -> str:
    code = call.need("FID_INPUT_ISCD", 12)
    if call.need("FID_COND_MRKT_DIV_CODE", 2) != "U":
        raise BusinessError("OPSQ2001", "ERROR : INPUT INVALID_CHECK_MRKT_DIV_CODE")
    return code


def _points(row: IndexDay) -> dict[str, object]:
    return {
        "bstp_nmix_prpr": f"{row.close:.2f}",
        "bstp_nmix_oprc": f"{row.open:.2f}",
        "bstp_nmix_hgpr": f"{row.high:.2f}",
        "bstp_nmix_lwpr": f"{row.low:.2f}",
        "acml_vol": row.volume,
        "acml_tr_pbmn": row.value,
    }


def _changes(row: IndexDay) -> dict[str, object]:
    change = round(row.close - row.previous, 2)
    return {
        "bstp_nmix_prdy_vrss": f"{change:.2f}",
        "prdy_vrss_sign": sign(round(100 * row.close), round(100 * row.previous)),
        "bstp_nmix_prdy_ctrt": rate(change, row.previous),
    }


def _head(tape: IndexTape, code: str) -> Mapping[str, object]:
    row = tape.today()
    return {
        **_points(row),
        **_changes(row),
        "prdy_nmix": f"{row.previous:.2f}",
        "hts_kor_isnm": INDICES.get(code, code),
        "bstp_cls_code": code,
        "futs_prdy_oprc": f"{row.previous:.2f}",
        "futs_prdy_hgpr": f"{row.previous:.2f}",
        "futs_prdy_lwpr": f"{row.previous:.2f}",
    }


def _now(tape: IndexTape) -> dict[str, object]:
    row, breadth = tape.today(), tape.breadth()
    before = row.previous
    year = [d for d in tape.days(row.day) if d.day.year == row.day.year]
    top, bottom = max(year, key=lambda d: d.high), min(year, key=lambda d: d.low)
    values: dict[str, object] = {
        **_points(row),
        **_changes(row),
        "ascn_issu_cnt": breadth.up,
        "uplm_issu_cnt": breadth.upper,
        "stnr_issu_cnt": breadth.same,
        "down_issu_cnt": breadth.down,
        "lslm_issu_cnt": breadth.lower,
        "dryy_bstp_nmix_hgpr": f"{top.high:.2f}",
        "dryy_bstp_nmix_hgpr_date": ymd(top.day),
        "dryy_hgpr_vrss_prpr_rate": rate(row.close - top.high, top.high),
        "dryy_bstp_nmix_lwpr": f"{bottom.low:.2f}",
        "dryy_bstp_nmix_lwpr_date": ymd(bottom.day),
        "dryy_lwpr_vrss_prpr_rate": rate(row.close - bottom.low, bottom.low),
        "prdy_clpr_vrss_lwpr": f"{row.low - before:.2f}",
        "prdy_clpr_vrss_lwpr_rate": rate(row.low - before, before),
    }
    for end, value in (("oprc", row.open), ("hgpr", row.high)):
        values[f"prdy_nmix_vrss_nmix_{end}"] = f"{value - before:.2f}"
        values[f"bstp_nmix_{end}_prdy_ctrt"] = rate(value - before, before)
    for end, value in (("oprc", row.open), ("hgpr", row.high), ("lwpr", row.low)):
        values[f"{end}_vrss_prpr_sign"] = sign(round(100 * row.close), round(100 * value))
    return values
