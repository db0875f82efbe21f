from dataclasses import replace
from typing import Any

import pytest

from kisbt.domain.result import RunResult
from kisbt.report.card import make_card
from kisbt.report.honesty import banners
from kisbt.report.metrics import compute_metrics
from kisbt.report.model_facts import model_view, uncharged
from kisbt.report.model_section import model_section
from kisbt.report.tearsheet import render_tearsheet
from tests.report.fakes import fake_result
from tests.report.test_tearsheet import text_of


def facts(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "model": "house-1", "temperature": 0.2, "seed": 7, "max_tokens": None, "draws": 3,
        "min_agreement": 0.5, "blind": True, "mask_seed": 1, "charge_costs": False,
        "ticks": 200, "calls": 640, "valid": 590, "invalid": 40, "failed": 10, "requests": 655,
        "tokens_in": 1_000_000, "tokens_out": 50_000, "tokens_cached": 700_000,
        "prefix_share": 0.81, "cost_usd": 2.0, "cost_krw": 2_800.0, "agreement": 0.87,
        "abstained": 12, "cutoff": "2022-10-03", "cutoff_margin_days": 30,
        "here": {"mode": "openai", "cached": 0, "sent": 655, "spent_krw": 2_800.0},
    }  # fmt: skip
    return values | changes


@pytest.fixture(scope="module")
def plain() -> RunResult:
    return fake_result(seed=3, sessions=400, warmup=20)


def asked(plain: RunResult, **changes: Any) -> RunResult:
    return replace(plain, llm=facts(**changes), decider="LLM house-1 (blind, 3 draws)")


def test_section_tells_use_cost_and_days_on_both_sides_of_the_cutoff(plain: RunResult) -> None:
    said = text_of(b"<html>" + model_section(asked(plain), "ko").encode() + b"</html>")
    for words in ("640", "81.00%", "87.00%", "2,800원", "14.00원", "누설 격차", "이전", "이후"):
        assert words in said
    view = model_view(asked(plain))
    assert view is not None
    days = sum(found.days for found in view.cutoff.classes.values())
    assert days == compute_metrics(plain)["sessions"]


def test_unknown_cutoff_makes_no_day_evidence(plain: RunResult) -> None:
    said = model_section(asked(plain, cutoff=None), "en")
    assert "Nobody knows this model" in said
    assert "Leak gap" not in said


@pytest.mark.parametrize(("lang", "words"), [("ko", "블라인드 꺼짐"), ("en", "NOT BLIND")])
def test_names_shown_to_the_model_are_the_first_and_loudest_thing(
    plain: RunResult, lang: Any, words: str
) -> None:
    first, *_ = banners(asked(plain, blind=False), lang)
    assert words in first
    assert "bad" in first
    assert not any(words in banner for banner in banners(asked(plain), lang))


def test_run_without_a_model_has_neither_section_nor_figures(plain: RunResult) -> None:
    assert model_section(plain, "ko") == ""
    assert not [key for key in compute_metrics(plain) if key.startswith("llm_")]
    assert "모델 사용량" not in text_of(render_tearsheet(plain))


def test_card_of_a_replay_equals_that_of_its_recording(plain: RunResult) -> None:
    there = {"mode": "replay", "cached": 640, "sent": 0, "spent_krw": 0.0}
    recorded, replayed = (make_card(asked(plain, **changes)) for changes in ({}, {"here": there}))
    assert recorded["results"] == replayed["results"]
    assert recorded["results"]["metrics"]["llm_calls"] == 640


def test_bill_comes_off_the_result_but_not_off_the_edge(plain: RunResult) -> None:
    bill = [n * 1_000 for n in range(len(plain.equity))]
    lower = [
        point._replace(cash=point.cash - due, equity=point.equity - due)
        for point, due in zip(plain.equity, bill, strict=True)
    ]
    paid = replace(asked(plain, bill=bill, charge_costs=True), equity=lower)
    assert uncharged(paid).equity == list(plain.equity)
    view, free = model_view(paid), model_view(asked(plain))
    assert view is not None
    assert free is not None
    assert view.economics == free.economics
    assert compute_metrics(paid)["total_return"] < compute_metrics(plain)["total_return"]
