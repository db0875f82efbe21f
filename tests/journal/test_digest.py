from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.trading import OrderState, PositionChange, Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.digest import DigestJournal
from kisbt.journal.memory import MemoryJournal, NullJournal
from kisbt.journal.writer import RunJournal
from tests.journal.scenes import START, decision, event, fill, info, market, play, rows, state


def digests(seed: int, ticks: int = 12) -> dict[str, str]:
    journal = DigestJournal(NullJournal())
    play(journal, ticks=ticks, seed=seed)
    return journal.digests()


@given(seed=st.integers(0, 1_000))
def test_equal_runs_have_equal_digests_and_other_runs_do_not(seed: int) -> None:
    assert digests(seed) == digests(seed)
    assert digests(seed)["decisions"] != digests(seed + 1)["decisions"]


def test_digests_are_tagged_hashes_of_four_streams() -> None:
    found = DigestJournal(NullJournal()).digests()
    assert sorted(found) == ["decisions", "equity", "fills", "orders"]
    assert all(value.startswith("sha256:") and len(value) == 71 for value in found.values())


def tell(journal: Any, stream: str, **changes: Any) -> None:
    if stream == "decisions":
        journal.record_tick(state(0, decision(**changes)))
    elif stream == "orders":
        to = changes.pop("to", OrderState.ACCEPTED)
        journal.record_order(event("o", START, "005930", Side.BUY, to, **changes))
    elif stream == "fills":
        journal.record_fill(fill(0, "o", START, "005930", Side.BUY, **changes))
    else:
        journal.record_equity(changes.get("at", START), 1, changes.get("equity", 2), 0.5)


@pytest.mark.parametrize(
    ("stream", "change"),
    [
        ("decisions", {"justification": "다른 이유"}),
        ("decisions", {"target_weight": 0.1}),
        ("decisions", {"rules": ()}),
        ("orders", {"to": OrderState.FILLED}),
        ("orders", {"filled": 1}),
        ("fills", {"price": 50_050}),
        ("fills", {"tax": 1}),
        ("equity", {"equity": 3}),
        ("equity", {"at": START + timedelta(days=1)}),
    ],
)
def test_any_change_changes_its_stream_and_no_other(stream: str, change: dict[str, Any]) -> None:
    plain, changed = DigestJournal(NullJournal()), DigestJournal(NullJournal())
    for name in ("decisions", "orders", "fills", "equity"):
        tell(plain, name)
        tell(changed, name, **(change if name == stream else {}))
    before, after = plain.digests(), changed.digests()
    assert [name for name in before if before[name] != after[name]] == [stream]


def test_what_the_decision_saw_is_part_of_the_digest() -> None:
    seen, other = DigestJournal(NullJournal()), DigestJournal(NullJournal())
    seen.record_tick(state(0, market=market(1)))
    other.record_tick(state(0, market=market(2)))
    assert seen.digests()["decisions"] != other.digests()["decisions"]


def test_digest_does_not_depend_on_the_run_or_on_where_it_is_written(
    db: DatabaseManager,
) -> None:
    found = []
    for batch in (0, 5):
        journal = RunJournal(db, db.begin_run(info()), batch=batch)
        digest = DigestJournal(journal)
        play(digest, ticks=12, seed=3)
        journal.close()
        found.append(digest.digests())
    assert found[0] == found[1] == digests(3)


def test_digested_run_is_journaled_like_any_other(new_journal: Any) -> None:
    found = []
    for digested in (False, True):
        db = new_journal()
        journal = RunJournal(db, db.begin_run(info()))
        play(DigestJournal(journal) if digested else journal, ticks=40, seed=8)
        journal.close()
        found.append(rows(db))
    assert found[0] == found[1]


def test_blind_tick_is_digested_and_journaled(db: DatabaseManager) -> None:
    journal = RunJournal(db, db.begin_run(info()))
    digest = DigestJournal(journal)
    blind = state(0)
    del blind["market"]
    digest.record_tick(blind)
    journal.close()
    assert len(rows(db)["ticks"]) == 1


def test_split_is_part_of_the_fills_digest() -> None:
    whole, without = DigestJournal(NullJournal()), DigestJournal(NullJournal())
    whole.record_change(PositionChange(START.date(), "005930", "split", 5.0, 10, 50, 0))
    changed = [n for n, v in whole.digests().items() if v != without.digests()[n]]
    assert changed == ["fills"]


def test_memory_journal_keeps_everything_in_order() -> None:
    memory = MemoryJournal()
    play(memory, ticks=10, seed=2)
    assert [tick["tick"].number for tick in memory.ticks] == list(range(10))
    assert [one.number for one in memory.fills] == list(range(len(memory.fills)))
    assert len(memory.fills) > 0
    assert [change.session for change in memory.changes] == [START.date() + timedelta(days=5)]
    assert memory.events[0].state is OrderState.ACCEPTED
    assert memory.equity[-1] == (START + timedelta(days=9), 10_000_000, 10_710_009, 0.066)
