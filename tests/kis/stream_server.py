"""A small scripted WebSocket server on loopback."""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.kis.loopback import APPROVAL
from tests.kis.stream_texts import ack

Answer = Callable[[dict[str, Any]], list[str]]


class StreamServer:
    """Acknowledges registrations as ``answer`` says, pushes what a test wants, drops on demand."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.registered: list[tuple[str, str]] = []
        self.most_registered = 0
        self.connections: list[ServerConnection] = []
        self.answer: Answer = self.acknowledge
        self.deaf = False
        quiet = logging.getLogger("tests.kis.stream_server")
        quiet.setLevel(logging.CRITICAL)
        self._server = serve(self._serve, "127.0.0.1", 0, logger=quiet, compression=None)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def acknowledge(self, message: dict[str, Any]) -> list[str]:
        """Take every registration, as KIS does up to 41."""
        wanted = message["body"]["input"]
        key = (wanted["tr_id"], wanted["tr_key"])
        if message["header"]["approval_key"] != APPROVAL:
            return [ack(*key, "OPSP0011", "invalid approval : NOT FOUND")]
        if message["header"]["tr_type"] == "2":
            if key not in self.registered:
                return [ack(*key, "OPSP0003", "UNSUBSCRIBE ERROR(not found!)")]
            self.registered.remove(key)
            return [ack(*key, "OPSP0001", "UNSUBSCRIBE SUCCESS")]
        if key in self.registered:
            return [ack(*key, "OPSP0002", "ALREADY IN SUBSCRIBE")]
        if len(self.registered) >= 41:
            return [ack(*key, "OPSP0008", "MAX SUBSCRIBE OVER")]
        self.registered.append(key)
        self.most_registered = max(self.most_registered, len(self.registered))
        return [ack(*key)]

    def push(self, *texts: str) -> None:
        for text in texts:
            self.connections[-1].send(text)

    def drop(self) -> None:
        """Break the line without a close frame."""
        connection = self.connections[-1]
        connection.socket.shutdown(2)

    def wait_for(self, done: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until ``done``; fail the test when it takes too long."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, "the stream did not get there"
            time.sleep(0.005)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        self.registered.clear()
        try:
            for text in connection:
                self.texts.append(str(text))
                message = json.loads(text)
                if message["header"].get("tr_id") == "PINGPONG":
                    continue
                self.messages.append(message)
                if self.deaf:
                    continue
                for reply in self.answer(message):
                    connection.send(reply)
        except ConnectionClosed:
            pass
