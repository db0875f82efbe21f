from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from kisbt.errors import JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.experiments import ExperimentLedger
from kisbt.journal.schema import gate_events
from tests.journal.conftest import NewJournal


def clock() -> datetime:
    return datetime(2024, 5, 2, 18, 0)


def filled(db: DatabaseManager, entries: int = 4) -> ExperimentLedger:
    ledger = ExperimentLedger(db, clock)
    for number in range(entries):
        with ledger.writing() as book:
            book.append("c1", "variant", f"sha256:{number}", {"number": number, "share": 0.1})
    return ledger


def unwritten(ledger: ExperimentLedger) -> None:
    """A row of a transaction that fails: seen inside of it, and never written."""
    with suppress(ZeroDivisionError), ledger.writing() as book:
        book.append("c1", "variant", "sha256:y", {"number": 5})
        assert len(book.entries()) == 6
        _ = 1 / 0


def test_entries_come_back_in_the_order_they_were_made(new_journal: NewJournal) -> None:
    ledger = filled(new_journal())
    entries = ledger.entries()
    assert [entry.seq for entry in entries] == [0, 1, 2, 3]
    assert [entry.body["number"] for entry in entries] == [0, 1, 2, 3]
    assert entries[0].at == "2024-05-02T18:00:00+09:00"
    assert ledger.entries("other") == []
    assert [entry.seq for entry in ledger.entries_of("sha256:2")] == [2]
    assert ledger.broken_link() is None
    ledger.check()


def test_what_was_read_before_is_not_read_again_and_nothing_is_missed(
    new_journal: NewJournal,
) -> None:
    db = new_journal()
    ledger, other = filled(db), ExperimentLedger(db, clock)
    with other.writing() as book:
        book.append("c2", "variant", "sha256:x", {"number": 4})
    unwritten(ledger)
    with ledger.writing() as book:
        assert book.entries() == ledger.entries()
        made = book.append("c1", "variant", "sha256:z", {"number": 6})
        assert made.seq == 5
        assert [each.body["number"] for each in book.entries("c1")] == [0, 1, 2, 3, 6]
    with ledger.writing() as book:
        assert book.entries() == ledger.entries()


def test_a_row_that_was_taken_out_makes_no_other_count_twice(new_journal: NewJournal) -> None:
    db = new_journal()
    ledger = filled(db)
    with db.writing(durable=True) as connection:
        connection.execute(delete(gate_events).where(gate_events.c.seq == 1))
    for _ in range(2):
        other = ExperimentLedger(db, clock)
        with other.writing() as book:
            assert [each.seq for each in book.entries()] == [0, 2, 3]
            assert [each.seq for each in book.entries()] == [0, 2, 3]
    assert ledger.broken_link() == 1


def test_changed_entry_is_found(new_journal: NewJournal) -> None:
    db = new_journal()
    ledger = filled(db)
    with db.writing(durable=False) as connection:
        connection.execute(
            update(gate_events).where(gate_events.c.seq == 1).values(body='{"number":9}')
        )
    assert ledger.broken_link() == 1
    with pytest.raises(JournalError, match="entry 1 is not what was written"):
        ledger.check()


@pytest.mark.parametrize("column", ["at", "kind", "version_hash", "campaign_id"])
def test_every_column_is_covered_by_the_chain(new_journal: NewJournal, column: str) -> None:
    db = new_journal()
    ledger = filled(db)
    with db.writing(durable=False) as connection:
        connection.execute(
            update(gate_events).where(gate_events.c.seq == 2).values({column: "changed"})
        )
    assert ledger.broken_link() == 2


def test_entry_taken_out_is_found(new_journal: NewJournal) -> None:
    db = new_journal()
    ledger = filled(db)
    with db.writing(durable=False) as connection:
        connection.execute(delete(gate_events).where(gate_events.c.seq == 1))
    assert ledger.broken_link() == 1


def test_failed_transaction_leaves_no_entry(new_journal: NewJournal) -> None:
    ledger = filled(new_journal(), entries=1)

    def half() -> None:
        with ledger.writing() as book:
            book.append("c1", "look", "sha256:0", {})
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        half()
    assert len(ledger.entries()) == 1


def test_registered_version_gets_its_verdict_later(new_journal: NewJournal) -> None:
    ledger = ExperimentLedger(new_journal(), clock)
    terms = {"seed": 1}
    with ledger.writing() as book:
        first, second = (
            book.register(
                "c1",
                registration="sha256:r",
                champion="sha256:0",
                challenger=f"sha256:{number}",
                dataset="sha256:d",
                terms=terms,
            )
            for number in (1, 2)
        )
        book.conclude(first, "keep", {"p": 0.4})
    assert (first, second) == ("c1-001", "c1-002")
    (row,) = ledger.experiments(challenger="sha256:1")
    assert (row.verdict, row.result, row.terms) == ("keep", {"p": 0.4}, terms)
    assert [one.verdict for one in ledger.experiments()] == ["keep", None]


def test_two_processes_never_write_the_same_position(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    with DatabaseManager(url) as one, DatabaseManager(url) as other:
        ledgers = [ExperimentLedger(db, clock) for db in (one, other)]
        for number in range(10):
            with ledgers[number % 2].writing() as book:
                book.append("c1", "variant", None, {"number": number})
        assert [entry.seq for entry in ledgers[0].entries()] == list(range(10))
        assert ledgers[1].broken_link() is None
        with one.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM gate_events")).scalar() == 10
