"""Decisions over the wire, and the same decisions again without it."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument
from kisbt.domain.trading import TradingPlan
from kisbt.errors import ConfigError, DeciderError
from kisbt.llm.blind import Mask
from kisbt.llm.client import LLMClient
from kisbt.llm.decider import LLMDecider
from kisbt.llm.meter import Meter
from kisbt.llm.shared import close_shared, shared_client
from kisbt.llm.stops import ReplayMiss
from kisbt.rulebook.draft import compose
from tests.llm.clients import client_of, question, settings_for
from tests.llm.fakes import Calls
from tests.llm.scripted_server import (
    BAD_JSON,
    CUT,
    GARBAGE,
    GOOD,
    RESET,
    TRUNCATED,
    WRONG_SCHEMA,
    ScriptedServer,
    failed,
)
from tests.llm.worlds import CALM, SURGE, context
from tests.rulebook.samples import AT, draft

UNIVERSE = {
    ticker: Instrument(ticker=ticker, name=name)
    for ticker, name in (("005930", "삼성전자"), ("000660", "SK하이닉스"))
}
STEPS = [GOOD, BAD_JSON, WRONG_SCHEMA, TRUNCATED, GARBAGE, CUT, RESET, failed(500), failed(429)]


def decisions(client: LLMClient, calls: Calls, ticks: int = 5) -> list[TradingPlan | str]:
    decider = LLMDecider(
        compose(draft(), 1, AT),
        client,
        RiskLimits(),
        UNIVERSE,
        mask=Mask(0, UNIVERSE.values()),
        listener=calls,
    )
    plans: list[TradingPlan | str] = []
    for number in range(ticks):
        rising = SURGE | {"change_pct": 1.0 + number}
        try:
            plans.append(decider.decide(context({"005930": rising, "000660": CALM}, number=number)))
        except DeciderError as error:
            plans.append(error.message)
    return plans


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=st.lists(st.sampled_from(STEPS), min_size=1, max_size=8))
def test_every_tick_ends_in_a_plan_or_a_hold_and_again_in_the_same(
    tmp_path_factory: pytest.TempPathFactory, script: list
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    told, again = Calls(), Calls()
    with ScriptedServer([GOOD, *script]) as server:
        asked = settings_for(server.base_url, retries=1)
        with client_of(asked, folder) as client:
            plans = decisions(client, told)
    with client_of(asked, folder, mode="replay") as client:
        assert decisions(client, again) == plans
    assert sum(call.attempts for call in told.told) == server.calls
    assert sum(call.tokens_in for call in told.told) == server.tokens_in
    assert sum(call.tokens_out for call in told.told) == server.tokens_out
    for plan in plans:
        assert isinstance(plan, str) or all(d.ticker in UNIVERSE for d in plan.decisions)
    same = [call._replace(source="") for call in told.told]
    assert [call._replace(source="") for call in again.told] == same


def test_a_replay_stops_at_what_was_never_recorded_and_names_it(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        asked = settings_for(server.base_url)
        with client_of(asked, tmp_path) as client:
            decisions(client, Calls(), ticks=2)
    with (
        client_of(asked, tmp_path, mode="replay") as client,
        pytest.raises(ReplayMiss, match=r"tick 2 .*no recorded reply of m in .*--llm openai"),
    ):
        decisions(client, Calls(), ticks=5)


@pytest.mark.parametrize(
    "changes", [{"model": "n"}, {"temperature": 0.5}, {"seed": 1}, {"max_tokens": 9}]
)
def test_other_parameters_are_another_question(tmp_path: Path, changes: dict) -> None:
    with ScriptedServer() as server:
        asked = settings_for(server.base_url)
        with client_of(asked, tmp_path) as client:
            client.ask(question())
    with (
        client_of(asked.model_copy(update=changes), tmp_path, mode="replay") as client,
        pytest.raises(ReplayMiss),
    ):
        client.ask(question())


def test_runs_of_a_process_share_replies_connections_and_limits(tmp_path: Path) -> None:
    path, meter = tmp_path / "cache.sqlite", Meter()
    with ScriptedServer() as server:
        asked = settings_for(server.base_url, concurrency=2)

        def run(label: str) -> None:
            client = shared_client(asked, path, mode="record", meter=meter, label=label)
            for number in range(5):
                client.ask(question(number))

        try:
            threads = [threading.Thread(target=run, args=(f"run {n}",)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            close_shared()
    assert server.calls == 5
    assert server.most_under_way <= 2
    assert meter.snapshot().asked == 40
    assert meter.snapshot().sent == 5
    assert meter.snapshot("run 3").asked == 5
    assert sorted(meter.labels()) == [f"run {n}" for n in range(8)]


def test_a_replay_without_a_recording_is_one_clear_line(tmp_path: Path) -> None:
    asked = settings_for("https://api.openai.com/v1")
    with pytest.raises(ConfigError, match="no recorded replies"):
        shared_client(asked, tmp_path / "none.sqlite", mode="replay", meter=Meter())
