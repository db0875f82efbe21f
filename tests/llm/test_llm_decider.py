"""The LLM decider: one question, one repair, several draws, and every exchange told."""

import time

import pytest

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument
from kisbt.domain.trading import Action
from kisbt.errors import DeciderError, StopRun
from kisbt.llm.blind import Mask
from kisbt.llm.decider import LLMDecider
from kisbt.llm.exchange import ChatRequest
from kisbt.llm.stops import BudgetSpent, ReplayMiss
from kisbt.rulebook.draft import compose
from tests.llm.fakes import (
    Answer,
    Calls,
    ScriptedAsker,
    exchange_of,
    line,
    no_answer,
    reply,
)
from tests.llm.worlds import CALM, SURGE, context, position
from tests.rulebook.samples import AT, draft

UNIVERSE = {
    "000001": Instrument(ticker="000001", name="하나전자"),
    "000002": Instrument(ticker="000002", name="둘째화학"),
}
BUY = reply(line("000002", target_weight=0.1, rules=["R0001", "R0404"]), comment="하나")
HERE = context({"000001": CALM, "000002": SURGE})


def deciding(
    *answers: Answer, draws: int = 1, least: float = 0.0, mask: Mask | None = None, workers: int = 1
) -> tuple[LLMDecider, ScriptedAsker, Calls]:
    asker, calls = ScriptedAsker(answers), Calls()
    decider = LLMDecider(
        compose(draft(), 1, AT),
        asker,
        RiskLimits(),
        UNIVERSE,
        mask=mask,
        draws=draws,
        min_agreement=least,
        listener=calls,
        model="scripted",
        workers=workers,
    )
    return decider, asker, calls


def test_label_names_the_model_and_whether_it_is_blind() -> None:
    assert deciding(BUY)[0].label == "LLM scripted (names shown)"
    blind, _, _ = deciding(BUY, mask=Mask(1, UNIVERSE.values()), draws=3)
    assert blind.label == "LLM scripted (blind, 3 draws)"


def test_valid_reply_becomes_the_plan_and_one_told_exchange() -> None:
    decider, asker, calls = deciding(BUY)
    plan = decider.decide(HERE)
    (decision,) = plan.decisions
    assert (decision.ticker, decision.action) == ("000002", Action.BUY)
    assert (decision.target_weight, decision.agreement) == (0.1, None)
    assert plan.comment == "하나"
    (call,) = calls.told
    assert (call.tick, call.call, call.draw, call.status, call.error) == (0, 0, 0, "valid", "")
    assert (call.reply, call.model, call.source) == (BUY, "scripted", "sent")
    assert (call.tokens_in, call.tokens_out, call.cost_krw) == (10, 5, 1.4)
    assert len(asker.requests) == 1


def test_rules_that_the_prompt_does_not_have_are_dropped() -> None:
    (decision,) = deciding(BUY)[0].decide(HERE).decisions
    assert decision.rules == ("R0001",)


def test_schema_names_the_universe_and_is_the_same_object_of_words_each_time() -> None:
    decider, asker, _ = deciding(BUY)
    decider.decide(HERE)
    decider.decide(HERE)
    first, second = (request.schema for request in asker.requests)
    assert first == second
    assert "'enum': ['000001', '000002']" in str(first)


def test_invalid_reply_is_shown_to_the_model_once_with_what_is_wrong() -> None:
    decider, asker, calls = deciding("사겠습니다", BUY)
    assert len(decider.decide(HERE).decisions) == 1
    first, second = asker.requests
    assert second.messages[:2] == first.messages
    assert [m.role for m in second.messages] == ["system", "user", "assistant", "user"]
    assert second.messages[2].content == "사겠습니다"
    assert "no JSON object with decisions" in second.messages[3].content
    assert [(c.call, c.status) for c in calls.told] == [(0, "invalid"), (1, "valid")]
    assert calls.told[0].error == "no JSON object with decisions"


def test_second_invalid_reply_is_a_hold_with_both_exchanges_told() -> None:
    decider, asker, calls = deciding("사겠습니다", reply(line("999999")))
    with pytest.raises(DeciderError, match=r"no valid plan after one repair: .*'999999'"):
        decider.decide(HERE)
    assert len(asker.requests) == 2
    assert [c.status for c in calls.told] == ["invalid", "invalid"]


def test_no_answer_is_a_hold_and_the_failed_exchange_is_told() -> None:
    decider, asker, calls = deciding(no_answer(), BUY)
    with pytest.raises(DeciderError, match="did not answer"):
        decider.decide(HERE)
    assert len(asker.requests) == 1
    (call,) = calls.told
    assert (call.status, call.reply, call.error) == ("failed", None, "timeout")


def test_error_without_an_exchange_is_a_hold_too() -> None:
    decider, _, calls = deciding(DeciderError("nobody there"))
    with pytest.raises(DeciderError, match="nobody there"):
        decider.decide(HERE)
    assert calls.told == []


def test_long_invalid_reply_is_shown_again_in_part() -> None:
    decider, asker, _ = deciding("x" * 100_000, BUY)
    decider.decide(HERE)
    assert len(asker.requests[1].messages[2].content) == 4_000


