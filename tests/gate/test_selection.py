import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.config import GateSettings
from kisbt.evidence.pbo import PBO
from kisbt.gate.calibrate import ADOPTED, Cell, run_campaign
from kisbt.gate.nulls import differences
from kisbt.gate.selection import block_days, look, overfitting, select, vetoes

SETTINGS = GateSettings()


def world(seed: int, versions: int = 5, ir: float = 0.0, days: int = 500) -> np.ndarray:
    return differences("iid", days, versions, np.random.default_rng(seed), ir)


def test_really_better_version_survives() -> None:
    found = select(world(1, ir=6.0), SETTINGS, seed=0)
    assert found.survivors == (0,)
    assert found.test.best == 0


def test_second_survivor_comes_by_stepping_down() -> None:
    diffs = world(1, ir=6.0)
    diffs[:, 3] += 0.007 * 6 / np.sqrt(252)
    assert set(select(diffs, SETTINGS, seed=0).survivors) == {0, 3}


def test_version_skewed_to_losses_faces_half_the_level() -> None:
    diffs = np.column_stack(
        [world(1, 1)[:, 0], differences("skew", 500, 1, np.random.default_rng(2))[:, 0]]
    )
    diffs[::97, 1] -= 0.08
    found = select(diffs, SETTINGS, seed=0)
    assert found.test.skew[1] < -0.3
    assert found.levels[1] == SETTINGS.skew_level


@given(st.integers(0, 1000), st.floats(0.1, 1.0))
def test_share_of_the_level_is_the_level(seed: int, share: float) -> None:
    whole, part = (select(world(seed), SETTINGS, seed=1, share=s) for s in (1.0, share))
    assert part.levels == pytest.approx(whole.levels * share)
    assert set(part.survivors) <= set(whole.survivors)


@given(st.integers(0, 1000), st.permutations(range(5)), st.floats(1e-3, 1e3))
def test_order_and_scale_of_versions_change_no_outcome(
    seed: int, order: list[int], scale: float
) -> None:
    diffs = world(seed, ir=3.0)
    found = select(diffs, SETTINGS, seed=4)
    moved = select(diffs[:, order] * scale, SETTINGS, seed=4)
    assert [order[k] for k in moved.survivors] == list(found.survivors)


@given(st.integers(0, 300))
@settings(max_examples=30)
def test_useless_version_more_lets_no_other_survive(seed: int) -> None:
    diffs = world(seed, versions=4, ir=2.5)
    wider = np.column_stack([diffs, world(seed + 10_000, versions=1)])
    before = set(select(diffs, SETTINGS, seed=2).survivors)
    after = set(select(wider, SETTINGS, seed=2).survivors)
    assert after - {4} <= before


@given(st.integers(0, 300))
@settings(max_examples=30)
def test_differences_of_zero_never_survive(seed: int) -> None:
    diffs = np.zeros((500, 3))
    assert select(diffs, SETTINGS, seed=seed).survivors == ()
    assert not look(diffs[:, 0], SETTINGS, level=0.2, seed=seed).passed


def test_long_holding_makes_long_blocks() -> None:
    assert block_days(SETTINGS, 0) == 10
    assert block_days(SETTINGS, 25) == 25
    assert select(world(1), SETTINGS, seed=0, longest_holding=25).test.block == 25


@pytest.mark.parametrize(("days", "block"), [(125, 10), (119, 5), (60, 5)])
def test_short_holdout_is_cut_into_shorter_blocks(days: int, block: int) -> None:
    found = look(world(1, 1, days=days)[:, 0], SETTINGS, level=0.2, seed=0)
    assert (found.block, found.days) == (block, days)


def test_holdout_needs_level_and_sign() -> None:
    better = world(1, 1, ir=6.0, days=125)[:, 0]
    assert look(better, SETTINGS, level=0.2, seed=0).passed
    assert not look(-better, SETTINGS, level=0.2, seed=0).passed
    assert not look(better, SETTINGS, level=1e-9, seed=0).passed


def test_pbo_vetoes_only_from_eight_versions_on() -> None:
    bad, good = PBO(0.5, np.zeros(0)), PBO(0.49, np.zeros(0))
    assert vetoes(bad, 8, SETTINGS)
    assert not vetoes(bad, 7, SETTINGS)
    assert not vetoes(good, 20, SETTINGS)
    assert not vetoes(None, 20, SETTINGS)


def test_one_version_or_too_few_days_cannot_be_split() -> None:
    assert overfitting(world(1, 1), SETTINGS) is None
    assert overfitting(world(1, 5)[:15], SETTINGS) is None
    assert overfitting(world(1, 5), SETTINGS) is not None


def test_more_useless_versions_do_not_raise_the_chance_of_a_promotion() -> None:
    campaigns = 400
    rates = []
    for versions in (2, 20):
        cell = Cell("iid", versions)
        outcomes = [
            run_campaign(cell, SETTINGS, [n, versions], rules=True, with_spa=False)
            for n in range(campaigns)
        ]
        rates.append(np.mean([one["sign-flip <= .05"] for one in outcomes]))
        assert np.mean([one[ADOPTED] for one in outcomes]) < 0.02
    assert rates[1] <= rates[0] + 3 * np.sqrt(2 * 0.05 * 0.95 / campaigns)
