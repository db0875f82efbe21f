"""Where a model pays for itself, and whose noise a result carries."""

import math

import numpy as np
import pytest

from kisbt.llm.economics import break_even_equity, cost_per_decision, cost_per_year, economics
from kisbt.llm.noise import split_variance


def test_the_studys_illustration_1500_won_a_day_needs_12_5_million_at_3_percent() -> None:
    yearly = cost_per_year(1_500 * 250, 250)
    assert yearly == 378_000
    assert break_even_equity(375_000, 0.03) == 12_500_000


def test_a_model_without_an_edge_never_pays_and_a_free_one_always_does() -> None:
    assert break_even_equity(1000, 0.0) == math.inf
    assert break_even_equity(1000, -0.1) == math.inf
    assert break_even_equity(0, -0.1) == 0.0
    assert cost_per_decision(100.0, 0) == 0.0
    assert cost_per_year(100.0, 0) == 0.0


def test_break_even_comes_with_the_interval_of_the_edge_turned_around() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.005, 504)
    found = economics(20_000.0, 1_000, noise - noise.mean() + 0.001)
    assert found.cost_per_decision == 20.0
    assert found.cost_per_year == 10_000.0
    assert found.edge.estimate == pytest.approx(0.252)
    assert found.break_even.estimate == pytest.approx(10_000 / 0.252)
    assert found.break_even.low == pytest.approx(10_000 / found.edge.high)
    assert found.break_even.low < found.break_even.estimate < found.break_even.high
    nothing = economics(20_000.0, 1_000, noise - noise.mean())
    assert nothing.break_even.high == math.inf
    assert economics(0.0, 0, np.zeros(0)).break_even == (0.0, 0.0, 0.0)


def test_planted_parts_of_variance_are_found() -> None:
    rng = np.random.default_rng(7)
    seeds, days = 40, 2_000
    market = rng.normal(0, 0.010, days)
    dice = rng.normal(0, 0.020, (seeds, days))
    found = split_variance(market + dice)
    assert found.market == pytest.approx(0.010**2 / days, rel=0.15)
    assert found.model == pytest.approx(0.020**2 / days / seeds, rel=0.5)
    assert found.enough_seeds == pytest.approx(4, abs=2)
    assert found.total == found.market + found.model
    assert found.yearly_market == pytest.approx(252 * 0.010 / days**0.5, rel=0.1)
    assert found.yearly_model == pytest.approx(252 * found.model**0.5)


def test_few_seeds_do_not_pass_their_dice_off_as_the_markets() -> None:
    rng = np.random.default_rng(11)
    days = 4_000
    found = split_variance(rng.normal(0, 0.010, days) + rng.normal(0, 0.020, (4, days)))
    assert found.market == pytest.approx(0.010**2 / days, rel=0.25)


def test_seeds_that_drift_apart_are_the_models_noise_and_not_the_markets() -> None:
    rng = np.random.default_rng(8)
    market = rng.normal(0, 0.01, 1_000)
    drift = rng.normal(0, 0.002, (30, 1))
    found = split_variance(market + drift)
    assert found.model == pytest.approx(0.002**2 / 30, rel=0.6)
    assert found.market == pytest.approx(0.01**2 / 1_000, rel=0.2)
    assert found.model_share > 0.4


def test_equal_seeds_leave_everything_to_the_market() -> None:
    one = np.random.default_rng(9).normal(0, 0.01, 300)
    found = split_variance(np.stack([one, one, one]))
    assert (found.model, found.model_share, found.enough_seeds) == (0.0, 0.0, 1)
    still = split_variance(np.zeros((2, 50)))
    assert (still.total, still.model_share) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(1, 50), (3, 1), (50,)])
def test_one_seed_or_one_day_cannot_be_split(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two seeds and two days"):
        split_variance(np.zeros(shape))
