"""Values of the data frames: trades, order books, expected matches, phases, indices, notices."""

from datetime import datetime

from kisbt.domain.trading import Side
from kisbt.sim.exchange.account import Holder
from kisbt.sim.exchange.events import Notice, NoticeKind
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.index import IndexTape
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.orders import KINDS
from kisbt.sim.exchange.path import Step
from kisbt.sim.exchange.views import base, expected, listed_shares, strength
from kisbt.sim.rest.quote import operation_code
from kisbt.sim.rest.wire import hms, rate, sign, ymd

Values = dict[str, object]

_CLASSES = {
    Phase.OPENING: "1",
    Phase.CONTINUOUS: "2",
    Phase.CLOSING: "2",
    Phase.POST_CLOSE: "5",
    Phase.SINGLE_PRICE: "3",
    Phase.AFTER_MARKET: "3",
}
_OPERATIONS = {
    Phase.OPENING: ("110", "311"),
    Phase.CONTINUOUS: ("112", ""),
    Phase.CLOSING: ("121", "121"),
    Phase.POST_CLOSE: ("129", "129"),
    Phase.SINGLE_PRICE: ("150", ""),
    Phase.AFTER_MARKET: ("150", ""),
    Phase.CLOSED: ("159", ""),
}


def record(names: list[str], values: Values) -> str:
    """One record: values joined by ``^``; what has no value is 0."""
    return "^".join([str(values.get(name, "0")) for name in names])


def trade_values(floor: Floor, name: NameDay, step: Step) -> Values:
    """A print, as of right after it."""
    since, book, price = base(name), floor.book(name), name.price
    asks, bids = book.asks, book.bids
    halted = name.suspended or (name.stopped(floor.now) and not name.in_vi(floor.now))
    values: Values = {
        "MKSC_SHRN_ISCD": name.ticker,
        "STCK_CNTG_HOUR": hms(step.at),
        "STCK_PRPR": price,
        "PRDY_VRSS_SIGN": sign(price, since, name.band),
        "PRDY_VRSS": price - since,
        "PRDY_CTRT": rate(price - since, since),
        "WGHN_AVRG_STCK_PRC": f"{name.value / name.volume if name.volume else 0:.2f}",
        "STCK_OPRC": name.open,
        "STCK_HGPR": name.high,
        "STCK_LWPR": name.low,
        "ASKP1": book.ask,
        "BIDP1": book.bid,
        "CNTG_VOL": step.volume,
        "ACML_VOL": name.volume,
        "ACML_TR_PBMN": name.value,
        "SELN_CNTG_CSNU": name.sells,
        "SHNU_CNTG_CSNU": name.buys,
        "NTBY_CNTG_CSNU": name.buys - name.sells,
        "CTTR": f"{strength(name):.2f}",
        "SELN_CNTG_SMTN": name.sold,
        "SHNU_CNTG_SMTN": name.bought,
        "CCLD_DVSN": "1" if step.bought else "5",
        "CNTG_CLS_CODE": "1" if step.bought else "5",
        "SHNU_RATE": rate(name.bought, name.volume),
        "PRDY_VOL_VRSS_ACML_VOL_RATE": rate(name.volume, name.previous_volume),
        "BSOP_DATE": ymd(name.day),
        "NEW_MKOP_CLS_CODE": operation_code(floor.phase),
        "TRHT_YN": "Y" if halted else "N",
        "ASKP_RSQN1": asks[0].quantity if asks else 0,
        "BIDP_RSQN1": bids[0].quantity if bids else 0,
        "TOTAL_ASKP_RSQN": sum(level.quantity for level in asks),
        "TOTAL_BIDP_RSQN": sum(level.quantity for level in bids),
        "VOL_TNRT": rate(name.volume, listed_shares(name)),
        "PRDY_SMNS_HOUR_ACML_VOL": name.previous_volume * name.done // max(1, len(name.steps)),
        "PRDY_SMNS_HOUR_ACML_VOL_RATE": rate(name.volume, name.previous_volume),
        "HOUR_CLS_CODE": hour_class(floor, name),
        "MRKT_TRTM_CLS_CODE": "",
        "VI_STND_PRC": name.vi_reference,
        "MARKET_CLS_CODE": _CLASSES.get(floor.phase, "2"),
    }
    for stem, end, at in (
        ("OPRC", name.open, name.open_at),
        ("HGPR", name.high, name.high_at),
        ("LWPR", name.low, name.low_at),
    ):
        values[f"{stem}_HOUR"] = hms(at) or "000000"
        values[f"{stem}_VRSS_PRPR_SIGN"] = sign(price, end or price)
        values[f"{stem}_VRSS_PRPR"] = price - (end or price)
    return values


def book_values(floor: Floor, name: NameDay, at: datetime) -> Values:
    """The order book as of now, with the expected match in auctions."""
    book, since = floor.book(name), base(name)
    match = expected(name, floor)
    ahead = match.price if match else 0
    values: Values = {
        "MKSC_SHRN_ISCD": name.ticker,
        "BSOP_HOUR": hms(at),
        "HOUR_CLS_CODE": hour_class(floor, name),
        "TOTAL_ASKP_RSQN": sum(level.quantity for level in book.asks),
        "TOTAL_BIDP_RSQN": sum(level.quantity for level in book.bids),
        "ANTC_CNPR": ahead,
        "ANTC_CNQN": match.volume if match else 0,
        "ANTC_VOL": match.volume if match else name.steps[0].volume if name.done else 0,
        "ANTC_CNTG_VRSS": ahead - since,
        "ANTC_CNTG_VRSS_SIGN": sign(ahead, since),
        "ANTC_CNTG_PRDY_CTRT": rate(ahead - since, since),
        "ACML_VOL": name.volume,
        "KMID_PRC": (book.ask + book.bid) // 2 if book.asks and book.bids else 0,
        "MARKET_CLS_CODE": _CLASSES.get(floor.phase, "2"),
    }
    for price, size, side in (("ASKP", "ASKP_RSQN", book.asks), ("BIDP", "BIDP_RSQN", book.bids)):
        for number, level in enumerate(side, 1):
            values[f"{price}{number}"] = level.price
            values[f"{size}{number}"] = level.quantity
    return values


