"""The order book around the last price: ten levels a side, synthetic but steady for a seed."""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

from kisbt.domain.market import PriceBand
from kisbt.krx.fills import TickRules
from kisbt.krx.ticks import tick_size

LEVELS = 10


class Level(NamedTuple):
    """One price of a side: won and shares waiting."""

    price: int
    quantity: int


class Book(NamedTuple):
    """Asks from the best up, bids from the best down; at most ten each, empty at a locked limit."""

    asks: tuple[Level, ...]
    bids: tuple[Level, ...]

    @property
    def ask(self) -> int:
        """Best ask, 0 when nobody sells."""
        return self.asks[0].price if self.asks else 0

    @property
    def bid(self) -> int:
        """Best bid, 0 when nobody buys."""
        return self.bids[0].price if self.bids else 0


def around(
    price: int,
    *,
    bought: bool,
    band: PriceBand | None,
    rules: TickRules,
    depth: int,
    seed: str,
    own_asks: Mapping[int, int],
    own_bids: Mapping[int, int],
) -> Book:
    """The book after a print at ``price``.

    A print that a buyer caused leaves the best ask at ``price`` and the best bid a tick below;
    one that a seller caused the other way round; a price off tick lies between the two. At the
    upper limit nobody sells, at the lower nobody buys. ``depth`` is the mean size of a level in
    shares; ``own_asks`` and ``own_bids`` are resting orders of our accounts, added where they
    stand.
    """
    lower, upper = (band.lower, band.upper) if band else (1, 10**9)
    locked_up, locked_down = price >= upper, price <= lower
    if locked_up:
        best_ask, best_bid = upper + 1, price
    elif locked_down:
        best_ask, best_bid = price, lower - 1
    elif price % tick_size(price, *rules):
        best_bid = below(price, rules)
        best_ask = best_bid + tick_size(best_bid, *rules)
    elif bought:
        best_ask, best_bid = price, below(price, rules)
    else:
        best_ask, best_bid = price + tick_size(price, *rules), price
    asks: list[Level] = []
    bids: list[Level] = []
    at = best_ask
    while len(asks) < LEVELS and at <= upper and not locked_up:
        asks.append(Level(at, _size(depth, seed, "a", len(asks)) + own_asks.get(at, 0)))
        at += tick_size(at, *rules)
    at = best_bid
    while len(bids) < LEVELS and at >= lower and not locked_down:
        bids.append(Level(at, _size(depth, seed, "b", len(bids)) + own_bids.get(at, 0)))
        at = below(at, rules)
    return Book(tuple(asks), tuple(bids))


def below(price: int, rules: TickRules) -> int:
    """The next price down; 0 below the lowest."""
    return (
        (price - 1) // tick_size(max(1, price - 1), *rules) * tick_size(max(1, price - 1), *rules)
    )


def _size(depth: int, seed: str, side: str, level: int) -> int:
    noise = zlib.crc32(f"{seed}{side}{level}".encode()) % 1000
    return max(1, depth * (400 + noise) * (10 + level) // 14_000)
