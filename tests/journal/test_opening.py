"""Opening a journal: new, older, newer, damaged, locked, or not one at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from kisbt.errors import JournalError
from kisbt.journal import migrate
from kisbt.journal.connection import display_name, open_engine, parse_url, writing
from kisbt.journal.database import DatabaseManager
from kisbt.journal.schema import REVISIONS, metadata, trades
from tests.journal.conftest import NewUrl, PostgresServer
from tests.journal.test_database import trade

OWNERS_TABLE = """
CREATE TABLE trades (
    trade_id TEXT PRIMARY KEY, timestamp TEXT NOT NULL, ticker TEXT NOT NULL,
    action TEXT NOT NULL, quantity BIGINT NOT NULL, price BIGINT NOT NULL,
    justification_text TEXT NOT NULL, market_snapshot TEXT NOT NULL,
    portfolio_before TEXT NOT NULL, pnl_7_days DOUBLE PRECISION, pnl_30_days DOUBLE PRECISION
)
"""
OWNERS_ROW = """
INSERT INTO trades VALUES ('old', '2023-01-02T15:30:00+09:00', '005930', 'BUY', 10, 50000,
    '이전 기록', '{}', '{}', -0.25, NULL)
"""


def owners_journal(url: str) -> None:
    """What the owner's own program may have left: his table and indexes, one trade."""
    engine = open_engine(parse_url(url), busy_seconds=1)
    with writing(engine, durable=False) as connection:
        connection.execute(text(OWNERS_TABLE))
        for column in ("timestamp", "ticker", "action"):
            connection.execute(text(f"CREATE INDEX idx_trades_{column} ON trades ({column})"))
        connection.execute(text(OWNERS_ROW))
    engine.dispose()


def shape(engine: Engine) -> dict[str, object]:
    """Tables, columns, keys and indexes as the database reports them."""
    found = inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted(
                (k["constrained_columns"], k["referred_table"])
                for k in found.get_foreign_keys(table)
            ),
            sorted(
                (i["name"], i["column_names"], bool(i["unique"])) for i in found.get_indexes(table)
            ),
        )
        for table in sorted(found.get_table_names())
    }


def test_owners_table_has_exactly_his_columns_and_indexes(db: DatabaseManager) -> None:
    assert list(trades.columns.keys()) == [
        "trade_id", "timestamp", "ticker", "action", "quantity", "price", "justification_text",
        "market_snapshot", "portfolio_before", "pnl_7_days", "pnl_30_days",
    ]  # fmt: skip
    indexes = {i["name"]: i["column_names"] for i in inspect(db.engine).get_indexes("trades")}
    assert indexes == {
        "idx_trades_timestamp": ["timestamp"],
        "idx_trades_ticker": ["ticker"],
        "idx_trades_action": ["action"],
    }


def test_migrations_from_empty_give_the_schema_that_new_journals_are_made_with(
    new_url: NewUrl,
) -> None:
    fresh = DatabaseManager(new_url())
    stepwise = open_engine(parse_url(new_url()), busy_seconds=1)
    with writing(stepwise, durable=False) as connection:
        migrate.upgrade(connection, None)
    assert shape(stepwise) == shape(fresh.engine)
    with stepwise.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    stepwise.dispose()
    fresh.close()


def test_known_revisions_are_those_of_the_shipped_steps() -> None:
    folder = Path(migrate.__file__).parent / "migrations"
    steps = ScriptDirectory(str(folder)).walk_revisions()
    assert tuple(reversed([step.revision for step in steps])) == REVISIONS


def test_owners_own_table_is_adopted_with_its_trades(new_url: NewUrl) -> None:
    url = new_url()
    owners_journal(url)
    with DatabaseManager(url) as db:
        db.insert_trade(trade(1, pnl_7_days=-0.5))
        assert [one.trade_id for one in db.get_worst_trades()] == ["t001", "old"]
    with DatabaseManager(url) as db:
        assert len(db.get_trades_by_period()) == 2


def test_older_file_is_copied_aside_before_it_is_changed(tmp_path: Path) -> None:
    for number in range(2):
        file = tmp_path / "journal.sqlite"
        url = f"sqlite:///{file}"
        owners_journal(url)
        DatabaseManager(url).close()
        backups = sorted(tmp_path.glob("*.bak"))
        assert len(backups) == number + 1
        with closing(sqlite3.connect(backups[-1])) as copy:
            assert copy.execute("SELECT trade_id FROM trades").fetchall() == [("old",)]
            names = {row[0] for row in copy.execute("SELECT name FROM sqlite_master")}
            assert "runs" not in names
        for left in tmp_path.glob("journal.sqlite*"):
            if left.suffix != ".bak":
                left.unlink()


def test_failed_upgrade_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    owners_journal(url)
    whole = migrate.upgrade

    def half(connection: object, found: str | None) -> None:
        whole(connection, found)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(migrate, "upgrade", half)
    with pytest.raises(JournalError, match="No space left"):
        DatabaseManager(url)
    monkeypatch.undo()
    with DatabaseManager(url) as db:
        assert len(db.get_trades_by_period()) == 1


