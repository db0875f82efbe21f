"""Exchanges with models in the journal: stored once, read back whole, summed."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from kisbt.domain.llm import LLMCall
from kisbt.errors import JournalError
from kisbt.journal import schema
from kisbt.journal.calls import CallSums, read_request
from kisbt.journal.chain import read_chain
from kisbt.journal.database import DatabaseManager
from kisbt.journal.explain import explain_lines
from kisbt.journal.script import ScriptJournal, write_script
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import decision, info, state

AT = datetime(2024, 1, 2, 15, 31)
SYSTEM = "원칙을 지킨다. " * 400


def request_of(*contents: str, roles: tuple[str, ...] = ("system", "user")) -> str:
    turns = [*roles, *(("assistant", "user") * len(contents))][: len(contents)]
    messages = [{"role": r, "content": c} for r, c in zip(turns, contents, strict=True)]
    head = {"draw": 0, "model": "m", "parameters": {"seed": 0}, "schema": None}
    return orjson.dumps({**head, "messages": messages}).decode()


def call(tick: int = 0, number: int = 0, **changes: Any) -> LLMCall:
    fields: dict[str, Any] = {
        "tick": tick,
        "call": number,
        "draw": 0,
        "key": f"k{tick}",
        "model": "m",
        "source": "sent",
        "status": "valid",
        "request": request_of(SYSTEM, f"틱 {tick}"),
        "reply": '{"decisions": []}',
        "tokens_in": 1_000,
        "tokens_out": 50,
        "tokens_cached": 800,
        "cost_usd": 0.001,
        "cost_krw": 1.4,
        "latency_ms": 950.0,
        "at": AT + timedelta(days=tick),
    }
    return LLMCall(**(fields | changes))


def journaled(db: DatabaseManager, *calls: LLMCall, batch: int = 500) -> RunJournal:
    journal = RunJournal(db, db.begin_run(info(run_id="run1")), batch=batch)
    journal.record_tick(state(0, decision()))
    for one in calls:
        journal.record_call(one)
    journal.flush()
    return journal


def stored_request(db: DatabaseManager, tick: int = 0) -> str:
    with db.reading() as connection:
        row = connection.execute(
            select(schema.llm_calls.c.request).where(schema.llm_calls.c.tick == tick)
        ).scalar_one()
        return read_request(connection, row)


def test_a_request_is_read_back_as_it_was_asked(db: DatabaseManager) -> None:
    repair = request_of(SYSTEM, "자료", '{"decisions": [', "다시")
    journaled(db, call(0), call(1, request=repair), call(2, request="not a chat"))
    assert stored_request(db, 0) == call(0).request
    assert stored_request(db, 1) == repair
    assert stored_request(db, 2) == "not a chat"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    contents=st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(['"},{"role":"', '"}]}', '\\"},{\\"role\\":\\"', "\\", "\x00"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_no_words_of_a_message_confuse_its_pieces(contents: list[str]) -> None:
    from kisbt.journal.calls import CallEncoder

    encoder = CallEncoder()
    asked = request_of(*contents)
    row = encoder.row("run1", call(request=asked))
    end, *names = orjson.loads(row[6])
    assert '"},{"role":"'.join(encoder.pieces[name].decode() for name in names) + end == asked


def test_the_stable_prefix_of_many_ticks_is_stored_once(db: DatabaseManager) -> None:
    journaled(db, *(call(tick) for tick in range(300)))
    with db.reading() as connection:
        count = connection.execute(select(func.count()).select_from(schema.texts)).scalar_one()
        size = connection.execute(select(func.sum(func.length(schema.texts.c.body)))).scalar_one()
    assert count == 301
    assert size < 300 * 60
    assert len(SYSTEM.encode()) * 300 > 1_000_000


def test_the_same_exchange_told_twice_is_no_news(db: DatabaseManager) -> None:
    journal = journaled(db, call())
    journal.record_call(call())
    journal.flush()
    assert db.llm_usage("run1").calls == 1


def test_a_durable_journal_has_the_exchange_before_its_plan_is_acted_upon(
    db: DatabaseManager,
) -> None:
    journal = RunJournal(db, db.begin_run(info(run_id="run1")), batch=0)
    journal.record_call(call())
    assert stored_request(db) == call().request


def test_usage_tells_what_recording_cost_from_what_this_run_paid(db: DatabaseManager) -> None:
    journaled(
        db,
        call(0, attempts=3),
        call(1, source="cache"),
        call(2, status="invalid"),
        call(
            3, status="failed", reply=None, error="timeout", tokens_in=0, tokens_out=0, attempts=5
        ),
    )
    used = db.llm_usage("run1")
    assert used._replace(cost_usd=0, cost_krw=0, spent_usd=0, spent_krw=0) == CallSums(
        calls=4, cached=1, valid=2, invalid=1, failed=1, requests=10, tokens_in=3_000,
        tokens_out=150, tokens_cached=3_200, sent=9,
    )  # fmt: skip
    assert used.cost_krw == pytest.approx(5.6)
    assert used.spent_krw == pytest.approx(4.2)


def test_a_run_that_asked_nobody_has_no_usage(db: DatabaseManager) -> None:
    journaled(db)
    assert db.llm_usage("run1") == CallSums()


def test_the_agreement_of_draws_is_kept_with_the_decision(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info(run_id="run1")))
    journal.record_tick(state(0, decision(agreement=0.8)))
    journal.flush()
    chain = read_chain(db, "run1:0")
    assert chain.steps[0].decision is not None
    assert chain.steps[0].decision["agreement"] == 0.8
    assert "    추첨 합의 80%" in list(explain_lines(chain))


def test_an_exchange_is_explained_with_its_repair_and_its_reply(db: DatabaseManager) -> None:
    repair = request_of(SYSTEM, "자료", '{"decisions": [', "형식만 고쳐\n다시 답하세요")
    journaled(
        db,
        call(0, 0, status="invalid", reply='{"decisions": [', error="not a JSON object"),
        call(0, 1, request=repair, draw=1, attempts=2, source="cache"),
    )
    korean = list(explain_lines(read_chain(db, "run1:0")))
    assert (
        "LLM 교신 1: m · 유효 · 기록 재생 · 2번째 추첨 · 토큰 입력 1,000 (캐시 800) 출력 50 · "
        "1.40원 ($0.001000) · 950 ms · 시도 2회 · k0"
    ) in korean
    assert "    문제: not a JSON object" in korean
    assert '    assistant: {"decisions": [' in korean
    assert [line for line in korean if "형식만" in line or "다시" in line] == [
        "    user: 형식만 고쳐",
        "        다시 답하세요",
    ]
    english = "\n".join(explain_lines(read_chain(db, "run1:0"), "en"))
    assert "LLM call 0: m · invalid · sent · tokens in 1,000" in english
    assert read_chain(db, "run1:0").as_json()["llm_calls"][1]["messages"][3]["role"] == "user"


def test_a_missing_text_is_one_clear_line(db: DatabaseManager) -> None:
    journaled(db, call())
    with db.writing(durable=False) as connection:
        connection.execute(delete(schema.texts))
    with pytest.raises(JournalError, match="is not in the journal"):
        read_chain(db, "run1:0")


def test_a_discarded_run_leaves_no_calls_but_the_texts_that_others_share(
    db: DatabaseManager,
) -> None:
    journaled(db, call())
    db.discard_run("run1")
    assert db.llm_usage("run1") == CallSums()
    with db.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.texts)).scalar_one() == 2


def test_calls_noted_elsewhere_are_written_like_others(db: DatabaseManager) -> None:
    script = ScriptJournal()
    script.record_call(call())
    journal = RunJournal(db, db.begin_run(info(run_id="run1")))
    write_script(script.lines, journal)
    journal.flush()
    assert stored_request(db) == call().request
