"""A headless Chromium on two pipes (DevTools protocol), without any driver package."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

EXECUTABLE = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)


class Visit(NamedTuple):
    """What happened when a page was opened."""

    requests: tuple[str, ...]
    failed: tuple[str, ...]
    complaints: tuple[str, ...]
    page_width: int
    text: str


class Chromium:
    """Talks to one browser process. Every wait ends after ``patience`` seconds."""

    def __init__(self, send: int, receive: int, patience: float = 60.0) -> None:
        self._send, self._receive = send, receive
        self._patience = patience
        self._number = 0
        self._rest = b""
        self._events: list[dict[str, Any]] = []

    def visit(self, url: str, width: int, height: int = 900) -> Visit:
        """Open ``url`` in a window of ``width`` pixels and look at it."""
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        session = attached["sessionId"]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", size, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable", {}, session)
        self._events.clear()
        self._ask("Page.navigate", {"url": url}, session)
        self._wait_for("Page.loadEventFired")
        script = "JSON.stringify([document.documentElement.scrollWidth, document.body.innerText])"
        answer = self._ask("Runtime.evaluate", {"expression": script}, session)
        page_width, text = json.loads(answer["result"]["value"])
        self._ask("Target.closeTarget", {"targetId": target})
        return Visit(
            tuple(e["request"]["url"] for e in self._heard("Network.requestWillBeSent")),
            tuple(e["errorText"] for e in self._heard("Network.loadingFailed")),
            tuple(
                json.dumps(e)
                for name in (
                    "Runtime.consoleAPICalled",
                    "Runtime.exceptionThrown",
                    "Log.entryAdded",
                )
                for e in self._heard(name)
            ),
            page_width,
            text,
        )

    def _heard(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self._events if event["method"] == method]

    def _ask(self, method: str, params: dict[str, Any], session: str | None = None) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _wait_for(self, method: str) -> None:
        while not self._heard(method):
            self._next()

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + self._patience
        while b"\0" not in self._rest:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._receive], [], [], left)[0]:
                raise TimeoutError("Chromium does not answer")
            chunk = os.read(self._receive, 1 << 16)
            if not chunk:
                raise ConnectionError("Chromium has gone")
            self._rest += chunk
        raw, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(raw)
        if "method" in message:
            self._events.append(message)
        return message


@contextmanager
def running() -> Iterator[Chromium]:
    """A browser with an empty profile, ended afterwards."""
    assert EXECUTABLE is not None
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(prefix="kisbt-chromium-", ignore_cleanup_errors=True) as home:
        # The protocol wants its pipes on descriptors 3 and 4.
        script = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", script, EXECUTABLE, *FLAGS, f"--user-data-dir={Path(home)}"]
        process = subprocess.Popen(
            command,
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Chromium(ours_out, ours_in)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(ours_out)
            os.close(ours_in)
