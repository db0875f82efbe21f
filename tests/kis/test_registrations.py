import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.errors import ConfigError
from kisbt.kis.registrations import Registration, Roster


def name(number: int) -> Registration:
    return Registration("H0STCNT0", f"{number:06d}")


wishes = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 5), st.booleans(), st.sampled_from("wwdr")),
    max_size=60,
)


@given(wishes, st.integers(1, 8))
def test_never_more_on_than_places_and_pinned_ones_always(
    steps: list[tuple[int, int, bool, str]], places: int
) -> None:
    roster = Roster(places)
    pinned: set[Registration] = set()
    wished: set[Registration] = set()
    for number, priority, pin, what in steps:
        if what == "d":
            roster.drop(name(number))
            wished.discard(name(number))
            pinned.discard(name(number))
        elif what == "r":
            roster.rotate()
        else:
            try:
                roster.wish(name(number), priority=priority, pinned=pin)
            except ConfigError:
                assert pin
                assert len(pinned - {name(number)}) >= places
                continue
            wished.add(name(number))
            (pinned.add if pin else pinned.discard)(name(number))
        on = roster.on
        assert len(on) == len(set(on)) == min(places, len(wished))
        assert pinned <= set(on) <= wished


@given(st.lists(st.integers(1, 4), min_size=2, max_size=12), st.integers(1, 4))
def test_air_time_follows_priority_and_forgets_nobody(weights: list[int], places: int) -> None:
    roster = Roster(places)
    for number, weight in enumerate(weights):
        roster.wish(name(number), priority=weight)
    aired = [0] * len(weights)
    turns = 40 * len(weights)
    for _ in range(turns):
        for registration in roster.on:
            aired[int(registration.tr_key)] += 1
        roster.rotate()
    assert min(aired) > 0
    if places < len(weights):
        share = [count / weight for count, weight in zip(aired, weights, strict=True)]
        full = max(aired) >= turns - 1  # a heavy name that is always on cannot get more
        assert full or max(share) - min(share) <= 0.35 * max(share) + 2


def test_newcomer_does_not_interrupt_a_turn() -> None:
    roster = Roster(2)
    roster.wish(name(1))
    roster.wish(name(2))
    roster.wish(name(3), priority=5)
    assert set(roster.on) == {name(1), name(2)}
    assert roster.crowded
    roster.rotate()
    assert name(3) in roster.on


def test_pinned_newcomer_takes_a_place_at_once() -> None:
    roster = Roster(2)
    roster.wish(name(1))
    roster.wish(name(2))
    roster.wish(name(3), pinned=True)
    assert roster.on[0] == name(3)
    assert name(3) in roster
    assert name(9) not in roster


def test_priority_starts_at_one() -> None:
    with pytest.raises(ValueError, match="priority"):
        Roster(2).wish(name(1), priority=0)


def test_fewer_places_push_out_whoever_is_not_pinned() -> None:
    roster = Roster(3)
    roster.wish(name(1))
    roster.wish(name(2), pinned=True)
    roster.wish(name(3))
    roster.resize(1)
    assert roster.on == (name(2),)
    roster.resize(3)
    assert len(roster.on) == 3
