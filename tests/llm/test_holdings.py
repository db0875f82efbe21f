"""What the model is told of its positions' past."""

from datetime import date, datetime

from kisbt.domain.state import Tick
from kisbt.llm.holdings import Held, HoldingWatch
from tests.llm.worlds import position


def tick(number: int, day: int) -> Tick:
    return Tick(number, datetime(2026, 3, day, 15, 30), date(2026, 3, day))


def test_sessions_and_peak_are_counted_from_when_a_position_is_first_seen() -> None:
    watch = HoldingWatch()
    assert watch.observe(tick(0, 2), []) == {}
    assert watch.observe(tick(1, 3), [position("A", last=100)]) == {"A": Held(1, 100)}
    assert watch.observe(tick(2, 3), [position("A", last=120)]) == {"A": Held(1, 120)}
    assert watch.observe(tick(2, 3), [position("A", last=120)]) == {"A": Held(1, 120)}
    assert watch.observe(tick(3, 4), [position("A", last=90)]) == {"A": Held(2, 120)}
    assert watch.observe(tick(4, 5), []) == {}
    assert watch.observe(tick(5, 6), [position("A", last=80)]) == {"A": Held(1, 80)}


def test_proposals_count_for_one_session_and_not_for_their_own_tick() -> None:
    watch = HoldingWatch()
    watch.observe(tick(0, 2), [])
    watch.propose("A", 0)
    assert watch.proposed_before(0) == ()
    watch.observe(tick(1, 2), [])
    watch.propose("A", 1)
    watch.propose("B", 1)
    assert watch.proposed_before(1) == ("A",)
    assert watch.proposed_before(2) == ("A", "B")
    watch.observe(tick(2, 3), [])
    assert watch.proposed_before(3) == ()


def test_a_new_run_starts_over() -> None:
    watch = HoldingWatch()
    watch.observe(tick(0, 2), [position("A", last=500)])
    watch.observe(tick(1, 3), [position("A", last=400)])
    assert watch.observe(tick(0, 2), [position("A", last=100)]) == {"A": Held(1, 100)}
