"""The gate's ledger: every registration, test, look and verdict, in a chain of digests."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the ledger; experiments gain an index by challenger."""
    op.create_table(
        "gate_events",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("version_hash", KEY),
        sa.Column("at", KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
    )
    op.create_index("idx_gate_events_campaign", "gate_events", ["campaign_id"])
    op.create_index("idx_gate_events_version", "gate_events", ["version_hash"])
    op.create_index("idx_experiments_challenger", "experiments", ["challenger_hash"])
