"""One test a quirk of backtrader that we lean on, so that a fork or an upgrade shows itself."""

from typing import Any

import backtrader as bt
import pytest

from kisbt.errors import ConfigError
from kisbt.run.engine import assemble
from tests.adapter.worlds import flat, frame, run, world

A, B = "005930", "000660"


def test_neither_cheat_is_on_and_history_runs_on_the_live_loop() -> None:
    cerebro = assemble(bt.Strategy, {A: bt.feed.DataBase()}, bt.brokers.BackBroker())
    assert not cerebro.p.cheat_on_open
    assert not cerebro.p.broker_coo or not cerebro.p.cheat_on_open
    assert cerebro.p.runonce is False
    assert cerebro.p.quicknotify is True
    assert cerebro.p.stdstats is False


def test_no_feed_is_an_error_and_not_an_empty_run() -> None:
    with pytest.raises(ConfigError, match="nothing to trade"):
        assemble(bt.Strategy, {}, bt.brokers.BackBroker())


def test_late_listing_does_not_silence_a_strategy_that_forwards_prenext() -> None:
    class Counts(bt.Strategy):
        seen: list[int] = []

        def prenext(self) -> None:
            self.next()

        def next(self) -> None:
            self.seen.append(sum(1 for data in self.datas if len(data)))

    run(Counts, world({A: frame(flat(100, 6)), B: frame(flat(100, 2), start=4)}))
    assert Counts.seen == [1, 1, 1, 1, 2, 2]


def test_late_listing_holds_next_back_and_the_run_says_for_how_long() -> None:
    done = run(bt.Strategy, world({A: frame(flat(100, 6)), B: frame(flat(100, 2), start=4)}))
    assert done.waiting == 4


def test_strategy_clock_is_the_newest_bar_of_any_feed() -> None:
    class Times(bt.Strategy):
        seen: list[Any] = []

        def prenext(self) -> None:
            self.seen.append(bt.num2date(self.lines.datetime[0]))

        next = prenext

    data = world({A: frame(flat(100, 3)), B: frame(flat(100, 3), start=2)})
    run(Times, data)
    assert [moment.day for moment in Times.seen] == [4, 5, 6, 7, 8]
    assert all((moment.hour, moment.minute) == (15, 30) for moment in Times.seen)


def test_numpy_feed_shows_a_strategy_exactly_the_bars_of_the_dataset() -> None:
    class Reads(bt.Strategy):
        rows: list[tuple[float, ...]] = []

        def next(self) -> None:
            d = self.data
            self.rows.append((d.open[0], d.high[0], d.low[0], d.close[0], d.volume[0]))

    rows = [(100, 120, 90, 110, 5), (111, 130, 100, 105, 7), (105, 105, 105, 105, 0)]
    run(Reads, world({A: frame(rows)}))
    assert Reads.rows == [tuple(float(x) for x in row) for row in rows]


def test_indicators_of_backtrader_work_on_the_numpy_feed() -> None:
    class Average(bt.Strategy):
        values: list[float] = []

        def __init__(self) -> None:
            self.mean = bt.ind.SMA(self.data.close, period=3)

        def next(self) -> None:
            self.values.append(self.mean[0])

    rows = [(price, price, price, price, 10) for price in (100, 110, 120, 130)]
    done = run(Average, world({A: frame(rows)}))
    assert Average.values == [110.0, 120.0]
    assert done.waiting == 2


def test_orders_are_told_in_the_bar_of_their_fill() -> None:
    class Told(bt.Strategy):
        when: list[tuple[str, int]] = []
        bars = 0

        def notify_order(self, order: bt.Order) -> None:
            if order.status == order.Completed:
                self.when.append((bt.num2date(order.executed.dt).strftime("%m-%d"), self.bars))

        def next(self) -> None:
            self.bars += 1
            if self.bars == 1:
                self.buy(size=1)

    run(Told, world({A: frame(flat(100, 3))}))
    assert Told.when == [("03-05", 1)]  # before ``next`` of bar 2: quicknotify


def test_feeds_are_named_by_ticker() -> None:
    class Names(bt.Strategy):
        names: list[str] = []

        def start(self) -> None:
            self.names.extend(self.getdatanames())

    run(Names, world({B: frame(flat(100, 2)), A: frame(flat(100, 2))}))
    assert Names.names == [B, A]  # sorted: 000660 before 005930
