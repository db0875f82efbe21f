"""What a stamp in a file means: a bar's timestamp in kisbt is its close, naive KST."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kisbt.data.findings import Severity
from kisbt.errors import DataError
from kisbt.krx.calendar import is_session, session_hours

if TYPE_CHECKING:
    from kisbt.data.importing.cleaning import Cleaner


def bar_closes(
    cleaner: "Cleaner", order: NDArray[np.int64], frequency: str
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Closing times of the rows ``order``, and the rows kept.

    Rows on days without a session are dropped, with a finding. Minute stamps are taken as
    openings when one of them is the session's own opening, as closings otherwise.
    """
    stamps = cleaner.raw.times
    days = stamps[order].astype("datetime64[D]")
    plain, inverse = np.unique(days, return_inverse=True)
    open_days = np.array([_session(day) for day in plain.tolist()], dtype=np.bool_)
    closed = np.zeros(len(stamps), np.bool_)
    closed[order[~open_days[inverse]]] = True
    cleaner.say(
        "no_session",
        Severity.WARNING,
        closed,
        "{count} rows on days without a session: {rows}",
        "drop them",
    )
    kept = order[open_days[inverse]]
    if not len(kept):
        return np.empty(0, "datetime64[s]"), kept
    hours = [session_hours(day) for day in plain[open_days].tolist()]
    opens = np.array([h.open for h in hours], dtype="datetime64[s]")
    closes = np.array([h.close for h in hours], dtype="datetime64[s]")
    at = np.searchsorted(plain[open_days], stamps[kept].astype("datetime64[D]"))
    if frequency == "1d":
        return closes[at], kept
    return _minute_closes(cleaner, kept, int(frequency[:-1]), opens[at], closes[at])


def _minute_closes(
    cleaner: "Cleaner",
    kept: NDArray[np.int64],
    minutes: int,
    opens: NDArray[np.datetime64],
    closes: NDArray[np.datetime64],
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    times = cleaner.raw.times[kept]
    if (times == opens).any():
        times = times + np.timedelta64(minutes * 60, "s")
        shifted = np.zeros(len(cleaner.raw.times), np.bool_)
        shifted[kept[0]] = True
        cleaner.say(
            "stamps",
            Severity.INFO,
            shifted,
            "bars are stamped with their opening",
            f"stamp them with their closing, {minutes} minutes later",
        )
    # The closing auction's bar opens at the close; its trade is part of the session's last bar.
    times = np.minimum(times, np.maximum(closes, cleaner.raw.times[kept]))
    outside = (times <= opens) | (times > closes)
    clash = np.concatenate([times[1:] == times[:-1], [False]])
    rows = np.zeros(len(cleaner.raw.times), np.bool_)
    rows[kept[outside | clash]] = True
    cleaner.say(
        "hours",
        Severity.WARNING,
        rows,
        "{count} rows outside the regular session, or doubled at its close: {rows}",
        "drop them",
    )
    good = ~(outside | clash)
    return times[good], kept[good]


def _session(day: object) -> bool:
    try:
        return is_session(day)  # type: ignore[arg-type]
    except DataError:
        return False
