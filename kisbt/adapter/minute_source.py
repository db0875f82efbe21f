"""Minute bars: made from the stream's trades, repaired from charts where trades are missing."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from kisbt.adapter.bars import BarMaker, BarSet, LiveBar, next_end, of_minutes
from kisbt.adapter.live_clock import LiveClock
from kisbt.adapter.live_history import Say
from kisbt.domain.market import PriceBand
from kisbt.errors import KISAPIError
from kisbt.kis.client import KISClient
from kisbt.kis.errors import NotOnPaper
from kisbt.kis.events import Disconnected, Heartbeat, Registered, RegistrationRefused, Unregistered
from kisbt.kis.records import Trade
from kisbt.krx import calendar

PRICES = "H0STCNT0"

GRACE = 1.0
"""Wall seconds after a bar's end in which its last trades may still come."""

CLOSING = timedelta(minutes=1)
AUCTION = timedelta(seconds=30)
"""After the close: the closing auction (동시호가) matches within half a minute of it."""

CALL = timedelta(minutes=10)
"""Before the close, orders are only gathered for that auction: nothing trades, all are silent."""

HELD_BARS = 3
"""So many bars in a row that lack a name hold every decision; then the name is left out."""

LIMITS_BEFORE = timedelta(minutes=20)
"""Before the open, the session's base prices and limits are read."""

REGULAR = ("", "2", "5")
"""Sessions of trades: blank before they were told, regular, closing price. What is traded at the
closing price after hours comes too late to belong to a bar."""


