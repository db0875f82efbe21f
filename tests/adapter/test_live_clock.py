"""Time passes only while everybody waits, and one works at a time."""

import threading
import time as wall
from datetime import datetime, timedelta

import pytest

from kisbt.adapter.live_clock import FOREVER, LockstepClock, WallClock

START = datetime(2025, 3, 4, 9, 0)


class Hand:
    """A venue without anything in it."""

    def __init__(self):
        self.at = START
        self.moves = []
        self.on_move = lambda: None

    def now(self):
        return self.at

    def advance(self, until):
        self.at = max(self.at, until)
        self.moves.append(self.at)
        self.on_move()
        return self.at

    def ready(self):
        return True

    def settle(self):
        return None


def minutes(count):
    return START + timedelta(minutes=count)


def test_a_waiting_thread_moves_the_venue_to_the_time_it_waits_for():
    clock = LockstepClock(Hand())
    assert clock.wait(minutes(5)) is False
    assert clock.now() == minutes(5)


def test_the_earliest_wish_comes_first_and_equal_ones_in_the_order_of_their_seats():
    for _ in range(20):
        clock, order = LockstepClock(Hand()), []

        def work(name, seat, times, order=order, clock=clock):
            for each in times:
                seat.wait(minutes(each))
                order.append((name, (clock.now() - START).seconds // 60))
            seat.leave()

        plans = {"a": [2, 5, 7], "b": [2, 3, 7]}
        threads = [
            threading.Thread(target=work, args=(name, clock.seat(name), times))
            for name, times in plans.items()
        ]
        for thread in threads:
            thread.start()
        clock.wait(minutes(9))
        for thread in threads:
            thread.join()
        assert order == [("a", 2), ("b", 2), ("b", 3), ("a", 5), ("a", 7), ("b", 7)]


def test_no_time_passes_while_somebody_works():
    hand = Hand()
    clock = LockstepClock(hand)
    seat, working = clock.seat("worker"), threading.Event()

    def work():
        working.wait()
        seat.wait(minutes(1))
        seat.leave()

    thread = threading.Thread(target=work)
    thread.start()
    main = threading.Thread(target=clock.wait, args=(minutes(2),))
    main.start()
    wall.sleep(0.1)
    assert hand.moves == []
    working.set()
    main.join()
    thread.join()
    assert hand.moves == [minutes(1), minutes(2)]


def test_a_thread_woken_while_time_moves_works_at_the_new_time():
    hand = Hand()
    clock = LockstepClock(hand)
    seat = clock.seat("worker")
    hand.on_move = clock.wake
    thread = threading.Thread(target=lambda: (seat.wait(minutes(3)), seat.leave()))
    thread.start()
    assert clock.wait(FOREVER) is True
    assert clock.now() == minutes(3)
    thread.join()


def test_everybody_waiting_for_nothing_is_an_error_and_no_standstill():
    with pytest.raises(RuntimeError, match="for nothing"):
        LockstepClock(Hand()).wait(FOREVER)


def test_time_stands_still_while_it_is_held():
    hand = Hand()
    clock, free = LockstepClock(hand), threading.Event()
    clock.hold(free.is_set)
    thread = threading.Thread(target=clock.wait, args=(minutes(1),))
    thread.start()
    wall.sleep(0.05)
    assert hand.moves == []
    free.set()
    thread.join()
    assert hand.moves == [minutes(1)]


def test_a_wall_clock_wakes_early_and_counts_venue_time():
    clock = WallClock(60.0, read=lambda: START)
    threading.Timer(0.05, clock.wake).start()
    begun = wall.monotonic()
    assert clock.wait(minutes(60)) is True
    assert wall.monotonic() - begun < 5
    assert clock.lapse(2.0) == timedelta(minutes=2)
    assert clock.now() > START
