"""Frames against a bare split, quotes against the rate limit's own time, notices on loopback."""

import base64
import json
import logging
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from websockets.sync.server import ServerConnection, serve

from benchmarks.figures import Figure
from kisbt.config import KISSettings
from kisbt.kis.client import KISClient
from kisbt.kis.config import KISConfig
from kisbt.kis.environment import Paper, Real
from kisbt.kis.events import Registered, StreamEvent
from kisbt.kis.frames import parse_frame
from kisbt.kis.records import Notice
from kisbt.kis.stream import KISStream

NAMES, RATE = 40, 18
KEY, IV = "k" * 32, "i" * 16

TRADE = (
    "000660^101530^128500^2^1500^1.18^128123.45^127000^129000^126500^128500^128000^17^2345678"
    "^300400500600^4321^5678^1357^104.27^1100200^1147300^1^0.51^88.10^090021^2^1500^093112^5^-500"
    "^090544^2^2000^20260921^20^N^9120^30455^412345^398765^0.32^2661234^88.14^0^^127000^2"
)
BOOK = "^".join(
    ["000660", "101531", "0", *(str(128500 + step) for step in range(40)), *(["0"] * 20)]
)
NOTICE = (
    "login^5012345601^0000002891^^02^0^00^0^000660^0000000001^000128500^101532^0^2^2^06010"
    "^000000001^NAME^NAME^10^^NAME^000128500"
)


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes few repetitions and is noisy."""
    rounds, frames = (3, 3_000) if quick else (15, 20_000)
    return [
        _frames("trade frame, 1 record", f"0|H0STCNT0|001|{TRADE}", rounds, frames),
        _frames("trade frame, 4 records", f"0|H0STCNT0|004|{_times(TRADE, 4)}", rounds, frames),
        _frames("order book frame", f"0|H0STASP0|001|{BOOK}", rounds, frames),
        _quotes(),
        _notices(100 if quick else 2_000),
    ]


def _times(record: str, count: int) -> str:
    return "^".join([record] * count)


def _frames(name: str, frame: str, rounds: int, frames: int) -> Figure:
    """Median over rounds of typed parsing's rate to a bare split's, measured in turns."""
    ratios = []
    for _ in range(rounds):
        bare = _seconds(lambda: frame.split("^"), frames)
        ratios.append(bare / _seconds(lambda: parse_frame(frame), frames))
    value = statistics.median(ratios)
    return Figure(name, value, "x", "bare str.split of the same frame", ">= 0.4", value >= 0.4)


def _seconds(call: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - started


def _quotes() -> Figure:
    """Forty quotes of forty names through the limit of a real key."""
    with _rest() as url, tempfile.TemporaryDirectory() as cache:
        settings = KISSettings(cache=cache, real_per_second=RATE)
        with KISClient.connect(_config(url, url), Real(), settings) as client:
            client.quotes(["000001"])  # a token and warm threads are not what is measured
            time.sleep(1.1)
            started = time.perf_counter()
            batch = client.quotes([f"{number:06d}" for number in range(NAMES)])
            seconds = time.perf_counter() - started
    value = seconds / (NAMES / RATE) if len(batch.prices) == NAMES else float("inf")
    return Figure(
        f"{NAMES} quotes through {RATE} a second",
        value,
        "x",
        f"ideal time {NAMES / RATE:.2f} s",
        "<= 1.1",
        value <= 1.1,
    )


def _notices(count: int) -> Figure:
    """From a notice's sending to its typed object in the listener, one at a time."""
    arrived, ready = threading.Event(), threading.Event()

    def hear(event: StreamEvent) -> None:
        if isinstance(event, Notice):
            arrived.set()
        elif isinstance(event, Registered):
            ready.set()

    delays = []
    frame = f"1|H0STCNI9|001|{_encrypted(NOTICE)}"
    with _rest() as url, _stream() as (stream_url, lines), tempfile.TemporaryDirectory() as cache:
        settings = KISSettings(cache=cache, paper_per_second=RATE)
        with (
            KISClient.connect(_config(url, stream_url), Paper(), settings) as client,
            KISStream(client.session, hear) as stream,
        ):
            stream.watch_orders()
            ready.wait(10)
            for _ in range(count):
                arrived.clear()
                started = time.perf_counter()
                lines[-1].send(frame)
                arrived.wait(1)
                delays.append(time.perf_counter() - started)
    value = 1000 * statistics.quantiles(delays, n=100)[98]
    return Figure("notice on the wire to object, p99", value, "ms", "absolute", "< 5 ms", value < 5)


def _encrypted(text: str) -> str:
    padder = PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(KEY.encode()), modes.CBC(IV.encode())).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def _config(url: str, stream_url: str) -> KISConfig:
    keys = {
        "my_app": "a" * 36,
        "my_sec": "b" * 180,
        "paper_app": "c" * 36,
        "paper_sec": "d" * 180,
        "my_acct_stock": "12345678",
        "my_paper_stock": "12345678",
        "my_htsid": "login",
    }
    stream = stream_url.replace("http:", "ws:")
    hosts = {"prod": url, "vps": url, "ops": stream, "vops": stream}
    return KISConfig({**keys, **hosts}, "benchmark")


@contextmanager
def _rest() -> Iterator[str]:
    """A server that answers every request at once."""
    answers: dict[str, Any] = {
        "tokenP": {"access_token": "t" * 40, "expires_in": 86400},
        "Approval": {"approval_key": "k" * 36},
    }
    price = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "", "output": {"stck_prpr": "70100"}}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = json.dumps(answers.get(self.path.rsplit("/", 1)[-1], price)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _stream() -> Iterator[tuple[str, list[ServerConnection]]]:
    """A stream that acknowledges everything; yields its URL and its open lines."""
    lines: list[ServerConnection] = []

    def acknowledge(line: ServerConnection) -> None:
        lines.append(line)
        for text in line:
            wanted = json.loads(text)["body"]["input"]
            body = {"rt_cd": "0", "msg_cd": "OPSP0000", "output": {"key": KEY, "iv": IV}}
            line.send(json.dumps({"header": wanted, "body": body}))

    quiet = logging.getLogger("benchmarks.kis")
    quiet.setLevel(logging.CRITICAL)
    with serve(acknowledge, "127.0.0.1", 0, logger=quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", lines
        server.shutdown()
