"""Answers questions to a model: from recorded replies, else over the wire, recording as it goes."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from kisbt.config import LLMSettings
from kisbt.errors import ConfigError
from kisbt.krx.calendar import now as korean_now
from kisbt.llm.cache import ReplyCache, Stored
from kisbt.llm.canonical import Canon, Question
from kisbt.llm.endpoint import Endpoint, Outcome
from kisbt.llm.exchange import ChatRequest, Exchange
from kisbt.llm.meter import Meter, Usage
from kisbt.llm.prices import PriceList
from kisbt.llm.secrets import is_local
from kisbt.llm.stops import BudgetSpent, ModelUnusable, NoAnswer, ReplayMiss
from kisbt.llm.too_long import HINT, too_long
from kisbt.llm.wire import Reply

Mode = Literal["record", "replay"]


class LLMClient:
    """The model of one run. Safe from any thread.

    In ``record`` mode a question whose reply is recorded is answered from the cache; a recorded
    failure is asked again by the next run. In ``replay`` mode nothing ever leaves the process, and
    a recorded failure fails again.

    Args:
        settings: Model and parameters.
        cache: Recorded replies; shared by all runs.
        mode: ``record`` or ``replay``.
        meter: Counts, and holds the budget; shared by all runs of a command.
        label: The run's name in the meter.
        endpoint: The server; shared by all runs. Made on first need when not given.
        now: Naive KST, for the time of a call.

    Raises:
        ConfigError: no model is named, or the budget is in won and the model's price is unknown.
    """

    def __init__(
        self,
        settings: LLMSettings,
        cache: ReplyCache,
        *,
        mode: Mode,
        meter: Meter,
        label: str = "",
        endpoint: Endpoint | None = None,
        now: Callable[[], datetime] = korean_now,
    ) -> None:
        if not settings.model:
            raise ConfigError("no model is named", hint="use --model, or set llm.model")
        self._settings = settings
        self._cache = cache
        self._replay = mode == "replay"
        self._meter = meter
        self._label = label
        self._now = now
        self._canon = Canon(settings)
        self._prices = PriceList(settings)
        self._failed: set[str] = set()
        self._answered = False
        self._heard = False
        self._endpoint = endpoint
        self._owns_endpoint = False
        if not self._replay:
            self._check_prices()
            if endpoint is None:
                self._endpoint = Endpoint(settings)
                self._owns_endpoint = True

    def _check_prices(self) -> None:
        settings = self._settings
        known = self._prices.known or is_local(settings.base_url)
        if settings.budget_krw is not None and not known:
            raise ConfigError(
                f"llm.budget_krw needs the price of {settings.model}",
                hint=f'add [llm.prices."{settings.model}"] with input and output',
            )

    def ask(self, request: ChatRequest) -> Exchange:
        """Return the exchange of a question, from the cache or sent.

        Raises:
            NoAnswer: a ``DeciderError``; no answer after all retries. The exchange rides on it.
            ReplayMiss: replaying, and no reply is recorded.
            BudgetSpent: the budget allows no further call.
            ModelUnusable: the run's first call shows that none can succeed.
            CacheTrouble: the cache can no longer be used.
        """
        question = self._canon.question(request)
        stored = self._cache.get(question.key)
        if stored is None:
            if self._replay:
                raise ReplayMiss(self._settings.model, question.key, str(self._cache.path))
        elif stored.reply is not None or self._replay or question.key in self._failed:
            return self._done(question, self._recorded(question, stored))
        with self._cache.flight(question.key) as found:
            if found is not None:
                exchange = self._recorded(question, found)
            else:
                exchange = self._send(question, request)
        return self._done(question, exchange)

    def check_budget(self) -> None:
        """Whether the budget allows another call. A replay needs none.

        Raises:
            BudgetSpent: it does not.
        """
        if not self._replay:
            self._meter.check()

    def usage(self) -> Usage:
        """What this run asked so far."""
        return self._meter.snapshot(self._label)

    def close(self) -> None:
        """Close connections that this client opened itself."""
        if self._owns_endpoint and self._endpoint is not None:
            self._endpoint.close()

    def _recorded(self, question: Question, stored: Stored) -> Exchange:
        return Exchange(
            question.key,
            stored.model,
            "cache",
            question.text,
            stored.reply,
            stored.tokens_in,
            stored.tokens_out,
            stored.tokens_cached,
            stored.cost_usd,
            stored.cost_krw,
            stored.latency_ms,
            stored.error,
            datetime.fromisoformat(stored.at),
            stored.attempts,
        )

    def _send(self, question: Question, request: ChatRequest) -> Exchange:
        if self._endpoint is None:
            raise ConfigError("a replay has no server to ask")
        at = self._now()
        outcome = self._endpoint.ask(request, self._settings, self._meter, self._prices)
        exchange, raw = self._exchange(question, outcome, at)
        if outcome.spent is not None:
            self._meter.count(self._label, exchange, question.prefix_characters)
            raise BudgetSpent(outcome.spent.message, hint=outcome.spent.hint, exchange=exchange)
        if outcome.reply.kind == "answer":
            self._answered = True
        elif self._is_hopeless(outcome.reply):
            self._meter.count(self._label, exchange, question.prefix_characters)
            length = too_long(outcome.reply)
            raise ModelUnusable(
                f"model {self._settings.model} cannot be used: {length or exchange.error}",
                hint=HINT if length else _hint(outcome.reply.status, self._settings),
                exchange=exchange,
            )
        self._cache.put(
            question.key,
            Stored(
                exchange.model,
                exchange.reply,
                exchange.error,
                raw,
                exchange.tokens_in,
                exchange.tokens_out,
                exchange.tokens_cached,
                exchange.cost_usd,
                exchange.cost_krw,
                exchange.latency_ms,
                exchange.attempts,
                exchange.at.isoformat(),
            ),
        )
        return exchange

    def _is_hopeless(self, reply: Reply) -> bool:
        """Whether no later question of the run can fare better than its first, this one.

        A server that refuses the very first question for what it is will refuse all: they differ
        by a few figures. Once a question was answered, be it by a recorded reply, only the tick
        is lost.
        """
        if reply.kind == "unusable":
            return not self._answered
        return reply.kind == "refused" and not self._heard

    def _exchange(self, question: Question, outcome: Outcome, at: datetime) -> tuple[Exchange, str]:
        reply = outcome.reply
        cost = self._prices.cost(outcome.tokens_in, outcome.tokens_out, outcome.tokens_cached)
        exchange = Exchange(
            question.key,
            self._settings.model,
            "sent",
            question.text,
            reply.text if reply.kind == "answer" else None,
            outcome.tokens_in,
            outcome.tokens_out,
            outcome.tokens_cached,
            cost.usd,
            cost.krw,
            round(outcome.latency_ms, 3),
            reply.error,
            at,
            outcome.attempts,
        )
        return exchange, reply.raw

    def _done(self, question: Question, exchange: Exchange) -> Exchange:
        self._meter.count(self._label, exchange, question.prefix_characters)
        self._heard = self._heard or exchange.reply is not None
        if exchange.reply is None:
            self._failed.add(question.key)
            raise NoAnswer(
                f"{exchange.model} gave no answer after {exchange.attempts} "
                f"attempt{'s' if exchange.attempts != 1 else ''}: {exchange.error}",
                exchange,
            )
        return exchange


def _hint(status: int, settings: LLMSettings) -> str:
    if status in (401, 403):
        return f"check the key in environment variable {settings.api_key_env}"
    if status == 404:
        return "check llm.model and llm.base_url (most servers want it to end in /v1)"
    if status == 429:
        return "the account has no quota left"
    if status in (400, 413, 422):
        return "the server takes no such question: check llm.model and the parameters in [llm]"
    return "check llm.base_url, and that the server runs"
