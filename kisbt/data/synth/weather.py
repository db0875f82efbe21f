"""What prices want to do: regimes, factors, events, and the fair value they lead to.

All arrays are ``[sessions, names]`` unless said otherwise; returns are logarithmic.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kisbt.data.synth.cast import SECTORS, Role
from kisbt.domain.market import Market, Product

Floats = NDArray[np.float64]

QUIET_AFTER_EVENT = 8
"""Sessions between two events of one name."""

CONVEXITY = 0.0002
"""Logarithmic drift taken off every name a session, for what fat tails add to an average."""

LIMIT_NEWS = 0.1
"""Share of events that are larger than one session's limit lets through."""


class Regime(NamedTuple):
    """One state of the market: a session's drift and volatility, its usual length, its events."""

    name: str
    drift: float
    volatility: float
    sessions: int
    surges: float
    crashes: float
    genuine: float


REGIMES = (
    Regime("bull", 0.0010, 0.0080, 85, 0.016, 0.002, 0.66),
    Regime("bear", -0.0015, 0.0130, 50, 0.008, 0.007, 0.28),
    Regime("quiet", 0.0001, 0.0055, 60, 0.011, 0.003, 0.50),
)


@dataclass(frozen=True, slots=True)
class Weather:
    """Fair values of a session's open, high, low and close, and wished volume in shares.

    Fair values know no tick, no limit and no halt; the tape turns them into bars.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(slots=True)
class _Events:
    """What events add: returns, volume factor, share of the move that comes overnight, shadow."""

    returns: Floats
    volume: Floats
    overnight: Floats
    shadow: Floats


def make_weather(roles: list[Role], sessions: int, rng: np.random.Generator) -> Weather:
    """Draw one market's wishes for ``sessions`` sessions."""
    shape = (sessions, len(roles))
    regimes = _regimes(sessions, rng)
    stock = np.array([role.product is Product.STOCK for role in roles])
    kosdaq = np.array([role.market is Market.KOSDAQ for role in roles])
    leverage = np.array([role.leverage for role in roles])
    market = np.array([REGIMES[r].drift for r in regimes]) + np.array(
        [REGIMES[r].volatility for r in regimes]
    ) * _fat(rng, sessions)
    sector = _sectors(sessions, rng)
    own = rng.uniform(0.010, 0.019, len(roles)) * np.where(kosdaq, 1.3, 1.0)
    own = np.where(stock, own, 0.0004)
    beta = np.where(stock, rng.uniform(0.7, 1.3, len(roles)) + 0.15 * kosdaq, leverage)
    loud = np.exp(_persistent(rng, shape, 0.95, 0.12))
    spread = own * loud
    events = _events(roles, regimes, rng)
    trend = _persistent(rng, shape, 0.96, 0.0005) * stock
    numbers = np.array([role.sector_number for role in roles])
    returns = beta * market[:, None] + np.where(numbers >= 0, sector[:, numbers], 0.0)
    returns = returns + spread * _fat(rng, shape) + trend + events.returns
    _scripted(roles, returns, spread, rng)
    start = np.log([role.start_price for role in roles])
    wish = np.exp(_from_first(roles, start, returns))
    return _bars(roles, wish, returns, np.hypot(spread, 0.006 * np.abs(beta)), events, rng)


def _bars(
    roles: list[Role],
    close: Floats,
    returns: Floats,
    spread: Floats,
    events: _Events,
    rng: np.random.Generator,
) -> Weather:
    shape = close.shape
    before = close * np.exp(-returns)
    opened = before * np.exp(events.overnight * returns + 0.25 * spread * rng.normal(size=shape))
    above = 0.55 * spread * events.shadow * np.abs(rng.normal(size=shape))
    below = 0.55 * spread * np.abs(rng.normal(size=shape))
    high = np.maximum(opened, close) * np.exp(above)
    low = np.minimum(opened, close) * np.exp(-below)
    usual = np.array([role.shares * role.turnover for role in roles])
    mood = np.exp(_persistent(rng, shape, 0.75, 0.22) + 0.12 * rng.normal(size=shape))
    volume = usual * mood * (0.75 + 0.35 * np.abs(returns) / spread) * events.volume
    for n, role in enumerate(roles):
        if role.split is not None:
            at, ratio = role.split
            for prices in (opened, high, low, close):
                prices[at:, n] /= ratio
            volume[at:, n] *= ratio
    return Weather(opened, high, low, close, np.maximum(volume, 1.0))


def _from_first(roles: list[Role], start: Floats, returns: Floats) -> Floats:
    """Logarithm of the fair close: each name starts at its price in its first session."""
    path = np.cumsum(returns, axis=0)
    for n, role in enumerate(roles):
        path[:, n] += start[n] - path[role.first, n]
    return path


