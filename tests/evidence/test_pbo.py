import numpy as np
import pytest
import sharpebench
from hypothesis import given
from hypothesis import strategies as st

from kisbt.evidence.pbo import pbo


def world(seed: int, days: int = 200, versions: int = 8, edge: float = 0.0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((days, versions))
    found[:, 0] += edge
    return 0.01 * found


@pytest.mark.parametrize("blocks", [4, 6, 10])
@pytest.mark.parametrize(("days", "versions"), [(500, 20), (203, 12), (101, 3), (333, 8)])
def test_pbo_agrees_with_sharpebench(days: int, versions: int, blocks: int) -> None:
    for seed in range(3):
        diffs = world(seed, days, versions)
        other = sharpebench.probability_of_backtest_overfitting(diffs.tolist(), blocks)
        assert pbo(diffs, blocks).value == pytest.approx(other, abs=1e-6)


def test_version_that_is_really_better_is_not_overfitted() -> None:
    assert pbo(world(1, 500, 10, edge=0.5)).value < 0.01


def test_useless_versions_are_overfitted_about_half_the_time() -> None:
    values = [pbo(world(seed)).value for seed in range(100)]
    assert 0.4 < np.mean(values) < 0.6


def test_logits_are_one_a_split_and_pbo_is_the_share_below() -> None:
    found = pbo(world(3))
    assert len(found.logits) == 252  # 10 over 5
    assert found.value == np.mean(found.logits <= 0)


@given(st.integers(0, 1000), st.permutations(range(8)), st.floats(1e-6, 1e6))
def test_order_and_scale_change_nothing(seed: int, order: list[int], scale: float) -> None:
    diffs = world(seed)
    assert pbo(diffs[:, order] * scale).value == pytest.approx(pbo(diffs).value, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "blocks"), [((200, 1), 10), ((15, 3), 10), ((200, 3), 5), ((200, 3), 0)]
)
def test_what_cannot_be_split_is_refused(shape: tuple[int, int], blocks: int) -> None:
    with pytest.raises(ValueError, match=r"blocks|versions"):
        pbo(np.zeros(shape), blocks)


def test_versions_that_never_differ_are_no_better_than_chance() -> None:
    assert pbo(np.zeros((200, 5))).value == 1.0
