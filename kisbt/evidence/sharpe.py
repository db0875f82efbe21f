"""The Sharpe ratio, and how much of it luck explains.

Ratios are per period, never annualised, and kurtosis is not the excess (a normal's is 3);
``annualised`` converts for people. Source: Bailey & López de Prado, "The Sharpe Ratio Efficient
Frontier" (2012) and "The Deflated Sharpe Ratio" (2014).
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

FloatArray = npt.NDArray[np.float64]

TRADING_DAYS = 252
"""Periods of a year that annualised figures assume."""

_EULER = 0.5772156649015329


class Moments(NamedTuple):
    """What the Sharpe family is built on. ``sharpe`` uses the sample's standard deviation."""

    days: int
    sharpe: float
    skew: float
    kurtosis: float


def moments(returns: FloatArray) -> Moments:
    """Moments of one stream [days]. A stream that never moves has Sharpe 0, skew 0, kurtosis 3.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"a Sharpe ratio needs one stream of at least 2 days, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("returns hold values that are not finite")
    deviations = values - values.mean()
    variance = float(np.mean(deviations**2))
    # Rounding leaves a constant stream a variance of about (eps * level)^2.
    if variance <= (np.finfo(np.float64).eps * float(np.abs(values).max()) * 4) ** 2:
        return Moments(values.size, 0.0, 0.0, 3.0)
    unit = deviations / math.sqrt(variance)
    sharpe = float(values.mean()) / math.sqrt(variance * values.size / (values.size - 1))
    return Moments(values.size, sharpe, float(np.mean(unit**3)), float(np.mean(unit**4)))


def sharpe_ratio(returns: FloatArray) -> float:
    """Mean over standard deviation, a period."""
    return moments(returns).sharpe


def annualised(sharpe: float, periods: int = TRADING_DAYS) -> float:
    """A per-period ratio as a yearly one, under independence."""
    return sharpe * math.sqrt(periods)


def sharpe_variance(m: Moments) -> float:
    """Variance of the estimate times ``days - 1``: 1 - γ₃·SR + (γ₄ - 1)/4·SR². Never negative."""
    return max(1.0 - m.skew * m.sharpe + (m.kurtosis - 1.0) / 4.0 * m.sharpe**2, 0.0)


def probabilistic_sharpe(returns: FloatArray, benchmark: float = 0.0) -> float:
    """One minus the p-value of "the true per-period ratio is at most ``benchmark``", in [0, 1]."""
    return exceeds(moments(returns), benchmark)


def exceeds(m: Moments, benchmark: float = 0.0) -> float:
    """``probabilistic_sharpe`` from moments."""
    spread = sharpe_variance(m)
    if spread == 0.0:
        return 0.5 if m.sharpe == benchmark else float(m.sharpe > benchmark)
    return float(ndtr((m.sharpe - benchmark) * math.sqrt(m.days - 1) / math.sqrt(spread)))


def expected_max_sharpe(n_trials: int, variance: float) -> float:
    """Ratio that the best of ``n_trials`` useless trials shows on average; 0 for one trial.

    Args:
        n_trials: How many versions were ever tried on these days.
        variance: Variance of the trials' per-period ratios.
    """
    if n_trials < 1 or variance < 0:
        raise ValueError(f"{n_trials} trials with variance {variance} make no sense")
    if n_trials == 1:
        return 0.0
    best = (1 - _EULER) * ndtri(1 - 1 / n_trials) + _EULER * ndtri(1 - 1 / (n_trials * math.e))
    return float(math.sqrt(variance) * best)


def deflated_sharpe(returns: FloatArray, n_trials: int, variance: float) -> float:
    """``probabilistic_sharpe`` against the best of ``n_trials`` useless trials, in [0, 1]."""
    return probabilistic_sharpe(returns, expected_max_sharpe(n_trials, variance))


def minimum_track_record(returns: FloatArray, benchmark: float = 0.0, level: float = 0.95) -> float:
    """Days after which this ratio would exceed ``benchmark`` at ``level``; infinite when below."""
    return track_record(moments(returns), benchmark, level)


def track_record(m: Moments, benchmark: float = 0.0, level: float = 0.95) -> float:
    """``minimum_track_record`` from moments; ``days`` plays no part."""
    if m.sharpe <= benchmark:
        return math.inf
    return float(1 + sharpe_variance(m) * (ndtri(level) / (m.sharpe - benchmark)) ** 2)
