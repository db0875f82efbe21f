"""Runs the steps on the connection, and inside the transaction, that ``migrate`` hands over."""

from alembic import context

from kisbt.journal.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
