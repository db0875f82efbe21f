"""Shares against a coin, and where a memory ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.llm.recall import advantage, detectable, find_horizon, share

MONTHS = [f"{year}-{month:02d}" for year in (2023, 2024) for month in range(1, 13)]


def test_share_has_wilsons_interval_and_an_exact_one_sided_p() -> None:
    found = share(60, 100)
    assert (found.right, found.answered, found.estimate) == (60, 100, 0.6)
    # Wilson: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) with z = 1.959964
    assert found.low == pytest.approx(0.50200, abs=1e-5)
    assert found.high == pytest.approx(0.69060, abs=1e-5)
    assert found.p == pytest.approx(0.028444, abs=1e-6)


def test_nothing_answered_says_nothing() -> None:
    assert share(0, 0) == (0, 0, 0.0, 0.5, 1.0, 1.0)
    assert detectable(0) == 1.0


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_estimate_lies_in_its_interval_and_more_right_answers_are_less_like_a_coin(
    counts: tuple[int, int],
) -> None:
    right, answered = counts
    found = share(right, answered)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    if right < answered:
        assert share(right + 1, answered).p <= found.p


def test_more_questions_notice_smaller_memories() -> None:
    assert detectable(100) == pytest.approx(0.5 + (1.6449 + 0.8416) * 0.05, abs=1e-3)
    assert detectable(400) < detectable(100) < detectable(25)


def test_advantage_counts_only_pairs_that_differ() -> None:
    low, gain, high = advantage([(True, False)] * 30 + [(True, True)] * 50 + [(False, True)] * 20)
    assert gain == pytest.approx(0.1)
    assert low < 0 < gain < high
    low, gain, _ = advantage([(True, False)] * 80 + [(False, True)] * 20)
    assert gain == pytest.approx(0.6)
    assert low > 0.4
    assert advantage([])[1] == 0.0


def answers(
    ends: int, accuracy: float, each: int = 8, seed: int = 0
) -> tuple[list[str], list[str], list[bool]]:
    rng = np.random.default_rng(seed)
    months, kinds, right = [], [], []
    for index, month in enumerate(MONTHS):
        for kind in ("close", "direction"):
            for _ in range(each):
                months.append(month)
                kinds.append(kind)
                right.append(bool(rng.random() < (accuracy if index < ends else 0.5)))
    return months, kinds, right


def test_planted_end_of_memory_is_found_within_its_interval() -> None:
    found = find_horizon(*answers(15, 0.85))
    assert found.until is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= "2024-03" <= found.high
    assert found.p < 0.01
    assert not found.open_end


def test_memory_of_everything_is_open_at_the_end() -> None:
    found = find_horizon(*answers(24, 0.9))
    assert (found.until, found.high) == ("2024-12", "2024-12")
    assert found.open_end


def test_coins_have_no_horizon_more_often_than_the_level_allows() -> None:
    alarms = sum(
        find_horizon(*answers(0, 0.5, seed=seed), draws=400).until is not None for seed in range(60)
    )
    assert alarms <= 8  # 60 tries at 5 %: 9 or more have a chance of 0.4 %


def test_no_answers_have_no_horizon() -> None:
    assert find_horizon([], [], []).until is None


def test_answers_that_are_always_wrong_are_no_memory() -> None:
    for accuracy in (0.0, 0.15):
        months, kinds, right = answers(24, accuracy)
        assert find_horizon(months, kinds, right).until is None
