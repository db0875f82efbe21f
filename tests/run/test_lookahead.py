"""Changing all bars after t leaves every feature, decision and order up to t unchanged."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.config import Settings
from kisbt.run.lookahead import Moment, history, peek_at, scrambled
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.spec import RunSpec
from tests.run.conftest import CHECKOUT, Said

PEEKER = """import backtrader as bt

class Peeker(bt.Strategy):
    def prenext(self):
        self.next()

    def next(self):
        data = self.data0
        if len(data) >= data.buflen():
            return
        if data.close[1] > data.close[0] and not self.position:
            self.buy(data=data, size=10)
        elif data.close[1] < data.close[0] and self.position:
            self.close(data=data)
"""

NAMES = ("980010", "980020", "980030", "990010")


@cache
def world(strategy: str) -> tuple[Prepared, list[Moment]]:
    spec = RunSpec(
        strategy=str(CHECKOUT / "strategies" / strategy),
        data="sample",
        tickers=tuple(t for t in tickers() if t.startswith(("9800", "9900")))[:6],
        prompt=1 if strategy == "llm_trader.py" else None,
        cash=50_000_000,
    )
    ready = prepare(spec, Settings(root=CHECKOUT))
    return ready, history(ready, ready.tape, ready.brain())


@cache
def tickers() -> tuple[str, ...]:
    from kisbt.data.store import load_dataset

    return tuple(load_dataset("sample", CHECKOUT / "datasets").tickers)


@pytest.mark.parametrize("strategy", ["llm_trader.py", "momentum.py"])
@settings(max_examples=8)
@given(t=st.integers(0, 735), seed=st.integers(0, 2**31))
def test_no_future_reaches_back_before_any_cut(strategy: str, t: int, seed: int) -> None:
    ready, truth = world(strategy)
    t = min(t, len(ready.tape) - 1)
    assert peek_at(ready, truth, t, seed) is None


def test_histories_compared_hold_decisions_and_fills() -> None:
    _, truth = world("llm_trader.py")
    assert sum(bool(moment.fills) for moment in truth) > 20
    assert sum(bool(moment.features) for moment in truth) > 500
    assert sum(bool(moment.decisions) for moment in truth) > 500


def test_scrambled_bars_are_equal_up_to_the_cut_and_legal_after_it() -> None:
    from kisbt.data.checks import check_dataset

    ready, _ = world("momentum.py")
    cut = ready.tape.times[300]
    other = scrambled(ready.whole, cut, 3)
    changed = 0
    for ticker, table in ready.whole.bars.items():
        before = table.times <= cut
        assert (other.bars[ticker].close[before] == table.close[before]).all()
        changed += int((other.bars[ticker].close[~before] != table.close[~before]).sum())
    assert changed > 1_000
    broken = {finding.kind for finding in check_dataset(other) if finding.severity == "error"}
    assert not broken & {"ohlc", "off_tick"}


def test_peeking_strategy_is_found_and_shown(project: Path, kisbt: Callable[..., Said]) -> None:
    (project / "peeker.py").write_text(PEEKER, encoding="utf-8")
    said = kisbt("lookahead", "--strategy", "peeker.py", "--tickers", "980010", "--json")
    answer = json.loads(said.out)
    assert said.code == 1
    assert len(answer["peeks"]) >= 3
    assert {peek["what"] for peek in answer["peeks"]} <= {"orders", "fills"}
    assert all(peek["at"] <= peek["cut"] for peek in answer["peeks"])


def test_minute_sample_runs_through_the_same_path(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    import shutil

    shutil.copytree(CHECKOUT / "datasets/sample-minutes", project / "datasets/sample-minutes")
    said = kisbt(
        "backtest", "--data", "sample-minutes", "--strategy", "strategies/momentum.py", "--json"
    )
    run = json.loads(said.out)["runs"][0]
    assert run["violations"] == []
    assert run["metrics"]["fills"] >= 3
    assert run["metrics"]["sessions"] == 20
