"""Complete bars of live trading, made from trades or from what KIS's charts say.

A minute bar is stamped with its end: the one of 09:01 holds the trades from 09:00:00 up to, and
without, 09:01:00. The closing auction (종가 단일가) belongs to the session's last bar. A minute in
which a name did not trade has no bar. Pure: no thread, no clock, no request.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kisbt.kis.models.charts import DayBar, MinuteBar
from kisbt.kis.models.quotes import QuickPrice
from kisbt.krx.calendar import SessionHours

MINUTE = timedelta(minutes=1)

AUCTION_TAIL = timedelta(minutes=5)
"""The closing auction trades at a random moment after the close, within half a minute; what comes
later belongs to the after-hours sessions (시간외)."""


class LiveBar(NamedTuple):
    """One bar. Won and shares; ``base`` is the session's base price (기준가), 0 if unknown."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    base: int = 0


class BarSet(NamedTuple):
    """All bars that closed at ``at`` (naive KST), by ticker, sorted.

    ``delayed`` bars are history: they warm up features, and indicators where they are ``shown``
    to the strategy; nobody trades on them. Nor on ``ragged`` ones, which lack a name that traded.
    """

    at: datetime
    bars: Mapping[str, LiveBar]
    delayed: bool = False
    shown: bool = True
    ragged: bool = False


class Made(NamedTuple):
    """A bar made from trades; not ``whole`` when some of its trades never came."""

    bar: LiveBar
    whole: bool


def bar_end(at: datetime, length: timedelta, hours: SessionHours) -> datetime | None:
    """The end of the bar that a trade at ``at`` belongs to; ``None`` outside the session."""
    if at < hours.open or at >= hours.close + AUCTION_TAIL:
        return None
    if at >= hours.close:
        return hours.close
    return min(hours.open + ((at - hours.open) // length + 1) * length, hours.close)


def next_end(after: datetime, length: timedelta, hours: SessionHours) -> datetime | None:
    """The session's first bar end later than ``after``; ``None`` when all have passed."""
    if after >= hours.close:
        return None
    if after < hours.open:
        return min(hours.open + length, hours.close)
    return min(hours.open + ((after - hours.open) // length + 1) * length, hours.close)


class BarMaker:
    """Sorts trades into bars. The order in which they come, and repeats, change nothing.

    A trade's place is told by the day's cumulative volume, which no two trades of a name share;
    a step in it that no trade explains shows that something is missing.

    Args:
        length: Of a bar.
    """

    def __init__(self, length: timedelta) -> None:
        self.length = length
        self.late = 0
        self._trades: dict[datetime, dict[str, dict[int, tuple[int, int]]]] = {}
        self._reached: dict[str, tuple[datetime, int]] = {}
        self._newest: dict[str, datetime] = {}
        self._closed = datetime.min

    def add(
        self,
        ticker: str,
        at: datetime,
        price: int,
        volume: int,
        day_volume: int,
        hours: SessionHours,
    ) -> bool:
        """Take a trade; false when it belongs to no bar of the session that is still open."""
        if self._newest.get(ticker, datetime.min) < at:
            self._newest[ticker] = at
        end = bar_end(at, self.length, hours)
        if end is None or volume <= 0:
            return False
        if end <= self._closed:
            self.late += 1
            return False
        trades = self._trades.setdefault(end, {}).setdefault(ticker, {})
        trades[day_volume] = volume, price
        return True

    def passed(self, ticker: str, end: datetime) -> bool:
        """Whether a trade of the name was seen that lies behind the bar."""
        return self._newest.get(ticker, datetime.min) >= end

    def close(self, end: datetime) -> dict[str, Made]:
        """Take out the bars that end at ``end``; trades of it that come later are too late."""
        made = {}
        for ticker, trades in sorted(self._trades.pop(end, {}).items()):
            rows = sorted((upto, *trade) for upto, trade in trades.items())
            day, reached = self._reached.get(ticker, (end, -1))
            if reached < 0 or day.date() != end.date():
                reached = rows[0][0] - rows[0][1]
            whole = True
            for upto, volume, _ in rows:
                whole = whole and upto - volume == reached
                reached = upto
            self._reached[ticker] = end, reached
            prices = [price for _, _, price in rows]
            bar = LiveBar(
                prices[0], max(prices), min(prices), prices[-1], sum(row[1] for row in rows)
            )
            made[ticker] = Made(bar, whole)
        for old in [each for each in self._trades if each < end]:
            del self._trades[old]
        self._closed = max(self._closed, end)
        return made

    def forget(self, ticker: str) -> None:
        """Expect no particular next trade of a name: what came before was not all seen."""
        self._reached.pop(ticker, None)


def merged(bars: Sequence[LiveBar]) -> LiveBar:
    """Several bars of one name in a row as one."""
    return LiveBar(
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        bars[-1].base,
    )


def of_minutes(
    rows: Iterable[MinuteBar], length: timedelta, hours: SessionHours, base: int = 0
) -> dict[datetime, LiveBar]:
    """Bars by their end from KIS's minutes of one session, which are stamped with their start.

    KIS fills minutes without a trade; those rows have no volume and make no bar.
    """
    parts: dict[datetime, list[LiveBar]] = {}
    for row in sorted(rows, key=lambda row: row.at):
        end = bar_end(row.at, length, hours)
        if end is not None and row.volume > 0:
            bar = LiveBar(row.open, row.high, row.low, row.close, row.volume, base)
            parts.setdefault(end, []).append(bar)
    return {end: merged(bars) for end, bars in parts.items()}


def of_day(row: DayBar) -> LiveBar | None:
    """A bar from a row of the daily chart; the change it names tells the base price."""
    base = row.close - row.change if row.change is not None else 0
    return _day_bar(row.open, row.high, row.low, row.close, row.volume, base)


def of_quote(row: QuickPrice) -> LiveBar | None:
    """The day's bar from a quote taken after the close."""
    return _day_bar(
        row.open or 0, row.high or 0, row.low or 0, row.price, row.volume or 0, row.base_price or 0
    )


def _day_bar(
    opened: int, high: int, low: int, close: int, volume: int, base: int
) -> LiveBar | None:
    """``None`` for what is no bar. A halted day (거래정지) repeats its price without volume."""
    if close <= 0:
        return None
    if volume <= 0 or min(opened, high, low) <= 0:
        return LiveBar(close, close, close, close, max(volume, 0), max(base, 0))
    return LiveBar(opened, high, low, close, volume, max(base, 0))
