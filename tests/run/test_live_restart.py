"""``kill -9`` in the middle of trading, then the same command again: nothing lost or doubled."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from kisbt.data.store import load_dataset
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.exchange.orders import Order
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator
from tests.run.conftest import CHECKOUT

pytestmark = pytest.mark.slow

SETTINGS = """
[kis]
paper_per_second = 1000
cache = "cache"
[live]
backfill = 120
"""


@pytest.fixture
def running(project: Path) -> Iterator[RunningSimulator]:
    (project / "kisbt.toml").write_text(SETTINGS, encoding="utf-8")
    sample = load_dataset("sample", CHECKOUT / "datasets")
    options = SimOptions(
        speed=400.0, stamp="venue", per_second=0, strict_tokens=False,
        start=datetime(2024, 11, 11, 14, 0),
    )  # fmt: skip
    with RunningSimulator(Simulator(sample, options)) as running:
        pair = running.sim.doors[Flavour.PAPER].credentials[0]
        text = devlp_yaml({Flavour.PAPER: (pair, running.rest_url(), running.stream_url())})
        (project / "kis_devlp.yaml").write_text(text, encoding="utf-8")
        yield running


def start() -> subprocess.Popen[bytes]:
    command = "from kisbt.cli import main; main()"
    arguments = ["live", "--mock", "--config-dir", ".", "--json", "--days", "9"]
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def rows(query: str) -> list[tuple]:
    try:
        with closing(sqlite3.connect("results/journal.sqlite")) as journal:
            return journal.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def wait_for(done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 200.0
    while not done():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)


def venue_orders(sim: Simulator) -> list[Order]:
    return [order for day in sorted(sim.floor.orders) for order in sim.floor.orders[day].values()]


def test_killed_right_after_an_order_left_it_goes_on(running: RunningSimulator) -> None:
    first = start()
    wait_for(lambda: bool(rows("SELECT 1 FROM order_events WHERE state = 'sent'")), first)
    first.kill()
    first.wait()
    second = start()
    wait_for(lambda: len(rows("SELECT 1 FROM ticks")) >= 3, second)
    second.terminate()
    assert second.wait(60) == 0
    ((run_id, status),) = rows("SELECT run_id, status FROM runs")
    assert status == "interrupted"
    bars = rows("SELECT at FROM ticks ORDER BY tick")
    assert len(bars) == len(set(bars))
    orders = venue_orders(running.sim)
    known = rows("SELECT ticker, side, quantity FROM orders WHERE state != 'cancelled'")
    at_venue = [(o.ticker, o.side.value, o.quantity) for o in orders if not o.cancelled]
    assert sorted(at_venue) == sorted(known)
    filled = {(o.ticker, o.side.value, o.filled) for o in orders if o.filled}
    booked = rows("SELECT ticker, side, sum(quantity) FROM fills GROUP BY ref")
    assert set(booked) == filled
    (account,) = running.sim.floor.accounts.values()
    last = rows("SELECT cash_after FROM fills ORDER BY number DESC LIMIT 1")
    assert last == [(account.ledger.cash,)]
    assert run_id
