import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.evidence.bootstrap import (
    block_length,
    interval,
    mean_interval,
    resample,
    stationary_indices,
)


def autoregressive(seed: int, days: int, phi: float) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_normal(days)
    found = np.empty(days)
    found[0] = shocks[0] / np.sqrt(1 - phi**2)
    for day in range(1, days):
        found[day] = phi * found[day - 1] + shocks[day]
    return found


@given(st.integers(1, 80), st.floats(1, 40), st.integers(1, 20), st.integers(0, 1000))
def test_resampled_days_exist_and_follow_each_other_within_blocks(
    n: int, mean_block: float, draws: int, seed: int
) -> None:
    days = stationary_indices(n, mean_block, draws, seed)
    assert days.shape == (draws, n)
    assert days.min() >= 0
    assert days.max() < n
    assert (stationary_indices(n, mean_block, draws, seed) == days).all()


def test_blocks_have_the_mean_length_asked_for() -> None:
    days = stationary_indices(10_000, 20, 10, 0)
    follows = (days[:, 1:] - days[:, :-1]) % 10_000 == 1
    assert 1 / (1 - follows.mean()) == pytest.approx(20, rel=0.1)


def test_blocks_of_one_day_are_the_ordinary_bootstrap() -> None:
    days = stationary_indices(1000, 1, 20, 0)
    assert ((days[:, 1:] - days[:, :-1]) % 1000 == 1).mean() < 0.01


@pytest.mark.parametrize(("phi", "cover"), [(0.0, 0.95), (0.5, 0.93)])
def test_interval_of_a_mean_covers_the_truth(phi: float, cover: float) -> None:
    hits = 0
    for seed in range(60):
        found = mean_interval(autoregressive(seed, 400, phi), draws=400, seed=seed)
        hits += found.low <= 0 <= found.high
    assert hits / 60 >= cover - 3 * np.sqrt(cover * (1 - cover) / 60)


def test_dependence_makes_blocks_longer() -> None:
    assert block_length(autoregressive(1, 1000, 0.7)) > 2 * block_length(autoregressive(1, 1000, 0))


@pytest.mark.parametrize("stream", [np.zeros(100), np.ones(5), np.arange(3.0)])
def test_stream_that_shows_no_dependence_gets_blocks_of_one_day(stream: np.ndarray) -> None:
    assert block_length(stream) == 1.0


def test_interval_of_any_statistic_of_several_streams_resampled_together() -> None:
    rng = np.random.default_rng(0)
    pair = rng.standard_normal((500, 2)) + np.array([1.0, 0.0])
    found = interval(pair, lambda s: (s[:, :, 0] - s[:, :, 1]).mean(axis=1), seed=1)
    assert found.low < found.estimate < found.high
    assert found.estimate == pytest.approx(pair[:, 0].mean() - pair[:, 1].mean())
    assert 0.7 < found.low < found.high < 1.3


def test_same_seed_gives_the_same_draws() -> None:
    stream = np.random.default_rng(0).standard_normal(100)
    found = resample(stream, lambda s: s.mean(axis=1), mean_block=5, draws=50, seed=3)
    assert found.shape == (50,)
    again = resample(stream, lambda s: s.mean(axis=1), mean_block=5, draws=50, seed=3)
    assert found.tolist() == again.tolist()


@pytest.mark.parametrize(("n", "mean_block", "draws"), [(0, 5, 5), (5, 0.5, 5), (5, 5, 0)])
def test_resampling_nothing_is_refused(n: int, mean_block: float, draws: int) -> None:
    with pytest.raises(ValueError, match="resample"):
        stationary_indices(n, mean_block, draws, 0)
