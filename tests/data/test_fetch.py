"""Downloading through packages that may be absent, offline or odd. No test needs a network."""

import sys
from collections.abc import Callable
from datetime import date
from types import ModuleType

import pandas as pd
import pytest

from kisbt.data.fetch import fetch
from kisbt.errors import ConfigError, DataError

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 5)
DAYS = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], name="날짜")


def korean(*_: object, **__: object) -> pd.DataFrame:
    columns = {"시가": [1, 2], "고가": [3, 3], "저가": [1, 2], "종가": [2, 3], "거래량": [9, 9]}
    return pd.DataFrame(columns | {"등락률": [0.0, 0.5]}, index=DAYS)


def english(*_: object, **__: object) -> pd.DataFrame:
    columns = {"Open": [1, 2], "High": [3, 3], "Low": [1, 2], "Close": [2, 3], "Volume": [9, 9]}
    return pd.DataFrame(columns | {"Change": [0.0, 0.5]}, index=DAYS.rename("Date"))


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., pd.DataFrame]], list]:
    """Put a package in place of the real one; answers with the list of its calls."""

    def place(source: str, answer: Callable[..., pd.DataFrame]) -> list:
        calls: list[tuple[object, ...]] = []

        def asked(*args: object, **options: object) -> pd.DataFrame:
            calls.append(args)
            return answer(*args, **options)

        name = {"pykrx": "pykrx.stock", "fdr": "FinanceDataReader"}[source]
        module = ModuleType(name)
        for function in ("get_market_ohlcv_by_date", "get_index_ohlcv_by_date", "DataReader"):
            setattr(module, function, asked)
        if source == "pykrx":
            monkeypatch.setitem(sys.modules, "pykrx", ModuleType("pykrx"))
        monkeypatch.setitem(sys.modules, name, module)
        return calls

    return place


@pytest.mark.parametrize(("source", "answer"), [("pykrx", korean), ("fdr", english)])
def test_rows_of_either_package_become_a_dataset(
    install: Callable[..., list], source: str, answer: Callable[..., pd.DataFrame]
) -> None:
    calls = install(source, answer)
    seen: list[str] = []
    report = fetch(
        ["005930", "A000660"], FIRST, LAST, source, "mine", index="KOSPI", advance=seen.append
    )
    dataset = report.dataset
    assert seen == ["005930", "000660"]
    assert dataset.tickers == ["000660", "005930"]
    assert dataset.bars["005930"].close.tolist() == [2, 3]
    assert dataset.adjusted
    assert not dataset.manifest.synthetic
    assert dataset.manifest.source.startswith(source)
    assert dataset.index is not None
    assert dataset.index.values.tolist() == [2.0, 3.0]
    wanted = {
        "pykrx": ("20240102", "20240105", "005930"),
        "fdr": ("005930", "2024-01-02", "2024-01-05"),
    }
    assert calls[0] == wanted[source]
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("source", "module"), [("pykrx", "pykrx.stock"), ("fdr", "FinanceDataReader")]
)
def test_an_absent_package_is_one_line_that_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, source: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module.split(".")[0], None)
    with pytest.raises(DataError, match=rf"--source {source} needs a package") as caught:
        fetch(["005930"], FIRST, LAST, source, "mine")
    assert f"uv sync --extra {source}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["pykrx", "fdr"])
@pytest.mark.parametrize("error", [ConnectionError("Max retries\nexceeded"), KeyError("output")])
def test_no_answer_is_one_line_that_names_the_ticker(
    install: Callable[..., list], source: str, error: Exception
) -> None:
    def fails(*_: object, **__: object) -> pd.DataFrame:
        raise error

    install(source, fails)
    with pytest.raises(DataError, match=rf"{source}: no answer for 005930: ") as caught:
        fetch(["005930"], FIRST, LAST, source, "mine")
    assert "check the network" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_answer_is_named(install: Callable[..., list]) -> None:
    install("pykrx", lambda *_, **__: pd.DataFrame())
    with pytest.raises(DataError, match=r"pykrx: no rows for 005930 from 2024-01-02"):
        fetch(["005930"], FIRST, LAST, "pykrx", "mine")


def test_a_broken_row_from_a_package_is_refused(install: Callable[..., list]) -> None:
    install("fdr", lambda *_, **__: english().assign(Low=[-1, 2]))
    with pytest.raises(DataError, match=r"nothing imported: 005930"):
        fetch(["005930"], FIRST, LAST, "fdr", "mine")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "yahoo"}, r"unknown source 'yahoo'.*known: pykrx, fdr"),
        ({"index": "NIKKEI"}, r"unknown index 'NIKKEI'.*KOSPI, KOSDAQ"),
        ({"first": date(2025, 1, 1)}, r"--from 2025-01-01 is after --to"),
        ({"tickers": ["samsung"]}, r"'samsung' is not a ticker"),
    ],
)
def test_a_wrong_request_is_named_before_anything_is_asked(
    install: Callable[..., list], changes: dict[str, object], words: str
) -> None:
    calls = install("pykrx", korean)
    request: dict[str, object] = {
        "tickers": ["005930"],
        "first": FIRST,
        "last": LAST,
        "source": "pykrx",
        "name": "mine",
    }
    with pytest.raises(ConfigError, match=words):
        fetch(**(request | changes))  # type: ignore[arg-type]
    assert calls == []
