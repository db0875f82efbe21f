"""One server for all runs of a process: limits, retries, and the form of JSON that it knows."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kisbt.config import LLMSettings
from kisbt.llm.exchange import ChatRequest
from kisbt.llm.limits import CallLimiter, Slot
from kisbt.llm.meter import Flight, Meter
from kisbt.llm.prices import PriceList
from kisbt.llm.stops import BudgetSpent
from kisbt.llm.structured import Mode, ModeMemory, response_format
from kisbt.llm.too_long import too_long
from kisbt.llm.wire import Reply, Wire

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 30.0
"""Seconds between two attempts when the server does not say."""

PATIENCE = 300.0
"""Seconds that a server may ask to wait; one that asks for more gets no further attempt."""

_GUESSED_OUTPUT = 500
"""Tokens that an answer is reckoned at beforehand, when ``max_tokens`` does not say."""


class Outcome(NamedTuple):
    """The last reply, and what all attempts took. ``spent`` is set when the budget ended them."""

    reply: Reply
    attempts: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    latency_ms: float
    spent: BudgetSpent | None = None


class Endpoint:
    """Asks one server until it answers or will not.

    Args:
        settings: Address, limits, retries. Model, seed and temperature come with each question.
        environ: Where the key is; the process's own by default.
        sleep: How to wait.
        clock: Seconds.

    Raises:
        ConfigError: the address is none, or the key is missing.
    """

    def __init__(
        self,
        settings: LLMSettings,
        *,
        environ: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = Wire(settings, os.environ if environ is None else environ)
        self._retries = settings.retries
        self._sleep = sleep
        self._modes = ModeMemory(settings.structured)
        self._dialects: dict[str, frozenset[str]] = {}
        self._limiter = CallLimiter(
            settings.concurrency,
            settings.requests_per_minute,
            settings.tokens_per_minute,
            clock=clock,
            sleep=sleep,
        )
        self.address = self._wire.address

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def ask(
        self, request: ChatRequest, settings: LLMSettings, meter: Meter, prices: PriceList
    ) -> Outcome:
        """Ask until there is an answer.

        Args:
            request: The question.
            settings: Model, temperature, seed and ``max_tokens`` of the run.
            meter: Every attempt is a call of its budget.
            prices: What the tokens cost.

        Raises:
            BudgetSpent: not even the first attempt is within the budget.
        """
        return _Asking(self, request, settings, meter, prices).run()


class _Asking:
    """The attempts of one question."""

    def __init__(
        self,
        endpoint: Endpoint,
        request: ChatRequest,
        settings: LLMSettings,
        meter: Meter,
        prices: PriceList,
    ) -> None:
        self._end = endpoint
        self._request = request
        self._settings = settings
        self._meter = meter
        self._prices = prices
        self._mode: Mode = endpoint._modes.first(settings.model, request.schema)
        self._attempts = self._in = self._out = self._cached = 0
        self._latency = 0.0
        size = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
        self._guess = size // 4 + (settings.max_tokens or _GUESSED_OUTPUT)

    def run(self) -> Outcome:
        modes, model, schema = self._end._modes, self._settings.model, self._request.schema
        failures = in_mode = 0
        while True:
            try:
                reply = self._attempt()
            except BudgetSpent as spent:
                if self._attempts == 0:
                    raise
                return self._outcome(Reply("refused", error=spent.message), spent)
            if reply.kind == "answer":
                modes.prove(model, self._mode, schema)
                return self._outcome(reply)
            if self._adapt(reply):
                continue
            in_mode += 1
            weaker = modes.next(self._mode)
            if weaker is not None and self._form_refused(reply, in_mode):
                logger.info("%s: %s does not work (%s)", model, self._mode, reply.error)
                self._mode, in_mode = weaker, 0
                continue
            failures += 1
            if reply.kind not in ("busy", "fault") or failures > self._end._retries:
                return self._outcome(reply)
            seconds = min(0.5 * 2.0 ** (failures - 1), LONGEST_BACKOFF)
            if reply.wait is not None:
                if reply.wait > PATIENCE:
                    return self._outcome(reply)
                seconds = reply.wait
            if reply.kind == "busy":
                self._end._limiter.pause(seconds)  # the others would only be turned away too
            self._end._sleep(seconds)

    def _attempt(self) -> Reply:
        with self._end._limiter.slot(self._guess) as slot, self._meter.flight() as flight:
            self._attempts += 1
            began = time.perf_counter()
            reply = self._end._wire.post(self._body())
            self._latency = (time.perf_counter() - began) * 1e3
            self._take(reply, slot, flight)
        return reply

    def _take(self, reply: Reply, slot: Slot, flight: Flight) -> None:
        self._in += reply.tokens_in
        self._out += reply.tokens_out
        self._cached += reply.tokens_cached
        flight.tokens = reply.tokens_in + reply.tokens_out
        flight.krw = self._prices.cost(reply.tokens_in, reply.tokens_out, reply.tokens_cached).krw
        slot.tokens = flight.tokens or (self._guess if reply.kind == "answer" else 0)

    def _form_refused(self, reply: Reply, times: int) -> bool:
        """Whether the form of JSON, and not something that passes, is the likely reason."""
        said = (reply.error + reply.raw).lower()
        if reply.kind == "refused":
            if too_long(reply) is not None:
                return False
            named = any(word in said for word in ("response_format", "schema", "grammar", "json"))
            return named or not self._end._modes.proven(self._settings.model)
        if self._end._modes.proven(self._settings.model):
            return False
        # llama-cpp-python's server answers 500 to a form that it does not know.
        return reply.kind == "fault" and reply.status >= 500 and times >= 2

    def _body(self) -> dict[str, Any]:
        settings, request = self._settings, self._request
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "temperature": settings.temperature,
        }
        if settings.seed is not None:
            body["seed"] = settings.seed + request.draw
        if settings.max_tokens is not None:
            body["max_tokens"] = settings.max_tokens
        if request.schema is not None:
            form = response_format(self._mode, request.schema)
            if form is not None:
                body["response_format"] = form
        dialect = self._end._dialects.get(settings.model, frozenset())
        if "max_tokens" in dialect and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
        for name in ("temperature", "seed"):
            if name in dialect:
                body.pop(name, None)
        return body

    def _adapt(self, reply: Reply) -> bool:
        """Learn that a model takes no ``temperature``, ``seed`` or ``max_tokens``."""
        if reply.status != 400 or reply.kind != "refused":
            return False
        model = self._settings.model
        known = self._end._dialects.get(model, frozenset())
        said = reply.error + reply.raw
        for name in ("max_tokens", "temperature", "seed"):
            if name not in known and (f"'{name}'" in said or f'"{name}"' in said):
                logger.warning("%s takes no %s: %s", model, name, reply.error)
                self._end._dialects[model] = known | {name}
                return True
        return False

    def _outcome(self, reply: Reply, spent: BudgetSpent | None = None) -> Outcome:
        tokens = (self._in, self._out, self._cached)
        return Outcome(reply, self._attempts, *tokens, self._latency, spent)
