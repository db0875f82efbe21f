import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.evidence.power import (
    best_of_useless,
    days_missing,
    days_needed,
    gate_power,
    max_t_days,
    power,
    smallest_detectable,
    stream_days_missing,
)
from kisbt.evidence.signflip import block_sign_flip


# n = 252 * ((z.95 + z.80) / IR)^2, worked by hand.
@pytest.mark.parametrize(("ir", "days"), [(0.5, 6232), (1, 1558), (1.5, 692), (2, 390), (3, 173)])
def test_days_for_one_chosen_challenger(ir: float, days: int) -> None:
    assert round(days_needed(ir)) == pytest.approx(days, abs=1)


@pytest.mark.parametrize("ir", [0.0, -1.0])
def test_no_number_of_days_proves_what_is_not_there(ir: float) -> None:
    assert days_needed(ir) == math.inf
    assert max_t_days(ir, n_variants=3) is None
    assert days_missing(ir, 0.01, 100) is None


@pytest.mark.parametrize(
    ("versions", "days", "sharpe"),
    [(20, 250, 1.91), (20, 500, 1.35), (20, 1000, 0.95), (100, 250, 2.54), (100, 1000, 1.27)],
)
def test_luck_of_the_best_useless_version(versions: int, days: int, sharpe: float) -> None:
    assert best_of_useless(versions, days) == pytest.approx(sharpe, abs=0.005)


# Measured over 3,000 campaigns a cell when the gate was designed.
@pytest.mark.parametrize(
    ("ir", "days", "holdout", "found"),
    [
        (1, 500, 125, 0.05), (2, 500, 125, 0.37), (3, 500, 125, 0.82),
        (1, 1000, 250, 0.15), (2, 1000, 250, 0.79), (3, 1000, 250, 0.98),
    ],
)  # fmt: skip
def test_power_of_the_gate_is_the_measured_one(
    ir: float, days: int, holdout: int, found: float
) -> None:
    assert gate_power(ir, days, holdout).both == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize(("ir", "versions"), [(1.0, 1), (2.0, 1), (2.0, 10)])
def test_analytic_power_is_that_of_the_simulated_test(ir: float, versions: int) -> None:
    runs, hits = 600, 0
    for seed in range(runs):
        rng = np.random.default_rng([seed, versions])
        diffs = rng.standard_normal((500, versions))
        diffs[:, 0] += ir / math.sqrt(252)
        found = block_sign_flip(diffs, 10, 2000, seed)
        hits += found.p <= 0.05 and found.best == 0
    expected = power(ir, 500, 10, versions, 0.05)
    assert hits / runs == pytest.approx(expected, abs=3.5 * math.sqrt(0.25 / runs))


@given(st.floats(0, 5), st.integers(30, 3000), st.integers(1, 50))
def test_power_rises_with_effect_and_days_and_falls_with_versions(
    ir: float, days: int, versions: int
) -> None:
    here = power(ir, days, 10, versions, 0.05)
    assert 0 <= here <= 1
    assert power(ir + 0.5, days, 10, versions, 0.05) >= here - 1e-9
    assert power(ir, days, 10, versions + 5, 0.05) <= here + 1e-9
    assert power(ir, days + 100, 10, versions, 0.05) >= here - 1e-6


@given(st.floats(0.5, 5), st.integers(1, 30))
def test_days_of_the_test_are_the_first_that_suffice(ir: float, versions: int) -> None:
    days = max_t_days(ir, n_variants=versions)
    assert days is not None
    assert power(ir, days, 10, versions, 0.025) >= 0.8
    assert power(ir, days - 10, 10, versions, 0.025) < 0.8


def test_smallest_detectable_effect_has_just_the_power_wanted() -> None:
    least = smallest_detectable(500, n_variants=5)
    assert power(least, 500, 10, 5, 0.025) == pytest.approx(0.8, abs=1e-6)
    assert smallest_detectable(20, n_variants=5) == math.inf


def test_days_missing_of_a_stream_count_from_what_was_seen() -> None:
    rng = np.random.default_rng(0)
    stream = rng.standard_normal(400)
    stream += 2 / math.sqrt(252) - stream.mean()
    missing = stream_days_missing(stream, n_variants=1)
    assert missing is not None
    assert 50 < missing < 500
    assert stream_days_missing(np.tile(stream, 5), n_variants=1) == 0
    assert stream_days_missing(-stream) is None
    assert stream_days_missing(stream[:12]) is not None
    assert stream_days_missing(np.zeros(0)) is None
    assert stream_days_missing(np.zeros(1)) is None


def test_dependent_days_need_more_of_them() -> None:
    rng = np.random.default_rng(0)
    shocks = rng.standard_normal(1000)
    smooth = np.convolve(shocks, np.ones(5), "valid")[:990]
    smooth += 0.3 - smooth.mean()
    shuffled = rng.permutation(smooth)
    assert stream_days_missing(smooth[:300] - smooth[:300].mean() + 0.3, n_variants=5) > (
        stream_days_missing(shuffled[:300] - shuffled[:300].mean() + 0.3, n_variants=5) or 0
    )


@pytest.mark.parametrize("level", [0.025, 0.0125, 0.00625])
def test_huge_differences_are_found_and_do_not_confuse_the_search(level: float) -> None:
    assert power(60, 675, block=20, level=level) == 1.0
    found = smallest_detectable(675, block=20, level=level)
    assert power(found, 675, block=20, level=level) == pytest.approx(0.8, abs=1e-3)
    assert found < 3
