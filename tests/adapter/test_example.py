"""The example script trades against the embedded simulator."""

import importlib.util
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.adapter.live_rig import lockstep
from tests.sim.venue import daily_dataset

SCRIPT = Path(__file__).parents[2] / "examples" / "moving_average.py"


@pytest.fixture
def example(monkeypatch):
    """The script as a module: backtrader looks its strategies' modules up by name."""
    spec = importlib.util.spec_from_file_location("moving_average_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_example_trades_on_the_simulator_and_its_books_are_the_venues(example):
    with lockstep(daily_dataset(), first=date(2025, 1, 6)) as rig:
        store = rig.store(tickers=(), until=datetime(2025, 4, 30, 15, 30), replay=20)
        strategy = example.trade(store)
        account = rig.account()
    traded = [order for order in account["orders"] if order["filled"]]
    assert len(traded) >= 2
    assert {order["ticker"] for order in traded} == {"005930"}
    assert strategy.broker.valuation.cash == account["cash"]
    held = {ticker: each.quantity for ticker, each in strategy.broker.holdings().items()}
    assert held == {ticker: n for ticker, n in account["positions"].items() if n}
    assert all(order["day"] >= "2025-01-06" for order in account["orders"])


def test_the_example_is_short():
    code = SCRIPT.read_text(encoding="utf-8").split("class Crossing")[1].splitlines()
    assert len([line for line in code if line.strip()]) <= 30
