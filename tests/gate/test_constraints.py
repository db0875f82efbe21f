import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.config import GateSettings
from kisbt.gate.constraints import Conduct, hard_constraints, max_drawdown

SETTINGS = GateSettings(llm_budget_krw=1000.0)
RNG = np.random.default_rng(0)
CHAMPION = 0.01 * RNG.standard_normal(400) + 0.0005
BETTER = CHAMPION + 0.0005
USUAL = Conduct(turnover=2.0, changed_decisions=0.2)


def broken(own: Conduct = USUAL, returns: np.ndarray = BETTER) -> list[str]:
    checks = hard_constraints(CHAMPION, returns, own, USUAL, SETTINGS, block=10, seed=1)
    return [check.name for check in checks if not check.holds]


def test_well_behaved_version_breaks_nothing() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"turnover": 3.1}, "turnover"),
        ({"breaches": 1}, "breaches"),
        ({"parse_failures": 0.011}, "parse_failures"),
        ({"llm_cost_krw": 1001.0}, "llm_cost_krw"),
        ({"changed_decisions": 0.04}, "changed_decisions"),
    ],
)
def test_each_limit_is_enforced(change: dict[str, float], name: str) -> None:
    assert broken(USUAL._replace(**change)) == [name]


def test_what_stands_exactly_at_its_limit_holds() -> None:
    edge = Conduct(turnover=3.0, parse_failures=0.01, llm_cost_krw=1000.0, changed_decisions=0.05)
    assert broken(edge) == []


def test_deeper_fall_than_two_points_is_refused() -> None:
    fallen = CHAMPION.copy()
    fallen[100:200] -= 0.004
    assert broken(returns=fallen) == ["drawdown"]


def test_version_that_affects_too_few_days_cannot_be_judged() -> None:
    rare = CHAMPION.copy()
    rare[:59] += 0.001
    assert broken(returns=rare) == ["affected_days"]
    rare[:60] += 0.001
    assert broken(returns=rare) == []


def test_limits_that_nobody_set_are_not_checked() -> None:
    plain = hard_constraints(
        CHAMPION, BETTER, Conduct(turnover=1.0), Conduct(turnover=1.0), GateSettings(),
        block=10, seed=1,
    )  # fmt: skip
    names = {check.name for check in plain}
    assert names == {"affected_days", "drawdown", "turnover", "breaches", "parse_failures"}


def test_drawdown_of_a_known_path() -> None:
    path = np.array([0.10, -0.50, 0.20, -0.50, 1.0])
    assert max_drawdown(path) == pytest.approx(1 - 0.5 * 1.2 * 0.5)
    assert max_drawdown(np.array([-0.1, 0.05])) == pytest.approx(0.1)
    assert max_drawdown(np.array([0.1, 0.2])) == 0.0


@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=40))
def test_drawdown_equals_the_slow_way(returns: list[float]) -> None:
    wealth, peak, worst = 1.0, 1.0, 0.0
    for value in returns:
        wealth *= 1 + value
        peak = max(peak, wealth)
        worst = max(worst, 1 - wealth / peak)
    assert max_drawdown(np.array(returns)) == pytest.approx(worst, abs=1e-12)
