"""Alembic environment of the journal; run by ``kisbt.journal.migrate``."""
