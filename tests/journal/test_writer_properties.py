from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kisbt.journal.writer import RunJournal
from tests.journal.conftest import NewJournal
from tests.journal.scenes import (
    Rows,
    info,
    play,
    rows,
)

SLOW_FIXTURES = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(new_journal: NewJournal, *, batch: int, ticks: int, seed: int) -> Rows:
    with new_journal() as db:
        journal = RunJournal(db, db.begin_run(info()), batch=batch)
        play(journal, ticks=ticks, seed=seed)
        journal.close()
        return rows(db)


@SLOW_FIXTURES
@given(seed=st.integers(0, 10_000), ticks=st.integers(0, 40), batch=st.integers(2, 30))
def test_batches_and_durable_single_writes_give_equal_rows(
    new_journal: NewJournal, seed: int, ticks: int, batch: int
) -> None:
    batched = written(new_journal, batch=batch, ticks=ticks, seed=seed)
    single = written(new_journal, batch=0, ticks=ticks, seed=seed)
    assert batched == single


@SLOW_FIXTURES
@given(seed=st.integers(0, 10_000), ticks=st.integers(1, 40))
def test_telling_a_run_twice_changes_nothing(
    new_journal: NewJournal, seed: int, ticks: int
) -> None:
    with new_journal() as db:
        run_id = db.begin_run(info())
        journal = RunJournal(db, run_id)
        play(journal, ticks=ticks, seed=seed)
        journal.close()
        once = rows(db)
        again = RunJournal(db, run_id)
        play(again, ticks=ticks, seed=seed)
        again.close()
        assert rows(db) == once


@SLOW_FIXTURES
@given(seed=st.integers(0, 10_000), ticks=st.integers(2, 40), data=st.data())
def test_interrupted_run_taken_up_again_ends_like_one_that_went_through(
    new_journal: NewJournal, seed: int, ticks: int, data: st.DataObject
) -> None:
    stop = data.draw(st.integers(1, ticks - 1))
    whole = written(new_journal, batch=500, ticks=ticks, seed=seed)
    with new_journal() as db:
        run_id = db.begin_run(info())
        first = RunJournal(db, run_id)
        play(first, ticks=stop, seed=seed)
        first.flush()
        second = RunJournal(db, run_id)
        play(second, ticks=ticks, seed=seed, first=stop)
        second.close()
        assert rows(db) == whole
