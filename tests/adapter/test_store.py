"""The store between threads and Cerebro: nothing ragged, nothing lost, no turn for nothing."""

import random
import time as wall
from datetime import date, datetime, timedelta

import backtrader as bt
import pytest

from kisbt.adapter.bars import BarSet, LiveBar
from kisbt.adapter.live_clock import WallClock
from kisbt.adapter.store import KISStore
from kisbt.errors import ConfigError, DataError
from kisbt.kis.records import Trade
from tests.adapter.live_market_worlds import Witness
from tests.adapter.live_rig import lockstep
from tests.sim.venue import daily_dataset

DAY = date(2025, 3, 4)
OPEN = datetime(2025, 3, 4, 9, 0)
NAMES = [f"{n:06d}" for n in range(1, 21)]


class Drip:
    """A source that publishes bars of all names, or of some, at moments of its own."""

    def __init__(self, store, seed, bars):
        self.store, self.draw, self.left = store, random.Random(seed), bars
        self.at = OPEN

    def hear(self, event):
        return None

    def urgent(self, event):
        return False

    def step(self):
        if not self.left:
            return datetime.max
        self.left -= 1
        self.at += timedelta(minutes=1)
        there = [name for name in NAMES if self.draw.random() < 0.9]
        bar = LiveBar(1000, 1010, 990, 1005, 10)
        self.store._intake.publish(BarSet(self.at, dict.fromkeys(there, bar)))
        wall.sleep(self.draw.choice([0, 0, 0.0005, 0.003]))
        return self.store.clock.now()


class DripStore(KISStore):
    """A store over a drip."""

    def __init__(self, *arguments, make, **options):
        super().__init__(*arguments, **options)
        self.make = make

    def _open_source(self, _tickers, _since):
        return self.make(self)


def dripping(make, **options):
    """A store without KIS."""
    return DripStore(
        None, make=make, tickers=NAMES, frequency="1m", stream=None, backfill=0,
        until=datetime(2100, 1, 1), **options,
    )  # fmt: skip


def run(store, strategy=Witness, **arguments):
    """Cerebro over all names, with backtrader's own broker."""
    cerebro = bt.Cerebro(stdstats=False, runonce=False, quicknotify=True)
    for name in NAMES:
        cerebro.adddata(store.getdata(dataname=name), name=name)
    cerebro.addstrategy(strategy, market=store.market, **arguments)
    try:
        return cerebro.run()[0]
    finally:
        store.stop()


@pytest.mark.parametrize("seed", range(3))
def test_bars_of_one_time_reach_the_strategy_together(seed):
    """200 bar times of 20 names, published while Cerebro turns: one call each, none ragged."""
    ran = run(dripping(lambda store: Drip(store, seed, 200)))
    assert len(ran.seen) == 200
    assert ran.ragged == []
    times = [each["at"] for each in ran.seen]
    assert times == sorted(set(times))


def test_an_idle_store_does_not_spin():
    """With nothing to tell, Cerebro turns as often as qcheck says and no more."""

    class Late(Drip):
        def step(self):
            if self.left == 1:
                self.left = 0
                return self.store.clock.now() + timedelta(seconds=1)
            return datetime.max

    turns = []
    store = dripping(lambda store: Late(store, 0, 1))
    hand_out = store._hand_out
    store._hand_out = lambda: (turns.append(wall.monotonic()), hand_out())
    run(store)
    assert len(turns) <= 4 + (turns[-1] - turns[0]) / 0.5


def test_a_source_that_breaks_ends_the_feeds_and_says_so():
    class Broken(Drip):
        def step(self):
            raise ZeroDivisionError("as it happens")

    told = []
    store = dripping(lambda store: Broken(store, 0, 1))
    store.listener = lambda level, text: told.append((level, text))
    ran = run(store)
    assert ran.seen == []
    assert told == [("alert", "시세 스레드가 멈춤: ZeroDivisionError: as it happens")]


def test_a_source_in_trouble_is_asked_again():
    class Troubled(Drip):
        def step(self):
            if self.left == 3:
                self.left -= 1
                raise DataError("only this once")
            return super().step()

    told = []
    store = dripping(lambda store: Troubled(store, 0, 3), clock=WallClock(100.0, read=lambda: OPEN))
    store.listener = lambda level, text: told.append((level, text))
    ran = run(store)
    assert len(ran.seen) == 2
    assert told == [("warning", "only this once")]


def test_a_name_after_the_universe_is_fixed_is_one_clear_line():
    store = dripping(lambda store: Drip(store, 0, 1))
    assert store.market.tickers == tuple(NAMES)
    with pytest.raises(ConfigError, match="not among the store's names"):
        store.getdata(dataname="005930")


@pytest.mark.parametrize("frequency", ["1w", "2d", "m", ""])
def test_unknown_frequencies_are_one_clear_line(frequency):
    with pytest.raises(ConfigError, match="unknown frequency"):
        KISStore(None, frequency=frequency)


class StillStream:
    """A stream that is up and says nothing."""

    connected, failure, last_reason, places = True, None, "", 41


def test_a_silent_stream_in_the_session_breaks_the_feed_and_a_tick_mends_it():
    moment = [datetime(2025, 3, 4, 10, 0)]
    store = dripping(lambda store: Drip(store, 0, 1), clock=WallClock(read=lambda: moment[0]))
    store._stream = StillStream()
    store.market.take(BarSet(moment[0], {NAMES[0]: LiveBar(1, 1, 1, 1, 1)}))
    data = bt.feed.DataBase
    assert store.state(NAMES[0]) == data.CONNBROKEN
    fields = [""] * 47
    store._intake.hear(Trade("H0STCNT0", NAMES[0], "100000", 1000, 1, 1, 0, 0, fields))
    assert store.state(NAMES[0]) == data.LIVE
    assert store.last_price(NAMES[0]) == 1000
    StillStream.connected = False
    assert store.state(NAMES[0]) == data.CONNBROKEN
    StillStream.connected = True


def test_history_is_delayed_then_live():
    with lockstep(daily_dataset(), first=date(2025, 3, 4)) as rig:
        store = rig.store(until=datetime(2025, 3, 6, 15, 30), backfill=30, replay=5)
        ran = rig.run(Witness, store, market=store.market, every=1)
    assert len(ran.seen) == 5 + 3
    assert [state for name, state in ran.states if name == "005930"] == ["DELAYED", "LIVE"]
    refused = {reason for _, status, *_, reason in ran.orders if status == "Rejected"}
    assert refused == {"지나간 봉에서는 주문하지 않음"}


def test_a_day_on_which_the_venue_stayed_closed_makes_no_bar():
    """The data ends on a Monday; quotes go on showing it, and nobody takes that for Tuesday."""
    dataset = daily_dataset(last=date(2025, 3, 10))
    with lockstep(dataset, first=date(2025, 3, 7)) as rig:
        store = rig.store(until=datetime(2025, 3, 12, 15, 30), backfill=5)
        ran = rig.run(Witness, store, market=store.market)
    assert [each["at"].date() for each in ran.seen] == [date(2025, 3, 7), date(2025, 3, 10)]
    assert any("휴장" in text for _, text in rig.notes)
