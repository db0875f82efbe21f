"""The journal around the owner's trades: runs, decisions, orders, fills and what comes later."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the side tables, and a link for every trade that is there already."""
    _runs_and_prompts()
    _trade_links()
    _ticks()
    _orders()
    _learning()
    _people()
    op.execute(
        "INSERT INTO trade_links (trade_id, pnl_7_days, pnl_30_days) "
        "SELECT trade_id, pnl_7_days, pnl_30_days FROM trades"
    )


def _runs_and_prompts() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", KEY, primary_key=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("decider", sa.Text(), nullable=False),
        sa.Column("prompt_number", sa.Integer()),
        sa.Column("prompt_hash", sa.Text()),
        sa.Column("dataset_name", sa.Text(), nullable=False),
        sa.Column("dataset_hash", KEY, nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text()),
        sa.Column("started_at", KEY, nullable=False),
        sa.Column("heartbeat_at", KEY, nullable=False),
        sa.Column("finished_at", KEY),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
    )
    op.create_index("idx_runs_dataset", "runs", ["dataset_hash"])
    op.create_index("idx_runs_started", "runs", ["started_at"])
    op.create_table(
        "prompt_versions",
        sa.Column("hash", KEY, primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_used_at", KEY, nullable=False),
    )
    op.create_table(
        "rules",
        sa.Column("prompt_hash", KEY, sa.ForeignKey("prompt_versions.hash"), primary_key=True),
        sa.Column("rule_id", KEY, primary_key=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )


def _trade_links() -> None:
    op.create_table(
        "trade_links",
        sa.Column("trade_id", KEY, sa.ForeignKey("trades.trade_id"), primary_key=True),
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id")),
        sa.Column("fill_number", sa.Integer()),
        sa.Column("order_ref", sa.Text()),
        sa.Column("tick", sa.Integer()),
        sa.Column("seq", sa.Integer()),
        sa.Column("pnl_7_days", sa.Double()),
        sa.Column("pnl_30_days", sa.Double()),
    )
    op.create_index("idx_links_run_fill", "trade_links", ["run_id", "fill_number"], unique=True)
    for name in ("pnl_7_days", "pnl_30_days"):
        known = sa.text(f"{name} IS NOT NULL")
        for prefix, lead in (("idx_links", []), ("idx_links_run", ["run_id"])):
            op.create_index(
                f"{prefix}_{name}",
                "trade_links",
                [*lead, name, "trade_id"],
                sqlite_where=known,
                postgresql_where=known,
            )


def _ticks() -> None:
    op.create_table(
        "snapshots",
        sa.Column("hash", KEY, primary_key=True),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "ticks",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("tick", sa.Integer(), primary_key=True),
        sa.Column("at", KEY, nullable=False),
        sa.Column("session", KEY, nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("snapshot", KEY),
        sa.Column("portfolio", sa.Text()),
        sa.Column("mood", sa.Double()),
        sa.Column("opportunities", sa.Text(), nullable=False),
        sa.Column("risks", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text()),
        sa.Column("mode_reason", sa.Text()),
        sa.Column("drawdown", sa.Double()),
        sa.Column("daily_loss", sa.Double()),
        sa.Column("weekly_loss", sa.Double()),
        sa.Column("failed_node", sa.Text()),
        sa.Column("error", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("tick", sa.Integer(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_weight", sa.Double()),
        sa.Column("quantity", sa.BigInteger()),
        sa.Column("limit_price", sa.BigInteger()),
        sa.Column("confidence", sa.Double()),
        sa.Column("justification", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("requested", sa.BigInteger()),
        sa.Column("approved", sa.BigInteger()),
        sa.Column("by", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("order_ref", sa.Text()),
        sa.Column("refusal", sa.Text()),
        sa.Column("raw", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "llm_calls",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("tick", sa.Integer(), primary_key=True),
        sa.Column("call", sa.Integer(), primary_key=True),
        sa.Column("cache_key", KEY, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_hash", sa.Text()),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tokens_in", sa.Integer()),
        sa.Column("tokens_out", sa.Integer()),
        sa.Column("cost_krw", sa.Double()),
        sa.Column("latency_ms", sa.Double()),
        sa.Column("called_at", KEY, nullable=False),
    )
    op.create_index("idx_llm_calls_key", "llm_calls", ["cache_key"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("ref", KEY, primary_key=True),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("limit_price", sa.BigInteger()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tick", sa.Integer()),
        sa.Column("seq", sa.Integer()),
        sa.Column("created_at", KEY, nullable=False),
        sa.Column("updated_at", KEY, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_events",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("event", sa.Integer(), primary_key=True),
        sa.Column("ref", KEY, nullable=False),
        sa.Column("at", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fills",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("ref", KEY, nullable=False),
        sa.Column("at", KEY, nullable=False),
        sa.Column("session", KEY, nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("commission", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("cash_after", sa.BigInteger(), nullable=False),
        sa.Column("position_after", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "position_changes",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("session", KEY, primary_key=True),
        sa.Column("ticker", KEY, primary_key=True),
        sa.Column("kind", KEY, primary_key=True),
        sa.Column("ratio", sa.Double(), nullable=False),
        sa.Column("quantity_before", sa.BigInteger(), nullable=False),
        sa.Column("quantity_after", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "equity",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("at", KEY, primary_key=True),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("equity", sa.BigInteger(), nullable=False),
        sa.Column("exposure", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )


def _learning() -> None:
    op.create_table(
        "reflections",
        sa.Column("reflection_id", KEY, primary_key=True),
        sa.Column("created_at", KEY, nullable=False),
        sa.Column("source_runs", sa.Text(), nullable=False),
        sa.Column("parent_hash", sa.Text()),
        sa.Column("candidate_hash", sa.Text()),
        sa.Column("insights", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
    )
    op.create_table(
        "experiments",
        sa.Column("experiment_id", KEY, primary_key=True),
        sa.Column("registered_at", KEY, nullable=False),
        sa.Column("registration_hash", KEY, nullable=False),
        sa.Column("champion_hash", sa.Text(), nullable=False),
        sa.Column("challenger_hash", sa.Text(), nullable=False),
        sa.Column("dataset_hash", KEY, nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.Column("result", sa.Text()),
    )
    op.create_index("idx_experiments_dataset", "experiments", ["dataset_hash"])


def _people() -> None:
    op.create_table(
        "approvals",
        sa.Column("approval_id", KEY, primary_key=True),
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id")),
        sa.Column("tick", sa.Integer()),
        sa.Column("seq", sa.Integer()),
        sa.Column("asked_at", KEY, nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answered_at", KEY),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_by", sa.Text()),
    )
    op.create_table(
        "halts",
        sa.Column("halt_id", KEY, primary_key=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("halted_at", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("resumed_at", KEY),
        sa.Column("resumed_by", sa.Text()),
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", KEY, primary_key=True),
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id")),
        sa.Column("at", KEY, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
    )
