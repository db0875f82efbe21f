"""What a run is compared with: the dataset's index, one name, or all names bought and held."""

from typing import Any

import numpy as np

from kisbt.adapter.tape import Tape
from kisbt.domain.result import BenchmarkPoint
from kisbt.errors import ConfigError

Floats = np.ndarray[Any, np.dtype[np.float64]]


def benchmark_line(tape: Tape, wanted: str | None) -> tuple[list[BenchmarkPoint], str]:
    """The benchmark's level at each bar of the tape, and what it is called.

    ``index`` is the dataset's index series, ``equal`` the same won in every name at its first
    bar, held, without costs (a name listed later waits in cash), anything else a ticker. ``None``
    is the index where there is one, else ``equal``. Splits are taken out of price series.

    Raises:
        ConfigError: the dataset has no index for this period, or no such ticker.
    """
    index = tape.dataset.index
    if wanted is None:
        wanted = "index" if index is not None else "equal"
    if wanted == "index":
        if index is None:
            raise ConfigError(
                f"dataset '{tape.dataset.name}' has no index series in this period",
                hint="use --benchmark equal or a ticker",
            )
        at = np.searchsorted(index.times, tape.times, side="right") - 1
        values = index.values[np.maximum(at, 0)]
        return _points(tape, values), index.name
    if wanted == "equal":
        lines = [_held(tape, n) for n in range(len(tape.tickers))]
        return _points(tape, np.mean(lines, axis=0) * 100.0), "동일 비중 매수 후 보유"
    column = tape.columns.get(wanted)
    if column is None:
        raise ConfigError(
            f"benchmark '{wanted}' is not in dataset '{tape.dataset.name}'",
            hint="use index, equal, or one of its tickers",
        )
    name = tape.instruments[column].name
    return _points(tape, _held(tape, column) * 100.0), f"{wanted} {name}".strip()


def _held(tape: Tape, column: int) -> Floats:
    """Value of 1 won put into a name at its first bar; 1.0 before it."""
    closes = tape.closes[:, column].astype(np.float64)
    known = closes > 0
    if not known.any():
        return np.ones(len(tape))
    shares = np.ones(len(tape))
    for action in tape.dataset.actions:
        if action.ticker == tape.tickers[column] and action.kind == "split":
            after = np.array([session >= action.date for session in tape.sessions])
            if known[~after].any():
                shares[after] *= action.ratio
    first = int(np.argmax(known))
    line = np.ones(len(tape))
    line[first:] = closes[first:] * shares[first:] / (closes[first] * shares[first])
    return line


def _points(tape: Tape, values: Floats) -> list[BenchmarkPoint]:
    pairs = zip(tape.moments, values.tolist(), strict=True)
    return [BenchmarkPoint(at, round(value, 6)) for at, value in pairs]
