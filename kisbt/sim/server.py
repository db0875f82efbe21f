"""Sockets: REST, control and stream on loopback, and the pace of the venue's clock."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from kisbt.errors import ConfigError
from kisbt.krx import calendar
from kisbt.sim import control
from kisbt.sim.exchange.hours import day_times
from kisbt.sim.faults.profile import FaultKind
from kisbt.sim.flavour import Flavour
from kisbt.sim.rest.errors import refusal
from kisbt.sim.rest.front import MOST_BODY, Fate, Reply
from kisbt.sim.simulator import Door, Simulator
from kisbt.sim.stream.socket import PING_SECONDS, drained, stream_app

LOOPBACK = "127.0.0.1"
TICK_SECONDS = 0.05
GRACE_SECONDS = 0.5


class _Protocol(RequestHandler):
    """Broken HTTP gets a KIS-shaped body too."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        body = orjson.dumps(refusal("EGW00101").body)
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response


class _RestServer(web.Server):
    """A bare server, so that no router of ours answers in KIS's place."""

    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class SimServer:
    """A simulator behind sockets.

    Args:
        sim: What answers.
        ports: REST and stream port of each door; 0 takes any free one.
        ping_seconds: Wall seconds between PINGPONG frames.
    """

    def __init__(
        self,
        sim: Simulator,
        ports: dict[Flavour, tuple[int, int]],
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self.sim = sim
        self.ports = dict(ports)
        self.ping_seconds = ping_seconds
        self._runners: list[web.BaseRunner] = []
        self._pacer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open all ports and let the clock run.

        Raises:
            ConfigError: a port is taken; names it.
        """
        loop = asyncio.get_running_loop()
        for door in self.sim.doors.values():
            door.hub.later = loop.call_later
            wanted = self.ports[door.flavour]
            rest = web.ServerRunner(
                _RestServer(self._handler(door), loop=loop), shutdown_timeout=GRACE_SECONDS
            )
            stream = web.AppRunner(
                stream_app(door.hub, self.ping_seconds), shutdown_timeout=GRACE_SECONDS
            )
            self.ports[door.flavour] = (
                await self._listen(rest, wanted[0], "--port"),
                await self._listen(stream, wanted[1], "--ws-port"),
            )
        if not self.sim.options.lockstep:
            self._pacer = asyncio.create_task(self._pace())

    async def stop(self) -> None:
        """Close everything."""
        if self._pacer is not None:
            self._pacer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pacer
        for door in self.sim.doors.values():
            for session in door.hub.sessions:
                session.drop()
        for runner in self._runners:
            await runner.cleanup()

    def rest_url(self, flavour: Flavour) -> str:
        """Address of a door's REST port."""
        return f"http://{LOOPBACK}:{self.ports[flavour][0]}"

    def stream_url(self, flavour: Flavour) -> str:
        """Address of a door's stream port."""
        return f"ws://{LOOPBACK}:{self.ports[flavour][1]}"

    async def _listen(self, runner: web.BaseRunner, port: int, option: str) -> int:
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, LOOPBACK, port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise ConfigError(
                f"port {port} is taken: {error.strerror or error}",
                hint=f"choose another with {option}, or stop the other program",
            ) from error
        address: tuple[str, int] = runner.addresses[-1]
        return address[1]

    def _handler(self, door: Door) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            body = await _read(request)
            if request.path.startswith(control.PREFIX):
                status, answer = control.answer(self.sim, request.method, request.path, body)
                await self._flushed()
                raw = orjson.dumps(answer, default=str)
                return web.Response(status=status, body=raw, content_type="application/json")
            # Notices wait until the order's own answer is out; KIS usually sends it first.
            door.hub.gate.clear()
            try:
                reply = door.front.respond(
                    request.method, request.path, request.rel_url.raw_query_string,
                    dict(request.headers), body,
                )  # fmt: skip
                if reply.early or reply.seconds or reply.fate is Fate.CUT:
                    door.hub.gate.set()
                return await self._send(request, reply)
            finally:
                door.hub.gate.set()

        return handle

    async def _send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        if reply.early:
            await self._flushed()
        if reply.seconds:
            await asyncio.sleep(reply.seconds)
        if reply.fate is Fate.CUT:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        response = web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        skew = self.sim.injector.fixed(FaultKind.CLOCK_SKEW)
        if skew is not None:
            moment = calendar.now().replace(tzinfo=calendar.KST) + timedelta(seconds=skew.seconds)
            response.headers["Date"] = format_datetime(moment.astimezone(UTC), usegmt=True)
        await response.prepare(request)
        await response.write_eof()
        return response

    async def _flushed(self) -> None:
        for door in self.sim.doors.values():
            await drained(door.hub)

    async def _pace(self) -> None:
        """Move the venue's clock along the wall's; closed hours are skipped."""
        loop, sim = asyncio.get_running_loop(), self.sim
        last = loop.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            target = sim.now + timedelta(seconds=(now - last) * sim.options.speed)
            last = now
            sim.advance_to(skip_closed(sim, target))


def skip_closed(sim: Simulator, target: datetime) -> datetime:
    """``target``, or the next order entry when the day is over by then and another follows."""
    if target >= sim.floor.times.end and sim.exchange.next_day is not None:
        return max(target, day_times(sim.exchange.next_day).entry)
    return target


async def _read(request: web.BaseRequest) -> bytes:
    """The body, cut where it is longer than anything KIS takes."""
    body = b""
    async for chunk in request.content.iter_chunked(MOST_BODY):
        if len(body) <= MOST_BODY:
            body += chunk
    return body
