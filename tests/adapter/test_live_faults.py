"""The live broker on the simulator with everything going wrong: the books end as the venue's.

``KISBT_LIVE_FAULT_SESSIONS`` says how many seeded sessions of some days each.
"""

import os
from datetime import date, datetime, time
from typing import Any

import pytest

from kisbt.domain.trading import OrderState
from kisbt.journal.memory import MemoryJournal
from kisbt.sim.faults.profile import FaultProfile
from tests.adapter.live_rig import lockstep
from tests.adapter.test_live_simulator import CASH, Whims, last_word
from tests.sim.venue import daily_dataset

SESSIONS = int(os.environ.get("KISBT_LIVE_FAULT_SESSIONS", "2"))

FAULTS: list[dict[str, Any]] = [
    {"kind": "answer_lost", "where": "orders", "rate": 0.2},
    {"kind": "answer_lost", "where": "account", "rate": 0.1},
    {"kind": "request_lost", "rate": 0.05},
    {"kind": "server_error", "rate": 0.05},
    {"kind": "throttled", "rate": 0.03, "count": 2},
    {"kind": "executions_empty", "rate": 0.1},
    {"kind": "executions_lag", "rate": 0.1, "seconds": 600},
    {"kind": "notice_lost", "rate": 0.2},
    {"kind": "notice_doubled", "rate": 0.2},
    {"kind": "notice_late", "rate": 0.1, "count": 2, "seconds": 0.01},
    {"kind": "notice_reordered", "rate": 0.1},
    {"kind": "notice_early", "rate": 0.3},
]


class Patient(Whims):
    """Stops ordering before the end, so that every order's day is over by then."""

    def next(self) -> None:
        if len(self.datas[0]) < 7:
            super().next()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SESSIONS))
def test_the_books_end_as_the_venues_whatever_goes_wrong(seed: int) -> None:
    dataset, journal = daily_dataset(), MemoryJournal()
    first, last = date(2025, 3, 4), date(2025, 3, 14)
    profile = FaultProfile.model_validate({"seed": seed, "faults": FAULTS})
    with lockstep(dataset, first=first, cash=CASH, faults=profile) as rig:
        store = rig.store(history=dataset, until=datetime.combine(last, time(15, 30)))
        made = store.getbroker
        store.getbroker = lambda: made(listeners=(journal,))  # type: ignore[method-assign]
        broker = rig.run(Patient, store).broker
        account = rig.account()
        injected = rig.running.control("GET", "faults")["log"]
    assert injected
    assert not broker.open_orders()
    held = {ticker: holding.quantity for ticker, holding in broker.holdings().items()}
    assert held == account["positions"]
    taken = [order for order in account["orders"] if order["revision"] == "new"]
    words = last_word(journal)
    sent = {event.ref for event in journal.events if event.state is OrderState.SENT}
    named = {event.ref for event in journal.events if event.state is OrderState.ACCEPTED}
    assert len(taken) == len(named) <= len(sent)  # none twice, none forgotten
    assert sum(order["filled"] for order in taken) == sum(word[5] for word in words.values())
    assert sum(order["amount"] for order in taken) == sum(fill.amount for fill in journal.fills)
    assert abs(broker.book.ledger.cash - account["cash"]) <= 2 * len(journal.fills)
