"""A yardstick: hold the strongest names of the last months, changed once a month (모멘텀)."""

import backtrader as bt


class Momentum(bt.Strategy):
    """Every ``period`` bars, sells what left the top and buys what entered it, in equal parts.

    Params:
        lookback: Bars over which strength is measured.
        period: Bars between two changes.
        top: Names held.
        invest: Share of equity to invest in all of them together.
    """

    params = (("lookback", 60), ("period", 20), ("top", 5), ("invest", 0.70))

    def __init__(self) -> None:
        super().__init__()
        self._bars = 0

    def prenext(self) -> None:
        """A name listed later must not keep the others waiting."""
        self.next()

    def next(self) -> None:
        """Rank, then trade the difference at the next open."""
        self._bars += 1
        if self._bars % self.p.period:
            return
        ready = [d for d in self.datas if len(d) > self.p.lookback and d.volume[0] > 0]
        ranked = sorted(ready, key=lambda d: d.close[0] / d.close[-self.p.lookback], reverse=True)
        best = ranked[: self.p.top]
        for data in self.datas:
            if self.getposition(data).size and data not in best:
                self.close(data=data)
        for data in best:
            if not self.getposition(data).size:
                value = self.broker.getvalue() * self.p.invest / self.p.top
                self.buy(data=data, size=int(value // data.close[0]))
