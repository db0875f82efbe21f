"""Bad input: one clear line, an exit code that is not zero, nothing lost, no traceback."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import Said

Command = Callable[..., Said]


def clear_line(said: Said, *words: str) -> None:
    """One line on stderr that holds the words; no traceback, nothing on stdout."""
    assert said.code not in (0, None)
    lines = [line for line in said.err.splitlines() if line.startswith("kisbt: ")]
    assert len(lines) == 1, said.err
    assert "Traceback" not in said.err
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--data", "sampel"), ("sampel", "sample")),
        (("--tickers", "123456"), ("123456",)),
        (("--from", "2031-01-01"), ("2031-01-01",)),
        (("--from", "2024-06-01", "--to", "2023-06-01"), ("empty period",)),
        (("--from", "yesterday"), ("--from", "YYYY-MM-DD")),
        (("--cash", "0"), ("cash",)),
        (("--cash", "-5"), ("cash",)),
        (("--prompt", "99"), ("99",)),
        (("--prompt", "1", "--prompt", "1"), ("twice",)),
        (("--benchmark", "KOSPI"), ("KOSPI", "index")),
        (("--lang", "fr"), ("fr", "ko or en")),
        (("--strategy", "nowhere.py"), ("nowhere.py", "does not exist")),
        (("--strategy", "strategies/momentum.py", "--prompt", "1"), ("takes no prompt",)),
        (("--config", "missing.toml"), ("missing.toml",)),
    ],
)
def test_wrong_option_is_answered_with_one_line(
    project: Path, kisbt: Command, args: tuple[str, ...], words: tuple[str, ...]
) -> None:
    clear_line(kisbt("backtest", *args), *words)
    assert not list((project / "results").glob("*/tearsheet.html"))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\n", ("no strategy", "bt.Strategy")),
        ("import nothing_like_this\n", ("ModuleNotFoundError", "line 1")),
        ("def broken(:\n", ("SyntaxError", "line 1")),
        (
            "import backtrader as bt\n\nclass A(bt.Strategy): pass\n\nclass B(bt.Strategy): pass\n",
            ("several strategies", "A, B"),
        ),
        (
            "import backtrader as bt\n\nclass A(bt.Strategy):\n"
            "    def prenext(self):\n        raise ValueError('my own bug')\n",
            ("ValueError: my own bug", "line 5"),
        ),
    ],
)
def test_unusable_strategy_file_is_named_with_its_fault(
    project: Path, kisbt: Command, source: str, words: tuple[str, ...]
) -> None:
    (project / "mine.py").write_text(source, encoding="utf-8")
    clear_line(kisbt("backtest", "--strategy", "mine.py"), "mine.py", *words)


def test_corrupt_dataset_is_found_before_anything_runs(project: Path, kisbt: Command) -> None:
    bars = project / "datasets" / "sample" / "bars.parquet"
    bars.write_bytes(bars.read_bytes()[:5_000])
    clear_line(kisbt("backtest"), "sample", "bars.parquet")


def test_dataset_whose_content_was_changed_is_found_by_its_hash(
    project: Path, kisbt: Command
) -> None:
    manifest = project / "datasets" / "sample" / "manifest.json"
    body = json.loads(manifest.read_text(encoding="utf-8"))
    body["hash"] = "sha256:" + "0" * 64
    manifest.write_text(json.dumps(body), encoding="utf-8")
    clear_line(kisbt("backtest"), "sample", "hash")


def test_missing_column_is_named(project: Path, kisbt: Command) -> None:
    import pyarrow.parquet as pq

    bars = project / "datasets" / "sample" / "bars.parquet"
    pq.write_table(pq.read_table(bars).drop_columns(["volume"]), bars)
    clear_line(kisbt("backtest"), "volume")


def test_broken_rule_in_a_prompt_is_named(project: Path, kisbt: Command) -> None:
    version = next((project / "prompts" / "versions").glob("*1.md"))
    text = version.read_text(encoding="utf-8")
    version.write_text(text.replace("op: ", "op: almost_", 1), encoding="utf-8")
    clear_line(kisbt("backtest"), version.name)


def test_unknown_setting_suggests_the_right_one(project: Path, kisbt: Command) -> None:
    (project / "kisbt.toml").write_text("[limits]\nmax_wieght = 0.1\n", encoding="utf-8")
    clear_line(kisbt("backtest"), "limits.max_wieght", "max_weight")


def test_results_folder_that_is_a_file_is_said_before_the_run(
    project: Path, kisbt: Command
) -> None:
    (project / "results").write_text("in the way", encoding="utf-8")
    clear_line(kisbt("backtest"), "results")


def test_journal_of_a_newer_schema_is_refused_and_left_alone(project: Path, kisbt: Command) -> None:
    import sqlite3

    (project / "results").mkdir()
    path = project / "results" / "journal.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999_from_the_future')")
    connection.close()
    clear_line(kisbt("backtest"), "journal", "newer")
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    assert tables == [("alembic_version",)]
    assert version == [("9999_from_the_future",)]


def test_journal_that_is_no_database_is_refused_and_left_alone(
    project: Path, kisbt: Command
) -> None:
    (project / "results").mkdir()
    path = project / "results" / "journal.sqlite"
    path.write_text("my diary " * 500, encoding="utf-8")
    clear_line(kisbt("backtest"), "journal")
    assert path.read_text(encoding="utf-8").startswith("my diary")


def test_error_with_json_is_one_object_too(project: Path, kisbt: Command) -> None:
    said = kisbt("backtest", "--data", "nope", "--json")
    assert json.loads(said.out)["error"]["kind"] == "DataError"
    assert said.code == 3


def test_broken_run_card_is_one_line(project: Path, kisbt: Command) -> None:
    (project / "card.json").write_text("{", encoding="utf-8")
    clear_line(kisbt("verify", "card.json"), "card.json")
    clear_line(kisbt("verify", "nowhere.json"), "nowhere.json")


def test_interrupted_run_is_marked_and_the_same_command_starts_afresh(
    project: Path, kisbt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kisbt.journal.database import DatabaseManager
    from kisbt.run import backtest

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(backtest, "replay", stop)
        said = kisbt("backtest")
    assert said.code == 130
    assert "interrupted" in said.err
    shutil.rmtree(project / "datasets" / "sample-minutes", ignore_errors=True)
    assert kisbt("backtest", "--from", "2024-06-03", "--json").code == 0
    with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
        assert sorted(run.status for run in db.runs()) == ["finished", "interrupted"]
