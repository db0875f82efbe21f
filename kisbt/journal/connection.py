"""One engine a journal: URL, pragmas, transactions, and one line for every database error."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from kisbt.errors import JournalError

PAGE_SIZE = 8192
"""SQLite page in bytes: two thirds of the waste of 4 KiB pages, half the write of 16 KiB ones."""

_SIGNS = (
    ("locked", "is locked by another program", "close it, or wait, and try again"),
    ("file is not a database", "is not an SQLite database", "move it away or name another file"),
    ("malformed", "is damaged", "restore a backup, or move it away to start a new journal"),
    ("readonly", "cannot be written", "check the permissions of the file and its folder"),
    ("unable to open", "cannot be opened", "check that the folder exists and can be written"),
    (
        "disk is full",
        "cannot grow: the disk is full",
        "free some space; nothing half-done was kept",
    ),
    ("disk i/o", "cannot be read or written: disk error", "check the disk"),
    ("connection", "does not answer", "check that the database server runs and the URL is right"),
    ("authentication", "refuses the login", "check user and password in the journal's URL"),
)


def parse_url(url: str) -> URL:
    """Turn a journal URL into SQLAlchemy's; ``postgres://`` and ``postgresql://`` use psycopg 3.

    Raises:
        JournalError: not a URL, or a database kind that kisbt does not write to.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise JournalError(
            f"journal URL {url!r} cannot be read",
            hint="use sqlite:///path/to/file.sqlite or postgresql://user@host/name",
        ) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise JournalError(
            f"journal kind {parsed.drivername!r} is not supported",
            hint="use sqlite:///... or postgresql://...",
        )
    return parsed


def display_name(url: URL) -> str:
    """The journal as people know it, never with a password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.render_as_string(hide_password=True)


def open_engine(url: URL, *, busy_seconds: float) -> Engine:
    """Make the engine; nothing is connected yet.

    Raises:
        JournalError: the Postgres driver is not installed.
    """
    if url.get_backend_name() != "sqlite":
        try:
            return create_engine(url, pool_pre_ping=True)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise JournalError(
                "the Postgres driver is not installed", hint="install kisbt[postgres]"
            ) from error
    engine = create_engine(url, connect_args={"timeout": busy_seconds})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # pysqlite's own transaction control would start transactions late and commit before DDL.
    connection.isolation_level = None
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("kisbt_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with one_line(engine.url), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, durable: bool) -> Iterator[Connection]:
    """A transaction that commits at the end, or leaves nothing.

    ``durable`` survives a power cut (SQLite ``synchronous=FULL``); without it only a crash of
    the process is survived.
    """
    with one_line(engine.url), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _set_synchronous(connection, "FULL" if durable else "NORMAL")
            connection = connection.execution_options(kisbt_write=True)
        with connection.begin():
            yield connection


def _set_synchronous(connection: Connection, level: str) -> None:
    if connection.info.get("synchronous") == level:
        return
    # Outside a transaction, hence on the driver's own connection.
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA synchronous = {level}")
    connection.info["synchronous"] = level


@contextmanager
def one_line(url: URL) -> Iterator[None]:
    """Turn a database error into a ``JournalError`` of one line."""
    try:
        yield
    except IntegrityError as error:
        raise JournalError(
            f"journal {display_name(url)} refused a row: {_first_line(error)}",
            hint="it names a run or a trade that is not there, or that is there already",
        ) from error
    except DBAPIError as error:
        raise explain(error, url) from error
    except OSError as error:
        raise JournalError(f"journal {display_name(url)}: {error.strerror or error}") from error


def explain(error: DBAPIError, url: URL) -> JournalError:
    """What a driver's error means, in words."""
    said = str(error.orig).lower()
    for sign, meaning, hint in _SIGNS:
        if sign in said:
            return JournalError(f"journal {display_name(url)} {meaning}", hint=hint)
    return JournalError(f"journal {display_name(url)}: {_first_line(error)}")


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [type(error).__name__])[0]


def ensure_folder(url: URL, *, create: bool) -> None:
    """Make the folder of an SQLite journal; without ``create`` the file must be there.

    Raises:
        JournalError: the folder cannot be made, or there is no journal.
    """
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return
    file = Path(str(url.database))
    if not create:
        if not file.is_file():
            raise JournalError(
                f"there is no journal at {file}", hint="kisbt backtest makes one; see --config"
            )
        return
    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"folder {folder} of the journal cannot be made: {error.strerror}",
            hint="choose another one in kisbt.toml, [paths] journal",
        ) from error
