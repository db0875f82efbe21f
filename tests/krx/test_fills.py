"""The fill model: each sentence of its contract, then invariants over any order and bar."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.market import Market, PriceBand, Product
from kisbt.domain.trading import Side
from kisbt.krx.fills import FillResult, MatchBar, TickRules, cap_quantity, match
from kisbt.krx.limits import price_band
from kisbt.krx.ticks import is_on_tick, round_down, round_up

from .values import days, markets, prices, products

BUY, SELL = Side.BUY, Side.SELL
RULES = TickRules(Market.KOSPI, date(2024, 1, 2))
BAR = MatchBar(10_000, 10_500, 9_800, 10_200, 5_000)
BAND = PriceBand(10_000, 7_000, 13_000)


def fill(
    side: Side,
    limit: int | None,
    bar: MatchBar = BAR,
    band: PriceBand | None = BAND,
    rules: TickRules = RULES,
) -> int | None:
    result = match(side, limit, 10, bar, band, rules, available=500)
    if result is None:
        return None
    assert result.quantity == 10
    return result.price


@pytest.mark.parametrize("side", [BUY, SELL])
def test_market_order_fills_at_the_open(side: Side) -> None:
    assert fill(side, None) == 10_000
    assert fill(side, None, band=None) == 10_000


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (BUY, 10_300, 10_000),  # better of open
        (BUY, 10_000, 10_000),
        (BUY, 9_990, 9_990),  # the bar came down to it
        (BUY, 9_800, 9_800),  # touched
        (BUY, 9_790, None),
        (BUY, 13_000, 10_000),
        (BUY, 20_000, 10_000),
        (SELL, 9_000, 10_000),
        (SELL, 10_000, 10_000),
        (SELL, 10_010, 10_010),
        (SELL, 10_500, 10_500),
        (SELL, 10_510, None),
        (SELL, 1, 10_000),
        (BUY, 0, None),
        (BUY, -5, None),
        (SELL, -5, 10_000),
    ],
)
def test_limit_order_fills_at_the_better_of_open_and_limit(
    side: Side, limit: int, price: int | None
) -> None:
    assert fill(side, limit) == price


def test_quantity_is_the_smaller_of_wanted_and_available() -> None:
    for remaining, available, got in ((10, 500, 10), (500, 10, 10), (10, 10, 10)):
        result = match(BUY, None, remaining, BAR, BAND, RULES, available=available)
        assert result == FillResult(10_000, got)


@pytest.mark.parametrize(("remaining", "available"), [(0, 5), (5, 0), (-1, 5), (5, -1)])
def test_nothing_wanted_or_nothing_available_is_no_fill(remaining: int, available: int) -> None:
    assert match(BUY, None, remaining, BAR, BAND, RULES, available=available) is None


@pytest.mark.parametrize("side", [BUY, SELL])
def test_halted_bar_fills_nothing(side: Side) -> None:
    assert fill(side, None, MatchBar(10_000, 10_000, 10_000, 10_000, 0)) is None
    assert fill(side, None, MatchBar(10_000, 10_000, 10_000, 10_000, -1)) is None
    assert fill(side, None, MatchBar(10_000, 10_000, 10_000, 10_000, 1)) == 10_000
    # KRX prints zeros for a halted name, some with off-book volume.
    assert fill(side, None, MatchBar(0, 0, 0, 10_000, 300), band=None) is None
    assert fill(side, None, MatchBar(0, 0, 0, 10_000, 300)) is None
    assert fill(side, None, MatchBar(1, 1, 1, 1, 300), PriceBand(2, 1, 3)) == (
        1 if side is BUY else None
    )


def test_bar_locked_at_the_upper_limit_sells_nothing_to_a_buyer() -> None:
    locked = MatchBar(13_000, 13_000, 13_000, 13_000, 100)
    assert fill(BUY, None, locked) is None
    assert fill(BUY, 13_000, locked) is None
    assert fill(SELL, None, locked) == 13_000
    assert fill(SELL, 13_000, locked) == 13_000


def test_bar_locked_at_the_lower_limit_buys_nothing_from_a_seller() -> None:
    locked = MatchBar(7_000, 7_000, 7_000, 7_000, 100)
    assert fill(SELL, None, locked) is None
    assert fill(SELL, 7_000, locked) is None
    assert fill(BUY, None, locked) == 7_000


def test_lock_that_opened_served_its_queue() -> None:
    opened = MatchBar(13_000, 13_000, 12_990, 13_000, 100)
    assert fill(BUY, None, opened) == 13_000
    assert fill(BUY, 12_990, opened) == 12_990
    opened = MatchBar(7_000, 7_010, 7_000, 7_000, 100)
    assert fill(SELL, None, opened) == 7_000
    assert fill(SELL, 7_010, opened) == 7_010


def test_without_a_band_no_lock_is_known() -> None:
    flat = MatchBar(13_000, 13_000, 13_000, 13_000, 100)
    assert fill(BUY, None, flat, band=None) == 13_000
    assert fill(SELL, None, flat, band=None) == 13_000


def test_open_off_tick_moves_against_us() -> None:
    bar = MatchBar(10_003, 10_500, 9_800, 10_200, 100)
    assert fill(BUY, None, bar) == 10_010
    assert fill(SELL, None, bar) == 10_000
    assert fill(BUY, 10_010, bar) == 10_010
    assert fill(SELL, 10_000, bar) == 10_000


def test_open_off_tick_moves_for_us_when_against_us_is_out_of_reach() -> None:
    low_top = MatchBar(10_003, 10_004, 9_800, 9_900, 100)
    assert fill(BUY, None, low_top) == 10_000
    assert fill(BUY, 10_004, MatchBar(10_003, 10_500, 9_800, 9_900, 100)) == 10_000
    high_floor = MatchBar(10_003, 10_400, 10_001, 10_100, 100)
    assert fill(SELL, None, high_floor) == 10_010
    assert fill(SELL, 10_002, MatchBar(10_003, 10_400, 9_900, 10_100, 100)) == 10_010


def test_no_price_on_tick_inside_the_range_is_no_fill() -> None:
    narrow = MatchBar(10_003, 10_006, 10_001, 10_004, 100)
    assert fill(BUY, None, narrow) is None
    assert fill(SELL, None, narrow) is None
    assert fill(BUY, None, MatchBar(10_003, 10_010, 10_001, 10_004, 100)) == 10_010
    assert fill(SELL, None, MatchBar(10_003, 10_006, 10_000, 10_004, 100)) == 10_000
    assert fill(BUY, None, MatchBar(10_003, 10_006, 10_000, 10_004, 100)) == 10_000
    assert fill(SELL, None, MatchBar(10_003, 10_010, 10_001, 10_004, 100)) == 10_010


def test_limit_off_tick_is_filled_on_tick_and_not_beyond_it() -> None:
    assert fill(BUY, 9_995) == 9_990
    assert fill(SELL, 10_005) == 10_010
    assert fill(BUY, 9_805) == 9_800
    assert fill(BUY, 9_795) is None


def test_prices_outside_the_band_are_never_given() -> None:
    beyond = MatchBar(13_500, 14_000, 12_500, 13_800, 100)
    assert fill(BUY, None, beyond) == 13_000
    assert fill(SELL, None, beyond) == 13_000
    assert fill(SELL, 13_500, beyond) is None
    below = MatchBar(6_500, 7_500, 6_000, 6_800, 100)
    assert fill(SELL, None, below) == 7_000
    assert fill(BUY, None, below) == 7_000
    assert fill(BUY, 6_900, below) is None
    assert fill(BUY, None, MatchBar(6_500, 6_900, 6_000, 6_800, 100)) is None
    assert fill(SELL, None, MatchBar(13_500, 13_900, 13_100, 13_800, 100)) is None


def test_fund_below_its_lowest_tick_gets_no_impossible_price() -> None:
    rules = TickRules(Market.KOSPI, date(2023, 12, 10), Product.ETF)
    assert fill(BUY, None, MatchBar(3, 4, 2, 3, 100), None, rules) is None
    assert fill(SELL, None, MatchBar(3, 4, 2, 3, 100), None, rules) is None
    assert fill(BUY, None, MatchBar(3, 5, 2, 3, 100), None, rules) == 5


def test_rules_of_the_name_decide_the_tick() -> None:
    bar = MatchBar(15_030, 15_200, 15_000, 15_100, 100)
    assert fill(BUY, None, bar, None, TickRules(Market.KOSPI, date(2023, 1, 24))) == 15_050
    assert fill(BUY, None, bar, None, TickRules(Market.KOSPI, date(2023, 1, 25))) == 15_030
    assert TickRules(Market.KOSPI, date(2024, 1, 2)).product is Product.STOCK


@pytest.mark.parametrize(
    ("volume", "participation", "shares"),
    [(1_000, 0.1, 100), (100, 0.29, 29), (99, 0.1, 9), (9, 0.1, 0), (7, 1.0, 7), (0, 0.5, 0)],
)
def test_cap_is_a_share_of_volume_cut_to_whole_shares(
    volume: int, participation: float, shares: int
) -> None:
    assert cap_quantity(volume, participation) == shares


@st.composite
def market_bars(draw: st.DrawFn) -> tuple[TickRules, MatchBar, PriceBand | None]:
    """A bar on or off tick, mostly inside a band, often touching an end of it."""
    rules = TickRules(draw(markets), draw(days), draw(products))
    base = round_up(draw(prices), *rules)
    band = price_band(base, *rules)
    inside = st.one_of(
        st.integers(band.lower, band.upper),
        st.sampled_from([band.lower, band.upper]),
        st.integers(max(1, band.lower - 30), band.upper + 30),
    )
    four = sorted(draw(inside) for _ in range(4))
    if draw(st.booleans()):
        four = [round_down(price, *rules) for price in four]
    low, one, two, high = four
    opened, closed = draw(st.permutations([one, two]))
    bar = MatchBar(opened, high, low, closed, draw(st.integers(0, 500)))
    return rules, bar, draw(st.sampled_from([band, None]))


sides = st.sampled_from([BUY, SELL])
wanted = st.integers(1, 300)


@given(market_bars(), sides, st.none() | prices, st.integers(0, 30), wanted, st.floats(0.01, 1))
def test_fill_keeps_to_limit_band_range_tick_and_volume(
    case: tuple[TickRules, MatchBar, PriceBand | None],
    side: Side,
    free_limit: int | None,
    near: int,
    remaining: int,
    participation: float,
) -> None:
    rules, bar, band = case
    for limit in (free_limit, bar.open + near, bar.low + near, bar.high - near):
        cap = cap_quantity(bar.volume, participation)
        result = match(side, limit, remaining, bar, band, rules, available=cap)
        if result is None:
            continue
        assert is_on_tick(result.price, *rules)
        assert bar.low <= result.price <= bar.high
        assert band is None or band.holds(result.price)
        if limit is not None:
            assert result.price <= limit if side is BUY else result.price >= limit
        assert 0 < result.quantity <= min(remaining, cap) <= bar.volume * participation
        assert bar.volume > 0
        if band is not None:
            assert bar.low < band.upper if side is BUY else bar.high > band.lower


@given(market_bars(), sides, st.lists(prices, min_size=2, max_size=6), st.integers(-20, 20))
def test_better_limit_never_fills_worse(
    case: tuple[TickRules, MatchBar, PriceBand | None], side: Side, free: list[int], near: int
) -> None:
    rules, bar, band = case
    limits = sorted([*free, bar.low + near, bar.high + near, bar.open + near])
    if side is SELL:
        limits.reverse()
    fills = [match(side, limit, 50, bar, band, rules, available=50) for limit in limits]
    fills.append(match(side, None, 50, bar, band, rules, available=50))
    first = next((n for n, result in enumerate(fills) if result is not None), len(fills))
    got = fills[first:]
    assert all(result is not None for result in got)
    paid = [result.price for result in got if result is not None]
    assert paid == sorted(paid, reverse=side is SELL)


@given(market_bars(), sides, st.none() | prices)
def test_tick_is_a_bar_of_one_price(
    case: tuple[TickRules, MatchBar, PriceBand | None], side: Side, limit: int | None
) -> None:
    rules, bar, band = case
    price = bar.open
    tick = MatchBar(price, price, price, price, 40)
    result = match(side, limit, 50, tick, band, rules, available=30)
    served = is_on_tick(price, *rules)
    if limit is not None:
        served = served and (price <= limit if side is BUY else price >= limit)
    if band is not None:
        served = served and band.holds(price)
        served = served and price != (band.upper if side is BUY else band.lower)
    assert result == (FillResult(price, 30) if served else None)


@given(market_bars(), sides, st.none() | prices)
def test_price_on_tick_nearest_to_the_plain_rule_is_found_when_there_is_one(
    case: tuple[TickRules, MatchBar, PriceBand | None], side: Side, limit: int | None
) -> None:
    rules, bar, band = case
    result = match(side, limit, 1, bar, band, rules, available=1)
    low = max(bar.low, band.lower if band else 1, limit if limit and side is SELL else 1)
    high = min(bar.high, band.upper if band else 10**9, limit if limit and side is BUY else 10**9)
    locked = band is not None and (bar.low >= band.upper if side is BUY else bar.high <= band.lower)
    if bar.volume == 0 or locked or low > high or round_up(low, *rules) > high:
        assert result is None
        return
    assert result is not None
    plain = min(max(bar.open, low), high)
    near = {round_down(plain, *rules), round_up(plain, *rules)}
    reachable = sorted(price for price in near if low <= price <= high)
    assert result.price == (reachable[-1] if side is BUY else reachable[0])
