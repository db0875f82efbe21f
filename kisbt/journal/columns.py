"""What the tables of the journal are made of."""

from sqlalchemy import Column, ForeignKey, MetaData, Text

metadata = MetaData()

# Postgres compares text by the database's locale; ISO times and ids must sort bytewise.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")


def run_column() -> Column[str]:
    """The run that a row belongs to, as the first part of its key."""
    return Column("run_id", KeyText, ForeignKey("runs.run_id"), primary_key=True)
