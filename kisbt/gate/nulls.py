"""Worlds in which every challenger equals the champion, and one in which one of them is better.

Differences are [days, N] in daily returns, scaled to a standard deviation of ``NOISE`` a day.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

FloatArray = npt.NDArray[np.float64]
Kind = Literal["iid", "related", "skew", "crash"]
KINDS: tuple[Kind, ...] = ("iid", "related", "skew", "crash")

NOISE = 0.007
"""Daily standard deviation of a difference."""
CHAMPION_SHARPE = 0.8
CHAMPION_VOLATILITY = 0.012
_TAIL = 5
_AUTOCORRELATION = 0.385
"""Makes a mean 1.5 times noisier: (1 + φ) / (1 - φ) = 1.5²."""
_PERSISTENCE = 0.97
_VOLATILITY = 0.35
"""Day to day, and standard deviation, of log volatility."""


def differences(
    kind: Kind, days: int, versions: int, rng: np.random.Generator, ir: float = 0.0
) -> FloatArray:
    """One campaign's differences; the first version has the yearly information ratio ``ir``.

    ``iid``: independent Student t(5). ``related``: correlation .5 between versions, clustered
    volatility, autocorrelation. ``skew``: exponential losses. ``crash``: 1 % of days at -8
    standard deviations.
    """
    found = NOISE * _MAKERS[kind](days, versions, rng)
    found[:, 0] += ir / np.sqrt(252) * NOISE
    return found


def champion(days: int, rng: np.random.Generator) -> FloatArray:
    """Daily returns [days] of a champion that earns a yearly Sharpe ratio of .8."""
    mean = CHAMPION_SHARPE / np.sqrt(252) * CHAMPION_VOLATILITY
    found: FloatArray = mean + CHAMPION_VOLATILITY * _student(rng, days, 1)[:, 0]
    return found


def _student(rng: np.random.Generator, days: int, versions: int) -> FloatArray:
    found: FloatArray = rng.standard_t(_TAIL, (days, versions)) * np.sqrt((_TAIL - 2) / _TAIL)
    return found


def _related(days: int, versions: int, rng: np.random.Generator) -> FloatArray:
    shocks: FloatArray = np.sqrt(0.5) * (_student(rng, days, 1) + _student(rng, days, versions))
    # Log volatility, shared by all, falls back to its mean with a half-life of about a month.
    pushes = _VOLATILITY * np.sqrt(1 - _PERSISTENCE**2) * rng.standard_normal(days)
    start = _VOLATILITY * rng.standard_normal()
    level, _ = lfilter([1.0], [1.0, -_PERSISTENCE], pushes, zi=[_PERSISTENCE * start])
    shocks *= np.exp(level - _VOLATILITY**2)[:, np.newaxis]
    fresh = np.sqrt(1 - _AUTOCORRELATION**2) * shocks
    fresh[0] = shocks[0]
    found: FloatArray = lfilter([1.0], [1.0, -_AUTOCORRELATION], fresh, axis=0)
    return found


def _skewed(days: int, versions: int, rng: np.random.Generator) -> FloatArray:
    found: FloatArray = 1.0 - rng.exponential(size=(days, versions))
    return found


def _crashing(days: int, versions: int, rng: np.random.Generator) -> FloatArray:
    chance, depth = 0.01, 8.0
    crashes = rng.random((days, versions)) < chance
    raw = rng.standard_normal((days, versions)) - depth * crashes + depth * chance
    found: FloatArray = raw / np.sqrt(1 + depth**2 * chance * (1 - chance))
    return found


_MAKERS: dict[Kind, Callable[[int, int, np.random.Generator], FloatArray]] = {
    "iid": lambda days, versions, rng: _student(rng, days, versions),
    "related": _related,
    "skew": _skewed,
    "crash": _crashing,
}
