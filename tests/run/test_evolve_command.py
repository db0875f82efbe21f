"""``kisbt evolve`` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.learning import project as trap_project
from kisbt.data.synth.traps import TrapSpec
from tests.run.conftest import Said

SPEC = TrapSpec("weak_close", 0.02, names=8, sessions=130, seed=1)


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    trap_project(tmp_path, SPEC, holdout=120)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KISBT_JOURNAL", raising=False)
    return tmp_path


def test_a_few_weeks_end_with_a_report_in_both_languages(
    market: Path, kisbt: Callable[..., Said]
) -> None:
    said = kisbt("evolve", "--weeks", "3", "--seed", "7", "--jobs", "1", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["weeks"] == {"all": 3, "learned": 0, "resting": 0, "waiting": 0, "short": 3}
    assert told["trials"]["versions"] == 0
    assert told["against_frozen"] is None
    report = Path(told["report"])
    assert "진화 보고서" in report.read_text(encoding="utf-8")
    english = kisbt("evolve", "--weeks", "3", "--seed", "7", "--jobs", "1", "--lang", "en")
    assert "Whether learning helped is undecided." in english.out
    assert "Evolution report" in report.read_text(encoding="utf-8")
    assert not (market / "results" / "journal.sqlite").exists()


def test_a_strategy_without_a_prompt_cannot_evolve(
    market: Path, kisbt: Callable[..., Said]
) -> None:
    said = kisbt("evolve", "--from", "2019-13-01")
    assert said.code != 0
    assert "is not a day" in said.err
    settings = market / "kisbt.toml"
    rest = settings.read_text(encoding="utf-8").replace("llm_trader.py", "momentum.py")
    settings.write_text(rest, encoding="utf-8")
    said = kisbt("evolve", "--weeks", "1")
    assert said.code != 0
    assert "takes no prompt" in said.err
    assert len(said.err.strip().splitlines()) == 1
