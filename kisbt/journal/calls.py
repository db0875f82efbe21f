"""Exchanges with models as rows, and what they sum up to.

A request is long and mostly the same at every tick. It is stored in pieces, one a message, each
once by its hash, so that the stable prefix of a thousand ticks takes its room only once.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, case, func, select

from kisbt.domain.llm import LLMCall
from kisbt.errors import JournalError
from kisbt.journal.call_tables import llm_calls, texts
from kisbt.journal.compression import Squeezer
from kisbt.journal.record import iso, storable

_BETWEEN = '"},{"role":"'
"""What stands between two messages of the canonical JSON. Inside a string quotes are escaped, so
it stands nowhere else."""

_END = '"}]}'


class CallEncoder:
    """Turns exchanges into rows of ``llm_calls``, and collects the pieces of their requests."""

    def __init__(self) -> None:
        self.pieces: dict[str, bytes] = {}
        """Bodies by hash, for the caller to store and clear."""
        self._first: tuple[str, str] = ("", "")

    def row(self, run_id: str, call: LLMCall) -> tuple[Any, ...]:
        """The columns of one call, in the table's order."""
        return (
            run_id,
            call.tick,
            call.call,
            call.key,
            storable(call.model),
            None,
            self._request(call.request),
            None if call.reply is None else storable(call.reply),
            call.status,
            call.tokens_in,
            call.tokens_out,
            call.cost_krw,
            call.latency_ms,
            iso(call.at),
            call.draw,
            call.source,
            call.tokens_cached,
            call.cost_usd,
            storable(call.error),
            call.attempts,
        )

    def _request(self, request: str) -> str:
        end = _END if request.endswith(_END) else ""
        first, *others = request[: len(request) - len(end)].split(_BETWEEN)
        if first != self._first[0]:
            self._first = (first, self._piece(first))
        hashes = [self._first[1], *map(self._piece, others)]
        return orjson.dumps([end, *hashes]).decode()

    def _piece(self, text: str) -> str:
        body = text.encode("utf-8", "replace")
        name = "sha256:" + sha256(body).hexdigest()
        self.pieces[name] = body
        return name

    def clear(self) -> None:
        """Forget what has been stored."""
        self.pieces.clear()
        self._first = ("", "")


def read_request(connection: Connection, stored: str) -> str:
    """The canonical request of a row.

    Raises:
        JournalError: a piece is missing or damaged.
    """
    try:
        end, *hashes = orjson.loads(stored)
    except (ValueError, TypeError) as error:
        raise JournalError("a model's request in the journal is damaged") from error
    found = {
        row.hash: Squeezer().unpack(row.codec, bytes(row.body)).decode()
        for row in connection.execute(select(texts).where(texts.c.hash.in_(hashes)))
    }
    if missing := [name for name in hashes if name not in found]:
        raise JournalError(f"text {missing[0]} of a model's request is not in the journal")
    return _BETWEEN.join(found[name] for name in hashes) + str(end)


class CallSums(NamedTuple):
    """What one run asked.

    ``requests`` went over the wire when it was recorded, ``sent`` by this run itself; ``spent_``
    sums are what those cost it. Tokens are counts.
    """

    calls: int = 0
    cached: int = 0
    valid: int = 0
    invalid: int = 0
    failed: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    cost_krw: float = 0.0
    sent: int = 0
    spent_usd: float = 0.0
    spent_krw: float = 0.0


def sum_calls(connection: Connection, run_id: str) -> CallSums:
    """Sums over the calls of one run; all zero when it asked no model."""
    table = llm_calls.c
    attempts = func.coalesce(table.attempts, 1)

    def count(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    def total(value: Any, condition: Any = None) -> Any:
        if condition is not None:
            value = case((condition, value), else_=0)
        return func.coalesce(func.sum(value), 0)

    sent = table.source == "sent"
    query = select(
        func.count(),
        count(table.source == "cache"),
        *(count(table.status == status) for status in ("valid", "invalid", "failed")),
        total(attempts),
        total(table.tokens_in),
        total(table.tokens_out),
        total(table.tokens_cached),
        total(table.cost_usd),
        total(table.cost_krw),
        total(attempts, sent),
        total(table.cost_usd, sent),
        total(table.cost_krw, sent),
    ).where(table.run_id == run_id)
    row = connection.execute(query).one()
    kinds = [type(default) for default in CallSums._field_defaults.values()]
    return CallSums(*(kind(value) for kind, value in zip(kinds, row, strict=True)))


def messages_of(request: str) -> list[Mapping[str, str]]:
    """The messages of a canonical request; empty when it has none."""
    try:
        raw = orjson.loads(request)
        return [{"role": m["role"], "content": m["content"]} for m in raw["messages"]]
    except (ValueError, KeyError, TypeError):
        return []
