import numpy as np
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.evidence.bootstrap import stationary_indices
from kisbt.evidence.spa import SPAResult, spa, stationary_deviation


def world(seed: int, edge: float = 0.0, versions: int = 20) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = 0.007 * rng.standard_normal((500, versions)) * np.linspace(0.5, 2, versions)
    found[:, 0] += edge
    return found


def by_the_formula(diffs: np.ndarray, block: float, draws: int, seed: int) -> float:
    """Consistent p as it is written down, resampling by hand, without ``arch``."""
    days = len(diffs)
    mean = diffs.mean(axis=0)
    means = np.stack([diffs[i].mean(axis=0) for i in stationary_indices(days, block, draws, seed)])
    omega = (np.sqrt(days) * (means - mean)).std(axis=0)
    t = np.sqrt(days) * mean / omega
    centre = np.where(t >= -np.sqrt(2 * np.log(np.log(days))), mean, 0)
    null = np.maximum(0, (np.sqrt(days) * (means - centre) / omega).max(axis=1))
    return (1 + np.count_nonzero(null >= max(0, t.max()))) / (draws + 1)


@pytest.mark.parametrize("seed", range(4))
def test_p_value_is_that_of_the_formula_within_monte_carlo_error(seed: int) -> None:
    diffs = world(seed, edge=0.0003 * seed)
    found = spa(diffs, draws=2000, seed=1)
    # Both resample, and the formula estimates the deviations by resampling, too.
    assert found.p_consistent == pytest.approx(by_the_formula(diffs, 10, 2000, 2), abs=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_p_value_agrees_with_sharpebench_within_monte_carlo_error(seed: int) -> None:
    diffs = world(seed, edge=0.0003 * seed)
    found = spa(diffs, draws=2000, seed=1)
    other = sharpebench.spa_consistent_pvalue(diffs.T.tolist(), n_boot=4000)
    assert found.p_consistent == pytest.approx(other, abs=0.05)
    assert found.p_lower <= found.p_consistent <= found.p_upper


def test_deviation_is_what_endless_resampling_shows() -> None:
    diffs = world(5, versions=3)
    days = stationary_indices(500, 10, 20_000, 0)
    resampled = np.sqrt(500) * diffs[days].mean(axis=1).std(axis=0)
    assert stationary_deviation(diffs, 10) == pytest.approx(resampled, rel=0.02)


@pytest.mark.parametrize(
    "diffs", [np.zeros((100, 3)), -np.abs(world(1)), np.zeros(50)], ids=["zero", "worse", "one"]
)
def test_nothing_better_has_a_p_value_of_one(diffs: np.ndarray) -> None:
    assert spa(diffs) == SPAResult(1.0, 1.0, 1.0)


@settings(max_examples=5, deadline=None)
@given(st.floats(1e-6, 1e6))
def test_positive_scale_changes_nothing(scale: float) -> None:
    diffs = world(2, edge=0.001, versions=4)
    assert spa(diffs * scale, draws=200) == pytest.approx(spa(diffs, draws=200), abs=0.006)
