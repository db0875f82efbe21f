"""The hand on a running simulator's clock: what a client in lock-step moves time with."""

import asyncio
from datetime import datetime

from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

HEARD_SECONDS = 5.0


class SimulatorHand:
    """Moves a simulator that stands still until told.

    Args:
        running: The simulator.
    """

    def __init__(self, running: RunningSimulator) -> None:
        self._running = running
        self._marks = 0

    def now(self) -> datetime:
        """The venue's time."""
        return self._running.call(lambda sim: sim.now)

    def advance(self, until: datetime) -> datetime:
        """Let everything up to ``until`` happen; at the end of the data time stops."""

        def move(sim: Simulator) -> datetime:
            sim.advance_to(until)
            return sim.now

        return self._running.call(move)

    def settle(self) -> None:
        """Return once every client has read everything that was sent to it.

        A PINGPONG goes down every socket, and its echo says that all before it was read. A client
        that does not echo holds nobody up for more than ``HEARD_SECONDS``.
        """
        self._marks += 1
        self._running.wait_for(self._heard(f"{self._marks:014d}"))

    async def _heard(self, mark: str) -> None:
        doors = self._running.sim.doors.values()
        sessions = [each for door in doors for each in door.hub.sessions if not each.dropped]
        for session in sessions:
            session.ask(mark)
        for session in sessions:
            try:
                await asyncio.wait_for(session.heard.wait(), HEARD_SECONDS)
            except TimeoutError:
                continue
