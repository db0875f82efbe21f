"""The state of the venue: time, names, accounts, orders. Desk and exchange work on it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from kisbt.domain.trading import Side
from kisbt.krx.costs import CostModel
from kisbt.sim.exchange.account import Account
from kisbt.sim.exchange.book import Book, around
from kisbt.sim.exchange.events import Event, Listener
from kisbt.sim.exchange.hours import DayTimes, Phase, day_times, phase_within
from kisbt.sim.exchange.market import Market
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.orders import Order
from kisbt.sim.exchange.path import GRID, Step, day_steps

THIN_DEPTH = 50
DEPTH_SHARE = 800
"""A book level holds about one part in that many of the previous day's volume."""


class Floor:
    """Everything the venue knows now. One trading day is loaded at a time, ``day``.

    Args:
        market: The dataset as a market.
        costs: Fees and taxes of every account.
        participation: Largest share of a bar's volume that all accounts together may trade.
        seed: Of paths, books and everything else that is drawn.
        day: First trading day.
        grid: Time between two prints of a daily bar's path.
    """

    def __init__(
        self,
        market: Market,
        costs: CostModel,
        participation: float,
        seed: int,
        day: date,
        grid: timedelta = GRID,
    ) -> None:
        self.market = market
        self.costs = costs
        self.participation = participation
        self.seed = seed
        self.grid = grid
        self.day = day
        self.times: DayTimes = day_times(day)
        self.now = datetime.combine(day, datetime.min.time())
        self.accounts: dict[str, Account] = {}
        self.orders: dict[date, dict[int, Order]] = {}
        self.resting: dict[int, Order] = {}
        self.names: dict[str, NameDay] = {}
        self.watched: dict[str, int] = {}
        self.listeners: list[Listener] = []
        self.issued = 0
        self.numbers_run_on = False
        """Order numbers go on over days: needed where several venue days share one wall date."""

    @property
    def phase(self) -> Phase:
        """What the venue does now; closed on a calendar day without data."""
        if self.now.date() != self.day:
            return Phase.CLOSED
        return phase_within(self.times, self.now)

    def emit(self, event: Event) -> None:
        """Tell every listener, in the order they came."""
        for listener in self.listeners:
            listener(event)

    def next_number(self) -> int:
        """The next order number; numbers begin at 1 every day, over all accounts."""
        self.issued += 1
        return self.issued

    def resting_in(self, ticker: str) -> list[Order]:
        """Resting orders of one name, in order of arrival."""
        return [order for order in self.resting.values() if order.ticker == ticker]

    def resting_of(self, account: str) -> list[Order]:
        """Resting orders of one account, in order of arrival."""
        return [order for order in self.resting.values() if order.account == account]

    def sellable(self, account: Account, ticker: str) -> int:
        """Shares held and not promised to a resting sale."""
        promised = sum(
            order.remaining
            for order in self.resting.values()
            if order.account == account.key and order.ticker == ticker and order.side is Side.SELL
        )
        return account.quantity(ticker) - promised

    def active(self, ticker: str) -> bool:
        """Whether a name's prints are events: somebody watches it or has an order in it."""
        return bool(self.watched.get(ticker)) or any(
            order.ticker == ticker for order in self.resting.values()
        )

    def known(self, ticker: str) -> bool:
        """Whether the venue lists the name today."""
        return ticker in self.market.instruments and self.market.listed(ticker, self.day)

    def name(self, ticker: str) -> NameDay:
        """One name's day as of now. Names nobody watches are caught up here, silently.

        Raises:
            KeyError: not listed today.
        """
        if not self.known(ticker):
            raise KeyError(ticker)
        name = self.names.get(ticker)
        if name is None:
            name = self.names[ticker] = self._load(ticker)
        if not self.active(ticker):
            while (step := name.next_step) is not None and step.at <= self.now:
                name.bar = step.bar
                name.print_step()
        return name

    def listed(self) -> Iterator[NameDay]:
        """Every name listed today, by ticker, as of now."""
        for ticker in self.market.tickers:
            if self.market.listed(ticker, self.day):
                yield self.name(ticker)

    def book(self, name: NameDay) -> Book:
        """The order book of a name as of now, our own resting orders included."""
        own_asks: dict[int, int] = {}
        own_bids: dict[int, int] = {}
        for order in self.resting_in(name.ticker):
            if order.limit is not None and not order.waiting:
                side = own_bids if order.side is Side.BUY else own_asks
                side[order.limit] = side.get(order.limit, 0) + order.remaining
        return around(
            name.price,
            bought=name.last_bought,
            band=name.band,
            rules=name.rules,
            depth=max(THIN_DEPTH, name.previous_volume // DEPTH_SHARE),
            seed=f"{self.seed}{name.ticker}{self.day}{name.done}",
            own_asks=own_asks,
            own_bids=own_bids,
        )

    def path(self, ticker: str, day: date) -> list[Step]:
        """The prints of a name on any day; the same whenever it is asked."""
        market = self.market
        return day_steps(
            market.bars(ticker, day),
            day_times(day),
            market.rules(ticker, day),
            f"{self.seed}:{ticker}:{day}",
            daily=market.daily_data,
            grid=self.grid,
        )

    def _load(self, ticker: str) -> NameDay:
        market, day = self.market, self.day
        history = market.daily(ticker)
        row = history.before(day)
        bars, rules = market.bars(ticker, day), market.rules(ticker, day)
        band, steps = market.band(ticker, day), self.path(ticker, day)
        previous = history.close[row - 1] if row else 0
        price = band.base if band else previous
        name = NameDay(
            ticker=ticker,
            instrument=market.instruments[ticker],
            day=day,
            rules=rules,
            band=band,
            previous_close=previous or price,
            previous_volume=history.volume[row - 1] if row else 0,
            bars=[each.bar for each in bars],
            steps=steps,
            suspended=not steps,
            price=price,
        )
        name.vi_reference = price
        return name
