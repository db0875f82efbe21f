"""The hand on a running simulator's clock: what a client in lock-step moves time with."""

import asyncio
from datetime import datetime

from kisbt.sim.runner import RunningSimulator
from kisbt.sim.stream.hub import Hub
from kisbt.sim.stream.session import Session

HEARD_SECONDS = 5.0


class SimulatorHand:
    """Moves a simulator that stands still until told.

    Args:
        running: The simulator.
    """

    def __init__(self, running: RunningSimulator) -> None:
        self._running = running
        self._marks = 0
        self._heard: dict[int, int] = {}
        self._last: dict[int, Session] = {}

    def now(self) -> datetime:
        """The venue's time."""
        return self._running.call(lambda sim: sim.now)

    def advance(self, until: datetime) -> datetime:
        """Let everything up to ``until`` happen, be sent and be read; return the venue's time."""
        return self._running.wait_for(self._advance(until))

    def settle(self) -> None:
        """Return once every client has read everything that was sent to it.

        A PINGPONG goes down every socket on which there was something, and its echo says that all
        before it was read. A client that does not echo holds nobody up for more than
        ``HEARD_SECONDS``.
        """
        if any(self._heard.get(each.number) != each.sent for each in self._sessions()):
            self._running.wait_for(self._read())

    def ready(self) -> bool:
        """Whether no client has yet to notice that its socket was cut, and to come back."""
        return not any(self._cut(door.hub) for door in self._running.sim.doors.values())

    def _cut(self, hub: Hub) -> bool:
        for session in list(hub.sessions):
            self._last[id(hub)] = session
        last = self._last.get(id(hub))
        return last is not None and last.dropped

    async def _advance(self, until: datetime) -> datetime:
        self._running.sim.advance_to(until)
        await self._read()
        return self._running.sim.now

    async def _read(self) -> None:
        self._marks += 1
        sessions = [s for s in self._sessions() if self._heard.get(s.number) != s.sent]
        for session in sessions:
            session.ask(f"{self._marks:014d}")
            self._heard[session.number] = session.sent
        for session in sessions:
            try:
                await asyncio.wait_for(session.heard.wait(), HEARD_SECONDS)
            except TimeoutError:
                continue

    def _sessions(self) -> list[Session]:
        doors = list(self._running.sim.doors.values())
        return [each for door in doors for each in list(door.hub.sessions) if not each.dropped]
