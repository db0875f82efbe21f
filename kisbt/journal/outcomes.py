"""What became of each trade 7 and 30 calendar days later.

The result of a trade is the return from its fill price to the close of the first session at or
after the horizon, before costs, positive where the trade was good. A name without a close on
that day (halted, delisted) counts at its last close before it. Splits scale the fill price.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select

from kisbt.domain.trading import Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.schema import fills, trade_links, trades
from kisbt.journal.statements import update_outcome

HORIZONS = (7, 30)
"""Calendar days after the trade."""


class TradeOutcome(NamedTuple):
    """A result that became known: ``value`` is a fraction, ``days`` one of ``HORIZONS``."""

    trade_id: str
    days: int
    value: float


class _Waiting(NamedTuple):
    due: date
    order: int
    days: int
    trade_id: str
    ticker: str
    side: Side
    traded_on: date


class _UnknownTrade(NamedTuple):
    trade_id: str
    timestamp: str
    ticker: str
    action: str
    price: int
    pnl_7_days: float | None
    pnl_30_days: float | None
    session: str | None

    @property
    def traded_on(self) -> date:
        """The trading day; the timestamp's day for a trade without a run."""
        if self.session is not None:
            return date.fromisoformat(self.session)
        return from_iso(self.timestamp).date()


def trade_return(side: Side, price: float, close: float) -> float:
    """Fraction from ``price`` to ``close``, positive where the trade was good."""
    moved = close / price - 1.0
    return moved if side is Side.BUY else -moved


class OutcomeTracker:
    """Follows trades bar by bar and says when a result is known.

    Bars of one day may come in any number; the last closes seen on a day are its session's.
    That is known when the next day begins, or when ``close_session`` says so.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._prices: dict[str, float] = {}
        self._open: dict[str, int] = {}
        self._added = 0
        self._day: date | None = None
        self._closes: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self,
        trade_id: str,
        ticker: str,
        side: Side,
        price: float,
        traded_on: date,
        *,
        known: Sequence[int] = (),
    ) -> None:
        """Follow one trade; ``known`` are horizons that have their result already."""
        for days in HORIZONS:
            if days not in known:
                self._added += 1
                heapq.heappush(
                    self._waiting,
                    _Waiting(
                        traded_on + timedelta(days=days),
                        self._added,
                        days,
                        trade_id,
                        ticker,
                        side,
                        traded_on,
                    ),
                )
                self._open[trade_id] = self._open.get(trade_id, 0) + 1
                self._prices[trade_id] = price

    def adjust(self, ticker: str, ratio: float, first_day: date | None = None) -> None:
        """A split (액면분할) or consolidation: one share becomes ``ratio`` shares.

        Trades before ``first_day`` (all, when it is not given) are carried over to new shares.

        Raises:
            ValueError: ``ratio`` is not positive.
        """
        if not ratio > 0:
            raise ValueError(f"split ratio of {ticker} is {ratio}, expected above 0")
        mine = {
            w.trade_id
            for w in self._waiting
            if w.ticker == ticker and (first_day is None or w.traded_on < first_day)
        }
        for trade_id in mine:
            self._prices[trade_id] /= ratio

    def due(self, day: date) -> bool:
        """Whether a result waits for the closes of ``day``: otherwise they need not be told."""
        return bool(self._waiting) and (self._waiting[0].due <= day or self._closes is not None)

    def observe(self, at: datetime, closes: Mapping[str, int]) -> list[TradeOutcome]:
        """Take the last close of every name (won) at a bar's close; return results now known."""
        day = at.date()
        known: list[TradeOutcome] = []
        if day != self._day:
            known = self.close_session()
            self._day = day
        if self._waiting and self._waiting[0].due <= day:
            self._closes = dict(closes)  # the caller may go on writing into it
        return known

    def close_session(self) -> list[TradeOutcome]:
        """The day observed last is over: return the results that its closes decide."""
        closes, self._closes = self._closes, None
        if closes is None or self._day is None:
            return []
        known, later = [], []
        while self._waiting and self._waiting[0].due <= self._day:
            trade = heapq.heappop(self._waiting)
            close = closes.get(trade.ticker)
            if close is None:  # never had a bar here; a later session may bring one
                later.append(trade)
                continue
            price = self._prices[trade.trade_id]
            known.append(
                TradeOutcome(trade.trade_id, trade.days, trade_return(trade.side, price, close))
            )
            self._forget(trade.trade_id)
        for trade in later:
            heapq.heappush(self._waiting, trade)
        return known

    def _forget(self, trade_id: str) -> None:
        self._open[trade_id] -= 1
        if not self._open[trade_id]:
            del self._open[trade_id], self._prices[trade_id]


