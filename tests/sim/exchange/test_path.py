from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.market import Market
from kisbt.krx.fills import MatchBar, TickRules
from kisbt.krx.ticks import is_on_tick, round_down
from kisbt.sim.exchange.hours import day_times
from kisbt.sim.exchange.path import DayBar, day_steps

DAY = date(2025, 3, 4)
TIMES = day_times(DAY)
RULES = TickRules(Market.KOSPI, DAY)


@st.composite
def bars(draw):
    """A bar on tick."""
    prices = [round_down(p, *RULES) for p in draw(st.tuples(*[st.integers(900, 300_000)] * 2))]
    spread = draw(st.integers(0, 40))
    low = round_down(max(1, min(prices) * (100 - spread) // 100), *RULES)
    high = round_down(max(prices) * (100 + spread) // 100, *RULES)
    volume = draw(st.integers(1, 10**8))
    return MatchBar(prices[0], max(high, *prices), min(low, *prices), prices[1], volume)


def minute(bar, hour=10, number=0):
    end = datetime.combine(DAY, datetime.min.time()) + timedelta(hours=hour, minutes=number + 1)
    return DayBar(end - timedelta(minutes=1), end, bar)


@given(bars(), st.integers(0, 99), st.sampled_from([10, 60, 600]))
def test_a_daily_path_touches_what_the_bar_says_and_nothing_else(bar, seed, grid):
    day = DayBar(TIMES.open, TIMES.close, bar)
    every = timedelta(seconds=grid)
    steps = day_steps([day], TIMES, RULES, str(seed), daily=True, grid=every)
    prices = [step.price for step in steps]
    assert prices[0] == bar.open
    assert prices[-1] == bar.close
    assert max(prices) == bar.high
    assert min(prices) == bar.low
    assert sum(step.volume for step in steps) == bar.volume
    assert all(step.volume >= 0 for step in steps)
    assert all(is_on_tick(price, *RULES) for price in prices)
    assert steps[0].at == TIMES.open
    assert steps[-1].at == TIMES.close
    assert [s.at for s in steps] == sorted(s.at for s in steps)
    assert all(s.at < TIMES.closing or s.at == TIMES.close for s in steps)


@given(bars(), st.integers(0, 99))
def test_a_minute_path_stays_inside_its_minute(bar, seed):
    each = minute(bar)
    steps = day_steps([each], TIMES, RULES, str(seed), daily=False)
    prices = [step.price for step in steps]
    assert (prices[0], prices[-1]) == (bar.open, bar.close)
    assert (max(prices), min(prices)) == (bar.high, bar.low)
    assert sum(step.volume for step in steps) == bar.volume
    assert all(each.start < step.at < each.end for step in steps)


def test_the_same_seed_walks_the_same_path_and_another_does_not():
    bar = MatchBar(50_000, 52_000, 49_000, 51_000, 1_000_000)
    day = DayBar(TIMES.open, TIMES.close, bar)
    one, again, other = (
        day_steps([day], TIMES, RULES, seed, daily=True) for seed in ("1", "1", "2")
    )
    assert one == again
    assert one != other


def test_a_rising_day_sees_its_low_first_and_a_falling_day_its_high():
    for close, first in ((51_000, "low"), (49_500, "high")):
        bar = MatchBar(50_000, 52_000, 49_000, close, 1_000)
        day = DayBar(TIMES.open, TIMES.close, bar)
        prices = [s.price for s in day_steps([day], TIMES, RULES, "x", daily=True)]
        assert (prices.index(49_000) < prices.index(52_000)) == (first == "low")


def test_a_halted_bar_prints_nothing():
    halted = MatchBar(50_000, 50_000, 50_000, 50_000, 0)
    assert day_steps([minute(halted)], TIMES, RULES, "x", daily=False) == []


def test_the_last_minute_trades_at_the_closing_auction():
    bar = MatchBar(50_000, 50_100, 50_000, 50_100, 400)
    steps = day_steps([minute(bar, 15, 29)], TIMES, RULES, "x", daily=False)
    assert {step.at for step in steps} == {TIMES.close}


def test_the_auctions_hold_about_a_tenth_of_the_volume_on_any_grid():
    day = DayBar(TIMES.open, TIMES.close, MatchBar(50_000, 52_000, 49_000, 51_000, 1_000_000))
    for grid in (10, 60, 600):
        steps = day_steps([day], TIMES, RULES, "x", daily=True, grid=timedelta(seconds=grid))
        assert 80_000 < steps[0].volume + steps[-1].volume < 200_000
