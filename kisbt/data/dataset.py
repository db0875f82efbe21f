"""A dataset in memory: bars by ticker, instruments, corporate actions and an index series."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from kisbt.data.content import PRICE_COLUMNS, bars_hash, dataset_hash, index_hash
from kisbt.data.manifest import CorporateAction, Manifest, unknown_ticker
from kisbt.domain.market import Instrument
from kisbt.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Times = NDArray[np.datetime64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BARS_FILE = "bars.parquet"
INDEX_FILE = "index.parquet"


@dataclass(frozen=True, slots=True, eq=False)
class BarTable:
    """Bars of one name, oldest first. All arrays have one length; treat them as read-only.

    ``times`` are bar closes, ``datetime64[s]``, naive KST, strictly ascending. Prices are won a
    share, ``volume`` shares. ``base`` is the session's base price (기준가), 0 where unknown.
    A halted bar (거래정지) repeats one price in all four columns with volume 0.
    """

    ticker: str
    times: Times
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    base: Ints

    def __len__(self) -> int:
        return len(self.times)

    def cut(self, start: int, stop: int) -> "BarTable":
        """Bars ``start`` to ``stop`` (excluded), as views."""
        columns = {c: getattr(self, c)[start:stop] for c in ("times", *PRICE_COLUMNS)}
        return BarTable(self.ticker, **columns)

    @property
    def halted(self) -> NDArray[np.bool_]:
        """Bars in which nothing traded: volume 0 and one price only."""
        still: NDArray[np.bool_] = (self.volume == 0) & (self.high == self.low)
        return still


@dataclass(frozen=True, slots=True, eq=False)
class IndexSeries:
    """A benchmark index: ``values`` in points at bar closes ``times`` (naive KST, ascending)."""

    name: str
    times: Times
    values: Floats


@dataclass(frozen=True, eq=False)
class Dataset:
    """Bars, instruments, actions and index under one manifest. Treat it as immutable.

    ``bars`` and ``instruments`` have the same keys, sorted. A slice made by ``between`` or
    ``only`` keeps the manifest and the hash of the dataset that it was cut from.
    """

    name: str
    manifest: Manifest
    instruments: Mapping[str, Instrument]
    bars: Mapping[str, BarTable]
    index: IndexSeries | None = None
    actions: tuple[CorporateAction, ...] = field(default=())

    @property
    def frequency(self) -> str:
        """``"1d"``, ``"1m"``, ``"5m"`` ..."""
        return self.manifest.frequency

    @property
    def adjusted(self) -> bool:
        """Whether prices are adjusted for splits and rights (수정주가)."""
        return self.manifest.adjusted

    @property
    def hash(self) -> str:
        """``sha256:...`` of the whole dataset's content, also on a slice."""
        return self.manifest.hash

    @cached_property
    def tickers(self) -> list[str]:
        """Sorted."""
        return sorted(self.bars)

    @cached_property
    def timeline(self) -> Times:
        """Every time at which some name has a bar, ascending, each once."""
        return np.unique(np.concatenate([table.times for table in self.bars.values()]))

    @property
    def rows(self) -> int:
        """Bars of all names together."""
        return sum(len(table) for table in self.bars.values())

    @cached_property
    def first_day(self) -> date:
        """Day of the first bar."""
        return _day(min(table.times[0] for table in self.bars.values()))

    @cached_property
    def last_day(self) -> date:
        """Day of the last bar."""
        return _day(max(table.times[-1] for table in self.bars.values()))

    def between(self, first: date | None, last: date | None) -> "Dataset":
        """The bars of the days ``first`` to ``last``, both included; ``None`` leaves a side open.

        Names without a bar in the period are left out.

        Raises:
            DataError: the period is reversed or holds no bar.
        """
        if first is None and last is None:
            return self
        if first is not None and last is not None and first > last:
            raise DataError(f"{self.name}: empty period: {first} is after {last}")
        low = np.datetime64(first or date.min, "D").astype("datetime64[s]")
        high = np.datetime64(last or date.max, "D").astype("datetime64[s]")
        high += np.timedelta64(86_399, "s")
        bars = {}
        for ticker, table in self.bars.items():
            start, stop = np.searchsorted(table.times, [low, high + np.timedelta64(1, "s")])
            if stop > start:
                bars[ticker] = table.cut(int(start), int(stop))
        if not bars:
            raise DataError(
                f"{self.name}: no bars between {first or 'the start'} and {last or 'the end'}",
                hint=f"it covers {self.first_day} to {self.last_day}",
            )
        index = self.index
        if index is not None:
            keep = (index.times >= low) & (index.times <= high)
            index = IndexSeries(index.name, index.times[keep], index.values[keep])
        return self._with(bars, index)

    def only(self, tickers: Iterable[str]) -> "Dataset":
        """The named names alone.

        Raises:
            DataError: a ticker is not in the dataset, or none is named.
        """
        wanted = sorted(set(tickers))
        for ticker in wanted:
            if ticker not in self.bars:
                raise unknown_ticker(ticker, self.bars, self.name)
        if not wanted:
            raise DataError(f"{self.name}: no ticker named")
        return self._with({ticker: self.bars[ticker] for ticker in wanted}, self.index)

    def as_traded(self) -> "Dataset":
        """The bars that trades make: minutes in which nothing traded are left out.

        A stream tells of trades alone, so nobody could see such a bar live. A day without a
        trade (거래정지) stays: its bar is read after the close, and says that the name is halted.
        """
        if self.frequency == "1d":
            return self
        bars = {}
        for ticker, table in self.bars.items():
            keep = table.volume > 0
            if keep.any():
                columns = {c: getattr(table, c)[keep] for c in ("times", *PRICE_COLUMNS)}
                bars[ticker] = table if keep.all() else BarTable(ticker, **columns)
        if not bars:
            raise DataError(f"{self.name}: no bar of it has a volume")
        return self._with(bars, self.index)

    def _with(self, bars: dict[str, BarTable], index: IndexSeries | None) -> "Dataset":
        return replace(
            self,
            bars=bars,
            index=index if index is not None and len(index.times) else None,
            instruments={ticker: self.instruments[ticker] for ticker in bars},
            actions=tuple(action for action in self.actions if action.ticker in bars),
        )

    @classmethod
    def build(
        cls,
        name: str,
        bars: Mapping[str, BarTable],
        instruments: Iterable[Instrument] = (),
        *,
        index: IndexSeries | None = None,
        actions: Iterable[CorporateAction] = (),
        frequency: str = "1d",
        adjusted: bool = False,
        synthetic: bool = False,
        source: str = "",
        created: str | None = None,
    ) -> Self:
        """Make a dataset and its manifest from arrays; a name without instrument gets a plain one.

        Raises:
            DataError: no bars, unequal or unsorted columns, or an action for an unknown name.
        """
        known = {instrument.ticker: instrument for instrument in instruments}
        bars = {ticker: bars[ticker] for ticker in sorted(bars) if len(bars[ticker])}
        if not bars:
            raise DataError(f"{name}: no bars")
        for table in bars.values():
            validate_table(table, name)
        listed = {ticker: known.get(ticker) or Instrument(ticker=ticker) for ticker in bars}
        done = tuple(sorted(actions, key=lambda action: (action.ticker, action.date)))
        for action in done:
            if action.ticker not in bars:
                raise unknown_ticker(action.ticker, bars, f"{name}: corporate action")
        parts = {BARS_FILE: bars_hash(bars)}
        if index is not None:
            parts[INDEX_FILE] = index_hash(index)
        facts: dict[str, Any] = {
            "frequency": frequency,
            "adjusted": adjusted,
            "synthetic": synthetic,
        }
        manifest = Manifest(
            name=name,
            source=source,
            markets=tuple(sorted({i.market for i in listed.values()})),
            created=created,
            rows=sum(len(table) for table in bars.values()),
            first=_day(min(table.times[0] for table in bars.values())),
            last=_day(max(table.times[-1] for table in bars.values())),
            index=index.name if index else None,
            files=parts,
            hash=dataset_hash(parts, listed.values(), done, facts),
            instruments=tuple(listed.values()),
            actions=done,
            **facts,
        )
        return cls(name, manifest, listed, bars, index, done)

    @classmethod
    def from_frames(
        cls,
        name: str,
        frames: Mapping[str, "pd.DataFrame"],
        instruments: Iterable[Instrument] = (),
        **facts: Any,
    ) -> Self:
        """Make a dataset from frames by ticker, columns open high low close volume (and base).

        The index is bar closes in naive KST. Days alone (midnight) become closes at 15:30 of a
        daily dataset. ``facts`` are the keyword arguments of ``build``.
        """
        daily = facts.get("frequency", "1d") == "1d"
        return cls.build(
            name, {t: _table(t, frame, daily) for t, frame in frames.items()}, instruments, **facts
        )


