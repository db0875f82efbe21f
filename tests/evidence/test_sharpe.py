import math

import numpy as np
import pytest
import sharpebench
from hypothesis import given
from hypothesis import strategies as st

from kisbt.evidence.sharpe import (
    Moments,
    annualised,
    deflated_sharpe,
    exceeds,
    expected_max_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    sharpe_ratio,
    track_record,
)


def stream(seed: int, days: int = 250, edge: float = 0.0005) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_t(4, days) + edge


# Bailey & López de Prado, "The Sharpe Ratio Efficient Frontier", 2012, the hedge fund with 24
# months of returns: monthly Sharpe .458, skewness -2.448, kurtosis 10.164.
def test_probabilistic_sharpe_of_the_published_hedge_fund() -> None:
    assert exceeds(Moments(24, 0.458, 0.0, 3.0)) == pytest.approx(0.982, abs=5e-4)
    assert exceeds(Moments(24, 0.458, -2.448, 10.164)) == pytest.approx(0.913, abs=5e-4)


# The same paper: years for a yearly Sharpe of 2 to exceed 1 at 95 %, normal returns, by how often
# they are observed; and monthly ones with the moments of a hedge fund index.
@pytest.mark.parametrize(("periods", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_minimum_track_record_of_the_published_normal_case(periods: int, years: float) -> None:
    normal = Moments(0, 2 / math.sqrt(periods), 0.0, 3.0)
    assert track_record(normal, 1 / math.sqrt(periods)) / periods == pytest.approx(years, abs=5e-3)


def test_minimum_track_record_of_the_published_skewed_case() -> None:
    index = Moments(0, 2 / math.sqrt(12), -0.72, 5.78)
    assert track_record(index, 1 / math.sqrt(12)) / 12 == pytest.approx(4.99, abs=5e-3)


# Bailey & López de Prado, "The Deflated Sharpe Ratio", 2014, the numerical example: 100 trials
# with a variance of 1/2 a year, five years of 250 days, yearly Sharpe 2.5.
def test_deflated_sharpe_of_the_published_example() -> None:
    strategy = Moments(1250, 2.5 / math.sqrt(250), -3.0, 10.0)
    hurdle = expected_max_sharpe(100, 0.5 / 250)
    assert hurdle == pytest.approx(0.1132, abs=5e-5)
    assert exceeds(strategy, hurdle) == pytest.approx(0.9004, abs=5e-5)


def test_deflated_sharpe_after_46_trials_and_of_a_normal_strategy_after_88() -> None:
    sharpe = 2.5 / math.sqrt(250)
    skewed = exceeds(Moments(1250, sharpe, -3.0, 10.0), expected_max_sharpe(46, 0.5 / 250))
    normal = exceeds(Moments(1250, sharpe, 0.0, 3.0), expected_max_sharpe(88, 0.5 / 250))
    assert skewed == pytest.approx(0.9505, abs=5e-5)
    assert normal == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize("seed", range(8))
def test_whole_family_agrees_with_sharpebench(seed: int) -> None:
    returns = stream(seed)
    listed = returns.tolist()
    assert sharpe_ratio(returns) == pytest.approx(sharpebench.sharpe_ratio(listed), abs=1e-12)
    for benchmark in (0.0, 0.05):
        assert probabilistic_sharpe(returns, benchmark) == pytest.approx(
            sharpebench.probabilistic_sharpe_ratio(listed, benchmark), abs=1e-6
        )
    assert expected_max_sharpe(20, 0.05**2) == pytest.approx(
        sharpebench.expected_max_sharpe(0.05, 20), abs=1e-6
    )
    assert deflated_sharpe(returns, 20, 0.05**2) == pytest.approx(
        sharpebench.deflated_sharpe_ratio(listed, 20, 0.05), abs=1e-6
    )
    assert minimum_track_record(returns) == pytest.approx(
        sharpebench.min_track_record_length(listed), rel=1e-6
    )


def test_stream_that_never_moves_has_no_sharpe_and_no_track_record() -> None:
    flat = np.full(50, 0.0001)
    assert moments(flat) == Moments(50, 0.0, 0.0, 3.0)
    assert minimum_track_record(flat) == math.inf


@pytest.mark.parametrize("bad", [np.array([0.1]), np.zeros((3, 2)), np.array([0.1, np.nan])])
def test_stream_without_days_or_with_gaps_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"stream|finite"):
        moments(bad)


@pytest.mark.parametrize(("trials", "variance"), [(0, 1.0), (3, -1.0)])
def test_trials_that_make_no_sense_are_refused(trials: int, variance: float) -> None:
    with pytest.raises(ValueError, match="trials"):
        expected_max_sharpe(trials, variance)


def test_year_has_252_trading_days() -> None:
    assert annualised(0.1) == pytest.approx(0.1 * math.sqrt(252))


@given(st.integers(0, 1000), st.floats(1e-6, 1e6))
def test_positive_scale_changes_no_ratio(seed: int, scale: float) -> None:
    returns = stream(seed, 60)
    assert moments(returns * scale) == pytest.approx(moments(returns), rel=1e-6)


@given(st.integers(0, 1000), st.integers(1, 500), st.floats(1e-6, 1e-2))
def test_more_trials_never_raise_the_deflated_sharpe(
    seed: int, trials: int, variance: float
) -> None:
    returns = stream(seed, 60)
    more = deflated_sharpe(returns, trials + 1, variance)
    assert 0 <= more <= deflated_sharpe(returns, trials, variance) <= 1


@given(st.integers(0, 1000), st.floats(-0.2, 0.2))
def test_track_record_as_long_as_needed_reaches_its_level(seed: int, benchmark: float) -> None:
    m = moments(stream(seed, 60))
    needed = track_record(m, benchmark, 0.95)
    if math.isfinite(needed) and needed < 1e9:
        reached = m._replace(days=math.ceil(needed) + 1)
        assert exceeds(reached, benchmark) >= 0.95 - 1e-9
