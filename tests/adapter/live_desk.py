"""A live broker over the fake venue and a real journal, without Cerebro."""

from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

import backtrader as bt

from kisbt.adapter.guard import Guard
from kisbt.adapter.kis_broker import KISBroker
from kisbt.adapter.live_account import open_book, restore
from kisbt.data.manifest import CorporateAction
from kisbt.domain.trading import Fill, OrderEvent, PositionChange, Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.recovery import Opening, VenueRecord, read_history
from kisbt.journal.runs import RunInfo
from kisbt.journal.writer import RunJournal
from kisbt.kis.records import Notice
from tests.adapter.fake_venue import (
    ACCOUNT,
    DAY,
    NAMES,
    FakeVenue,
    FixedMarket,
    StillData,
    VenueClock,
)


class Witness:
    """Keeps what listeners are told."""

    def __init__(self) -> None:
        self.events: list[OrderEvent] = []
        self.fills: list[Fill] = []
        self.changes: list[PositionChange] = []

    def record_order(self, event: OrderEvent) -> None:
        self.events.append(event)

    def record_fill(self, fill: Fill) -> None:
        self.fills.append(fill)

    def record_change(self, change: PositionChange) -> None:
        self.changes.append(change)


class LiveDesk:
    """Broker, venue, clock and journal of one account; ``restart`` is a new process."""

    def __init__(self, folder: Path, *, at: datetime | None = None, by_bar: bool = False,
                 guard: Guard | None = None, **truth: Any) -> None:  # fmt: skip
        self.clock = VenueClock(at or datetime.combine(DAY, time(9, 1)))
        self.market = FixedMarket(self.clock)
        self.venue = FakeVenue(self.clock, **truth)
        self.by_bar, self.guard = by_bar, guard
        self.actions: list[CorporateAction] = []
        self.inbox: list[Notice] = []
        self.alerts: list[tuple[str, str]] = []
        self.witness = Witness()
        self.db = DatabaseManager(f"sqlite:///{folder / 'journal.sqlite'}", clock=self.clock.now)
        self.run = self.db.begin_run(
            RunInfo(mode="sim", strategy="test", decider="test", dataset_name="live",
                    dataset_hash="sha256:live", config_hash="sha256:config", spec={})
        )  # fmt: skip
        self.opening = Opening(
            self.clock.now(), self.venue.cash, {t: (n, 0.0) for t, n in self.venue.shares.items()}
        )
        VenueRecord(self.db, self.run).opened(self.clock.now(), self.venue.cash, [])
        self.data = {name.ticker: StillData(name.ticker, self.clock.now()) for name in NAMES}
        self.start()

    def start(self) -> None:
        """A process begins: books from the journal, orders taken up."""
        history = read_history(self.db, self.run)
        upper = {name.ticker: self.market.prices[name.ticker] * 13 // 10 for name in NAMES}
        if history.orders or history.changes:
            found = restore(NAMES, self.venue.costs, self.opening, history, upper)
            book, pending = found
        else:
            book, pending = open_book(NAMES, self.venue.costs, self.opening), ()
        self.inbox.clear()
        self.broker = KISBroker(
            self.venue, self.market, book, clock=self.clock, notices=self._hand_over,
            listeners=(RunJournal(self.db, self.run, batch=0), self.witness),
            log=VenueRecord(self.db, self.run), guard=self.guard,
            notify=lambda level, text: self.alerts.append((level, text)),
            account=ACCOUNT, by_bar=self.by_bar, actions=self.actions,
        )  # fmt: skip
        for each in pending:
            self.broker.take_up(each, self.data[NAMES[each.working.column].ticker])

    restart = start

    def place(self, side: Side, ticker: str, size: int, price: int | None = None) -> bt.Order:
        return self.broker.place(
            side, None, self.data[ticker], size, price=price,
            exectype=bt.Order.Market if price is None else bt.Order.Limit,
        )  # fmt: skip

    def turn(self, *, seconds: float = 0, bar: bool = False) -> None:
        """Let time pass and give the broker its turn."""
        self.clock.pass_by(seconds)
        if bar:
            self.market.bar = self.clock.now()
        self.broker.next()
        while self.broker.get_notification() is not None:
            pass

    def deliver(self, notices: Sequence[Notice] | None = None) -> None:
        """Let the stream bring notices: by default all there are."""
        self.inbox += self.venue.told if notices is None else notices

    def finish(self) -> None:
        """Heal the venue, let the session end, and give the broker turns enough."""
        self.venue.fate = self.venue.reading = "well"
        self.clock.at = datetime.combine(DAY, time(15, 32))
        for _ in range(8):
            self.turn(seconds=40)
        self.turn(seconds=40, bar=True)

    def close(self) -> None:
        self.db.close()

    def _hand_over(self) -> list[Notice]:
        handed, self.inbox = self.inbox, []
        return handed
