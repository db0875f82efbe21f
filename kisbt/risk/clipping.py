"""The bounds that all buys of a plan share: names, orders, exposure, turnover and cash."""

from bisect import bisect_right

from kisbt.domain.market import Product
from kisbt.domain.trading import OpenOrder, OrderIntent, Side
from kisbt.risk.book import RiskBook
from kisbt.risk.pricing import Priced


class Room:
    """What is left for buys, in won and counts; each approved buy takes its part.

    The worst case is assumed throughout: every resting order fills, none of the plan's exits
    frees cash, exposure or a place, and a market buy costs the upper limit and commission.
    """

    __slots__ = ("_costs", "_max_names", "_min_cash", "cash", "exposure", "names", "orders",
                 "turnover")  # fmt: skip

    def __init__(self, book: RiskBook, exits: list[OrderIntent]) -> None:
        portfolio, limits, equity = book.portfolio, book.limits, book.portfolio.equity
        self._costs = book.costs
        self._max_names = limits.max_positions
        self._min_cash = limits.min_cash
        self.cash = portfolio.orderable_cash
        self.orders = limits.max_orders_per_day - book.day.orders - len(exits)
        self.exposure = int(limits.max_exposure * equity)
        self.turnover = int(limits.max_turnover_per_day * equity) - book.day.turnover
        self.names: set[str] = set()
        for position in portfolio.positions:
            self.names.add(position.ticker)
            self.exposure -= position.value
        for order in book.open_orders:
            worth = _worth(order, book)
            self.turnover -= worth
            if order.side is Side.BUY:
                self.names.add(order.ticker)
                self.exposure -= worth
        for intent in exits:
            self.turnover -= intent.quantity * _price(intent.ticker, intent.limit_price, book)

    def clip(
        self, ticker: str, size: int, priced: Priced, product: Product
    ) -> tuple[int, tuple[str, ...]]:
        """Return how many of ``size`` shares fit, and which limits lowered it, in their order."""
        by: list[str] = []
        if ticker not in self.names and len(self.names) >= self._max_names:
            return 0, ("limit:max_positions",)
        if self.orders < 1:
            return 0, ("limit:max_orders_per_day",)
        fits = self.exposure // priced.value
        if fits < size:
            size = fits
            by.append("limit:max_exposure")
        fits = self.turnover // priced.value
        if fits < size:
            size = fits
            by.append("limit:max_turnover_per_day")
        if size > 0:
            size = self._clip_to_cash(size, priced.reserve, product, by)
        return size, tuple(by)

    def _clip_to_cash(self, size: int, price: int, product: Product, by: list[str]) -> int:
        cost = self._costs.buy_total(price, size, product)
        budget = self.cash - self._min_cash
        if cost <= budget:
            return size
        by.append("limit:min_cash" if cost <= self.cash else "limit:orderable_cash")

        def total(quantity: int) -> int:
            return self._costs.buy_total(price, quantity, product)

        return bisect_right(range(size), budget, key=total) - 1

    def take(self, ticker: str, size: int, priced: Priced, product: Product) -> None:
        """Book an approved buy of ``size`` shares."""
        self.names.add(ticker)
        self.orders -= 1
        self.exposure -= size * priced.value
        self.turnover -= size * priced.value
        self.cash -= self._costs.buy_total(priced.reserve, size, product)


def _price(ticker: str, limit_price: int | None, book: RiskBook) -> int:
    """Won a share of a sent order: the last close or a higher limit; 0 when neither is known."""
    quote = book.quote(ticker)
    return max(quote.close if quote else 0, limit_price or 0)


def _worth(order: OpenOrder, book: RiskBook) -> int:
    """Won that a resting order may move; all of the equity when its price is unknown."""
    price = _price(order.ticker, order.limit_price, book)
    return order.remaining * price if price > 0 else max(book.portfolio.equity, 0)
