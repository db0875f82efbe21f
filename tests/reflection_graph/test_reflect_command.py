"""The whole loop as a user runs it: traded, reflected, tried, promoted, traded again."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kisbt.cli import main
from kisbt.config import Settings, load_settings
from kisbt.data.synth.traps import TrapSpec
from kisbt.gate.registry import Window
from kisbt.run.gate_trial import Windows
from tests.reflection_graph.scenes import features_of, make_project, planted, store_of

Kisbt = Callable[..., Any]


@pytest.fixture
def kisbt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kisbt:
    def run(folder: Path, *args: str) -> Any:
        argv = ["kisbt", *args, "--config", str(folder / "kisbt.toml"), "--json"]
        monkeypatch.setattr(sys, "argv", argv)
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return run


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_loop_closes_on_a_market_with_a_trap(tmp_path: Path, kisbt: Kisbt) -> None:
    settings = make_project(tmp_path, TrapSpec("chased_surge", 0.05, sessions=1000, seed=2))
    done = kisbt(tmp_path, "reflect")
    assert done["outcome"] == "promoted"
    assert done["promoted"] == store_of(settings).current_number()
    rule = store_of(settings).current().rules[-1]
    assert features_of(rule.when) == planted("chased_surge")
    (winner,) = [c for c in done["candidates"] if c["version"] == done["promoted"]]
    assert winner["ruling"]["claim"] == "better"
    development = winner["ruling"]["detail"]["windows"]["development"]
    assert development["last"] < winner["ruling"]["detail"]["windows"]["holdout"]["first"]
    page = Path(done["report"]).read_text(encoding="utf-8")
    assert rule.id in page
    assert "낫다" in page

    explained = kisbt(tmp_path, "journal", "explain", rule.id)
    assert explained["origin"] == done["reflection"]
    assert explained["insight"]["trades"]

    traded = kisbt(tmp_path, "backtest")
    assert traded["runs"][0]["prompt"]["number"] == done["promoted"]
    again = kisbt(tmp_path, "reflect", "--lang", "en")
    assert again["reflection"] != done["reflection"]
    told = Path(again["report"]).read_text(encoding="utf-8")
    assert "Did it come true?" in told


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_same_order_again_is_the_same_reflection(settings: Settings, kisbt: Kisbt) -> None:
    first = kisbt(settings.root, "reflect")
    written = store_of(settings).numbers()
    second = kisbt(settings.root, "reflect")
    assert second["reflection"] == first["reflection"]
    assert second["candidates"] == first["candidates"]
    assert store_of(settings).numbers() == written


def test_an_unknown_mode_is_one_line(settings: Settings) -> None:
    from kisbt.errors import ConfigError
    from kisbt.run.reflect import ReflectOrder, run_reflection

    with pytest.raises(ConfigError, match="unknown mode 'dream'"):
        run_reflection(ReflectOrder(modes=("dream",)), settings)
    with pytest.raises(ConfigError, match="no run to learn from"):
        run_reflection(ReflectOrder(modes=("real",), dry_run=True), settings)


def test_windows_leave_an_embargo_and_lock_the_last_days(settings: Settings) -> None:
    from kisbt.krx.calendar import sessions
    from kisbt.run.prepare import prepare
    from kisbt.run.reflect import windows_of
    from kisbt.run.spec import RunSpec

    spec = RunSpec(strategy="strategies/llm_trader.py", data="trap", cash=100_000_000)
    ready = prepare(spec, settings)
    windows = windows_of(ready, settings, 10)
    assert windows is not None
    assert windows.holdout is not None
    assert windows.holdout.last == ready.tape.sessions[-1]
    held = sessions(windows.holdout.first, windows.holdout.last)
    assert len(held) == settings.gate.holdout_days
    between = sessions(windows.development.last, windows.holdout.first)[1:-1]
    assert len(between) >= 10
    early = ready.tape.sessions[ready.warmup + 50]
    short = windows_of(ready, settings, 10, early)
    assert short is not None
    assert short.holdout is None
    assert short.development.last == early
    plain = Windows(Window(first=early, last=early), None).as_json()
    assert plain["holdout"] is None


def test_settings_of_reflection_are_read_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "kisbt.toml"
    file.write_text("[reflection]\ncandidates = 2\n", encoding="utf-8")
    assert load_settings(file, {}).reflection.candidates == 2