def _regimes(sessions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    state = int(rng.integers(len(REGIMES)))
    days: list[int] = []
    while len(days) < sessions:
        length = 15 + int(rng.exponential(REGIMES[state].sessions - 15))
        days += [state] * length
        state = (state + 1 + int(rng.integers(len(REGIMES) - 1))) % len(REGIMES)
    return np.array(days[:sessions], dtype=np.int64)


def _sectors(sessions: int, rng: np.random.Generator) -> Floats:
    """Sector factors, ``[sessions, sectors]``: noise around slow leadership."""
    shape = (sessions, len(SECTORS))
    return 0.005 * rng.normal(size=shape) + _persistent(rng, shape, 0.97, 0.0003)


def _events(roles: list[Role], regimes: NDArray[np.int64], rng: np.random.Generator) -> _Events:
    """Surges (급등) with follow-through or not, and crashes (급락).

    A genuine surge comes on heavy volume, closes near its high and drifts on for two weeks; a
    trap comes on thinner volume, with a long upper shadow, and gives the move back.
    """
    shape = (len(regimes), len(roles))
    found = _Events(
        returns=np.zeros(shape),
        volume=np.ones(shape),
        overnight=rng.uniform(0.1, 0.5, shape),
        shadow=np.ones(shape),
    )
    draw = rng.uniform(size=shape)
    rates = np.array([(REGIMES[r].surges, REGIMES[r].crashes) for r in regimes])
    for n, role in enumerate(roles):
        if role.product is not Product.STOCK:
            continue
        free = role.first + 2
        for t in np.flatnonzero(draw[:, n] < rates.sum(axis=1)).tolist():
            if t < free:
                continue
            free = t + QUIET_AFTER_EVENT
            surge = bool(draw[t, n] < rates[t, 0])
            _add_event(found, t, n, surge, REGIMES[regimes[t]].genuine, rng)
    # Surges outnumber crashes; without this the whole market would rise on them.
    found.returns -= found.returns.mean(axis=0) + CONVEXITY
    return found


def _add_event(
    found: _Events, t: int, n: int, surge: bool, genuine: float, rng: np.random.Generator
) -> None:
    size = 0.06 + rng.exponential(0.05)
    if rng.uniform() < LIMIT_NEWS:
        size = rng.uniform(0.27, 0.65)
    real = rng.uniform() < genuine
    after = np.arange(1, 13)
    fading = np.exp(-after / 4.0)
    if surge:
        push = rng.uniform(0.05, 0.16) if real else -rng.uniform(0.7, 1.1) * min(size, 0.25)
        heavy = np.exp(rng.normal(np.log(5.5 if real else 2.3), 0.35))
    else:
        size, push = -size, -rng.uniform(0.0, 0.08) if real else rng.uniform(0.0, 0.06)
        heavy = np.exp(rng.normal(np.log(3.5), 0.3))
    rows = after[after + t < len(found.returns)]
    found.returns[t, n] += size
    found.returns[rows + t, n] += push * fading[: len(rows)] / fading.sum()
    found.volume[t, n] *= heavy
    found.volume[rows + t, n] *= 1.0 + (heavy - 1.0) * 0.6 * fading[: len(rows)]
    found.overnight[t, n] = rng.uniform(0.8, 1.0) if rng.uniform() < 0.3 else rng.uniform(0.0, 0.4)
    if surge:
        found.shadow[t, n] = 0.3 if real else 2.5


def _scripted(roles: list[Role], returns: Floats, spread: Floats, rng: np.random.Generator) -> None:
    """What the parts prescribe: nervous first weeks of a newcomer, the fall of a doomed name."""
    for n, role in enumerate(roles):
        if role.offer_price is not None:
            weeks = slice(role.first + 1, role.first + 16)
            returns[weeks, n] += 0.035 * rng.normal(size=len(returns[weeks, n])) - 0.006
            spread[role.first : role.first + 16, n] *= 2.0
            spread[role.first, n] = 0.15
            returns[role.first, n] = 0.0
        if role.doomed_from is not None:
            returns[role.doomed_from, n] -= 0.95
            rest = slice(role.doomed_from + 1, role.last + 1)
            returns[rest, n] += 0.03 * rng.normal(size=len(returns[rest, n])) - 0.01


def _persistent(
    rng: np.random.Generator, shape: tuple[int, ...], memory: float, size: float
) -> Floats:
    """First-order autoregression along the first axis, started in its long-run spread."""
    shocks = size * rng.normal(size=shape)
    values = np.empty(shape)
    values[0] = shocks[0] / np.sqrt(1.0 - memory * memory)
    for t in range(1, shape[0]):
        values[t] = memory * values[t - 1] + shocks[t]
    return values


def _fat(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Floats:
    """Fat-tailed draws with variance one."""
    return np.asarray(rng.standard_t(5, shape) / np.sqrt(5.0 / 3.0))
