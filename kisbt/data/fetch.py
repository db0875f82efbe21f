"""Download daily bars through pykrx or FinanceDataReader, both optional extras."""

import importlib
from collections.abc import Callable, Sequence
from datetime import date
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from kisbt.data.findings import Severity
from kisbt.data.importing.columns import plain_ticker
from kisbt.data.importing.importer import (
    ImportReport,
    RawFiles,
    assemble,
    clean_files,
    index_on,
    refuse_errors,
    stamp,
)
from kisbt.data.importing.reading import RawTable, read_frame
from kisbt.domain.market import Market
from kisbt.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

_MODULES = {"pykrx": "pykrx.stock", "fdr": "FinanceDataReader"}
_INDEXES = {
    "KOSPI": {"pykrx": "1001", "fdr": "KS11"},
    "KOSDAQ": {"pykrx": "2001", "fdr": "KQ11"},
}
_FOREIGN = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError)
"""What these packages raise without a network or on an unexpected page; requests' and urllib's
errors are ``OSError``."""


def fetch(
    tickers: Sequence[str],
    first: date,
    last: date,
    source: str,
    name: str,
    *,
    market: Market | None = None,
    index: str | None = None,
    advance: Callable[[str], None] | None = None,
) -> ImportReport:
    """Download adjusted daily bars of ``tickers`` from ``first`` to ``last`` into a dataset.

    Args:
        tickers: Codes such as ``005930``.
        first: First day.
        last: Last day.
        source: ``"pykrx"`` or ``"fdr"``.
        name: Name of the new dataset.
        market: Market of all names; ``None`` takes KOSPI and notes it.
        index: ``"KOSPI"`` or ``"KOSDAQ"`` for a benchmark.
        advance: Called with each ticker once it is there.

    Raises:
        ConfigError: an unknown source or index, or a reversed period.
        DataError: the package is absent, there is no network, or nothing came.
    """
    if first > last:
        raise ConfigError(f"--from {first} is after --to {last}")
    if index is not None and index not in _INDEXES:
        raise ConfigError(f"unknown index '{index}'", hint=f"known: {', '.join(_INDEXES)}")
    package = _package(source)
    tables: dict[str, RawTable] = {}
    for ticker in tickers:
        code = plain_ticker(ticker)
        if code is None:
            raise ConfigError(f"'{ticker}' is not a ticker", hint="codes such as 005930")
        frame = _bars(package, source, code, first, last)
        if frame.empty:
            raise DataError(f"{source}: no rows for {code} from {first} to {last}")
        tables[code] = read_frame(_text(frame), f"{code} ({source})")[0]
        if advance is not None:
            advance(code)
    raw = RawFiles({code: tables[code] for code in sorted(tables)}, (), ())
    bars, findings, frequency = clean_files(raw)
    refuse_errors(findings)
    series = None
    if index is not None:
        frame = _index(package, source, _INDEXES[index][source], first, last)
        column = "종가" if "종가" in frame.columns else "Close"
        days = np.asarray(frame.index.to_numpy(), dtype="datetime64[D]")
        series = index_on(index, days, frame[column].to_numpy(dtype=np.float64), bars)
    dataset, notes = assemble(
        name,
        raw,
        bars,
        frequency,
        market=market,
        adjusted=True,
        index=series,
        source=f"{source}, adjusted, {first} to {last}",
        created=stamp(),
    )
    kept = tuple(one for one in findings if one.severity is not Severity.ERROR)
    return ImportReport(dataset, kept, tuple(notes), ())


def _package(source: str) -> ModuleType:
    if source not in _MODULES:
        raise ConfigError(f"unknown source '{source}'", hint=f"known: {', '.join(_MODULES)}")
    try:
        return importlib.import_module(_MODULES[source])
    except ImportError as error:
        raise DataError(
            f"--source {source} needs a package that is not installed: {error.name or error}",
            hint=f"install it with: uv sync --extra {source}, or pip install 'kisbt[{source}]'",
        ) from error


def _bars(package: ModuleType, source: str, code: str, first: date, last: date) -> "pd.DataFrame":
    if source == "pykrx":
        return _asked(
            source,
            code,
            lambda: package.get_market_ohlcv_by_date(
                f"{first:%Y%m%d}", f"{last:%Y%m%d}", code, adjusted=True
            ),
        )
    return _asked(
        source, code, lambda: package.DataReader(code, first.isoformat(), last.isoformat())
    )


def _index(package: ModuleType, source: str, code: str, first: date, last: date) -> "pd.DataFrame":
    if source == "pykrx":
        return _asked(
            source,
            code,
            lambda: package.get_index_ohlcv_by_date(f"{first:%Y%m%d}", f"{last:%Y%m%d}", code),
        )
    return _asked(
        source, code, lambda: package.DataReader(code, first.isoformat(), last.isoformat())
    )


def _asked(source: str, what: str, question: Callable[[], "pd.DataFrame"]) -> "pd.DataFrame":
    try:
        return question()
    except _FOREIGN as error:
        said = " ".join(str(error).split())[:120]
        raise DataError(
            f"{source}: no answer for {what}: {type(error).__name__}: {said}",
            hint="check the network, or import CSV files with kisbt data import",
        ) from error


def _text(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame as a CSV would hold it: its index a column, everything text."""
    plain = frame.reset_index()
    plain.columns = [str(column) for column in plain.columns]
    for column in plain.columns:
        plain[column] = plain[column].astype(str)
    return plain
