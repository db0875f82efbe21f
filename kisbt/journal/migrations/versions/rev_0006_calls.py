"""What models were asked: texts stored once, every exchange with its cost, agreement of draws."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table and the columns; what is there already has none of them."""
    op.create_table(
        "texts",
        sa.Column("hash", KEY, primary_key=True),
        sa.Column("codec", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.add_column("decisions", sa.Column("agreement", sa.Double))
    op.add_column("llm_calls", sa.Column("draw", sa.Integer))
    op.add_column("llm_calls", sa.Column("source", sa.Text))
    op.add_column("llm_calls", sa.Column("tokens_cached", sa.Integer))
    op.add_column("llm_calls", sa.Column("cost_usd", sa.Double))
    op.add_column("llm_calls", sa.Column("error", sa.Text))
    op.add_column("llm_calls", sa.Column("attempts", sa.Integer))
