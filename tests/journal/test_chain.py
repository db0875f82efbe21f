from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Rule
from kisbt.domain.state import NodeFailure
from kisbt.domain.trading import Action, OrderState, Side
from kisbt.errors import JournalError
from kisbt.journal import schema
from kisbt.journal.chain import load_snapshot, read_chain
from kisbt.journal.database import DatabaseManager
from kisbt.journal.explain import explain_lines
from kisbt.journal.runs import PromptRecord
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import START, decision, event, fill, info, market, state
from tests.journal.test_database import trade

RULE = Rule(
    id="R0001",
    category=Category.ENTRY,
    priority=5,
    when=(Condition(feature="change_pct", op=">=", value=12.0),),
    then=Effect(kind=EffectKind.BLOCK_BUY),
    because="급등 추격 금지",
)
PROMPT = PromptRecord(number=2, hash="sha256:prompt", text="원칙", summary="둘째", rules=(RULE,))


def traded(db: DatabaseManager) -> str:
    """A filled buy, a hold and a refused buy on tick 0; tick 1 failed; an ordinary fill."""
    run_id = db.begin_run(info(run_id="run1", prompt=PROMPT))
    journal = RunJournal(db, run_id)
    tick = state(0, decision(), decision("000660", Action.HOLD, rules=()), decision("035420"))
    bought, refused = tick["receipts"]
    tick["receipts"] = (bought, refused._replace(accepted=False, reason="현금 부족"))
    for to in (OrderState.INTENT, OrderState.ACCEPTED):
        journal.record_order(event("0-0", START, "005930", Side.BUY, to, tick=0, decision=0))
    journal.record_tick(tick)
    at = START + timedelta(days=1)
    journal.record_fill(fill(0, "0-0", at, "005930", Side.BUY))
    journal.record_order(
        event("0-0", at, "005930", Side.BUY, OrderState.FILLED, filled=10, tick=0, decision=0)
    )
    failed = state(1, failure=NodeFailure(node="generate_trading_plan", error="답 없음"))
    del failed["plan"]
    del failed["verdicts"]
    failed["receipts"] = ()
    journal.record_tick(failed)
    limit = event("x", at, "000660", Side.SELL, OrderState.ACCEPTED)._replace(limit_price=900)
    journal.record_order(limit)
    journal.record_fill(fill(1, "x", at, "000660", Side.SELL))
    journal.close()
    db.update_pnl("run1-000000", pnl_7_days=-0.1234)
    return run_id


def test_chain_of_a_trade_goes_from_snapshot_to_result(db: DatabaseManager) -> None:
    traded(db)
    chain = read_chain(db, "run1-000000")
    assert chain.run is not None
    assert chain.tick is not None
    assert chain.market is not None
    assert chain.market.features == market(0).features
    assert chain.prompt == {
        "number": 2,
        "hash": "sha256:prompt",
        "summary": "둘째",
        "rules": {"R0001": "급등 추격 금지"},
    }
    (step,) = chain.steps
    assert step.decision is not None
    assert step.decision["justification"] == "거래량 급증"
    assert step.decision["by"] == ["limit:max_weight"]
    assert [one["state"] for one in step.events] == ["intent", "accepted", "filled"]
    assert [one["price"] for one in step.fills] == [50_000]
    assert [one.pnl_7_days for one in step.trades] == [-0.1234]
    assert chain.tick["portfolio"]["positions"][0]["ticker"] == "005930"


def test_chain_of_a_tick_holds_all_its_decisions(db: DatabaseManager) -> None:
    traded(db)
    chain = read_chain(db, "run1:0")
    assert [step.decision["seq"] for step in chain.steps if step.decision] == [0, 1, 2]
    (one,) = read_chain(db, "run1:0:2").steps
    assert one.decision is not None
    assert (one.decision["ticker"], one.order) == ("035420", None)


def test_chain_is_plain_values(db: DatabaseManager) -> None:
    import orjson

    traded(db)
    for name in ("run1-000000", "run1-000001", "run1:0", "run1:1"):
        assert orjson.loads(orjson.dumps(read_chain(db, name).as_json()))["id"] == name
    assert set(read_chain(db, "run1:0").as_json()["features"]) == {"005930", "000660", "035420"}


def test_korean_explanation_names_every_link(db: DatabaseManager) -> None:
    traded(db)
    said = "\n".join(explain_lines(read_chain(db, "run1-000000")))
    for words in (
        "실행: run1 · backtest · LlmTrader · rulebook (no LLM)",
        "시장 스냅샷: 2024-01-02T15:30:00+09:00 · tick 0 · sha256:",
        "005930  change_pct=",
        "당시 계좌: 현금 10,000,000원 · 평가금액 10,710,000원 · 투자 비중 6.6%",
        "프롬프트: v2 sha256:prompt 둘째",
        "계획 0: 005930 매수 · 거래량 급증",
        "적용 규칙: R0001 (급등 추격 금지)",
        "검증: 축소 12 → 10 · 근거 limit:max_weight · 종목 비중 한도로 줄임",
        "주문: 0-0 10주 시장가",
        "2024-01-03T15:30:00+09:00 체결 10",
        "체결: 2024-01-03T15:30:00+09:00 10주 × 50,000원 · 수수료 70원 · 세금 0원",
        "결과: run1-000000 7일 -12.34% · 30일 아직 모름",
    ):
        assert words in said


