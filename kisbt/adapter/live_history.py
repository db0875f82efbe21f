"""Bars from before a live session begins: what features and indicators start with."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from kisbt.adapter.bars import BarSet, LiveBar, of_day, of_minutes
from kisbt.data.dataset import Dataset
from kisbt.data.replay import moments
from kisbt.errors import KISAPIError
from kisbt.kis.client import KISClient
from kisbt.kis.errors import NotOnPaper
from kisbt.krx import calendar

Say = Callable[[str, str], None]
"""Tells a person: level (``info``, ``warning``, ``alert``) and what."""


def day_history(
    client: KISClient[Any],
    tickers: Sequence[str],
    last: date,
    count: int,
    say: Say,
    *,
    adjusted: bool = True,
) -> list[BarSet]:
    """The last ``count`` daily bars up to ``last``, oldest first.

    A name whose chart cannot be read is left out, and said so.
    """
    if count < 1 or last < calendar.FIRST_DAY:
        return []
    first = last if calendar.is_session(last) else calendar.previous_session(last)
    first = calendar.add_sessions(first, 1 - count)
    found: dict[datetime, dict[str, LiveBar]] = {}
    for ticker in tickers:
        try:
            rows = client.day_bars(ticker, first, last, adjusted=adjusted)
        except KISAPIError as error:
            say("warning", f"{ticker}: 과거 일봉을 읽지 못함: {error}")
            continue
        for row in rows:
            bar = of_day(row)
            if bar is not None and calendar.is_session(row.day):
                at = calendar.session_hours(row.day).close
                found.setdefault(at, {})[ticker] = bar
    return in_order(found)


def minute_history(
    client: KISClient[Any],
    tickers: Sequence[str],
    length: timedelta,
    upto: datetime,
    count: int,
    say: Say,
) -> list[BarSet]:
    """Minute bars that ended by ``upto``, about ``count`` of them, oldest first.

    On paper only today's can be had.
    """
    found: dict[datetime, dict[str, LiveBar]] = {}
    day = (
        upto.date() if calendar.is_session(upto.date()) else calendar.previous_session(upto.date())
    )
    while len(found) < count:
        try:
            fresh = minutes_of_day(client, tickers, day, length, upto, say)
        except NotOnPaper:
            break
        if not fresh and day < upto.date():
            break
        for each in fresh:
            found[each.at] = dict(each.bars)
        day = calendar.previous_session(day)
    return in_order(found)[-count:] if count > 0 else []


def minutes_of_day(
    client: KISClient[Any],
    tickers: Sequence[str],
    day: date,
    length: timedelta,
    upto: datetime,
    say: Say,
) -> list[BarSet]:
    """The minute bars of ``day`` that ended by ``upto``, oldest first.

    Raises:
        NotOnPaper: the day is over, and the server is the paper one.
    """
    hours = calendar.session_hours(day)
    until = min(upto, hours.close)
    found: dict[datetime, dict[str, LiveBar]] = {}
    if until < hours.open + length:
        return []
    for ticker in tickers:
        try:
            rows = client.minute_bars_of(ticker, day, since=hours.open.time(), until=until.time())
        except NotOnPaper:
            raise
        except KISAPIError as error:
            say("warning", f"{ticker}: {day} 분봉을 읽지 못함: {error}")
            continue
        for at, bar in of_minutes(rows, length, hours).items():
            if at <= upto:
                found.setdefault(at, {})[ticker] = bar
    return in_order(found)


def recorded(history: Dataset, upto: datetime, count: int) -> list[BarSet]:
    """The last ``count`` times of a dataset up to ``upto``, oldest first."""
    sets = [
        BarSet(
            at,
            {ticker: LiveBar(*bar, bases.get(ticker, 0)) for ticker, bar in sorted(bars.items())},
            delayed=True,
        )
        for at, bars, bases in moments(history)
        if at <= upto
    ]
    return sets[-count:] if count > 0 else []


def in_order(found: Mapping[datetime, Mapping[str, LiveBar]]) -> list[BarSet]:
    """Bars by time as delayed sets, oldest first."""
    return [BarSet(at, dict(sorted(found[at].items())), delayed=True) for at in sorted(found)]
