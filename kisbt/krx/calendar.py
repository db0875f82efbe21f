"""Sessions of the exchange, their hours, settlement days, and the one clock. Naive KST.

Days come from ``exchange_calendars`` (XKRX) with the overrides below, and cover
``FIRST_DAY..LAST_DAY``; days after 2026-08-21 are computed and were not observed. Elections and
temporary holidays that are decided later are missing, so live code asks KIS ``chk-holiday``.
Built once a process, when the first answer is needed.

Source:
    KOSPI Reg. 5 (holidays) and 8 (hours). Regular session 09:00-15:30 since 2016-08-01, until
    15:00 before; the year's first session opens at 10:00; CSAT day (수능) 10:00-16:30.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.errors import DataError
from kisbt.krx.listed_hours import listed_hours

KST = timezone(timedelta(hours=9), "KST")

FIRST_DAY = date(1990, 1, 1)
LAST_DAY = date(2049, 12, 31)
CLOSED = (
    date(2026, 6, 3),  # local elections (지방선거); fixed in exchange_calendars PR 574, unreleased
)
"""Days that the library lists as sessions and that were none."""

CONSTITUTION_DAY_SINCE = 2026
"""From this year on 17 July (제헌절) is a holiday again; the library learns it with PR 583.
Whether a weekend moves it is not known."""

CSAT_DAYS = (
    date(2021, 11, 18),
    date(2022, 11, 17),
    date(2023, 11, 16),
    date(2024, 11, 14),
    date(2025, 11, 13),
    date(2026, 11, 19),  # announced, not observed
)
"""CSAT days that the library does not know; its own list ends in 2020."""

CSAT_OPEN, CSAT_CLOSE = time(10, 0), time(16, 30)


class SessionHours(NamedTuple):
    """Regular session of one day: opening and closing auction, naive KST."""

    open: datetime
    close: datetime


class _Calendar(NamedTuple):
    days: list[date]
    places: dict[date, int]
    hours: list[SessionHours]


def now() -> datetime:
    """Return the time in Korea, naive."""
    return datetime.now(KST).replace(tzinfo=None)  # noqa: TID251 - the one clock


def is_session(day: date) -> bool:
    """Whether the exchange opens on ``day``.

    Raises:
        DataError: ``day`` is outside ``FIRST_DAY..LAST_DAY``; so do all functions below.
    """
    return _covered(day) in _calendar().places


def sessions(first: date, last: date) -> list[date]:
    """Return the sessions from ``first`` to ``last``, both included, oldest first."""
    days = _calendar().days
    return days[bisect_left(days, _covered(first)) : bisect_right(days, _covered(last))]


def next_session(day: date) -> date:
    """Return the first session strictly after ``day``."""
    return add_sessions(day, 1)


def previous_session(day: date) -> date:
    """Return the last session strictly before ``day``."""
    return add_sessions(day, -1)


def add_sessions(day: date, n: int) -> date:
    """Return the ``n``-th session after ``day``, before it for a negative ``n``.

    With ``n`` of 0 the day itself. A day that is no session is not counted itself: one session
    after a Sunday is Monday, and one before it is Friday.
    """
    days = _calendar().days
    _covered(day)
    if n == 0:
        return day
    at = bisect_right(days, day) + n - 1 if n > 0 else bisect_left(days, day) + n
    if not 0 <= at < len(days):
        raise DataError(f"{n} sessions from {day} leave the calendar {FIRST_DAY}..{LAST_DAY}")
    return days[at]


@cache
def settlement_date(day: date) -> date:
    """Return the day on which a trade of ``day`` settles: two sessions later (T+2).

    Source:
        KOSPI Reg. 7.
    """
    return add_sessions(day, 2)


def session_hours(day: date) -> SessionHours:
    """Return the regular hours of a session.

    Raises:
        DataError: ``day`` is no session.
    """
    calendar = _calendar()
    at = calendar.places.get(_covered(day))
    if at is None:
        raise DataError(f"{day} is not a session of the exchange")
    return calendar.hours[at]


def session_closes(days: Sequence[date] | npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Return the close of every session in ``days``, ``datetime64[s]``, in the same order.

    Raises:
        DataError: one of the days is no session.
    """
    plain = np.asarray(days, dtype="datetime64[D]").tolist()
    return np.array([session_hours(day).close for day in plain], dtype="datetime64[s]")


def _covered(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise DataError(
            f"no exchange calendar for {day}", hint=f"it covers {FIRST_DAY} to {LAST_DAY}"
        )
    return day


@cache
def _calendar() -> _Calendar:
    listed = listed_hours().astype("datetime64[s]").tolist()
    hours = [
        SessionHours(datetime.combine(day, CSAT_OPEN), datetime.combine(day, CSAT_CLOSE))
        if day in CSAT_DAYS
        else SessionHours(opened, closed)
        for opened, closed in listed
        if FIRST_DAY <= (day := opened.date()) <= LAST_DAY and not _overridden(day)
    ]
    days = [each.open.date() for each in hours]
    return _Calendar(days, {day: at for at, day in enumerate(days)}, hours)


def _overridden(day: date) -> bool:
    constitution_day = (day.month, day.day) == (7, 17) and day.year >= CONSTITUTION_DAY_SINCE
    return constitution_day or day in CLOSED
