"""Calendar, server time and volatility interruptions, real only."""

from datetime import timedelta

from kisbt.krx import calendar
from kisbt.sim.exchange.names import Interruption, NameDay
from kisbt.sim.rest import sheets_market as sheets
from kisbt.sim.rest.wire import (
    Answer,
    Call,
    envelope,
    filled,
    hms,
    padded,
    parse_day,
    quoted,
    rate,
    ymd,
)

HOLIDAY_ROWS, VI_ROWS = 25, 30
KEY_WIDTH = 20


def chk_holiday(call: Call) -> Answer:
    """국내휴장일조회: consecutive calendar days; the key is the next one."""
    key = call.get("CTX_AREA_NK")
    day = parse_day(key, "CTX_AREA_NK") if key else call.day("BASS_DT")
    last = min(calendar.LAST_DAY, day + timedelta(days=HOLIDAY_ROWS - 1))
    rows = []
    for offset in range((last - day).days + 1):
        at = day + timedelta(days=offset)
        weekend = at.weekday() >= 5
        values = {
            "bass_dt": ymd(at),
            "wday_dvsn_cd": f"{at.isoweekday() % 7 + 1:02d}",
            "bzdy_yn": "N" if weekend else "Y" if calendar.is_session(at) else "N",
            "tr_day_yn": "Y",
            "opnd_yn": "Y" if calendar.is_session(at) else "N",
            "sttl_day_yn": "Y" if calendar.is_session(at) else "N",
        }
        rows.append(filled(sheets.CHK_HOLIDAY, values))
    more = last < calendar.LAST_DAY
    keys = {
        "ctx_area_fk": padded(ymd(day), KEY_WIDTH),
        "ctx_area_nk": padded(ymd(last + timedelta(days=1)) if more else "", KEY_WIDTH),
    }
    done = envelope("KIOK0500", "조회가 계속됩니다..(다음버튼 Click)", pad=True)
    return Answer({**keys, "output": rows, **done}, "M" if more else "D")


def market_time(call: Call) -> Answer:
    """국내선물 영업일조회: the one endpoint that tells the server's time."""
    now = call.floor.now
    today = now.date() if calendar.is_session(now.date()) else calendar.next_session(now.date())
    values = {f"date{n + 3}": ymd(calendar.add_sessions(today, n)) for n in range(-2, 3)}
    values |= {
        "today": ymd(now.date()),
        "time": hms(now),
        "s_time": "084500",
        "e_time": "154500",
    }
    return quoted(output1=filled(sheets.MARKET_TIME_1, values))


def inquire_vi_status(call: Call) -> Answer:
    """변동성완화장치(VI) 현황 of today, newest first. Other days answer with no rows."""
    code, wanted = call.get("FID_INPUT_ISCD"), call.get("FID_DIV_CLS_CODE", "0")
    asked = call.get("FID_INPUT_DATE_1")
    found: list[tuple[Interruption, NameDay]] = []
    if not asked or asked in (ymd(call.floor.day), ymd(call.stamp)):
        for name in call.floor.listed():
            if not code or code == name.ticker:
                found += [(stop, name) for stop in name.stops if stop.kind != "H"]
    found = [
        (stop, name)
        for stop, name in found
        if wanted not in ("1", "2") or (stop.price >= stop.reference) == (wanted == "1")
    ]
    found.sort(key=lambda each: (each[0].start, each[1].ticker), reverse=True)
    rows = [
        filled(sheets.INQUIRE_VI_STATUS, _interruption(call, stop, name))
        for stop, name in found[:VI_ROWS]
    ]
    return quoted(output=rows)


def _interruption(call: Call, stop: Interruption, name: NameDay) -> dict[str, object]:
    static = stop.kind == "1"
    reference = stop.reference
    gap = rate(stop.price - reference, reference)
    return {
        "hts_kor_isnm": name.instrument.name or name.ticker,
        "mksc_shrn_iscd": name.ticker,
        "vi_cls_code": "Y" if stop.start <= call.floor.now < stop.end else "N",
        "bsop_date": ymd(name.day),
        "cntg_vi_hour": hms(stop.start),
        "vi_cncl_hour": hms(stop.end),
        "vi_kind_code": stop.kind,
        "vi_prc": stop.price,
        "vi_stnd_prc": reference if static else 0,
        "vi_dprt": gap if static else "0.00",
        "vi_dmc_stnd_prc": 0 if static else reference,
        "vi_dmc_dprt": "0.00" if static else gap,
        "vi_count": sum(1 for each in name.stops if each.kind != "H"),
    }
