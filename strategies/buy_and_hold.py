"""A yardstick: buy every name once in equal parts, then hold (매수 후 보유)."""

import backtrader as bt


class BuyAndHold(bt.Strategy):
    """Puts the same share of the starting equity into each name at its first bar.

    Params:
        invest: Share of equity to invest in all names together.
    """

    params = (("invest", 0.70),)  # a market buy reserves the upper limit: 0.70 x 1.3 = 0.91

    def __init__(self) -> None:
        super().__init__()
        self._bought: set[str] = set()

    def prenext(self) -> None:
        """A name listed later must not keep the others waiting."""
        self.next()

    def next(self) -> None:
        """Buy what has just become tradable."""
        share = self.p.invest / len(self.datas)
        for data in self.datas:
            if data._name in self._bought or not len(data) or not data.volume[0]:
                continue
            size = int(self.broker.startingcash * share // data.close[0])
            if size:
                self.buy(data=data, size=size)
                self._bought.add(data._name)
