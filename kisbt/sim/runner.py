"""A simulator on its own thread: for the command line, and for tests of clients."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from kisbt.sim import control
from kisbt.sim.flavour import Flavour
from kisbt.sim.server import SimServer
from kisbt.sim.simulator import Simulator
from kisbt.sim.stream.socket import PING_SECONDS, drained

Result = TypeVar("Result")


class RunningSimulator:
    """Serves while it is open, on free ports unless told; a context manager.

    All reading and moving of the simulator happens on the server's thread, through ``call``.
    """

    def __init__(
        self,
        sim: Simulator,
        ports: dict[Flavour, tuple[int, int]] | None = None,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self.sim = sim
        free = dict.fromkeys(sim.doors, (0, 0))
        self.server = SimServer(sim, free | (ports or {}), ping_seconds)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="kisbt-sim", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def rest_url(self, flavour: Flavour = Flavour.PAPER) -> str:
        """Address of a door's REST port."""
        return self.server.rest_url(flavour)

    def stream_url(self, flavour: Flavour = Flavour.PAPER) -> str:
        """Address of a door's stream port."""
        return self.server.stream_url(flavour)

    def call(self, what: Callable[[Simulator], Result]) -> Result:
        """Do something with the simulator between two requests, then flush the streams."""

        async def act() -> Result:
            result = what(self.sim)
            for door in self.sim.doors.values():
                await drained(door.hub)
            return result

        return self.wait_for(act())

    def wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the server's thread and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def control(self, method: str, what: str, body: bytes = b"") -> dict[str, Any]:
        """The control endpoint without HTTP, e.g. ``control("POST", "advance", b'{"to":"bar"}')``.

        Raises:
            ValueError: the endpoint answered with an error.
        """
        status, answer = self.call(
            lambda sim: control.answer(sim, method, control.PREFIX + what, body)
        )
        if status != 200:
            raise ValueError(answer["error"])
        return answer

    def advance(self, to: str, times: int = 1) -> dict[str, Any]:
        """Move the clock to the next moment of that name, see ``Simulator.target``."""
        return self.control("POST", "advance", b'{"to":"%s","times":%d}' % (to.encode(), times))

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