def test_stop_of_the_run_is_not_swallowed() -> None:
    for draws in (1, 3):
        decider, _, calls = deciding(BUY, StopRun("budget spent"), draws=draws)
        if draws == 1:
            decider.decide(HERE)
        with pytest.raises(StopRun):
            decider.decide(HERE)
        assert len(calls.told) == 1


def test_attempts_paid_before_a_stop_are_told() -> None:
    spent = BudgetSpent("spent", exchange=exchange_of(ChatRequest((), None), None, "500"))
    decider, _, calls = deciding("?", spent, draws=2)
    with pytest.raises(BudgetSpent):
        decider.decide(HERE)
    assert [(c.call, c.status, c.error) for c in calls.told] == [
        (0, "invalid", "no JSON object with decisions"),
        (1, "failed", "500"),
    ]


def test_a_miss_of_a_replay_names_its_tick() -> None:
    decider, _, _ = deciding(ReplayMiss("m", "k" * 64, "cache.sqlite"))
    with pytest.raises(ReplayMiss, match=r"tick 7 \(2026-03-02 15:30\): no recorded reply of m"):
        decider.decide(context({"000002": SURGE}, number=7))


def test_draws_in_flight_together_are_told_in_their_order() -> None:
    def slow(request: ChatRequest) -> str:
        time.sleep(0.02 * (3 - request.draw))
        return BUY

    one, _, serial = deciding(slow, draws=3)
    many, _, parallel = deciding(slow, draws=3, workers=3)
    assert one.decide(HERE) == many.decide(HERE)
    assert [(c.call, c.draw, c.key) for c in serial.told] == [
        (c.call, c.draw, c.key) for c in parallel.told
    ]


def test_each_draw_is_asked_separately_and_repaired_by_itself() -> None:
    decider, asker, calls = deciding(BUY, "?", BUY, reply(), draws=3)
    (decision,) = decider.decide(HERE).decisions
    assert decision.action is Action.BUY
    assert decision.agreement == pytest.approx(2 / 3)
    assert [request.draw for request in asker.requests] == [0, 1, 1, 2]
    assert [(c.call, c.draw, c.status) for c in calls.told] == [
        (0, 0, "valid"),
        (1, 1, "invalid"),
        (2, 1, "valid"),
        (3, 2, "valid"),
    ]


def test_draws_that_fail_count_against_agreement_and_all_failing_is_a_hold() -> None:
    decider, _, _ = deciding(BUY, no_answer(), no_answer(), draws=3, least=0.5)
    (decision,) = decider.decide(HERE).decisions
    assert decision.action is Action.HOLD
    assert decision.agreement == pytest.approx(2 / 3)
    decider, _, calls = deciding(no_answer(), draws=3)
    with pytest.raises(DeciderError):
        decider.decide(HERE)
    assert [call.status for call in calls.told] == ["failed"] * 3


def test_masked_plan_comes_back_in_real_names() -> None:
    mask = Mask(1, UNIVERSE.values())
    code = mask.code("000002")
    answer = reply(
        line(code.removeprefix("종목"), target_weight=0.1, justification=f"{code} 거래량 3.2배")
    )
    decider, asker, _ = deciding(answer, mask=mask)
    (decision,) = decider.decide(HERE).decisions
    assert (decision.ticker, decision.target_weight) == ("000002", 0.1)
    assert decision.justification == "둘째화학(000002) 거래량 3.2배"
    assert f"'enum': {list(mask.codes)}" in str(asker.requests[0].schema)


def test_real_ticker_or_a_code_twice_is_no_answer_in_blind_mode() -> None:
    mask = Mask(1, UNIVERSE.values())
    code = mask.code("000002")
    twice = reply(line(code), line(code.removeprefix("종목")))
    for wrong in (reply(line("000002")), twice):
        decider, asker, calls = deciding(wrong, mask=mask)
        with pytest.raises(DeciderError):
            decider.decide(HERE)
        assert "000002" not in "".join(asker.texts)
        assert [call.status for call in calls.told] == ["invalid", "invalid"]


def test_held_name_without_a_current_bar_may_be_decided_on() -> None:
    here = context({"000001": CALM}, [position("000002")])
    decider, _, _ = deciding(reply(line("000002", "SELL", target_weight=0.0)))
    assert decider.decide(here).decisions[0].ticker == "000002"
    gone, _, _ = deciding(reply(line("000002")))
    with pytest.raises(DeciderError):
        gone.decide(context({"000001": CALM}))


def test_buys_of_earlier_ticks_in_a_session_are_told_and_forgotten_the_next_day() -> None:
    decider, asker, _ = deciding(BUY)
    for number, day in ((0, 0), (1, 0), (2, 1)):
        decider.decide(context({"000002": SURGE}, number=number, day=day))
    told = ['"proposed":["000002"]' in r.messages[1].content for r in asker.requests]
    assert told == [False, True, False]


def test_the_same_context_asks_the_same_question() -> None:
    decider, asker, _ = deciding(BUY)
    later = context({"000002": SURGE}, [position("000001")], number=4)
    decider.decide(HERE)
    assert decider.decide(later) == decider.decide(later)
    assert asker.requests[1] == asker.requests[2]


def test_draws_below_one_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least once"):
        deciding(BUY, draws=0)
