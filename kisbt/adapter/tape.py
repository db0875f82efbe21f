"""A dataset laid out on one timeline, and the head that moves over it.

Feeds, broker and market view of a replay all read the same tape at the same position, so none
of them can see a bar that the others do not.
"""

from datetime import date, datetime
from typing import Any

import numpy as np

from kisbt.data.dataset import Dataset
from kisbt.domain.market import Instrument, PriceBand
from kisbt.krx.calendar import next_session
from kisbt.krx.fills import MatchBar, TickRules
from kisbt.krx.limits import FIRST_DAY_SINCE, base_price, price_band

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Playhead:
    """Where a replay stands: the index of the current bar time, -1 before the first."""

    __slots__ = ("t",)

    def __init__(self) -> None:
        self.t = -1


class Tape:
    """Bars of all names on the dataset's timeline of T bar times and N names.

    Attributes:
        moments: Bar closes, naive KST, ascending, length T.
        sessions: Trading day of each bar time, length T.
        order_sessions: Trading day in which an order sent at that bar's close would trade.
        numbers: backtrader's float dates of ``moments``.
        rows: int32 [T, N]: row of the name's last bar at or before that time, -1 for none.
        current: bool [T, N]: the name has a bar at that very time.
        closes: int64 [T, N]: last close in won, 0 before the first bar ever.

    Args:
        dataset: The bars.
        earlier: The bars before them, of which the last closes are known when the tape begins.
    """

    def __init__(self, dataset: Dataset, earlier: Dataset | None = None) -> None:
        self.dataset = dataset
        self.tickers: tuple[str, ...] = tuple(dataset.tickers)
        self.columns = {ticker: n for n, ticker in enumerate(self.tickers)}
        self.instruments: list[Instrument] = [dataset.instruments[t] for t in self.tickers]
        times = dataset.timeline
        self.times = times
        self.moments: list[datetime] = times.astype("datetime64[s]").tolist()
        self.sessions: list[date] = [moment.date() for moment in self.moments]
        self.order_sessions: list[date] = self.sessions[1:] + (
            [next_session(self.sessions[-1])] if self.sessions else []
        )
        seconds = times.astype("datetime64[s]").astype(np.int64)
        self.numbers: np.ndarray[Any, np.dtype[np.float64]] = seconds / 86_400.0 + _EPOCH_ORDINAL
        shape = (len(times), len(self.tickers))
        self.rows = np.full(shape, -1, dtype=np.int32)
        self.closes = np.zeros(shape, dtype=np.int64)
        self.current = np.zeros(shape, dtype=bool)
        self._earlier = [0] * len(self.tickers)
        for n, ticker in enumerate(self.tickers):
            table = dataset.bars[ticker]
            before = earlier.bars.get(ticker) if earlier is not None else None
            if before is not None and len(before.times):
                self._earlier[n] = int(before.close[-1])
                self.closes[:, n] = self._earlier[n]
            if not len(table.times):
                continue
            self.rows[:, n] = np.searchsorted(table.times, times, side="right") - 1
            known = self.rows[:, n] >= 0
            self.closes[known, n] = table.close[self.rows[known, n]]
            self.current[np.searchsorted(times, table.times), n] = True
        self._tables = [dataset.bars[ticker] for ticker in self.tickers]

    def __len__(self) -> int:
        return len(self.moments)

    def closes_at(self, t: int) -> dict[str, int]:
        """Last close of every name that has had a bar by ``t``, won."""
        row: list[int] = self.closes[t].tolist()
        return {name: close for name, close in zip(self.tickers, row, strict=True) if close}

    def ends_session(self, t: int) -> bool:
        """Whether bar time ``t`` is the last of its trading day on this tape."""
        return t + 1 >= len(self.sessions) or self.sessions[t + 1] != self.sessions[t]

    def bar(self, t: int, column: int) -> MatchBar:
        """The name's bar at ``t``; only where ``current``."""
        row, table = self.rows[t, column], self._tables[column]
        return MatchBar(
            int(table.open[row]),
            int(table.high[row]),
            int(table.low[row]),
            int(table.close[row]),
            int(table.volume[row]),
        )

    def traded(self, t: int, column: int) -> bool:
        """Whether the name has a bar with volume at ``t`` (거래정지 has none)."""
        return bool(self.current[t, column]) and bool(
            self._tables[column].volume[self.rows[t, column]] > 0
        )

    def rules(self, t: int, column: int) -> TickRules:
        """Market, day and product, as tick rules want them."""
        instrument = self.instruments[column]
        return TickRules(instrument.market, self.sessions[t], instrument.product)

    def band(self, t: int, column: int) -> PriceBand | None:
        """The band that ruled at ``t``: from the data's base price, else the previous close.

        ``None`` when neither is known (the first bar of a name without an offer price).
        """
        instrument, table = self.instruments[column], self._tables[column]
        row, session = int(self.rows[t, column]), self.sessions[t]
        first_day = instrument.listed == session
        if table.base[row] > 0:
            base = int(table.base[row])
        elif first_day and session < FIRST_DAY_SINCE:
            base = int(table.open[self._first_row(row, session, column)])
        elif first_day and instrument.offer_price is not None:
            base = instrument.offer_price
        else:
            close = self._previous_close(row, column, session)
            if close is None:
                return None
            base = base_price(close, instrument.market, session, instrument.product)
        return self._band(base, instrument, session, first_day=first_day)

    def next_band(self, t: int, column: int) -> PriceBand | None:
        """The band that an order sent at the close of ``t`` is judged by; no look ahead.

        While a session runs it is the session's own, which the exchange names before the open:
        also for a name that has been quiet so far.
        """
        close = int(self.closes[t, column])
        if not close:
            return None
        session, instrument = self.order_sessions[t], self.instruments[column]
        if session == self.sessions[t]:
            start, stop = self._rows_of(session, column)
            if start <= self.rows[t, column]:
                return self.band(t, column)
            if start < stop and self._tables[column].base[start] > 0:
                base = int(self._tables[column].base[start])
                return self._band(base, instrument, session, first_day=False)
        base = base_price(close, instrument.market, session, instrument.product)
        return self._band(base, instrument, session, first_day=False)

    def suspended(self, t: int, column: int) -> bool:
        """Whether the name is halted (거래정지) in the session of ``t``: nothing of it trades."""
        start, stop = self._rows_of(self.sessions[t], column)
        return not (self._tables[column].volume[start:stop] > 0).any()

    def _rows_of(self, session: date, column: int) -> tuple[int, int]:
        """The name's bars of a session: first row, and the row behind the last."""
        day = np.datetime64(session, "s")
        start, stop = np.searchsorted(
            self._tables[column].times, [day, day + np.timedelta64(1, "D")]
        )
        return int(start), int(stop)

    def _first_row(self, row: int, session: date, column: int) -> int:
        times = self._tables[column].times[: row + 1]
        return int(np.searchsorted(times, np.datetime64(session, "s")))

    def _previous_close(self, row: int, column: int, session: date) -> int | None:
        table = self._tables[column]
        before = self._first_row(row, session, column) - 1
        return int(table.close[before]) if before >= 0 else self._earlier[column] or None

    @staticmethod
    def _band(base: int, instrument: Instrument, on: date, *, first_day: bool) -> PriceBand:
        return price_band(
            base,
            instrument.market,
            on,
            instrument.product,
            instrument.leverage,
            first_day=first_day,
        )
