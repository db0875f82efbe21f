"""The market as the journal's snapshots remember it: features and closes of every name, in arrays.

A snapshot holds all names that a decision could have chosen, so what was not bought is known, too,
and so is what it would have earned: its closes stand in later snapshots.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from kisbt.domain.trading import PositionChange
from kisbt.journal.learning import Seen, read_markets

Floats = NDArray[np.float64]

MOST_VALUES = 20_000_000
"""Feature values of one panel (160 MB); of a longer one every k-th tick is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One market. ``T`` ticks, ``N`` names, ``F`` features; NaN means no value.

    ``at`` is ISO text; ``day`` numbers the sessions from 0, ``[T]``. ``features`` is
    ``[T, N, F]``, ``closes`` ``[T, N]`` in won, ``shares`` ``[T, N]`` what a share of the first
    tick has become by splits. Of all ticks each ``every``-th is here.
    """

    market: str
    at: list[str]
    day: NDArray[np.int64]
    tickers: list[str]
    names: tuple[str, ...]
    features: Floats
    closes: Floats
    shares: Floats
    every: int = 1

    @property
    def values(self) -> Floats:
        """Closes times shares: comparable over splits, ``[T, N]``."""
        return np.asarray(self.closes * self.shares)

    def forward(self, sessions: int) -> Floats:
        """Return from each tick's close to the close ``sessions`` later, a fraction, ``[T, N]``.

        NaN where the journal ends before, or where a name had no close yet.
        """
        last = np.append(np.flatnonzero(np.diff(self.day)), len(self.day) - 1)
        values = self.values
        ends = values[last]
        target = self.day + sessions
        known = target < len(last)
        found = np.full(values.shape, np.nan)
        found[known] = ends[target[known]] / values[known] - 1.0
        return found

    def current(self) -> NDArray[np.bool_]:
        """Names with features at a tick, ``[T, N]``."""
        return np.asarray(~np.isnan(self.features).all(axis=2))

    def until(self, last: date) -> "Panel | None":
        """The market as it was known on ``last``: what ``build_panel`` makes of ticks up to it.

        ``None`` without a tick.

        Raises:
            ValueError: the panel was thinned out: a shorter one would have more ticks.
        """
        if self.every != 1:
            raise ValueError(f"of {self.market} only every {self.every}-th tick is here")
        count = bisect_right(self.at, last.isoformat(), key=lambda time: time[:10])
        if not count:
            return None
        nothing = np.isnan(self.closes[:count]).all(axis=0)
        nothing &= np.isnan(self.features[:count]).all(axis=(0, 2))
        listed: NDArray[np.bool_] = np.logical_not(nothing)
        features, closes, shares = (
            each[:count] if listed.all() else each[:count, listed]
            for each in (self.features, self.closes, self.shares)
        )
        tickers = [ticker for ticker, known in zip(self.tickers, listed, strict=True) if known]
        return replace(
            self, at=self.at[:count], day=self.day[:count], tickers=tickers, features=features,
            closes=closes, shares=shares,
        )  # fmt: skip


def build_panel(
    connection: Connection,
    market: str,
    seen: Sequence[Seen],
    changes: Sequence[PositionChange],
    names: Sequence[str],
) -> Panel | None:
    """Read a market's snapshots; ``None`` without any. Of two ticks at one time the first counts.

    Args:
        connection: The open journal.
        market: How the market is called.
        seen: Ticks of all its runs.
        changes: Splits of its names.
        names: Features to keep, in this order.
    """
    by_time: dict[str, str] = {}
    for one in seen:
        by_time.setdefault(one.at, one.snapshot)
    at = sorted(by_time)
    if not at:
        return None
    wide = max(1, len(names))
    first = next(read_markets(connection, [by_time[at[0]]]))[1]
    stride = max(1, -(-len(at) * len(first.closes) * wide // MOST_VALUES))
    at = at[::stride] if stride == 1 or (len(at) - 1) % stride == 0 else [*at[::stride], at[-1]]
    hashes = [by_time[time] for time in at]
    rows: list[tuple[dict[str, int], list[str], Floats]] = []
    tickers: dict[str, None] = {}
    columns: dict[tuple[str, ...], NDArray[np.int64]] = {}
    for _, one_market in read_markets(connection, hashes):
        key = tuple(one_market.names)
        if key not in columns:
            where = {name: i for i, name in enumerate(key)}
            columns[key] = np.array([where.get(name, -1) for name in names], dtype=np.int64)
        tickers.update(dict.fromkeys(one_market.closes))
        table = np.array(list(one_market.rows.values()), dtype=np.float64)
        table = table.reshape(len(one_market.rows), len(key))
        pick = columns[key]
        chosen = np.where(pick >= 0, table[:, np.maximum(pick, 0)], np.nan) if len(key) else table
        rows.append((one_market.closes, list(one_market.rows), chosen))
    ordered = sorted(tickers)
    place = {ticker: i for i, ticker in enumerate(ordered)}
    features = np.full((len(at), len(ordered), len(names)), np.nan)
    closes = np.full((len(at), len(ordered)), np.nan)
    for t, (prices, listed, chosen) in enumerate(rows):
        if prices:
            closes[t, [place[ticker] for ticker in prices]] = list(prices.values())
        if listed:
            features[t, [place[ticker] for ticker in listed]] = chosen
    days = np.unique([time[:10] for time in at], return_inverse=True)[1].astype(np.int64)
    shares = _shares(at, place, changes)
    return Panel(market, at, days, ordered, tuple(names), features, closes, shares, stride)


def _shares(
    at: Sequence[str], place: Mapping[str, int], changes: Sequence[PositionChange]
) -> Floats:
    shares = np.ones((len(at), len(place)))
    told: set[tuple[str, str]] = set()
    for change in changes:
        key = (change.ticker, change.session.isoformat())
        if change.kind != "split" or change.ticker not in place or key in told:
            continue
        told.add(key)
        since = int(np.searchsorted(np.array([time[:10] for time in at]), key[1]))
        shares[since:, place[change.ticker]] *= change.ratio
    return shares
