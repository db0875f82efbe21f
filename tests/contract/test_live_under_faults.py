"""The whole live runner with every trouble at once, and killed at random points.

``KISBT_LIVE_SESSIONS`` says how many seeded sessions; ``python -m benchmarks.faults`` runs them by
the thousand.
"""

import os

import pytest

from kisbt.run.chaos_sessions import MINUTES_EVERY, run_session
from kisbt.run.chaos_soak import soak

SESSIONS = int(os.environ.get("KISBT_LIVE_SESSIONS", "6"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SESSIONS))
def test_nothing_is_doubled_lost_or_passed_whatever_goes_wrong(seed: int) -> None:
    told = run_session(seed, kills=seed % 3)
    assert told.lines == ()
    assert told.injected
    assert told.kills == seed % 3


@pytest.mark.slow
def test_bars_from_the_stream_are_whole_whatever_goes_wrong() -> None:
    told = run_session(MINUTES_EVERY - 1, kills=2, days=1, minutes=5)
    assert told.lines == ()
    assert told.orders


@pytest.mark.slow
def test_days_without_anybody_near_use_no_more_memory_and_bounded_logs() -> None:
    found = soak(days=5, minutes=0)
    assert found.lines == ()
    assert found.bars >= 5
    assert found.injected
    assert found.log_bytes <= found.log_bound
    assert found.growth < 0.05
