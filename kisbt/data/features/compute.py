"""Features over a whole dataset at once. Causal: a row knows bars up to its own time only."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from kisbt.data.dataset import BarTable, Dataset
from kisbt.data.features.catalogue import HISTORY
from kisbt.data.features.formulas import name_features
from kisbt.data.features.limit_up import SMALLEST_RISE, closed_at_upper, session_base
from kisbt.data.features.market import MOOD_BARS, breadth, mood
from kisbt.data.features.rounding import round_significant
from kisbt.data.features.table import FeatureTable
from kisbt.data.features.window import Floats, HistoryWindow
from kisbt.domain.market import Instrument

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

NAMES = [one.name for one in HISTORY]


def compute_features(dataset: Dataset) -> FeatureTable:
    """Every feature with history, for all names at all times of ``dataset``."""
    times = dataset.timeline
    tickers = dataset.tickers
    values = np.full((len(times), len(tickers), len(NAMES)), np.nan)
    shape = values.shape[:2]
    current = np.zeros(shape, dtype=np.bool_)
    traded = np.zeros(shape, dtype=np.bool_)
    money = np.zeros(shape, dtype=np.int64)
    daily = dataset.frequency == "1d"
    for n, ticker in enumerate(tickers):
        table = dataset.bars[ticker]
        splits = [(a.date, a.ratio) for a in dataset.actions if a.ticker == ticker]
        at = np.searchsorted(times, table.times)
        current[at, n] = True
        traded[at, n] = ~table.halted
        money[at, n] = table.close * table.volume
        for name, column in _one_name(table, dataset.instruments[ticker], splits, daily).items():
            values[at, n, NAMES.index(name)] = column
    change, trend = (values[:, :, NAMES.index(name)] for name in ("change_pct", "ma20_gap_pct"))
    rising = breadth(change, traded)
    values[:, :, NAMES.index("breadth")] = rising[:, None]
    lately = [_shifted(rising, k) for k in range(MOOD_BARS - 1, -1, -1)]
    values[:, :, NAMES.index("market_mood")] = mood(lately, change, trend, money, traded)[:, None]
    values[~current] = np.nan
    for f in range(len(NAMES)):
        values[:, :, f] = round_significant(values[:, :, f])
    return FeatureTable(times, tickers, list(NAMES), values, current)


def _one_name(
    table: BarTable, instrument: Instrument, splits: list[tuple[date, float]], daily: bool
) -> dict[str, Floats]:
    """All features of one name but the market-wide ones, over its own bars."""
    halted = table.halted
    traded = ~halted
    days = table.times.astype("datetime64[D]")
    ratios = np.ones(len(days))
    for day, ratio in splits:
        ratios[days >= np.datetime64(day, "D")] *= ratio
    close = table.close * ratios
    reference = np.concatenate([[np.nan], close[:-1]])
    if daily:
        reference = np.where(table.base > 0, table.base * ratios, reference)
    columns = {c: (getattr(table, c) * ratios)[traded] for c in ("open", "high", "low")}
    columns["close"] = close[traded]
    columns["volume"] = (table.volume / ratios)[traded]
    columns["reference"] = reference[traded]
    found = name_features(HistoryWindow(columns))
    found["limit_up_streak"] = _streak(_limit_closes(table, instrument, ratios, days)[traded])
    held = np.cumsum(traded) - 1
    result = {name: _carried(column, held) for name, column in found.items()}
    for name in ("change_pct", "gap_pct", "volume_ratio"):
        result[name] = np.where(halted, 0.0, result[name])
    result["value_traded_krw"] = (table.close * table.volume).astype(np.float64)
    result["halted"] = halted.astype(np.float64)
    result["days_since_listing"] = _age(instrument, days)
    return result


def _carried(column: Floats, held: Ints) -> Floats:
    """Values of traded bars spread over all bars: a halted bar repeats the last one."""
    if not len(column):
        return np.full(len(held), np.nan)
    return np.where(held >= 0, column[np.maximum(held, 0)], np.nan)


def _streak(hits: Bools) -> Floats:
    position = np.arange(1, len(hits) + 1)
    last_miss = np.maximum.accumulate(np.where(hits, 0, position))
    return (position - last_miss).astype(np.float64)


def _limit_closes(
    table: BarTable, instrument: Instrument, ratios: Floats, days: NDArray[np.datetime64]
) -> Bools:
    """Which bars closed at their session's upper limit."""
    hits = np.zeros(len(days), dtype=np.bool_)
    starts = np.flatnonzero(np.concatenate([[True], days[1:] != days[:-1]]))
    stops = np.append(starts[1:], len(days))
    highest = np.maximum.reduceat(table.close, starts)
    before = np.concatenate([[0], table.close[starts[1:] - 1]])
    factors = np.concatenate([[1.0], ratios[starts[1:]] / ratios[starts[1:] - 1]])
    given = table.base[starts]
    lowest_base = np.where(given > 0, given, (before / factors).astype(np.int64))
    listing = days[starts] == np.datetime64(instrument.listed or date.min, "D")
    for s in np.flatnonzero((highest >= lowest_base * SMALLEST_RISE) | listing):
        day = days[starts[s]].astype(object)
        base = int(given[s]) or session_base(instrument, day, int(before[s]), float(factors[s]))
        for at in range(starts[s], stops[s]):
            hits[at] = closed_at_upper(instrument, day, int(table.close[at]), base)
    return hits


def _age(instrument: Instrument, days: NDArray[np.datetime64]) -> Floats:
    if instrument.listed is None:
        return np.full(len(days), np.nan)
    age = (days - np.datetime64(instrument.listed, "D")).astype(np.float64)
    return np.where(age >= 0, age, np.nan)


def _shifted(values: Floats, k: int) -> Floats:
    return np.concatenate([np.full(min(k, len(values)), np.nan), values[: max(len(values) - k, 0)]])
