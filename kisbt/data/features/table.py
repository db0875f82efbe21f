"""The result of ``compute_features``: an array, and fast rows of it for the decision loop."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CHUNK = 16


@dataclass(eq=False, slots=True)
class FeatureTable:
    """Features of all names at all times of a dataset.

    ``times`` is the dataset's timeline, ``[T]``; ``tickers`` ``[N]`` and ``names`` ``[F]`` label
    the other axes of ``values`` ``[T, N, F]``, where NaN means no value. ``current`` ``[T, N]``
    tells which names have a bar at that time. Treat it as read-only.
    """

    times: NDArray[np.datetime64]
    tickers: list[str]
    names: list[str]
    values: NDArray[np.float64]
    current: NDArray[np.bool_]
    _first: int = field(default=-1, init=False)
    _lists: list[list[list[float | None]]] = field(default_factory=list, init=False)
    _here: list[list[int]] = field(default_factory=list, init=False)

    def __len__(self) -> int:
        return len(self.times)

    def reader(self) -> "FeatureTable":
        """The same values with a place of its own: for another thread, since ``rows`` keeps one."""
        return FeatureTable(self.times, self.tickers, self.names, self.values, self.current)

    def rows(self, t: int) -> dict[str, dict[str, float | None]]:
        """Features at ``times[t]`` by ticker and name, of names with a bar at that time.

        The caller owns the result. Cheapest when ``t`` goes forward one by one.

        Raises:
            IndexError: ``t`` is outside ``0 .. len(times) - 1``.
        """
        if not 0 <= t < len(self.times):
            raise IndexError(f"time {t} is outside 0..{len(self.times) - 1}")
        if not 0 <= t - self._first < CHUNK or self._first < 0:
            self._open_chunk(t - t % CHUNK)
        at = t - self._first
        names, tickers = self.names, self.tickers
        lists = self._lists[at]
        return {tickers[n]: dict(zip(names, lists[n], strict=True)) for n in self._here[at]}

    def column(self, name: str) -> NDArray[np.float64]:
        """One feature over time and names, ``[T, N]``."""
        return np.asarray(self.values[:, :, self.names.index(name)])

    def _open_chunk(self, first: int) -> None:
        part = self.values[first : first + CHUNK]
        lists: list[list[list[float | None]]] = part.tolist()
        for t, n, f in np.argwhere(np.isnan(part)).tolist():
            lists[t][n][f] = None
        self._lists = lists
        current = self.current[first : first + CHUNK]
        self._here = [np.flatnonzero(row).tolist() for row in current]
        self._first = first
