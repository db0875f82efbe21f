"""A local OpenAI-compatible server that misbehaves by script, and counts for itself."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any, Self

Body = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What becomes of one request. ``text`` may look at the request's body."""

    kind: str = "answer"
    text: str | Callable[[Body], str] = ""
    seconds: float = 0.0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    finish: str = "stop"
    usage: bool = True


def valid_plan(body: Body) -> str:
    """A plan that buys the first name the schema allows; without one it does nothing."""
    form = body.get("response_format") or {}
    schema = form.get("schema") or form.get("json_schema", {}).get("schema") or {}
    items = schema.get("properties", {}).get("decisions", {}).get("items", {})
    names = items.get("properties", {}).get("ticker", {}).get("enum", [])
    line = {
        "ticker": names[0] if names else "",
        "action": "BUY",
        "target_weight": 0.1,
        "quantity": None,
        "limit_price": None,
        "confidence": 0.8,
        "justification": "추세가 이어진다",
        "rules": [],
    }
    return json.dumps({"decisions": [line] if names else [], "comment": "각본"}, ensure_ascii=False)


def said(text: str | Callable[[Body], str] = valid_plan, **changes: Any) -> Step:
    return Step("answer", text, **changes)


def failed(status: int, message: str = "no", **headers: str) -> Step:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Step("status", status=status, headers=named, body={"error": {"message": message}})


GOOD = said()
BAD_JSON = said('{"decisions": [')
WRONG_SCHEMA = said('{"decisions": "buy everything", "comment": 7}')
TRUNCATED = said(lambda body: valid_plan(body)[:60], finish="length")
NO_USAGE = said(usage=False)
GARBAGE = Step("garbage")
CUT = Step("cut")
RESET = Step("reset")
HANG = Step("hang")
DRIP = Step("drip")


class ScriptedServer:
    """Serves ``/v1/chat/completions`` on loopback while the ``with`` block runs.

    Args:
        script: Steps taken in turn, again and again; or one step.
        flavour: ``openai`` obeys every response format; ``llama.cpp`` answers 500 to
            ``json_schema``; ``json`` knows JSON mode only; ``plain`` refuses any.
        key: The only key that is let in.
        models: The only models that are known.
    """

    def __init__(
        self,
        script: Step | Iterable[Step] = Step(text=valid_plan),
        *,
        flavour: str = "openai",
        key: str | None = None,
        models: tuple[str, ...] = (),
    ) -> None:
        self._steps = cycle([script] if isinstance(script, Step) else list(script))
        self._flavour = flavour
        self._key = key
        self._models = models
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.calls = self.answers = self.tokens_in = self.tokens_out = self.tokens_cached = 0
        self.under_way = self.most_under_way = 0
        self.starts: list[float] = []
        self.bodies: list[Body] = []
        self._last_first = ""

    @property
    def tokens(self) -> tuple[int, int, int]:
        return (self.tokens_in, self.tokens_out, self.tokens_cached)

    def __enter__(self) -> Self:
        server = self

        class Handler(_Handler):
            scripted = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def arrived(self, body: Body, key: str) -> Step:
        with self._lock:
            self.calls += 1
            self.starts.append(time.monotonic())
            self.bodies.append(body)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            if self._key is not None and key != self._key:
                return failed(401, f"Incorrect API key provided: {key}")
            if self._models and body["model"] not in self._models:
                return failed(404, f"The model '{body['model']}' does not exist")
            return self._form_refused(body) or next(self._steps)

    def _form_refused(self, body: Body) -> Step | None:
        form = body.get("response_format")
        if form is None or self._flavour == "openai":
            return None
        if self._flavour == "plain":
            return failed(400, "response_format is not supported")
        if self._flavour == "llama.cpp":
            return failed(500, "internal error") if form["type"] == "json_schema" else None
        if form["type"] == "json_schema" or "schema" in form:
            return failed(400, "Unknown parameter: 'response_format.schema'")
        return None

    def answer(self, body: Body, text: str, finish: str, usage: bool) -> bytes:
        contents = [message["content"] for message in body["messages"]]
        prompt, completion = len("".join(contents)) // 4, len(text) // 4 + 1
        with self._lock:
            cached = len(contents[0]) // 4 if contents[0] == self._last_first else 0
            self._last_first = contents[0]
            self.answers += 1
            if usage:
                self.tokens_in += prompt
                self.tokens_out += completion
                self.tokens_cached += cached
        answer: Body = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text},
                }
            ],
        }
        if usage:
            answer["usage"] = {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": cached},
            }
        return json.dumps(answer).encode()

    def left(self) -> None:
        with self._lock:
            self.under_way -= 1

    def wait(self, seconds: float) -> None:
        self._over.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    scripted: ScriptedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        step = self.scripted.arrived(body, key)
        try:
            self._play(step, body)
        finally:
            self.scripted.left()

    def _play(self, step: Step, body: Body) -> None:
        self.scripted.wait(step.seconds)
        if step.kind == "answer":
            text = step.text if isinstance(step.text, str) else step.text(body)
            self._write(200, self.scripted.answer(body, text, step.finish, step.usage), {})
        elif step.kind == "status":
            self._write(step.status, json.dumps(step.body).encode(), step.headers)
        elif step.kind == "garbage":
            self._write(200, b"<html>not what you wanted</html>", {})
        elif step.kind == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b'{"choices": [{"message"')
            self.close_connection = True
        elif step.kind == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            for _ in range(600):
                self.wfile.write(b" ")
                self.scripted.wait(0.1)
            self.close_connection = True
        elif step.kind == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
        else:
            self.scripted.wait(60)
            self.close_connection = True

    def _write(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
