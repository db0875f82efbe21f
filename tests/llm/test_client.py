"""The client against a server that misbehaves by script."""

import json
import logging
import socket
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kisbt.errors import ConfigError
from kisbt.llm.client import LLMClient
from kisbt.llm.meter import Budget
from kisbt.llm.stops import BudgetSpent, ModelUnusable, NoAnswer
from tests.llm.clients import Naps, client_of, question, scene, settings_for
from tests.llm.scripted_server import (
    BAD_JSON,
    CUT,
    DRIP,
    GARBAGE,
    HANG,
    NO_USAGE,
    RESET,
    TRUNCATED,
    WRONG_SCHEMA,
    ScriptedServer,
    Step,
    failed,
    said,
)


def _ask(client: LLMClient, number: int = 0) -> str | None:
    try:
        return client.ask(question(number)).reply
    except NoAnswer:
        return None


def test_an_answer_comes_with_its_tokens_and_its_cost(tmp_path: Path) -> None:
    with ScriptedServer() as server, client_of(settings_for(server.base_url), tmp_path) as client:
        exchange = client.ask(question())
    assert json.loads(exchange.reply or "")["decisions"][0]["ticker"] == "A"
    assert (exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached) == server.tokens
    dollars = (exchange.tokens_in * 1.0 + exchange.tokens_out * 2.0) / 1e6
    assert exchange.cost_usd == pytest.approx(dollars)
    assert exchange.cost_krw == pytest.approx(dollars * 1_400)
    assert (exchange.source, exchange.attempts, exchange.error) == ("sent", 1, "")


def test_a_kept_prefix_is_counted_and_priced_as_such(tmp_path: Path) -> None:
    with ScriptedServer() as server, client_of(settings_for(server.base_url), tmp_path) as client:
        client.ask(question(0))
        exchange = client.ask(question(1))
    assert exchange.tokens_cached == server.tokens_cached > 0
    fresh = exchange.tokens_in - exchange.tokens_cached
    dollars = (fresh + 0.1 * exchange.tokens_cached + 2 * exchange.tokens_out) / 1e6
    assert exchange.cost_usd == pytest.approx(dollars)


def test_a_draw_asks_with_another_seed(tmp_path: Path) -> None:
    with ScriptedServer() as server, client_of(settings_for(server.base_url), tmp_path) as client:
        client.ask(question())
        client.ask(question(draw=2))
    assert [body["seed"] for body in server.bodies] == [0, 2]


def test_retry_after_is_honoured_to_the_second(tmp_path: Path) -> None:
    naps = Naps()
    script = [failed(429, "slow down", Retry_After="7"), said()]
    with scene(tmp_path, script, naps=naps) as (server, client):
        exchange = client.ask(question())
    assert exchange.attempts == server.calls == 2
    assert naps[0] == 7.0


def test_retry_after_as_a_date_is_understood(tmp_path: Path) -> None:
    naps = Naps()
    script = [failed(503, "later", Retry_After=formatdate(time.time() + 90, usegmt=True)), said()]
    with scene(tmp_path, script, naps=naps) as (_, client):
        client.ask(question())
    assert 30 < naps[0] <= 90


def test_a_server_that_asks_for_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    naps = Naps()
    with scene(tmp_path, failed(429, "tomorrow", Retry_After="3600"), naps=naps) as (
        server,
        client,
    ):
        assert _ask(client) is None
    assert server.calls == 1
    assert naps == []


def test_backoff_doubles_and_ends(tmp_path: Path) -> None:
    naps = Naps()
    with ScriptedServer(failed(503)) as server:
        settings = settings_for(server.base_url, structured="text", retries=3)
        with client_of(settings, tmp_path, naps=naps) as client, pytest.raises(NoAnswer) as raised:
            client.ask(question())
    assert naps == [0.5, 1.0, 2.0]
    assert raised.value.exchange.attempts == server.calls == 4
    assert "HTTP 503" in raised.value.message


@pytest.mark.parametrize(
    ("flavour", "forms"),
    [
        ("openai", ["json_schema"]),
        ("llama.cpp", ["json_schema", "json_schema", "json_object_schema"]),
        ("json", ["json_schema", "json_object_schema", "json_object"]),
        ("plain", ["json_schema", "json_object_schema", "json_object", None]),
    ],
)
def test_the_form_of_json_that_a_server_knows_is_found_once(
    tmp_path: Path, flavour: str, forms: list[str | None]
) -> None:
    with scene(tmp_path, flavour=flavour) as (server, client):
        client.ask(question(0))
        client.ask(question(1))
    assert [_form(body) for body in server.bodies] == [*forms, forms[-1]]


