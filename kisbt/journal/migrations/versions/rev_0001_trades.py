"""The owner's table: one row an execution."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make ``trades`` with its three indexes."""
    op.create_table(
        "trades",
        sa.Column("trade_id", KEY, primary_key=True),
        sa.Column("timestamp", KEY, nullable=False),
        sa.Column("ticker", KEY, nullable=False),
        sa.Column("action", KEY, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("justification_text", sa.Text(), nullable=False),
        sa.Column("market_snapshot", sa.Text(), nullable=False),
        sa.Column("portfolio_before", sa.Text(), nullable=False),
        sa.Column("pnl_7_days", sa.Double()),
        sa.Column("pnl_30_days", sa.Double()),
    )
    op.create_index("idx_trades_timestamp", "trades", ["timestamp"])
    op.create_index("idx_trades_ticker", "trades", ["ticker"])
    op.create_index("idx_trades_action", "trades", ["action"])
