"""One name under check, and how findings about its bars are made."""

from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kisbt.data.dataset import BarTable
from kisbt.data.findings import Finding, Severity, listed
from kisbt.domain.market import Instrument

Bools = NDArray[np.bool_]


class Subject(NamedTuple):
    """One name under check. ``days`` are the bars' days; ``ends_early`` before the dataset."""

    instrument: Instrument
    table: BarTable
    days: NDArray[np.datetime64]
    adjusted: bool
    daily: bool
    ends_early: bool
    splits: dict[date, float]


def moment_of(subject: Subject, row: int) -> Any:
    """Day of a daily bar, time of another."""
    at = subject.table.times[row]
    return at.astype("datetime64[D]" if subject.daily else "datetime64[s]").astype(object)


def _rows(subject: Subject, rows: Bools) -> str:
    return listed(moment_of(subject, row) for row in np.flatnonzero(rows).tolist())


def one_finding(
    subject: Subject,
    rows: Bools,
    kind: str,
    severity: Severity,
    detail: str,
    proposal: str,
) -> list[Finding]:
    """One finding for all ``rows`` of a name; ``{rows}`` and ``{count}`` are filled in."""
    if not rows.any():
        return []
    text = detail.format(rows=_rows(subject, rows), count=int(rows.sum()))
    at = moment_of(subject, int(np.argmax(rows)))
    return [Finding(kind, severity, subject.table.ticker, at, text, proposal)]


def runs(flags: Bools) -> list[tuple[int, int]]:
    """Half-open ranges of consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
