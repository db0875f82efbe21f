"""Bars as formulas see them: by how many traded bars ago.

The same formulas run over a whole history (an array over time) and over live bars (an array
over names). Sums are taken in one fixed order, so both give the same bits.
"""

from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LONGEST = 252
COLUMNS = ("open", "high", "low", "close", "volume", "reference")


class Window(Protocol):
    """Access to traded bars by lag; NaN where there is no such bar yet."""

    def lag(self, column: str, bars: int) -> Floats:
        """``column`` as it was ``bars`` traded bars before the current one."""
        ...

    def highest(self, column: str, bars: int) -> Floats:
        """Highest of the last ``bars`` bars, the current one included."""
        ...

    def lowest(self, column: str, bars: int) -> Floats:
        """Lowest of the last ``bars`` bars, the current one included."""
        ...


class HistoryWindow:
    """All traded bars of one name; results are over time, oldest first."""

    def __init__(self, columns: dict[str, Floats]) -> None:
        head = np.full(LONGEST, np.nan)
        self._columns = {name: np.concatenate([head, values]) for name, values in columns.items()}
        self._length = len(next(iter(columns.values())))

    def lag(self, column: str, bars: int) -> Floats:
        """See ``Window``."""
        start = LONGEST - bars
        return self._columns[column][start : start + self._length]

    def highest(self, column: str, bars: int) -> Floats:
        """See ``Window``."""
        return np.asarray(self._windows(column, bars).max(axis=1))

    def lowest(self, column: str, bars: int) -> Floats:
        """See ``Window``."""
        return np.asarray(self._windows(column, bars).min(axis=1))

    def _windows(self, column: str, bars: int) -> Floats:
        # One more at the front, dropped again: a name may have no traded bar at all.
        return sliding_window_view(self._columns[column][LONGEST - bars :], bars)[1:]


class LiveWindow:
    """The last bars of several names; results are over names."""

    def __init__(self, names: int) -> None:
        self._bars = np.full((len(COLUMNS), names, LONGEST + 1), np.nan)

    def push(self, traded: NDArray[np.bool_], columns: dict[str, Floats]) -> None:
        """Append one bar to the names in ``traded``; ``columns`` are over all names."""
        for row, name in enumerate(COLUMNS):
            bars = self._bars[row]
            bars[traded, :-1] = bars[traded, 1:]
            bars[traded, -1] = columns[name][traded]

    def lag(self, column: str, bars: int) -> Floats:
        """See ``Window``."""
        return np.asarray(self._bars[COLUMNS.index(column), :, LONGEST - bars])

    def highest(self, column: str, bars: int) -> Floats:
        """See ``Window``."""
        return np.asarray(self._bars[COLUMNS.index(column), :, -bars:].max(axis=1))

    def lowest(self, column: str, bars: int) -> Floats:
        """See ``Window``."""
        return np.asarray(self._bars[COLUMNS.index(column), :, -bars:].min(axis=1))
