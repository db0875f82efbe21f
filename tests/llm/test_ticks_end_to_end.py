"""Whole ticks against a server that misbehaves in every way: a valid plan or a journaled hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from kisbt.config import RiskLimits
from kisbt.domain.state import Tick, TradingState
from kisbt.errors import StopRun
from kisbt.llm.blind import Mask
from kisbt.llm.client import LLMClient
from kisbt.llm.decider import LLMDecider
from kisbt.rulebook.draft import compose
from kisbt.trading_graph.direct import run_tick
from kisbt.trading_graph.graph import invoke_tick
from tests.llm.clients import client_of, scene, settings_for
from tests.llm.fakes import Calls, line, reply
from tests.llm.scripted_server import (
    BAD_JSON,
    CUT,
    GARBAGE,
    GOOD,
    HANG,
    NO_USAGE,
    RESET,
    TRUNCATED,
    WRONG_SCHEMA,
    failed,
    said,
)
from tests.llm.worlds import SURGE
from tests.risk.world import SAMSUNG, SESSION, instrument
from tests.rulebook.samples import AT, draft
from tests.trading_graph.floor import TICK, Floor

NAMES = (SAMSUNG, "000660")
UNIVERSE = {ticker: instrument(ticker) for ticker in NAMES}
LIMITS = RiskLimits(max_weight=0.2)

ABSURD = said(reply(line("005930", quantity=10**15)))
STRANGER = said(reply(line("삼성전자")))
REPEATED = said(lambda body: reply(line("종목A"), line("종목A")))
CHATTY = said("생각해 보면 살 이유가 많지만 오늘은 쉬는 편이 낫겠습니다.")

TROUBLE = (
    *(GOOD, BAD_JSON, WRONG_SCHEMA, TRUNCATED, STRANGER, CHATTY, NO_USAGE, GARBAGE, CUT, RESET),
    *(failed(429, Retry_After="1"), failed(500), failed(503), GOOD, ABSURD, REPEATED, failed(400)),
    *(HANG, GOOD, said("", finish="length"), said('{"decisions": []}'), WRONG_SCHEMA, GOOD),
)


def decider_of(
    client: LLMClient, calls: Calls, mask: Mask | None = None, draws: int = 1
) -> LLMDecider:
    return LLMDecider(
        compose(draft(), 1, AT),
        client,
        LIMITS,
        UNIVERSE,
        mask=mask,
        draws=draws,
        listener=calls,
        model="m",
    )


def ticks(decider: Any, count: int, runner: Any = run_tick) -> tuple[Floor, list[TradingState]]:
    floor = Floor()
    states = []
    desk = floor.desk(limits=LIMITS)
    object.__setattr__(desk, "decider", decider)
    for number in range(count):
        floor.rows = {ticker: SURGE | {"change_pct": 2.0 + number / 100} for ticker in NAMES}
        before = len(floor.sent)
        state = runner(Tick(number, TICK.at, SESSION), desk)
        states.append(state)
        if "failure" in state:
            assert len(floor.sent) == before
    return floor, states


@pytest.mark.parametrize(("blind", "draws", "count"), [(False, 1, 24), (True, 3, 12)])
def test_every_tick_ends_in_a_valid_plan_or_a_journaled_hold(
    tmp_path: Path, blind: bool, draws: int, count: int
) -> None:
    mask = Mask(1, UNIVERSE.values()) if blind else None
    calls = Calls()
    with scene(tmp_path, TROUBLE, timeout_seconds=2.0, retries=1) as (server, client):
        floor, states = ticks(decider_of(client, calls, mask, draws), count)
        usage = client.usage()

    assert len(floor.ticks) == count
    held = [state for state in states if "failure" in state]
    assert held
    assert len(held) < count
    for state in floor.ticks:
        if "failure" in state:
            assert state["failure"].node == "generate_trading_plan"
            assert state["failure"].error.startswith(("DeciderError", "NoAnswer"))
            assert state["report"].ending == "hold"
            assert "\n" not in state["report"].line
        else:
            assert {decision.ticker for decision in state["plan"].decisions} <= set(NAMES)
    for intent in floor.sent:
        assert intent.ticker in NAMES
        assert 0 < intent.quantity * 70_000 <= 0.2 * 100_000_000 * (1 + 1e-9)

    # what the journal is told, what the report says and what the server counted agree
    assert usage.requests == server.calls
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_cached) == server.tokens
    told = [call for call in calls.told if call.source == "sent"]
    assert sum(call.tokens_in for call in told) == server.tokens_in
    assert sum(call.tokens_out for call in told) == server.tokens_out
    assert {call.status for call in calls.told} == {"valid", "invalid", "failed"}
    by_tick: dict[int, list[int]] = {}
    for call in calls.told:
        by_tick.setdefault(call.tick, []).append(call.call)
    assert sorted(by_tick) == list(range(count))
    assert all(numbers == list(range(len(numbers))) for numbers in by_tick.values())
    valid = {call.tick for call in calls.told if call.status == "valid"}
    assert valid == {number for number, state in enumerate(states) if "failure" not in state}


def test_langgraph_and_the_direct_runner_end_the_same(tmp_path: Path) -> None:
    ends = []
    for runner, folder in ((run_tick, "direct"), (invoke_tick, "graph")):
        (tmp_path / folder).mkdir()
        script = [GOOD, BAD_JSON, BAD_JSON, WRONG_SCHEMA, GOOD, failed(400), CHATTY, GOOD]
        with scene(tmp_path / folder, script, retries=0) as (_, client):
            _, states = ticks(decider_of(client, Calls()), 8, runner)
        ends.append(
            [(state["report"], state.get("plan"), state.get("failure")) for state in states]
        )
    assert ends[0] == ends[1]


def test_recorded_ticks_replay_without_a_call_and_to_the_byte(tmp_path: Path) -> None:
    recorded, replayed = Calls(), Calls()
    script = [GOOD, BAD_JSON, GOOD, WRONG_SCHEMA, WRONG_SCHEMA, failed(400)]
    with scene(tmp_path, script, retries=0) as (server, client):
        first, states = ticks(decider_of(client, recorded, draws=2), 6)
        calls = server.calls
    with client_of(settings_for("http://127.0.0.1:1/v1"), tmp_path, mode="replay") as client:
        second, again = ticks(decider_of(client, replayed, draws=2), 6)
        assert client.usage().requests == calls
        assert client.usage().sent == 0
    assert [s.get("plan") for s in states] == [s.get("plan") for s in again]
    assert [s["report"] for s in states] == [s["report"] for s in again]
    assert first.sent == second.sent
    for one, two in zip(recorded.told, replayed.told, strict=True):
        assert two._replace(source=one.source) == one


def test_a_replay_over_a_changed_prompt_stops_at_the_first_miss_and_names_its_tick(
    tmp_path: Path,
) -> None:
    with scene(tmp_path) as (_, client):
        ticks(decider_of(client, Calls()), 3)
    changed = compose(draft(text=draft().text + "\n한 줄 더.\n"), 2, AT)
    with client_of(settings_for("http://127.0.0.1:1/v1"), tmp_path, mode="replay") as client:
        decider = LLMDecider(changed, client, LIMITS, UNIVERSE)
        with pytest.raises(StopRun, match=r"tick 0 \(2024-03-01 15:30\): no recorded reply"):
            ticks(decider, 3)


def test_the_server_is_sent_codes_only_and_the_broker_gets_real_names(tmp_path: Path) -> None:
    mask = Mask(1, UNIVERSE.values())
    with scene(tmp_path) as (server, client):
        floor, _ = ticks(decider_of(client, Calls(), mask), 2)
    sent = json.dumps(server.bodies, ensure_ascii=False)
    assert not any(ticker in sent for ticker in NAMES)
    assert "2024-03" not in sent
    assert "종목A" in sent
    assert floor.sent[0].ticker in NAMES


def test_a_server_without_json_mode_is_read_through_its_words(tmp_path: Path) -> None:
    wordy = said(f"<think>음</think> 다음과 같이 하겠습니다.\n{reply(line(SAMSUNG))}\n이상.")
    with scene(tmp_path, wordy, flavour="plain") as (_, client):
        floor, states = ticks(decider_of(client, Calls()), 2)
    assert all("failure" not in state for state in states)
    assert floor.sent[0].ticker == SAMSUNG
