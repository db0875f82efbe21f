"""Rows as a file has them, made into bars; every row dropped or changed is a finding.

What is certain is repaired: order, identical duplicates, halted rows written as zeros, ranges
that vendors' rounding broke by half a percent. What is not is an error, and nothing is guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kisbt.data.dataset import BarTable
from kisbt.data.findings import Finding, Severity, listed
from kisbt.data.importing.reading import PRICES, RawTable
from kisbt.data.importing.stamps import bar_closes

ROUNDING = 0.005
"""Largest share by which vendors' rounding of adjusted prices breaks a bar's range."""

DEAREST, LARGEST = 1e9, 1e15
"""Won a share and shares a bar that nothing reaches; beyond them a number is a mistake."""

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Cleaner:
    """The rows of one name under repair. ``keep`` are those not dropped so far."""

    raw: RawTable
    findings: list[Finding] = field(default_factory=list)
    keep: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.keep = np.ones(len(self.raw.times), dtype=np.bool_)

    def say(self, kind: str, severity: Severity, rows: Bools, detail: str, proposal: str) -> None:
        """Add a finding about ``rows``, if there are any; ``{rows}`` in ``detail`` names them."""
        found = np.flatnonzero(rows)
        if not len(found):
            return
        at = self.raw.times[found[0]]
        when = None if np.isnat(at) else _moment(at)
        text = detail.format(
            rows=listed(self._named(row) for row in found.tolist()), count=len(found)
        )
        self.findings.append(Finding(kind, severity, self.raw.ticker, when, text, proposal))

    def drop(self, rows: Bools) -> None:
        """Leave ``rows`` out."""
        self.keep &= ~rows

    def _named(self, row: int) -> str:
        at = self.raw.times[row]
        return self.raw.place(row) if np.isnat(at) else f"{_moment(at)} ({self.raw.place(row)})"


def clean(raw: RawTable, frequency: str) -> tuple[BarTable | None, list[Finding]]:
    """Make bars of raw rows.

    Args:
        raw: Rows of one name.
        frequency: ``"1d"``, ``"1m"`` ...; decides what the stamps mean.

    Returns:
        The bars, ``None`` when an error forbids it or no row is left, and all findings.
    """
    cleaner = Cleaner(raw)
    values = {c: raw.columns[c].copy() for c in (*PRICES, "volume", "base")}
    _unreadable(cleaner, values)
    _halts_as_zeros(cleaner, values)
    _prices(cleaner, values)
    _volume(cleaner, values)
    _ranges(cleaner, values)
    order = _order(cleaner, values)
    if any(one.severity is Severity.ERROR for one in cleaner.findings) or not len(order):
        return None, cleaner.findings
    times, kept = bar_closes(cleaner, order, frequency)
    if not len(times):
        return None, cleaner.findings
    whole = {c: np.rint(np.nan_to_num(values[c][kept])).astype(np.int64) for c in values}
    return BarTable(raw.ticker, times, **whole), cleaner.findings


def _unreadable(cleaner: Cleaner, values: dict[str, NDArray[np.float64]]) -> None:
    raw = cleaner.raw
    empty = np.all([np.isnan(values[c]) for c in PRICES], axis=0) & ~raw.stray
    cleaner.say(
        "empty", Severity.WARNING, empty, "{count} rows without prices: {rows}", "drop them"
    )
    cleaner.drop(empty)
    cleaner.say(
        "date",
        Severity.ERROR,
        np.isnat(raw.times) & cleaner.keep,
        "{count} rows whose date cannot be read: {rows}",
        "correct or delete them",
    )
    odd = raw.stray | np.any([np.isnan(values[c]) for c in PRICES], axis=0)
    cleaner.say(
        "number",
        Severity.ERROR,
        odd & cleaner.keep,
        "{count} rows with a field that is missing or no number: {rows}",
        "correct or delete them",
    )


def _halts_as_zeros(cleaner: Cleaner, values: dict[str, NDArray[np.float64]]) -> None:
    """KRX writes a halted session as open, high and low 0 beside the carried close."""
    zero = np.all([values[c] == 0 for c in PRICES[:3]], axis=0) & cleaner.keep
    halted = zero & (values["close"] > 0)
    cleaner.say(
        "halt_zeros",
        Severity.INFO,
        halted,
        "{count} halted rows (거래정지) written with open, high and low 0: {rows}",
        "repeat the close in all four prices, volume 0",
    )
    for column in PRICES[:3]:
        values[column][halted] = values["close"][halted]
    values["volume"][halted] = 0
    nothing = zero & (values["close"] == 0)
    cleaner.say(
        "empty", Severity.WARNING, nothing, "{count} rows with all prices 0: {rows}", "drop them"
    )
    cleaner.drop(nothing)


def _prices(cleaner: Cleaner, values: dict[str, NDArray[np.float64]]) -> None:
    low = np.any([(values[c] <= 0) | (values[c] > DEAREST) for c in PRICES], axis=0)
    low &= cleaner.keep
    cleaner.say(
        "price",
        Severity.ERROR,
        low,
        "{count} rows with a price of 0 or below, or beyond belief: {rows}",
        "correct or delete them",
    )
    broken = np.any([values[c] != np.rint(values[c]) for c in PRICES], axis=0)
    broken &= cleaner.keep & ~np.isnan(values["close"]) & ~low
    cleaner.say(
        "fraction",
        Severity.WARNING,
        broken,
        "{count} rows with fractions of a won: {rows}",
        "round to whole won",
    )
    for column in PRICES:
        values[column] = np.where(broken, np.maximum(np.rint(values[column]), 1), values[column])


def _volume(cleaner: Cleaner, values: dict[str, NDArray[np.float64]]) -> None:
    volume = values["volume"]
    cleaner.say(
        "volume",
        Severity.ERROR,
        ((volume < 0) | (volume > LARGEST)) & cleaner.keep,
        "{count} rows with a negative volume, or one beyond belief: {rows}",
        "correct or delete them",
    )
    cleaner.say(
        "no_volume",
        Severity.WARNING,
        np.isnan(volume) & cleaner.keep,
        "{count} rows without volume: {rows}",
        "take it as 0: a backtest fills nothing on such a bar",
    )
    values["volume"] = np.nan_to_num(volume)
    base = np.nan_to_num(values["base"])
    values["base"] = np.where((base > 0) & (base <= DEAREST), base, 0.0)


def _ranges(cleaner: Cleaner, values: dict[str, NDArray[np.float64]]) -> None:
    top = np.maximum(values["open"], values["close"])
    bottom = np.minimum(values["open"], values["close"])
    with np.errstate(invalid="ignore", divide="ignore"):
        above = np.maximum(top - values["high"], values["low"] - bottom)
        broken = (above > 0) & (values["low"] > 0) & (bottom > 0) & cleaner.keep
        slight = broken & (above <= np.maximum(bottom * ROUNDING, 1))
    cleaner.say(
        "ohlc_rounding",
        Severity.WARNING,
        slight,
        "{count} rows whose high or low misses open or close by 0.5 % or a won: {rows}",
        "widen the range to hold them",
    )
    cleaner.say(
        "ohlc",
        Severity.ERROR,
        broken & ~slight,
        "{count} rows whose [low, high] does not hold open and close: {rows}",
        "correct or delete them",
    )
    values["high"] = np.where(slight, np.maximum(values["high"], top), values["high"])
    values["low"] = np.where(slight, np.minimum(values["low"], bottom), values["low"])


def _order(cleaner: Cleaner, values: dict[str, NDArray[np.float64]]) -> NDArray[np.int64]:
    """Rows to keep, by time; sorts, and leaves identical duplicates out."""
    raw = cleaner.raw
    times = raw.times
    kept = np.flatnonzero(cleaner.keep & ~np.isnat(times))
    steps = np.diff(times[kept].astype(np.int64))
    if len(steps) and (steps < 0).all():
        fallen = np.zeros(len(times), np.bool_)
        fallen[kept[0]] = True
        text = "rows run from the newest to the oldest"
        cleaner.say("order", Severity.INFO, fallen, text, "turn them round")
    else:
        back = np.zeros(len(times), np.bool_)
        back[kept[1:][steps < 0]] = True
        cleaner.say(
            "order", Severity.WARNING, back, "{count} rows out of order: {rows}", "sort by time"
        )
    order = kept[np.argsort(times[kept], kind="stable")]
    same_time = times[order][1:] == times[order][:-1]
    same = np.all(
        [values[c][order][1:] == values[c][order][:-1] for c in (*PRICES, "volume")], axis=0
    )
    again = np.zeros(len(times), np.bool_)
    again[order[1:][same_time & same]] = True
    cleaner.say(
        "duplicate",
        Severity.WARNING,
        again,
        "{count} rows that repeat another one: {rows}",
        "keep one of each",
    )
    torn = np.zeros(len(times), np.bool_)
    torn[order[1:][same_time & ~same]] = True
    cleaner.say(
        "duplicate",
        Severity.ERROR,
        torn,
        "{count} rows that give other values for a time that another row has: {rows}",
        "delete the wrong one" if len(raw.files) == 1 else "give one of the files only",
    )
    return order[~again[order]]


def _moment(at: np.datetime64) -> date | datetime:
    moment: Any = at.astype("datetime64[s]").astype(object)
    plain: datetime = moment
    return plain.date() if (plain.hour, plain.minute, plain.second) == (0, 0, 0) else plain


def frequency_of(tables: Sequence[RawTable]) -> str:
    """``"1d"`` when all stamps are days or there is one a day, else the usual step in minutes."""
    steps: list[NDArray[np.int64]] = []
    for raw in tables:
        times = np.unique(raw.times[~np.isnat(raw.times)])
        days = times.astype("datetime64[D]")
        step = np.diff(times.astype(np.int64))[days[1:] == days[:-1]]
        steps.append(step)
    inside = np.concatenate(steps) if steps else np.empty(0, np.int64)
    if not len(inside):
        return "1d"
    values, counts = np.unique(inside, return_counts=True)
    return f"{max(1, int(values[np.argmax(counts)]) // 60)}m"
