"""Completed bars as backtrader lines."""

from array import array
from typing import Any

import backtrader as bt
import numpy as np

from kisbt.data.dataset import BarTable

_PRICES = ("open", "high", "low", "close", "volume")


class HistoryFeed(bt.feed.DataBase):
    """Bars of one name, handed to backtrader as whole arrays instead of row by row.

    ``data._name`` is the ticker. Times on the lines are naive KST; ``tz``, sessions, filters,
    ``fromdate`` and ``todate`` are not looked at: slice the dataset first. backtrader's per-bar
    tick copies (``tick_open`` and the like) are left out: they serve resampling and its own
    broker, and neither is used here.

    Args:
        table: The bars, oldest first.
        numbers: backtrader's float dates of these bars, same length.
    """

    def __init__(self, table: BarTable, numbers: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        super().__init__()
        self._table = table
        self._numbers = numbers

    def __len__(self) -> int:
        # backtrader asks three times a bar and a feed, and goes there through three calls itself.
        return int(self.lines.lines[0].lencount)

    def preload(self) -> None:
        """Fill all lines at once and stand before the first bar."""
        rows = len(self._numbers)
        columns = [("datetime", self._numbers)]
        columns += [(name, getattr(self._table, name)) for name in _PRICES]
        columns.append(("openinterest", np.zeros(rows)))
        for name, values in columns:
            line = getattr(self.lines, name)
            line.array = array("d", np.ascontiguousarray(values, dtype=np.float64).tobytes())
        self._last()
        self.home()

    def _tick_fill(self, force: bool = False) -> None:
        return

    def _tick_nullify(self) -> None:
        return

    def _load(self) -> bool:
        return False  # everything is preloaded; there is never more
