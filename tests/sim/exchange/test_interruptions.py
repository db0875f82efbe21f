"""Volatility interruptions that the data itself causes, conditional orders, indices."""

import itertools
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kisbt.data.dataset import Dataset, IndexSeries
from kisbt.domain.market import Instrument
from kisbt.domain.trading import Side
from kisbt.krx.calendar import sessions
from kisbt.sim.exchange.events import Interrupted
from kisbt.sim.exchange.index import IndexTape
from kisbt.sim.exchange.refusals import Refusal, RefusedError
from tests.sim.venue import at, daily_dataset, exchange, open_account, order

DAYS = sessions(date(2025, 3, 4), date(2025, 3, 14))


def wild_dataset():
    """Every day opens flat, falls two percent and then runs up by a quarter."""
    closes = [10_000]
    for _ in DAYS:
        closes.append(int(closes[-1] * 1.25) // 100 * 100)
    rows = [(a, b, int(a * 0.98) // 10 * 10, b, 1_000_000) for a, b in itertools.pairwise(closes)]
    columns = ["open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(rows, columns=columns, index=pd.to_datetime(DAYS))
    return Dataset.from_frames("wild", {"005930": frame}, [Instrument(ticker="005930")])


def test_ten_percent_from_the_last_auction_interrupts_for_two_minutes():
    venue = exchange(wild_dataset(), day=3)
    heard = []
    venue.floor.listeners.append(lambda e: heard.append(e) if isinstance(e, Interrupted) else None)
    venue.watch("005930", 1)
    at(venue, 15, 31)
    begun = [event for event in heard if event.on]
    ended = [event for event in heard if not event.on]
    assert begun
    assert len(begun) == len(ended)
    first = venue.floor.names["005930"].stops[0]
    assert first.kind == "1"
    assert abs(first.price - first.reference) * 10 >= first.reference
    assert ended[0].at - begun[0].at == timedelta(minutes=2)


def test_an_order_that_comes_in_a_vi_waits_for_its_end():
    venue = exchange(wild_dataset(), day=3)
    open_account(venue)
    venue.watch("005930", 1)
    at(venue, 9, 1)
    while not venue.floor.name("005930").in_vi(venue.now):
        venue.advance_to(venue.now + timedelta(minutes=1))
    placed = venue.place(order(venue, Side.BUY, 3))
    assert placed.filled == 0
    at(venue, 15, 31)
    assert placed.filled == 3


def test_a_conditional_limit_order_becomes_a_market_order_at_the_closing_auction():
    venue = exchange(daily_dataset())
    account = open_account(venue)
    at(venue, 10)
    low = venue.floor.name("005930").band.lower
    placed = venue.place(order(venue, Side.BUY, 4, low, kind="02"))
    at(venue, 15, 19)
    assert placed.filled == 0
    at(venue, 15, 31)
    assert placed.filled == 4
    assert placed.average == venue.floor.names["005930"].bars[0].close
    assert account.ledger.reserved == 0


def test_best_price_orders_take_their_limit_from_the_book():
    venue = exchange(daily_dataset())
    open_account(venue)
    at(venue, 11)
    book = venue.floor.book(venue.floor.name("005930"))
    assert venue.place(order(venue, Side.BUY, 1, kind="03")).limit == book.ask
    assert venue.place(order(venue, Side.BUY, 1, kind="04")).limit == book.bid


def test_old_single_price_orders_match_every_ten_minutes():
    venue = exchange(daily_dataset())
    open_account(venue)
    at(venue, 16, 2)
    close = venue.floor.name("005930").price
    placed = venue.place(order(venue, Side.BUY, 2, close, kind="07"))
    assert placed.filled == 0
    at(venue, 16, 11)
    assert (placed.filled, placed.average) == (2, close)


def test_pre_hours_orders_trade_at_yesterdays_close_until_0840():
    venue = exchange(daily_dataset())
    open_account(venue)
    at(venue, 8, 31)
    name = venue.floor.name("005930")
    placed = venue.place(order(venue, Side.BUY, 2, kind="05"))
    assert (placed.filled, placed.average) == (2, name.previous_close)
    at(venue, 8, 41)
    with pytest.raises(RefusedError) as caught:
        venue.place(order(venue, Side.BUY, 2, kind="05"))
    assert caught.value.reason is Refusal.NOT_NOW


def test_a_suspended_name_is_refused_and_its_price_stands():
    data = wild_dataset()
    table = data.bars["005930"]
    volume = table.volume.copy()
    volume[3] = 0
    halted = Dataset.from_frames(
        "halted",
        {
            "005930": pd.DataFrame(
                {
                    "open": np.where(volume == 0, table.close, table.open),
                    "high": np.where(volume == 0, table.close, table.high),
                    "low": np.where(volume == 0, table.close, table.low),
                    "close": table.close,
                    "volume": volume,
                },
                index=pd.DatetimeIndex(table.times),
            )
        },
    )
    venue = exchange(halted, day=3)
    open_account(venue)
    at(venue, 10)
    with pytest.raises(RefusedError) as caught:
        venue.place(order(venue, Side.BUY, 1))
    assert caught.value.reason is Refusal.HALTED
    assert venue.floor.name("005930").volume == 0


def test_the_index_is_the_datasets_own_where_it_has_one():
    times = np.array([datetime.combine(day, datetime.min.time()) for day in DAYS], "datetime64[s]")
    series = IndexSeries("KOSPI", times, np.linspace(2500.0, 2570.0, len(DAYS)))
    data = wild_dataset()
    own = Dataset.build("own", data.bars, data.instruments.values(), index=series)
    venue = exchange(own, day=3)
    tape = IndexTape(venue.floor)
    rows = tape.days(DAYS[2])
    assert [round(row.close, 2) for row in rows] == [2500.0, 2508.75, 2517.5]
    assert tape.today().previous == pytest.approx(2517.5)
    at(venue, 16)
    assert tape.today().close == pytest.approx(2517.5 * 1.25, rel=0.01)
    assert tape.breadth().up == 1


def test_without_an_index_the_mean_of_the_names_stands_in():
    venue = exchange(wild_dataset(), day=3)
    rows = IndexTape(venue.floor).days(DAYS[2])
    assert rows[1].close / rows[0].close == pytest.approx(1.25, rel=0.01)
