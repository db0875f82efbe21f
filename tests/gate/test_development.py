import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.gate.constraints import Conduct
from kisbt.gate.decision import Claim
from kisbt.gate.development import Evidence, judge_development
from tests.gate.scenes import SETTINGS, evidence

NAMES = ("a", "b", "c")


def test_candidate_is_the_best_survivor_that_keeps_the_constraints() -> None:
    given_ = evidence(NAMES, (7.0, 5.0, 0.0))
    assert judge_development(given_, SETTINGS, seed=0).candidate == "a"
    reckless = {**given_.conduct, "a": Conduct(turnover=1.0, breaches=2)}
    found = judge_development(given_._replace(conduct=reckless), SETTINGS, seed=0)
    assert (found.candidate, found.passed) == ("b", True)


def test_without_a_survivor_the_candidate_is_the_best_and_has_not_passed() -> None:
    found = judge_development(evidence(NAMES, (0.1, 0.9, 0.0)), SETTINGS, seed=0)
    assert (found.candidate, found.passed) == ("b", False)
    assert found.of("b").claim is Claim.UNDECIDED


def test_eight_overfitted_versions_are_vetoed() -> None:
    rng = np.random.default_rng(0)
    days, versions = 490, 8
    # Each is good in its own stretch of days, so the best of one half is poor in the other.
    returns = 0.001 * rng.standard_normal((days, versions))
    for k in range(versions):
        stretch = slice(k * days // versions, (k + 1) * days // versions)
        returns[stretch, k] += 0.02
    names = tuple("abcdefgh")
    found = judge_development(Evidence(names, np.zeros(days), returns), SETTINGS, seed=0)
    assert found.pbo is not None
    assert found.pbo >= 0.5
    assert found.vetoed
    assert not found.passed


def test_sharpe_ratios_are_compared_when_volatilities_are_apart() -> None:
    alike = evidence(("a",), (0.0,))
    calm = alike.champion[:, None] + 0.2 * (alike.returns - alike.champion[:, None])
    assert judge_development(alike._replace(returns=calm), SETTINGS, seed=0).sharpe is None
    apart = 0.002 * np.random.default_rng(4).standard_normal((490, 1))
    doubled = alike._replace(returns=2 * alike.champion[:, None] + apart - apart.mean())
    found = judge_development(doubled, SETTINGS, seed=0).sharpe
    assert found is not None
    assert found.p > 0.5  # twice the risk for twice the mean is no better


def test_conduct_that_nobody_reported_limits_nothing() -> None:
    given_ = evidence(("a",), (6.0,))
    bare = Evidence(given_.versions, given_.champion, given_.returns)
    assert judge_development(bare, SETTINGS, seed=0).passed


@given(st.permutations(range(3)), st.integers(0, 50))
@settings(max_examples=6, deadline=None)
def test_order_of_versions_changes_no_verdict(order: list[int], seed: int) -> None:
    given_ = evidence(NAMES, (4.0, 1.0, -3.0), seed=seed)
    moved = given_._replace(
        versions=tuple(NAMES[k] for k in order), returns=given_.returns[:, order]
    )
    first, second = (judge_development(one, SETTINGS, seed=1) for one in (given_, moved))
    assert (first.candidate, first.passed, first.p) == (
        second.candidate,
        second.passed,
        second.p,
    )
    for name in NAMES:
        assert first.of(name).claim == second.of(name).claim


@given(st.integers(0, 50))
@settings(max_examples=6, deadline=None)
def test_same_series_added_to_champion_and_challengers_changes_no_test(seed: int) -> None:
    given_ = evidence(NAMES, (3.0, 0.0, 0.0), seed=seed)
    shared = 0.01 * np.random.default_rng(seed).standard_normal(len(given_.champion))
    moved = given_._replace(
        champion=given_.champion + shared, returns=given_.returns + shared[:, None]
    )
    first, second = (judge_development(one, SETTINGS, seed=1) for one in (given_, moved))
    assert first.of("a").p == pytest.approx(second.of("a").p, abs=1e-3)


def test_digest_covers_arrays_names_and_conduct() -> None:
    given_ = evidence(NAMES, (0.0, 0.0, 0.0))
    others = [
        given_._replace(versions=("a", "b", "d")),
        given_._replace(champion=given_.champion + 1e-12),
        given_._replace(returns=given_.returns * 1.000001),
        given_._replace(conduct={}),
        given_._replace(champion_conduct=Conduct(turnover=2.0)),
    ]
    assert len({one.digest() for one in [given_, *others]}) == 6


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"versions": ("a", "b")}, "not \\[days, versions\\]"),
        ({"versions": ("a", "b", "b")}, "named twice"),
        ({"champion": np.zeros(10)}, "not \\[days, versions\\]"),
        ({"champion": np.full(490, np.inf)}, "not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        judge_development(evidence(NAMES, (0.0, 0.0, 0.0))._replace(**change), SETTINGS, seed=0)
