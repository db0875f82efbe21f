import heapq
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.kis.endpoints import Family
from kisbt.kis.limits import RateLimiter
from kisbt.kis.window import LOST_AFTER, Budget, Window


def most_in_a_window(arrivals: Iterable[float], seconds: float = 1.0) -> int:
    """Return the most arrivals in any half-open window, as a sliding counter would see them."""
    ordered, most, first = sorted(arrivals), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


call = st.tuples(
    st.floats(0, 3),  # when it is wanted
    st.floats(0, 2),  # how long its answer takes
    st.floats(0, 1),  # where between start and answer the server counts it
    st.booleans(),  # whether it is an account call
)


@given(
    calls=st.lists(call, min_size=1, max_size=60),
    rate=st.sampled_from([1, 2, 3, 18]),
    ledger=st.sampled_from([None, 0.5, 1, 2]),
    start=st.floats(0, 1e6),
)
@settings(deadline=None, max_examples=60)
def test_server_never_counts_too_many_whatever_the_latencies(
    calls: list[tuple[float, float, float, bool]], rate: int, ledger: float | None, start: float
) -> None:
    budgets = {"total": Budget(rate, 1.0)}
    if ledger is not None:
        budgets["ledger"] = Budget.per_second(ledger)
    window = Window(budgets)
    arrivals: list[float] = []
    ledger_arrivals: list[float] = []
    numbers = itertools.count()
    events = [(start + at, next(numbers), "want", index) for index, (at, *_) in enumerate(calls)]
    heapq.heapify(events)
    while events:
        now, _, what, index = heapq.heappop(events)
        _, latency, share, account = calls[index]
        if what == "answer":
            window.answer(str(index), now)
            continue
        groups = ("total", "ledger") if account and ledger else ("total",)
        window.forget(now)
        wait = window.wait(groups, now)
        if wait > 0:
            heapq.heappush(events, (now + max(wait, 1e-6), next(numbers), "want", index))
            continue
        window.start(str(index), groups, now)
        arrivals.append(now + share * latency)
        if "ledger" in groups:
            ledger_arrivals.append(now + share * latency)
        heapq.heappush(events, (now + latency, next(numbers), "answer", index))
    assert len(arrivals) == len(calls)
    assert most_in_a_window(arrivals) <= rate
    if ledger is not None:
        most, seconds = budgets["ledger"]
        assert most_in_a_window(ledger_arrivals, seconds) <= most


def test_starts_are_spaced_evenly() -> None:
    window = Window({"total": Budget(4, 1.0)})
    now, starts = 100.0, []
    for number in range(9):
        while (wait := window.wait(["total"], now)) > 0:
            now += wait
        window.start(str(number), ("total",), now)
        window.answer(str(number), now)
        starts.append(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert min(gaps) >= 0.25 - 1e-9


def test_rate_below_one_a_second_has_a_longer_window() -> None:
    assert Budget.per_second(0.5) == Budget(1, 2.0)
    assert Budget.per_second(18) == Budget(18, 1.0)


def test_call_of_a_dead_process_is_forgotten_in_time() -> None:
    window = Window({"total": Budget(1, 1.0)})
    window.start("1", ("total",), 0.0)
    window.forget(LOST_AFTER - 0.1)
    assert window.wait(["total"], LOST_AFTER - 0.1) > 0
    window.forget(LOST_AFTER + 0.1)
    assert window.wait(["total"], LOST_AFTER + 0.1) == 0


def test_state_from_before_a_reboot_does_not_block() -> None:
    window = Window({"total": Budget(1, 1.0)})
    window.start("1", ("total",), 1e6)
    window.hold(1e6)
    window.forget(5.0)
    assert window.wait(["total"], 5.0) == 0


def test_dumped_state_is_the_same_state() -> None:
    window = Window({"total": Budget(2, 1.0), "ledger": Budget(1, 1.0)})
    window.start("1", ("total", "ledger"), 1.0)
    window.answer("1", 1.1)
    window.hold(1.3)
    copy = Window(window.budgets)
    copy.load(window.dump())
    assert copy.wait(("total", "ledger"), 1.2) == window.wait(("total", "ledger"), 1.2) > 0.8


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"slots": 1}', b"\xff"])
def test_torn_state_file_costs_a_window_and_no_more(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    path.write_bytes(content)
    passed = [100.0]

    def sleep(seconds: float) -> None:
        passed.append(seconds)

    limiter = RateLimiter(1000, path=path, clock=lambda: sum(passed), sleep=sleep)
    with limiter.slot(Family.QUOTE):
        assert sum(passed) == pytest.approx(101.0)


def test_threads_of_one_limiter_stay_inside(tmp_path: Path) -> None:
    limiter = RateLimiter(40, path=tmp_path / "limits.json")
    arrivals: list[float] = []

    def ask(number: int) -> None:
        with limiter.slot(Family.QUOTE):
            time.sleep(0.001 * (number % 7))
            arrivals.append(time.monotonic())

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, range(70)))
    assert len(arrivals) == 70
    assert most_in_a_window(arrivals) <= 40


SCRIPT = """
import pathlib, sys, time
from kisbt.kis.endpoints import Family
from kisbt.kis.limits import RateLimiter
limiter = RateLimiter(25, path=pathlib.Path(sys.argv[1]))
for _ in range(12):
    with limiter.slot(Family.ACCOUNT):
        print(time.monotonic(), flush=True)
"""


def test_processes_of_one_key_stay_inside_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "limits.json")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    arrivals = [
        float(line) for process in running for line in process.communicate(timeout=60)[0].split()
    ]
    assert len(arrivals) == 36
    assert most_in_a_window(arrivals) <= 25


def test_order_goes_before_quotes_that_wait(tmp_path: Path) -> None:
    limiter = RateLimiter(10)
    order: list[str] = []

    def ask(name: str, urgent: bool) -> None:
        with limiter.slot(Family.ORDER if urgent else Family.QUOTE, urgent=urgent):
            order.append(name)

    with limiter.slot(Family.QUOTE):
        quotes = [threading.Thread(target=ask, args=(f"q{n}", False)) for n in range(5)]
        for thread in quotes:
            thread.start()
        time.sleep(0.02)
        urgent = threading.Thread(target=ask, args=("order", True))
        urgent.start()
    for thread in [*quotes, urgent]:
        thread.join()
    assert order.index("order") <= 1  # one quote may be at the counter already


def test_throttled_server_is_left_alone() -> None:
    passed = [100.0]
    limiter = RateLimiter(1000, clock=lambda: sum(passed), sleep=passed.append)
    limiter.throttled(0.3)
    with limiter.slot(Family.QUOTE):
        assert sum(passed) >= 100.3


def test_failed_call_counts_a_second_longer() -> None:
    passed = [100.0]
    limiter = RateLimiter(1, clock=lambda: sum(passed), sleep=passed.append)
    with pytest.raises(RuntimeError), limiter.slot(Family.QUOTE):
        raise RuntimeError
    with limiter.slot(Family.QUOTE):
        assert sum(passed) >= 102.0


def test_many_quotes_are_as_fast_as_the_limit_lets(tmp_path: Path) -> None:
    limiter = RateLimiter(100, path=tmp_path / "limits.json")

    def ask(_: int) -> None:
        with limiter.slot(Family.QUOTE):
            time.sleep(0.002)

    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(100)))
    assert time.monotonic() - started < 1.6


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_state_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    with RateLimiter(10, path=path).slot(Family.QUOTE):
        pass
    assert path.stat().st_mode & 0o077 == 0