def validate_table(table: BarTable, where: str) -> None:
    """Refuse columns of unequal length and times that do not ascend.

    Raises:
        DataError: names the ticker and the first bad time.
    """
    for column in PRICE_COLUMNS:
        if len(getattr(table, column)) != len(table.times):
            raise DataError(f"{where}: {table.ticker}: column '{column}' has another length")
    steps = np.diff(table.times.astype("datetime64[s]").astype(np.int64))
    if (steps <= 0).any():
        at = table.times[int(np.argmax(steps <= 0)) + 1]
        raise DataError(
            f"{where}: {table.ticker}: bars are not in ascending order of time at {at}",
            hint="kisbt data check names every such row",
        )


def _table(ticker: str, frame: "pd.DataFrame", daily: bool) -> BarTable:
    missing = [c for c in PRICE_COLUMNS[:-1] if c not in frame.columns]
    if missing:
        raise DataError(f"{ticker}: missing column {', '.join(missing)}")
    times = np.array(frame.index.to_numpy(), dtype="datetime64[s]")
    if daily and len(times) and (times == times.astype("datetime64[D]")).all():
        times = times + np.timedelta64(15 * 60 + 30, "m")
    columns = {c: frame[c].to_numpy(dtype=np.int64) for c in PRICE_COLUMNS[:-1]}
    if "base" in frame.columns:
        columns["base"] = frame["base"].to_numpy(dtype=np.int64)
    else:
        columns["base"] = np.zeros(len(times), np.int64)
    return BarTable(ticker, times, **columns)


def _day(moment: np.datetime64) -> date:
    day: date = moment.astype("datetime64[D]").astype(object)
    return day
