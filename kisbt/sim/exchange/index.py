"""The market index: the dataset's own series where it has one, else the mean of its names."""

from bisect import bisect_left
from datetime import date
from typing import NamedTuple

from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.views import base

START = 1000.0
INDICES = {
    "0001": "종합",
    "0002": "대형주",
    "1001": "KOSDAQ",
    "2001": "KOSPI200",
    "3003": "KOSDAQ150",
    "4001": "KRX100",
}


class IndexDay(NamedTuple):
    """One day of an index: points, thousand shares, million won."""

    day: date
    open: float
    high: float
    low: float
    close: float
    volume: int
    value: int
    previous: float


class Breadth(NamedTuple):
    """How many names stand where."""

    up: int
    upper: int
    same: int
    down: int
    lower: int


class IndexTape:
    """Daily index values, built once from the data; today's is moved by today's names."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self._days: list[date] = []
        self._values: list[float] = []
        series = floor.market.dataset.index
        if series is not None:
            by_day: dict[date, float] = {}
            for moment, value in zip(series.times.tolist(), series.values.tolist(), strict=True):
                by_day[moment.date()] = value
            self._days, self._values = list(by_day), list(by_day.values())
        else:
            self._mean_of_names()

    def days(self, last: date) -> list[IndexDay]:
        """Days up to ``last``, never beyond now, oldest first."""
        floor = self.floor
        rows = []
        for n in range(bisect_left(self._days, floor.day)):
            if self._days[n] > last:
                break
            before = self._values[n - 1] if n else self._values[n]
            rows.append(_day(self._days[n], before, before, self._values[n], 0, 0))
        if last >= floor.day:
            rows.append(self.today())
        return rows

    def today(self) -> IndexDay:
        """Today so far: yesterday's value moved by the mean change of today's names."""
        names = list(self.floor.listed())
        row = bisect_left(self._days, self.floor.day) - 1
        before = self._values[row] if row >= 0 else START
        change = _mean([n.price / base(n) for n in names if base(n)])
        opened = _mean([(n.open or base(n)) / base(n) for n in names if base(n)])
        volume = sum(n.volume for n in names) // 1_000
        value = sum(n.value for n in names) // 1_000_000
        return _day(self.floor.day, before, before * opened, before * change, volume, value)

    def breadth(self) -> Breadth:
        """Names up, at the upper limit, unchanged, down, at the lower limit."""
        up = upper = same = down = lower = 0
        for name in self.floor.listed():
            since, band = base(name), name.band
            up += name.price > since
            down += name.price < since
            same += name.price == since
            upper += band is not None and name.price >= band.upper
            lower += band is not None and name.price <= band.lower
        return Breadth(up, upper, same, down, lower)

    def _mean_of_names(self) -> None:
        changes: dict[date, list[float]] = {}
        for ticker in self.floor.market.tickers:
            history = self.floor.market.daily(ticker)
            for n in range(1, len(history.days)):
                if history.close[n - 1]:
                    change = history.close[n] / history.close[n - 1]
                    changes.setdefault(history.days[n], []).append(change)
        value = START
        for day in self.floor.market.days:
            value *= _mean(changes.get(day, []))
            self._days.append(day)
            self._values.append(round(value, 2))


def _day(
    day: date, previous: float, opened: float, close: float, volume: int, value: int
) -> IndexDay:
    return IndexDay(
        day,
        opened,
        max(opened, close),
        min(opened, close),
        close,
        volume,
        value,
        previous,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 1.0
