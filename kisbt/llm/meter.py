"""What a command asked of models, by run, and the budget that ends it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from operator import add
from typing import NamedTuple, Self

from kisbt.config import LLMSettings
from kisbt.errors import ConfigError
from kisbt.llm.exchange import Exchange
from kisbt.llm.stops import BudgetSpent


class Usage(NamedTuple):
    """Sums over exchanges.

    ``asked`` counts questions, ``cached`` those answered from the cache and ``failed`` those
    without an answer. Tokens and costs are of all questions, as their recording cost them, so a
    replay has those of its recording; ``requests`` are likewise the HTTP requests that it took.
    What this command itself sent and paid is ``sent`` and the ``spent_`` sums. ``prefix_share``
    is the share of all characters asked that stood in the stable first message.
    """

    asked: int = 0
    cached: int = 0
    failed: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    cost_krw: float = 0.0
    sent: int = 0
    spent_tokens: int = 0
    spent_usd: float = 0.0
    spent_krw: float = 0.0
    characters: int = 0
    prefix_characters: int = 0

    @property
    def prefix_share(self) -> float:
        """Fraction, 0..1; 0 when nothing was asked."""
        return self.prefix_characters / self.characters if self.characters else 0.0


class Budget(NamedTuple):
    """Limits of one command; ``None`` is no limit. Won for ``krw``."""

    calls: int | None = None
    tokens: int | None = None
    krw: float | None = None

    @classmethod
    def from_settings(cls, settings: LLMSettings) -> Self:
        """The budget of ``[llm]``."""
        return cls(settings.budget_calls, settings.budget_tokens, settings.budget_krw)


class Meter:
    """Counts exchanges and keeps a budget. Safe from any thread; shared by all runs of a command.

    Args:
        budget: What may be spent. Calls never exceed it; tokens and won are known only when an
            answer is there, so that calls under way are reckoned as large as the largest so far.

    Raises:
        ConfigError: a budget of zero.
    """

    def __init__(self, budget: Budget = Budget()) -> None:  # noqa: B008 - immutable
        for name, limit in budget._asdict().items():
            if limit is not None and limit <= 0:
                raise ConfigError(
                    f"llm.budget_{name} is {limit:g}: nothing could be asked of the model",
                    hint="raise it, leave it out for no limit, or use --llm replay",
                )
        self._budget = budget
        self._lock = threading.Lock()
        self._sums: dict[str, list[float]] = {}
        self._calls = self._tokens = self._flying = 0
        self._krw = 0.0
        self._largest_tokens = 0
        self._largest_krw = 0.0

    def check(self) -> None:
        """Whether a call may still be made.

        Raises:
            BudgetSpent: the budget does not allow another call.
        """
        with self._lock:
            self._check()

    @contextmanager
    def flight(self) -> Iterator["Flight"]:
        """One HTTP request: counted as a call from here on, its tokens when they are known.

        Raises:
            BudgetSpent: the budget does not allow it; nothing was counted.
        """
        with self._lock:
            self._check()
            self._calls += 1
            self._flying += 1
        flight = Flight()
        try:
            yield flight
        finally:
            with self._lock:
                self._flying -= 1
                self._tokens += flight.tokens
                self._krw += flight.krw
                self._largest_tokens = max(self._largest_tokens, flight.tokens)
                self._largest_krw = max(self._largest_krw, flight.krw)

    def count(self, label: str, exchange: Exchange, prefix_characters: int) -> None:
        """Add one exchange to the sums of run ``label``."""
        sent = exchange.source == "sent"
        tokens = exchange.tokens_in + exchange.tokens_out
        row = (
            1,
            not sent,
            exchange.reply is None,
            exchange.attempts,
            exchange.tokens_in,
            exchange.tokens_out,
            exchange.tokens_cached,
            exchange.cost_usd,
            exchange.cost_krw,
            exchange.attempts if sent else 0,
            tokens if sent else 0,
            exchange.cost_usd if sent else 0.0,
            exchange.cost_krw if sent else 0.0,
            len(exchange.request),
            prefix_characters,
        )
        with self._lock:
            sums = self._sums.get(label)
            if sums is None:
                self._sums[label] = list(row)
                return
            self._sums[label] = list(map(add, sums, row))

    def snapshot(self, label: str | None = None) -> Usage:
        """The sums of one run, or of all."""
        with self._lock:
            if label is not None:
                return _usage(self._sums.get(label))
            return _usage(list(map(sum, zip(*self._sums.values(), strict=True))) or None)

    def labels(self) -> tuple[str, ...]:
        """The runs that asked anything, in the order of their first question."""
        with self._lock:
            return tuple(self._sums)

    def _check(self) -> None:
        budget, flying = self._budget, self._flying
        if budget.calls is not None and self._calls >= budget.calls:
            raise self._spent(f"{self._calls:,} of {budget.calls:,} calls", "calls")
        tokens = self._tokens + flying * self._largest_tokens
        if budget.tokens is not None and tokens >= budget.tokens:
            raise self._spent(f"{tokens:,} of {budget.tokens:,} tokens", "tokens")
        krw = self._krw + flying * self._largest_krw
        if budget.krw is not None and krw >= budget.krw:
            raise self._spent(f"{krw:,.0f} of {budget.krw:,.0f} won", "krw")

    def _spent(self, what: str, name: str) -> BudgetSpent:
        return BudgetSpent(
            f"the budget for the model is spent: {what}",
            hint=f"the same command goes on from here; raise llm.budget_{name} to get further",
        )


class Flight:
    """What one request turned out to cost: tokens, won."""

    def __init__(self) -> None:
        self.tokens = 0
        self.krw = 0.0


def _usage(sums: list[float] | None) -> Usage:
    if sums is None:
        return Usage()
    whole = {name: type(default) for name, default in Usage._field_defaults.items()}
    return Usage(*(kind(value) for kind, value in zip(whole.values(), sums, strict=True)))
