"""What is asked of a model and what came back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple


class Message(NamedTuple):
    """One chat message. ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


class ChatRequest(NamedTuple):
    """One question. ``draw`` above 0 changes the key and the seed, and nothing else."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    draw: int = 0


class Exchange(NamedTuple):
    """One question and its answer, sent or from the cache; see ``domain.llm.LLMCall``."""

    key: str
    model: str
    source: str
    request: str
    reply: str | None
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    cost_krw: float
    latency_ms: float
    error: str
    at: datetime
    attempts: int = 1
