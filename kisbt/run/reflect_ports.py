"""What reflection may ask outside the journal: a language model, and KIS's own books."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal, Protocol

from kisbt.config import Settings
from kisbt.domain.trading import Side
from kisbt.errors import ConfigError, DeciderError
from kisbt.kis.client import KISClient
from kisbt.kis.config import load_config
from kisbt.kis.environment import Paper, Real
from kisbt.llm.client import LLMClient
from kisbt.llm.exchange import ChatRequest, Message
from kisbt.llm.meter import Budget, Meter
from kisbt.llm.shared import shared_client
from kisbt.reflection_graph.state import PeriodFigures
from kisbt.run.live_venue import key_folder

Venue = Literal["paper", "real"]


class ModelAsker:
    """The configured model; meets ``reflection_graph.state.Asker``.

    Answers are kept in the cache of all runs, so a reflection that is taken up again asks nothing.
    """

    def __init__(self, client: LLMClient) -> None:
        self._client = client

    def ask(self, system: str, user: str, schema: dict[str, Any]) -> str:
        """See ``Asker``."""
        messages = (Message("system", system), Message("user", user))
        exchange = self._client.ask(ChatRequest(messages, schema))
        if exchange.reply is None:
            raise DeciderError(exchange.error or "the model gave no answer")
        return exchange.reply


@contextmanager
def open_model(settings: Settings) -> Iterator[ModelAsker]:
    """The model of ``[llm]``.

    Raises:
        ConfigError: no model, no key, a bad address, or an unusable cache.
    """
    if not settings.llm.model:
        raise ConfigError("--llm needs a model", hint="set model under [llm] in kisbt.toml")
    client = shared_client(
        settings.llm,
        settings.llm_cache(),
        mode="record",
        meter=Meter(Budget.from_settings(settings.llm)),
        label="reflect",
    )
    try:
        yield ModelAsker(client)
    finally:
        client.close()


class _Totals(Protocol):
    @property
    def realised(self) -> int | None: ...
    @property
    def fee(self) -> int | None: ...
    @property
    def tax(self) -> int | None: ...


class KISBooks:
    """KIS's own figures; meets ``reflection_graph.state.KISFigures``.

    On paper KIS gives no profit of a period: the client works it out of the executions by moving
    average and without fees, so costs stay unknown there.
    """

    def __init__(self, client: KISClient[Any], mode: Venue) -> None:
        self._client = client
        self.mode: str = mode

    def figures(self, first: str, last: str) -> PeriodFigures:
        """See ``KISFigures``."""
        span = date.fromisoformat(first), date.fromisoformat(last)
        totals: _Totals = self._client.inquire_period_profit(*span).totals
        orders = self._client.inquire_daily_ccld(*span, filled_only=True)
        shares = {side: sum(o.filled for o in orders if o.side is side) for side in Side}
        known = totals.fee is not None and totals.tax is not None
        costs = (totals.fee or 0) + (totals.tax or 0) if known else None
        return PeriodFigures(
            totals.realised,
            costs,
            shares[Side.BUY],
            shares[Side.SELL],
            "inquire_period_profit, inquire_daily_ccld",
        )


@contextmanager
def open_books(venue: str, settings: Settings, environ: Mapping[str, str]) -> Iterator[KISBooks]:
    """The books of the configured account, paper or real; nothing is ever ordered.

    Raises:
        ConfigError: no such venue, or no keys.
    """
    config = load_config(key_folder(settings, None, environ), environ)
    client: KISClient[Any]
    if venue == "real":
        client, mode = KISClient.connect(config, Real(), settings.kis), venue
    elif venue == "paper":
        client, mode = KISClient.connect(config, Paper(), settings.kis), venue
    else:
        raise ConfigError(f"--kis must be paper or real, not '{venue}'")
    try:
        yield KISBooks(client, "real" if mode == "real" else "paper")
    finally:
        client.close()
