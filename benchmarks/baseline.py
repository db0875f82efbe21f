"""Plain backtrader: its own SMA cross, broker and PandasData, with its defaults."""

import time
from typing import Any

import backtrader as bt
import pandas as pd

from kisbt.data.dataset import Dataset


class SmaCross(bt.Strategy):
    """SMA 10/30 cross on every name, equal weights."""

    def __init__(self) -> None:
        self._cross = {
            data: bt.ind.CrossOver(bt.ind.SMA(data, period=10), bt.ind.SMA(data, period=30))
            for data in self.datas
        }

    def next(self) -> None:
        """Enter and leave on crosses."""
        share = 0.9 / len(self.datas)
        for data in self.datas:
            if self._cross[data][0] > 0:
                self.order_target_percent(data, share)
            elif self._cross[data][0] < 0:
                self.order_target_percent(data, 0.0)


def plain_backtrader(dataset: Dataset) -> float:
    """Seconds of ``cerebro.run()`` over the dataset."""
    cerebro: Any = bt.Cerebro()
    cerebro.broker.setcash(100_000_000)
    for ticker, table in dataset.bars.items():
        frame = pd.DataFrame(
            {name: getattr(table, name) for name in ("open", "high", "low", "close", "volume")},
            index=pd.to_datetime(table.times),
        ).astype("float64")
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=ticker)
    cerebro.addstrategy(SmaCross)
    start = time.perf_counter()
    cerebro.run()
    return time.perf_counter() - start
