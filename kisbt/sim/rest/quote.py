"""Quotations: price, trades, order book, investors, several names at once."""

import zlib
from collections.abc import Sequence
from datetime import timedelta

from kisbt.domain.market import Market, Product
from kisbt.krx.ticks import tick_size
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.path import Step
from kisbt.sim.exchange.views import base, day_rows, expected, listed_shares, prints, strength
from kisbt.sim.rest import sheets_quote as sheets
from kisbt.sim.rest.wire import Answer, Call, Row, filled, hms, listed, quoted, rate, sign, ymd

YEAR = timedelta(days=365)
LATEST = 30


def inquire_price(call: Call) -> Answer:
    """주식현재가 시세. An unknown code answers with zeros, as KIS does."""
    name = call.name()
    if name is None:
        return quoted(output=filled(sheets.INQUIRE_PRICE, {"stck_prpr": "0"}))
    return quoted(output=filled(sheets.INQUIRE_PRICE, price_values(call.floor, name)))


def inquire_price_2(call: Call) -> Answer:
    """주식현재가 시세2."""
    name = call.name()
    if name is None:
        return quoted(output=filled(sheets.INQUIRE_PRICE_2, {}))
    values = price_values(call.floor, name)
    since = base(name)
    for end in ("oprc", "hgpr", "lwpr"):
        price = {"oprc": name.open, "hgpr": name.high, "lwpr": name.low}[end]
        values[f"{end}_vrss_prpr"] = name.price - price if price else 0
        values[f"{end}_vrss_prpr_sign"] = sign(name.price, price) if price else "3"
        values[f"prdy_clpr_vrss_{end}_rate"] = rate(price - since, since) if price else "0.00"
    values |= {
        "stck_prdy_clpr": name.previous_close,
        "prdy_vol": name.previous_volume,
        "mang_issu_yn": "N",
        "trht_yn": values["temp_stop_yn"],
        "mxpr_llam_cls_code": " ",
    }
    return quoted(output=filled(sheets.INQUIRE_PRICE_2, values))


def inquire_ccnl(call: Call) -> Answer:
    """주식현재가 체결: the latest 30 trades, newest first."""
    name = call.name()
    rows = trade_rows(name, prints(name)) if name is not None else []
    return quoted(output=[filled(sheets.INQUIRE_CCNL, row) for row in rows[:LATEST]])


def inquire_time_itemconclusion(call: Call) -> Answer:
    """주식현재가 당일시간대별체결, at or before the asked hour."""
    name = call.name()
    if name is None:
        return quoted(output1=filled(sheets.INQUIRE_TIME_ITEMCONCLUSION_1, {}), output2=[])
    upto = call.get("FID_INPUT_HOUR_1") or "235959"
    rows = trade_rows(name, [s for s in prints(name) if hms(s.at) <= upto])
    head = price_values(call.floor, name) | {"prdy_vol": name.previous_volume}
    return quoted(
        output1=filled(sheets.INQUIRE_TIME_ITEMCONCLUSION_1, head),
        output2=listed((filled(sheets.INQUIRE_TIME_ITEMCONCLUSION_2, r) for r in rows), LATEST),
    )


def inquire_asking_price_exp_ccn(call: Call) -> Answer:
    """주식현재가 호가/예상체결."""
    name = call.name()
    if name is None:
        one = filled(sheets.INQUIRE_ASKING_PRICE_EXP_CCN_1, {})
        return quoted(output1=one, output2=filled(sheets.INQUIRE_ASKING_PRICE_EXP_CCN_2, {}))
    floor = call.floor
    book = floor.book(name)
    values: dict[str, object] = {"aspr_acpt_hour": hms(floor.now)}
    for stem, side in (("askp", book.asks), ("bidp", book.bids)):
        for number, level in enumerate(side, 1):
            values[f"{stem}{number}"] = level.price
            values[f"{stem}_rsqn{number}"] = level.quantity
    asks = sum(level.quantity for level in book.asks)
    bids = sum(level.quantity for level in book.bids)
    values |= {
        "total_askp_rsqn": asks,
        "total_bidp_rsqn": bids,
        "ntby_aspr_rsqn": bids - asks,
        "new_mkop_cls_code": operation_code(floor.phase),
    }
    match, since = expected(name, floor), base(name)
    ahead = match.price if match else 0
    other = price_values(floor, name) | {
        "antc_mkop_cls_code": _EXPECTED_CODES.get(floor.phase, ""),
        "antc_cnpr": ahead,
        "antc_cntg_vrss": ahead - since,
        "antc_cntg_vrss_sign": sign(ahead, since),
        "antc_cntg_prdy_ctrt": rate(ahead - since, since),
        "antc_vol": match.volume if match else 0,
    }
    return quoted(
        output1=filled(sheets.INQUIRE_ASKING_PRICE_EXP_CCN_1, values),
        output2=filled(sheets.INQUIRE_ASKING_PRICE_EXP_CCN_2, other),
    )


