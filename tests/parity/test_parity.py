"""A strategy does the same in a backtest and through client, wire and simulator: bar by bar."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kisbt.data.features.catalogue import FEATURES
from kisbt.data.importing import import_files
from kisbt.data.store import save_dataset
from kisbt.domain.rules import Condition
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import Policy
from tests.llm.scripted_server import BAD_JSON, ScriptedServer, said, valid_plan
from tests.parity.conftest import Compare, equal

MINUTES = Policy(
    entry=(Condition(feature="change_pct", op=">=", value=0.2),),
    exits=(Condition(feature="change_pct", op="<=", value=-0.1),),
    rank_by="change_pct",
    max_new_per_day=2,
    target_weight=0.1,
    stop_loss_pct=1,
    take_profit_pct=1,
    order="limit",
    limit_offset_pct=-0.1,
)


def restless(body: dict[str, Any]) -> str:
    """A plan that looks different every day, and is the same for the same question."""
    asked = body["messages"][-1]["content"]
    drawn = hashlib.sha256(asked.encode()).digest()
    plan = json.loads(valid_plan(body))
    names = body["response_format"]["json_schema"]["schema"]["properties"]["decisions"]["items"]
    tickers = names["properties"]["ticker"]["enum"]
    buy, sell = dict(plan["decisions"][0]), dict(plan["decisions"][0])
    buy["ticker"] = tickers[drawn[0] % len(tickers)]
    sell |= {"ticker": tickers[0], "action": "SELL", "target_weight": 0.0}
    plan["decisions"] = [buy] if drawn[1] % 3 or buy["ticker"] == tickers[0] else [sell, buy]
    return json.dumps(plan, ensure_ascii=False)


def add_minute_prompt(project: Path) -> int:
    """A prompt that trades on minutes, with limit orders that not always fill."""
    store = PromptStore(project / "prompts", catalogue={each.name: each for each in FEATURES})
    parent = store.current()
    draft = Draft(
        author="human",
        summary="분봉 시험",
        parent=parent.number,
        features=parent.features,
        policy=MINUTES,
        text=parent.text,
    )
    return store.add(draft).number


@pytest.mark.slow
def test_sample_of_250_days_and_20_names_trades_equally(compare: Compare) -> None:
    found = compare(250)
    assert found.names == 20
    equal(found, at_least={"ticks": 250, "decisions": 500, "fills": 80, "costs": 80, "equity": 250})


def test_other_shipped_prompt_trades_equally(compare: Compare) -> None:
    equal(compare(60, prompts=(1,)), at_least={"ticks": 60, "fills": 10})


@pytest.mark.slow
def test_minutes_of_20_days_and_3_names_trade_equally(project: Path, compare: Compare) -> None:
    """All of the sample: no history lies before it, and both begin to decide on the same bar."""
    found = compare(20, data="sample-minutes", prompts=(add_minute_prompt(project),))
    assert found.names == 3
    equal(found, at_least={"ticks": 19 * 381, "decisions": 80, "fills": 40})


@pytest.mark.slow
def test_buy_and_hold_holds_equally(compare: Compare) -> None:
    found = compare(250, strategy="strategies/buy_and_hold.py")
    equal(found, at_least={"orders": 20, "fills": 20, "equity": 250})


@pytest.mark.slow
def test_monthly_momentum_trades_equally(compare: Compare) -> None:
    found = compare(250, strategy="strategies/momentum.py")
    equal(found, at_least={"orders": 20, "fills": 20, "equity": 250})


def test_ordinary_script_trades_equally(compare: Compare) -> None:
    found = compare(250, strategy="examples/moving_average.py", tickers="990030")
    equal(found, at_least={"orders": 6, "fills": 6, "equity": 250})


def test_recorded_replies_decide_equally(compare: Compare) -> None:
    with ScriptedServer([said(restless), BAD_JSON, said(restless)]) as server:
        found = compare(20, llm="openai", model="m", base_url=server.base_url)
        assert 20 <= server.calls <= 40  # a bad reply is asked for once more; live asks nobody
    assert found.decider.startswith("LLM m")
    equal(found, at_least={"ticks": 20, "decisions": 20, "fills": 7})


@pytest.mark.real_data
@pytest.mark.skipif(
    "KISBT_REAL_DATA" not in os.environ,
    reason="KISBT_REAL_DATA names no folder of real KRX prices",
)
def test_forty_real_names_trade_equally(project: Path, compare: Compare) -> None:
    report = import_files([Path(os.environ["KISBT_REAL_DATA"]) / "daily"], "real40")
    save_dataset(report.dataset, project / "datasets")
    found = compare(60, data="real40")
    assert found.names == 40
    equal(found, at_least={"ticks": 60, "decisions": 60, "fills": 10})
