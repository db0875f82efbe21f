"""The live stream: one WebSocket, one thread, and everything it takes to keep it up."""

import asyncio
import json
import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from kisbt.errors import ConfigError
from kisbt.kis.errors import KISAPIError, NotOnPaper, Refused
from kisbt.kis.events import Connected, Disconnected, StreamEvent
from kisbt.kis.frames import NOTICES, Ack, FrameCounts
from kisbt.kis.gaps import Outage
from kisbt.kis.reception import Reception
from kisbt.kis.registrar import MustReconnect, Registrar
from kisbt.kis.registrations import Registration, Roster
from kisbt.kis.session import Session
from kisbt.krx import calendar

logger = logging.getLogger(__name__)

PAPER_STREAMS = frozenset({"H0STCNT0", "H0STASP0", "H0STCNI9"})
PATH = "/tryitout"

_SILENT = logging.getLogger(f"{__name__}.wire")
_SILENT.setLevel(logging.WARNING)  # at DEBUG the library logs frames, and with them our keys
"""Logger given to the WebSocket library."""


class KISStream:
    """Receives trades, order books, order notices and venue events.

    Events are handed to ``on_event`` one by one, in order, on the stream's own thread: it must
    return quickly and must not raise. All methods are safe from any thread.

    Args:
        session: Session of the account; its keys open the stream.
        on_event: Takes records and stream events.
        places: Registrations a session may have.
        rotate_seconds: Length of a turn when there are more wishes than places.
        silence_seconds: Quiet time after which the connection is tested.
        first_wait: First wait before a reconnect, in seconds; it doubles up to ``longest_wait``.
        longest_wait: Longest wait before a reconnect.
        pace: Seconds between two registration messages.
        now: The clock, naive KST.

    ``failure`` is what ended the thread, ``last_reason`` why the connection last went down.
    """

    def __init__(
        self,
        session: Session[Any],
        on_event: Callable[[StreamEvent], None],
        *,
        places: int = 41,
        rotate_seconds: float = 20.0,
        silence_seconds: float = 60.0,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
        pace: float = 0.05,
        now: Callable[[], datetime] = calendar.now,
    ) -> None:
        self._session = session
        self._on_event = on_event
        self._rotate_seconds, self._silence_seconds = rotate_seconds, silence_seconds
        self._first_wait, self._longest_wait = first_wait, longest_wait
        self._pace, self._now = pace, now
        self.counts = FrameCounts()
        self.failure: Exception | None = None
        self.last_reason = ""
        self._places = places
        self._roster = Roster(places)
        self._reception = Reception(on_event, self.counts)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._stopping = threading.Event()
        self._connected = threading.Event()
        self._down_since: datetime | None = None
        self._renew_key = False
        self._notice_drops = 0

    def watch(
        self,
        ticker: str,
        *,
        book: bool = False,
        priority: int = 1,
        pinned: bool = False,
        tr_id: str | None = None,
    ) -> None:
        """Wish for a name's trades, or its order book; ``tr_id`` names any other stream.

        With more wishes than places they take turns by ``priority``; ``pinned`` ones stay on.

        Raises:
            NotOnPaper: the paper server has no such stream.
            ConfigError: more pinned wishes than places.
        """
        registration = Registration(tr_id or ("H0STASP0" if book else "H0STCNT0"), ticker)
        if self._session.access.environment.name == "paper" and tr_id not in (None, *PAPER_STREAMS):
            raise NotOnPaper(f"stream {tr_id} is not served on paper (모의투자)")
        self._roster.wish(registration, priority=priority, pinned=pinned)
        self._wake_up()

    def unwatch(self, ticker: str, *, book: bool = False, tr_id: str | None = None) -> None:
        """Take a wish back; an unknown one is no error."""
        self._roster.drop(Registration(tr_id or ("H0STASP0" if book else "H0STCNT0"), ticker))
        self._wake_up()

    def watch_orders(self) -> None:
        """Wish for the account's order notices (체결통보); they are always on.

        Raises:
            ConfigError: ``my_htsid`` is missing: KIS takes the HTS login id as the key.
        """
        if not self._session.access.hts_id.get_secret_value():
            raise ConfigError("my_htsid is missing", hint="the HTS login id, exactly as registered")
        notices = self._session.access.environment.notices
        self._roster.wish(Registration(notices, ""), pinned=True)
        self._wake_up()

    def start(self) -> None:
        """Start the thread; wishes may come before or after."""
        if self._thread is not None:
            raise RuntimeError("a stream starts once")
        self._thread = threading.Thread(target=self._run, name="kis-stream", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Close the connection and wait for the thread to end, ``seconds`` at most."""
        self._stopping.set()
        self._wake_up()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def wait_connected(self, seconds: float) -> bool:
        """Wait until the stream is up, ``seconds`` at most, and return whether it is."""
        return self._connected.wait(seconds)

    @property
    def places(self) -> int:
        """Registrations that the session may have."""
        return self._places

    @property
    def connected(self) -> bool:
        """Whether the stream is up."""
        return self._connected.is_set()

    def __enter__(self) -> "KISStream":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wake_up(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._keep_up())
        except Exception as error:  # the thread's outermost guard: report and end
            logger.exception("the stream ended")
            self._connected.clear()
            self.failure = error

    async def _keep_up(self) -> None:
        """Connect again and again, with growing waits, until told to stop."""
        self._loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            least = 0.0
            try:
                await self._connection()
                reason = "closed"
            except MustReconnect as request:
                reason, least = self._clean(request.reason), request.wait
                self._renew_key = self._renew_key or request.renew_key
            except Refused:
                raise
            except (OSError, WebSocketException, TimeoutError, KISAPIError) as error:
                reason = self._clean(f"{type(error).__name__}: {error}")
            if self._stopping.is_set():
                return
            self.last_reason = reason
            self._note_drop(reason, lasted=time.monotonic() - started)
            failures = 1 if time.monotonic() - started > 60.0 else failures + 1
            wait = min(self._first_wait * 2 ** min(failures - 1, 10), self._longest_wait)
            wait = max(least, wait * random.uniform(0.5, 1.0))
            logger.info("stream down (%s); again in %.1f s", reason, wait)
            await self._pause(wait)

    def _clean(self, text: str) -> str:
        return self._session.access.redactor.text(text)

    async def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except TimeoutError:
                return

    async def _connection(self) -> None:
        """Live through one connection, from approval key to close."""
        renew, self._renew_key = self._renew_key, False
        approval = await asyncio.to_thread(self._session.auth.approval_key, renew=renew)
        url = self._session.access.stream_url + PATH
        async with connect(
            url,
            compression=None,
            ping_interval=None,
            open_timeout=10,
            close_timeout=2,
            max_size=2**20,
            logger=_SILENT,
        ) as socket:
            registrar = Registrar(
                self._roster,
                lambda registration, on: socket.send(
                    self._message(approval.get_secret_value(), registration, on)
                ),
                self._on_event,
                self._pace,
            )
            self._came_up()
            jobs = [
                asyncio.create_task(self._read(socket, registrar)),
                asyncio.create_task(self._arrange(registrar)),
                asyncio.create_task(self._guard(socket)),
            ]
            try:
                done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
                for job in done:
                    job.result()
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)

    def _message(self, approval: str, registration: Registration, on: bool) -> str:
        """Write one registration message."""
        tr_id, tr_key = registration
        if tr_id in NOTICES:
            tr_key = self._session.access.hts_id.get_secret_value()
        header = {
            "approval_key": approval,
            "custtype": "P",
            "tr_type": "1" if on else "2",
            "content-type": "utf-8",
        }
        return json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}}})

    async def _read(self, socket: ClientConnection, registrar: Registrar) -> None:
        async for message in socket:
            text = message if isinstance(message, str) else message.decode("utf-8", "replace")
            reply = self._reception.take(text)
            if isinstance(reply, str):
                await socket.send(reply)
            elif isinstance(reply, Ack):
                registrar.acknowledge(reply)
                if reply.tr_id in NOTICES and reply.ok:
                    self._notice_drops = 0

    async def _arrange(self, registrar: Registrar) -> None:
        """Send registrations as wishes change and turns end."""
        turn_ends = time.monotonic() + self._rotate_seconds
        while not self._stopping.is_set():
            self._wake.clear()
            await registrar.settle()
            if time.monotonic() >= turn_ends:
                turn_ends = time.monotonic() + self._rotate_seconds
                if self._roster.crowded:
                    self._roster.rotate()
                    continue
            wait = min(turn_ends - time.monotonic(), registrar.next_check())
            try:
                await asyncio.wait_for(self._wake.wait(), max(wait, 0.01))
            except TimeoutError:
                continue

    async def _guard(self, socket: ClientConnection) -> None:
        """Test the connection after a silence; return when there is no reply."""
        while True:
            await asyncio.sleep(self._silence_seconds / 4)
            if time.monotonic() - self._reception.last_heard < self._silence_seconds:
                continue
            waiter = await socket.ping()
            try:
                await asyncio.wait_for(waiter, min(10.0, self._silence_seconds))
            except (TimeoutError, ConnectionClosed):
                raise MustReconnect("the server has fallen silent") from None

    def _came_up(self) -> None:
        now = self._now()
        self.counts.connects += 1
        self._reception.restart()
        self._roster.resize(self._places)
        self._connected.set()
        self._on_event(Connected(now))
        if self._down_since is not None:
            self._on_event(Outage(self._down_since, now))
            self._down_since = None

    def _note_drop(self, reason: str, *, lasted: float) -> None:
        if not self._connected.is_set():
            return
        self._connected.clear()
        self.counts.drops += 1
        self._down_since = self._now()
        self._on_event(Disconnected(self._down_since, reason))
        unanswered = self._reception.awaits_notices(self._roster.on)
        self._notice_drops = self._notice_drops + 1 if unanswered and lasted < 5.0 else 0
        if self._notice_drops >= 3:
            raise Refused(
                "KIS drops the stream whenever order notices are registered",
                hint="my_htsid must be the HTS login id, exactly",
            )