class MinuteSource:
    """Publishes one set of minute bars a bar end. The store's worker thread drives it.

    A bar is published once every name has traded beyond it, or ``grace`` after its end: a halted
    or quiet name holds nobody up, nor does one that KIS knows no price of (not listed yet). The
    stream is believed of a bar only if it was heard of after the bar's end: a cut line is noticed
    late, and what it had brought until then looks like a bar. A name of which it is not believed,
    that was not registered during the whole bar, or some of whose trades never came, has its bar
    read from the chart first. Where that fails the bar is ``ragged``.

    Args:
        client: Where to ask.
        tickers: The universe, sorted.
        length: Of a bar.
        clock: Venue time.
        publish: Takes complete sets.
        limits: Takes the price bands of a session.
        say: Tells a person.
        since: Bars that ended by then are history.
        grace: In wall seconds.
    """

    def __init__(
        self,
        client: KISClient[Any],
        tickers: Sequence[str],
        length: timedelta,
        clock: LiveClock,
        publish: Callable[[BarSet], None],
        limits: Callable[[date, dict[str, PriceBand]], None],
        say: Say,
        since: datetime,
        *,
        grace: float = GRACE,
    ) -> None:
        self._client, self._tickers, self._clock = client, tuple(tickers), clock
        self._names = frozenset(tickers)
        self._publish, self._limits, self._say = publish, limits, say
        self._grace = grace
        self._maker = BarMaker(length)
        self._length = length
        self._waiting: deque[tuple[datetime, object]] = deque()
        self._covered: dict[str, datetime] = {}
        self._alive = datetime.min
        self._missed: dict[str, int] = {}
        self._bases: dict[str, int] = {}
        self._bases_of: date | None = None
        self._absent: frozenset[str] = frozenset()
        self._end = self._beyond_of = _first_end(since, length)
        self._beyond: set[str] = set()
        self.repaired = self.lost = 0

    @property
    def late(self) -> int:
        """Trades that came after their bar had been published."""
        return self._maker.late

    def hear(self, event: object) -> None:
        """Take something from the stream. On the stream's thread; ``step`` looks at it."""
        if isinstance(event, Trade | Registered | Unregistered | Disconnected | Heartbeat):
            self._waiting.append((self._clock.now(), event))

    def urgent(self, event: object) -> bool:
        """Whether an event may complete a bar, so that the worker should look at once.

        Only the last name to be seen beyond the bar does: waking for each would keep the
        interpreter from the threads that have work.
        """
        if not isinstance(event, Trade):
            return False
        at, end = event.at, self._end
        if at is None or at < end:
            return False
        if self._beyond_of != end:
            self._beyond_of, self._beyond = end, set()
        self._beyond.add(event.ticker)
        return len(self._beyond) >= len(self._covered)

    def step(self) -> datetime:
        """Publish what is due, and return when to be called again."""
        while True:
            self._take_in()
            now = self._clock.now()
            hours = calendar.session_hours(self._end.date())
            if self._bases_of != hours.open.date():
                early = hours.open - LIMITS_BEFORE
                if now < early:
                    return early
                self._read_limits(hours.open.date())
            settle = CLOSING if self._end >= hours.close else self._clock.lapse(self._grace)
            due = self._end + settle
            if now < due and not self._passed(self._end, hours.close):
                return due
            self._close(self._end, hours)
            following = next_end(self._end, self._length, hours)
            self._end = following or _first_end(hours.close, self._length)

    def _take_in(self) -> None:
        while self._waiting:
            at, event = self._waiting.popleft()
            if isinstance(event, Trade):
                self._trade(event)
            elif isinstance(event, Heartbeat):
                self._alive = max(self._alive, at)
            elif isinstance(event, Disconnected):
                self._covered.clear()
            elif event.registration.tr_id == PRICES:  # type: ignore[attr-defined]
                ticker = event.registration.tr_key  # type: ignore[attr-defined]
                if isinstance(event, Registered):
                    self._covered[ticker] = at
                    self._maker.forget(ticker)
                else:
                    self._covered.pop(ticker, None)

    def _trade(self, trade: Trade) -> None:
        at = trade.at
        if at is None or trade.ticker not in self._names or trade.session not in REGULAR:
            return
        self._alive = max(self._alive, at)
        if at.date() == self._end.date():
            hours = calendar.session_hours(at.date())
            self._maker.add(trade.ticker, at, trade.price, trade.volume, trade.day_volume, hours)

    def _passed(self, end: datetime, close: datetime) -> bool:
        """Whether every name has been seen beyond the bar, so that nothing of it can come."""
        return end < close and all(
            self._maker.passed(ticker, end) if ticker in self._covered else ticker in self._absent
            for ticker in self._tickers
        )

    def _close(self, end: datetime, hours: calendar.SessionHours) -> None:
        made = self._maker.close(end)
        start = max(end - self._length, hours.open)
        call = hours.close - CALL < end < hours.close  # no trade of it can have been missed
        told = call or self._alive >= (end + AUCTION if end >= hours.close else end)
        bars: dict[str, LiveBar] = {}
        ragged = False
        for ticker in self._tickers:
            mine = made.get(ticker)
            if mine is None and ticker in self._absent:
                continue
            covered = self._covered.get(ticker, datetime.max) <= start
            bar = mine.bar if mine is not None else None
            believed = covered and (told or self._maker.passed(ticker, end))
            if not believed or (mine is not None and not mine.whole):
                self._maker.forget(ticker)
                try:
                    bar = self._repair(ticker, start, end, hours)
                except KISAPIError as error:
                    ragged = self._without(ticker, end, error) or ragged
                    continue
            self._missed.pop(ticker, None)
            if bar is not None:
                bars[ticker] = bar._replace(base=self._bases.get(ticker, 0))
        if bars:
            self._publish(BarSet(end, bars, ragged=ragged))

    def _without(self, ticker: str, end: datetime, error: KISAPIError) -> bool:
        """Tell that a name's bar is lost; whether nobody is to decide on the others' either."""
        self.lost += 1
        self._missed[ticker] = missed = self._missed.get(ticker, 0) + 1
        held = missed <= HELD_BARS
        what = "이 봉에서는 판단하지 않음" if held else "이 종목을 빼고 판단"
        self._say("alert", f"{ticker}: {end:%H:%M} 봉을 복구하지 못함, {what}: {error}")
        return held

    def _repair(
        self, ticker: str, start: datetime, end: datetime, hours: calendar.SessionHours
    ) -> LiveBar | None:
        """The bar as KIS's chart has it; ``None`` when there was no trade.

        Raises:
            KISAPIError: KIS does not tell.
        """
        last = end if end >= hours.close else end - timedelta(minutes=1)
        rows = self._client.minute_bars(ticker, since=start.time(), until=last.time())
        self.repaired += 1
        rows = [row for row in rows if row.day == end.date()]
        return of_minutes(rows, self._length, hours).get(end)

    def _read_limits(self, day: date) -> None:
        """Read base prices and limits of the session; without them they follow from closes."""
        self._bases_of, self._bases = day, {}
        bands: dict[str, PriceBand] = {}
        told = self._ask_limits()
        self._absent = frozenset(t for t in self._tickers if told and not any(told.get(t, ())))
        for ticker, (base, lower, upper) in told.items():
            if base > 0:
                self._bases[ticker] = base
                if lower > 0 and upper > 0:
                    bands[ticker] = PriceBand(base, lower, upper)
        if bands:
            self._limits(day, bands)

    def _ask_limits(self) -> dict[str, tuple[int, int, int]]:
        try:
            many = self._client.intstock_multprice(self._tickers)
            return {
                ticker: (q.base_price or 0, q.lower_limit or 0, q.upper_limit or 0)
                for ticker, q in many.items()
            }
        except NotOnPaper:
            batch = self._client.quotes(self._tickers)
            for ticker, error in batch.errors.items():
                self._say("warning", f"{ticker}: 기준가를 읽지 못함: {error}")
            return {
                ticker: (p.base_price or 0, p.lower_limit or 0, p.upper_limit or 0)
                for ticker, p in batch.prices.items()
            }
        except KISAPIError as error:
            self._say("warning", f"기준가를 읽지 못함: {error}")
            return {}


def refused(event: RegistrationRefused) -> str:
    """What to tell a person about a registration that KIS did not take."""
    again = "다시 시도함" if event.again else "포기함"
    return f"실시간 등록 거절 {event.registration.tr_key}: {event.reason} ({again})"


def _first_end(after: datetime, length: timedelta) -> datetime:
    """The first bar end later than ``after``."""
    day = after.date()
    if calendar.is_session(day):
        end = next_end(after, length, calendar.session_hours(day))
        if end is not None:
            return end
    hours = calendar.session_hours(calendar.next_session(day))
    end = next_end(datetime.combine(hours.open.date(), time()), length, hours)
    return end or hours.close
