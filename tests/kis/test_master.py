import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.market import Market, Product
from kisbt.kis.errors import KISAPIError, Unreachable
from kisbt.kis.master import TAILS, MasterFiles, download, parse_master

DAY = date(2026, 9, 21)


def line(file: str, ticker: str, name: str, **fields: str) -> bytes:
    """One record: head, name padded to 40 bytes, and the tail at its fixed widths."""
    widths = [int(width) for width in TAILS[file].split()]
    at = widths.index(9)
    values = [""] * len(widths)
    values[0] = fields.get("group", "ST")
    places = {
        "base": at,
        "halted": at + 3,
        "liquidation": at + 4,
        "administrative": at + 5,
        "warning": at + 6,
        "lock": at + 10,
        "margin": at + 13,
        "volume": at + 16,
        "listed": at + 18,
        "shares": at + 19,
    }
    for field, place in places.items():
        values[place] = fields.get(field, "")
    tail = "".join(value.rjust(width, " ") for value, width in zip(values, widths, strict=True))
    head = ticker.ljust(9) + f"KR7{ticker}003"[:12].ljust(12)
    return head.encode() + name.encode("cp949").ljust(40) + tail.encode()


SAMSUNG = line(
    "kospi_code",
    "005930",
    "삼성전자",
    base="000070100",
    halted="N",
    warning="00",
    lock="00",
    margin="020",
    volume="000012345678",
    listed="19750611",
    shares="000000005919637",
)
ETF = line("kospi_code", "069500", "KODEX 200", group="EF", base="000030000", halted="Y")
KOSDAQ = line("kosdaq_code", "035900", "JYP Ent.", base="000080000", administrative="Y")


def packed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("kospi_code.mst", content)
    return buffer.getvalue()


def test_tails_have_the_documented_size() -> None:
    sizes = {file: sum(map(int, widths.split())) for file, widths in TAILS.items()}
    counts = {file: len(widths.split()) for file, widths in TAILS.items()}
    assert sizes == {"kospi_code": 227, "kosdaq_code": 221}
    assert counts == {"kospi_code": 70, "kosdaq_code": 64}


def test_records_are_read_with_units() -> None:
    samsung, etf = parse_master(SAMSUNG + b"\n" + ETF + b"\n", "kospi_code")
    assert (samsung.ticker, samsung.name, samsung.base_price) == ("005930", "삼성전자", 70100)
    assert (samsung.listed, samsung.listed_shares) == (date(1975, 6, 11), 5919637000)
    assert (samsung.margin_pct, samsung.previous_volume) == (20, 12345678)
    assert not samsung.halted
    assert etf.halted
    assert etf.instrument().product is Product.ETF
    assert samsung.instrument().listed == date(1975, 6, 11)


def test_kosdaq_has_its_own_layout() -> None:
    (record,) = parse_master(KOSDAQ, "kosdaq_code")
    assert (record.market, record.base_price) == (Market.KOSDAQ, 80000)
    assert record.administrative


def test_etn_loses_its_q_as_an_instrument() -> None:
    (record,) = parse_master(line("kospi_code", "Q500001", "신한 ETN", group="EN"), "kospi_code")
    assert record.ticker == "Q500001"
    assert record.instrument().ticker == "500001"
    assert record.instrument().product is Product.ETN


@pytest.mark.parametrize("content", [b"too short", SAMSUNG.replace(b"000070100", b"0000701x0")])
def test_line_that_does_not_fit_is_an_error_with_its_number(content: bytes) -> None:
    with pytest.raises(KISAPIError, match="line 1"):
        parse_master(content, "kospi_code")


@given(st.binary(max_size=600))
def test_any_bytes_are_records_or_an_error(content: bytes) -> None:
    try:
        parse_master(content, "kospi_code")
    except KISAPIError:
        return


def test_file_is_downloaded_once_a_day(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return packed(SAMSUNG)

    files = MasterFiles(tmp_path, fetch)
    assert files.records("kospi_code", DAY) == MasterFiles(tmp_path, fetch).records(
        "kospi_code", DAY
    )
    files.records("kospi_code", date(2026, 9, 22))
    assert len(asked) == 2
    assert asked[0].endswith("/kospi_code.mst.zip")


def test_what_is_no_zip_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(KISAPIError, match="zip"):
        MasterFiles(tmp_path, lambda _: b"<html>").records("kospi_code", DAY)
    assert list(tmp_path.iterdir()) == []


def test_server_that_is_away_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        download("http://127.0.0.1:9/kospi_code.mst.zip")
