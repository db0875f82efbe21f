"""An index file: one value a day."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kisbt.data.importing.columns import match_columns
from kisbt.data.importing.reading import read_records, stamps
from kisbt.errors import DataError

_VALUES = ("close", "value", "종가", "지수", "adj close")


def read_series(path: Path) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Days ascending and their values; the last of several rows of a day counts.

    Raises:
        DataError: no date or no value column, or a value that is no positive number.
    """
    rows = read_records(path)
    if not rows:
        raise DataError(f"{path.name}: no rows")
    headers = list(rows[0])
    day = match_columns(headers).get("time")
    value = next((name for name in _VALUES if name in headers), None)
    if day is None or value is None:
        raise DataError(
            f"{path.name}: wrong columns: {', '.join(headers)}",
            hint="an index file has a date and a close",
        )
    filled = [row for row in rows if row[value] not in ("", "nan", "NaN")]
    days = stamps([row[day] for row in filled]).astype("datetime64[D]")
    try:
        values = np.array([float(row[value].replace(",", "")) for row in filled])
    except ValueError as error:
        raise DataError(f"{path.name}: column {value}: {error}") from error
    if np.isnat(days).any() or not (values > 0).all():
        raise DataError(f"{path.name}: a date or a value cannot be read")
    plain, last = np.unique(days[::-1], return_index=True)
    return plain, values[::-1][last]
