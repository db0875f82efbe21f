"""``kisbt live`` really killed while it makes orders, under faults: seeds of benchmarks.kills."""

from pathlib import Path

import pytest

from benchmarks.kills import policy, profile, run_session
from benchmarks.kills_session import plan_kills

pytestmark = pytest.mark.slow


@pytest.mark.timeout(400)
def test_killed_and_started_again_it_leaves_journal_and_venue_alike(tmp_path: Path) -> None:
    told = run_session(15, keep=tmp_path)
    assert told.lines == ()
    assert told.kills == len(plan_kills(15)) == 1
    assert told.processes >= 2
    assert told.orders >= 3
    assert told.fills
    assert told.injected


def test_a_seed_names_its_kills_its_troubles_and_its_rulebook() -> None:
    assert [len(plan_kills(seed)) for seed in range(3)] == [1, 2, 3]
    assert plan_kills(7) == plan_kills(7) != plan_kills(10)
    assert policy(7) == policy(7)
    assert profile(7) == profile(7) != profile(8)
    kinds = {fault.kind.value for fault in profile(7).faults}
    assert "answer_lost" in kinds
    assert "token_expired" not in kinds
