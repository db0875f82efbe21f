"""The auditor's own tick table, limit formula and tax table.

Written from the rules and not from ``kisbt.krx``, which it has to be able to contradict. Sources
are the same public texts: the KOSPI and KOSDAQ business regulations (ticks since 2010-10-04,
2023-01-25 and, for funds, 2023-12-11; limits since 2015-06-15; first days since 2023-06-26) and
the transaction tax by settlement date.
"""

from bisect import bisect_right
from datetime import date
from math import floor

from kisbt.domain.market import Instrument, Market, Product

_FUNDS = (Product.ETF, Product.ETN)

# Lower edge of each price step (won) and its tick, per market and period.
_STEPS_2023 = {1: 1, 2_000: 5, 5_000: 10, 20_000: 50, 50_000: 100, 200_000: 500, 500_000: 1_000}
_STEPS_2010_KOSPI = {1: 1, 1_000: 5, 5_000: 10, 10_000: 50, 50_000: 100, 100_000: 500}
_STEPS_2010_KOSPI |= {500_000: 1_000}
_STEPS_2010_OTHER = {1: 1, 1_000: 5, 5_000: 10, 10_000: 50, 50_000: 100}
_STEPS_FUND_2023 = {1: 1, 2_000: 5}
_STEPS_FIVE = {1: 5}

Steps = tuple[list[int], list[int]]


def _pair(table: dict[int, int]) -> Steps:
    return list(table), list(table.values())


_PAIRS = {
    "2023": _pair(_STEPS_2023),
    "kospi": _pair(_STEPS_2010_KOSPI),
    "other": _pair(_STEPS_2010_OTHER),
    "fund": _pair(_STEPS_FUND_2023),
    "five": _pair(_STEPS_FIVE),
}


def steps_of(instrument: Instrument, on: date) -> Steps:
    """Return the price steps that apply to a name on a day: lower edges and ticks, in won."""
    if instrument.product is Product.STOCK:
        if on >= date(2023, 1, 25):
            return _PAIRS["2023"]
        return _PAIRS["kospi" if instrument.market is Market.KOSPI else "other"]
    if instrument.product in _FUNDS and on >= date(2023, 12, 11):
        return _PAIRS["fund"]
    return _PAIRS["five"]


def tick_at(price: int, steps: Steps) -> int:
    """Return the tick at a price of 1 won or more, in won."""
    edges, ticks = steps
    return ticks[bisect_right(edges, price) - 1]


def cut_down(price: int, steps: Steps) -> int:
    """Return the highest price on tick that is not above ``price``."""
    return price - price % tick_at(price, steps)


def cut_up(price: int, steps: Steps) -> int:
    """Return the lowest price on tick that is not below ``price``."""
    excess = price % tick_at(price, steps)
    return price if excess == 0 else price - excess + tick_at(price, steps)


def limits_around(
    base: int, instrument: Instrument, on: date, *, first_day: bool
) -> tuple[int, int]:
    """Return the day's lower and upper limit around a base price, in won.

    ``first_day`` with a base that is the offer price; see ``legality`` for earlier first days.
    """
    steps = steps_of(instrument, on)
    tick, smallest = tick_at(base, steps), steps[1][0]
    if first_day and on >= date(2023, 6, 26) and _is_main_share(instrument):
        up, down = 3 * base - (3 * base) % tick, (base * 4) // 10
        down = max(down - down % tick, smallest)
    else:
        rate = 15 if on < date(2015, 6, 15) or instrument.market is Market.KONEX else 30
        width = (base * rate) // 100
        width = max(width - width % tick, smallest)
        if abs(instrument.leverage) > 1:
            width = floor(width * round(abs(instrument.leverage), 2))
        up = down = width
    lowest = base - down
    return (cut_up(lowest, steps) if lowest > smallest else smallest), cut_down(base + up, steps)


def _is_main_share(instrument: Instrument) -> bool:
    return instrument.product is Product.STOCK and instrument.market is not Market.KONEX


def tax_fraction(instrument: Instrument, settles: date) -> float:
    """Return the seller's tax as a fraction of proceeds for a trade that settles on a day."""
    if instrument.product is not Product.STOCK:
        return 0.0
    year = settles.year
    if settles < date(2019, 6, 3):
        return 0.0030
    if instrument.market is Market.KONEX:
        return 0.0010
    if year < 2021:
        return 0.0025
    if year < 2023:
        return 0.0023
    return {2023: 0.0020, 2024: 0.0018, 2025: 0.0015}.get(year, 0.0020)
