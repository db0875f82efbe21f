"""An ordinary backtrader script on KIS paper trading (모의투자): no LLM, nothing of kisbt's graph.

Run it with keys in ``~/KIS/config/kis_devlp.yaml``, or against ``kisbt sim`` with the file that
it writes. It trades one name by the crossing of two moving averages of daily closes.
"""

import os

import backtrader as bt

from kisbt.adapter.store import KISStore
from kisbt.kis.client import KISClient
from kisbt.kis.config import DEFAULT_FOLDER, load_config
from kisbt.kis.environment import Paper


class Crossing(bt.Strategy):
    """Holds ten shares while the fast average is above the slow one."""

    params = (("fast", 5), ("slow", 20))

    def __init__(self) -> None:
        averages = [bt.ind.SMA(self.data, period=n) for n in (self.p.fast, self.p.slow)]
        self.crossing = bt.ind.CrossOver(*averages)

    def next(self) -> None:
        """Decide at the close; the order trades in the next session."""
        if self.crossing > 0 and not self.position:
            self.buy(size=10)
        elif self.crossing < 0 and self.position:
            self.sell(size=self.position.size)


def trade(store: KISStore) -> Crossing:
    """Run until the store ends, or Ctrl-C."""
    cerebro = bt.Cerebro(runonce=False, quicknotify=True, stdstats=False)
    cerebro.adddata(store.getdata(dataname="005930"))
    cerebro.setbroker(store.getbroker())
    cerebro.addstrategy(Crossing)
    try:
        return cerebro.run()[0]
    finally:
        store.stop()


if __name__ == "__main__":
    folder = os.environ.get("KIS_CONFIG_DIR", DEFAULT_FOLDER)
    with KISClient.connect(load_config(folder, os.environ), Paper()) as client:
        trade(KISStore(client, replay=20))
