"""Daily bars: all names' bars of a day, read from KIS after the close."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from kisbt.adapter.bars import BarSet, LiveBar, of_day, of_quote
from kisbt.adapter.live_clock import LiveClock
from kisbt.adapter.live_history import Say
from kisbt.errors import KISAPIError
from kisbt.kis.client import KISClient
from kisbt.kis.errors import NotOnPaper
from kisbt.krx import calendar

SETTLE = timedelta(minutes=1)
"""After the close, until the closing auction's result stands in KIS's charts."""

QUOTES_UNTIL = timedelta(minutes=9)
"""After the close, quotes hold the session's figures; then after-hours trades join them."""

AGAIN, TRIES = 15.0, 8
"""Wall seconds between two tries for names that could not be read, and tries at that pace."""

PATIENCE, MOST_TRIES = timedelta(minutes=5), 44
"""Between two later tries, and tries in all: three hours. Orders leave at the next opening."""

HELD_DAYS = 3
"""So many days in a row nobody decides for want of a name; then the others are traded again."""


class DaySource:
    """Publishes one set of daily bars a session. The store's worker thread drives it.

    Args:
        client: Where to ask.
        tickers: The universe, sorted.
        clock: Venue time.
        publish: Takes complete sets.
        say: Tells a person.
        since: Bars that closed by then are history.
    """

    def __init__(
        self,
        client: KISClient[Any],
        tickers: Sequence[str],
        clock: LiveClock,
        publish: Callable[[BarSet], None],
        say: Say,
        since: datetime,
    ) -> None:
        self._client, self._tickers, self._clock = client, tuple(tickers), clock
        self._publish, self._say = publish, say
        self._many = True
        self._day = first_day(since)
        self._found: dict[str, LiveBar] = {}
        self._missing = list(self._tickers)
        self._tries, self._quoted = 0, False
        self._missed: dict[str, int] = {}

    @property
    def history_ends(self) -> date:
        """The last session whose bar is history."""
        return calendar.previous_session(self._day)

    def hear(self, event: object) -> None:
        """Daily bars need no stream."""

    def urgent(self, event: object) -> bool:
        """Nothing on the stream completes a daily bar."""
        return False

    def step(self) -> datetime:
        """Publish what is due, and return when to be called again."""
        now = self._clock.now()
        due = self._due()
        while due <= now:
            if not self._read(now):
                return now + max(self._pause(), timedelta(milliseconds=1))
            due = self._due()
        return due

    def _pause(self) -> timedelta:
        quick = self._clock.lapse(AGAIN)
        if self._tries < TRIES:
            return quick
        return min(self._clock.lapse(PATIENCE.total_seconds()), max(PATIENCE, quick))

    def _due(self) -> datetime:
        return calendar.session_hours(self._day).close + SETTLE

    def _read(self, now: datetime) -> bool:
        """Read what is missing of the day; true once the day is done.

        A day of which a name stays unread is ragged: nobody decides on it, for ``HELD_DAYS``.
        """
        close = calendar.session_hours(self._day).close
        errors = self._ask(fresh=now < close + QUOTES_UNTIL and now.date() == self._day)
        self._tries += 1
        if errors and self._tries < MOST_TRIES:
            if self._tries == TRIES:
                names = ", ".join(errors)
                self._say("warning", f"{self._day} 일봉을 아직 읽지 못함, 기다림: {names}")
            return False
        self._missed = {ticker: self._missed.get(ticker, 0) + 1 for ticker in errors}
        ragged = any(missed <= HELD_DAYS for missed in self._missed.values())
        what = "이 날은 판단하지 않음" if ragged else "이 종목을 빼고 판단"
        for ticker, error in errors.items():
            self._say("alert", f"{ticker}: {self._day} 일봉을 읽지 못함, {what}: {error}")
        if self._found and self._was_session():
            bars = dict(sorted(self._found.items()))
            self._publish(BarSet(close, bars, ragged=ragged))
        self._day = calendar.next_session(self._day)
        self._found, self._missing = {}, list(self._tickers)
        self._tries, self._quoted = 0, False
        return True

    def _was_session(self) -> bool:
        """Whether there was a session: on a holiday quotes go on showing the one before."""
        if not self._quoted:
            return True
        try:
            rows = self._client.inquire_daily_itemchartprice(
                min(self._found), self._day, self._day, adjusted=False
            )
        except KISAPIError as error:
            self._say("alert", f"{self._day} 개장 여부를 확인하지 못해 판단하지 않음: {error}")
            return False
        open_today = any(row.day == self._day for row in rows)
        if not open_today:
            self._say("warning", f"{self._day}: KIS에 이 날의 시세가 없음 (휴장)")
        return open_today

    def _ask(self, *, fresh: bool) -> dict[str, KISAPIError]:
        if fresh and self._many:
            try:
                quotes = self._client.intstock_multprice(self._missing)
            except NotOnPaper:
                self._many = False
            except KISAPIError as error:
                return dict.fromkeys(self._missing, error)
            else:
                for ticker, quote in quotes.items():
                    self._keep(ticker, of_quote(quote))
                self._missing, self._quoted = [], True
                return {}
        errors: dict[str, KISAPIError] = {}
        for ticker in self._missing:
            try:
                rows = self._client.inquire_daily_itemchartprice(
                    ticker, self._day, self._day, adjusted=False
                )
            except KISAPIError as error:
                errors[ticker] = error
                continue
            for row in rows:
                if row.day == self._day:
                    self._keep(ticker, of_day(row))
        self._missing = list(errors)
        return errors

    def _keep(self, ticker: str, bar: LiveBar | None) -> None:
        if bar is not None:
            self._found[ticker] = bar


def first_day(since: datetime) -> date:
    """The first session whose daily bar is later than ``since``."""
    day = since.date()
    if calendar.is_session(day) and since < calendar.session_hours(day).close:
        return day
    return calendar.next_session(day)
