"""Replays of several versions brought onto the same days: what a comparison computes with.

A version's replays are ``replays[seed][fold]``. Folds are consecutive windows, each begun with
the whole starting cash; a version's stream of daily returns runs through them in order. Streams
of several seeds are averaged day by day before versions are set against each other, so that the
model's own noise is not taken for skill (``field.md`` 5.2).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.report.daily import Daily, daily
from kisbt.report.wording import Lang

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

FloatArray = npt.NDArray[np.float64]

Replays = tuple[tuple["RunResult", ...], ...]
"""``[seed][fold]``."""


class Entry(NamedTuple):
    """One version and its replays, ``[seed][fold]``."""

    name: str
    replays: Replays

    @property
    def flat(self) -> "tuple[RunResult, ...]":
        """All replays, seed by seed."""
        return tuple(result for folds in self.replays for result in folds)

    @property
    def single(self) -> "RunResult | None":
        """The only replay, if there is just one."""
        return self.flat[0] if len(self.flat) == 1 else None


class LeftOut(NamedTuple):
    """The replays of one version without one of its rules. ``entry`` is its place."""

    entry: int
    rule: str
    because: str
    replays: Replays


class Trials(NamedTuple):
    """Distinct replays ever begun on this data, and their per-period Sharpe ratios, if known."""

    tried: int
    sharpes: tuple[float, ...] = ()


class Contest:
    """Entries over common days; the first is what the others are set against.

    Attributes:
        entries: With replays cut to the longest warm-up of each fold.
        left_out: Versions without one rule, cut alike.
        common: Whether all cover the same bars of the same data. If not, nothing is tested.
        shortened: Whether some warm-up was lengthened.

    Raises:
        ValueError: nothing to compare, or entries of unequal shape.
    """

    def __init__(self, entries: Sequence[Entry], left_out: Sequence[LeftOut] = ()) -> None:
        if not entries or not all(entry.flat for entry in entries):
            raise ValueError("no result to compare")
        groups = [*(entry.replays for entry in entries), *(item.replays for item in left_out)]
        lengths = {len(folds) for replays in groups for folds in replays}
        if len(lengths) != 1:
            raise ValueError(f"versions were replayed over unequal folds: {sorted(lengths)}")
        self.folds = len(groups[0][0])
        warm = []
        self.common = True
        for fold in range(self.folds):
            runs = [folds[fold] for replays in groups for folds in replays]
            same_data = len({run.dataset.get("hash") for run in runs}) == 1
            same_bars = len({tuple(point.at for point in run.equity) for run in runs}) == 1
            self.common = self.common and same_data and same_bars
            warm.append(max(run.warmup_bars for run in runs))
        self.shortened = self.common and any(
            run.warmup_bars != warm[fold]
            for replays in groups
            for folds in replays
            for fold, run in enumerate(folds)
        )

        def cut(replays: Replays) -> Replays:
            if not self.shortened:
                return replays
            return tuple(
                tuple(replace(run, warmup_bars=warm[n]) for n, run in enumerate(folds))
                for folds in replays
            )

        self.entries = tuple(entry._replace(replays=cut(entry.replays)) for entry in entries)
        self.left_out = tuple(item._replace(replays=cut(item.replays)) for item in left_out)

    @property
    def first(self) -> "RunResult":
        """The first replay of the first entry."""
        return self.entries[0].flat[0]

    @property
    def seeds(self) -> int:
        """Most seeds of an entry."""
        return max(len(entry.replays) for entry in self.entries)

    @cached_property
    def series(self) -> tuple[tuple[tuple[Daily, ...], ...], ...]:
        """Daily closes, ``[entry][seed][fold]``."""
        return tuple(
            tuple(tuple(daily(run) for run in folds) for folds in entry.replays)
            for entry in self.entries
        )

    @property
    def days(self) -> tuple[date, ...]:
        """The counted sessions of the first entry, folds in order."""
        return tuple(day for fold in self.series[0][0] for day in fold.days)

    @cached_property
    def streams(self) -> tuple[FloatArray, ...]:
        """Daily returns by entry, [seeds, days]."""
        return tuple(_streams(entry) for entry in self.series)

    @cached_property
    def returns(self) -> FloatArray:
        """Daily returns averaged over seeds, [days, entries]; only when ``common``."""
        return np.stack([stream.mean(axis=0) for stream in self.streams], axis=1)

    def differences(self) -> FloatArray:
        """Every later entry minus the first, [days, entries - 1]."""
        return self.returns[:, 1:] - self.returns[:, :1]

    def effect(self, item: LeftOut) -> FloatArray:
        """What the rule did a day: the version with it minus the version without it, [days]."""
        without = _streams(tuple(tuple(daily(run) for run in folds) for folds in item.replays))
        found: FloatArray = self.returns[:, item.entry] - without.mean(axis=0)
        return found


def _streams(series: tuple[tuple[Daily, ...], ...]) -> FloatArray:
    return np.array(
        [[move for fold in folds for move in fold.net.returns()] for folds in series],
        dtype=np.float64,
    )


def contest_of(
    results: "Sequence[RunResult]", lang: Lang = "ko", left_out: Sequence[LeftOut] = ()
) -> Contest:
    """Runs as they are, one entry each."""
    names = names_of(results, lang)
    return Contest(
        [Entry(name, ((run,),)) for name, run in zip(names, results, strict=True)], left_out
    )


def names_of(results: "Sequence[RunResult]", lang: Lang) -> tuple[str, ...]:
    """A name for each run: strategy and prompt, and the run's id where that is not unique."""
    names: list[str] = []
    for result in results:
        name = str(result.strategy.get("name", "?"))
        if result.prompt is not None:
            number = result.prompt.get("number")
            name += f" · 프롬프트 {number}" if lang == "ko" else f" · prompt {number}"
        names.append(name)
    return tuple(
        f"{name} ({result.run_id})" if names.count(name) > 1 else name
        for name, result in zip(names, results, strict=True)
    )
