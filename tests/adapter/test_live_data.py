"""Live bars, features and quotes against a simulator equal those of a replay, to the digit."""

import threading
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from kisbt.data.store import load_dataset
from tests.adapter.live_market_worlds import CASH, Witness, replayed
from tests.adapter.live_rig import lockstep

DATASETS = Path(__file__).parents[2] / "datasets"


def until(day):
    return datetime.combine(day, time(15, 30))


def assert_same(live, back):
    assert [each["at"] for each in live.seen] == [each["at"] for each in back.seen]
    for ours, theirs in zip(live.seen, back.seen, strict=True):
        for what, value in theirs.items():
            assert ours[what] == value, (ours["at"], what)
    assert live.orders == back.orders
    assert live.ragged == []


@pytest.fixture(scope="module")
def sample():
    return load_dataset("sample", DATASETS)


@pytest.fixture(scope="module")
def minutes():
    return load_dataset("sample-minutes", DATASETS)


@pytest.mark.parametrize("from_kis", [False, True])
def test_daily_bars_are_those_of_a_replay(sample, from_kis):
    """Over a listing, a delisting and halts; history from a dataset, or from KIS itself."""
    first, last = date(2023, 8, 17), date(2023, 9, 8)
    back = replayed(sample, first, last, every=2)
    history = None if from_kis else sample.between(None, date(2023, 8, 16))
    with lockstep(sample, first=first, cash=CASH) as rig:
        tickers = sample.between(first, last).tickers
        store = rig.store(tickers=tickers, until=until(last), history=history, backfill=340)
        live = rig.run(Witness, store, market=store.market, every=2)
        account = rig.account()
    assert len(live.seen) == 17
    assert any(len(each["lines"]) < len(tickers) for each in live.seen)
    assert_same(live, back)
    assert account["cash"] == live.broker.valuation.cash


def test_paper_quotes_name_by_name_give_the_same_bars(sample):
    first, last = date(2023, 8, 17), date(2023, 8, 22)
    names = sample.only(sample.tickers[:4])
    back = replayed(names, first, last)
    with lockstep(names, first=first, cash=CASH, quotes_from_real=False) as rig:
        store = rig.store(until=until(last), history=names.between(None, date(2023, 8, 16)))
        assert_same(rig.run(Witness, store, market=store.market), back)


def test_minute_bars_are_those_of_a_replay(minutes):
    day = minutes.first_day
    back = replayed(minutes, day, day, every=9)
    with lockstep(minutes, first=day, cash=CASH) as rig:
        store = rig.store(until=until(day))
        live = rig.run(Witness, store, market=store.market, every=9)
        health = store.health()
    assert len(live.seen) == 381
    assert_same(live, back)
    assert (health.lost, health.late) == (0, 0)
    assert ("990010", "LIVE") in live.states


@pytest.mark.parametrize("patience", [10.0, 0.0])
def test_a_stream_that_drops_in_the_middle_of_minutes_costs_no_bar(minutes, patience):
    """The bars of the outage come from KIS's chart; nothing is missing and nothing ragged.

    Without patience time goes on before the client has noticed that its socket was cut.
    """
    day = minutes.first_day
    last = datetime.combine(day, time(9, 40))
    back = replayed(minutes, day, day)
    with lockstep(minutes, first=day, cash=CASH, patience=patience) as rig:
        store = rig.store(until=last)
        vandal = rig.clock.seat("vandal")

        def drop():
            for minute in (10, 11, 20):
                vandal.wait(datetime.combine(day, time(9, minute, 30)))
                rig.running.control("POST", "drop-streams")
            vandal.leave()

        thread = threading.Thread(target=drop)
        thread.start()
        live = rig.run(Witness, store, market=store.market)
        thread.join()
        health = store.health()
    assert health.drops >= (3 if patience else 1)
    assert health.repaired >= 3
    assert [each["lines"] for each in live.seen] == [each["lines"] for each in back.seen[:40]]
    assert [each["at"] for each in live.seen][-1] == last
    assert live.ragged == []


def test_five_minute_bars_are_the_minutes_put_together(minutes):
    day = minutes.first_day
    table = minutes.between(day, day).bars["990010"]
    with lockstep(minutes, first=day, cash=CASH) as rig:
        store = rig.store(
            frequency="5m", tickers=["990010"], until=datetime.combine(day, time(9, 30))
        )
        live = rig.run(Witness, store, market=store.market)
    assert [each["at"].time() for each in live.seen] == [
        (datetime.combine(day, time(9)) + timedelta(minutes=5 * n)).time() for n in range(1, 7)
    ]
    for n, each in enumerate(live.seen):
        part = slice(5 * n, 5 * n + 5)
        assert each["lines"]["990010"][1:] == [
            table.open[part][0], table.high[part].max(), table.low[part].min(),
            table.close[part][-1], table.volume[part].sum(),
        ]  # fmt: skip
