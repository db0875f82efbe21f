"""Small markets and simulators for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from kisbt.config import CostSettings
from kisbt.data.dataset import Dataset
from kisbt.domain.market import Instrument, Market, Product
from kisbt.domain.trading import Side
from kisbt.krx.calendar import sessions
from kisbt.krx.costs import CostModel
from kisbt.krx.ticks import round_down
from kisbt.sim.exchange.account import Account, Holder
from kisbt.sim.exchange.checks import NewOrder
from kisbt.sim.exchange.exchange import Exchange
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.market import Market as Venue
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import LOCKSTEP, SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

FIRST, LAST = date(2024, 9, 2), date(2025, 6, 30)
NAMES = (
    Instrument(ticker="005930", name="삼성전자", sector="전기전자"),
    Instrument(ticker="000660", name="SK하이닉스", sector="전기전자"),
    Instrument(ticker="035720", name="카카오", sector="서비스업"),
    Instrument(ticker="247540", name="에코프로비엠", market=Market.KOSDAQ),
    Instrument(ticker="069500", name="KODEX 200", product=Product.ETF),
)
START_PRICES = (70_000, 180_000, 42_000, 160_000, 34_000)
HOLDER = Holder("50000001", "01", "tester", "김시험")
CASH = 100_000_000


def daily_frame(days: list[date], start: int, seed: int, instrument: Instrument) -> pd.DataFrame:
    """A random walk on tick, inside its limits, never without volume."""
    draw = np.random.default_rng(seed)
    rows, close = [], start
    for day in days:
        rules = (instrument.market, day, instrument.product)
        ends = [round_down(int(close * (1 + draw.normal(0, 0.012))), *rules) for _ in range(2)]
        opened, closed = ends
        high = round_down(int(max(ends) * (1 + abs(draw.normal(0, 0.006)))), *rules)
        low = round_down(int(min(ends) * (1 - abs(draw.normal(0, 0.006)))), *rules)
        volume = int(draw.integers(200_000, 2_000_000))
        rows.append((opened, max(high, *ends), min(low, *ends), closed, volume))
        close = closed
    columns = ["open", "high", "low", "close", "volume"]
    return pd.DataFrame(rows, columns=columns, index=pd.to_datetime(days))


def daily_dataset(
    names: tuple[Instrument, ...] = NAMES, first: date = FIRST, last: date = LAST, **facts: Any
) -> Dataset:
    """About 200 sessions of a few names."""
    days = sessions(first, last)
    frames = {
        each.ticker: daily_frame(days, START_PRICES[n % len(START_PRICES)], n, each)
        for n, each in enumerate(names)
    }
    return Dataset.from_frames("small", frames, names, **facts)


def minute_dataset(days: int = 3) -> Dataset:
    """A few sessions of one name in one-minute bars."""
    instrument, draw, rows, index = NAMES[0], np.random.default_rng(9), [], []
    price = 70_000
    for day in sessions(date(2025, 3, 4), date(2025, 3, 4) + timedelta(days=days * 2))[:days]:
        for minute in range(1, 391):
            at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9, minutes=minute)
            ends = [price, price + int(draw.integers(-2, 3)) * 100]
            high, low = max(ends) + 100, min(ends) - 100
            rows.append((ends[0], high, low, ends[1], int(draw.integers(500, 5_000))))
            index.append(at)
            price = ends[1]
    columns = ["open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(rows, columns=columns, index=pd.DatetimeIndex(index))
    return Dataset.from_frames("minutes", {"005930": frame}, [instrument], frequency="1m")


def exchange(dataset: Dataset, day: int = 130, seed: int = 7, share: float = 0.1) -> Exchange:
    """An exchange at midnight of the dataset's ``day``-th session."""
    market = Venue(dataset)
    costs = CostModel.from_settings(CostSettings())
    return Exchange(Floor(market, costs, share, seed, market.days[day]))


def open_account(venue: Exchange, cash: int = CASH) -> Account:
    """The tester's account."""
    return venue.open_account(HOLDER, cash)


def at(venue: Exchange, hour: int, minute: int = 0) -> None:
    """Let time pass to an hour of the exchange's day."""
    venue.advance_to(
        datetime.combine(venue.floor.day, datetime.min.time())
        + timedelta(hours=hour, minutes=minute)
    )


def order(venue: Exchange, side: Side, quantity: int, price: int = 0, **more: Any) -> NewOrder:
    """An order of the tester, at the market without a price."""
    ticker = more.pop("ticker", "005930")
    kind = more.pop("kind", "00" if price else "01")
    return NewOrder(
        HOLDER.number + HOLDER.product,
        ticker,
        side,
        kind,
        quantity,
        price,
        venue.floor.day,
        **more,
    )


def simulator(dataset: Dataset, **options: Any) -> Simulator:
    """A simulator standing still, unlimited, on the paper side unless told."""
    options.setdefault("speed", LOCKSTEP)
    options.setdefault("per_second", 0)
    return Simulator(dataset, SimOptions(**options))


@contextmanager
def served(dataset: Dataset, **options: Any) -> Iterator[RunningSimulator]:
    """The same behind sockets on free ports, both sides."""
    options.setdefault("flavours", (Flavour.PAPER, Flavour.REAL))
    with RunningSimulator(simulator(dataset, **options)) as running:
        yield running
