"""What a live session is steered by: its account's scope, and what halts and approvals ask for."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add columns; what is there already has none of them."""
    op.add_column("runs", sa.Column("scope", KEY))
    op.create_index("idx_runs_scope", "runs", ["scope"])
    op.add_column("approvals", sa.Column("scope", KEY))
    op.add_column("approvals", sa.Column("expires_at", KEY))
    op.add_column("approvals", sa.Column("orders", sa.Text()))
    op.add_column("halts", sa.Column("action", sa.Text()))
    op.add_column("halts", sa.Column("carried_out_at", KEY))
