"""``kisbt probe`` against a local server: verdict, replay, budget, and bad input in one line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kisbt.llm.shared import close_shared
from tests.llm.scripted_server import Body, ScriptedServer, failed, said
from tests.run.conftest import Said


def coin(body: Body) -> str:
    text = body["messages"][-1]["content"]
    if "몇 원" in text:
        return '{"answer": 12345}'
    return json.dumps({"answer": ("up", "down")[sum(text.encode()) % 2]})


@pytest.fixture(autouse=True)
def own_connections() -> Iterator[None]:
    yield
    close_shared()


def test_a_model_without_memory_is_told_so_in_korean_and_english(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    with ScriptedServer(said(coin)) as server:
        ask = ("probe", "--model", "m", "--questions", "40", "--base-url", server.base_url)
        korean = kisbt(*ask)
        english = kisbt(*ask, "--lang", "en")
        assert server.calls == 40 + 40 + len(closes_of(server))
    assert (korean.code, english.code) == (0, 0)
    assert "기억 시험: m · sample 2022-01-03 ~ 2024-12-30" in korean.out
    assert "증거가 없습니다" in korean.out
    assert "가상 데이터" in korean.out
    assert "No evidence that the model remembers" in english.out


def closes_of(server: ScriptedServer) -> list[Body]:
    return [body for body in server.bodies if "몇 원" in body["messages"][-1]["content"]]


def test_json_holds_every_figure_and_a_replay_gives_the_same(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    with ScriptedServer(said(coin)) as server:
        ask = ("probe", "--model", "m", "--questions", "20", "--json")
        first = json.loads(kisbt(*ask, "--base-url", server.base_url).out)
        calls = server.calls
        again = json.loads(kisbt(*ask, "--llm", "replay").out)
        assert server.calls == calls
    assert first == again
    assert first["verdict"] == "no_evidence"
    assert first["direction"]["answered"] == 20
    assert first["synthetic"] is True
    assert sum(month["answered"] for month in first["months"]) >= 20
    assert first["words"]["en"]


def test_a_spent_budget_stops_and_the_same_command_goes_on(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    (project / "kisbt.toml").write_text("[llm]\nbudget_calls = 35\nconcurrency = 2\n")
    with ScriptedServer(said(coin)) as server:
        ask = ("probe", "--model", "m", "--questions", "20", "--base-url", server.base_url)
        stopped = kisbt(*ask)
        assert stopped.code == 7
        assert "budget for the model is spent" in stopped.err
        assert server.calls == 35
        ended = kisbt(*ask)
        assert ended.code == 0
        assert len({body["messages"][-1]["content"] for body in server.bodies}) == server.calls


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "no model to probe"),
        (("--model", "m", "--base-url", "http://127.0.0.1:9/v1"), "cannot be used"),
        (("--model", "m", "--data", "nowhere"), "nowhere"),
        (("--model", "m", "--from", "2024-13-01"), "--from"),
        (("--model", "m", "--tickers", "999999"), "999999"),
        (("--model", "m", "--llm", "replay"), "cache"),
        (("--model", "m", "--lang", "fr"), "fr"),
    ],
)
def test_bad_input_is_one_clear_line(
    project: Path, kisbt: Callable[..., Said], args: tuple[str, ...], says: str
) -> None:
    if "--base-url" not in args:
        args = (*args, "--base-url", "http://127.0.0.1:9/v1")
    found = kisbt("probe", "--questions", "4", *args)
    assert found.code != 0
    assert found.out == ""
    (text,) = found.err.strip().splitlines()
    assert says in text


def test_a_refused_key_is_said_at_the_first_question(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    with ScriptedServer(failed(401, "bad key")) as server:
        found = kisbt("probe", "--model", "m", "--base-url", server.base_url)
        assert server.calls == 1
    assert found.code == 2
    assert "OPENAI_API_KEY" in found.err


def test_a_budget_of_zero_is_refused_before_anything_is_asked(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    (project / "kisbt.toml").write_text("[llm]\nbudget_calls = 0\n")
    with ScriptedServer(said(coin)) as server:
        found = kisbt("probe", "--model", "m", "--base-url", server.base_url)
        assert server.calls == 0
    assert found.code == 2
    assert "budget_calls" in found.err
