from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from kisbt.domain.market import Market, PriceBand
from kisbt.krx.fills import TickRules
from kisbt.krx.limits import price_band
from kisbt.krx.ticks import is_on_tick
from kisbt.sim.exchange.book import around

RULES = TickRules(Market.KOSPI, date(2025, 3, 4))


def book(price, band, *, bought=True, own_asks=None, own_bids=None):
    return around(
        price,
        bought=bought,
        band=band,
        rules=RULES,
        depth=100,
        seed="s",
        own_asks=own_asks or {},
        own_bids=own_bids or {},
    )


@given(st.integers(1_000, 900_000), st.integers(0, 100), st.booleans())
def test_a_book_is_ordered_on_tick_and_inside_the_limits(base, where, bought):
    band = price_band(base // 1000 * 1000 or 1000, Market.KOSPI, RULES.on)
    price = band.lower + (band.upper - band.lower) * where // 100
    shown = book(price, band, bought=bought)
    asks, bids = [a.price for a in shown.asks], [b.price for b in shown.bids]
    assert asks == sorted(set(asks))
    assert bids == sorted(set(bids), reverse=True)
    assert len(asks) <= 10
    assert len(bids) <= 10
    assert all(band.holds(p) and is_on_tick(p, *RULES) for p in asks + bids)
    assert all(level.quantity > 0 for level in shown.asks + shown.bids)
    if asks and bids:
        assert asks[0] > bids[0]


def test_nobody_sells_at_the_upper_limit_and_nobody_buys_at_the_lower():
    band = PriceBand(50_000, 35_000, 65_000)
    assert book(65_000, band).ask == 0
    assert book(65_000, band).bid == 65_000
    assert book(35_000, band).bid == 0
    assert book(35_000, band).ask == 35_000


def test_our_own_orders_stand_in_the_book():
    band = PriceBand(50_000, 35_000, 65_000)
    plain = book(50_000, band)
    ours = book(50_000, band, own_asks={50_100: 7}, own_bids={49_900: 9})
    assert ours.asks[1].quantity == plain.asks[1].quantity + 7
    assert ours.bids[1].quantity - plain.bids[1].quantity in (0, 9)
    assert {b.price: b.quantity for b in ours.bids}[49_900] == (
        {b.price: b.quantity for b in plain.bids}[49_900] + 9
    )
