"""KRX costs as backtrader's commission info, so that ordinary strategies can ask for them."""

from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

import backtrader as bt

from kisbt.domain.market import Instrument
from kisbt.krx.costs import CostModel


class KRXCommission(bt.CommInfoBase):
    """Commission on both sides and tax on sales, in won.

    Args:
        instrument: The name it is for.
        costs: The account's cost model.
        today: Tells the trading day; the tax rate depends on it.
    """

    params: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("stocklike", True),
        ("commtype", bt.CommInfoBase.COMM_PERC),
        ("percabs", True),
    )

    def __init__(self, instrument: Instrument, costs: CostModel, today: Callable[[], date]) -> None:
        super().__init__()
        self._instrument = instrument
        self._costs = costs
        self._today = today

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        amount = int(abs(size) * price)
        if not amount:
            return 0.0
        name = self._instrument
        cost = self._costs.commission(amount, name.product)
        if size < 0:
            cost += self._costs.sell_tax(amount, name.market, name.product, self._today())
        return float(cost)