def test_english_explanation_of_a_whole_tick(db: DatabaseManager) -> None:
    traded(db)
    said = "\n".join(explain_lines(read_chain(db, "run1:0"), "en"))
    assert "plan 1: 000660 HOLD" in said
    assert "order: no order" in said
    assert "order: 현금 부족" in said
    assert "verdict: clipped 12 → 10 · by limit:max_weight" in said
    assert "7 days -12.34% · 30 days not known yet" in said


def test_explanation_of_a_failed_tick_names_the_node(db: DatabaseManager) -> None:
    traded(db)
    said = "\n".join(explain_lines(read_chain(db, "run1:1")))
    assert "실패한 노드: generate_trading_plan: 답 없음" in said
    assert "계획: 없음" in said


def test_ordinary_trade_is_explained_without_a_decision(db: DatabaseManager) -> None:
    traded(db)
    said = "\n".join(explain_lines(read_chain(db, "run1-000001")))
    assert "계획: 일반 전략의 주문 (기록된 결정 없음)" in said
    assert "주문: x 10주 900원" in said


def test_trade_without_a_run_is_only_its_result(db: DatabaseManager) -> None:
    db.insert_trade(trade(1, pnl_30_days=0.5))
    chain = read_chain(db, "t001")
    assert chain.features() == {}
    assert list(explain_lines(chain)) == [
        "",
        "계획: 일반 전략의 주문 (기록된 결정 없음)",
        "결과: t001 7일 아직 모름 · 30일 +50.00%",
    ]


def test_run_without_a_prompt_and_a_tick_without_market_have_a_chain(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info(run_id="bare", prompt=None)))
    blind = state(0, decision(rules=("R0099",)), verdicts=())
    del blind["market"]
    del blind["portfolio"]
    journal.record_tick(blind)
    journal.close()
    chain = read_chain(db, "bare:0")
    assert (chain.prompt, chain.market) == (None, None)
    said = "\n".join(explain_lines(chain))
    assert "시장 스냅샷: 2024-01-02T15:30:00+09:00 · tick 0 · 없음" in said
    assert "적용 규칙: R0099" in said
    assert "검증: 없음" in said


def test_model_calls_of_the_tick_are_part_of_the_chain(db: DatabaseManager) -> None:
    traded(db)
    with db.writing(durable=False) as connection:
        connection.execute(
            insert(schema.llm_calls),
            {
                "run_id": "run1", "tick": 0, "call": 0, "cache_key": "sha256:k", "model": "m",
                "request": "[\"\"]", "status": "ok", "called_at": "2024-01-02T15:30:01+09:00",
            },
        )  # fmt: skip
    said = "\n".join(explain_lines(read_chain(db, "run1:0")))
    assert "LLM 교신 0: m · ok · 토큰 입력 0 (캐시 0) 출력 0" in said
    assert "sha256:k" in said


def test_absurd_size_is_explained_as_unknown(db: DatabaseManager) -> None:
    traded(db)
    with db.writing(durable=False) as connection:
        connection.execute(update(schema.decisions).values(requested=None))
    assert any("검증: 축소 ? → 10" in line for line in explain_lines(read_chain(db, "run1:0")))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("run1-000009", "no trade"),
        ("nowhere:0", "no run 'nowhere'"),
        ("run1:7", "has no tick 7"),
        ("run1:0:9", "has no decision 9"),
    ],
)
def test_what_is_not_there_is_one_clear_line(db: DatabaseManager, name: str, said: str) -> None:
    traded(db)
    with pytest.raises(JournalError, match=said):
        read_chain(db, name)


def test_missing_or_damaged_snapshot_is_one_clear_line(db: DatabaseManager) -> None:
    traded(db)
    with pytest.raises(JournalError, match="is not in the journal"):
        load_snapshot(db, "sha256:none")
    chain = read_chain(db, "run1:0")
    assert chain.tick is not None
    seen = chain.tick["snapshot"]
    for codec, body, words in (
        ("json", b"not json", "damaged"),
        ("json", b"[]", "damaged"),
        ("json", b'{"closes":{},"names":["a","b"],"rows":{"005930":[1]}}', "damaged"),
        ("zstd:100", b"not zstd", "damaged"),
        ("zstd:x", b"", "unknown form"),
        ("lz4", b"", "unknown form"),
    ):
        with db.writing(durable=False) as connection:
            connection.execute(update(schema.snapshots).values(codec=codec, body=body))
        with pytest.raises(JournalError, match=words):
            load_snapshot(db, seen)
