"""``kisbt chaos``: every named fault at every point of an order's path, one session each."""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from kisbt.errors import ConfigError, TradingSystemError
from kisbt.run.chaos_checks import judge
from kisbt.run.chaos_faults import FAULTS, Named
from kisbt.run.chaos_market import chaos_market
from kisbt.run.chaos_points import POINTS, Killed
from kisbt.run.chaos_trader import script
from kisbt.run.chaos_world import World

DAYS = 2


class Cell(NamedTuple):
    """One session: which fault, at which point, and what became of it.

    ``recovery`` is the longest time, in venue seconds, for which books and venue differed or an
    order was in doubt after the strike, without the time in which no process ran; ``None`` if they
    did not agree in the end. ``wall`` is the session's seconds.
    """

    fault: str
    point: str
    struck: bool
    processes: int
    kills: int
    doubled: int
    lost: int
    breaches: int
    stale: int
    unresolved: int
    errors: int
    recovery: float | None
    wall: float
    lines: tuple[str, ...]

    @property
    def survived(self) -> bool:
        """Whether nothing was wrong at the end."""
        return self.struck and not self.lines


@dataclass
class Row:
    """One fault over all points."""

    fault: str
    what: str
    cells: list[Cell] = field(default_factory=list)

    def total(self, what: str) -> int:
        """Sum of a count over all points."""
        return sum(getattr(cell, what) for cell in self.cells)

    @property
    def survived(self) -> int:
        """Points at which nothing was wrong afterwards."""
        return sum(cell.survived for cell in self.cells)

    @property
    def longest(self) -> float:
        """Longest recovery, venue seconds."""
        return max((cell.recovery or 0.0 for cell in self.cells), default=0.0)


class Table(NamedTuple):
    """All rows. ``seconds`` of wall time."""

    rows: tuple[Row, ...]
    points: tuple[str, ...]
    seed: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether every session survived."""
        return all(cell.survived for row in self.rows for cell in row.cells)


class Trigger:
    """Strikes once, at a point, the ``nth`` time it is passed."""

    def __init__(self, fault: Named, point: str, nth: int = 1) -> None:
        self._fault, self._point, self._left = fault, point, nth
        self._lead = point == "restart"

    def __call__(self, world: World, point: str) -> None:
        """A point was passed."""
        if world.halting and point == "leaving":
            world.while_halted.append(f"halted since {world.struck}")
        if self._lead and point == "numbered":
            self._lead = False  # somebody must have been killed before anybody starts again
            raise Killed
        if world.struck is not None:
            if world.more_kills:
                world.more_kills -= 1
                raise Killed
            return
        if point == self._point:
            self._left -= 1
            if not self._left:
                now = world.running.call(lambda sim: sim.now)
                world.struck = now
                self._fault.act(world)


def run_cell(fault: Named, point: str, seed: int) -> Cell:
    """One session with one fault at one point."""
    began = time.monotonic()
    dataset = chaos_market(DAYS + 1, seed)
    names = dict(dataset.instruments)
    with tempfile.TemporaryDirectory(prefix="kisbt-chaos-") as folder:
        world = World(
            Path(folder), dataset, DAYS, seed=seed,
            decide=lambda context, day: script(context, names, day),
            on_point=Trigger(fault, point),
        )  # fmt: skip
        with world:
            try:
                world.run()
                found = judge(world)
            except TradingSystemError as error:
                found = judge(world)
                found.errors.append(str(error))
    lines = found.lines()
    recovery = None
    if world.struck is not None and world.well_at_last:
        recovery = world.longest_ill.total_seconds()
    if world.struck is not None and recovery is None:
        lines.append("unresolved: books and venue never agreed again")
    return Cell(
        fault.name, point, world.struck is not None, world.lives, world.kills,
        len(found.doubled), len(found.lost), len(found.breaches), len(found.stale),
        len(found.unresolved), len(found.errors), recovery, time.monotonic() - began, tuple(lines),
    )  # fmt: skip


def run_chaos(
    faults: Iterable[str] = (),
    points: Iterable[str] = (),
    *,
    seed: int = 0,
    jobs: int = 1,
    step: Callable[[Cell], None] = lambda _cell: None,
) -> Table:
    """Every fault at every point.

    Args:
        faults: Names of faults; all by default.
        points: Names of points; all by default.
        seed: Of market, simulator and waits.
        jobs: Processes to use.
        step: Told of each session that is over.

    Raises:
        ConfigError: no such fault or point.
    """
    began = time.monotonic()
    known = {fault.name: fault for fault in FAULTS}
    chosen = _known("fault", faults, list(known))
    where = _known("point", points, list(POINTS))
    asked = [(known[name], point, seed) for name in chosen for point in where]
    rows = {name: Row(name, known[name].what) for name in chosen}
    for cell in _all(asked, jobs):
        rows[cell.fault].cells.append(cell)
        step(cell)
    return Table(tuple(rows.values()), tuple(where), seed, time.monotonic() - began)


def _all(asked: Sequence[tuple[Named, str, int]], jobs: int) -> Iterable[Cell]:
    if jobs <= 1:
        for fault, point, seed in asked:
            yield run_cell(fault, point, seed)
        return
    # A fresh interpreter each: the simulator's threads must not be forked.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_by_name, [(f.name, point, seed) for f, point, seed in asked])


def _by_name(asked: tuple[str, str, int]) -> Cell:
    name, point, seed = asked
    fault = next(fault for fault in FAULTS if fault.name == name)
    return run_cell(fault, point, seed)


def _known(what: str, wanted: Iterable[str], known: list[str]) -> list[str]:
    chosen = list(wanted)
    for name in chosen:
        if name not in known:
            raise ConfigError(f"no {what} '{name}'", hint=f"known: {', '.join(known)}")
    return chosen or known