def test_journal_of_a_newer_schema_is_refused_and_left_alone(new_url: NewUrl) -> None:
    url = new_url()
    with DatabaseManager(url) as db, db.writing(durable=False) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    with pytest.raises(JournalError, match="newer kisbt") as caught:
        DatabaseManager(url)
    assert "9001" in str(caught.value)


def test_empty_version_table_beside_the_owners_one_is_no_obstacle(new_url: NewUrl) -> None:
    url = new_url()
    owners_journal(url)
    engine = open_engine(parse_url(url), busy_seconds=1)
    with writing(engine, durable=False) as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    engine.dispose()
    with DatabaseManager(url) as db:
        assert [one.trade_id for one in db.get_trades_by_period()] == ["old"]


def test_error_of_no_known_kind_is_one_line_too(db: DatabaseManager) -> None:
    with pytest.raises(JournalError, match="nonsense") as caught, db.reading() as connection:
        connection.execute(text("SELECT * FROM nonsense"))
    assert "\n" not in str(caught.value)


def test_new_journal_of_two_openers_at_once_is_made_once(new_url: NewUrl) -> None:
    url = new_url()
    with DatabaseManager(url) as first:
        engine = open_engine(parse_url(url), busy_seconds=1)
        migrate.prepare(engine)
        assert shape(engine) == shape(first.engine)
        engine.dispose()


def test_opener_that_lost_the_race_takes_what_the_other_made(
    new_url: NewUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_url()
    DatabaseManager(url).close()
    honest = migrate.revision
    answers = iter([None])  # what the loser saw before the winner had committed
    monkeypatch.setattr(migrate, "revision", lambda c: next(answers, honest(c)))
    with DatabaseManager(url) as db:
        assert db.runs() == []


@pytest.mark.parametrize("content", [b"this is a text file, long enough to look like one" * 40])
def test_file_that_is_no_database_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "journal.sqlite"
    file.write_bytes(content)
    with pytest.raises(JournalError, match="is not an SQLite database"):
        DatabaseManager(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    DatabaseManager(f"sqlite:///{file}").close()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(JournalError, match="is damaged"):
        DatabaseManager(f"sqlite:///{file}")


def test_someone_elses_tables_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE customers (name TEXT)")
        other.commit()
    with pytest.raises(JournalError, match="not a kisbt journal"):
        DatabaseManager(f"sqlite:///{file}")


def test_table_named_trades_with_other_columns_is_left_alone(new_url: NewUrl) -> None:
    url = new_url()
    engine = open_engine(parse_url(url), busy_seconds=1)
    with writing(engine, durable=False) as connection:
        connection.execute(text("CREATE TABLE trades (id INTEGER)"))
    engine.dispose()
    with pytest.raises(JournalError, match="not a kisbt journal"):
        DatabaseManager(url)


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(JournalError, match="cannot be made"):
        DatabaseManager(f"sqlite:///{tmp_path / 'results' / 'deeper' / 'journal.sqlite'}")


def test_folder_in_the_place_of_the_journal_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        DatabaseManager(f"sqlite:///{tmp_path}")


def test_missing_journal_is_not_made_by_a_reader(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    with pytest.raises(JournalError, match="no journal at"):
        DatabaseManager(f"sqlite:///{file}", create=False)
    assert not file.exists()


def test_journal_in_memory_needs_no_folder() -> None:
    with DatabaseManager("sqlite://") as db:
        db.insert_trade(trade(1))
        assert len(db.get_trades_by_period()) == 1


def test_locked_journal_is_one_clear_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    with DatabaseManager(url, busy_seconds=0.05) as db:
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="locked by another program"):
                db.insert_trade(trade(1))
        db.insert_trade(trade(1))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("journal.sqlite", "cannot be read"),
        ("mysql://localhost/x", "'mysql' is not supported"),
        ("sqlite+aiosqlite:///x", "is not supported"),
    ],
)
def test_url_that_kisbt_cannot_use_is_one_clear_line(url: str, said: str) -> None:
    with pytest.raises(JournalError, match=said):
        DatabaseManager(url)


@pytest.mark.parametrize(
    "url",
    ["postgres://u:secret@h/d", "postgresql://u:secret@h/d", "postgresql+psycopg://u:secret@h/d"],
)
def test_postgres_is_spoken_to_through_psycopg_and_its_password_is_never_shown(url: str) -> None:
    parsed = parse_url(url)
    assert parsed.drivername == "postgresql+psycopg"
    assert "secret" not in display_name(parsed)


def test_postgres_that_does_not_answer_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="does not answer"):
        DatabaseManager(f"postgresql://kisbt@/postgres?host={tmp_path}")


@pytest.mark.postgres
def test_postgres_with_tables_of_others_is_shared(postgres: PostgresServer) -> None:
    url = postgres.new_url()
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (name TEXT)"))
    engine.dispose()
    with DatabaseManager(url) as db:
        assert db.runs() == []


def test_missing_postgres_driver_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr("kisbt.journal.connection.create_engine", missing)
    with pytest.raises(JournalError, match="driver is not installed"):
        DatabaseManager("postgresql://h/d")
