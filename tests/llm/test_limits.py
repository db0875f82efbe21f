"""Limits a minute hold in any minute; the meter's budget holds at any time."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.config import LLMSettings, TokenPrice
from kisbt.errors import ConfigError
from kisbt.llm.limits import WINDOW, CallLimiter
from kisbt.llm.meter import Budget, Meter
from kisbt.llm.prices import PriceList
from kisbt.llm.stops import BudgetSpent


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=60),
    requests=st.none() | st.integers(1, 10),
    tokens=st.none() | st.integers(100, 2_000),
    gap=st.floats(0, 20),
)
def test_no_minute_holds_more_than_the_limits(
    sizes: list[int], requests: int | None, tokens: int | None, gap: float
) -> None:
    clock = Time()
    limiter = CallLimiter(4, requests, tokens, clock=clock, sleep=clock.sleep)
    starts: list[tuple[float, int]] = []
    for size in sizes:
        with limiter.slot(size):
            starts.append((clock(), size))
        clock.now += gap
    assert all(one[0] <= other[0] for one, other in pairwise(starts))
    for at, size in starts:
        minute = [other for begun, other in starts if at - WINDOW < begun <= at]
        if requests is not None:
            assert len(minute) <= requests
        if tokens is not None:
            assert sum(minute) <= tokens or minute == [size] or len(minute) == 1


def test_limits_are_used_up_before_anybody_waits() -> None:
    clock = Time()
    limiter = CallLimiter(4, 10, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        with limiter.slot(1):
            assert clock() == 0
    with limiter.slot(1):
        assert WINDOW < clock() < WINDOW + 1


def test_what_an_answer_really_took_counts_for_those_who_come_later() -> None:
    clock = Time()
    limiter = CallLimiter(4, None, 1_000, clock=clock, sleep=clock.sleep)
    with limiter.slot(900) as slot:
        slot.tokens = 100
    with limiter.slot(900):
        assert clock() == 0


def test_a_pause_moves_booked_starts_and_keeps_the_limits() -> None:
    clock = Time()
    limiter = CallLimiter(4, 2, clock=clock, sleep=clock.sleep)
    starts = []
    limiter.pause(30)
    for _ in range(5):
        with limiter.slot(1):
            starts.append(clock())
    assert starts[:2] == [30, 30]
    assert starts[2] > 90
    assert starts[4] > 150


def test_no_more_than_the_concurrency_are_under_way() -> None:
    limiter = CallLimiter(3)
    lock, under_way, most = threading.Lock(), [0], [0]
    reached = threading.Event()

    def call() -> None:
        with limiter.slot(1):
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
                if under_way[0] == 3:
                    reached.set()
            reached.wait(5)
            with lock:
                under_way[0] -= 1

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 3


@given(calls=st.integers(1, 20), workers=st.integers(1, 8))
def test_a_budget_of_calls_is_met_exactly_by_any_number_of_threads(
    calls: int, workers: int
) -> None:
    meter = Meter(Budget(calls=calls))
    made: list[int] = []

    def work() -> None:
        while True:
            try:
                with meter.flight():
                    made.append(1)
            except BudgetSpent:
                return

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == calls


def test_tokens_under_way_are_reckoned_with() -> None:
    meter = Meter(Budget(tokens=1_000))
    with meter.flight() as flight:
        flight.tokens = 400
    with meter.flight() as flight:
        flight.tokens = 400
        with pytest.raises(BudgetSpent, match="1,200 of 1,000 tokens"):  # noqa: SIM117
            with meter.flight(), meter.flight():
                pass


def test_won_are_spent_to_the_budget_and_no_call_is_begun_after() -> None:
    meter = Meter(Budget(krw=10.0))
    with meter.flight() as flight:
        flight.krw = 10.0
    with pytest.raises(BudgetSpent, match="10 of 10 won"):
        meter.check()


@pytest.mark.parametrize("name", ["calls", "tokens", "krw"])
def test_a_budget_of_zero_is_one_clear_line(name: str) -> None:
    with pytest.raises(ConfigError, match=f"llm.budget_{name} is 0: nothing could be asked"):
        Meter(Budget(**{name: 0}))


def test_the_price_of_a_kept_prefix_is_its_own() -> None:
    prices = {"m": TokenPrice(input=2.0, cached_input=0.5, output=8.0)}
    cost = PriceList(LLMSettings(model="m", prices=prices, usd_krw=1_000)).cost(3_000, 100, 2_000)
    assert cost.usd == pytest.approx((1_000 * 2.0 + 2_000 * 0.5 + 100 * 8.0) / 1e6)
    assert cost.krw == pytest.approx(cost.usd * 1_000)


def test_an_unknown_model_costs_nothing_and_says_that_it_is_unknown() -> None:
    prices = PriceList(LLMSettings(model="m"))
    assert not prices.known
    assert prices.cost(10**6, 10**6) == (0.0, 0.0)
