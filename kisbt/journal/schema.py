"""Tables of the journal. The owner's ``trades`` stands alone; everything else stands around it.

Conventions: keys are text and deterministic inside a run; times are ISO text with ``+09:00``;
money is whole won; nested values are JSON text, and whatever a query filters on is a column.
``REVISIONS`` names the schema's history, oldest first; ``migrations/versions`` holds the steps.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from kisbt.journal.call_tables import llm_calls as llm_calls
from kisbt.journal.call_tables import texts as texts
from kisbt.journal.columns import KeyText
from kisbt.journal.columns import metadata as metadata
from kisbt.journal.columns import run_column as _run

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")

trades = Table(
    "trades",
    metadata,
    Column("trade_id", KeyText, primary_key=True),
    Column("timestamp", KeyText, nullable=False),
    Column("ticker", KeyText, nullable=False),
    Column("action", KeyText, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("justification_text", Text, nullable=False),
    Column("market_snapshot", Text, nullable=False),
    Column("portfolio_before", Text, nullable=False),
    Column("pnl_7_days", Double),
    Column("pnl_30_days", Double),
    Index("idx_trades_timestamp", "timestamp"),
    Index("idx_trades_ticker", "ticker"),
    Index("idx_trades_action", "action"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", KeyText, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("decider", Text, nullable=False),
    Column("prompt_number", Integer),
    Column("prompt_hash", Text),
    Column("dataset_name", Text, nullable=False),
    Column("dataset_hash", KeyText, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("metrics", Text),
    Column("started_at", KeyText, nullable=False),
    Column("heartbeat_at", KeyText, nullable=False),
    Column("finished_at", KeyText),
    Column("host", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("scope", KeyText),
    Index("idx_runs_dataset", "dataset_hash"),
    Index("idx_runs_started", "started_at"),
    Index("idx_runs_scope", "scope"),
)

trade_links = Table(
    "trade_links",
    metadata,
    Column("trade_id", KeyText, ForeignKey("trades.trade_id"), primary_key=True),
    Column("run_id", KeyText, ForeignKey("runs.run_id")),
    Column("fill_number", Integer),
    Column("order_ref", Text),
    Column("tick", Integer),
    Column("seq", Integer),
    # Copies of the owner's two columns: his table keeps exactly three indexes, and the worst of
    # a million trades must still be found in milliseconds.
    Column("pnl_7_days", Double),
    Column("pnl_30_days", Double),
    Index("idx_links_run_fill", "run_id", "fill_number", unique=True),
)
for _days in (7, 30):
    _pnl = f"pnl_{_days}_days"
    _filled_in = text(f"{_pnl} IS NOT NULL")
    Index(
        f"idx_links_{_pnl}",
        trade_links.c[_pnl],
        trade_links.c.trade_id,
        sqlite_where=_filled_in,
        postgresql_where=_filled_in,
    )
    Index(
        f"idx_links_run_{_pnl}",
        trade_links.c.run_id,
        trade_links.c[_pnl],
        trade_links.c.trade_id,
        sqlite_where=_filled_in,
        postgresql_where=_filled_in,
    )

snapshots = Table(
    "snapshots",
    metadata,
    Column("hash", KeyText, primary_key=True),
    Column("codec", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

ticks = Table(
    "ticks",
    metadata,
    _run(),
    Column("tick", Integer, primary_key=True),
    Column("at", KeyText, nullable=False),
    Column("session", KeyText, nullable=False),
    Column("ending", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("snapshot", KeyText),
    Column("portfolio", Text),
    Column("mood", Double),
    Column("opportunities", Text, nullable=False),
    Column("risks", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("mode", Text),
    Column("mode_reason", Text),
    Column("drawdown", Double),
    Column("daily_loss", Double),
    Column("weekly_loss", Double),
    Column("failed_node", Text),
    Column("error", Text),
    sqlite_with_rowid=False,
)

decisions = Table(
    "decisions",
    metadata,
    _run(),
    Column("tick", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("ticker", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target_weight", Double),
    Column("quantity", BigInteger),
    Column("limit_price", BigInteger),
    Column("confidence", Double),
    Column("justification", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("outcome", Text),
    Column("requested", BigInteger),
    Column("approved", BigInteger),
    Column("by", Text),
    Column("reason", Text),
    Column("order_ref", Text),
    Column("refusal", Text),
    Column("raw", Text),
    Column("agreement", Double),
    sqlite_with_rowid=False,
)

orders = Table(
    "orders",
    metadata,
    _run(),
    Column("ref", KeyText, primary_key=True),
    Column("ticker", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("limit_price", BigInteger),
    Column("state", Text, nullable=False),
    Column("filled", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tick", Integer),
    Column("seq", Integer),
    Column("created_at", KeyText, nullable=False),
    Column("updated_at", KeyText, nullable=False),
    sqlite_with_rowid=False,
)

order_events = Table(
    "order_events",
    metadata,
    _run(),
    Column("event", Integer, primary_key=True),
    Column("ref", KeyText, nullable=False),
    Column("at", KeyText, nullable=False),
    Column("state", Text, nullable=False),
    Column("filled", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

fills = Table(
    "fills",
    metadata,
    _run(),
    Column("number", Integer, primary_key=True),
    Column("ref", KeyText, nullable=False),
    Column("at", KeyText, nullable=False),
    Column("session", KeyText, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("commission", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("cash_after", BigInteger, nullable=False),
    Column("position_after", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

position_changes = Table(
    "position_changes",
    metadata,
    _run(),
    Column("session", KeyText, primary_key=True),
    Column("ticker", KeyText, primary_key=True),
    Column("kind", KeyText, primary_key=True),
    Column("ratio", Double, nullable=False),
    Column("quantity_before", BigInteger, nullable=False),
    Column("quantity_after", BigInteger, nullable=False),
    Column("cash", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

equity = Table(
    "equity",
    metadata,
    _run(),
    Column("at", KeyText, primary_key=True),
    Column("cash", BigInteger, nullable=False),
    Column("equity", BigInteger, nullable=False),
    Column("exposure", Double, nullable=False),
    sqlite_with_rowid=False,
)

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("hash", KeyText, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("first_used_at", KeyText, nullable=False),
)

rules = Table(
    "rules",
    metadata,
    Column(
        "prompt_hash", KeyText, ForeignKey("prompt_versions.hash"), primary_key=True, nullable=False
    ),
    Column("rule_id", KeyText, primary_key=True),
    Column("category", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("because", Text, nullable=False),
    Column("body", Text, nullable=False),
)

reflections = Table(
    "reflections",
    metadata,
    Column("reflection_id", KeyText, primary_key=True),
    Column("created_at", KeyText, nullable=False),
    Column("source_runs", Text, nullable=False),
    Column("parent_hash", Text),
    Column("candidate_hash", Text),
    Column("insights", Text, nullable=False),
    Column("report", Text, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("experiment_id", KeyText, primary_key=True),
    Column("registered_at", KeyText, nullable=False),
    Column("registration_hash", KeyText, nullable=False),
    Column("champion_hash", Text, nullable=False),
    Column("challenger_hash", Text, nullable=False),
    Column("dataset_hash", KeyText, nullable=False),
    Column("terms", Text, nullable=False),
    Column("verdict", Text),
    Column("result", Text),
    Index("idx_experiments_dataset", "dataset_hash"),
    Index("idx_experiments_challenger", "challenger_hash"),
)

# Rows are only ever added; ``digest`` covers the row and the digest of the row before it.
gate_events = Table(
    "gate_events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("campaign_id", KeyText, nullable=False),
    Column("kind", KeyText, nullable=False),
    Column("version_hash", KeyText),
    Column("at", KeyText, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("idx_gate_events_campaign", "campaign_id"),
    Index("idx_gate_events_version", "version_hash"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", KeyText, primary_key=True),
    Column("run_id", KeyText, ForeignKey("runs.run_id")),
    Column("tick", Integer),
    Column("seq", Integer),
    Column("asked_at", KeyText, nullable=False),
    Column("question", Text, nullable=False),
    Column("answered_at", KeyText),
    Column("answer", Text),
    Column("answered_by", Text),
    Column("scope", KeyText),
    Column("expires_at", KeyText),
    Column("orders", Text),
)

halts = Table(
    "halts",
    metadata,
    Column("halt_id", KeyText, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("halted_at", KeyText, nullable=False),
    Column("reason", Text, nullable=False),
    Column("resumed_at", KeyText),
    Column("resumed_by", Text),
    Column("action", Text),
    Column("carried_out_at", KeyText),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", KeyText, primary_key=True),
    Column("run_id", KeyText, ForeignKey("runs.run_id")),
    Column("at", KeyText, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
)

openings = Table(
    "openings",
    metadata,
    _run(),
    Column("at", KeyText, nullable=False),
    Column("cash", BigInteger, nullable=False),
    Column("positions", Text, nullable=False),
    sqlite_with_rowid=False,
)

venue_orders = Table(
    "venue_orders",
    metadata,
    _run(),
    Column("ref", KeyText, primary_key=True),
    Column("session", KeyText, nullable=False),
    Column("number", Text, nullable=False),
    Column("branch", Text, nullable=False),
    sqlite_with_rowid=False,
)

RUN_TABLES = (
    equity,
    position_changes,
    fills,
    venue_orders,
    openings,
    order_events,
    orders,
    decisions,
    ticks,
    llm_calls,
)
"""Tables whose rows belong to exactly one run, children first."""
