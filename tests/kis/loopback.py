"""A small scripted server on loopback: it says what the test wrote, and keeps what it heard."""

import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

APP_KEY = "PSKEY" + "k" * 31
APP_SECRET = "SECRET" + "s" * 170 + "+/=="
ACCOUNT = "50123456"
HTS_ID = "hts-login-7"
TOKEN = "eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ0b2tlbiJ9.c2lnbmF0dXJl"
APPROVAL = "0f0e0d0c-1111-2222-3333-444455556666"


class Heard(NamedTuple):
    """One request as it arrived; ``at`` is monotonic seconds."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: dict[str, str]

    @property
    def tr_id(self) -> str:
        return self.headers.get("tr_id", "")


class Say(NamedTuple):
    """One scripted answer. ``raw`` replaces the JSON body; ``wait`` seconds pass before it."""

    body: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = {}
    raw: bytes | None = None
    wait: float = 0.0
    hang_up: bool = False
    drip: bool = False


OK = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다."}


def gateway(code: str, text: str = "시험", status: int = 500) -> Say:
    """The error body of the gateway."""
    return Say({"rt_cd": "1", "msg_cd": code, "msg1": text}, status)


class Loopback:
    """An HTTP server. Scripted answers of a path are used up; then its default answer stays."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._scripts: dict[str, deque[Say]] = defaultdict(deque)
        self._defaults: dict[str, Callable[[Heard], Say]] = {}
        self._lock = threading.Lock()
        self.tokens = 0
        self.default("/oauth2/tokenP", self._token)
        self.default("/oauth2/Approval", lambda _: Say({"approval_key": APPROVAL}))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def say(self, path: str, *answers: Say | dict[str, Any]) -> None:
        """Script the next answers of the path that ends in ``path``."""
        for answer in answers:
            self._scripts[path].append(answer if isinstance(answer, Say) else Say(answer))

    def default(self, path: str, answer: Callable[[Heard], Say] | dict[str, Any]) -> None:
        """Set what a path answers when nothing is scripted."""
        if callable(answer):
            self._defaults[path] = answer
        else:
            self._defaults[path] = lambda _: Say(answer)

    def of(self, path: str) -> list[Heard]:
        """Return the requests to the paths that end in ``path``."""
        return [heard for heard in self.heard if heard.path.endswith(path)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _token(self, _: Heard) -> Say:
        self.tokens += 1
        return Say(
            {"access_token": f"{TOKEN}{self.tokens}", "token_type": "Bearer", "expires_in": 86400}
        )

    def _answer(self, heard: Heard) -> Say:
        with self._lock:
            self.heard.append(heard)
            for path, script in self._scripts.items():
                if heard.path.endswith(path) and script:
                    return script.popleft()
            for path, default in self._defaults.items():
                if heard.path.endswith(path):
                    return default(heard)
        return gateway("OPSQ0002", "없는 서비스 코드 입니다.", 404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or every kept connection waits 40 ms a request

            def do_GET(self) -> None:
                self._serve({})

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                self._serve(json.loads(self.rfile.read(size) or b"{}"))

            def _serve(self, body: dict[str, str]) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): text for name, text in self.headers.items()}
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                at = time.monotonic()
                say = loopback._answer(Heard(at, self.command, parts.path, headers, query, body))
                time.sleep(say.wait)
                if say.hang_up:
                    self.close_connection = True
                    return
                content = say.raw
                if content is None:
                    content = json.dumps(say.body or {}, ensure_ascii=False).encode()
                self.send_response(say.status)
                for name, text in say.headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                try:
                    for part in [content] if not say.drip else [bytes([b]) for b in content]:
                        self.wfile.write(part)
                        time.sleep(0.05 if say.drip else 0)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
