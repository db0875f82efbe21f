"""Product information and the master files (종목 마스터)."""

import io
import zipfile

from kisbt.domain.market import Instrument, Market, Product
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.views import base, listed_shares
from kisbt.sim.rest import sheets_market as sheets
from kisbt.sim.rest.errors import BusinessError
from kisbt.sim.rest.quote import market_code
from kisbt.sim.rest.wire import INFO_OK, Answer, Call, envelope, filled, ymd

STOCK_TYPE = "300"
_GROUPS = {Product.STOCK: "ST", Product.ETF: "EF", Product.ETN: "EN", Product.ELW: "EW"}
_MARKET_IDS = {Market.KOSPI: "STK", Market.KOSDAQ: "KSQ", Market.KONEX: "KNX"}


def search_info(call: Call) -> Answer:
    """상품기본조회. An unknown product answers ``rt_cd`` 7."""
    instrument = _wanted(call).instrument
    label = instrument.name or instrument.ticker
    values: dict[str, object] = {
        "pdno": f"00000A{instrument.ticker}",
        "prdt_type_cd": STOCK_TYPE,
        "prdt_name": label,
        "prdt_name120": label,
        "prdt_abrv_name": label,
        "prdt_eng_name": f"KRX {instrument.ticker}",
        "prdt_eng_name120": f"KRX {instrument.ticker}",
        "prdt_eng_abrv_name": f"KRX {instrument.ticker}",
        "std_pdno": isin(instrument.ticker),
        "shtn_pdno": instrument.ticker,
        "prdt_clsf_name": "주권" if instrument.product is Product.STOCK else "증권상품",
        "frst_erlm_dt": ymd(instrument.listed),
    }
    body = {"output": filled(sheets.SEARCH_INFO, values)}
    return Answer(body | envelope(*INFO_OK, pad=True))


def search_stock_info(call: Call) -> Answer:
    """주식기본조회. No name trades on Nextrade here."""
    name = _wanted(call)
    instrument, shares = name.instrument, listed_shares(name)
    label = instrument.name or instrument.ticker
    kosdaq = instrument.market is Market.KOSDAQ
    values: dict[str, object] = {
        "pdno": f"00000A{instrument.ticker}",
        "prdt_type_cd": STOCK_TYPE,
        "mket_id_cd": _MARKET_IDS[instrument.market],
        "scty_grp_id_cd": _GROUPS[instrument.product],
        "excg_dvsn_cd": market_code(name),
        "setl_mmdd": "12",
        "lstg_stqt": shares,
        "papr": 500,
        "cpta": shares * 500,
        "scts_mket_lstg_dt": "" if kosdaq else ymd(instrument.listed),
        "kosdaq_mket_lstg_dt": ymd(instrument.listed) if kosdaq else "",
        "stck_kind_cd": "101" if instrument.ticker.endswith("0") else "201",
        "prdt_name": label,
        "prdt_name120": label,
        "prdt_abrv_name": label,
        "std_pdno": isin(instrument.ticker),
        "prdt_eng_name": f"KRX {instrument.ticker}",
        "prdt_eng_name120": f"KRX {instrument.ticker}",
        "prdt_eng_abrv_name": f"KRX {instrument.ticker}",
        "lstg_abol_dt": ymd(instrument.delisted),
        "tr_stop_yn": "Y" if name.suspended else "N",
        "thdt_clpr": name.price,
        "bfdy_clpr": name.previous_close,
        "clpr_chng_dt": ymd(name.day),
        "elec_scty_yn": "Y",
        "cptt_trad_tr_psbl_yn": "N",
        "nxt_tr_stop_yn": "N",
        "etf_chas_erng_rt_dbnb": f"{instrument.leverage:.2f}",
    }
    body = {"output": filled(sheets.SEARCH_STOCK_INFO, values)}
    return Answer(body | envelope(*INFO_OK, pad=True))


def isin(ticker: str) -> str:
    """The standard code (표준코드) with its check digit, e.g. ``KR7005930003``."""
    body = f"KR7{ticker}00"
    digits = "".join(str(int(char, 36)) for char in body)
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return body + str(-total % 10)


def master_zip(floor: Floor, file: str) -> bytes | None:
    """``kospi_code.mst.zip`` and its like, as KIS lays records out; ``None`` for another file."""
    market = {"kospi_code.mst": Market.KOSPI, "kosdaq_code.mst": Market.KOSDAQ}.get(
        file.removesuffix(".zip")
    )
    if market is None or not file.endswith(".zip"):
        return None
    lines = [_record(name, market) for name in floor.listed() if name.instrument.market is market]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(file.removesuffix(".zip"), (2020, 1, 1, 0, 0, 0))
        archive.writestr(member, b"".join(line + b"\n" for line in lines))
    return packed.getvalue()


_KOSPI_WIDTHS = (2, 1, 4, 4, 4, *[1] * 26, 9, 5, 5, 1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 3, 1, 3,
                 12, 12, 8, 15, 21, 2, 7, *[1] * 5, 9, 9, 9, 5, 9, 8, 9, 3, 1, 1, 1)  # fmt: skip
_KOSDAQ_WIDTHS = (2, 1, 4, 4, 4, *[1] * 21, 9, 5, 5, 1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 3, 1, 3,
                  12, 12, 8, 15, 21, 2, 7, *[1] * 4, 9, 9, 9, 5, 9, 8, 9, 3, 1, 1, 1)  # fmt: skip


def _record(name: NameDay, market: Market) -> bytes:
    widths = _KOSPI_WIDTHS if market is Market.KOSPI else _KOSDAQ_WIDTHS
    flags = widths.index(9, 5)
    instrument, shares = name.instrument, listed_shares(name)
    values: dict[int, object] = {
        0: _GROUPS[instrument.product],
        flags: base(name),
        flags + 1: 1,
        flags + 2: 1,
        flags + 3: "Y" if name.suspended else "N",
        flags + 4: "N",
        flags + 5: "N",
        flags + 6: "00",
        flags + 10: "00",
        flags + 13: 20,
        flags + 16: name.previous_volume,
        flags + 17: 500,
        flags + 18: ymd(instrument.listed),
        flags + 19: shares // 1000,
        flags + 20: shares * 500,
        flags + 21: 12,
    }
    tail = "".join(_cell(values.get(n, ""), width) for n, width in enumerate(widths))
    label = _korean(instrument, 40)
    return f"{name.ticker:<9}{isin(name.ticker):<12}".encode("cp949") + label + tail.encode("ascii")


def _korean(instrument: Instrument, width: int) -> bytes:
    raw = (instrument.name or instrument.ticker).encode("cp949", "replace")[:width]
    return raw.decode("cp949", "ignore").encode("cp949").ljust(width)


def _cell(value: object, width: int) -> str:
    text = str(value)[:width]
    return text.rjust(width, "0") if isinstance(value, int) else text.ljust(width)


def _wanted(call: Call) -> NameDay:
    code = call.need("PDNO", 12)
    ticker = code[-6:] if len(code) in (7, 12) and not code.startswith("Q") else code
    if call.need("PRDT_TYPE_CD", 3) != STOCK_TYPE or not call.floor.known(ticker):
        raise BusinessError("KIOK0570", "해당 상품이 없습니다.", "7")
    return call.floor.name(ticker)
