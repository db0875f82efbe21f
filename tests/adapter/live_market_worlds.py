"""One strategy that writes down what it sees, over history and over a live store."""

import backtrader as bt

from kisbt.adapter.book import HistoryBook
from kisbt.adapter.feeds import HistoryFeed
from kisbt.adapter.krx_broker import KRXBackBroker
from kisbt.adapter.market import HistoryMarketView
from kisbt.adapter.tape import Playhead, Tape
from kisbt.config import CostSettings
from kisbt.data.features.compute import compute_features
from kisbt.krx.costs import CostModel

LINES = ("datetime", "open", "high", "low", "close", "volume")
CASH = 100_000_000


class Witness(bt.Strategy):
    """Looks at everything at every bar, and trades a little now and then."""

    def __init__(self, market, every=0):
        super().__init__()
        self.market, self.every = market, every
        self.seen, self.orders, self.states, self.ragged = [], [], [], []

    def notify_data(self, data, status, *_args, **_kwargs):
        self.states.append((data._name, data._getstatusname(status)))

    def notify_order(self, order):
        if not order.alive():
            self.orders.append(
                (order.data._name, order.getstatusname(), order.executed.price,
                 order.executed.size, order.info.get("reason"))
            )  # fmt: skip

    def prenext(self):
        self.next()

    def next(self):
        market = self.market
        there = [data for data in self.datas if len(data)]
        now = max(data.datetime[0] for data in there)
        self.ragged += [d for d in there if d.datetime[0] < now and d._name in market.features()]
        self.seen.append(
            {
                "at": market.now(),
                "session": market.session(),
                "lines": {d._name: [getattr(d, line)[0] for line in LINES] for d in there},
                "features": market.features(),
                "closes": market.closes(),
                "quotes": {data._name: market.quote(data._name) for data in self.datas},
                "cash": self.broker.getcash(),
                "value": self.broker.getvalue(),
            }
        )
        if self.every and len(self.seen) % self.every == 0:
            self.act(len(self.seen) // self.every)

    def act(self, turn):
        data = self.datas[turn % len(self.datas)]
        quote = self.market.quote(data._name)
        if quote is None or not quote.tradable:
            return
        if self.getposition(data).size:
            self.close(data)
        elif turn % 2:
            self.buy(data, size=10)
        else:
            self.buy(data, size=10, exectype=bt.Order.Limit, price=data.close[0])


def replayed(dataset, first, last, every=0):
    """What ``Witness`` saw in a backtest of the period."""
    tape, head = Tape(dataset.between(first, last)), Playhead()
    features = compute_features(dataset.between(None, last))
    costs = CostModel.from_settings(CostSettings())
    cerebro = bt.Cerebro(stdstats=False, runonce=False, quicknotify=True)
    cerebro.setbroker(KRXBackBroker(HistoryBook(tape, head, costs, 0.10, CASH)))
    for n, (ticker, table) in enumerate(sorted(tape.dataset.bars.items())):
        cerebro.adddata(HistoryFeed(table, tape.numbers[tape.current[:, n]]), name=ticker)
    cerebro.addstrategy(Witness, market=HistoryMarketView(tape, head, features), every=every)
    return cerebro.run()[0]
