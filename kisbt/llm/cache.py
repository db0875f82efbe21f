"""Recorded replies by the hash of what was asked: one SQLite file for all runs.

All replies are read once and then answered from memory. What another process recorded meanwhile
is found in the file. One key is asked once at a time: threads wait for each other inside a
process, and processes by leases in the file.
"""

import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kisbt.errors import ConfigError
from kisbt.journal.runs import process_mark, this_host
from kisbt.llm.stops import CacheTrouble

APPLICATION = 0x6B697362
"""SQLite's application id of a cache: the letters "kisb"."""

VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT, error TEXT NOT NULL, raw TEXT NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    cost_usd REAL NOT NULL, cost_krw REAL NOT NULL, latency_ms REAL NOT NULL,
    attempts INTEGER NOT NULL, at TEXT NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
"""


class Stored(NamedTuple):
    """One recorded exchange. A failure has no ``reply``; ``raw`` is what the server said then.

    ``at`` is ISO text of naive KST; see ``Exchange`` for the rest.
    """

    model: str
    reply: str | None
    error: str
    raw: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    cost_krw: float
    latency_ms: float
    attempts: int
    at: str


_COLUMNS = ", ".join(("key", *Stored._fields, "checksum"))
_MARKS = ", ".join("?" * (len(Stored._fields) + 2))


class ReplyCache:
    """The recorded replies of one file, which is made when it is not there.

    Args:
        path: The file.
        create: Whether a file that is not there is made; otherwise that is an error.
        lease_seconds: How long a key stays reserved for a process that this machine cannot see.
            One that is known to have died loses its reservation at once.
        clock: Seconds that all processes share.
        sleep: How to wait for another process.

    Raises:
        ConfigError: the file is damaged, something else, of a newer kisbt, or cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        lease_seconds: float = 900.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self._lease_seconds = lease_seconds
        self._clock, self._sleep = clock, sleep
        self._owner = f"{this_host()}|{process_mark(os.getpid()) or ''}"
        self._lock = threading.Lock()
        self._flights: dict[str, threading.Event] = {}
        if not create and not path.is_file():
            raise ConfigError(
                f"no recorded replies: {path} does not exist", hint="record with --llm openai"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: every statement is a transaction, unless BEGIN says otherwise.
            self._db = sqlite3.connect(
                path, timeout=10.0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(str(error)) from None
        try:
            self._prepare()
            self._known = self._load()
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(str(error)) from None
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        with self._lock:
            self._db.close()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Stored | None:
        """The recorded exchange of a key, from memory, else from the file.

        Raises:
            CacheTrouble: the file can no longer be read.
        """
        found = self._known.get(key)
        return self._look_up(key) if found is None else found

    def put(self, key: str, stored: Stored) -> None:
        """Record an exchange. A reply replaces a failure; a failure never replaces a reply.

        Raises:
            CacheTrouble: the file can no longer be written.
        """
        row = (key, *stored, _checksum(key, stored))
        keep = "" if stored.reply is not None else " WHERE replies.reply IS NULL"
        changes = ", ".join(f"{name} = excluded.{name}" for name in (*Stored._fields, "checksum"))
        with self._file():
            self._db.execute(
                f"INSERT INTO replies ({_COLUMNS}) VALUES ({_MARKS}) "
                f"ON CONFLICT (key) DO UPDATE SET {changes}{keep}",
                row,
            )
            earlier = self._known.get(key)
            if stored.reply is not None or earlier is None or earlier.reply is None:
                self._known[key] = stored

    @contextmanager
    def flight(self, key: str) -> Iterator[Stored | None]:
        """Reserve a key while the block asks for it.

        Gives ``None`` when the caller is to ask, and must ``put`` what came of it. Gives what was
        recorded, a failure too, when somebody else asked while this call waited.

        Raises:
            CacheTrouble: the file can no longer be used.
        """
        with self._lock:
            other = self._flights.get(key)
            mine = threading.Event()
            if other is None:
                self._flights[key] = mine
        if other is not None:
            before = self._known.get(key)
            other.wait()
            found = self._known.get(key)
            if found is not None and found is not before:
                yield found
                return
            with self.flight(key) as again:  # the other one gave up without an answer
                yield again
            return
        try:
            found = self._lease(key)
            try:
                yield found
            finally:
                if found is None:
                    self._release(key)
        finally:
            with self._lock:
                del self._flights[key]
            mine.set()

    def _lease(self, key: str) -> Stored | None:
        before = self._look_up(key)
        while True:
            with self._file():
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    now = self._clock()
                    found = self._read(key)
                    if found is not None and (found.reply is not None or found != before):
                        return found
                    held = self._db.execute(
                        "SELECT owner, until FROM leases WHERE key = ?", (key,)
                    ).fetchone()
                    if held is None or held[1] < now or _died(held[0]):
                        self._db.execute(
                            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?)",
                            (key, self._owner, now + self._lease_seconds),
                        )
                        return None
                finally:
                    self._db.execute("COMMIT")
            self._sleep(0.05)

    def _release(self, key: str) -> None:
        with self._file():
            self._db.execute("DELETE FROM leases WHERE key = ? AND owner = ?", (key, self._owner))

    def _look_up(self, key: str) -> Stored | None:
        with self._file():
            return self._read(key)

    def _read(self, key: str) -> Stored | None:
        """One row from the file, remembered; the caller holds the lock."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM replies WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        stored = Stored(*row[1:-1])
        if row[-1] != _checksum(key, stored):
            raise CacheTrouble(self._damaged("a reply in it has changed"), hint=_MOVE)
        self._known[key] = stored
        return stored

    def _prepare(self) -> None:
        # Another process may make the file at this moment, in one transaction: what is read
        # later must not be older.
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and self._pragma("application_id") != APPLICATION:
            raise self._unusable("it is another program's database")
        version = self._pragma("user_version")
        if version > VERSION:
            raise ConfigError(
                f"LLM cache {self.path} was written by a newer kisbt", hint="upgrade kisbt"
            )
        if version == VERSION:
            return
        self._write_ahead()
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            self._db.execute(statement)
        self._db.execute(f"PRAGMA application_id = {APPLICATION}")
        self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("COMMIT")

    def _write_ahead(self) -> None:
        for _ in range(100):  # SQLite does not wait for a lock here
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                time.sleep(0.1)
        self._db.execute("PRAGMA journal_mode = WAL")

    def _pragma(self, name: str) -> int:
        value: int = self._db.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def _load(self) -> dict[str, Stored]:
        self._db.execute("PRAGMA synchronous = NORMAL")
        known = {}
        for key, *fields, checksum in self._db.execute(f"SELECT {_COLUMNS} FROM replies"):
            stored = Stored(*fields)
            if checksum != _checksum(key, stored):
                raise self._unusable("a reply in it has changed")
            known[key] = stored
        return known

    @contextmanager
    def _file(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise CacheTrouble(
                    f"LLM cache {self.path} can no longer be used: {error}",
                    hint="free the disk or the file; the same command goes on from here",
                ) from None

    def _damaged(self, why: str) -> str:
        return f"LLM cache {self.path} is damaged or no cache: {why}"

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError(self._damaged(why), hint=_MOVE)


_MOVE = "move it away, or name another with llm.cache; replies must then be recorded again"


def _checksum(key: str, stored: Stored) -> int:
    text = f"{key}\0{stored.reply}\0{stored.error}\0{stored.tokens_in}\0{stored.tokens_out}"
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _died(owner: str) -> bool:
    """Whether a lease's owner is a process of this machine that is no more."""
    host, _, mark = owner.partition("|")
    if host != this_host() or not mark:
        return False
    pid: Any = mark.partition(":")[0]
    return not pid.isdigit() or process_mark(int(pid)) != mark
