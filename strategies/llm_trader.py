"""The strategy of the house: the operating graph, once at every bar's close.

Nothing in this file knows whether it runs over history, on the simulator or with real money.
"""

import backtrader as bt

from kisbt.adapter.operator import Operator
from kisbt.domain.state import TradingState


class LlmTrader(bt.Strategy):
    """Asks the operator to decide at every bar; the graph's nodes do the rest.

    Args:
        operator: The operating graph with its ports: portfolio, market, decider, risk, orders.
    """

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._operator = operator
        self.state: TradingState | None = None

    def prenext(self) -> None:
        """Backtrader waits for every feed; a late listing must not silence the rest."""
        self.next()

    def next(self) -> None:
        """Take one tick. Orders it sends can fill from the next bar on."""
        self.state = self._operator.decide()
