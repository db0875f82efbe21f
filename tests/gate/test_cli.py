import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kisbt.cli.app import app
from kisbt.errors import GateError, JournalError
from kisbt.gate.gate import Gate
from kisbt.journal.database import DatabaseManager
from tests.gate.scenes import SETTINGS, evidence, held_out, open_gate, terms


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose journal holds one campaign: ``good`` in shadow, ``same`` undecided."""
    (tmp_path / "kisbt.toml").write_text(
        '[paths]\njournal = "journal.sqlite"\n[gate]\ndrawdown_points = 0.5\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KISBT_JOURNAL", raising=False)
    with open_gate(tmp_path, SETTINGS) as gate:
        told(gate)
    return tmp_path


def told(gate: Gate) -> None:
    campaign = gate.register_campaign(terms())
    names = ("sha256:aaa1", "sha256:bbb2", "sha256:bbb3")
    for version in names:
        gate.register(campaign.id, version)
    gate.crashed(campaign.id, names[2], "no data")
    gate.test(campaign.id, evidence(names[:2], (5.0, 0.4)))
    gate.look(campaign.id, names[0], lambda: held_out(4.0))
    gate.start_shadow(campaign.id, names[0])
    gate.shadow(campaign.id, names[0], date(2024, 1, 2), 0.01)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.usefixtures("project")
def test_explain_tells_the_story_in_korean_by_default() -> None:
    text = run("gate", "explain", "aaa").output
    for words in ("판정: 그림자 운용 중", "E3", "등록", "홀드아웃 결과: 통과", "최대 T 검정: p"):
        assert words in text


@pytest.mark.usefixtures("project")
def test_explain_in_english_says_undecided_and_the_days_missing() -> None:
    text = run("gate", "explain", "bbb2", "--lang", "en").output
    assert "Verdict: the champion stays; undecided; evidence tier E1" in text
    assert "more trading days are needed" in text
    assert "better" not in text


@pytest.mark.usefixtures("project")
def test_explain_of_a_crashed_version_tells_why() -> None:
    assert "crashed: no data" in run("gate", "explain", "bbb3", "--lang", "en").output


@pytest.mark.usefixtures("project")
def test_explain_as_json_holds_every_entry_and_the_decision() -> None:
    body = json.loads(run("gate", "explain", "sha256:aaa1", "--json").output)
    (story,) = body["campaigns"]
    assert story["decision"]["verdict"] == "wait"
    assert [entry["kind"] for entry in story["entries"]] == [
        "variant", "test", "look", "look_result", "shadow", "shadow_day",
    ]  # fmt: skip


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("name", "why"), [("zzz", "never seen"), ("bbb", "2 versions begin")])
def test_unknown_or_ambiguous_version_is_one_clear_line(name: str, why: str) -> None:
    error = run("gate", "explain", name).exception
    assert isinstance(error, GateError)
    assert why in str(error)


def test_ledger_that_was_edited_is_not_explained(project: Path) -> None:
    with (
        DatabaseManager(f"sqlite:///{project / 'journal.sqlite'}") as db,
        db.writing(durable=True) as connection,
    ):
        connection.exec_driver_sql("UPDATE gate_events SET at = '2020-01-01' WHERE seq = 2")
    error = run("gate", "explain", "aaa").exception
    assert isinstance(error, JournalError)
    assert "not what was written" in str(error)


def test_calibrate_prints_rate_error_and_bound() -> None:
    found = run("gate", "--calibrate", "--campaigns", "30", "--kind", "skew", "--jobs", "1",
                "--no-power")  # fmt: skip
    assert "upper 95 %" in found.output
    assert "skew" in found.output
    assert found.exit_code == 0
    assert "not yet proved" in found.stderr  # thirty campaigns prove nothing


def test_calibrate_as_json_is_the_same_for_the_same_seed() -> None:
    order = ("gate", "--calibrate", "--campaigns", "20", "--kind", "crash", "--jobs", "1",
             "--no-power", "--json", "--seed", "4")  # fmt: skip
    first, second = (CliRunner().invoke(app, list(order)).stdout for _ in range(2))
    assert first == second
    body = json.loads(first)
    assert body["promise"] == "open"
    assert {row["kind"] for row in body["false_promotions"]} == {"crash"}
    assert all(0 <= row["rate"] <= row["upper95"] <= 1 for row in body["false_promotions"])


@pytest.mark.parametrize(
    "wrong",
    [("gate", "--calibrate", "--kind", "lucky"), ("gate", "explain", "1", "--lang", "fr"),
     ("power", "--days", "0")],
)  # fmt: skip
def test_wrong_option_is_a_usage_error(wrong: tuple[str, ...]) -> None:
    assert run(*wrong).exit_code == 2


def test_gate_alone_shows_its_help() -> None:
    found = run("gate")
    assert found.exit_code == 0
    assert "--calibrate" in found.output


def test_power_says_what_can_be_seen() -> None:
    text = run("power", "--days", "500", "--ir", "2", "--variants", "5").output
    assert "0.383" in text
    assert "smallest information ratio with 80 % power in development: 2.51" in text


def test_power_as_json_with_a_simulation_beside_it() -> None:
    body = json.loads(run("power", "--ir", "3", "--simulate", "60", "--json").output)
    (row,) = body["rows"]
    assert row["both"] == pytest.approx(0.83, abs=0.01)
    assert row["simulated"] == pytest.approx(row["both"], abs=5 * row["error"])
    assert body["best_of_useless_sharpe"] == pytest.approx(0.85, abs=0.01)


def test_power_of_no_effect_needs_forever() -> None:
    body = json.loads(run("power", "--ir", "0", "--json").output)
    assert body["rows"][0]["days_for_80"] is None
