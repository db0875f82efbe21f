"""Markets with a planted trap: surges that pay, except where one condition holds.

A market has names with a common factor and regimes, and surges on heavy volume. After a surge the
name drifts up for two weeks; where the trap's condition held at the surge's close it drifts down
instead. So a strategy that buys surges has one repair, which is known. With no reward, no effect
and no spells nothing follows from anything: a structureless market.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from kisbt.data.dataset import BarTable, Dataset
from kisbt.domain.market import Instrument, Market
from kisbt.domain.rules import Condition
from kisbt.errors import ConfigError
from kisbt.krx.calendar import session_closes, sessions
from kisbt.krx.ticks import rounded_down

Floats = NDArray[np.float64]

DRIFT_SESSIONS = 10
"""Sessions over which a surge pays or takes back."""

_QUIET = 12
_WARM = 25
_SPELL, _SHORT_SPELL = (20, 40), (8, 12)
"""Sessions that a spell of the market lasts: at least, and on average beyond that. The short ones
are for a trap that lies in the market's mood: a year must see that mood about as often as others.
"""

_FALLEN, _OFTENER, _RARER = 0.95, 3.0, 0.7
"""A name below this share of its close 20 sessions ago surges that much oftener, others rarer:
where averaging down is the trap, rebounds must be as common as other traits are."""


def _when(*parts: tuple[str, str, float]) -> tuple[Condition, ...]:
    return tuple(
        Condition.model_validate({"feature": f, "op": op, "value": v}) for f, op, v in parts
    )


TRAPS: Mapping[str, tuple[Condition, ...]] = {
    "chased_surge": _when(("change_pct", ">=", 15.0)),
    "thin_volume": _when(("volume_ratio", "<", 3.0)),
    "opening_gap": _when(("gap_pct", ">=", 4.0)),
    "overextended": _when(("ma20_gap_pct", ">=", 14.0)),
    "weak_close": _when(("close_location", "<", 0.5)),
    "averaging_down": _when(("return_20d_pct", "<", 0.0), ("market_mood", "<", 50.0)),
}
"""Every kind of trap, and the condition under which a surge loses (추격 매수, 거래량 부족, 시가 갭,
과열, 약한 마감, 하락장의 물타기)."""

IR_3: Mapping[str, float] = {
    "chased_surge": 0.031,
    "thin_volume": 0.047,
    "opening_gap": 0.031,
    "overextended": 0.035,
    "weak_close": 0.031,
    "averaging_down": 0.054,
}
"""Effects at which the best repair of a strategy that buys every surge (no buy where the trap's
condition holds) has a yearly information ratio of about 3, over 1,500 sessions of 40 names.
``python -m benchmarks.repairs`` measures it: 3.02, 2.97, 3.08, 3.10 for the first, second, third
and fifth (ten markets each); 2.91 at 0.033 and 3.36 at 0.038 of ``overextended``; 3.10 for
``averaging_down`` (twenty)."""


@dataclass(frozen=True, slots=True)
class TrapSpec:
    """What to make; the same spec gives the same bytes.

    ``effect`` is what a surge inside the trap loses over ``DRIFT_SESSIONS``, ``reward`` what one
    outside gains, logarithmic. ``surges`` is the chance of one a name and session. With ``spells``
    the market as a whole rises and falls for weeks at a time, which can be learnt, too.
    """

    kind: str
    effect: float
    reward: float = 0.03
    names: int = 40
    sessions: int = 1250
    start: date = date(2019, 1, 2)
    seed: int = 1
    surges: float = 0.012
    spells: bool = True


@dataclass(slots=True)
class _State:
    """What the names have done so far, one row a session; the last row is the current one."""

    close: Floats
    volume: Floats
    change: Floats
    gap: Floats
    location: Floats
    breadth: Floats


def make_trap_market(name: str, spec: TrapSpec) -> Dataset:
    """Make the daily dataset ``name``.

    Raises:
        ConfigError: an unknown kind, or fewer sessions than features need.
    """
    if spec.kind not in TRAPS:
        raise ConfigError(f"unknown trap '{spec.kind}'", hint=f"one of {', '.join(TRAPS)}")
    if spec.sessions < 2 * _WARM or spec.names < 2:
        raise ConfigError(
            f"a market of {spec.names} names and {spec.sessions} sessions is too small"
        )
    days = sessions(spec.start, spec.start + timedelta(days=int(spec.sessions * 1.6) + 20))
    days = days[: spec.sessions]
    at = session_closes(days)
    opened, high, low, close, volume = _prices(spec)
    stamps = np.array(days, dtype="datetime64[D]")
    tickers = [f"97{n:03d}0" for n in range(spec.names)]
    bars = {}
    for n, ticker in enumerate(tickers):
        o, h, lo, c = (
            rounded_down(np.maximum(100, x[:, n]).astype(np.int64), Market.KOSPI, stamps)
            for x in (opened, high, low, close)
        )
        top, bottom = np.maximum.reduce([o, h, c]), np.minimum.reduce([o, lo, c])
        base = np.concatenate([[0], c[:-1]])
        shares = np.maximum(100, volume[:, n]).astype(np.int64)
        bars[ticker] = BarTable(ticker, at, o, top, bottom, c, shares, base)
    return Dataset.build(
        name,
        bars,
        [Instrument(ticker=t, name=f"가상 {t}", market=Market.KOSPI) for t in tickers],
        synthetic=True,
        source=f"synthetic (가상 데이터): {spec.kind}, effect {spec.effect:g}, seed {spec.seed}",
    )


def _prices(spec: TrapSpec) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Fair open, high, low, close and volume, ``[sessions, names]``."""
    rng = np.random.default_rng([spec.seed, 11])
    shape = (spec.sessions, spec.names)
    lasting = _SHORT_SPELL if spec.kind == "averaging_down" else _SPELL
    factor = _factor(spec.sessions, rng, spells=spec.spells, lasting=lasting)
    beta = rng.uniform(0.7, 1.3, spec.names)
    own = rng.uniform(0.012, 0.020, spec.names)
    noise = own * rng.standard_t(5, shape) / np.sqrt(5 / 3)
    chance = rng.uniform(size=shape)
    draw = rng.uniform(size=(*shape, 5))
    usual = rng.uniform(2e5, 2e6, spec.names) * np.exp(0.25 * rng.normal(size=shape))
    pending = np.zeros((spec.sessions + DRIFT_SESSIONS + 1, spec.names))
    start = np.exp(rng.uniform(np.log(8_000), np.log(120_000), spec.names))
    opened, high, low, close = (np.empty(shape) for _ in range(4))
    volume = usual.copy()
    state = _State(close, volume, np.zeros(shape), np.zeros(shape), np.zeros(shape),
                   np.full(spec.sessions, 0.5))  # fmt: skip
    before = start
    quiet = np.zeros(spec.names, dtype=np.int64)
    for t in range(spec.sessions):
        likely = np.full(spec.names, spec.surges)
        if spec.kind == "averaging_down" and t >= _WARM:
            fallen = close[t - 1] < _FALLEN * close[t - 21]
            likely = spec.surges * np.where(fallen, _OFTENER, _RARER)
        now = (chance[t] < likely) & (quiet <= 0) & (t >= _WARM)
        quiet = np.where(now, _QUIET, quiet - 1)
        size, overnight, heavy, strong = _surge(spec.kind, draw[t])
        move = beta * factor[t] + noise[t] + pending[t] + np.where(now, size, 0.0)
        move = np.clip(move, np.log(0.72), np.log(1.28))
        gap = np.where(now, overnight * size, 0.25 * noise[t])
        close[t] = before * np.exp(move)
        opened[t] = before * np.exp(np.clip(gap, np.log(0.75), np.log(1.27)))
        _shadows(t, now, strong, own, draw[t], opened, high, low, close, before)
        volume[t] *= np.where(now, heavy, 1.0 + np.abs(move) / own * 0.1)
        state.change[t] = 100 * (close[t] / before - 1)
        state.gap[t] = 100 * (opened[t] / before - 1)
        state.location[t] = (close[t] - low[t]) / np.maximum(high[t] - low[t], 1e-9)
        state.breadth[t] = float((state.change[t] > 0).mean())
        if now.any():
            caught = now & _caught(TRAPS[spec.kind], state, t)
            total = np.where(caught, -spec.effect, spec.reward) * now
            pending[t + 1 : t + 1 + DRIFT_SESSIONS] += total / DRIFT_SESSIONS
        before = close[t]
    return opened, high, low, close, volume


