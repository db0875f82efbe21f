"""Clients of the scripted server, with time that costs nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from kisbt.config import LLMSettings, TokenPrice
from kisbt.llm.cache import ReplyCache
from kisbt.llm.client import LLMClient
from kisbt.llm.endpoint import Endpoint
from kisbt.llm.exchange import ChatRequest, Message
from kisbt.llm.meter import Budget, Meter
from kisbt.llm.plan_schema import plan_schema
from tests.llm.scripted_server import GOOD, ScriptedServer

AT = datetime(2026, 3, 2, 15, 31)
SCHEMA = plan_schema(("A", "B"))


def settings_for(base_url: str, **changes: Any) -> LLMSettings:
    values: dict[str, Any] = {
        "base_url": base_url,
        "model": "m",
        "timeout_seconds": 5.0,
        "prices": {"m": TokenPrice(input=1.0, cached_input=0.1, output=2.0)},
    }
    return LLMSettings(**(values | changes))


def question(number: int = 0, *, draw: int = 0, schema: Any = SCHEMA) -> ChatRequest:
    messages = (Message("system", "원칙 " * 100), Message("user", f"틱 {number}"))
    return ChatRequest(messages, schema, draw)


class Naps(list[float]):
    """A ``sleep`` that only notes."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@contextmanager
def client_of(
    settings: LLMSettings,
    folder: Path,
    *,
    mode: Any = "record",
    budget: Budget | None = None,
    naps: Naps | None = None,
    environ: dict[str, str] | None = None,
    label: str = "run",
) -> Iterator[LLMClient]:
    cache = ReplyCache(folder / "cache.sqlite")
    endpoint = None
    if mode == "record":
        sleep = Naps() if naps is None else naps
        endpoint = Endpoint(settings, environ=environ or {}, sleep=sleep)
    meter = Meter(budget or Budget())
    try:
        yield LLMClient(
            settings,
            cache,
            mode=mode,
            meter=meter,
            endpoint=endpoint,
            now=lambda: AT,
            label=label,
        )
    finally:
        if endpoint is not None:
            endpoint.close()
        cache.close()


@contextmanager
def scene(
    folder: Path,
    script: Any = GOOD,
    *,
    flavour: str = "openai",
    budget: Budget | None = None,
    naps: Naps | None = None,
    **changes: Any,
) -> Iterator[tuple[ScriptedServer, LLMClient]]:
    """A server and a client of it; ``changes`` are settings."""
    with (
        ScriptedServer(script, flavour=flavour) as server,
        client_of(
            settings_for(server.base_url, **changes), folder, budget=budget, naps=naps
        ) as client,
    ):
        yield server, client
