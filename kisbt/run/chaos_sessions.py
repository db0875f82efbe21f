"""Seeded sessions of the whole runner with every trouble at once, and kills at random points."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from kisbt.errors import TradingSystemError
from kisbt.run.chaos_checks import Findings, judge
from kisbt.run.chaos_market import chaos_market
from kisbt.run.chaos_points import Killed
from kisbt.run.chaos_trader import whims
from kisbt.run.chaos_world import World
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.simulator import Simulator

DAYS = 3
STEPS = 160
"""About so many points are passed in a session of ``DAYS``; kills are spread over them."""

MINUTES_EVERY = 10
"""One session of so many trades a day of five-minute bars instead, by the stream."""

TROUBLES: tuple[dict[str, Any], ...] = (
    {"kind": "answer_lost", "where": "orders", "rate": 0.2},
    {"kind": "answer_lost", "where": "account", "rate": 0.1},
    {"kind": "answer_lost", "where": "quotes", "rate": 0.05},
    {"kind": "request_lost", "rate": 0.05},
    {"kind": "server_error", "rate": 0.05},
    {"kind": "throttled", "rate": 0.03, "count": 2},
    {"kind": "slow", "rate": 0.01, "seconds": 0.02},
    {"kind": "token_expired", "rate": 0.01, "most": 3},
    {"kind": "executions_empty", "rate": 0.1},
    {"kind": "executions_lag", "rate": 0.1, "seconds": 600},
    {"kind": "stream_drop", "rate": 0.02, "most": 3},
    {"kind": "key_in_use", "rate": 0.2, "most": 2},
    {"kind": "notice_lost", "rate": 0.2},
    {"kind": "notice_doubled", "rate": 0.2},
    {"kind": "notice_late", "rate": 0.1, "count": 2, "seconds": 0.01},
    {"kind": "notice_reordered", "rate": 0.1},
    {"kind": "notice_early", "rate": 0.3},
    {"kind": "layout_change", "rate": 0.01, "most": 1},
    {"kind": "halt", "rate": 0.1, "minutes": 30},
    {"kind": "vi", "rate": 0.2},
    {"kind": "limit_lock", "rate": 0.05},
    {"kind": "clock_skew", "seconds": 20},
)
"""Every profile of the simulator; a session takes each with a rate of its own."""


_Asked = tuple[int, int, bool]
"""Of one session: its seed, how many kills, and whether it trades five-minute bars."""


class Told(NamedTuple):
    """What became of one session."""

    seed: int
    processes: int
    kills: int
    orders: int
    fills: int
    injected: int
    kinds: dict[str, int]
    doubled: int
    lost: int
    breaches: int
    stale: int
    unresolved: int
    errors: int
    lines: tuple[str, ...]
    wall: float


class _Killer:
    """Kills at the passes of points that its dice chose; heals the venue before the end."""

    def __init__(self, seed: int, kills: int, days: int) -> None:
        dice = random.Random(f"{seed}:kills")
        self._at = sorted(dice.randrange(1, STEPS * days // DAYS) for _ in range(kills))
        self._passed = 0

    def __call__(self, world: World, point: str) -> None:
        self._passed += 1
        now = world.running.call(lambda sim: sim.now)
        if point == "night" and now.date() >= world.sessions[-2]:
            world.faults(FaultProfile())
        if self._at and self._passed >= self._at[0]:
            self._at.pop(0)
            raise Killed


def troubles(seed: int) -> FaultProfile:
    """All of ``TROUBLES``, each at up to one and a half times its rate."""
    dice = random.Random(f"{seed}:troubles")
    return FaultProfile.model_validate(
        {
            "seed": seed,
            "faults": [
                {**each, "rate": min(each.get("rate", 1.0) * dice.uniform(0, 1.5), 1.0)}
                for each in TROUBLES
            ],
        }
    )


def run_session(seed: int, kills: int = 0, days: int = DAYS, minutes: int = 0) -> Told:
    """One session: ``days`` sessions of trading under all troubles, and one to settle.

    Args:
        seed: Of everything.
        kills: How often the process is killed, each time at another random point.
        days: Trading days.
        minutes: Length of a bar; 0 for daily bars.
    """
    began = time.monotonic()
    dataset = chaos_market(days + 1, seed, minutes)
    names = dict(dataset.instruments)
    with tempfile.TemporaryDirectory(prefix="kisbt-faults-") as folder:
        world = World(
            Path(folder), dataset, days, seed=seed, profile=troubles(seed),
            decide=lambda context, _day: whims(context, names, seed),
            on_point=_Killer(seed, kills, days),
            cancels=lambda day: random.Random(f"{seed}:{day}").random() < 0.7,
        )  # fmt: skip
        with world:
            try:
                world.run()
            except TradingSystemError as error:
                world.errors.append(str(error))
            found = judge(world)
    fills = world.wire.passed["fill_booked"]
    return told_of(seed, world.lives, world.kills, fills, world.sim, found, began)


def told_of(
    seed: int,
    processes: int,
    kills: int,
    fills: int,
    sim: Simulator,
    found: Findings,
    began: float,
) -> Told:
    """What became of a session that ``began`` at a ``time.monotonic()`` and is over now."""
    log = [injected.kind.value for injected in sim.injector.log]
    orders = [
        order
        for day in sim.floor.orders.values()
        for order in day.values()
        if order.revision.name == "NEW"
    ]
    return Told(
        seed, processes, kills, len(orders), fills, len(log), dict(Counter(log)),
        len(found.doubled), len(found.lost), len(found.breaches), len(found.stale),
        len(found.unresolved), len(found.errors), tuple(found.lines()), time.monotonic() - began,
    )  # fmt: skip


def run_sessions(
    sessions: int,
    kills: int,
    *,
    first: int = 0,
    minutes: bool = False,
    jobs: int = 1,
    until: float | None = None,
    step: Callable[[Told], None] = lambda _told: None,
) -> list[Told]:
    """Many sessions, in seed order.

    Args:
        sessions: How many.
        kills: In how many of them the process is killed, up to three times each.
        first: First seed.
        minutes: Trade five-minute bars in every session, not in one of ``MINUTES_EVERY``.
        jobs: Processes to use.
        until: ``time.monotonic()`` after which no other session begins.
        step: Told of each.
    """
    every = sessions / kills if kills else 0.0
    asked = []
    for number in range(sessions):
        killed = bool(every) and int((number + 1) / every) > int(number / every)
        seed = first + number
        by_minute = minutes or seed % MINUTES_EVERY == MINUTES_EVERY - 1
        asked.append((seed, 1 + number % 3 if killed else 0, by_minute))
    told = []
    for each in _all(asked, jobs, until):
        told.append(each)
        step(each)
    return told


def _all(asked: list[_Asked], jobs: int, until: float | None) -> Iterable[Told]:
    def early() -> bool:
        return until is None or time.monotonic() < until

    if jobs <= 1:
        for each in asked:
            if not early():
                return
            yield _one(each)
        return
    # A fresh interpreter each: the simulator's threads must not be forked.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for start in range(0, len(asked), jobs * 8):
            if not early():
                return
            yield from pool.map(_one, asked[start : start + jobs * 8])


def _one(asked: _Asked) -> Told:
    seed, kills, by_minute = asked
    if by_minute:
        return run_session(seed, kills, days=1, minutes=5)
    return run_session(seed, kills)
