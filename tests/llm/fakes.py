"""A model that answers from a script, and words to write its answers with."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from kisbt.domain.llm import LLMCall
from kisbt.errors import DeciderError
from kisbt.llm.exchange import ChatRequest, Exchange

AT = datetime(2026, 3, 2, 15, 31)

Answer = str | Exception | Callable[[ChatRequest], str]


def line(ticker: str, action: str = "BUY", **changes: Any) -> dict[str, Any]:
    """One decision as a model writes it."""
    return {
        "ticker": ticker,
        "action": action,
        "target_weight": None,
        "quantity": None,
        "limit_price": None,
        "confidence": 0.7,
        "justification": "거래량 3.2배",
        "rules": [],
    } | changes


def reply(*decisions: dict[str, Any], comment: str = "") -> str:
    return json.dumps({"decisions": list(decisions), "comment": comment}, ensure_ascii=False)


def exchange_of(request: ChatRequest, text: str | None, error: str = "") -> Exchange:
    body = orjson.dumps(
        {
            "messages": [message._asdict() for message in request.messages],
            "schema": request.schema,
            "draw": request.draw,
        }
    )
    key = sha256(body).hexdigest()
    return Exchange(
        key=key,
        model="scripted",
        source="sent",
        request=body.decode(),
        reply=text,
        tokens_in=10,
        tokens_out=5,
        tokens_cached=0,
        cost_usd=0.001,
        cost_krw=1.4,
        latency_ms=3.0,
        error=error,
        at=AT,
    )


@dataclass
class ScriptedAsker:
    """Answers each request with the next of ``answers``, the last one again and again."""

    answers: Iterable[Answer]
    requests: list[ChatRequest] = field(default_factory=list)

    def ask(self, request: ChatRequest) -> Exchange:
        answers = list(self.answers)
        answer = answers[min(len(self.requests), len(answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return exchange_of(request, answer if isinstance(answer, str) else answer(request))

    @property
    def texts(self) -> list[str]:
        """Everything that any message said."""
        return [message.content for request in self.requests for message in request.messages]


def no_answer(request_text: str = "ask") -> DeciderError:
    """The error of a client that got no answer; its exchange rides on it."""
    error = DeciderError("the server did not answer")
    error.exchange = exchange_of(ChatRequest((), None), None, "timeout")  # type: ignore[attr-defined]
    return error


@dataclass
class Calls:
    """A listener that remembers."""

    told: list[LLMCall] = field(default_factory=list)

    def record_call(self, call: LLMCall) -> None:
        self.told.append(call)
