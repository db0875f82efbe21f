"""CSV text to columns of numbers, row by row as the file has them."""

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kisbt.data.importing.columns import (
    LAYOUTS,
    REQUIRED,
    match_columns,
    plain_ticker,
    ticker_in_name,
)
from kisbt.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """Rows of one name in the order of its files; nothing sorted, dropped or repaired.

    ``times`` are as stamped, NaT where unreadable. ``columns`` holds open, high, low, close,
    volume and base as float64, NaN where there is no number; ``stray`` marks rows where a field
    holds something that is no number. ``files`` and ``lines`` say where a row comes from.
    """

    ticker: str
    name: str
    market: str
    times: NDArray[np.datetime64]
    columns: dict[str, NDArray[np.float64]]
    stray: NDArray[np.bool_]
    files: tuple[str, ...]
    file_of: NDArray[np.int64]
    lines: NDArray[np.int64]

    def place(self, row: int) -> str:
        """``file.csv:17``; the header is line 1."""
        return f"{self.files[self.file_of[row]]}:{self.lines[row]}"


def read_csv(path: Path) -> list[RawTable]:
    """Read one CSV file (UTF-8 or CP949, gzip or not) into a table for each of its names.

    Raises:
        DataError: the file cannot be read, its columns are not understood, or its ticker is
            neither in a column nor in its name.
    """
    return read_frame(_frame(path), path.name)


def read_frame(frame: "pd.DataFrame", label: str) -> list[RawTable]:
    """Read a frame of text columns; ``label`` is the file's name, for messages and the ticker.

    Raises:
        DataError: its columns are not understood, or its ticker is nowhere.
    """
    found = match_columns([str(c) for c in frame.columns])
    missing = [c for c in REQUIRED if c not in found]
    if missing:
        raise DataError(
            f"{label}: wrong columns: no {', '.join(missing)} among {', '.join(frame.columns)}",
            hint=f"understood are {LAYOUTS}",
        )
    if frame.empty:
        raise DataError(f"{label}: no rows", hint="delete it, or give the right file")
    columns, stray = {}, np.zeros(len(frame), dtype=np.bool_)
    for name in (*PRICES, "volume", "base"):
        values, odd = _numbers(frame, found.get(name))
        columns[name] = values
        stray |= odd
    stamps = frame[found["time"]]
    if "clock" in found:
        stamps = stamps + " " + _clock(frame[found["clock"]])
    times = _times(stamps)
    lines = np.arange(2, len(frame) + 2)
    tables = []
    for code, here in _rows_by_code(_codes(label, frame, found)):
        tables.append(
            RawTable(
                code,
                _last(frame, found.get("name"), here),
                _last(frame, found.get("market"), here),
                times[here],
                {name: values[here] for name, values in columns.items()},
                stray[here],
                (label,),
                np.zeros(len(here), np.int64),
                lines[here],
            )
        )
    return tables


def joined(tables: Sequence[RawTable]) -> RawTable:
    """The rows of several files of one name, one file after the other."""
    first = tables[0]
    if len(tables) == 1:
        return first
    return RawTable(
        first.ticker,
        next((t.name for t in tables if t.name), ""),
        next((t.market for t in tables if t.market), ""),
        np.concatenate([t.times for t in tables]),
        {c: np.concatenate([t.columns[c] for t in tables]) for c in first.columns},
        np.concatenate([t.stray for t in tables]),
        tuple(t.files[0] for t in tables),
        np.concatenate([np.full(len(t.times), k) for k, t in enumerate(tables)]),
        np.concatenate([t.lines for t in tables]),
    )


