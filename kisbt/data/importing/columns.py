"""Column names of the layouts that are understood, and tickers in their many spellings."""

import re
from collections.abc import Iterable

from kisbt.domain.market import Market, Product

ALIASES: dict[str, tuple[str, ...]] = {
    "time": (
        "datetime", "timestamp", "date", "날짜", "일자", "기준일", "기준일자", "일시",
        "stck_bsop_date",
    ),
    "clock": ("time", "시간", "체결시간", "stck_cntg_hour"),
    "open": ("open", "시가", "stck_oprc", "o"),
    "high": ("high", "고가", "stck_hgpr", "h"),
    "low": ("low", "저가", "stck_lwpr", "l"),
    "close": ("close", "종가", "현재가", "stck_clpr", "c"),
    # Since 2026-09-14 KRX splits the volume; the regular session's is the one that fills meet.
    "volume": ("거래량_정규시장", "volume", "거래량", "vol", "acml_vol", "v"),
    "base": ("base", "기준가", "기준가격"),
    "ticker": ("ticker", "code", "종목코드", "단축코드", "symbol", "티커", "mksc_shrn_iscd"),
    "name": ("name", "종목명", "hts_kor_isnm"),
    "market": ("market", "시장구분", "시장", "m"),
}  # fmt: skip
"""Accepted headers, lower case without blanks, the preferred one first."""

REQUIRED = ("time", "open", "high", "low", "close")

LAYOUTS = (
    "pykrx and KRX (날짜,시가,고가,저가,종가,거래량), FinanceDataReader (Date,Open,High,Low,Close,"
    "Volume), date,open,high,low,close,volume; with a column ticker or 종목코드 for several names"
)

_MARKETS = {
    "kospi": Market.KOSPI, "p": Market.KOSPI, "유가증권": Market.KOSPI, "코스피": Market.KOSPI,
    "stk": Market.KOSPI, "etf": Market.KOSPI, "etn": Market.KOSPI,
    "kosdaq": Market.KOSDAQ, "q": Market.KOSDAQ, "코스닥": Market.KOSDAQ, "ksq": Market.KOSDAQ,
    "kosdaqglobal": Market.KOSDAQ, "코스닥글로벌": Market.KOSDAQ,
    "konex": Market.KONEX, "코넥스": Market.KONEX, "knx": Market.KONEX, "n": Market.KONEX,
}  # fmt: skip

_FUND_BRANDS = (
    "KODEX", "TIGER", "KBSTAR", "ARIRANG", "HANARO", "KOSEF", "SOL", "ACE", "PLUS", "RISE",
    "TIMEFOLIO", "KIWOOM", "KINDEX", "WON", "1Q",
)  # fmt: skip


def match_columns(headers: Iterable[str]) -> dict[str, str]:
    """Map canonical names to the headers of a file, as far as they are known."""
    plain = {header.strip().lower().replace(" ", ""): header for header in reversed(list(headers))}
    found = {}
    for canonical, names in ALIASES.items():
        for name in names:
            if name in plain:
                found[canonical] = plain[name]
                break
    if "time" not in found and "clock" in found:
        found["time"] = found.pop("clock")
    if "time" not in found:
        # pandas writes an unnamed index as an empty header.
        for header in ("", "unnamed:0", "index"):
            if header in plain:
                found["time"] = plain[header]
                break
    return found


def plain_ticker(text: str) -> str | None:
    """Six characters out of ``5930``, ``A005930``, ``005930.KS``, ``"005930"``; else ``None``."""
    code = text.strip().strip("'\"").upper().split(".")[0]
    if len(code) == 7 and code.startswith("A"):
        code = code[1:]
    if code.isdigit():
        code = code.zfill(6)
    return code if re.fullmatch(r"[0-9A-Z]{6}", code) and code[0].isdigit() else None


def ticker_in_name(stem: str) -> str | None:
    """The ticker in a file name such as ``005930``, ``삼성전자(005930)`` or ``069500_to_2024``."""
    for token in re.split(r"[^0-9A-Za-z]+", stem):
        code = token.upper()
        if len(code) == 7 and code.startswith("A"):
            code = code[1:]
        if re.fullmatch(r"[0-9][0-9A-Z]{5}", code):
            return code
    return None


def plain_market(text: str) -> Market | None:
    """The market division that ``text`` names, if any."""
    return _MARKETS.get(text.strip().lower().replace(" ", ""))


def product_of(market_text: str, name: str) -> Product:
    """ETF or ETN when the market column or the brand in the name says so, else a share."""
    text = market_text.strip().upper()
    if text in ("ETF", "ETN"):
        return Product(text)
    if name.rstrip().endswith("ETN"):
        return Product.ETN
    first = name.split(" ")[0].upper() if " " in name.strip() else ""
    return Product.ETF if first in _FUND_BRANDS else Product.STOCK


def leverage_of(product: Product, name: str) -> float:
    """Signed multiple of a fund by its name: 레버리지 2, 인버스 -1, 인버스2X -2."""
    if product is Product.STOCK:
        return 1.0
    plain = name.upper().replace(" ", "")
    twice = "2X" in plain or "레버리지" in plain
    if "인버스" in plain:
        return -2.0 if "2X" in plain else -1.0
    return 2.0 if twice else 1.0
