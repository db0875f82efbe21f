"""CSV files as people have them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from kisbt.data.importing.columns import (
    leverage_of,
    plain_market,
    plain_ticker,
    product_of,
    ticker_in_name,
)
from kisbt.data.importing.reading import read_csv
from kisbt.domain.market import Market, Product
from kisbt.errors import DataError

PYKRX = "날짜,시가,고가,저가,종가,거래량,등락률\n2024-01-02,100,110,90,105,1000,1.2\n"
FDR = "Date,Open,High,Low,Close,Volume,Change\n2024-01-02,100,110,90,105,1000,0.012\n"
PLAIN = "date,open,high,low,close,volume\n2024-01-02,100,110,90,105,1000\n"
KRX = (
    '"일자","종가","대비","등락률","시가","고가","저가","거래량","거래대금","시가총액","상장주식수"\n'
    '"2024/01/02","105","1","1.2","100","110","90","1,000","105,000","1","1"\n'
)
KRX_2026 = (
    "일자,종가,시가,고가,저가,거래량,거래량_정규시장,거래량_애프터마켓\n"
    "2024/01/02,105,100,110,90,1500,1000,500\n"
)


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("text", [PYKRX, FDR, PLAIN, KRX, KRX_2026])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_every_known_layout_gives_the_same_row(tmp_path: Path, text: str, encoding: str) -> None:
    (table,) = read_csv(write(tmp_path, "005930.csv", text, encoding))
    assert table.ticker == "005930"
    assert str(table.times[0]) == "2024-01-02T00:00:00"
    row = [table.columns[c][0] for c in ("open", "high", "low", "close", "volume")]
    assert row == [100, 110, 90, 105, 1000]
    assert np.isnan(table.columns["base"][0])
    assert table.place(0) == "005930.csv:2"
    assert not table.stray.any()


def test_a_packed_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "005930.csv.gz"
    path.write_bytes(gzip.compress(PYKRX.encode("cp949")))
    assert read_csv(path)[0].ticker == "005930"


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_other_separators_are_found(tmp_path: Path, separator: str) -> None:
    path = write(tmp_path, "005930.csv", PLAIN.replace(",", separator))
    assert read_csv(path)[0].columns["close"].tolist() == [105]


def test_the_unnamed_index_of_a_frame_is_the_date(tmp_path: Path) -> None:
    path = write(tmp_path, "005930.csv", PLAIN.replace("date", ""))
    assert str(read_csv(path)[0].times[0])[:10] == "2024-01-02"


def test_raw_rows_bring_their_base_price_and_market(tmp_path: Path) -> None:
    text = "date,open,high,low,close,volume,base,market\n2024-01-02,1,2,1,2,5,1,KOSDAQ GLOBAL\n"
    (table,) = read_csv(write(tmp_path, "005930.csv", text))
    assert table.columns["base"].tolist() == [1]
    assert plain_market(table.market) is Market.KOSDAQ


def test_one_file_with_many_tickers_becomes_one_table_each(tmp_path: Path) -> None:
    text = (
        "종목코드,종목명,날짜,시가,고가,저가,종가,거래량\n"
        "5930,삼성전자,20240102,1,2,1,2,9\n"
        "A000660,SK하이닉스,20240102,3,4,3,4,9\n"
        "005930,삼성전자,20240103,5,6,5,6,9\n"
    )
    one, two = read_csv(write(tmp_path, "all.csv", text))
    assert (one.ticker, two.ticker) == ("005930", "000660")
    assert one.columns["close"].tolist() == [2, 6]
    assert [one.place(row) for row in range(2)] == ["all.csv:2", "all.csv:4"]
    assert (one.name, two.name) == ("삼성전자", "SK하이닉스")


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("2024-01-02", "09:01"),
        ("20240102", "0901"),
        ("2024/01/02", "90100"),
        ("20240102", "090100"),
    ],
)
def test_day_and_clock_in_two_columns_are_joined(tmp_path: Path, day: str, clock: str) -> None:
    text = f"일자,시간,시가,고가,저가,종가,거래량\n{day},{clock},1,1,1,1,1\n"
    (table,) = read_csv(write(tmp_path, "005930.csv", text))
    assert str(table.times[0]) == "2024-01-02T09:01:00"


@pytest.mark.parametrize(
    ("stamp", "want"),
    [
        ("2024-01-02", "2024-01-02T00:00:00"),
        ("20240102", "2024-01-02T00:00:00"),
        ("2024/01/02", "2024-01-02T00:00:00"),
        ("2024.01.02", "2024-01-02T00:00:00"),
        ("2024-01-02 09:05:00", "2024-01-02T09:05:00"),
        ("20240102 090500", "2024-01-02T09:05:00"),
        ("2024-01-02T09:05:00+09:00", "2024-01-02T09:05:00"),
        ("2024-01-02 00:05:00+00:00", "2024-01-02T09:05:00"),
        ("2024-01-02T00:05:00Z", "2024-01-02T09:05:00"),
        ("soon", "NaT"),
    ],
)
def test_stamps_in_every_spelling_become_korean_time(tmp_path: Path, stamp: str, want: str) -> None:
    (table,) = read_csv(write(tmp_path, "005930.csv", PLAIN.replace("2024-01-02", stamp)))
    assert str(table.times[0]) == want


def test_a_field_that_is_no_number_is_marked_and_an_empty_one_is_not(tmp_path: Path) -> None:
    text = PLAIN + "2024-01-03,1,x,1,1,1\n2024-01-04,,,,,\n2024-01-05,inf,1,1,1,1\n"
    (table,) = read_csv(write(tmp_path, "005930.csv", text))
    assert table.stray.tolist() == [False, True, False, True]
    assert np.isnan(table.columns["open"][2:]).all()


@pytest.mark.parametrize(
    ("spelled", "code"),
    [
        ("5930", "005930"),
        ("A005930", "005930"),
        ("005930.KS", "005930"),
        ("'005930", "005930"),
        ("0115h0", "0115H0"),
        ("KOSPI", None),
        ("", None),
        ("1234567", None),
    ],
)
def test_a_ticker_is_found_in_its_spellings(spelled: str, code: str | None) -> None:
    assert plain_ticker(spelled) == code


@pytest.mark.parametrize(
    ("stem", "code"),
    [
        ("005930", "005930"),
        ("삼성전자(005930)", "005930"),
        ("069500_to_2024", "069500"),
        ("daily-A000660-20240101", "000660"),
        ("0115H0", "0115H0"),
        ("samsung", None),
        ("prices_20240101", None),
    ],
)
def test_a_ticker_is_found_in_a_file_name(stem: str, code: str | None) -> None:
    assert ticker_in_name(stem) == code


def test_funds_are_known_by_market_column_or_brand() -> None:
    assert product_of("ETF", "") is Product.ETF
    assert product_of("KOSPI", "KODEX 레버리지") is Product.ETF
    assert product_of("", "신한 인버스 2X WTI ETN") is Product.ETN
    assert product_of("KOSPI", "SOLUTION") is Product.STOCK
    assert leverage_of(Product.ETF, "KODEX 레버리지") == 2.0
    assert leverage_of(Product.ETF, "KODEX 인버스") == -1.0
    assert leverage_of(Product.ETF, "KODEX 200선물인버스2X") == -2.0
    assert leverage_of(Product.STOCK, "레버리지") == 1.0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("005930.csv", b"date,price\n2024-01-02,1\n", r"wrong columns: no open, high, low, close"),
        ("005930.csv", b"", r"005930.csv: empty file"),
        ("prices.csv", PLAIN.encode(), r"prices.csv: no ticker in the file's name"),
        ("005930.csv", b"date,open\n\x81\xff\xfe", r"neither UTF-8 nor CP949"),
        ("005930.csv", b"\x1f\x8b broken", r"cannot read"),
        (
            "all.csv",
            b"code," + PLAIN.replace("\n2024", "\nXX,2024").encode(),
            r"'XX' in column code",
        ),
    ],
)
def test_a_file_that_is_not_understood_is_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_csv(path)
    assert "\n" not in str(caught.value)
