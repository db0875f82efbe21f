"""The live broker on the real simulator: the backtest's fills without faults, the truth with."""

import random
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, ClassVar

import backtrader as bt
import pytest

from kisbt.adapter.kis_orders import OrderDesk
from kisbt.adapter.tape import Tape
from kisbt.config import CostSettings, FillSettings, RiskLimits
from kisbt.data.dataset import Dataset
from kisbt.domain.trading import OrderState, Side
from kisbt.journal.memory import MemoryJournal
from kisbt.krx.costs import CostModel
from kisbt.run.loader import LoadedStrategy
from kisbt.run.replay import replay
from tests.adapter.live_rig import Rig, lockstep
from tests.sim.venue import daily_dataset, minute_dataset

CASH = 100_000_000
COSTS = CostModel.from_settings(CostSettings())


@pytest.mark.parametrize("stamp", ["venue", "wall"])
def test_an_order_is_found_again_whatever_date_the_simulator_gives_it(stamp: str) -> None:
    """At real speed ``kisbt sim`` dates orders by the wall's clock; the runner lives by its."""
    day = date(2025, 3, 4)
    with lockstep(daily_dataset(), first=day, at=time(9, 1), stamp=stamp) as rig:
        sent = rig.clock.now()
        receipt = rig.client.order_cash("005930", Side.BUY, 3, 50_000)
        (row,) = rig.client.inquire_daily_ccld()
        assert row.number == receipt.number
        assert (row.day == day) is (stamp == "venue")
        desk = OrderDesk(rig.client, rig.clock, day)
        desk.resume("O000001", "005930", Side.BUY, 3, 50_000, sent)  # a process that was killed
        assert desk.read()
        standing = desk.standing("O000001")
    assert (standing.state, standing.number) == (OrderState.ACCEPTED, receipt.number)


class Whims(bt.Strategy):
    """Trades by dice that only know the bar and the name."""

    cancels: ClassVar[bool] = False
    since: ClassVar[date] = date.min

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        for data in self.datas:
            if not len(data):
                continue
            at = bt.num2date(data.datetime[0])
            if at.date() < self.since:
                continue
            dice = random.Random(f"{data._name} {at:%Y-%m-%d %H:%M}")
            if self.cancels and dice.random() < 0.2:
                for order in list(self.broker.open_orders()):
                    mine = self.broker.order_by_ref(order.ref)
                    if order.ticker == data._name and mine is not None:
                        self.cancel(mine)
            if dice.random() < 0.6:
                continue
            held = self.getposition(data).size
            price = data.close[0] * dice.uniform(0.97, 1.03)
            terms = (
                {"exectype": bt.Order.Limit, "price": price} if dice.random() < 0.6 else {}
            )  # fmt: skip
            if held and dice.random() < 0.5:
                self.sell(data=data, size=dice.randint(1, held), **terms)
            else:
                self.buy(data=data, size=dice.randint(1, 60), **terms)


class BusyWhims(Whims):
    """The same, and takes resting orders back. The day before lends its close only."""

    cancels = True
    since = date(2025, 3, 5)


def in_backtest(dataset: Dataset, cls: type[Any], share: float) -> MemoryJournal:
    journal = MemoryJournal()
    replay(
        LoadedStrategy(cls, Path(__file__), "sha256:test"),
        Tape(dataset),
        None,
        cash=CASH,
        limits=RiskLimits(),
        costs=COSTS,
        fills=FillSettings(participation=share),
        journal=journal,
    )
    return journal


def live(rig: Rig, cls: type[Any], **options: Any) -> tuple[MemoryJournal, Any]:
    journal = MemoryJournal()
    store = rig.store(**options)
    made = store.getbroker
    store.getbroker = lambda: made(listeners=(journal,))  # type: ignore[method-assign]
    ran = rig.run(cls, store)
    return journal, ran.broker


def last_word(journal: MemoryJournal) -> dict[str, tuple[Any, ...]]:
    return {
        e.ref: (e.ticker, e.side, e.quantity, e.limit_price, e.state, e.filled, e.reason)
        for e in journal.events
    }


@pytest.mark.parametrize("share", [0.1, 0.0002])
def test_daily_fills_cash_and_refusals_are_the_backtests(share: float) -> None:
    dataset = daily_dataset()
    first, last = date(2025, 3, 4), date(2025, 3, 31)
    with lockstep(dataset, first=first, cash=CASH, participation=share) as rig:
        until = datetime.combine(last, time(15, 30))
        told, broker = live(rig, Whims, history=dataset, until=until)
        account = rig.account()
    proven = in_backtest(dataset.between(first, last), Whims, share)
    assert len(told.fills) > 20
    assert told.fills == proven.fills
    ours, theirs = last_word(told), last_word(proven)
    resting = [order.ref for order in broker.open_orders()]
    assert {r: w for r, w in ours.items() if r not in resting} == {
        r: w for r, w in theirs.items() if r not in resting
    }
    assert account["cash"] == broker.book.ledger.cash


def test_minute_fills_and_cancels_are_the_backtests() -> None:
    dataset = minute_dataset(3)
    days = sorted({moment.date() for moment in dataset.timeline.astype("datetime64[s]").tolist()})
    with lockstep(dataset, first=days[1], cash=CASH, participation=0.01) as rig:
        until = datetime.combine(days[1], time(15, 30))
        told, broker = live(rig, BusyWhims, history=dataset, until=until)
        account = rig.account()
    assert days[1] == BusyWhims.since
    proven = in_backtest(dataset.between(days[0], days[1]), BusyWhims, 0.01)
    assert any(fill.side is Side.SELL for fill in told.fills)
    assert told.fills == proven.fills
    ours, theirs = last_word(told), last_word(proven)
    resting = [order.ref for order in broker.open_orders()]
    assert {r: w for r, w in ours.items() if r not in resting} == {
        r: w for r, w in theirs.items() if r not in resting
    }
    assert account["cash"] == broker.book.ledger.cash
