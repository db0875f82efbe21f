"""How a bar is walked through: the documented intraday path of one name on one day.

A **daily bar** becomes one step at the opening auction, one at every ``grid`` (ten minutes unless
told) of the continuous session, and one at the closing auction. The opening price comes first,
then the extreme against the day's direction (the low of a rising day, the high of a falling one),
then the other extreme, then the close; between these knots the price runs straight, with a seeded
wobble of up to three ticks (one on a grid under a minute), always on tick and inside
``[low, high]``. Volume is U-shaped, about a tenth of it in the two auctions, and adds up exactly.

A **minute bar** of length d is walked in ``max(4, d / 20 s)`` steps by the same knots. The last bar
of a day trades at the closing auction. A bar that itself ends inside an auction keeps its times.

Prices of the data are never changed: opening, extremes and close of every bar are touched as given.
"""

import itertools
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kisbt.krx.fills import MatchBar, TickRules
from kisbt.krx.ticks import round_down, tick_size
from kisbt.sim.exchange.hours import DayTimes

GRID = timedelta(minutes=10)
FINE = timedelta(minutes=1)
WOBBLE, FINE_WOBBLE = 3, 1
"""Ticks."""

STEP_SECONDS = 20
OPENING_WEIGHT, CLOSING_WEIGHT = 0.10, 0.15
"""Of an auction, times the number of steps, against some 1.7 of an ordinary step."""


class DayBar(NamedTuple):
    """One bar of the data: it covers ``start`` (excluded) to ``end``."""

    start: datetime
    end: datetime
    bar: MatchBar


class Step(NamedTuple):
    """One print: time, won, shares (0 moves the price without a trade), and its bar's index.

    ``bought`` says that the buyer came to the seller (체결강도 counts these).
    """

    at: datetime
    price: int
    volume: int
    bar: int
    bought: bool


def day_steps(
    bars: Sequence[DayBar],
    times: DayTimes,
    rules: TickRules,
    seed: str,
    *,
    daily: bool,
    grid: timedelta = GRID,
) -> list[Step]:
    """The steps of one name on one day, in order of time. Halted bars have none."""
    draw = random.Random(seed)
    steps: list[Step] = []
    last = None
    for number, each in enumerate(bars):
        if each.bar.volume <= 0:
            continue
        moments = _daily_moments(times, grid) if daily else _minute_moments(each, times)
        wobble = FINE_WOBBLE if daily and grid < FINE else WOBBLE
        prices = _prices(each.bar, len(moments), rules, draw, wobble)
        shares = _shares(each.bar.volume, len(moments), draw, daily=daily)
        for at, price, volume in zip(moments, prices, shares, strict=True):
            bought = draw.random() < 0.5 if last is None or price == last else price > last
            steps.append(Step(at, price, volume, number, bought))
            last = price
    return steps


def _daily_moments(times: DayTimes, grid: timedelta) -> list[datetime]:
    moments = [times.open]
    at = times.open + grid
    while at < times.closing:
        moments.append(at)
        at += grid
    return [*moments, times.close]


def _minute_moments(each: DayBar, times: DayTimes) -> list[datetime]:
    seconds = int((each.end - each.start).total_seconds())
    count = max(4, seconds // STEP_SECONDS)
    if each.end >= times.close:
        return [times.close] * count
    opens = each.start <= times.open < each.end
    first = times.open if opens else each.start + timedelta(seconds=1)
    span = int((each.end - first).total_seconds()) - 1
    return [first + timedelta(seconds=span * n // (count - 1)) for n in range(count)]


def _prices(
    bar: MatchBar, count: int, rules: TickRules, draw: random.Random, wobble: int
) -> list[int]:
    rising = bar.close >= bar.open
    first, second = (bar.low, bar.high) if rising else (bar.high, bar.low)
    one = 1 + draw.randrange(max(1, (count - 2) // 2))
    two = one + 1 + draw.randrange(max(1, count - 2 - one))
    knots = ((0, bar.open), (one, first), (two, second), (count - 1, bar.close))
    prices: list[int] = []
    for (left, start), (right, end) in itertools.pairwise(knots):
        for n in range(left, right):
            if n == left:
                prices.append(start)
                continue
            straight = start + (end - start) * (n - left) // (right - left)
            tick = tick_size(straight, *rules)
            moved = max(1, straight + draw.randint(-wobble, wobble) * tick)
            prices.append(min(max(round_down(moved, *rules), bar.low), bar.high))
    return [*prices, bar.close]


def _shares(volume: int, count: int, draw: random.Random, *, daily: bool) -> list[int]:
    middle = (count - 1) / 2
    weights = [
        1.0 + 1.5 * (abs(n - middle) / middle) ** 2 + 0.4 * draw.random() for n in range(count)
    ]
    if daily:
        weights[0], weights[-1] = OPENING_WEIGHT * count, CLOSING_WEIGHT * count
    total, done, run, shares = sum(weights), 0, 0.0, []
    for weight in weights[:-1]:
        run += weight
        upto = int(volume * run / total)
        shares.append(upto - done)
        done = upto
    return [*shares, volume - done]
