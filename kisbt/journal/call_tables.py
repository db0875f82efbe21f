"""Tables of what models were asked and what they answered."""

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, Table, Text

from kisbt.journal.columns import KeyText, metadata, run_column

# ``request`` names the pieces of the canonical request in ``texts``; see ``kisbt.journal.calls``.
llm_calls = Table(
    "llm_calls",
    metadata,
    run_column(),
    Column("tick", Integer, primary_key=True),
    Column("call", Integer, primary_key=True),
    Column("cache_key", KeyText, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt_hash", Text),
    Column("request", Text, nullable=False),
    Column("reply", Text),
    Column("status", Text, nullable=False),
    Column("tokens_in", Integer),
    Column("tokens_out", Integer),
    Column("cost_krw", Double),
    Column("latency_ms", Double),
    Column("called_at", KeyText, nullable=False),
    Column("draw", Integer),
    Column("source", Text),
    Column("tokens_cached", Integer),
    Column("cost_usd", Double),
    Column("error", Text),
    Column("attempts", Integer),
    Index("idx_llm_calls_key", "cache_key"),
)

texts = Table(
    "texts",
    metadata,
    Column("hash", KeyText, primary_key=True),
    Column("codec", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
