"""A dataset as a stream: the bars of all names, one time after the other."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from kisbt.data.dataset import Dataset
from kisbt.krx.fills import MatchBar


class Moment(NamedTuple):
    """Bars that closed at ``at`` (naive KST) by ticker, and their base prices where known."""

    at: datetime
    bars: Mapping[str, MatchBar]
    bases: Mapping[str, int]


def moments(dataset: Dataset) -> Iterator[Moment]:
    """Yield every time of the dataset, oldest first, with the bars that closed at it."""
    order = dataset.tickers
    tables = [dataset.bars[ticker] for ticker in order]
    times = np.concatenate([table.times for table in tables])
    owners = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    rows = np.concatenate([np.arange(len(table)) for table in tables])
    by_time = np.argsort(times, kind="stable")
    edges = np.flatnonzero(np.diff(times[by_time])) + 1
    for group in np.split(by_time, edges):
        bars: dict[str, MatchBar] = {}
        bases: dict[str, int] = {}
        for at in group:
            ticker, table, row = order[owners[at]], tables[owners[at]], rows[at]
            bars[ticker] = MatchBar(
                int(table.open[row]),
                int(table.high[row]),
                int(table.low[row]),
                int(table.close[row]),
                int(table.volume[row]),
            )
            if table.base[row]:
                bases[ticker] = int(table.base[row])
        moment: datetime = times[group[0]].astype("datetime64[s]").astype(object)
        yield Moment(moment, bars, bases)
