"""The auditor's own sessions, hours and settlement days, straight from ``exchange_calendars``."""

import warnings
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np

_NOT_OPEN = (date(2026, 6, 3), date(2026, 7, 17))
_CSAT = "2021-11-18 2022-11-17 2023-11-16 2024-11-14 2025-11-13 2026-11-19"
_KOREA = timedelta(hours=9)


class TradingDays:
    """Sessions of 1990 to 2049 with their hours, naive KST. Built once, by ``trading_days``."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pandas4Warning inside the library
            from exchange_calendars import get_calendar

            # These bounds are also what kisbt.krx asks for, so the library builds only once.
            listed = get_calendar("XKRX", start="1989-06-01", end="2050-12-31")
            opens = (listed.opens.dt.tz_localize(None) + _KOREA).to_numpy("datetime64[s]")
            closes = (listed.closes.dt.tz_localize(None) + _KOREA).to_numpy("datetime64[s]")
        days = opens.astype("datetime64[D]")
        bad = np.isin(days, np.array(_NOT_OPEN, dtype="datetime64[D]"))
        july_17 = np.char.endswith(days.astype(str), "-07-17") & (days >= np.datetime64("2026"))
        keep = ~(bad | july_17)
        days, opens, closes = days[keep], opens[keep], closes[keep]
        for text in _CSAT.split():
            at = np.flatnonzero(days == np.datetime64(text))
            opens[at] = np.datetime64(f"{text}T10:00:00")
            closes[at] = np.datetime64(f"{text}T16:30:00")
        self._days = days
        self._opens = opens
        self._closes = closes

    def hours(self, day: date) -> tuple[datetime, datetime] | None:
        """Open and close of a session; ``None`` when the exchange stays closed."""
        wanted = np.datetime64(day)
        at = int(np.searchsorted(self._days, wanted))
        if at == len(self._days) or self._days[at] != wanted:
            return None
        return self._opens[at].astype(object), self._closes[at].astype(object)

    def settlement(self, day: date) -> date:
        """The second session after ``day``; the last known one near the end of the calendar."""
        at = int(np.searchsorted(self._days, np.datetime64(day), side="right")) + 1
        settled: date = self._days[min(at, len(self._days) - 1)].astype(object)
        return settled


@cache
def trading_days() -> TradingDays:
    """Return the one calendar of the auditor; the first call may take two seconds."""
    return TradingDays()
