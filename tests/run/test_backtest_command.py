"""The main job, as a user types it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kisbt.config import load_settings
from kisbt.journal.database import DatabaseManager
from kisbt.run.order import Order, specs_of
from tests.run.conftest import Said

Command = Callable[..., Said]


def test_backtest_without_arguments_ends_with_the_path_of_a_tearsheet(
    project: Path, kisbt: Command
) -> None:
    said = kisbt("backtest")
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if line.startswith("tearsheet: ")]
    page = Path(line.removeprefix("tearsheet: "))
    assert page.is_relative_to(project / "results")
    text = page.read_text(encoding="utf-8")
    assert "합성" in text
    assert "rulebook (no LLM)" in text
    assert "SYNTHETIC" in said.out


def test_same_command_twice_gives_the_same_bytes_in_one_object_each(
    project: Path, kisbt: Command
) -> None:
    first, second = (json.loads(kisbt("backtest", "--json").out)["runs"][0] for _ in range(2))
    assert first["violations"] == []
    assert first["metrics"]["round_trips"] > 20
    assert first["decider"] == "rulebook (no LLM)"
    with Path(first["trades"]).open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) >= 2 * first["metrics"]["round_trips"]
    assert first["digests"] == second["digests"]
    assert first["metrics"] == second["metrics"]
    assert Path(first["trades"]).read_bytes() == Path(second["trades"]).read_bytes()
    assert first["run_id"] != second["run_id"]
    with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
        hashes = {run.dataset_hash for run in db.runs()}
        assert db.trials_on(hashes.pop()) == 2


def test_several_prompts_end_in_one_comparison(project: Path, kisbt: Command) -> None:
    said = kisbt("backtest", "--prompt", "1", "--prompt", "2", "--json")
    answer = json.loads(said.out)
    assert [run["prompt"]["number"] for run in answer["runs"]] == [1, 2]
    assert answer["runs"][0]["digests"] != answer["runs"][1]["digests"]
    page = Path(answer["comparison"]).read_text(encoding="utf-8")
    assert "better" not in page.lower()


def test_run_can_be_explained_from_the_journal_and_verified_from_its_card(
    project: Path, kisbt: Command
) -> None:
    run = json.loads(kisbt("backtest", "--json").out)["runs"][0]
    with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
        trades = db.get_trades_by_period(run_id=run["run_id"])
        worst = db.get_worst_trades(5, run_id=run["run_id"])
    assert len(trades) > 50
    assert all(trade.justification_text for trade in trades)
    returns = [trade.pnl_7_days for trade in worst]
    assert returns == sorted(returns)
    explained = kisbt("journal", "explain", worst[0].trade_id)
    assert explained.code == 0
    assert worst[0].ticker in explained.out

    card = Path(run["card"])
    assert kisbt("verify", str(card)).code == 0
    body = json.loads(card.read_text(encoding="utf-8"))
    body["results"]["metrics"]["total_return"] += 0.01
    card.write_text(json.dumps(body), encoding="utf-8")
    said = kisbt("verify", str(card))
    assert said.code == 1
    assert "total_return" in said.out


@pytest.mark.parametrize("name", ["buy_and_hold", "momentum"])
def test_yardsticks_of_the_house_trade_legally(project: Path, kisbt: Command, name: str) -> None:
    said = kisbt("backtest", "--strategy", f"strategies/{name}.py", "--json")
    run = json.loads(said.out)["runs"][0]
    assert run["violations"] == []
    assert run["metrics"]["fills"] > 10
    assert run["prompt"] is None


def test_ordinary_strategy_file_of_a_user_runs(project: Path, kisbt: Command) -> None:
    (project / "my_strategy.py").write_text(
        "import backtrader as bt\n\n\n"
        "class Cross(bt.Strategy):\n"
        "    def __init__(self):\n"
        "        fast, slow = (bt.ind.SMA(self.data, period=n) for n in (5, 20))\n"
        "        self.cross = bt.ind.CrossOver(fast, slow)\n\n"
        "    def next(self):\n"
        "        if self.cross > 0:\n"
        "            self.order_target_percent(target=0.5)\n"
        "        elif self.cross < 0:\n"
        "            self.close()\n",
        encoding="utf-8",
    )
    said = kisbt("backtest", "--strategy", "my_strategy.py", "--tickers", "980010", "--json")
    run = json.loads(said.out)["runs"][0]
    assert run["metrics"]["round_trips"] > 5
    assert run["metrics"]["warmup_bars"] == 20
    assert run["violations"] == []


def test_period_inside_the_dataset_needs_no_warm_up(project: Path, kisbt: Command) -> None:
    said = kisbt("backtest", "--from", "2024-01-02", "--to", "2024-06-28", "--json")
    run = json.loads(said.out)["runs"][0]
    assert run["metrics"]["warmup_bars"] == 0
    assert run["dataset"]["first"] == "2024-01-02"
    assert run["metrics"]["sessions"] > 110


def test_settings_come_from_the_file_and_the_command_line_wins(project: Path) -> None:
    (project / "kisbt.toml").write_text("[backtest]\ncash = 7_000_000\n", encoding="utf-8")
    settings = load_settings()
    assert [spec.cash for spec in specs_of(Order(), settings)] == [7_000_000]
    assert [spec.cash for spec in specs_of(Order(cash=9_000_000), settings)] == [9_000_000]


def test_english_pages_are_english(project: Path, kisbt: Command) -> None:
    page = Path(_run(kisbt, "--lang", "en")["tearsheet"]).read_text(encoding="utf-8")
    assert 'lang="en"' in page
    assert "SYNTHETIC" in page


def _run(kisbt: Command, *args: str) -> dict[str, str]:
    run: dict[str, str] = json.loads(kisbt("backtest", *args, "--json").out)["runs"][0]
    return run


def test_period_may_begin_on_or_before_the_first_day_of_the_data(
    project: Path, kisbt: Command
) -> None:
    whole = json.loads(kisbt("backtest", "--to", "2022-06-30", "--json").out)["runs"][0]
    for first in ("2022-01-03", "2021-01-01"):
        run = _run(kisbt, "--from", first, "--to", "2022-06-30")
        assert run["digests"] == whole["digests"]