def inquire_investor(call: Call) -> Answer:
    """주식현재가 투자자: 30 days, newest first. The data has no flows: they are made up."""
    name = call.name()
    rows: list[Row] = []
    for day in reversed(day_rows(call.floor, name, call.floor.day, LATEST) if name else []):
        share = zlib.crc32(f"{name.ticker if name else ''}{day.day}".encode()) % 200 - 100
        foreign, fund = day.volume * share // 1000, -day.volume * share // 2500
        values: dict[str, object] = {
            "stck_bsop_date": ymd(day.day),
            "stck_clpr": day.close,
            "prdy_vrss": day.close - day.previous,
            "prdy_vrss_sign": sign(day.close, day.previous),
        }
        for who, net in (("frgn", foreign), ("orgn", fund), ("prsn", -foreign - fund)):
            bought = day.volume // 3 + max(net, 0)
            values[f"{who}_ntby_qty"] = net
            values[f"{who}_ntby_tr_pbmn"] = net * day.close // 1_000_000
            values[f"{who}_shnu_vol"], values[f"{who}_seln_vol"] = bought, bought - net
            values[f"{who}_shnu_tr_pbmn"] = bought * day.close // 1_000_000
            values[f"{who}_seln_tr_pbmn"] = (bought - net) * day.close // 1_000_000
        rows.append(filled(sheets.INQUIRE_INVESTOR, values))
    return quoted(output=rows)


def intstock_multprice(call: Call) -> Answer:
    """관심종목(멀티종목) 시세조회: up to 30 codes."""
    floor = call.floor
    rows = []
    call.need("FID_INPUT_ISCD_1", 16)
    for number in range(1, LATEST + 1):
        code = call.get(f"FID_INPUT_ISCD_{number}")
        if not code or not floor.known(code):
            continue
        name = floor.name(code)
        values, book = price_values(floor, name), floor.book(name)
        plain = {
            f"inter2_{short}": values[f"stck_{short}"]
            for short in ("prpr", "oprc", "hgpr", "lwpr", "llam", "mxpr", "sdpr")
        }
        values |= plain | {
            "kospi_kosdaq_cls_name": name.instrument.market,
            "inter_shrn_iscd": name.ticker,
            "inter_kor_isnm": name.instrument.name or name.ticker,
            "inter2_prdy_vrss": values["prdy_vrss"],
            "inter2_prdy_clpr": name.previous_close,
            "inter2_askp": book.ask,
            "inter2_bidp": book.bid,
            "total_askp_rsqn": sum(level.quantity for level in book.asks),
            "total_bidp_rsqn": sum(level.quantity for level in book.bids),
        }
        rows.append(filled(sheets.INTSTOCK_MULTPRICE, values))
    return quoted(output=rows)


