"""From the last tick of a bar to the order request, at 40 names, against a bare round trip."""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import backtrader as bt
import orjson
import requests

from benchmarks.figures import Figure
from kisbt.adapter.live_account import open_book
from kisbt.adapter.live_clock import FOREVER, WallClock
from kisbt.adapter.store import KISStore
from kisbt.config import CostSettings, KISSettings
from kisbt.domain.market import Instrument
from kisbt.domain.trading import Side
from kisbt.journal.recovery import Opening
from kisbt.kis.client import KISClient
from kisbt.kis.config import KISConfig
from kisbt.kis.environment import Paper
from kisbt.kis.events import Registered
from kisbt.kis.records import Notice, Trade
from kisbt.kis.registrations import Registration
from kisbt.krx.costs import CostModel

NAMES = [f"{n:06d}" for n in range(1, 41)]
DAY = date(2025, 3, 4)
OPEN = datetime(2025, 3, 4, 9, 0)
PRICE = {"stck_prpr": "10000", "stck_sdpr": "10000", "stck_mxpr": "13000", "stck_llam": "7000"}


class _Venue(BaseHTTPRequestHandler):
    """Answers everything at once, and notes when orders arrive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """A token, or an order's receipt."""
        now = time.perf_counter()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "order-cash" in self.path:
            self.server.arrivals.append(now)  # type: ignore[attr-defined]
        number = f"{len(self.server.arrivals):010d}"  # type: ignore[attr-defined]
        self._answer(
            {
                "rt_cd": "0", "msg_cd": "0", "msg1": "",
                "access_token": "t" * 40, "expires_in": 86_400, "token_type": "Bearer",
                "access_token_token_expired": "2099-01-01 00:00:00",
                "output": {"KRX_FWDG_ORD_ORGNO": "1", "ODNO": number, "ORD_TMD": "090000"},
            }
        )  # fmt: skip

    def do_GET(self) -> None:
        """A price for those who ask for one, no rows of anything else."""
        rows: Any = PRICE if "inquire-price" in self.path else []
        self._answer({"rt_cd": "0", "msg_cd": "0", "msg1": "", "output": rows, "output1": [],
                      "output2": []})  # fmt: skip

    def _answer(self, body: dict[str, Any]) -> None:
        raw = orjson.dumps(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Buyer(bt.Strategy):
    """Orders one share at every bar."""

    def next(self) -> None:
        """One name after the other."""
        self.buy(self.datas[len(self) % len(self.datas)], size=1)


class _Hand(WallClock):
    """Shows the time that the benchmark sets, and sleeps as Korea's clock lets it sleep."""

    def __init__(self, moment: list[datetime]) -> None:
        super().__init__()
        self._moment = moment

    def now(self) -> datetime:
        """The time that was set."""
        return self._moment[0]

    def wall_seconds(self, until: datetime) -> float:
        """A moment at most: the time is set from outside."""
        return 0.25 if until == FOREVER else min((until - self.now()).total_seconds(), 0.25)


class _Stream:
    """Up, and fed by hand."""

    connected, failure, last_reason, places = True, None, "", 41

    def __init__(self) -> None:
        self.counts = type("Counts", (), {"drops": 0, "gaps": 0})()

    def watch(self, _ticker: str) -> None:
        """Registered by hand."""

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes few bars and is noisy."""
    bars = 30 if quick else 300
    with _served() as (server, url), tempfile.TemporaryDirectory() as folder:
        bare = _bare(url, bars)
        measured = _delays(server, url, folder, bars)
    delays, spent = (sorted(each) for each in zip(*measured, strict=True))
    middle, tail = delays[len(delays) // 2], delays[int(len(delays) * 0.99) - 1]
    round_trip = statistics.median(bare)
    return [
        Figure("last tick to order, median", middle / round_trip, "x", "bare requests.post",
               "reported", True),
        Figure("last tick to order, p99", tail * 1e3, "ms", "absolute, loopback, 40 names",
               "< 20 ms", tail < 0.020),
        Figure("the same in processor time, p99", spent[int(len(spent) * 0.99) - 1] * 1e3, "ms",
               "all threads and the venue's; what a quiet machine takes", "< 20 ms",
               spent[int(len(spent) * 0.99) - 1] < 0.020),
    ]  # fmt: skip


@contextmanager
def _served() -> Iterator[tuple[Any, str]]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Venue)
    server.arrivals = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _bare(url: str, count: int) -> list[float]:
    session, spent = requests.Session(), []
    for _ in range(count):
        begun = time.perf_counter()
        session.post(url + "/order", data=b"{}").content  # noqa: B018 - reads the answer
        spent.append(time.perf_counter() - begun)
    return spent


def _delays(server: Any, url: str, folder: str, bars: int) -> list[tuple[float, float]]:
    """Seconds from a bar's last tick to its order's arrival, and of the processor, one a bar."""
    moment = [OPEN - timedelta(minutes=1)]
    clock = _Hand(moment)
    config = KISConfig(
        {"paper_app": "P" * 36, "paper_sec": "s" * 180, "my_paper_stock": "50000000",
         "my_htsid": "", "vps": url, "vops": "ws://127.0.0.1:9"}, "benchmark",
    )  # fmt: skip
    settings = KISSettings(cache=folder, paper_per_second=1000.0)
    instruments = {name: Instrument(ticker=name) for name in NAMES}
    with KISClient.connect(config, Paper(), settings, shared=False, now=clock.now) as client:
        store = KISStore(
            client, tickers=NAMES, frequency="1m", instruments=instruments, clock=clock,
            stream=lambda *_: _Stream(), backfill=0, since=OPEN,  # type: ignore[arg-type]
        )  # fmt: skip
        costs = CostModel.from_settings(CostSettings())
        book = open_book(list(instruments.values()), costs, Opening(OPEN, 10**12, {}))
        cerebro = bt.Cerebro(stdstats=False, runonce=False, quicknotify=True)
        cerebro.setbroker(store.getbroker(book))
        for name in NAMES:
            cerebro.adddata(store.getdata(dataname=name), name=name)
        cerebro.addstrategy(_Buyer)
        loop = threading.Thread(target=cerebro.run, daemon=True)
        loop.start()
        try:
            return _ticks(store, server, moment, bars)
        finally:
            store.finish()
            loop.join(10.0)
            store.stop()


def _ticks(
    store: KISStore, server: Any, moment: list[datetime], bars: int
) -> list[tuple[float, float]]:
    """Tick all names through ``bars`` minutes; the first tick behind a bar's end completes it."""
    hear, delays, traded = store._intake.hear, [], 0
    while store._worker is None or not store._worker.started:
        time.sleep(0.01)
    for name in NAMES:
        hear(Registered(Registration("H0STCNT0", name)))
    moment[0] = OPEN
    for minute in range(bars + 1):
        at = OPEN + timedelta(minutes=minute, seconds=1)
        moment[0] = at
        traded += 1
        arrived = len(server.arrivals)
        for name in NAMES:
            fields = [""] * 47
            fields[33] = f"{DAY:%Y%m%d}"
            hear(Trade("H0STCNT0", name, f"{at:%H%M%S}", 10_000, 1, traded, 0, 0, fields))
        last, busy = time.perf_counter(), time.process_time()
        if not minute:
            time.sleep(0.2)
            continue
        until = last + 1.0
        while len(server.arrivals) == arrived and time.perf_counter() < until:
            time.sleep(0.0002)
        busy = time.process_time() - busy
        came = server.arrivals[-1] if len(server.arrivals) > arrived else until
        delays.append((came - last, busy))
        hear(_filled(len(server.arrivals), minute, at))
        time.sleep(0.02)
    return delays


def _filled(number: int, bar: int, at: datetime) -> Notice:
    """The notice of the fill of the newest order."""
    return Notice(
        "H0STCNI9", f"{number:010d}", "", Side.BUY, "0", "00", NAMES[bar % len(NAMES)], 1, 10_000,
        at.time(), False, True, "2", "1", 1, None, "", "", "5000000001", "",
    )  # fmt: skip
