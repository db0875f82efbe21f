"""Seeded sessions of our client against our simulator, with everything going wrong at once.

The two packages know each other by the wire only. ``KISBT_FAULT_SESSIONS`` says how many sessions
(a thousand is the claim; each takes some four seconds).
"""

import os
import random
import tempfile
import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kisbt.domain.trading import OrderState, Side
from kisbt.kis.auth import KISAuthManager
from kisbt.kis.client import KISClient
from kisbt.kis.config import KISConfig
from kisbt.kis.environment import Paper
from kisbt.kis.errors import KISAPIError, OutcomeUnknown
from kisbt.kis.events import StreamEvent
from kisbt.kis.gaps import Outage
from kisbt.kis.ledger import OrderLedger, Tracked
from kisbt.kis.limits import RateLimiter
from kisbt.kis.records import Notice
from kisbt.kis.session import Session
from kisbt.kis.stream import KISStream
from kisbt.kis.wire import Wire
from kisbt.krx import calendar
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.runner import RunningSimulator
from tests.sim.venue import NAMES, daily_dataset, served

SESSIONS = int(os.environ.get("KISBT_FAULT_SESSIONS", "6"))
RATE = 25
STEPS = 18

FAULTS = [
    {"kind": "answer_lost", "where": "orders", "rate": 0.12},
    {"kind": "answer_lost", "where": "account", "rate": 0.05},
    {"kind": "answer_lost", "where": "oauth", "rate": 0.05, "most": 1},
    {"kind": "request_lost", "rate": 0.05},
    {"kind": "server_error", "rate": 0.05},
    {"kind": "throttled", "rate": 0.02, "count": 2, "most": 2},
    {"kind": "slow", "rate": 0.03, "seconds": 0.05},
    {"kind": "token_expired", "rate": 0.03, "most": 2},
    {"kind": "executions_empty", "rate": 0.1},
    {"kind": "executions_lag", "rate": 0.1, "seconds": 600},
    {"kind": "stream_drop", "rate": 0.04, "most": 3},
    {"kind": "notice_lost", "rate": 0.1},
    {"kind": "notice_doubled", "rate": 0.15},
    {"kind": "notice_late", "rate": 0.1, "count": 2, "seconds": 0.05},
    {"kind": "notice_reordered", "rate": 0.1},
    {"kind": "notice_early", "rate": 0.3},
    {"kind": "layout_change", "rate": 0.01, "most": 1},
]


class Time:
    """Wall time of both sides; waits of more than a second pass at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def epoch(self) -> float:
        return time.time() + self.ahead

    def wall(self) -> datetime:
        return calendar.now() + timedelta(seconds=self.ahead)

    def sleep(self, seconds: float) -> None:
        if seconds > 1.5:
            self.ahead += seconds
        else:
            time.sleep(seconds)


class Trader:
    """Trades by whim, and keeps its books by what it is told."""

    def __init__(self, client: KISClient[Paper], ledger: OrderLedger, whim: random.Random) -> None:
        self.client, self.ledger, self.whim = client, ledger, whim
        self.sent = 0
        self.surprises: list[str] = []
        self.outages = threading.Event()

    def hear(self, event: StreamEvent) -> None:
        if isinstance(event, Notice):
            self.ledger.notice(event)
        elif isinstance(event, Outage):
            self.outages.set()

    def order(self) -> None:
        name = self.whim.choice(NAMES).ticker
        side = self.whim.choice([Side.BUY, Side.BUY, Side.SELL])
        quantity = self.whim.randint(1, 300)
        price = None
        if self.whim.random() < 0.7:
            band = self.quote(name)
            if band is None:
                return
            price = band
        key = self.ledger.sending(name, side, quantity, price, calendar.now())
        self.sent += 1
        try:
            receipt = self.client.order_cash(name, side, quantity, price)
        except OutcomeUnknown:
            self.ledger.unanswered(key)
        except KISAPIError as error:
            self.ledger.refused(key, error.message)
        else:
            self.ledger.accepted(key, receipt)

    def quote(self, name: str) -> int | None:
        try:
            price = self.client.inquire_price(name)
        except KISAPIError:
            return None
        step = price.tick_size or 1
        return price.price + step * self.whim.randint(-3, 3)

    def cancel(self) -> None:
        resting = [order for order in self.ledger.orders() if order.number and order.remaining]
        if not resting:
            return
        try:
            self.client.cancel(self.whim.choice(resting).number)
        except KISAPIError:
            return  # the list will tell

    def modify(self) -> None:
        resting = [order for order in self.ledger.orders() if order.number and order.remaining > 1]
        if not resting:
            return
        order = self.whim.choice(resting)
        price = self.quote(order.ticker)
        quantity = self.whim.choice([None, self.whim.randint(1, max(1, order.remaining))])
        if price is not None:
            try:
                self.client.modify(order.number, price, quantity=quantity)
            except KISAPIError:
                return

    def reconcile(self) -> None:
        """Read the day's orders until a reading can be had."""
        for _ in range(30):
            try:
                self.ledger.listed(self.client.inquire_daily_ccld())
            except KISAPIError:
                continue
            return
        self.surprises.append("the order list could not be read")