def price_values(floor: Floor, name: NameDay) -> dict[str, object]:
    """What ``inquire-price`` says of a name; other quotations take parts of it."""
    since, instrument, now = base(name), name.instrument, floor.now
    rows = day_rows(floor, name, floor.day, most=260)
    year = [row for row in rows if row.day > floor.day - YEAR] or rows
    stopped = name.suspended or any(s.kind == "H" and s.start <= now < s.end for s in name.stops)
    band, shares = name.band, listed_shares(name)
    values: dict[str, object] = {
        "iscd_stat_cls_code": "58" if stopped else "55",
        "marg_rate": "20.00",
        "rprs_mrkt_kor_name": instrument.market,
        "bstp_kor_isnm": instrument.sector or "",
        "temp_stop_yn": "Y" if stopped else "N",
        "crdt_able_yn": "Y",
        "grmn_rate_cls_code": "40",
        "stck_prpr": name.price,
        "prdy_vrss": name.price - since,
        "prdy_vrss_sign": sign(name.price, since, band),
        "prdy_ctrt": rate(name.price - since, since),
        "acml_tr_pbmn": name.value,
        "acml_vol": name.volume,
        "prdy_vrss_vol_rate": rate(name.volume, name.previous_volume),
        "stck_oprc": name.open,
        "stck_hgpr": name.high,
        "stck_lwpr": name.low,
        "stck_mxpr": band.upper if band else 0,
        "stck_llam": band.lower if band else 0,
        "stck_sdpr": since,
        "wghn_avrg_stck_prc": f"{name.value / name.volume if name.volume else 0:.2f}",
        "rstc_wdth_prc": band.upper - band.base if band else 0,
        "stck_fcam": 500,
        "fcam_cnnm": "500",
        "cpfn": shares * 500 // 100_000_000,
        "cpfn_cnnm": f"{shares * 500 // 100_000_000:,} 억",
        "aspr_unit": tick_size(max(1, name.price), *name.rules),
        "hts_deal_qty_unit_val": 1,
        "lstn_stcn": shares,
        "hts_avls": name.price * shares // 100_000_000,
        "stac_month": "12",
        "vol_tnrt": rate(name.volume, shares),
        "stck_shrn_iscd": name.ticker,
        "ssts_yn": "Y",
        "vi_cls_code": "Y" if name.in_vi(now) else "N",
        "ovtm_vi_cls_code": "N",
        "mrkt_warn_cls_code": "00",
        "mang_issu_cls_code": "N",
        "stck_sspr": name.previous_close * 7 // 10,
    }
    for prefix, over, word in (
        ("d250_", year[-250:], "rate"),
        ("w52_", year, "ctrt"),
        ("", [row for row in year if row.day.year == floor.day.year] or year[-1:], "rate"),
    ):
        stem = prefix or "dryy_"
        for which, best in (("hgpr", max), ("lwpr", min)):
            row = best(over, key=lambda r: r.high if which == "hgpr" else r.low)
            value = row.high if which == "hgpr" else row.low
            values[f"{prefix or 'stck_dryy_'}{which}"] = value
            values[f"{stem}{which}_date"] = ymd(row.day)
            values[f"{stem}{which}_vrss_prpr_{word}"] = rate(name.price - value, value)
    return values


def trade_rows(name: NameDay, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Rows of trades, newest first."""
    since, rows, sold, bought, volume = base(name), [], 0, 0, 0
    for step in steps:
        bought += step.volume if step.bought else 0
        sold += 0 if step.bought else step.volume
        volume += step.volume
        tick = tick_size(step.price, *name.rules)
        rows.append(
            {
                "stck_cntg_hour": hms(step.at),
                "stck_prpr": step.price,
                "prdy_vrss": step.price - since,
                "prdy_vrss_sign": sign(step.price, since, name.band),
                "cntg_vol": step.volume,
                "cnqn": step.volume,
                "acml_vol": volume,
                "tday_rltv": f"{min(999.99, 100.0 * bought / sold if sold else 100.0):.2f}",
                "prdy_ctrt": rate(step.price - since, since),
                "askp": step.price if step.bought else step.price + tick,
                "bidp": step.price - tick if step.bought else step.price,
            }
        )
    rows.reverse()
    return rows


def operation_code(phase: Phase) -> str:
    """``NEW_MKOP_CLS_CODE``: 20 regular; auctions 00; 30 after the close, 40 single price."""
    return _OPERATIONS.get(phase, "31")


def market_code(name: NameDay) -> str:
    """``excg_dvsn_cd``: 02 KOSPI, 03 KOSDAQ."""
    return "03" if name.instrument.market is Market.KOSDAQ else "02"


def fund(name: NameDay) -> bool:
    """Whether the name is an exchange-traded fund or note."""
    return name.instrument.product in (Product.ETF, Product.ETN)


def day_strength(name: NameDay) -> str:
    """체결강도 with two decimals, capped as the ranking caps it."""
    return f"{min(999.99, strength(name)):.2f}"


_OPERATIONS = {
    Phase.OPENING: "10",
    Phase.CONTINUOUS: "20",
    Phase.CLOSING: "21",
    Phase.POST_CLOSE: "31",
    Phase.SINGLE_PRICE: "40",
    Phase.AFTER_MARKET: "40",
}
_EXPECTED_CODES = {Phase.OPENING: "311", Phase.CONTINUOUS: "112", Phase.CLOSING: "121"}
