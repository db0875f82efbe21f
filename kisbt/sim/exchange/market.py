"""The dataset as a market: days, bars of a day, daily history, base prices and bands."""

from bisect import bisect_left
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kisbt.data.dataset import BarTable, Dataset
from kisbt.domain.market import Instrument, PriceBand
from kisbt.krx import calendar
from kisbt.krx.fills import MatchBar, TickRules
from kisbt.krx.limits import base_price, price_band
from kisbt.sim.exchange.path import DayBar


class Daily(NamedTuple):
    """Daily bars of one name, oldest first; won and shares. ``value`` is traded won."""

    days: list[date]
    open: list[int]
    high: list[int]
    low: list[int]
    close: list[int]
    volume: list[int]
    value: list[int]
    base: list[int]

    def before(self, day: date) -> int:
        """Rows strictly before ``day``: that many from the start."""
        return bisect_left(self.days, day)

    def bar(self, row: int) -> MatchBar:
        """One row as a bar."""
        return MatchBar(
            self.open[row], self.high[row], self.low[row], self.close[row], self.volume[row]
        )


class Market:
    """What the venue knows of its names, from one dataset. Nothing here depends on the clock."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.tickers: tuple[str, ...] = tuple(dataset.tickers)
        self.instruments: dict[str, Instrument] = dict(dataset.instruments)
        self.daily_data = dataset.frequency == "1d"
        self.bar_length = timedelta(
            minutes=0 if self.daily_data else int(dataset.frequency.removesuffix("m"))
        )
        self._daily: dict[str, Daily] = {}

    @cached_property
    def days(self) -> list[date]:
        """Sessions on which the dataset has a bar, oldest first."""
        days = np.unique(self.dataset.timeline.astype("datetime64[D]")).astype(object).tolist()
        return [day for day in days if calendar.is_session(day)]

    def next_day(self, day: date) -> date | None:
        """The dataset's first session after ``day``, ``None`` at its end."""
        at = bisect_left(self.days, day + timedelta(days=1))
        return self.days[at] if at < len(self.days) else None

    def daily(self, ticker: str) -> Daily:
        """All daily bars of a name; minute bars are summed up by day."""
        if ticker not in self._daily:
            self._daily[ticker] = _daily(self.dataset.bars[ticker])
        return self._daily[ticker]

    def bars(self, ticker: str, day: date) -> list[DayBar]:
        """The day's bars of a name, oldest first; empty when it has none."""
        table = self.dataset.bars[ticker]
        start, stop = np.searchsorted(
            table.times, [np.datetime64(day, "s"), np.datetime64(day + timedelta(days=1), "s")]
        )
        moments: list[datetime] = table.times[start:stop].tolist()
        return [
            DayBar(
                end - self.bar_length,
                end,
                MatchBar(
                    int(table.open[row]),
                    int(table.high[row]),
                    int(table.low[row]),
                    int(table.close[row]),
                    int(table.volume[row]),
                ),
            )
            for row, end in zip(range(int(start), int(stop)), moments, strict=True)
        ]

    def listed(self, ticker: str, day: date) -> bool:
        """Whether the name trades on the venue on ``day`` at all."""
        instrument = self.instruments[ticker]
        if instrument.delisted is not None and day > instrument.delisted:
            return False
        history = self.daily(ticker)
        return bool(history.days) and history.days[0] <= day

    def rules(self, ticker: str, day: date) -> TickRules:
        """What decides the name's tick on ``day``."""
        instrument = self.instruments[ticker]
        return TickRules(instrument.market, day, instrument.product)

    def band(self, ticker: str, day: date) -> PriceBand | None:
        """The day's limits: the data's base price, else the offer price, else the last close."""
        instrument, history = self.instruments[ticker], self.daily(ticker)
        row = history.before(day)
        today = row < len(history.days) and history.days[row] == day
        first_day = instrument.listed == day
        if today and history.base[row] > 0:
            base = history.base[row]
        elif first_day and instrument.offer_price is not None:
            base = instrument.offer_price
        elif row > 0:
            base = base_price(history.close[row - 1], instrument.market, day, instrument.product)
        else:
            return None
        return price_band(
            base,
            instrument.market,
            day,
            instrument.product,
            instrument.leverage,
            first_day=first_day and instrument.offer_price is not None,
        )


def _daily(table: BarTable) -> Daily:
    days = table.times.astype("datetime64[D]")
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]]) if len(days) else np.array([], int)
    ends = np.r_[starts[1:], len(days)] - 1
    traded = table.volume > 0
    low = np.where(traded, table.low, np.iinfo(np.int64).max)
    typical = (table.high + table.low + 2 * table.close) // 4
    if not len(starts):
        return Daily([], [], [], [], [], [], [], [])
    lows = np.minimum.reduceat(low, starts)
    return Daily(
        days[starts].astype(object).tolist(),
        table.open[starts].tolist(),
        np.maximum.reduceat(table.high, starts).tolist(),
        np.where(lows == np.iinfo(np.int64).max, table.low[starts], lows).tolist(),
        table.close[ends].tolist(),
        np.add.reduceat(table.volume, starts).tolist(),
        np.add.reduceat(typical * table.volume, starts).tolist(),
        table.base[starts].tolist(),
    )
