"""Replays beside this process: the same results in the same order, and nobody is left behind."""

import os
from contextlib import closing

import pytest

from kisbt.run.evolve_workers import Workers


def with_process(value: int, add: int) -> tuple[int, int]:
    return value + add, os.getpid()


def root_of(value: int) -> float:
    if value < 0:
        raise ValueError(f"{value} has no root")
    return float(value**0.5)


def test_results_come_in_order_and_every_process_takes_its_share() -> None:
    with closing(Workers(2)) as workers:
        workers.begin(root_of, 4)
        found = workers.map(with_process, [1, 2, 3, 4, 5], 10)
    assert [value for value, _ in found] == [11, 12, 13, 14, 15]
    mine = [process == os.getpid() for _, process in found]
    assert mine == [True, False, True, False, True]


def test_one_process_does_everything_itself() -> None:
    with closing(Workers(1)) as workers:
        workers.begin(root_of, -1)  # nobody is asked
        assert workers.map(with_process, [1, 2], 0) == [(1, os.getpid()), (2, os.getpid())]


@pytest.mark.parametrize("items", [[-1, 4], [4, -1]])
def test_an_error_is_raised_wherever_it_happened(items: list[int]) -> None:
    with closing(Workers(2)) as workers, pytest.raises(ValueError, match="-1 has no root"):
        workers.map(root_of, items)


def test_a_failed_start_does_not_fail_the_work() -> None:
    with closing(Workers(2)) as workers:
        workers.begin(root_of, -1)
        assert workers.map(root_of, [4, 9]) == [2.0, 3.0]
