"""What ends a run on a model's account, and what only ends a tick."""

from datetime import datetime
from typing import ClassVar, Self

from kisbt.errors import DeciderError, StopRun
from kisbt.llm.exchange import Exchange


class NoAnswer(DeciderError):  # noqa: N818 - what happened, not whose fault it was
    """The model gave no answer after all retries; ``exchange`` is what came of it. Hold."""

    def __init__(self, message: str, exchange: Exchange, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exchange = exchange


class ReplayMiss(StopRun):
    """A replay needs a reply that was never recorded."""

    def __init__(self, model: str, key: str, cache: str, when: str = "") -> None:
        self.model = model
        self.key = key
        self.cache = cache
        super().__init__(
            f"{when}no recorded reply of {model or 'the model'} in {cache} (key {key[:16]}): "
            "the prompt, the data or the settings are not those that were recorded",
            hint="record it with --llm openai",
        )

    def at(self, tick: int, when: datetime) -> Self:
        """The same miss, naming the tick."""
        return type(self)(
            self.model, self.key, self.cache, f"tick {tick} ({when:%Y-%m-%d %H:%M}): "
        )


class BudgetSpent(StopRun):
    """The command's budget for the model is spent.

    ``exchange`` is set when attempts were made before it ran out.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, exchange: Exchange | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.exchange = exchange


class CacheTrouble(StopRun):
    """The cache can no longer be read or written: a reply that was paid for must not get lost."""


class ModelUnusable(StopRun):
    """The run's first call shows that none can succeed: wrong address, key, model; too long."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str | None = None, exchange: Exchange) -> None:
        super().__init__(message, hint=hint)
        self.exchange = exchange
