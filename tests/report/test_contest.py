from dataclasses import replace

import numpy as np
import pytest

from kisbt.report.contest import Contest, Entry, LeftOut, contest_of, names_of
from kisbt.report.metrics import compute_metrics
from tests.report.fakes import drifted, fake_result


def test_longest_warmup_counts_for_all() -> None:
    short, long = fake_result(seed=1, sessions=300), fake_result(seed=2, sessions=300, warmup=120)
    contest = contest_of([short, long])
    assert contest.shortened
    assert [entry.flat[0].warmup_bars for entry in contest.entries] == [120, 120]
    assert len(contest.days) == 180


def test_warmup_of_a_version_without_a_rule_counts_too() -> None:
    run = fake_result(sessions=300)
    without = LeftOut(0, "R0001", "", ((replace(run, warmup_bars=90),),))
    assert len(Contest([Entry("a", ((run,),))], [without]).days) == 210


def test_other_period_is_not_common() -> None:
    runs = [fake_result(seed=1, sessions=300), fake_result(seed=1, sessions=299)]
    assert not contest_of(runs).common


def test_equal_names_are_told_apart_by_run() -> None:
    run = fake_result(seed=1, sessions=100)
    names = names_of([run, replace(run, run_id="other")], "ko")
    assert names == ("LLMTrader · 프롬프트 1 (fake-1)", "LLMTrader · 프롬프트 1 (other)")


def test_nothing_to_compare_and_unequal_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="no result"):
        contest_of([])
    run = fake_result(sessions=100)
    with pytest.raises(ValueError, match="unequal folds"):
        Contest([Entry("a", ((run,),)), Entry("b", ((run, run),))])


def test_seeds_are_averaged_day_by_day_and_windows_follow_each_other() -> None:
    run = fake_result(sessions=100)
    up = drifted(run, 0.001)
    contest = Contest([Entry("a", ((run, up), (up, run)))])
    assert contest.returns.shape == (80, 1)
    assert contest.streams[0].shape == (2, 80)
    half = contest.returns[:40, 0]
    np.testing.assert_allclose(half, contest.returns[40:, 0])
    np.testing.assert_allclose(half, (contest.streams[0][0][:40] + contest.streams[0][1][:40]) / 2)


def test_stream_compounds_to_the_total_return_of_the_run() -> None:
    run = fake_result(seed=5, sessions=200)
    stream = contest_of([run]).returns[:, 0]
    total = compute_metrics(run)["total_return"]
    assert np.prod(1 + stream) - 1 == pytest.approx(total, abs=1e-9)


def test_effect_of_a_rule_is_the_version_minus_itself_without_it() -> None:
    run = fake_result(sessions=100)
    without = LeftOut(0, "R0001", "", ((drifted(run, -0.0005),),))
    contest = Contest([Entry("a", ((run,),))], [without])
    effect = contest.effect(contest.left_out[0])
    assert effect.mean() == pytest.approx(0.0005, rel=0.05)
