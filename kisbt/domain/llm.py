"""One question to a model and what came of it: what the journal keeps of it."""

from datetime import datetime
from typing import NamedTuple, Protocol


class LLMCall(NamedTuple):
    """One exchange with a model, answered or not, sent or taken from the cache.

    ``call`` counts from 0 inside a tick (repairs and draws each count), ``draw`` is which of the
    k draws it served. ``source`` is ``sent`` or ``cache``; ``status`` is ``valid``, ``invalid``
    (an answer that is no plan) or ``failed`` (no answer). ``request`` is the canonical JSON that
    ``key`` is the hash of. Tokens are counts, ``tokens_cached`` those the provider billed as a
    cached prefix. A call from the cache costs nothing now: its cost is what recording it cost.
    ``attempts`` counts the requests that went out for it, retries and fallbacks included.
    """

    tick: int
    call: int
    draw: int
    key: str
    model: str
    source: str
    status: str
    request: str
    reply: str | None
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    cost_krw: float
    latency_ms: float
    at: datetime
    error: str = ""
    attempts: int = 1


class CallListener(Protocol):
    """Told of every exchange before its plan is acted upon."""

    def record_call(self, call: LLMCall) -> None:
        """One exchange."""
        ...
