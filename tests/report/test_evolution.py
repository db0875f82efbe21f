"""The evolution report says no more than the tests behind it hold."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from kisbt.report.evolution import render_evolution
from kisbt.report.evolution_words import verdict
from kisbt.report.wording import Lang

MONDAY = date(2024, 1, 1)

RULE = {
    "id": "R0001", "category": "entry", "priority": 9,
    "when": [{"feature": "change_pct", "op": ">=", "value": 15.0}],
    "then": {"kind": "block_buy", "value": None},
    "because": "급등한 종목은 잃었다 <b>",
    "evidence": {"trades": 40, "losers": 30, "mean_return": -0.02, "source_runs": []},
}  # fmt: skip


def comparison(claim: str, **more: Any) -> dict[str, Any]:
    found = {"days": 40, "yearly": [-0.02, 0.03, 0.08], "p": 0.2, "claim": claim,
             "days_missing": 410, "ir": 0.9}  # fmt: skip
    return {**found, **more}


def account(step: float) -> dict[str, Any]:
    growth = [step * n for n in range(1, 41)]
    return {"total_return": growth[-1], "cagr": 0.1, "annual_volatility": 0.2, "sharpe": None,
            "max_drawdown": -0.1, "growth": growth}  # fmt: skip


def week(number: int, **more: Any) -> dict[str, Any]:
    first = MONDAY + timedelta(days=7 * (number - 1))
    figures = {"trips": 2, "winners": 1, "losers": 1, "win_rate": 0.5, "mean_return": 0.01,
               "pnl": -12_345, "profit_factor": None, "worst_return": -0.01,
               "mean_days": 3.0}  # fmt: skip
    found = {
        "week": number, "first": first.isoformat(),
        "last": (first + timedelta(days=4)).isoformat(), "version": 1, "after": 1,
        "figures": figures, "guard": None, "shadows": [], "shadowed": [], "unshadowed": [],
        "move": None, "step": "waiting", "windows": None, "next_test": "2024-06-03",
        "tested": False, "learning": None,
    }  # fmt: skip
    return {**found, **more}


def ruling(claim: str) -> dict[str, Any]:
    reasons = [{"step": "max_t", "passed": claim == "better", "numbers": {"p": 0.001, "ir": 3.1}}]
    return {"version": 2, "verdict": "promote_to_shadow", "claim": claim, "passed": True,
            "days_missing": None,
            "detail": {"tier": "E3", "campaign": "c1", "reasons": reasons}}  # fmt: skip


def facts(against: dict[str, Any] | None) -> dict[str, Any]:
    proposal = {"action": "add", "rule": RULE, "removes": None, "insight": "I1", "gain": 0.01,
                "changed": 0.2, "dates": 70}  # fmt: skip
    insight = {"id": "I1", "when": RULE["when"], "effect": -0.03, "q": 0.01}
    learning = {
        "reflection": "RF-1", "outcome": "promoted", "insights": [insight], "accepted": 1,
        "refused": 0,
        "candidates": [{"proposal": proposal, "version": 2, "hash": "sha256:2",
                        "ruling": ruling("undecided")}],
    }  # fmt: skip
    promotion = {"kind": "promotion", "from": 1, "to": 2, "campaign": "c1", "evidence": None}
    demotion = {"kind": "demotion", "from": 2, "to": 1, "campaign": "c1",
                "reasons": ["worse_than_parent", "drawdown"],
                "evidence": {"days": 30, "wealth": 21.5, "needed": 20.0}}  # fmt: skip
    records = [
        week(1, step="short", next_test=None),
        week(2, step="learned", tested=True, learning=learning, move=promotion, after=2),
        week(3, version=2, after=2),
        week(4, version=2, move=demotion, after=1),
        week(5, step="resting"),
    ]
    return {
        "evolution": "evolve-0123456789",
        "dataset": {"name": "market <x>", "hash": "sha256:0", "synthetic": True, "names": 12},
        "start_version": 1, "end_version": 1, "cash": 1,
        "days": [(MONDAY + timedelta(days=n)).isoformat() for n in range(40)],
        "market_label": "동일 비중 매수 후 보유",
        "accounts": {"evolving": account(0.001), "frozen": account(0.0005),
                     "market": account(-0.001)},
        "against_frozen": against,
        "against_market": comparison("undecided"),
        "frozen_against_market": comparison("undecided", days_missing=None),
        "level": 0.025, "block": 10, "seed": 7,
        "trials": {"versions": 1, "campaigns": 1, "looks": 1, "promotions": 1, "demotions": 1},
        "weeks": {"all": 5, "learned": 1, "resting": 1, "waiting": 2, "short": 1},
        "records": records,
        "rules": [{"rule": RULE, "weeks": [3, 4]}],
        "alive": [0, 0, 1, 1, 0],
    }  # fmt: skip


def text_of(page: bytes) -> str:
    """What a reader sees, without style and marks."""
    body = re.sub(r"<style>.*?</style>", "", page.decode(), flags=re.S)
    return re.sub(r"<[^>]+>", " ", body)


@pytest.mark.parametrize(
    ("against", "korean", "english"),
    [
        (comparison("better"), "낫습니다", "Learning helped"),
        (comparison("worse"), "못합니다", "Learning did harm"),
        (comparison("undecided"), "판단 보류", "410 more sessions"),
        (comparison("undecided", days_missing=None), "날이 더 있어도", "would not decide it"),
        (None, "판단 보류", "No day was traded under another version"),
    ],
)
def test_the_verdict_is_what_the_test_says(
    against: dict[str, Any] | None, korean: str, english: str
) -> None:
    told = facts(against)
    assert korean in verdict(told, "ko")
    assert english in verdict(told, "en")
    assert korean in text_of(render_evolution(told, "ko"))
    assert english in text_of(render_evolution(told, "en"))


@pytest.mark.parametrize(
    ("lang", "words"),
    [("ko", ("낫다", "낫습니다", "못하다", "못합니다")), ("en", ("better", "worse"))],
)
def test_an_undecided_evolution_is_called_neither_better_nor_worse(
    lang: Lang, words: tuple[str, ...]
) -> None:
    shown = text_of(render_evolution(facts(comparison("undecided")), lang))
    assert [word for word in words if re.search(rf"\b{word}\b", shown)] == []


def test_every_move_rule_and_week_is_on_the_page() -> None:
    shown = text_of(render_evolution(facts(comparison("undecided")), "en"))
    assert "promoted: 1 → 2" in shown
    assert "demoted: 2 → 1 (drawdown at its limit)" in shown
    assert "30 sessions, wealth 21.50 of the bet (needs 20)" in shown
    assert "change_pct" in shown
    assert "2024-01-15 – 2024-01-26" in shown  # the rule's two weeks
    assert "next test from 2024-06-03" in shown
    assert "not enough days" in shown
    assert "1 versions tried" in shown
    assert "The data is synthetic." in shown


def test_texts_cannot_become_markup_and_the_same_facts_give_the_same_bytes() -> None:
    told = facts(comparison("undecided"))
    page = render_evolution(told, "ko")
    assert b"market <x>" not in page
    assert b"market &lt;x&gt;" in page
    assert render_evolution(told, "ko") == page


def test_an_evolution_that_never_learnt_has_a_page() -> None:
    told = facts(None)
    told["records"] = [week(1, step="short")]
    told["rules"], told["alive"] = [], [0]
    shown = text_of(render_evolution(told, "en"))
    assert "Nothing was promoted or demoted." in shown
    assert "No rule was ever in force." in shown
