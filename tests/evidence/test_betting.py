import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.evidence.betting import EProcess, clip_width, wealth_paths

SD = 0.007


def days(ir: float, paths: int, seed: int = 0, length: int = 500) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return SD * (rng.standard_t(5, (length, paths)) * np.sqrt(3 / 5) + ir / np.sqrt(252))


def first_crossing(paths: np.ndarray, wealth: float = 20.0) -> np.ndarray:
    crossed = wealth_paths(paths, 4 * SD) >= wealth
    return np.where(crossed.any(axis=0), crossed.argmax(axis=0) + 1, 10_000)


@given(st.lists(st.floats(-0.1, 0.1), max_size=60), st.floats(0.01, 0.99))
def test_one_bet_equals_the_paths_computed_at_once(stream: list[float], cap: float) -> None:
    bet = EProcess(0.02, cap)
    wealth = [bet.update(value) for value in stream]
    if stream:
        at_once = wealth_paths(np.array(stream)[:, None], 0.02, cap)[:, 0]
        assert at_once == pytest.approx(np.array(wealth), rel=1e-9)
    assert bet.days == len(stream)


@given(st.lists(st.floats(-1e6, 1e6), max_size=80))
def test_wealth_stays_positive_and_the_stake_within_its_cap(stream: list[float]) -> None:
    bet = EProcess(0.02)
    for value in stream:
        assert 0 <= bet.stake <= 0.5
        assert bet.update(value) > 0
    assert bet.peak >= bet.value
    assert 0 <= bet.clipped_share <= 1


def test_stake_knows_only_the_past() -> None:
    bet = EProcess(0.02)
    assert bet.update(0.02) == 1.0  # nothing was staked on the first day
    assert bet.update(0.02) > 1.0


@pytest.mark.parametrize("kind", ["t5", "losses", "crash"])
def test_wealth_has_a_mean_of_at_most_one_under_the_null(kind: str) -> None:
    rng = np.random.default_rng(1)
    shape = (250, 20_000)
    null = {
        "t5": lambda: rng.standard_t(5, shape) * np.sqrt(3 / 5),
        "losses": lambda: 1 - rng.exponential(size=shape),
        "crash": lambda: rng.standard_normal(shape) - 8 * (rng.random(shape) < 0.01) + 0.08,
    }[kind]()
    clipped = np.clip(null / 4, -1, 1)
    clipped -= max(clipped.mean(), 0)  # the null is about the clipped difference
    wealth = wealth_paths(np.clip(clipped, -1, 1), 1.0)
    for day in (50, 125, 250):
        at_day = wealth[day - 1]
        assert at_day.mean() <= 1 + 3 * at_day.std() / np.sqrt(shape[1])


def test_false_alarm_stays_below_its_level_whenever_one_stops() -> None:
    assert (first_crossing(days(0.0, 4000)) <= 500).mean() < 0.05


# The design study of the gate has .605 (2), .963 (3), .997 (4) over 500 days from 600 paths each.
@pytest.mark.parametrize(("ir", "found"), [(2.0, 0.605), (3.0, 0.963), (4.0, 0.997)])
def test_detection_within_500_days_is_the_one_published(ir: float, found: float) -> None:
    caught = (first_crossing(days(ir, 2000)) <= 500).mean()
    assert caught == pytest.approx(found, abs=0.06)


@pytest.mark.parametrize(("ir", "least"), [(-2.0, 0.25), (-3.0, 0.60), (-4.0, 0.88)])
def test_mirror_bet_demotes_a_worse_version_within_250_days(ir: float, least: float) -> None:
    assert (first_crossing(-days(ir, 2000)) <= 250).mean() > least


def test_clip_is_wide_and_robust() -> None:
    quiet = np.random.default_rng(0).standard_normal(2000) * SD
    assert clip_width(quiet) == pytest.approx(4 * SD, rel=0.1)
    wild = np.where(np.arange(2000) % 100 == 0, -0.5, quiet)
    assert clip_width(wild) == pytest.approx(4 * SD, rel=0.1)


def test_days_that_do_not_differ_do_not_narrow_the_clip() -> None:
    rare = np.zeros(1000)
    rare[::5] = np.random.default_rng(0).standard_normal(200) * SD
    assert clip_width(rare) == pytest.approx(4 * SD, rel=0.2)
    assert clip_width(np.zeros(10)) == 0.0
    assert clip_width(np.full(10, 0.01)) == pytest.approx(0.04)


@pytest.mark.parametrize(("c", "cap"), [(0.0, 0.5), (np.nan, 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_bet_without_a_clip_or_a_cap_is_refused(c: float, cap: float) -> None:
    with pytest.raises(ValueError, match="bet"):
        EProcess(c, cap)


def test_day_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="difference"):
        EProcess(0.02).update(float("nan"))
