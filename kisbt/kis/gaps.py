"""Notices what a stream has missed, from what it tells next."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from kisbt.kis.records import Book, Record, Trade, VenueStatus


class Arrival(StrEnum):
    """How a trade relates to the ones before it."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    LATE = "late"


class TradeGap(NamedTuple):
    """Trades that never came: ``missing`` shares between two times (``HHMMSS``) of one day."""

    tr_id: str
    ticker: str
    day: str
    since: str
    until: str
    missing: int


class Outage(NamedTuple):
    """The stream was down: order notices of that time are lost and will not be repeated.

    Naive KST. Trades missed in it show as ``TradeGap`` with the next trade of their name.
    """

    since: datetime
    until: datetime


class VIChange(NamedTuple):
    """A volatility interruption (VI) began or ended. ``at`` is ``HHMMSS``, blank if not told."""

    ticker: str
    active: bool
    at: str


class TradeWatch:
    """Follows the cumulative volume of every name: it counts what the stream must have shown."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Trade] = {}

    def observe(self, trade: Trade) -> Arrival | TradeGap:
        """Place ``trade`` among those before it, and remember it if it is newer."""
        key = (trade.tr_id, trade.ticker)
        last = self._last.get(key)
        if last is None or last.day != trade.day:
            self._last[key] = trade
            return Arrival.NEXT
        if trade.day_volume <= last.day_volume:
            return Arrival.DUPLICATE if trade.fields == last.fields else Arrival.LATE
        self._last[key] = trade
        missing = trade.day_volume - trade.volume - last.day_volume
        if missing > 0:
            return TradeGap(*key, trade.day, last.time, trade.time, missing)
        return Arrival.NEXT


class VIWatch:
    """Tells when a volatility interruption begins and ends.

    Real sessions have a stream for it; on paper the order book tells that a price is being
    formed outside of the two auctions.
    """

    def __init__(self) -> None:
        self._active: dict[str, bool] = {}

    def change(self, record: Record) -> VIChange | None:
        """Return the change that ``record`` brings, if any."""
        if isinstance(record, VenueStatus):
            return self._turn(record.ticker, record.in_vi, "")
        if isinstance(record, Book) and "090000" <= record.time < "152000":
            return self._turn(record.ticker, record.hour_class == "C", record.time)
        return None

    def _turn(self, ticker: str, active: bool, at: str) -> VIChange | None:
        if self._active.get(ticker, False) == active:
            return None
        self._active[ticker] = active
        return VIChange(ticker, active, at)
