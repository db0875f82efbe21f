import re
from typing import Any

import pytest

from kisbt.report.learning import render_learning

PLAIN = re.compile(r"<style>.*?</style>|<[^>]+>", re.DOTALL)
WINNING_WORDS = "낫다|못하다|better|worse"

FIGURES = {
    "trips": 3, "winners": 1, "losers": 2, "win_rate": 1 / 3, "mean_return": -0.02, "pnl": -30_000,
    "profit_factor": 0.5, "worst_return": -0.1, "worst_pnl": -50_000, "best_return": 0.08,
    "mean_days": 4.0, "mean_7_days": None, "mean_30_days": None,
}  # fmt: skip

TRADE = {
    "trades": ["run-1", "run-2"], "entry": "run-1", "run": "run", "ticker": "990010",
    "opened": "2024-01-02", "closed": "2024-01-08", "return": -0.1, "pnl": -50_000, "days": 6,
    "justification": "<b>급등</b>", "why_left": "손절", "rules": [], "snapshot": {"rsi14": 81.0},
}  # fmt: skip

INSIGHT = {
    "id": "I-00000001", "kind": "entry", "when": [{"feature": "rsi14", "op": ">=", "value": 80.0}],
    "support": 40, "days": 30, "share": 0.2, "losers": 30, "loss_rate": 0.75, "lift": 1.5,
    "mean": -0.03, "effect": -0.05, "t": -4.0, "p": 0.0001, "q": 0.01, "stable": True,
    "priority": 0.01, "matched": {"pairs": 20, "effect": -0.04}, "trades": ["run-1"],
}  # fmt: skip

RULE = {
    "id": "R0005", "category": "entry", "priority": 8, "when": INSIGHT["when"],
    "then": {"kind": "block_buy", "value": None}, "because": "판단 40건 중 손실 30건",
}  # fmt: skip


def proposal(**changes: Any) -> dict[str, Any]:
    return {
        "action": "add", "rule": RULE, "removes": None, "insight": "I-00000001", "gain": 0.01,
        "changed": 0.2, "dates": 70, "fires": 40, "power": True, "tried": True,
    } | changes  # fmt: skip


def ruling(claim: str, verdict: str) -> dict[str, Any]:
    course = {
        "days": [f"2024-01-{d:02d}" for d in range(2, 12)],
        "cumulated": [0.001 * d for d in range(10)],
        "yearly": [0.01, 0.05, 0.09],
    }
    reasons = [{"step": "max_t", "passed": claim == "better", "numbers": {"p": 0.01, "x": None}}]
    return {
        "version": 2, "verdict": verdict, "claim": claim, "passed": claim == "better",
        "days_missing": None if claim == "better" else 312,
        "detail": {"tier": "E2", "reasons": reasons, "course": course},
    }  # fmt: skip


def facts(**changes: Any) -> dict[str, Any]:
    groups = [{"key": key, **FIGURES} for key in ("990010", "990020")]
    empty = ("regime", "prompt", "mode", "rule", "confidence", "agreement")
    by: dict[str, Any] = {name: [] for name in empty}
    return {
        "reflection": "RF-0000000000", "champion": 1, "outcome": "kept",
        "performance": {
            "runs": [{"run": "run"}], "first": "2024-01-02", "last": "2024-06-28",
            "overall": FIGURES, "by": {**by, "name": groups, "feature": groups},
            "best": [], "worst": [TRADE], "kis": None,
        },
        "analysis": {
            "horizon": 10, "judged": {"rows": 200, "days": 120}, "insights": [INSIGHT],
            "counterfactuals": [
                {"fate": "skipped", "rows": 10, "mean": -0.01, "loss_rate": 0.6},
                {"fate": "rejected by limit:max_weight", "rows": 2, "mean": 0.0, "loss_rate": 0.5},
            ],
            "model": None,
        },
        "accepted": [proposal()],
        "refused": [proposal(faults=["a copy of R0004, which was rejected before"], tried=False)],
        "candidates": [{"proposal": proposal(), "version": 2, "hash": "sha256:x",
                        "ruling": ruling("undecided", "keep")}],
        "windows": {"development": {"first": "2024-01-02", "last": "2024-03-29"},
                    "holdout": {"first": "2024-05-02", "last": "2024-10-31"}},
        "why_untried": "", "diffs": {2: ["--- version 1", "+++ version 2", "+- **R0005** <x>"]},
        "came_true": [],
    } | changes  # fmt: skip


def words(page: bytes) -> str:
    return PLAIN.sub(" ", page.decode())


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_undecided_is_all_that_is_said_without_a_passed_gate(lang: Any) -> None:
    text = words(render_learning(facts(), lang))
    assert not re.search(WINNING_WORDS, text)
    assert {"ko": "판단 보류", "en": "undecided"}[lang] in text
    assert "312" in text


@pytest.mark.parametrize(("lang", "word"), [("ko", "낫다"), ("en", "better")])
def test_a_passed_gate_may_say_better(lang: Any, word: str) -> None:
    candidate = facts()["candidates"][0] | {"ruling": ruling("better", "promote_to_shadow")}
    text = words(render_learning(facts(candidates=[candidate], outcome="promoted"), lang))
    assert re.search(rf"\b{word}\b", text)


def test_nothing_of_a_run_reaches_the_page_as_markup() -> None:
    page = render_learning(facts(), "ko").decode()
    assert "<b>급등</b>" not in page
    assert "&lt;b&gt;급등&lt;/b&gt;" in page
    assert "<x>" not in page
    assert "<script" not in page


def test_the_english_page_has_no_korean_of_its_own() -> None:
    plain = facts(refused=[], diffs={})
    plain["performance"]["worst"] = [TRADE | {"justification": "chase", "why_left": "stop"}]
    plain["accepted"] = [proposal(rule=RULE | {"because": "30 of 40 lost"})]
    text = words(render_learning(plain, "en"))
    assert not re.search("[가-힣]", text)


def test_the_same_facts_give_the_same_bytes() -> None:
    assert render_learning(facts(), "ko") == render_learning(facts(), "ko")


def test_discarded_answers_of_a_model_are_shown() -> None:
    model = {
        "findings": [{"mistake": "chased", "trades": ["run-1"], "explanation": "<i>따라 샀다"}],
        "conditions": [],
        "discarded": ["cites trades that it was not shown: x"],
    }
    analysis = facts()["analysis"] | {"model": model}
    page = render_learning(facts(analysis=analysis), "ko").decode()
    assert "추격 매수" in page
    assert "&lt;i&gt;따라 샀다" in page
    assert "cites trades that it was not shown" in page


def test_an_earlier_promotion_is_held_to_its_word() -> None:
    told = {"reflection": "RF-1", "rule": "R0004", "when": INSIGHT["when"], "least": 20,
            "expected": -0.05}  # fmt: skip
    rows = [told | {"rows": 30, "since": -0.02, "held": True},
            told | {"rows": 30, "since": 0.02, "held": False},
            told | {"rows": 3, "since": -0.2, "held": True}]  # fmt: skip
    text = words(render_learning(facts(came_true=rows), "en"))
    assert "expected −5.00%, since then −2.00% (30 new): held" in text
    assert "did not hold" in text
    assert "3 new" in text
    assert "not known yet" in text


@pytest.mark.parametrize("outcome", ["no_trades", "dry_run", "nothing_to_try", "waiting"])
def test_every_outcome_has_a_page(outcome: str) -> None:
    bare = {"reflection": "RF-1", "champion": 1, "outcome": outcome, "came_true": []}
    assert outcome not in words(render_learning(bare, "en"))
