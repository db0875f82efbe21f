import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kisbt.cli.app import app
from kisbt.errors import JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import info, play

RUNNER = CliRunner()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose journal holds one finished run of 40 days."""
    monkeypatch.delenv("KISBT_JOURNAL", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "kisbt.toml").write_text("")
    with DatabaseManager(f"sqlite:///{tmp_path / 'results' / 'journal.sqlite'}") as db:
        journal = RunJournal(db, db.begin_run(info(run_id="run1")))
        play(journal, ticks=40)
        journal.close()
        db.finish_run("run1", "finished", {"return": 0.1})
    return tmp_path


def call(project: Path, *words: str) -> str:
    done = RUNNER.invoke(
        app, ["journal", *words, "--config", str(project / "kisbt.toml")], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.stdout


def as_json(project: Path, *words: str) -> Any:
    return json.loads(call(project, *words, "--json"))


def test_runs_are_listed(project: Path) -> None:
    (run,) = as_json(project, "runs")["runs"]
    assert (run["run_id"], run["status"], run["ticks"]) == ("run1", "finished", 40)
    assert run["metrics"] == {"return": 0.1}
    assert "run1" in call(project, "runs")


def test_trades_are_listed_by_run_period_and_name(project: Path) -> None:
    trades = as_json(project, "trades", "--limit", "1000")["trades"]
    assert len(trades) > 10
    by_name = as_json(project, "trades", "--ticker", "005930", "--run", "run1")["trades"]
    assert {one["ticker"] for one in by_name} == {"005930"}
    january = as_json(project, "trades", "--from", "2024-01-05", "--to", "2024-01-10")["trades"]
    assert {one["timestamp"][:10] for one in january} <= {f"2024-01-{d:02d}" for d in range(5, 11)}
    assert len(as_json(project, "trades", "--limit", "2")["trades"]) == 2
    assert trades[0]["trade_id"] in call(project, "trades")


def test_worst_trades_come_first_by_either_result(project: Path) -> None:
    for days in (7, 30):
        found = as_json(project, "worst", "--days", str(days), "--limit", "5")["trades"]
        results = [one[f"pnl_{days}_days"] for one in found]
        assert results == sorted(results)
        assert 0 < len(results) <= 5
    worst = as_json(project, "worst", "--run", "run1")["trades"][0]
    assert worst["trade_id"] in call(project, "worst")


def test_trade_and_tick_are_explained_in_both_languages(project: Path) -> None:
    trade = as_json(project, "trades")["trades"][0]["trade_id"]
    assert "결과: " + trade in call(project, "explain", trade)
    assert "result: " + trade in call(project, "explain", trade, "--lang", "en")
    assert as_json(project, "explain", trade)["run"]["run_id"] == "run1"
    assert as_json(project, "explain", "run1:0")["tick"]["tick"] == 0


@pytest.mark.parametrize(
    "words",
    [("worst", "--days", "8"), ("explain", "run1:0", "--lang", "fr"), ("runs", "--limit", "0")],
)
def test_option_out_of_range_is_a_usage_error(project: Path, words: tuple[str, ...]) -> None:
    done = RUNNER.invoke(app, ["journal", *words, "--config", str(project / "kisbt.toml")])
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trades", "--run", "nowhere"), "no run 'nowhere'"),
        (("worst", "--run", "nowhere"), "no run 'nowhere'"),
        (("explain", "run1:99"), "has no tick 99"),
        (("trades", "--from", "soon"), "not an ISO date"),
    ],
)
def test_what_is_not_there_is_one_clear_line(
    project: Path, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(JournalError, match=said):
        call(project, *words)


def test_no_journal_yet_is_one_clear_line_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KISBT_JOURNAL", raising=False)
    (tmp_path / "kisbt.toml").write_text("")
    with pytest.raises(JournalError, match="no journal at"):
        call(tmp_path, "runs")
    assert not (tmp_path / "results").exists()