def read_text(path: Path) -> str:
    """The text of a CSV file, UTF-8 or CP949, packed with gzip or not.

    Raises:
        DataError: it cannot be read or is in neither encoding.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path.name}: neither UTF-8 nor CP949 text", hint="save it as CSV UTF-8")


def stamps(texts: Sequence[str]) -> NDArray[np.datetime64]:
    """Days or times in any of the usual spellings, ``datetime64[s]``; NaT where unreadable."""
    import pandas as pd

    return _times(pd.Series(list(texts), dtype=str))


def read_records(path: Path) -> list[dict[str, str]]:
    """Rows of a small CSV as dictionaries, headers in lower case."""
    rows = csv.DictReader(io.StringIO(read_text(path)))
    return [{(k or "").strip().lower(): (v or "").strip() for k, v in row.items()} for row in rows]


def _frame(path: Path) -> "pd.DataFrame":
    import pandas as pd

    text = read_text(path)
    head = text.lstrip().split("\n", 1)[0]
    if not head.strip():
        raise DataError(f"{path.name}: empty file")
    separator = max(",\t;", key=head.count)
    try:
        return pd.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, sep=separator, index_col=False
        )
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path.name}: not a CSV file: {' '.join(str(error).split())}") from error


def _numbers(
    frame: "pd.DataFrame", header: str | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers of a column, NaN for an empty field, and which fields hold something else."""
    import pandas as pd

    if header is None:
        return np.full(len(frame), np.nan), np.zeros(len(frame), np.bool_)
    text = frame[header].str.strip().str.replace(",", "", regex=False)
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    empty = text.isin(["", "-", "nan", "NaN", "None", "null"]).to_numpy(dtype=np.bool_)
    bad = (np.isnan(values) & ~empty) | np.isinf(values)
    return np.where(np.isinf(values), np.nan, values), bad


def _times(text: "pd.Series[str]") -> NDArray[np.datetime64]:
    """Naive KST; stamps with a zone are turned into it."""
    import pandas as pd

    plain = text.str.strip().str.replace("/", "-", regex=False)
    plain = plain.str.replace(r"^(\d{4})\.(\d{1,2})\.(\d{1,2})", r"\1-\2-\3", regex=True)
    plain = plain.str.replace(r"^(\d{4})(\d{2})(\d{2})", r"\1-\2-\3", regex=True)
    plain = plain.str.replace(r" (\d{2})(\d{2})(\d{2})$", r" \1:\2:\3", regex=True)
    zoned = plain.str.contains(r"(?:[+-]\d{2}:?\d{2}|Z)$", regex=True) & plain.str.contains(":")
    if bool(zoned.any()):
        moments = pd.to_datetime(plain, errors="coerce", format="ISO8601", utc=True)
        moments = moments.dt.tz_convert("Asia/Seoul").dt.tz_localize(None)
    else:
        moments = pd.to_datetime(plain, errors="coerce", format="ISO8601")
    return np.asarray(moments.to_numpy().astype("datetime64[s]"))


def _codes(label: str, frame: "pd.DataFrame", found: dict[str, str]) -> list[str]:
    if "ticker" in found:
        spelled = {text: plain_ticker(text) for text in frame[found["ticker"]].unique()}
        bad = [text for text, code in spelled.items() if code is None]
        if bad:
            raise DataError(
                f"{label}: '{bad[0]}' in column {found['ticker']} is not a ticker",
                hint="a ticker has six characters, such as 005930",
            )
        return [str(spelled[text]) for text in frame[found["ticker"]]]
    code = ticker_in_name(label.split(".")[0])
    if code is None:
        raise DataError(
            f"{label}: no ticker in the file's name, and no column ticker, code or 종목코드",
            hint="call the file 005930.csv",
        )
    return [code] * len(frame)


def _rows_by_code(codes: list[str]) -> list[tuple[str, NDArray[np.int64]]]:
    """Codes in order of appearance, each with its rows in order."""
    rows: dict[str, list[int]] = {}
    for row, code in enumerate(codes):
        rows.setdefault(code, []).append(row)
    return [(code, np.array(here, dtype=np.int64)) for code, here in rows.items()]


def _clock(text: "pd.Series[str]") -> "pd.Series[str]":
    """``90100``, ``0901`` or ``09:01`` as ``09:01:00``."""
    digits = text.str.strip().str.replace(":", "", regex=False)
    digits = digits.where(digits.str.len() > 4, digits.str.zfill(4) + "00").str.zfill(6)
    return digits.str.slice(0, 2) + ":" + digits.str.slice(2, 4) + ":" + digits.str.slice(4, 6)


def _last(frame: "pd.DataFrame", header: str | None, rows: NDArray[np.int64]) -> str:
    if header is None or not len(rows):
        return ""
    return str(frame[header].iloc[int(rows[-1])]).strip()
