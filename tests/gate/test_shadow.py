import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.config import GateSettings
from kisbt.gate.shadow import LiveDay, guard_state, ramp_share, rollback_reasons, shadow_state

SETTINGS = GateSettings()
CLIP = 0.028


def better(days: int, ir: float = 8.0) -> list[float]:
    noise = 0.007 * np.random.default_rng(3).standard_normal(days)
    return (noise - noise.mean() + 0.007 * ir / np.sqrt(252)).tolist()


def test_better_challenger_reaches_the_wealth_and_stops_there() -> None:
    state = shadow_state(better(250), CLIP, SETTINGS)
    assert state.passed
    assert state.wealth >= state.needed == 20
    assert state.days < 250
    worse_later = better(state.days) + [-1.0] * 100
    assert state.days < 250
    assert shadow_state(better(250)[: state.days] + worse_later, CLIP, SETTINGS).passed


def test_challengers_beside_each_other_need_more() -> None:
    alone, among_three = (
        shadow_state(better(250), CLIP, SETTINGS, in_shadow=count) for count in (1, 3)
    )
    assert among_three.needed == 60
    assert among_three.days > alone.days


def test_undecided_shadow_is_given_up_after_250_days() -> None:
    noise = (0.007 * np.random.default_rng(0).standard_normal(400)).tolist()
    state = shadow_state(noise, CLIP, SETTINGS)
    assert (state.days, state.given_up, state.passed) == (250, True, False)
    assert not shadow_state(noise[:249], CLIP, SETTINGS).given_up


def test_guard_is_the_mirror_of_the_shadow_and_never_gives_up() -> None:
    stream = better(200)
    mirrored = guard_state([-value for value in stream], CLIP, SETTINGS)
    assert mirrored.passed
    assert mirrored.days == shadow_state(stream, CLIP, SETTINGS).days
    quiet = guard_state([0.0] * 900, CLIP, SETTINGS)
    assert (quiet.days, quiet.passed, quiet.given_up) == (900, False, False)


@given(st.lists(st.floats(-0.05, 0.05), max_size=60))
def test_shadow_day_by_day_is_the_shadow_at_once(stream: list[float]) -> None:
    state = shadow_state(stream, CLIP, SETTINGS)
    for count in range(len(stream) + 1):
        early = shadow_state(stream[:count], CLIP, SETTINGS)
        if early.passed:
            assert state == early
            break


GOOD = LiveDay(drawdown=0.05, drawdown_limit=0.2)


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (LiveDay(drawdown=0.2, drawdown_limit=0.2), "drawdown"),
        (LiveDay(breaches=1), "breach"),
        (LiveDay(parse_failures=0.051), "parse_failures"),
    ],
)
def test_each_fault_of_a_day_rolls_back(day: LiveDay, reason: str) -> None:
    assert rollback_reasons([GOOD, day], None, SETTINGS) == (reason,)
    assert rollback_reasons([day, GOOD], None, SETTINGS) == ()


def test_drift_rolls_back_on_the_fifth_day_running() -> None:
    drifting = LiveDay(drift_beyond_budget=True)
    assert rollback_reasons([drifting] * 4, None, SETTINGS) == ()
    assert rollback_reasons([drifting] * 2 + [GOOD] + [drifting] * 4, None, SETTINGS) == ()
    assert rollback_reasons([GOOD] + [drifting] * 5, None, SETTINGS) == ("drift",)


def test_parse_failures_of_exactly_five_percent_do_not_roll_back() -> None:
    assert rollback_reasons([LiveDay(parse_failures=0.05)], None, SETTINGS) == ()


def test_mirror_bet_that_passed_rolls_back() -> None:
    guard = guard_state(better(250, ir=-8.0), CLIP, SETTINGS)
    assert rollback_reasons([GOOD], guard, SETTINGS) == ("worse_than_parent",)
    assert rollback_reasons([], None, SETTINGS) == ()


def test_capital_is_ramped_in_steps_of_twenty_days() -> None:
    shares = [ramp_share(days, SETTINGS) for days in (0, 19, 20, 40, 60, 1000)]
    assert shares == [0.10, 0.10, 0.25, 0.50, 1.0, 1.0]
