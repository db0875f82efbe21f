"""Bring a database to this program's schema: make it, leave it alone, or upgrade it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from kisbt.errors import JournalError
from kisbt.journal.connection import display_name, one_line, writing
from kisbt.journal.schema import REVISIONS, metadata, trades

_SETUP_LOCK = 5_930_117
"""Postgres advisory lock: two processes may open a new journal at once."""


def prepare(engine: Engine) -> None:
    """Make or upgrade the tables. An older SQLite file is copied aside before it is changed.

    Raises:
        JournalError: written by a newer kisbt, not a journal, or not usable at all.
    """
    with one_line(engine.url):
        with engine.connect() as connection:
            found = revision(connection)
        if found == REVISIONS[-1]:
            return
        if found is not None:
            _refuse_newer(found, engine)
            backup(engine, found)
    with writing(engine, durable=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
        found = revision(connection)  # another process may have been here meanwhile
        if found is None:
            _create(connection)
        elif found != REVISIONS[-1]:
            upgrade(connection, found)


def revision(connection: Connection) -> str | None:
    """The schema's revision; ``None`` for an empty database.

    The owner's bare ``trades`` table, as made without kisbt, counts as the first revision.

    Raises:
        JournalError: the file holds something else.
    """
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
        if row is not None:
            return str(row[0])
    if "trades" in tables:
        columns = {column["name"] for column in inspect(connection).get_columns("trades")}
        if columns == set(trades.columns.keys()):
            return REVISIONS[0]
    elif connection.dialect.name != "sqlite" or not tables:
        return None
    raise JournalError(
        f"{display_name(connection.engine.url)} holds tables that are not a kisbt journal",
        hint="name another file or database",
    )


def _refuse_newer(found: str, engine: Engine) -> None:
    if found not in REVISIONS:
        raise JournalError(
            f"journal {display_name(engine.url)} was written by a newer kisbt (schema {found}, "
            f"this one knows {REVISIONS[-1]})",
            hint="upgrade kisbt, or name another journal",
        )


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(
        text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": REVISIONS[-1]}
    )


def upgrade(connection: Connection, found: str | None) -> None:
    """Run the steps after ``found`` (``None``: all of them) inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    folder = Path(__file__).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    if found is not None:
        command.stamp(config, found)  # the owner's bare table has no stamp yet
    command.upgrade(config, "head")


def backup(engine: Engine, found: str) -> Path | None:
    """Copy an SQLite journal aside; ``None`` for other databases, which have their own tools."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    source = Path(engine.url.database)
    target = source.with_name(f"{source.name}.before-{found}-to-{REVISIONS[-1]}.bak")
    number = 1
    while target.exists():
        number += 1
        target = source.with_name(f"{source.name}.before-{found}-to-{REVISIONS[-1]}.{number}.bak")
    partial = target.with_name(target.name + ".partial")
    # The backup API sees rows that still sit in the write-ahead log; a file copy would not.
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(partial)) as new:
        old.backup(new)
    shutil.move(partial, target)
    return target
