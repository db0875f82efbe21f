"""The clock of a venue: Korea's, the embedded simulator's, or one of a simulator elsewhere."""

import time
from datetime import datetime
from typing import Any

import requests

from kisbt.adapter.live_clock import LiveClock, LockstepClock, WallClock
from kisbt.errors import ConfigError
from kisbt.run.live_venue import Venue, is_loopback
from kisbt.sim.control import PREFIX
from kisbt.sim.hand import SimulatorHand
from kisbt.sim.options import LOCKSTEP

MEASURE_SECONDS = 0.5
"""How long the pace of a simulator elsewhere is measured."""


def clock_of(venue: Venue) -> LiveClock:
    """The clock by which a session on this venue lives.

    Raises:
        ConfigError: a simulator elsewhere that stands still, or does not tell its time.
    """
    running = venue.simulator
    if running is not None:
        if venue.speed == LOCKSTEP:
            return LockstepClock(SimulatorHand(running))
        return WallClock(venue.speed, lambda: running.call(lambda sim: sim.now))
    address = venue.client.session.access.rest_url
    if is_loopback(address):
        return _elsewhere(f"{address}{PREFIX}state")
    return WallClock()


def _elsewhere(url: str) -> LiveClock:
    """Follows the time that a simulator's control endpoint tells."""
    first, before = _ask(url), time.monotonic()
    if first["lockstep"]:
        raise ConfigError(
            "the simulator stands still (lock-step): nobody would move its clock",
            hint="start it with a pace: kisbt sim --speed 60",
        )
    time.sleep(MEASURE_SECONDS)
    passed = _time(_ask(url)) - _time(first)
    speed = passed.total_seconds() / (time.monotonic() - before)
    return WallClock(max(speed, 1.0), lambda: _time(_ask(url)))


def _ask(url: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = requests.get(url, timeout=5.0).json()
        datetime.fromisoformat(answer["now"])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{url} does not tell the time ({type(error).__name__})",
            hint="is the simulator of this kis_devlp.yaml still running?",
        ) from error
    return answer


def _time(answer: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(answer["now"])
