"""``kisbt data`` as a person or a script calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kisbt.cli.app import app
from kisbt.data.store import load_dataset
from kisbt.errors import ConfigError, DataError, TradingSystemError

ROWS = "2024-01-02,1000,1010,990,1000,5\n2024-01-03,1000,1010,990,1005,5\n"
HEADER = "date,open,high,low,close,volume\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "kisbt.toml").write_text("")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "005930.csv").write_text(HEADER + ROWS)
    return tmp_path


def run(home: Path, *words: object) -> Result:
    config = ["--config", str(home / "kisbt.toml")]
    return CliRunner().invoke(app, ["data", *map(str, words), *config])


def answer(home: Path, *words: object) -> Any:
    result = run(home, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(home: Path, *words: object) -> TradingSystemError:
    result = run(home, *words)
    assert isinstance(result.exception, TradingSystemError)
    return result.exception


def test_import_then_list_then_check(home: Path) -> None:
    made = answer(home, "import", home / "csv", "--name", "mine", "--market", "kospi")
    assert made["dataset"]["rows"] == 2
    assert made["dataset"]["first"] == "2024-01-02"
    assert (made["errors"], made["warnings"], made["changes"]) == (0, 0, [])
    assert load_dataset("mine", home / "datasets").hash == made["dataset"]["hash"]
    (listed,) = answer(home, "list")["datasets"]
    assert listed["name"] == "mine"
    assert listed["hash"] == made["dataset"]["hash"]
    assert (listed["synthetic"], listed["adjusted"], listed["frequency"]) == (False, True, "1d")
    assert answer(home, "check", "mine")["counts"] == {"error": 0, "warning": 0, "info": 0}


def test_tables_are_for_people(home: Path) -> None:
    result = run(home, "import", home / "csv", "--name", "mine")
    assert result.exit_code == 0
    assert "mine" in result.stdout
    assert "market unknown, taken as KOSPI" in result.stderr
    table = run(home, "list").stdout
    assert "2024-01-02" in table
    assert "adjusted" in table
    assert run(home, "check", "mine").stdout == "errors: 0, warnings: 0\n"


def test_an_empty_folder_lists_nothing(home: Path) -> None:
    assert answer(home, "list")["datasets"] == []


def test_a_damaged_dataset_is_listed_with_its_problem(home: Path) -> None:
    answer(home, "import", home / "csv", "--name", "mine")
    (home / "datasets" / "mine" / "manifest.json").write_text("{")
    (listed,) = answer(home, "list")["datasets"]
    assert "not JSON" in listed["problem"]
    assert "mine" in run(home, "list").stdout


def test_check_exits_with_one_on_errors_and_names_the_row(home: Path) -> None:
    bad = home / "csv" / "000660.csv"
    bad.write_text(HEADER + ROWS + "2024-01-04,1000,900,990,1000,5\n")
    result = run(home, "check", bad)
    assert result.exit_code == 1
    assert "2024-01-04 (000660.csv:4)" in result.stdout
    assert "errors: 1, warnings: 0" in result.stdout
    result = run(home, "check", bad, "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["kind"] == "ohlc"
    assert finding["at"] == "2024-01-04"


def test_check_hides_what_is_normal_until_asked(home: Path) -> None:
    path = home / "csv" / "005930.csv"
    path.write_text(HEADER + ROWS + "2024-01-04,0,0,0,1005,0\n")
    assert run(home, "check", path).stdout == (
        "errors: 0, warnings: 0; --all shows 2 normal ones too\n"
    )
    assert "halt_zeros" in run(home, "check", path, "--all").stdout


def test_check_prints_a_few_of_a_kind_and_counts_the_rest(home: Path) -> None:
    for n in range(8):
        rows = ROWS.replace(",5\n", ",\n")
        (home / "csv" / f"00000{n}.csv").write_text(HEADER + rows)
    text = run(home, "check", home / "csv").stdout
    assert "no_volume: 11 more; --json or --all lists them" in text
    assert "more;" not in run(home, "check", home / "csv", "--all").stdout


def test_check_takes_a_dataset_by_its_path(home: Path) -> None:
    answer(home, "import", home / "csv", "--name", "mine")
    assert answer(home, "check", home / "datasets" / "mine")["findings"] == []


def test_a_refused_import_writes_nothing(home: Path) -> None:
    (home / "csv" / "000660.csv").write_text(HEADER + "2024-01-04,1,-1,1,1,5\n")
    assert "nothing imported" in str(refusal(home, "import", home / "csv", "--name", "mine"))
    assert not (home / "datasets").exists()


def test_an_existing_dataset_survives_without_force(home: Path) -> None:
    answer(home, "import", home / "csv", "--name", "mine")
    error = refusal(home, "import", home / "csv", "--name", "mine")
    assert isinstance(error, DataError)
    assert "--force replaces it" in str(error)
    answer(home, "import", home / "csv", "--name", "mine", "--force")


def test_import_reports_what_it_changed_and_what_is_still_wrong(home: Path) -> None:
    rows = ROWS + "2024-01-03,1000,1010,990,1005,5\n2024-01-04,5000,5000,5000,5000,5\n"
    (home / "csv" / "005930.csv").write_text(HEADER + rows)
    (home / "csv" / "_notes.csv").write_text("")
    result = run(home, "import", home / "csv", "--name", "mine")
    assert "duplicate: 1 rows that repeat another one: 2024-01-03" in result.stdout
    assert "errors in the data: 1; kisbt data check mine" in result.stderr
    assert "left aside: _notes.csv" in result.stderr
    made = answer(home, "import", home / "csv", "--name", "mine", "--force")
    assert made["errors"] == 1
    assert [one["kind"] for one in made["changes"]] == ["duplicate"]
    assert made["skipped"] == ["_notes.csv"]


@pytest.mark.parametrize("flag", ["--adjusted", "--raw"])
def test_adjustment_can_be_told(home: Path, flag: str) -> None:
    answer(home, "import", home / "csv", "--name", "mine", flag)
    assert load_dataset("mine", home / "datasets").adjusted is (flag == "--adjusted")


def test_an_unknown_market_is_refused_with_the_known_ones(home: Path) -> None:
    error = refusal(home, "import", home / "csv", "--name", "mine", "--market", "NYSE")
    assert isinstance(error, ConfigError)
    assert "known: auto, KOSPI, KOSDAQ, KONEX" in str(error)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", ""])
def test_a_name_that_is_no_folder_name_is_refused(home: Path, name: str) -> None:
    error = refusal(home, "import", home / "csv", "--name", name)
    assert isinstance(error, ConfigError)
    assert not (home / "datasets").exists()


def test_synth_makes_a_market_and_its_minutes(home: Path) -> None:
    words = ["synth", "--name", "toy", "--names", 3, "--years", 1, "--seed", 4]
    made = answer(home, *words, "--minutes-names", 2, "--minutes-days", 3)["datasets"]
    assert [one["name"] for one in made] == ["toy", "toy-minutes"]
    assert made[0]["first"] == "2022-01-03"
    assert load_dataset("toy-minutes", home / "datasets").frequency == "1m"
    again = answer(home, *words, "--force")["datasets"]
    assert again[0]["hash"] == made[0]["hash"]
    assert "exists already" in str(refusal(home, *words))
    assert "toy" in run(home, *words, "--force").stdout


def test_synth_refuses_minutes_that_exist_before_it_makes_anything(home: Path) -> None:
    words = ["synth", "--name", "toy", "--names", 2, "--years", 1]
    (home / "datasets" / "toy-minutes").mkdir(parents=True)
    assert "toy-minutes" in str(refusal(home, *words, "--minutes-names", 1))
    assert not (home / "datasets" / "toy").exists()


def test_fetch_without_its_package_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pykrx", None)
    words = ["fetch", "005930", "--name", "net", "--from", "2024-01-02", "--to", "2024-01-05"]
    error = refusal(home, *words)
    assert "uv sync --extra pykrx" in str(error)
    assert not (home / "datasets").exists()


def test_fetch_saves_what_the_package_gives(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    from tests.data.test_fetch import english

    module = ModuleType("FinanceDataReader")
    module.DataReader = english  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "FinanceDataReader", module)
    words = ["fetch", "005930", "--name", "net", "--from", "2024-01-02", "--to", "2024-01-05"]
    assert answer(home, *words, "--source", "fdr")["dataset"]["rows"] == 2


def test_every_command_has_help_and_json() -> None:
    for command in ("list", "check", "import", "synth", "fetch"):
        text = CliRunner().invoke(app, ["data", command, "--help"], env={"COLUMNS": "200"}).stdout
        assert "--json" in text, command
        assert any("가" <= letter <= "힣" for letter in text), command
