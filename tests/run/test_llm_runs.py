"""Runs that ask a model, against a scripted server: recorded, replayed, stopped, gone on with."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kisbt.config import load_settings
from kisbt.journal.database import DatabaseManager
from kisbt.llm.shared import close_shared
from kisbt.report.card import compare_cards, read_card
from kisbt.run.conversation import decider_label
from tests.llm.scripted_server import BAD_JSON, GOOD, NO_USAGE, ScriptedServer
from tests.run.conftest import Said

Command = Callable[..., Said]

PRICES = '[llm.prices."m"]\ninput = 1.0\ncached_input = 0.1\noutput = 4.0\n'
FEW_DAYS = ("--prompt", "1", "--from", "2024-11-18", "--to", "2024-12-13")


@pytest.fixture
def model(project: Path) -> Iterator[None]:
    """Prices and a cutoff of model ``m``; connections end with the test."""
    toml = f'[llm]\nmodel = "m"\n[llm.cutoffs]\nm = 2024-06-30\n{PRICES}'
    (project / "kisbt.toml").write_text(toml, encoding="utf-8")
    yield
    close_shared()


def asked(kisbt: Command, server: ScriptedServer, *args: str) -> Said:
    return kisbt("backtest", "--llm", "openai", "--base-url", server.base_url, *FEW_DAYS, *args)


def run_of(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    run: dict[str, Any] = json.loads(said.out)["runs"][0]
    return run


@pytest.mark.usefixtures("model")
def test_replay_of_a_recorded_run_calls_nobody_and_gives_the_same_bytes(kisbt: Command) -> None:
    with ScriptedServer([GOOD, BAD_JSON, NO_USAGE]) as server:
        recorded = run_of(asked(kisbt, server, "--json"))
        calls = server.calls
    assert calls == recorded["llm"]["calls"] == recorded["llm"]["here"]["sent"] > 20
    assert recorded["llm"]["invalid"] > 0
    replayed = run_of(kisbt("backtest", "--llm", "replay", *FEW_DAYS, "--json"))
    assert replayed["llm"]["here"] == {
        "mode": "replay", "cached": calls, "sent": 0, "spent_krw": 0.0
    }  # fmt: skip
    assert recorded["digests"]["replies"].startswith("sha256:")
    assert replayed["digests"] == recorded["digests"]
    assert replayed["metrics"] == recorded["metrics"]
    assert compare_cards(read_card(Path(recorded["card"])), read_card(Path(replayed["card"]))) == []
    assert kisbt("verify", recorded["card"]).code == 0


@pytest.mark.usefixtures("model")
def test_twin_without_costs_never_asks_the_model(kisbt: Command) -> None:
    with ScriptedServer(GOOD) as server:
        run = run_of(asked(kisbt, server, "--json"))
        assert server.calls == run["llm"]["ticks"] == run["llm"]["calls"]
    figures = run["metrics"]
    assert figures["fills"] > 0
    assert figures["gross_total_return"] > figures["total_return"]


@pytest.mark.usefixtures("model")
def test_spent_budget_ends_the_run_at_a_decision_and_the_same_command_goes_on(
    project: Path, kisbt: Command
) -> None:
    with ScriptedServer(GOOD) as server:
        stopped = asked(kisbt, server, "--budget-calls", "8")
        assert stopped.code == 7
        assert len(stopped.err.strip().splitlines()) == 1
        assert "8 of 8 calls" in stopped.err
        assert "the same command goes on" in stopped.err
        assert server.calls == 8
        with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
            (run,) = db.runs()
        assert run.status == "interrupted"
        assert run.ticks == 8
        whole = run_of(asked(kisbt, server, "--json"))
        assert server.calls == whole["llm"]["calls"]
        assert whole["llm"]["here"]["cached"] == 8


@pytest.mark.usefixtures("model")
def test_replay_stops_at_the_first_reply_that_was_never_recorded(kisbt: Command) -> None:
    with ScriptedServer(GOOD) as server:
        run_of(asked(kisbt, server, "--json"))
    said = kisbt("backtest", "--llm", "replay", *FEW_DAYS, "--prompt", "2")
    assert said.code == 7
    assert "tick 0 (2024-11-18 15:30)" in said.err
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.usefixtures("model")
def test_charged_cost_comes_off_the_result_and_changes_no_decision(kisbt: Command) -> None:
    with ScriptedServer(GOOD) as server:
        free = run_of(asked(kisbt, server, "--json"))
        calls = server.calls
        paid = run_of(asked(kisbt, server, "--charge-llm-cost", "--json"))
        assert server.calls == calls
    assert paid["digests"] == free["digests"]
    due = free["metrics"]["end_equity"] - paid["metrics"]["end_equity"]
    assert due == round(free["llm"]["cost_krw"]) > 0


@pytest.mark.usefixtures("model")
def test_page_and_metrics_tell_what_the_model_cost(kisbt: Command) -> None:
    with ScriptedServer(GOOD) as server:
        run = run_of(asked(kisbt, server, "--no-blind", "--draws", "2", "--json"))
        assert server.calls == run["llm"]["calls"] == 2 * run["llm"]["ticks"]
    page = Path(run["tearsheet"]).read_text(encoding="utf-8")
    for words in ("블라인드 꺼짐", "모델 사용량", "지식 시점", "결정 하나의 값", "같은 답의 비율"):
        assert words in page
    assert run["metrics"]["llm_calls"] == run["llm"]["calls"]
    assert run["metrics"]["llm_cost_krw"] == pytest.approx(run["llm"]["cost_krw"])
    assert run["decider"] == "LLM m (names shown, 2 draws)"


@pytest.mark.usefixtures("model")
def test_versions_and_seeds_are_compared_while_they_wait_together(kisbt: Command) -> None:
    args = (*FEW_DAYS, "--prompt", "2", "--seeds", "2", "--leave-one-out", "--json")
    with ScriptedServer(GOOD) as server:
        said = kisbt("backtest", "--llm", "openai", "--base-url", server.base_url, *args)
        assert said.code == 0, said.err
        answer = json.loads(said.out)
        assert server.calls == sum(run["llm"]["here"]["sent"] for run in answer["runs"])
    seeds = {
        (run["spec"]["llm"]["seed"], run["spec"]["llm"]["mask_seed"]) for run in answer["runs"]
    }
    assert seeds == {(0, 0), (1, 1)}
    assert len(answer["runs"]) == 2 * (1 + 4) * 2
    # A rule stays in the prompt when it is left out, so that most replies are there already.
    assert server.calls < sum(run["llm"]["calls"] for run in answer["runs"]) / 2
    assert answer["verdicts"]["trials"] == 10
    page = Path(answer["comparison"]).read_text(encoding="utf-8")
    for words in ("모델의 흔들림", "LLM 비용", "4번 노드의 강제만"):
        assert words in page
    again = kisbt("backtest", "--llm", "replay", *args)
    assert again.code == 0, again.err
    for one, other in zip(answer["runs"], json.loads(again.out)["runs"], strict=True):
        assert one["digests"] == other["digests"]


@pytest.mark.usefixtures("model")
def test_budget_stops_all_replays_of_a_comparison_and_they_go_on(
    project: Path, kisbt: Command
) -> None:
    with ScriptedServer(GOOD) as server:
        stopped = asked(kisbt, server, "--prompt", "2", "--budget-calls", "30")
        assert stopped.code == 7
        assert server.calls == 30
        assert run_of(asked(kisbt, server, "--prompt", "2", "--json"))["llm"]["calls"] > 15
    with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
        statuses = [run.status for run in db.runs()]
    assert statuses.count("interrupted") >= 1
    assert statuses.count("finished") >= 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--model", "m"), "--model needs a model"),
        (("--no-blind",), "add --llm openai"),
        (("--llm", "openai"), "no model is named"),
        (("--llm", "openai", "--model", "m", "--engine", "dask", "--cluster", "x"), "one process"),
        (("--llm", "openai", "--model", "m", "--base-url", "http://127.0.0.1:9/v1",
          "--budget-calls", "0"), "nothing could be asked"),
        (("--llm", "replay", "--model", "m"), "llm_cache.sqlite"),
        (("--llm", "replay", "--model", "m", "--strategy", "strategies/momentum.py"),
         "asks no model"),
    ],
)  # fmt: skip
def test_impossible_options_of_the_model_are_one_clear_line(
    project: Path, kisbt: Command, args: tuple[str, ...], said: str
) -> None:
    answer = kisbt("backtest", *args)
    assert answer.code not in (0, 1)
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not list((project / "results").glob("2*"))


@pytest.mark.usefixtures("model")
def test_label_in_the_journal_is_the_deciders_own(project: Path, kisbt: Command) -> None:
    with ScriptedServer(GOOD) as server:
        run = run_of(asked(kisbt, server, "--draws", "3", "--json"))
    with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
        row = db.run(run["run_id"])
    from kisbt.run.spec import RunSpec

    spec = RunSpec.model_validate(row.spec).llm
    assert spec is not None
    assert run["decider"] == row.decider == decider_label(spec)
    assert load_settings().llm.model == "m"


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("nobody listens", "check llm.base_url"),
        ("wrong key", "check the key in environment variable"),
        ("unknown model", "check llm.model"),
    ],
)
def test_server_that_cannot_be_used_is_one_clear_line(
    project: Path, kisbt: Command, monkeypatch: pytest.MonkeyPatch, trouble: str, said: str
) -> None:
    monkeypatch.setenv("HOUSE_KEY", "no-such-key")
    toml = (project / "kisbt.toml").read_text(encoding="utf-8")
    toml = toml.replace("[llm]", '[llm]\nretries = 0\napi_key_env = "HOUSE_KEY"', 1)
    (project / "kisbt.toml").write_text(toml, encoding="utf-8")
    key = "good" if trouble == "wrong key" else None
    models = ("other",) if trouble == "unknown model" else ()
    with ScriptedServer(GOOD, key=key, models=models) as server:
        url = "http://127.0.0.1:9/v1" if trouble == "nobody listens" else server.base_url
        answer = kisbt("backtest", "--llm", "openai", "--base-url", url, *FEW_DAYS)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    with DatabaseManager(f"sqlite:///{project / 'results' / 'journal.sqlite'}") as db:
        assert [run.status for run in db.runs()] == ["interrupted"]


@pytest.mark.usefixtures("model")
def test_corrupt_cache_is_one_clear_line_and_stays_as_it_is(project: Path, kisbt: Command) -> None:
    cache = project / "results" / "llm_cache.sqlite"
    cache.parent.mkdir()
    cache.write_bytes(b"not a database at all" * 100)
    with ScriptedServer(GOOD) as server:
        answer = asked(kisbt, server)
        assert server.calls == 0
    assert answer.code != 0
    assert "llm_cache.sqlite" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert cache.read_bytes() == b"not a database at all" * 100