def connected(
    venue: RunningSimulator, clock: Time, folder: Path
) -> tuple[KISClient[Paper], dict[str, str]]:
    """A client of the simulator's paper side, with its clock."""
    credentials = venue.sim.doors[Flavour.PAPER].credentials[0]
    values = {
        "paper_app": credentials.appkey,
        "paper_sec": credentials.appsecret,
        "my_paper_stock": credentials.holder.number,
        "my_htsid": credentials.holder.hts_id,
        "vps": venue.rest_url(),
        "vops": venue.stream_url(),
    }
    access = KISConfig(values, "simulator").access(Paper())
    wire = Wire(access.rest_url, answer_seconds=5.0, redactor=access.redactor)
    limiter = RateLimiter(RATE, path=folder / "limits.json")
    auth = KISAuthManager(
        access, wire, limiter, folder=folder, epoch=clock.epoch, sleep=clock.sleep
    )
    session = Session(access, auth, wire, limiter, sleep=clock.sleep)
    return KISClient(session, sleep=clock.sleep), values


def session(seed: int) -> dict[str, Any]:
    """Run one session and return what both sides say at its end."""
    whim, clock, ledger = random.Random(seed), Time(), OrderLedger()
    options: dict[str, Any] = {
        "flavours": (Flavour.PAPER,),
        "seed": seed,
        "per_second": RATE,
        "start": datetime(2025, 5, 7),
        "stamp": "wall",
        "faults": FaultProfile.model_validate({"seed": seed, "faults": FAULTS}),
    }
    with (
        served(daily_dataset(), **options) as venue,
        tempfile.TemporaryDirectory() as folder,
    ):
        venue.call(lambda sim: setattr(sim.doors[Flavour.PAPER].gateway, "wall", clock.wall))
        venue.advance("open")
        client, values = connected(venue, clock, Path(folder))
        trader = Trader(client, ledger, whim)
        stream = KISStream(client.session, trader.hear, pace=0.0, first_wait=0.01)
        stream.watch_orders()
        with client, stream:
            for _ in range(STEPS):
                whim.choice([trader.order, trader.order, trader.modify, trader.cancel])()
                venue.control("POST", "advance", b'{"seconds":%d}' % whim.randint(5, 240))
                if trader.outages.is_set():
                    trader.outages.clear()
                    trader.reconcile()
            venue.control("POST", "faults", b"{}")
            venue.control("POST", "advance", b'{"seconds":900}')
            time.sleep(0.1)
            for _ in range(4):
                trader.reconcile()
            for order in ledger.doubtful():
                resolve(trader, order)
            final = client.inquire_daily_ccld()
        state = venue.control("GET", "state")
        text = "\n".join(values[key] for key in ("paper_app", "paper_sec"))
        return {
            "differences": [*ledger.differences(final), *trader.surprises],
            "orders": ledger.orders(),
            "account": next(iter(state["accounts"].values())),
            "door": state["doors"]["paper"],
            "injected": venue.control("GET", "faults")["log"],
            "failure": stream.failure,
            "secrets": text,
        }


def resolve(trader: Trader, order: Tracked) -> None:
    """A lost order that no reading has named was never taken."""
    known = [other.number for other in trader.ledger.orders() if other.number]
    assert order.sent is not None
    found = trader.client.find_order(
        order.ticker, order.side, order.quantity, order.price, order.sent, known=known, tries=2
    )
    if found.order is not None:
        trader.ledger.listed([found.order])
    elif found.certain:
        trader.ledger.absent(order.key)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SESSIONS))
def test_books_agree_and_no_rule_is_broken_whatever_goes_wrong(seed: int) -> None:
    told = session(seed)
    assert told["failure"] is None
    assert told["differences"] == []
    mine = {order.number: order for order in told["orders"] if order.number}
    theirs = {
        order["odno"]: order
        for order in told["account"]["orders"]
        if order["revision"] != "cancel" and (order["quantity"] or order["revision"] == "new")
    }
    assert mine.keys() == theirs.keys()  # nothing sent twice, nothing forgotten
    for number, order in mine.items():
        assert (order.filled, order.amount) == (theirs[number]["filled"], theirs[number]["amount"])
    unnamed = [order for order in told["orders"] if not order.number]
    assert all(order.state is OrderState.REJECTED for order in unnamed)
    assert told["door"]["most_in_a_second"] <= RATE
    assert told["door"]["throttled"] == 0
    issues = [datetime.fromisoformat(at) for at in told["door"]["token_issues"]]
    assert all(later - earlier >= timedelta(minutes=1) for earlier, later in pairwise(issues))
