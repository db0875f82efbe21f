"""The model's client: waiting that overlaps, its own cost a call, and decisions from a full cache.

The server runs in a process of its own and answers after a fixed time.
"""

import asyncio
import multiprocessing
import statistics
import tempfile
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from benchmarks.figures import Figure
from kisbt.config import LLMSettings, RiskLimits
from kisbt.domain.llm import LLMCall
from kisbt.domain.market import Instrument
from kisbt.domain.state import DecisionContext, MarketAnalysis, PortfolioStatus, Tick
from kisbt.llm.blind import Mask
from kisbt.llm.cache import ReplyCache
from kisbt.llm.client import LLMClient
from kisbt.llm.decider import LLMDecider
from kisbt.llm.endpoint import Endpoint
from kisbt.llm.exchange import ChatRequest, Message
from kisbt.llm.meter import Meter
from kisbt.rulebook.store import PromptStore

REPLIES = 32
START = datetime(2020, 1, 2, 15, 30)
PROMPTS = Path(__file__).resolve().parents[1] / "prompts"


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes small sizes and says nothing about the targets."""
    with tempfile.TemporaryDirectory(prefix="kisbt-bench-") as folder:
        return [
            *_overlap(Path(folder), 0.2 if quick else 1.0, 2 if quick else 5),
            *_overhead(Path(folder), 20 if quick else 300),
            *_replay(Path(folder), 200 if quick else 5_000),
        ]


def _overlap(folder: Path, seconds: float, rounds: int) -> list[Figure]:
    """32 runs that wait for a server at the same time, each one question after the other."""
    with _Server(seconds) as address:
        settings = _settings(address)
        with (
            closing(ReplyCache(folder / "overlap.sqlite")) as cache,
            closing(Endpoint(settings)) as end,
        ):
            meter = Meter()

            def work(run: int, first: int, last: int) -> None:
                label = f"run {run}"
                client = LLMClient(
                    settings, cache, mode="record", meter=meter, label=label, endpoint=end
                )
                for number in range(first, last):
                    client.ask(_question(run * 1_000 + number))

            _together(work, 0, 1)  # connections and imports are there afterwards
            began = time.perf_counter()
            _together(work, 1, rounds + 1)
            taken = time.perf_counter() - began
    share = rounds * seconds / taken
    return [
        Figure(f"{REPLIES} runs at once, server answers in {seconds:g} s", share, "x",
               f"{REPLIES} calls every {seconds:g} s", ">= 0.90", share >= 0.90),
    ]  # fmt: skip


def _together(work: "object", first: int, last: int) -> None:
    threads = [
        threading.Thread(target=work, args=(run, first, last))  # type: ignore[arg-type]
        for run in range(REPLIES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _overhead(folder: Path, count: int) -> list[Figure]:
    """One call after the other to a server that answers at once, beside plain HTTP."""
    ours, plain = [], []
    with _Server(0.0) as address:
        settings = _settings(address)
        split = urlsplit(address)
        with (
            closing(ReplyCache(folder / "overhead.sqlite")) as cache,
            closing(Endpoint(settings)) as end,
            closing(HTTPConnection(str(split.hostname), split.port)) as raw,
        ):
            client = LLMClient(settings, cache, mode="record", meter=Meter(), endpoint=end)
            for number in range(count):
                began = time.perf_counter()
                exchange = client.ask(_question(number))
                ours.append(time.perf_counter() - began)
                body = exchange.request.encode()
                began = time.perf_counter()
                raw.request("POST", f"{split.path}/chat/completions", body, _JSON)
                raw.getresponse().read()
                plain.append(time.perf_counter() - began)
    mine, bare = statistics.median(ours), statistics.median(plain)
    return [
        Figure("one recorded call, server answers at once", mine * 1e3, "ms", "absolute",
               "<= 10 ms", mine <= 0.010),
        Figure("one recorded call: time", mine / bare, "x", "http.client, same body",
               "<= 12", mine / bare <= 12),
    ]  # fmt: skip


def _replay(folder: Path, count: int) -> list[Figure]:
    """Whole decisions of node 3 from a full cache: render, hash, find, parse, unmask, tell."""
    universe = {"005930": Instrument(ticker="005930", name="삼성전자")}
    contexts = [_context(number) for number in range(count)]
    version = PromptStore(PROMPTS).current()

    def decider(client: LLMClient, listener: "_Silent") -> LLMDecider:
        return LLMDecider(
            version,
            client,
            RiskLimits(),
            universe,
            mask=Mask(1, universe.values()),
            listener=listener,
            model="m",
        )

    with _Server(0.0) as address:
        settings = _settings(address)
        path = folder / "replay.sqlite"
        with closing(ReplyCache(path)) as cache, closing(Endpoint(settings)) as end:
            client = LLMClient(settings, cache, mode="record", meter=Meter(), endpoint=end)
            recorded = decider(client, _Silent())
            for each in contexts:
                recorded.decide(each)
    rates = []
    for _ in range(5):
        with closing(ReplyCache(path, create=False)) as cache:
            client = LLMClient(settings, cache, mode="replay", meter=Meter())
            replayed, heard = decider(client, _Silent()), 0
            began = time.process_time()
            for each in contexts:
                heard += len(replayed.decide(each).decisions)
            rates.append(count / (time.process_time() - began))
            if heard != count:
                raise AssertionError(f"{heard} decisions of {count}")
    rate = statistics.median(rates)
    return [
        Figure("decisions from a full cache, one name", rate, "/s",
               "absolute, processor time", ">= 5,000",
               rate >= 5_000),
    ]  # fmt: skip


class _Silent:
    def record_call(self, call: LLMCall) -> None:
        pass


def _settings(address: str) -> LLMSettings:
    return LLMSettings(base_url=address, model="m", timeout_seconds=30)


def _question(number: int) -> ChatRequest:
    messages = (Message("system", "원칙을 지킨다. " * 250), Message("user", f"틱 {number}"))
    return ChatRequest(messages, _SCHEMA)


_JSON = {"Content-Type": "application/json"}
_SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def _context(number: int) -> DecisionContext:
    at = START + timedelta(days=number)
    row: dict[str, float | None] = {
        "volume_ratio": 1.0 + number / 1e4,
        "change_pct": 0.5,
        "ma20_gap_pct": 1.0,
        "limit_up_streak": 0.0,
        "breadth": 0.5,
        "market_mood": 50.0,
        "halted": 0.0,
    }
    cash = 100_000_000
    return DecisionContext(
        Tick(number, at, (at + timedelta(days=1)).date()),
        PortfolioStatus(cash=cash, orderable_cash=cash, equity=cash, exposure=0.0, positions=()),
        MarketAnalysis(features={"005930": row}, closes={"005930": 50_000 + number},
                       opportunities=(), risks=(), mood=50.0),
    )  # fmt: skip


class _Server:
    """A server in a process of its own; gives its address."""

    def __init__(self, seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._mine, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(seconds, other), daemon=True)

    def __enter__(self) -> str:
        self._process.start()
        address: str = self._mine.recv()
        return address

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(seconds: float, told: "Connection[str, str]") -> None:
    asyncio.run(_answer(seconds, told))


async def _answer(seconds: float, told: "Connection[str, str]") -> None:
    from aiohttp import web

    async def complete(request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if seconds:
            await asyncio.sleep(seconds)
        form = body.get("response_format", {}).get("json_schema", {})
        items = form.get("schema", {}).get("properties", {}).get("decisions", {}).get("items", {})
        names = items.get("properties", {}).get("ticker", {}).get("enum", [])
        line: dict[str, object] = {
            "ticker": names[0] if names else "A",
            "action": "BUY",
            "target_weight": 0.1,
            "quantity": None,
            "limit_price": None,
            "confidence": 0.8,
            "justification": "거래량이 늘고 추세가 이어진다",
            "rules": [],
        }
        text = orjson.dumps({"decisions": [line], "comment": ""}).decode()
        message = {"role": "assistant", "content": text}
        answer = {
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1_500, "completion_tokens": 80},
        }
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.send(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
    await asyncio.Event().wait()
