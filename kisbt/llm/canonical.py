"""The canonical form of a question, and its hash: the key that a reply is recorded under."""

from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from kisbt.config import LLMSettings
from kisbt.llm.exchange import ChatRequest, Message

_REMEMBERED = 64


class Question(NamedTuple):
    """The key, the canonical JSON it is the hash of, and how much of that is stable prefix."""

    key: str
    text: str
    prefix_characters: int


class Canon:
    """Writes questions to one model under one set of parameters.

    The text is ``{"draw":...,"model":...,"parameters":{...},"schema":...,"messages":[...]}``.
    Everything up to the end of the first message is the same at every tick of a run, so its hash
    is kept and only the rest is hashed. A schema must not be changed after its first use.
    """

    def __init__(self, settings: LLMSettings) -> None:
        self._model = settings.model
        self._parameters = {
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
            "temperature": settings.temperature,
        }
        self._heads: dict[tuple[Message, int, int], tuple[str, Any, object]] = {}

    def question(self, request: ChatRequest) -> Question:
        """The canonical text of a request and its SHA-256 in hexadecimal."""
        first, *others = request.messages
        place = (first, request.draw, id(request.schema))
        known = self._heads.get(place)
        if known is None:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            known = self._head(first, request)
            self._heads[place] = known
        head, state, _ = known
        tail = b"".join([b"," + _message(other) for other in others]) + b"]}"
        state = state.copy()
        state.update(tail)
        return Question(state.hexdigest(), head + tail.decode(), len(head))

    def _head(self, first: Message, request: ChatRequest) -> tuple[str, Any, object]:
        fields = {
            "draw": request.draw,
            "model": self._model,
            "parameters": self._parameters,
            "schema": request.schema,
        }
        text = orjson.dumps(fields)[:-1] + b',"messages":[' + _message(first)
        return text.decode(), sha256(text), request.schema  # kept: its id must stay its own


def _message(message: Message) -> bytes:
    try:
        content = orjson.dumps(message.content)
    except TypeError:  # half of a surrogate pair
        content = orjson.dumps(message.content.encode("utf-8", "replace").decode())
    return b'{"role":"%b","content":%b}' % (message.role.encode(), content)
