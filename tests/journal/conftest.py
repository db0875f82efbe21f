"""A real Postgres for the session, and a journal of each kind for each test."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest

from kisbt.journal.database import DatabaseManager

NewUrl = Callable[[], str]
NewJournal = Callable[[], DatabaseManager]


def _find(tool: str) -> str | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / tool).is_file():
            return str(folder / tool)
    return shutil.which(tool)


class PostgresServer:
    """One throw-away server: data and socket in a folder of its own, no network, no fsync.

    Sorts text by ICU Korean, as a real installation may, so that the journal's bytewise order
    is put to the test.
    """

    def __init__(self, initdb: str, pg_ctl: str) -> None:
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
        where = memory if roomy else None  # thousands of small files: a disk takes its time
        self.folder = Path(tempfile.mkdtemp(prefix="kisbt-pg-", dir=where))
        self._pg_ctl = pg_ctl
        self._user: str | None = None
        self._numbers = count()
        if os.geteuid() == 0:  # the server refuses to run as root
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._user = "postgres"
        try:
            collation = ("--locale=C", "--locale-provider=icu", "--icu-locale=ko-KR")
            common = ("-D", self._data, "-U", "kisbt", "-A", "trust", "-E", "UTF8", "--no-sync")
            if self._run(initdb, *common, *collation).returncode:
                self._run(initdb, *common, "--locale=C", check=True)
            options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=100"
            log = str(self.folder / "log")
            self._run(pg_ctl, "-D", self._data, "-l", log, "-o", options, "-w", "start", check=True)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command,
            check=check,
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def new_url(self) -> str:
        """The URL of an empty schema: made in a blink, where a database is copied."""
        name = f"journal{next(self._numbers)}"
        with psycopg.connect(
            host=str(self.folder), user="kisbt", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        where = f"host={self.folder}&options=-csearch_path%3D{name}"
        return f"postgresql://kisbt@/postgres?{where}"

    def stop(self) -> None:
        self._run(self._pg_ctl, "-D", self._data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    initdb, pg_ctl = _find("initdb"), _find("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL server here: initdb and pg_ctl not found")
    if os.geteuid() == 0 and "postgres" not in {one.pw_name for one in pwd.getpwall()}:
        pytest.skip("running as root, and no user 'postgres' to run the server as")
    server = PostgresServer(initdb, pg_ctl)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes the URL of one more empty journal."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.new_url
    numbers = count()
    return lambda: f"sqlite:///{tmp_path / f'journal{next(numbers)}.sqlite'}"


@pytest.fixture
def new_journal(new_url: NewUrl) -> Iterator[NewJournal]:
    """Makes one more open, empty journal; all are closed at the end."""
    opened: list[DatabaseManager] = []

    def make() -> DatabaseManager:
        opened.append(DatabaseManager(new_url(), clock=lambda: datetime(2025, 3, 3, 9, 0)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def db(new_journal: NewJournal) -> DatabaseManager:
    return new_journal()
