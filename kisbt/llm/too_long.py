"""Whether a server turned a question down because it is longer than the model's context."""

import re
from typing import NamedTuple

from kisbt.llm.wire import Reply

_SIGNS = (
    "context_length_exceeded",  # OpenAI, llama-cpp-python
    "exceed_context_size_error",  # llama.cpp
    "exceeds the available context size",  # llama.cpp before it had a type
    "maximum context length",  # OpenAI, vLLM
    "exceed context window",  # llama-cpp-python
)

_ASKED = re.compile(
    r"n_prompt_tokens['\"]?: (\d+)|request \((\d+) tokens\)|resulted in (\d+) tokens"
    r"|you requested (\d+) tokens|requested tokens \((\d+)\)",
    re.IGNORECASE,
)
_ROOM = re.compile(
    r"n_ctx['\"]?: (\d+)|context size \((\d+) tokens\)|maximum context length is (\d+)"
    r"|context window of (\d+)",
    re.IGNORECASE,
)

HINT = (
    "start the server with a longer context (llama.cpp: -c, vLLM: --max-model-len), take a model "
    "that has one, or ask less: fewer --tickers, a shorter prompt, a smaller llm.max_tokens"
)


class TooLong(NamedTuple):
    """Tokens of the question and of the model's context, as far as the server named them."""

    asked: int | None
    room: int | None

    def __str__(self) -> str:
        asked = "more tokens" if self.asked is None else f"{self.asked:,} tokens"
        if self.room is None:
            return f"its first question has {asked}, too many for the model's context"
        than = " than" if self.asked is None else ", and"
        return f"its first question has {asked}{than} the model's context holds {self.room:,}"


def too_long(reply: Reply) -> TooLong | None:
    """What a refusal says of lengths, or ``None`` when it is about something else."""
    if reply.kind != "refused":
        return None
    said = f"{reply.error} {reply.raw}"
    lowered = said.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return None
    return TooLong(_number(_ASKED, said), _number(_ROOM, said))


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return None if found is None else int(next(group for group in found.groups() if group))