def _form(body: dict) -> str | None:
    form = body.get("response_format")
    return None if form is None else form["type"] + ("_schema" if "schema" in form else "")


def test_one_500_is_no_proof_against_a_form(tmp_path: Path) -> None:
    with scene(tmp_path, [failed(500), said()]) as (server, client):
        client.ask(question())
    assert [_form(body) for body in server.bodies] == ["json_schema", "json_schema"]


def test_a_model_that_takes_no_temperature_is_asked_without_from_then_on(tmp_path: Path) -> None:
    refusal = failed(400, "Unsupported value: 'temperature' does not support 0 with this model.")
    with scene(tmp_path, [refusal, said(), said()]) as (server, client):
        client.ask(question(0))
        client.ask(question(1))
    assert ["temperature" in body for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize("trouble", [HANG, RESET, CUT, GARBAGE, failed(500), failed(429)])
def test_trouble_that_passes_is_outlived(tmp_path: Path, trouble: object) -> None:
    with ScriptedServer([trouble, said()]) as server:
        settings = settings_for(server.base_url, timeout_seconds=0.5 if trouble is HANG else 5)
        with client_of(settings, tmp_path) as client:
            assert client.ask(question()).attempts == server.calls >= 2


def test_bytes_that_drip_for_ever_do_not_hold_a_decision_for_ever(tmp_path: Path) -> None:
    with ScriptedServer(DRIP) as server:
        settings = settings_for(server.base_url, timeout_seconds=0.5, retries=0)
        with client_of(settings, tmp_path) as client, pytest.raises(NoAnswer, match="no whole"):
            client.ask(question())


STEPS = [
    said(), BAD_JSON, WRONG_SCHEMA, TRUNCATED, NO_USAGE, GARBAGE, CUT, RESET,
    failed(500), failed(503), failed(429, Retry_After="2"), failed(400), failed(401), failed(404),
    said(seconds=0.02),
]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=st.lists(st.sampled_from(STEPS), min_size=1, max_size=8), flavour=st.sampled_from(
    ["openai", "llama.cpp", "json", "plain"]))  # fmt: skip
def test_whatever_the_server_does_counts_agree_and_nothing_escapes(
    tmp_path_factory: pytest.TempPathFactory, script: list, flavour: str
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    with ScriptedServer([said(), *script], flavour=flavour) as server:
        settings = settings_for(server.base_url, retries=1)
        with client_of(settings, folder) as client:
            replies = [_ask(client, number) for number in range(6)]
        usage = client.usage()
        sent_before = server.calls
        with client_of(settings, folder, mode="replay") as again:
            assert [_ask(again, number) for number in range(6)] == replies
        assert server.calls == sent_before
    assert usage.sent == usage.requests == server.calls
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_cached) == server.tokens
    assert usage.failed == replies.count(None)
    assert again.usage()._replace(cached=0) == usage._replace(
        cached=0, sent=0, spent_tokens=0, spent_usd=0, spent_krw=0
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failed(401, "Incorrect API key provided"), "check the key in environment variable"),
        (failed(404, "no such model"), "check llm.model"),
    ],
)
def test_the_first_call_says_in_one_line_that_no_call_can_succeed(
    tmp_path: Path, answer: object, words: str
) -> None:
    with scene(tmp_path, answer) as (server, client), pytest.raises(ModelUnusable) as raised:
        client.ask(question())
    assert "\n" not in str(raised.value)
    assert words in str(raised.value)
    assert server.calls == client.usage().sent == 1


def refused(status: int, error: dict[str, Any]) -> Step:
    return Step("status", status=status, body={"error": error})


LLAMA_CPP = refused(400, {
    "code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 1536, "n_ctx": 512,
    "message": "the request exceeds the available context size, try increasing it",
})  # fmt: skip
OPENAI = refused(400, {
    "code": "context_length_exceeded", "type": "invalid_request_error", "param": "messages",
    "message": "This model's maximum context length is 8192 tokens. However, your messages "
               "resulted in 9001 tokens. Please reduce the length of the messages.",
})  # fmt: skip
OLD_LLAMA_CPP = failed(400, "request exceeds the available context size, try increasing it")
SCHEMALESS = failed(400, "Unknown parameter: 'nonsense'")