def _factor(
    count: int, rng: np.random.Generator, *, spells: bool, lasting: tuple[int, int]
) -> Floats:
    """The market's own return: calm, rising and falling spells, or chance alone."""
    drift = np.empty(count)
    t = 0
    while t < count:
        length = lasting[0] + int(rng.exponential(lasting[1]))
        drift[t : t + length] = rng.choice([0.0010, 0.0, -0.0012])
        t += length
    return np.asarray(drift * spells + 0.008 * rng.standard_t(5, count) / np.sqrt(5 / 3))


def _surge(kind: str, draw: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Size (log), share that comes overnight, volume factor, and whether it closes strong.

    About a third of the surges have the trait that the kind is about; the others never do.
    """
    trait = draw[:, 0] < 0.35
    size = 0.045 + 0.05 * draw[:, 1]
    overnight = 0.3 * draw[:, 2]
    heavy = 2.2 + 3.5 * draw[:, 3]
    strong = draw[:, 4] < 0.95
    if kind == "chased_surge":
        size = np.where(trait, 0.15 + 0.08 * draw[:, 1], size)
    elif kind == "thin_volume":
        heavy = np.where(trait, 2.2 + 0.7 * draw[:, 3], 3.4 + 3.0 * draw[:, 3])
    elif kind == "opening_gap":
        size = 0.06 + 0.05 * draw[:, 1]
        overnight = np.where(trait, 0.75 + 0.2 * draw[:, 2], overnight)
    elif kind == "weak_close":
        strong = ~trait
    elif kind == "overextended":
        size = 0.045 + 0.14 * draw[:, 1]
    return size, overnight, heavy, strong


def _shadows(
    t: int,
    now: NDArray[np.bool_],
    strong: NDArray[np.bool_],
    own: Floats,
    draw: Floats,
    opened: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    before: Floats,
) -> None:
    """Highs and lows; a surge that closes weak has a long upper shadow."""
    above = own * (0.1 + 0.5 * draw[:, 2])
    top = np.maximum(opened[t], close[t])
    bottom = np.minimum(opened[t], close[t])
    body = np.log(close[t] / np.minimum(before, bottom))
    above = np.where(now & ~strong, np.maximum(1.3 * body, 0.02), above)
    above = np.where(now & strong, 0.15 * np.abs(body), above)
    high[t] = np.minimum(top * np.exp(above), before * 1.295)
    high[t] = np.maximum(high[t], top)
    low[t] = np.maximum(bottom * np.exp(-own * 0.4 * draw[:, 3]), before * 0.705)
    low[t] = np.minimum(low[t], bottom)


def _caught(when: tuple[Condition, ...], state: _State, t: int) -> NDArray[np.bool_]:
    """Which names the trap's condition holds for at the close of session ``t``."""
    found = np.ones(state.close.shape[1], dtype=bool)
    for condition in when:
        value = _feature(condition.feature, state, t)
        found &= value < condition.value if condition.op == "<" else value >= condition.value
    return found


def _feature(name: str, state: _State, t: int) -> Floats:
    """A feature as the catalogue defines it, from unrounded prices."""
    close = state.close
    match name:
        case "change_pct":
            return np.asarray(state.change[t])
        case "gap_pct":
            return np.asarray(state.gap[t])
        case "close_location":
            return np.asarray(state.location[t])
        case "volume_ratio":
            return np.asarray(state.volume[t] / state.volume[t - 20 : t].mean(axis=0))
        case "ma20_gap_pct":
            mean = close[t - 19 : t + 1].mean(axis=0)
            return np.asarray(100 * (close[t] - mean) / mean)
        case "return_20d_pct":
            return np.asarray(100 * (close[t] / close[t - 20] - 1))
        case "market_mood":
            above = (close[t] > close[t - 19 : t + 1].mean(axis=0)).mean()
            traded = close[t] * state.volume[t]
            rising = traded[state.change[t] > 0].sum() / traded.sum()
            mood = 40 * state.breadth[t - 4 : t + 1].mean() + 30 * above + 30 * rising
            return np.full(close.shape[1], mood)
        case _:
            raise ValueError(f"no trap is made of {name}")