def follow_again(connection: Connection, run_id: str, tracker: OutcomeTracker) -> None:
    """Take up the trades of a run whose results are not all known, oldest first."""
    for row in _unknown(connection, run_id):
        known = [
            days
            for days, value in zip(HORIZONS, (row.pnl_7_days, row.pnl_30_days), strict=True)
            if value is not None
        ]
        tracker.add(
            row.trade_id, row.ticker, Side(row.action), row.price, row.traded_on, known=known
        )


def backfill(
    db: DatabaseManager,
    series: Mapping[str, Sequence[tuple[date, int]]],
    run_id: str | None = None,
) -> int:
    """Fill in results that daily closes decide, for trades nobody followed while they ran.

    Args:
        db: The open journal.
        series: Session closes by ticker, won, oldest first, adjusted to the shares of the trade.
        run_id: One run, or all.

    Returns:
        How many results became known.
    """
    sessions = sorted({day for closes in series.values() for day, _ in closes})
    with db.reading() as connection:
        open_trades = _unknown(connection, run_id)
    known = [one for trade in open_trades for one in _decided(trade, series, sessions)]
    if known:
        with db.writing(durable=True) as connection:
            write_outcomes(connection, known)
    return len(known)


def write_outcomes(connection: Connection, known: Sequence[TradeOutcome]) -> None:
    """Write results to ``trades`` and to the links that mirror them."""
    for days in HORIZONS:
        values = [(one.value, one.trade_id) for one in known if one.days == days]
        for table in ("trades", "trade_links"):
            if values:
                connection.exec_driver_sql(
                    update_outcome(table, days, connection.dialect.name), values
                )


def _decided(
    trade: _UnknownTrade,
    series: Mapping[str, Sequence[tuple[date, int]]],
    sessions: Sequence[date],
) -> Iterator[TradeOutcome]:
    closes = series.get(trade.ticker, ())
    days_of = [day for day, _ in closes]
    for days, value in zip(HORIZONS, (trade.pnl_7_days, trade.pnl_30_days), strict=True):
        at = bisect_left(sessions, trade.traded_on + timedelta(days=days))
        if value is None and closes and at < len(sessions):
            last = bisect_right(days_of, sessions[at]) - 1
            result = trade_return(Side(trade.action), trade.price, closes[max(last, 0)][1])
            yield TradeOutcome(trade.trade_id, days, result)


def _unknown(connection: Connection, run_id: str | None) -> list[_UnknownTrade]:
    query = (
        select(
            trades.c.trade_id,
            trades.c.timestamp,
            trades.c.ticker,
            trades.c.action,
            trades.c.price,
            trade_links.c.pnl_7_days,
            trade_links.c.pnl_30_days,
            fills.c.session,
        )
        .join(trade_links, trade_links.c.trade_id == trades.c.trade_id)
        .join(
            fills,
            (fills.c.run_id == trade_links.c.run_id)
            & (fills.c.number == trade_links.c.fill_number),
            isouter=True,
        )
        .where(trade_links.c.pnl_7_days.is_(None) | trade_links.c.pnl_30_days.is_(None))
        .order_by(trades.c.timestamp, trades.c.trade_id)
    )
    if run_id is not None:
        query = query.where(trade_links.c.run_id == run_id)
    return [_UnknownTrade(*row) for row in connection.execute(query)]