@pytest.mark.parametrize(
    ("answer", "words", "hint", "calls"),
    [
        (LLAMA_CPP, "1,536 tokens, and the model's context holds 512", "longer context", 1),
        (OPENAI, "9,001 tokens, and the model's context holds 8,192", "fewer --tickers", 1),
        (OLD_LLAMA_CPP, "more tokens, too many for the model's context", "longer context", 1),
        (SCHEMALESS, "Unknown parameter: 'nonsense'", "check llm.model and the parameters", 2),
    ],
)
def test_question_that_the_server_refuses_for_what_it_is_ends_the_run_at_its_first(
    tmp_path: Path, answer: Step, words: str, hint: str, calls: int
) -> None:
    with (
        scene(tmp_path, answer, structured="json_object") as (server, client),
        pytest.raises(ModelUnusable) as raised,
    ):
        client.ask(question())
    assert "\n" not in str(raised.value)
    assert words in raised.value.message
    assert hint in (raised.value.hint or "")
    assert server.calls == client.usage().sent == calls  # another form of JSON is tried first


def test_question_too_long_after_an_answer_holds_and_a_recorded_answer_counts(
    tmp_path: Path,
) -> None:
    with scene(tmp_path, [said(), LLAMA_CPP]) as (_, client):
        assert _ask(client, 0) is not None
        assert _ask(client, 1) is None
    with scene(tmp_path, LLAMA_CPP) as (server, client):
        assert _ask(client, 0) is not None
        assert server.calls == 0
        assert _ask(client, 2) is None


def test_nobody_listening_is_said_at_the_first_call(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = settings_for(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with (
            client_of(settings, tmp_path) as client,
            pytest.raises(ModelUnusable, match=r"nobody answers at http://127\.0\.0\.1"),
        ):
            client.ask(question())


def test_the_same_trouble_later_only_holds(tmp_path: Path) -> None:
    with scene(tmp_path, [said(), failed(401)]) as (_, client):
        assert _ask(client, 0) is not None
        assert _ask(client, 1) is None


@pytest.mark.parametrize("key", ["sk-proj-abcdefghijklmnop", "another-secret-of-ours"])
def test_a_key_is_sent_and_never_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(key="the right one") as server:
        settings = settings_for(server.base_url, api_key_env="MY_KEY")
        with (
            client_of(settings, tmp_path, environ={"MY_KEY": key}) as client,
            pytest.raises(ModelUnusable) as raised,
        ):
            client.ask(question())
    assert key not in str(raised.value) + repr(raised.value.exchange) + caplog.text
    assert "***" in str(raised.value)


def test_the_right_key_is_let_in(tmp_path: Path) -> None:
    with ScriptedServer(key="k-right") as server:
        settings = settings_for(server.base_url, api_key_env="MY_KEY")
        with client_of(settings, tmp_path, environ={"MY_KEY": "k-right"}) as client:
            assert _ask(client) is not None


def test_a_local_server_never_sees_the_key_of_openai(tmp_path: Path) -> None:
    with ScriptedServer(key="none") as server:
        settings = settings_for(server.base_url)
        with client_of(settings, tmp_path, environ={"OPENAI_API_KEY": "sk-1234567"}) as client:
            assert _ask(client) is not None


@pytest.mark.parametrize(
    ("address", "changes", "words"),
    [
        ("https://api.openai.com/v1", {}, "OPENAI_API_KEY is not set"),
        ("localhost:8080", {}, "is no http"),
        ("http://localhost:1/v1", {"model": ""}, "no model is named"),
        (
            "https://api.example.com/v1",
            {"budget_krw": 1000, "prices": {}, "api_key_env": "K"},
            "needs the price of m",
        ),
    ],
)
def test_what_cannot_work_is_one_line_before_anything_is_asked(
    tmp_path: Path, address: str, changes: dict, words: str
) -> None:
    settings = settings_for(address, **changes)
    with (
        pytest.raises(ConfigError, match=words) as raised,
        client_of(settings, tmp_path, environ={"K": "k"}),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_a_budget_of_calls_is_never_exceeded_and_goes_on_from_there(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        settings = settings_for(server.base_url)
        with client_of(settings, tmp_path, budget=Budget(calls=3)) as client:
            for number in range(3):
                client.ask(question(number))
            with pytest.raises(BudgetSpent, match="3 of 3 calls"):
                client.ask(question(3))
        assert server.calls == 3
        with client_of(settings, tmp_path, budget=Budget(calls=3)) as client:
            for number in range(6):
                client.ask(question(number))
            assert client.usage().cached == 3
        assert server.calls == 6


def test_attempts_before_the_budget_ran_out_are_told(tmp_path: Path) -> None:
    with (
        scene(tmp_path, failed(500), budget=Budget(calls=2)) as (server, client),
        pytest.raises(BudgetSpent) as raised,
    ):
        client.ask(question())
    assert raised.value.exchange is not None
    assert raised.value.exchange.attempts == server.calls == client.usage().sent == 2
