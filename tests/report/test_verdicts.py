"""False calls and power over many simulated pairs, and what each figure means."""

from dataclasses import replace

import numpy as np
import pytest

from kisbt.domain.result import RunResult
from kisbt.report.contest import Contest, Entry, LeftOut, Trials, contest_of
from kisbt.report.verdict_words import sentences
from kisbt.report.verdicts import judge, longest_holding, sharpe_figures, verdicts_of
from tests.report.fakes import drifted, fake_result, walk

DAYS = 500


def calls(pairs: int, information_ratio: float, seed: int) -> dict[str, int]:
    """Verdicts over pairs whose difference has that yearly ratio; t(5) noise of 0.7 % a day."""
    rng = np.random.default_rng(seed)
    found = {"better": 0, "worse": 0, "undecided": 0}
    for _ in range(pairs):
        market = rng.normal(0.0005, 0.012, DAYS)
        own = rng.standard_t(5, DAYS) / np.sqrt(5 / 3) * 0.007
        own += information_ratio * 0.007 / np.sqrt(252)
        (verdict,), _ = verdicts_of((market + own - market)[:, np.newaxis], 10)
        found[verdict.word] += 1
    return found


def test_of_200_equal_pairs_at_most_one_in_twenty_is_called() -> None:
    found = calls(200, 0.0, seed=11)
    assert found["better"] + found["worse"] <= 10


@pytest.mark.parametrize(("ratio", "least"), [(2.0, 0.5), (3.0, 0.85)])
def test_planted_differences_are_found_with_the_power_that_theory_has(
    ratio: float, least: float
) -> None:
    found = calls(60, ratio, seed=3)
    assert found["worse"] == 0
    assert found["better"] >= least * 60


def test_all_versions_are_tested_together() -> None:
    rng = np.random.default_rng(2)
    market = rng.normal(0.0005, 0.01, DAYS)
    good = market + rng.normal(0.0005, 0.005, DAYS)
    alone = judge(contest_of([walk(market), walk(good)]))
    crowd = [walk(market + rng.normal(0, 0.005, DAYS)) for _ in range(8)]
    among = judge(contest_of([walk(market), walk(good), *crowd]))
    assert alone is not None
    assert among is not None
    assert alone.verdicts[0].p_better < among.verdicts[0].p_better
    assert among.best is not None
    assert among.best.best == 0
    assert among.spa is not None


def test_same_runs_differ_on_no_day_and_stay_undecided() -> None:
    run = fake_result(sessions=200)
    contest = contest_of([run, replace(run, run_id="again")])
    judged = judge(contest)
    assert judged is not None
    assert judged.verdicts[0].word == "undecided"
    assert judged.verdicts[0].differs == 0
    assert judged.verdicts[0].days_missing is None
    assert "하루도 다르지 않았습니다" in sentences(contest, judged, "ko")[0]


def test_block_is_as_long_as_the_longest_holding_and_few_blocks_decide_nothing() -> None:
    run = fake_result(sessions=200)
    longest = longest_holding([run])
    assert longest > 40
    contest = contest_of([run, drifted(run, 0.002)])
    judged = judge(contest)
    assert judged is not None
    assert judged.block == longest
    assert judged.blocks < 6
    assert judged.verdicts[0].word == "undecided"
    assert "블록이" in sentences(contest, judged, "ko")[0]


def test_days_missing_shrink_as_the_difference_grows() -> None:
    rng = np.random.default_rng(9)
    market, noise = rng.normal(0, 0.01, DAYS), rng.normal(0, 0.006, DAYS)
    noise -= noise.mean()
    missing = []
    for drift in (0.0002, 0.0003, 0.0005):
        judged = judge(contest_of([walk(market), walk(market + noise + drift)]))
        assert judged is not None
        missing.append(judged.verdicts[0].days_missing)
    assert all(days is not None for days in missing)
    assert missing == sorted(missing, key=lambda days: -(days or 0))


def test_deflated_sharpe_falls_with_every_trial() -> None:
    returns = np.random.default_rng(4).normal(0.0008, 0.01, DAYS)
    chances = [sharpe_figures(returns, Trials(n)).deflated for n in (1, 5, 50)]
    assert chances == sorted(chances, key=lambda chance: -(chance or 0))
    once = sharpe_figures(returns, Trials(1))
    assert once.deflated == once.probabilistic
    assert sharpe_figures(np.zeros(DAYS), Trials(1)).yearly is None


def test_effect_of_a_rule_has_an_interval_around_it() -> None:
    run = replace(fake_result(sessions=300), fills=[])
    without = LeftOut(0, "R0002", "이유", ((drifted(run, -0.0004),),))
    judged = judge(Contest([Entry("a", ((run,),))], [without]))
    assert judged is not None
    (effect,) = judged.rules
    assert effect.mean.low <= effect.mean.estimate <= effect.mean.high
    assert effect.mean.low > 0
    assert judged.verdicts == ()


def _seeded(market: np.ndarray, noise: float, rng: np.random.Generator) -> RunResult:
    return walk(market + rng.normal(0, noise, DAYS))


def test_noise_of_seeds_is_split_into_market_and_model() -> None:
    rng = np.random.default_rng(6)
    market = rng.normal(0.0005, 0.01, DAYS)
    shares = []
    for noise in (0.001, 0.02):
        seeds = tuple((_seeded(market, noise, rng),) for _ in range(12))
        judged = judge(Contest([Entry("a", seeds)]))
        assert judged is not None
        shares.append(judged.noise[0].split.model_share)
    assert shares[0] < 0.05
    assert 0.1 < shares[1] < 0.4  # (0.02²/12) of (0.01² + 0.02²/12) is a quarter
