import pytest

from kisbt.gate.decision import Claim, GateDecision, Reason, Tier, Verdict
from kisbt.gate.wording import (
    claim_words,
    decision_lines,
    missing_words,
    reason_line,
    tier_words,
    verdict_words,
)

STEPS = {
    "max_t": {"p": 0.3, "level": 0.025, "mean": 1e-4, "ir": 0.5, "days": 500, "block": 10,
              "versions": 5, "skew": 0.1, "statistic": 1.0},
    "spa": {"p": 0.4},
    "pbo": {"value": None, "trials": 1},
    "holdout": {"level": 0.2, "days": None},
    "constraint:turnover": {"found": 2.0, "limit": None},
}  # fmt: skip


def decision(**changes: object) -> GateDecision:
    values: dict[str, object] = {
        "campaign": "c1",
        "version": "sha256:a",
        "verdict": Verdict.KEEP,
        "tier": Tier.E1,
        "reasons": [Reason(step="max_t", passed=False, numbers=STEPS["max_t"])],
        "days_missing": 321,
    }
    return GateDecision.model_validate(values | changes)


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_every_verdict_claim_and_tier_has_words(lang: str) -> None:
    words = [verdict_words(one, lang) for one in Verdict]
    words += [claim_words(one, lang) for one in Claim] + [tier_words(one, lang) for one in Tier]
    assert all(words)
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("step", STEPS)
def test_every_step_can_be_told_even_with_figures_missing(step: str, lang: str) -> None:
    line = reason_line(Reason(step=step, passed=True, numbers=STEPS[step]), lang)
    assert line.startswith("✓ ")
    assert "{" not in line


def test_step_of_a_later_version_is_told_plainly() -> None:
    line = reason_line(Reason(step="omen", numbers={"x": 1.0}), "en")
    assert line == "· omen {'x': 1.0}"


def test_undecided_version_says_how_many_days_are_missing() -> None:
    lines = decision_lines(decision(), "en")
    assert lines[0].startswith("Verdict: the champion stays; undecided")
    assert "321 more trading days" in lines[-1]
    assert "321일이 더 필요함" in decision_lines(decision(), "ko")[-1]


def test_difference_of_the_wrong_sign_is_never_promised_more_days() -> None:
    assert "would not be proved" in missing_words(decision(days_missing=None), "en")


@pytest.mark.parametrize(
    "settled",
    [
        {"claim": Claim.BETTER},
        {"verdict": Verdict.REJECT},
        {"verdict": Verdict.TO_HOLDOUT},
        {"reasons": []},
    ],
)
def test_settled_or_untested_version_names_no_days(settled: dict[str, object]) -> None:
    assert missing_words(decision(**settled), "en") == ""


def test_decision_survives_a_trip_through_json() -> None:
    found = decision()
    assert GateDecision.model_validate_json(found.model_dump_json()) == found


def test_better_is_said_only_of_what_is_proved() -> None:
    for claim in Claim:
        said = "better than" in " ".join(decision_lines(decision(claim=claim), "en"))
        assert said == (claim is Claim.BETTER)
