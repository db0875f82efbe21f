"""The formulas of single names, over any ``Window``. The catalogue says what each one means."""

from collections.abc import Callable

import numpy as np

from kisbt.data.features.window import Floats, Window


def name_features(window: Window) -> dict[str, Floats]:
    """Every windowed feature of single names, unrounded; NaN where there is no value."""
    close = window.lag("close", 0)
    reference = window.lag("reference", 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "change_pct": _percent(close, reference),
            "gap_pct": _percent(window.lag("open", 0), reference),
            "atr14_pct": _mean(lambda k: _true_range(window, k), 14) / close * 100.0,
            "rsi14": _rsi(window, 14),
            "volume_ratio": _volume_ratio(window, 20),
            "high52w_position": _position(
                close, window.lowest("low", 252), window.highest("high", 252)
            ),
            "close_location": _position(close, window.lag("low", 0), window.lag("high", 0)),
            "volatility20_pct": _volatility(window, 20),
        }
        for n in (5, 20, 60):
            mean = _mean(lambda k: window.lag("close", k), n)
            found[f"ma{n}_gap_pct"] = _percent(close, mean)
            found[f"return_{n}d_pct"] = _percent(close, window.lag("close", n))
    return found


def _percent(value: Floats, against: Floats) -> Floats:
    return np.where(against > 0, (value - against) / against * 100.0, np.nan)


def _sum(term: Callable[[int], Floats], n: int, *, first: int = 0) -> Floats:
    total = term(first + n - 1)
    for k in range(first + n - 2, first - 1, -1):
        total = total + term(k)
    return total


def _mean(term: Callable[[int], Floats], n: int, *, first: int = 0) -> Floats:
    return _sum(term, n, first=first) / n


def _true_range(window: Window, k: int) -> Floats:
    high, low = window.lag("high", k), window.lag("low", k)
    before = window.lag("close", k + 1)
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def _step(window: Window, k: int) -> Floats:
    return window.lag("close", k) - window.lag("close", k + 1)


def _rsi(window: Window, n: int) -> Floats:
    rises = _sum(lambda k: np.maximum(_step(window, k), 0.0), n)
    falls = _sum(lambda k: np.maximum(-_step(window, k), 0.0), n)
    both = rises + falls
    return np.where(both == 0, 50.0, 100.0 * rises / both)


def _volume_ratio(window: Window, n: int) -> Floats:
    usual = _mean(lambda k: window.lag("volume", k), n, first=1)
    return np.where(usual > 0, window.lag("volume", 0) / usual, np.nan)


def _position(close: Floats, low: Floats, high: Floats) -> Floats:
    return np.where(high > low, (close - low) / (high - low), np.nan)


def _volatility(window: Window, n: int) -> Floats:
    def change(k: int) -> Floats:
        return _percent(window.lag("close", k), window.lag("close", k + 1))

    changes = [change(k) for k in range(n)]
    mean = _mean(lambda k: changes[k], n)
    squares = [(one - mean) * (one - mean) for one in changes]
    return np.sqrt(_sum(lambda k: squares[k], n) / (n - 1))
