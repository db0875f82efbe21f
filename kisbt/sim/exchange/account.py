"""One account: D+2 cash, positions, and what it traded, by day and name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from kisbt.domain.market import Instrument
from kisbt.domain.trading import Side
from kisbt.krx.costs import CostModel
from kisbt.krx.settlement import CashLedger
from kisbt.sim.exchange.orders import Order


@dataclass(slots=True)
class Position:
    """Shares and what they cost in won, commission not included."""

    quantity: int = 0
    cost: int = 0

    @property
    def average(self) -> float:
        """Won a share (매입평균가), 0 without shares."""
        return self.cost / self.quantity if self.quantity else 0.0


@dataclass(slots=True)
class DayTrade:
    """What one name traded on one day. Won and shares.

    ``realised`` is sale proceeds less the average cost of the shares sold, their commission and
    tax. ``sold_cost`` is that average cost.
    """

    day: date
    ticker: str
    bought: int = 0
    buy_amount: int = 0
    buy_fee: int = 0
    sold: int = 0
    sell_amount: int = 0
    sell_fee: int = 0
    tax: int = 0
    sold_cost: int = 0
    realised: int = 0


class Booked(NamedTuple):
    """What a fill cost: won."""

    fee: int
    tax: int


class Holder(NamedTuple):
    """Who an account belongs to: 8 + 2 digits, the HTS id, the printed name."""

    number: str
    product: str
    hts_id: str
    name: str


@dataclass
class Account:
    """Cash, positions and trades of one holder. Order flow is the exchange's business."""

    holder: Holder
    start_cash: int
    ledger: CashLedger
    positions: dict[str, Position] = field(default_factory=dict)
    trades: dict[tuple[date, str], DayTrade] = field(default_factory=dict)
    actions: list[tuple[date, str, int, int, int]] = field(default_factory=list)
    """Corporate actions: day, ticker, shares before and after, won paid out."""

    @classmethod
    def open(cls, holder: Holder, cash: int) -> "Account":
        """A new account with ``cash`` won, settled."""
        return cls(holder, cash, CashLedger(cash))

    @property
    def key(self) -> str:
        """Ten digits, as notices carry it."""
        return self.holder.number + self.holder.product

    def quantity(self, ticker: str) -> int:
        """Shares held."""
        position = self.positions.get(ticker)
        return position.quantity if position else 0

    def book(
        self,
        order: Order,
        price: int,
        quantity: int,
        instrument: Instrument,
        costs: CostModel,
        on: date,
    ) -> Booked:
        """Book a fill into cash, position and the day's trades. Reservations are not touched.

        Raises:
            ValueError: cash would go negative, or more shares are sold than held.
        """
        amount, product = price * quantity, instrument.product
        fee = costs.commission(amount, product)
        trade = self.trades.setdefault((on, order.ticker), DayTrade(on, order.ticker))
        if order.side is Side.BUY:
            self.ledger.buy(on, amount, fee)
            position = self.positions.setdefault(order.ticker, Position())
            position.quantity += quantity
            position.cost += amount
            trade.bought += quantity
            trade.buy_amount += amount
            trade.buy_fee += fee
            return Booked(fee, 0)
        if quantity > self.quantity(order.ticker):
            raise ValueError(f"{self.key} sells {quantity} {order.ticker}, more than it holds")
        position = self.positions[order.ticker]
        tax = costs.sell_tax(amount, instrument.market, product, on)
        self.ledger.sell(on, amount, fee + tax)
        removed = position.cost * quantity // position.quantity
        position.quantity -= quantity
        position.cost -= removed
        if not position.quantity:
            del self.positions[order.ticker]
        trade.sold += quantity
        trade.sell_amount += amount
        trade.sell_fee += fee
        trade.tax += tax
        trade.sold_cost += removed
        trade.realised += amount - removed - fee - tax
        return Booked(fee, tax)

    def traded_on(self, day: date) -> Iterator[DayTrade]:
        """What was traded on one day, by ticker."""
        for key in sorted(self.trades):
            if key[0] == day:
                yield self.trades[key]