def expected_values(floor: Floor, name: NameDay, at: datetime) -> Values | None:
    """The expected match as a trade-shaped record; ``None`` outside an auction."""
    match, since = expected(name, floor), base(name)
    if match is None:
        return None
    price = match.price
    return trade_values(floor, name, Step(at, price, match.volume, 0, True)) | {
        "STCK_PRPR": price,
        "PRDY_VRSS_SIGN": sign(price, since, name.band),
        "PRDY_VRSS": price - since,
        "PRDY_CTRT": rate(price - since, since),
        "CNTG_CLS_CODE": "3",
        "CCLD_DVSN": "3",
    }


def operation_values(floor: Floor, name: NameDay) -> Values:
    """Market operation (장운영정보) of one name: phase, halt, VI."""
    now = floor.now
    operation, ahead = _OPERATIONS[floor.phase]
    halted = name.suspended or any(s.kind == "H" and s.start <= now < s.end for s in name.stops)
    return {
        "MKSC_SHRN_ISCD": name.ticker,
        "TRHT_YN": "Y" if halted else "N",
        "TR_SUSP_REAS_CNTT": "(null)",
        "MKOP_CLS_CODE": "164" if halted else operation,
        "ANTC_MKOP_CLS_CODE": ahead,
        "MRKT_TRTM_CLS_CODE": "",
        "DIVI_APP_CLS_CODE": "",
        "ISCD_STAT_CLS_CODE": "58" if halted else "55",
        "VI_CLS_CODE": next(
            (s.kind for s in name.stops if s.kind != "H" and s.start <= now < s.end), "N"
        ),
        "OVTM_VI_CLS_CODE": "N",
        "EXCH_CLS_CODE": "1",
    }


def index_values(floor: Floor, code: str) -> Values:
    """An index as of now."""
    tape = IndexTape(floor)
    row, breadth = tape.today(), tape.breadth()
    return {
        "bstp_cls_code": code,
        "bsop_hour": hms(floor.now),
        "prpr_nmix": f"{row.close:.2f}",
        "prdy_vrss_sign": sign(round(100 * row.close), round(100 * row.previous)),
        "bstp_nmix_prdy_vrss": f"{row.close - row.previous:.2f}",
        "acml_vol": row.volume,
        "acml_tr_pbmn": row.value,
        "prdy_ctrt": rate(row.close - row.previous, row.previous),
        "oprc_nmix": f"{row.open:.2f}",
        "nmix_hgpr": f"{row.high:.2f}",
        "nmix_lwpr": f"{row.low:.2f}",
        "uplm_issu_cnt": breadth.upper,
        "ascn_issu_cnt": breadth.up,
        "stnr_issu_cnt": breadth.same,
        "down_issu_cnt": breadth.down,
        "lslm_issu_cnt": breadth.lower,
    }


def notice_values(notice: Notice, holder: Holder, name: str, branch: str) -> Values:
    """An order notice (체결통보), before encryption. Sizes and prices are padded as KIS pads."""
    order, kind = notice.order, KINDS[notice.order.kind]
    filled = notice.kind is NoticeKind.FILLED
    accepted = {NoticeKind.ACCEPTED: "1", NoticeKind.DROPPED: "3"}.get(notice.kind, "2")
    return {
        "CUST_ID": holder.hts_id,
        "ACNT_NO": holder.number + holder.product,
        "ODER_NO": order.odno,
        "OODER_NO": f"{order.original:010d}" if order.original else "",
        "SELN_BYOV_CLS": "01" if order.side is Side.SELL else "02",
        "RCTF_CLS": str(order.revision),
        "ODER_KIND": order.kind,
        "ODER_COND": {"IOC": "1", "FOK": "2"}.get(kind.now, "0"),
        "STCK_SHRN_ISCD": order.ticker,
        "CNTG_QTY": f"{notice.quantity:010d}",
        "CNTG_UNPR": f"{notice.price:09d}",
        "STCK_CNTG_HOUR": hms(notice.at),
        "RFUS_YN": "0",
        "CNTG_YN": "2" if filled else "1",
        "ACPT_YN": accepted,
        "BRNC_NO": branch,
        "ODER_QTY": f"{order.quantity:09d}",
        "ACNT_NAME": holder.name,
        "ORD_COND_PRC": f"{order.trigger:09d}",
        "ORD_EXG_GB": "3" if order.venue == "SOR" else "1",
        "POPUP_YN": "Y",
        "FILLER": "",
        "CRDT_CLS": "10",
        "CRDT_LOAN_DATE": "",
        "CNTG_ISNM": name[:7],
        "CNTG_ISNM40": name,
        "ODER_PRC": f"{order.price if filled else notice.price:09d}",
    }


def hour_class(floor: Floor, name: NameDay) -> str:
    """``HOUR_CLS_CODE``: 0 in session, A and B after and before it, C in a VI, D single price."""
    if name.in_vi(floor.now):
        return "C"
    return {
        Phase.OPENING: "B",
        Phase.POST_CLOSE: "A",
        Phase.SINGLE_PRICE: "D",
    }.get(floor.phase, "0")
