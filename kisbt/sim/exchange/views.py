"""Numbers that both surfaces show of a name: strength, expected match, market cap, day rows."""

import zlib
from datetime import date, datetime, timedelta
from typing import NamedTuple

from kisbt.krx.ticks import round_down
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.path import Step

MINUTE = timedelta(minutes=1)


class Expected(NamedTuple):
    """The expected match of an auction (예상체결): won and shares."""

    price: int
    volume: int


class Minute(NamedTuple):
    """One minute, stamped by its start. ``value`` is the day's traded won so far."""

    at: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int


class DayRow(NamedTuple):
    """One daily bar, today's included; won and shares. ``previous`` is the close before it."""

    day: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    previous: int


def base(name: NameDay) -> int:
    """The base price (기준가) that changes are counted from."""
    return name.band.base if name.band else name.previous_close


def strength(name: NameDay) -> float:
    """Trade strength (체결강도): shares bought over shares sold, percent; 100 without sales."""
    return 100.0 * name.bought / name.sold if name.sold else 100.0


def listed_shares(name: NameDay) -> int:
    """Shares outstanding. The data has none, so a steady number is made up from the code."""
    return 10_000_000 + zlib.crc32(name.ticker.encode()) % 90 * 1_000_000


def prints(name: NameDay) -> list[Step]:
    """Trades so far today, oldest first."""
    return [step for step in name.steps[: name.done] if step.volume]


def expected(name: NameDay, floor: Floor) -> Expected | None:
    """The expected match in an auction, ``None`` outside one.

    Before the open it walks from the base price at order entry to the opening price at the
    match, so that nothing is known of the day when entry begins; likewise before the close.
    """
    step = name.next_step
    if step is None or name.suspended:
        return None
    times, now = floor.times, floor.now
    if floor.phase is Phase.OPENING:
        start, end, from_price = times.entry, times.open, base(name)
    elif floor.phase is Phase.CLOSING:
        start, end, from_price = times.closing, times.close, name.price
    else:
        return None
    done = (now - start) / (end - start)
    price = from_price + int((step.price - from_price) * done)
    if price != step.price and price > 0:
        price = round_down(price, *name.rules)
    return Expected(price, int(step.volume * done))


def day_rows(floor: Floor, name: NameDay, last: date, most: int = 10_000) -> list[DayRow]:
    """The latest daily bars up to ``last``, about ``most``, never beyond now, oldest first."""
    history = floor.market.daily(name.ticker)
    upto = history.before(min(last + timedelta(days=1), floor.day))
    rows = [
        DayRow(
            history.days[n],
            history.open[n],
            history.high[n],
            history.low[n],
            history.close[n],
            history.volume[n],
            history.value[n],
            history.close[n - 1] if n else history.close[n],
        )
        for n in range(max(0, upto - most), upto)
    ]
    if last >= floor.day and (name.volume or name.suspended or floor.now >= floor.times.entry):
        price = name.price
        rows.append(
            DayRow(
                floor.day,
                name.open or price,
                name.high or price,
                name.low or price,
                price,
                name.volume,
                name.value,
                base(name),
            )
        )
    return rows


def minutes(steps: list[Step], until: datetime) -> list[Minute]:
    """Minute bars from a day's first trade up to ``until``, oldest first, none left out.

    A minute without a trade repeats the price before it, with volume 0.
    """
    bars: list[Minute] = []
    traded = _traded_minutes(steps)
    for number, bar in enumerate(traded):
        end = traded[number + 1].at if number + 1 < len(traded) else until + MINUTE
        bars.append(bar)
        at = bar.at + MINUTE
        while at < end:
            bars.append(Minute(at, bar.close, bar.close, bar.close, bar.close, 0, bar.value))
            at += MINUTE
    return bars


def _traded_minutes(steps: list[Step]) -> list[Minute]:
    bars: list[Minute] = []
    value = 0
    for step in steps:
        start = step.at.replace(second=0)
        value += step.price * step.volume
        if bars and bars[-1].at == start:
            bar = bars[-1]
            bars[-1] = Minute(
                start,
                bar.open,
                max(bar.high, step.price),
                min(bar.low, step.price),
                step.price,
                bar.volume + step.volume,
                value,
            )
        else:
            bars.append(
                Minute(start, step.price, step.price, step.price, step.price, step.volume, value)
            )
    return bars
