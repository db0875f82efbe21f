"""Phases of a trading day. Naive KST, pure functions of the time.

Source:
    Order entry 30 minutes before the open, closing auction in the last 10 minutes, post-hours
    closing price (장후 시간외) for 30 minutes after the close, matched after 10: KOSPI Reg. 8, 35.
    Then the ten-minute single price (시간외 단일가) until 18:00, or since 2026-09-14 the KRX
    after-market (애프터마켓) until 20:00 (amendment of 2026-09-14).
"""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from kisbt.krx import calendar

AFTER_MARKET_SINCE = date(2026, 9, 14)
SINGLE_PRICE_END, AFTER_MARKET_END = time(18, 0), time(20, 0)


class Phase(StrEnum):
    """What the venue does at a moment."""

    CLOSED = "closed"
    OPENING = "opening auction"
    CONTINUOUS = "continuous"
    CLOSING = "closing auction"
    POST_CLOSE = "post-hours closing price"
    SINGLE_PRICE = "single price"
    AFTER_MARKET = "after-market"

    @property
    def regular(self) -> bool:
        """Whether ordinary orders are taken."""
        return self in (Phase.OPENING, Phase.CONTINUOUS, Phase.CLOSING)


class DayTimes(NamedTuple):
    """Borders of one session's phases, each phase beginning at its border."""

    day: date
    entry: datetime
    open: datetime
    closing: datetime
    close: datetime
    late: datetime
    end: datetime

    @property
    def pre_close_end(self) -> datetime:
        """End of the pre-hours closing price (장전 시간외), ten minutes after order entry."""
        return self.entry + timedelta(minutes=10)

    @property
    def post_close_match(self) -> datetime:
        """When the post-hours closing price begins to match."""
        return self.close + timedelta(minutes=10)


@lru_cache(maxsize=4096)
def day_times(day: date) -> DayTimes:
    """Borders of ``day``.

    Raises:
        DataError: ``day`` is no session.
    """
    hours = calendar.session_hours(day)
    end = AFTER_MARKET_END if day >= AFTER_MARKET_SINCE else SINGLE_PRICE_END
    return DayTimes(
        day,
        hours.open - timedelta(minutes=30),
        hours.open,
        hours.close - timedelta(minutes=10),
        hours.close,
        hours.close + timedelta(minutes=30),
        datetime.combine(day, end),
    )


def phase_at(at: datetime) -> Phase:
    """The phase at ``at``; ``CLOSED`` at night and on holidays."""
    if not calendar.is_session(at.date()):
        return Phase.CLOSED
    return phase_within(day_times(at.date()), at)


def phase_within(times: DayTimes, at: datetime) -> Phase:
    """The phase at ``at`` on the day of ``times``."""
    if at < times.entry or at >= times.end:
        return Phase.CLOSED
    if at < times.open:
        return Phase.OPENING
    if at < times.closing:
        return Phase.CONTINUOUS
    if at < times.close:
        return Phase.CLOSING
    if at < times.late:
        return Phase.POST_CLOSE
    return Phase.AFTER_MARKET if times.day >= AFTER_MARKET_SINCE else Phase.SINGLE_PRICE
