"""The WebSocket itself, on any path: one reader, one writer, PINGPONG."""

import asyncio
import contextlib
import json

from aiohttp import WSMsgType, web

from kisbt.krx import calendar
from kisbt.sim.stream.hub import Hub
from kisbt.sim.stream.session import Session

PING_SECONDS = 10.0
DRAIN_SECONDS = 5.0
FRAME_LIMIT = 1 << 20


def stream_app(hub: Hub, ping_seconds: float = PING_SECONDS) -> web.Application:
    """An application that upgrades whatever comes on whatever path."""

    async def upgrade(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=FRAME_LIMIT, compress=False)
        if not socket.can_prepare(request).ok:
            return web.Response(status=400, text="websocket only")
        await socket.prepare(request)
        session = hub.open()
        tasks = [
            asyncio.create_task(_write(socket, session, request, hub)),
            asyncio.create_task(_ping(session, ping_seconds)),
        ]
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    hub.receive(session, message.data)
                elif message.type is WSMsgType.ERROR:
                    break
        finally:
            hub.close(session)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", upgrade)
    return app


async def drained(hub: Hub) -> None:
    """Wait until every outbox is empty, that is until all frames are with the kernel.

    A peer that does not read holds nobody up for more than ``DRAIN_SECONDS``.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + DRAIN_SECONDS
    while any(s.outbox and not s.dropped for s in hub.sessions) and loop.time() < until:
        for session in hub.sessions:
            session.wake.set()
        await asyncio.sleep(0)


async def _write(
    socket: web.WebSocketResponse, session: Session, request: web.Request, hub: Hub
) -> None:
    while True:
        await session.wake.wait()
        await hub.gate.wait()
        session.wake.clear()
        while session.outbox and not session.dropped:
            with contextlib.suppress(ConnectionError):
                await socket.send_str(session.outbox[0])
            session.outbox.popleft()
        if session.dropped:
            if request.transport is not None:
                request.transport.abort()
            return
        if session.turned_away:
            await socket.close()
            return


async def _ping(session: Session, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        header = {"tr_id": "PINGPONG", "datetime": f"{calendar.now():%Y%m%d%H%M%S}"}
        session.send(json.dumps({"header": header}))
