import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.evidence.signflip import block_sign_flip, block_skew, block_sums

NOISE = 3 * np.sqrt(0.25 / 2000)
"""Three Monte-Carlo standard errors of a p-value at 2,000 draws."""


def world(seed: int, days: int = 200, versions: int = 4, edge: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = 0.01 * rng.standard_t(5, (days, versions))
    found[:, 0] += edge
    return found


def exact_p(diffs: np.ndarray, block: int) -> float:
    """All sign patterns, one by one: slow, and shares no code with the test."""
    sums = [diffs[i : i + block].sum(axis=0) for i in range(0, len(diffs), block)]
    size = [sum(s[k] ** 2 for s in sums) ** 0.5 for k in range(diffs.shape[1])]
    observed = max(sum(s[k] for s in sums) / size[k] for k in range(diffs.shape[1]))
    hits = total = 0
    for signs in itertools.product((-1, 1), repeat=len(sums)):
        largest = max(
            sum(e * s[k] for e, s in zip(signs, sums, strict=True)) / size[k]
            for k in range(diffs.shape[1])
        )
        hits += largest >= observed - 1e-12
        total += 1
    return hits / total


@pytest.mark.parametrize("seed", range(6))
def test_p_value_is_that_of_all_sign_patterns(seed: int) -> None:
    diffs = world(seed, days=100, versions=3, edge=0.002)
    found = block_sign_flip(diffs, block=10, draws=20_000, seed=seed)
    assert found.p == pytest.approx(exact_p(diffs, 10), abs=3 * np.sqrt(0.25 / 20_000))


def test_last_block_may_be_shorter() -> None:
    sums = block_sums(np.arange(25.0)[:, None], 10)
    assert sums[:, 0].tolist() == [45.0, 145.0, 110.0]


def test_best_version_has_the_largest_statistic_and_smallest_adjusted_p() -> None:
    found = block_sign_flip(world(1, edge=0.004), 10, 2000, 0)
    assert found.best == int(np.argmax(found.statistics)) == 0
    assert found.p == found.adjusted[0] == found.adjusted.min()


@given(st.integers(0, 10_000))
def test_adjusted_p_values_rise_as_statistics_fall(seed: int) -> None:
    found = block_sign_flip(world(seed, versions=6), 10, 2000, seed)
    order = np.argsort(-found.statistics)
    assert (np.diff(found.adjusted[order]) >= 0).all()


@given(st.integers(0, 10_000), st.permutations(range(5)))
def test_order_of_versions_changes_nothing(seed: int, order: list[int]) -> None:
    diffs = world(seed, versions=5, edge=0.001)
    found = block_sign_flip(diffs, 10, 2000, 7)
    moved = block_sign_flip(diffs[:, order], 10, 2000, 7)
    assert moved.p == found.p
    assert order[moved.best] == found.best
    assert moved.adjusted.tolist() == found.adjusted[order].tolist()


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_copy_of_a_version_changes_nothing(seed: int, which: int) -> None:
    diffs = world(seed, edge=0.001)
    doubled = np.column_stack([diffs, diffs[:, which]])
    found = block_sign_flip(diffs, 10, 2000, 3)
    assert block_sign_flip(doubled, 10, 2000, 3).p == pytest.approx(found.p, abs=NOISE)


@given(st.integers(0, 10_000), st.floats(1e-9, 1e9))
def test_positive_scale_changes_nothing(seed: int, scale: float) -> None:
    diffs = world(seed, edge=0.001)
    found, scaled = (block_sign_flip(d, 10, 2000, 3) for d in (diffs, diffs * scale))
    assert scaled.p == pytest.approx(found.p, abs=1e-3)
    assert scaled.statistics == pytest.approx(found.statistics, rel=1e-9)


@given(st.integers(0, 10_000))
def test_same_series_added_to_both_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    champion, challenger = 0.01 * rng.standard_normal((2, 200))
    shared = 0.01 * rng.standard_normal(200)
    plain = block_sign_flip((challenger - champion)[:, None], 10, 2000, 1)
    added = block_sign_flip(((challenger + shared) - (champion + shared))[:, None], 10, 2000, 1)
    assert added.p == pytest.approx(plain.p, abs=1e-3)


def test_difference_of_constant_zero_never_passes() -> None:
    zero = block_sign_flip(np.zeros((500, 3)), 10, 2000, 0)
    assert zero.p == 1.0
    assert zero.adjusted.tolist() == [1.0, 1.0, 1.0]
    assert zero.skew.tolist() == [0.0, 0.0, 0.0]


@given(st.integers(0, 10_000))
def test_useless_version_more_never_lowers_p(seed: int) -> None:
    """With the same signs the maximum over more versions is larger or the same in every draw."""
    diffs = world(seed, versions=3, edge=0.003)
    rng = np.random.default_rng(seed + 1)
    useless = 0.01 * rng.standard_t(5, (200, 1))
    found = block_sign_flip(diffs, 10, 2000, 5)
    wider = block_sign_flip(np.column_stack([diffs, useless]), 10, 2000, 5)
    # The useless one may itself be the largest by luck; the others' p-values never fall.
    assert (wider.adjusted[:3] >= found.adjusted - 1e-12).all()


def test_level_is_exact_for_symmetric_independent_blocks() -> None:
    runs = 2000
    hits = sum(block_sign_flip(world(s, 150, 5), 10, 2000, s).p <= 0.05 for s in range(runs))
    assert abs(hits / runs - 0.05) < 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("bad", [np.zeros((0, 2)), np.full((20, 1), np.nan), np.zeros((4, 0))])
def test_differences_without_days_versions_or_values_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="differences"):
        block_sign_flip(bad)


def test_block_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="block"):
        block_sign_flip(np.zeros((20, 1)), block=0)


def test_skewness_of_losses_is_negative_and_that_of_a_constant_zero() -> None:
    rng = np.random.default_rng(0)
    losses = 1 - rng.exponential(size=(5000, 1))
    assert block_skew(losses)[0] == pytest.approx(-2.0, abs=0.3)
    assert block_skew(np.full((50, 1), 0.1 + 0.2))[0] == 0.0


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_same_seed_gives_the_same_test(seed: int) -> None:
    diffs = world(3)
    first, second = block_sign_flip(diffs, 10, 2000, seed), block_sign_flip(diffs, 10, 2000, seed)
    assert first.p == second.p
    assert first.adjusted.tolist() == second.adjusted.tolist()
