"""What became of each trade 7 and 30 calendar days later.

The result of a trade is the return from its fill price to the close of the first session at or
after the horizon, before costs, positive where the trade was good. A name without a close on
that day (halted, delisted) counts at its last close before it. After a split the
result is that of the shares which the traded ones became.
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
from kisbt.journal.schema import fills, position_changes, trade_links, trades
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
    price: float
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


class Splits:
    """Splits (액면분할) and consolidations by name and first session at the new price.

    May hold future ones: a split counts only for closes of its day and later.
    """

    def __init__(self) -> None:
        self._ratios: dict[str, dict[date, float]] = {}

    def add(self, ticker: str, ratio: float, first_day: date) -> None:
        """One share becomes ``ratio`` shares on ``first_day``; told twice, it counts once.

        Raises:
            ValueError: ``ratio`` is not positive.
        """
        if not ratio > 0:
            raise ValueError(f"split ratio of {ticker} is {ratio}, expected above 0")
        self._ratios.setdefault(ticker, {})[first_day] = ratio

    def shares(self, ticker: str, traded_on: date, session: date) -> float:
        """What one share bought on ``traded_on`` has become by ``session``."""
        became = 1.0
        for day, ratio in sorted(self._ratios.get(ticker, {}).items()):
            if traded_on < day <= session:
                became *= ratio
        return became


class OutcomeTracker:
    """Follows trades bar by bar and says when a result is known.

    Bars of one day may come in any number; the last closes seen on a day are its session's.
    That is known when the next day begins, or when ``close_session`` says so.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._splits = Splits()
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
                due = traded_on + timedelta(days=days)
                waiting = _Waiting(due, self._added, days, trade_id, ticker, side, price, traded_on)
                heapq.heappush(self._waiting, waiting)

    def adjust(self, ticker: str, ratio: float, first_day: date) -> None:
        """Tell a split, at any time: results of earlier trades are carried over to new shares.

        Raises:
            ValueError: ``ratio`` is not positive.
        """
        self._splits.add(ticker, ratio, first_day)

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
            shares = self._splits.shares(trade.ticker, trade.traded_on, self._day)
            result = trade_return(trade.side, trade.price, close * shares)
            known.append(TradeOutcome(trade.trade_id, trade.days, result))
        for trade in later:
            heapq.heappush(self._waiting, trade)
        return known


def follow_again(connection: Connection, run_id: str, tracker: OutcomeTracker) -> None:
    """Take up a run's splits, and its trades whose results are not all known, oldest first."""
    table = position_changes
    splits = connection.execute(
        select(table.c.ticker, table.c.ratio, table.c.session)
        .where(table.c.run_id == run_id, table.c.kind == "split")
        .order_by(table.c.session, table.c.ticker)
    )
    for ticker, ratio, session in splits:
        tracker.adjust(ticker, ratio, date.fromisoformat(session))
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
    splits: Splits | None = None,
) -> int:
    """Fill in results that daily closes decide, for trades nobody followed while they ran.

    Args:
        db: The open journal.
        series: Session closes by ticker, won, oldest first, as they were (unadjusted).
        run_id: One run, or all.
        splits: Splits of these names since the oldest trade.

    Returns:
        How many results became known.
    """
    sessions = sorted({day for closes in series.values() for day, _ in closes})
    with db.reading() as connection:
        open_trades = _unknown(connection, run_id)
    splits = splits or Splits()
    known = [one for trade in open_trades for one in _decided(trade, series, sessions, splits)]
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
    splits: Splits,
) -> Iterator[TradeOutcome]:
    closes = series.get(trade.ticker, ())
    days_of = [day for day, _ in closes]
    for days, value in zip(HORIZONS, (trade.pnl_7_days, trade.pnl_30_days), strict=True):
        at = bisect_left(sessions, trade.traded_on + timedelta(days=days))
        if value is None and closes and at < len(sessions):
            last = bisect_right(days_of, sessions[at]) - 1
            shares = splits.shares(trade.ticker, trade.traded_on, sessions[at])
            close = closes[max(last, 0)][1] * shares
            result = trade_return(Side(trade.action), trade.price, close)
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
