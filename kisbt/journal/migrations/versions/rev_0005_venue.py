"""What a live run must know after a crash: how its account began, and the venue's order numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "openings",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("at", KEY, nullable=False),
        sa.Column("cash", sa.BigInteger, nullable=False),
        sa.Column("positions", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "venue_orders",
        sa.Column("run_id", KEY, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("ref", KEY, primary_key=True),
        sa.Column("session", KEY, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
