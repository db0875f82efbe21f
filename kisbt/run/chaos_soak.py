"""A long session without anybody near: days of bars, faults all the time, and what it uses."""

import gc
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from kisbt.kis.redact import Redactor
from kisbt.run.chaos_checks import judge
from kisbt.run.chaos_market import chaos_market
from kisbt.run.chaos_sessions import troubles
from kisbt.run.chaos_trader import whims
from kisbt.run.chaos_world import World
from kisbt.run.logs import logging_to
from kisbt.sim.faults.profile import FaultProfile

LOG_MEGABYTES, LOG_FILES = 0.25, 3


class Soaked(NamedTuple):
    """What a soak showed. ``memory`` is megabytes resident after each day's close."""

    days: int
    bars: int
    orders: int
    fills: int
    injected: int
    processes: int
    memory: tuple[float, ...]
    log_bytes: int
    log_bound: int
    lines: tuple[str, ...]
    seconds: float

    @property
    def growth(self) -> float:
        """Of memory from the second day's close to the last one's, as a fraction."""
        if len(self.memory) < 3:
            return 0.0
        return self.memory[-1] / self.memory[1] - 1.0


def soak(days: int = 10, minutes: int = 5, seed: int = 0) -> Soaked:
    """Trade ``days`` days on bars of ``minutes`` under faults, in one process, and look.

    Args:
        days: Trading days.
        minutes: Length of a bar; 0 for daily bars.
        seed: Of everything.
    """
    began = time.monotonic()
    dataset = chaos_market(days + 1, seed, minutes)
    names = dict(dataset.instruments)
    memory: list[float] = []

    def on_point(world: World, point: str) -> None:
        if point == "night":
            gc.collect()
            memory.append(resident())
            if len(memory) == days:
                world.faults(FaultProfile())

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kisbt-soak-")))
        logs = stack.enter_context(
            logging_to(folder / "logs", Redactor(), megabytes=LOG_MEGABYTES, files=LOG_FILES)
        )
        world = stack.enter_context(
            World(
                folder, dataset, days, seed=seed, profile=troubles(seed),
                decide=lambda context, _day: whims(context, names, seed),
                on_point=on_point,
                cancels=lambda day: random.Random(f"{seed}:{day}").random() < 0.7,
            )
        )  # fmt: skip
        world.run()
        found = judge(world)
        if logs.failed:
            found.errors.append("a log line could not be written")
        written = sum(path.stat().st_size for path in (folder / "logs").iterdir())
    passed = world.wire.passed
    return Soaked(
        days, passed["bar"], passed["leaving"], passed["fill_booked"],
        len(world.sim.injector.log), world.lives, tuple(memory), written,
        2 * int(LOG_MEGABYTES * 1_000_000) * LOG_FILES, tuple(found.lines()),
        time.monotonic() - began,
    )  # fmt: skip


def resident() -> float:
    """Megabytes of memory that this process holds; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
