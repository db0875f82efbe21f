"""Features of live bars, one time at a time; bit for bit what ``compute_features`` gives."""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kisbt.data.dataset import Dataset
from kisbt.data.features.catalogue import HISTORY, LIVE_ONLY
from kisbt.data.features.formulas import name_features
from kisbt.data.features.limit_up import closed_at_upper, session_base
from kisbt.data.features.market import MOOD_BARS, breadth, mood
from kisbt.data.features.rounding import round_significant
from kisbt.data.features.window import COLUMNS, Floats, LiveWindow
from kisbt.data.manifest import CorporateAction, unknown_ticker
from kisbt.data.replay import moments
from kisbt.domain.market import Instrument

Bools = NDArray[np.bool_]

NAMES = [one.name for one in HISTORY]


class BarLike(Protocol):
    """A bar: won a share, and shares."""

    @property
    def open(self) -> int: ...  # noqa: D102
    @property
    def high(self) -> int: ...  # noqa: D102
    @property
    def low(self) -> int: ...  # noqa: D102
    @property
    def close(self) -> int: ...  # noqa: D102
    @property
    def volume(self) -> int: ...  # noqa: D102


class _Name:
    """What is remembered of one name besides its window."""

    __slots__ = ("base", "before", "close", "day", "pending", "ratio", "streak")

    def __init__(self, splits: list[CorporateAction]) -> None:
        self.pending = splits  # splits not reached yet, oldest first
        self.ratio = 1.0  # product of the splits passed
        self.close = 0  # last close, won
        self.before = np.nan  # last close, rebased
        self.day: date | None = None
        self.base = 0  # base price of the session, won
        self.streak = 0


class IncrementalFeatures:
    """Keeps the last bars of some names and answers with the feature rows of each new time.

    Args:
        instruments: The universe, by ticker; rows come in sorted order.
        frequency: As in a dataset: it decides what ``change_pct`` refers to.
        actions: Known splits; one takes effect on the first bar of its day.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        frequency: str = "1d",
        actions: Iterable[CorporateAction] = (),
    ) -> None:
        self._instruments = {ticker: instruments[ticker] for ticker in sorted(instruments)}
        self._tickers = list(self._instruments)
        self._daily = frequency == "1d"
        by_date = sorted(actions, key=lambda action: action.date)
        self._names = [_Name([a for a in by_date if a.ticker == t]) for t in self._tickers]
        self._window = LiveWindow(len(self._tickers))
        self._last = np.full((len(self._tickers), len(NAMES)), np.nan)
        self._breadth = deque([np.full(1, np.nan)] * MOOD_BARS, maxlen=MOOD_BARS)

    def update(
        self,
        at: datetime,
        bars: Mapping[str, BarLike],
        *,
        bases: Mapping[str, int] | None = None,
        live: Mapping[str, Mapping[str, float]] | None = None,
    ) -> dict[str, dict[str, float | None]]:
        """Take the bars that closed at ``at`` and return their names' features.

        Args:
            at: Close of the bars, naive KST, later than the last one.
            bars: New bars by ticker; a name without one is left out of the answer.
            bases: Base prices (기준가) by ticker where the venue gives them, won.
            live: Values of live-only features by ticker; others are ``None``.

        Raises:
            DataError: a ticker outside the universe.
        """
        for ticker in bars:
            if ticker not in self._instruments:
                raise unknown_ticker(ticker, self._instruments, "live bars")
        here = np.array([ticker in bars for ticker in self._tickers])
        traded = np.zeros(len(here), dtype=np.bool_)
        columns = {name: np.full(len(here), np.nan) for name in COLUMNS}
        values = np.zeros(len(here), dtype=np.int64)
        for n in np.flatnonzero(here):
            ticker = self._tickers[n]
            bar = bars[ticker]
            traded[n] = bar.volume != 0 or bar.high != bar.low
            values[n] = bar.close * bar.volume
            self._take(int(n), at.date(), bar, (bases or {}).get(ticker, 0), columns, traded[n])
        self._window.push(traded, columns)
        self._refresh(at.date(), here, traded, values)
        return self._rows(here, live or {})

    @classmethod
    def warmed(cls, history: Dataset) -> "IncrementalFeatures":
        """Start with the bars of ``history`` taken; some 320 of them fill every lookback."""
        features = cls(history.instruments, frequency=history.frequency, actions=history.actions)
        for at, bars, bases in moments(history):
            features.update(at, bars, bases=bases)
        return features

    def _take(
        self,
        n: int,
        day: date,
        bar: BarLike,
        base: int,
        columns: dict[str, Floats],
        traded: bool,
    ) -> None:
        name, instrument = self._names[n], self._instruments[self._tickers[n]]
        ratio_before = name.ratio
        while name.pending and name.pending[0].date <= day:
            name.ratio *= name.pending.pop(0).ratio
        if name.day != day:
            factor = name.ratio / ratio_before if name.day else 1.0
            name.base = base or session_base(instrument, day, name.close, factor)
            name.day = day
        for column in ("open", "high", "low", "close"):
            columns[column][n] = getattr(bar, column) * name.ratio
        columns["volume"][n] = bar.volume / name.ratio
        given = self._daily and base > 0
        columns["reference"][n] = base * name.ratio if given else name.before
        if traded:
            hit = closed_at_upper(instrument, day, bar.close, name.base)
            name.streak = name.streak + 1 if hit else 0
        name.close, name.before = bar.close, bar.close * name.ratio

    def _refresh(
        self,
        day: date,
        here: Bools,
        traded: Bools,
        values: NDArray[np.int64],
    ) -> None:
        last = self._last
        fresh = name_features(self._window)
        for name, column in fresh.items():
            f = NAMES.index(name)
            last[traded, f] = column[traded]
        halted = here & ~traded
        for name in ("change_pct", "gap_pct", "volume_ratio"):
            last[halted, NAMES.index(name)] = 0.0
        for n in np.flatnonzero(here):
            listed = self._instruments[self._tickers[n]].listed
            age = (day - listed).days if listed is not None else -1
            last[n, NAMES.index("days_since_listing")] = age if age >= 0 else np.nan
            if traded[n]:
                last[n, NAMES.index("limit_up_streak")] = self._names[n].streak
        last[here, NAMES.index("value_traded_krw")] = values[here]
        last[here, NAMES.index("halted")] = halted[here]
        change = last[None, :, NAMES.index("change_pct")]
        trend = last[None, :, NAMES.index("ma20_gap_pct")]
        if here.any():
            self._breadth.append(breadth(change, traded[None, :]))
            last[:, NAMES.index("breadth")] = self._breadth[-1]
            last[:, NAMES.index("market_mood")] = mood(
                list(self._breadth), change, trend, values[None, :], traded[None, :]
            )

    def _rows(
        self, here: Bools, live: Mapping[str, Mapping[str, float]]
    ) -> dict[str, dict[str, float | None]]:
        rounded = round_significant(self._last[here]).tolist()
        found: dict[str, dict[str, float | None]] = {}
        for n, row in zip(np.flatnonzero(here), rounded, strict=True):
            ticker = self._tickers[n]
            values = {k: None if v != v else v for k, v in zip(NAMES, row, strict=True)}
            extra = live.get(ticker)
            if extra is not None:
                values.update({one.name: extra.get(one.name) for one in LIVE_ONLY})
            found[ticker] = values
        return found
