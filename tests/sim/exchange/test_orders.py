"""What the exchange does with single orders."""

from datetime import date, datetime, time, timedelta

import pytest

from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument
from kisbt.domain.trading import Side
from kisbt.krx.fills import cap_quantity, match
from kisbt.sim.exchange.events import Notice, NoticeKind
from kisbt.sim.exchange.hours import Phase
from kisbt.sim.exchange.orders import Revision
from kisbt.sim.exchange.refusals import Refusal, RefusedError
from tests.sim.venue import (
    CASH,
    at,
    daily_dataset,
    exchange,
    minute_dataset,
    open_account,
    order,
)

DATA = daily_dataset()


@pytest.fixture
def venue():
    return exchange(DATA)


@pytest.fixture
def account(venue):
    return open_account(venue)


@pytest.fixture
def notices(venue):
    heard = []
    venue.floor.listeners.append(lambda e: heard.append(e) if isinstance(e, Notice) else None)
    return heard


def next_morning(venue):
    venue.advance_to(datetime.combine(venue.next_day, time(8)))


def refused(venue, new):
    with pytest.raises(RefusedError) as caught:
        venue.place(new)
    return caught.value.reason


def test_an_order_before_the_open_gets_what_the_one_fill_model_gives_the_whole_bar(venue, account):
    at(venue, 8, 40)
    placed = venue.place(order(venue, Side.BUY, 100))
    at(venue, 18)
    name = venue.floor.names["005930"]
    bar = name.bars[0]
    cap = cap_quantity(bar.volume, 0.1)
    expected = match(Side.BUY, None, 100, bar, name.band, name.rules, available=cap)
    assert (placed.filled, placed.average) == (expected.quantity, expected.price)
    assert account.positions["005930"].quantity == 100


def test_a_market_buy_reserves_the_upper_limit_and_pays_the_fill(venue, account):
    at(venue, 8, 40)
    placed = venue.place(order(venue, Side.BUY, 100))
    name = venue.floor.name("005930")
    product = name.instrument.product
    assert account.ledger.reserved == venue.floor.costs.buy_total(name.band.upper, 100, product)
    at(venue, 9, 1)
    assert account.ledger.reserved == 0
    fee = venue.floor.costs.commission(placed.amount, product)
    assert account.ledger.cash == CASH - placed.amount - fee


def test_a_market_order_in_session_fills_at_once_at_the_quote(venue, account):
    at(venue, 11, 5)
    ask = venue.floor.book(venue.floor.name("005930")).ask
    placed = venue.place(order(venue, Side.BUY, 10))
    assert placed.filled == 10
    name = venue.floor.names["005930"]
    assert placed.average == min(max(ask, name.bars[0].low), name.bars[0].high)


def test_a_limit_far_below_rests_until_the_day_ends_and_carries_nothing_over(
    venue, account, notices
):
    at(venue, 10)
    low = venue.floor.name("005930").band.lower
    placed = venue.place(order(venue, Side.BUY, 10, low))
    assert placed.remaining == 10
    at(venue, 15, 31)
    assert (placed.remaining, placed.expired) == (0, 10)
    assert account.ledger.reserved == 0
    assert [n.kind for n in notices] == [NoticeKind.ACCEPTED]


def test_a_cancel_has_its_own_number_and_frees_the_cash(venue, account, notices):
    at(venue, 10)
    low = venue.floor.name("005930").band.lower
    placed = venue.place(order(venue, Side.BUY, 10, low))
    cancel = venue.cancel(account.key, placed.number, 4, venue.floor.day)
    assert (cancel.number, cancel.original) == (2, 1)
    assert cancel.revision is Revision.CANCEL
    assert (placed.remaining, placed.cancelled) == (6, 4)
    venue.cancel(account.key, placed.number, None, venue.floor.day)
    assert account.ledger.reserved == 0
    with pytest.raises(RefusedError) as caught:
        venue.cancel(account.key, placed.number, None, venue.floor.day)
    assert caught.value.reason is Refusal.NOTHING_LEFT
    assert [n.kind for n in notices] == [NoticeKind.ACCEPTED, *[NoticeKind.CANCELLED] * 2]


def test_a_modification_moves_the_rest_to_its_own_number(venue, account):
    at(venue, 10)
    name = venue.floor.name("005930")
    placed = venue.place(order(venue, Side.BUY, 10, name.band.lower))
    changed = venue.modify(
        account.key, placed.number, 6, "00", name.band.lower + 100, venue.floor.day
    )
    assert (placed.remaining, placed.moved) == (4, 6)
    assert (changed.quantity, changed.original) == (6, placed.number)
    product = name.instrument.product
    assert account.ledger.reserved == venue.floor.costs.buy_total(
        name.band.lower, 4, product
    ) + venue.floor.costs.buy_total(name.band.lower + 100, 6, product)


def test_a_modification_that_cash_cannot_cover_changes_nothing(venue):
    account = open_account(venue, 500_000)
    at(venue, 10)
    name = venue.floor.name("005930")
    placed = venue.place(order(venue, Side.BUY, 10, name.band.lower))
    before = account.ledger.reserved
    with pytest.raises(RefusedError) as caught:
        venue.modify(account.key, placed.number, None, "00", name.band.upper, venue.floor.day)
    assert caught.value.reason is Refusal.CASH
    assert account.ledger.reserved == before
    assert placed.remaining == 10


def test_what_is_not_possible_is_refused_with_its_reason(venue, account):
    at(venue, 10)
    band = venue.floor.name("005930").band
    day = venue.floor.day
    assert refused(venue, order(venue, Side.BUY, 1, ticker="999999")) is Refusal.UNKNOWN_CODE
    assert refused(venue, order(venue, Side.BUY, 0)) is Refusal.QUANTITY
    assert refused(venue, order(venue, Side.BUY, 1, kind="99")) is Refusal.UNKNOWN_KIND
    assert refused(venue, order(venue, Side.BUY, 1)._replace(venue="NXT")) is Refusal.UNKNOWN_VENUE
    assert refused(venue, order(venue, Side.BUY, 1, band.base + 1)) is Refusal.TICK
    assert refused(venue, order(venue, Side.BUY, 1, band.upper + 100)) is Refusal.BAND
    assert refused(venue, order(venue, Side.BUY, 10**7, band.base)) is Refusal.CASH
    assert refused(venue, order(venue, Side.SELL, 1)) is Refusal.SHARES
    assert refused(venue, order(venue, Side.BUY, 1, kind="06")) is Refusal.NOT_NOW
    assert venue.floor.day == day
    assert account.ledger.reserved == 0
    assert venue.floor.issued == 0


def test_orders_are_taken_in_their_hours_only(venue, account):
    assert refused(venue, order(venue, Side.BUY, 1)) is Refusal.BEFORE_OPEN
    at(venue, 15, 35)
    assert refused(venue, order(venue, Side.BUY, 1)) is Refusal.AFTER_CLOSE
    at(venue, 19)
    assert refused(venue, order(venue, Side.BUY, 1)) is Refusal.AFTER_CLOSE
    while venue.now.weekday() != 5:
        venue.advance_to(venue.now + timedelta(days=1))
    assert refused(venue, order(venue, Side.BUY, 1)) is Refusal.HOLIDAY


def test_fok_takes_all_or_nothing_and_ioc_drops_its_rest(venue, account, notices):
    at(venue, 11)
    name = venue.floor.name("005930")
    cap = cap_quantity(name.bars[0].volume, 0.1)
    huge = open_account(venue).ledger.orderable // name.price // 2
    assert huge < cap
    none = venue.place(order(venue, Side.BUY, 10, name.band.lower, kind="12"))
    assert (none.filled, none.cancelled, none.remaining) == (0, 10, 0)
    some = venue.place(order(venue, Side.BUY, 10, kind="13"))
    assert some.filled == 10
    kinds = [n.kind for n in notices]
    assert kinds == [
        NoticeKind.ACCEPTED,
        NoticeKind.DROPPED,
        NoticeKind.ACCEPTED,
        NoticeKind.FILLED,
    ]
    assert account.ledger.reserved == 0


def test_our_orders_together_take_no_more_than_their_share_of_a_bar():
    venue = exchange(DATA, share=0.0001)
    account = open_account(venue)
    at(venue, 8, 40)
    first = venue.place(order(venue, Side.BUY, 150))
    second = venue.place(order(venue, Side.BUY, 150))
    at(venue, 18)
    cap = cap_quantity(venue.floor.names["005930"].bars[0].volume, 0.0001)
    assert first.filled == min(150, cap)
    assert first.filled + second.filled == min(300, cap)
    assert account.quantity("005930") == min(300, cap)


def test_post_hours_orders_trade_at_the_close(venue, account):
    at(venue, 15, 32)
    placed = venue.place(order(venue, Side.BUY, 5, kind="06"))
    assert placed.remaining == 5
    at(venue, 15, 41)
    assert placed.filled == 5
    assert placed.average == venue.floor.names["005930"].bars[0].close


def test_after_market_orders_trade_since_september_2026_and_no_funds_do():
    venue = exchange(daily_dataset(first=date(2026, 9, 1), last=date(2026, 9, 30)), day=12)
    open_account(venue)
    at(venue, 17)
    assert venue.floor.phase is Phase.AFTER_MARKET
    close = venue.floor.name("005930").price
    placed = venue.place(order(venue, Side.BUY, 3, close, kind="41"))
    assert (placed.filled, placed.average) == (3, close)
    fund = order(venue, Side.BUY, 1, venue.floor.name("069500").price, kind="41", ticker="069500")
    assert refused(venue, fund) is Refusal.NOT_NOW
    assert refused(venue, order(venue, Side.BUY, 1, close, kind="07")) is Refusal.NOT_NOW


def test_an_injected_halt_stops_orders_and_prints_until_it_ends(venue, account):
    at(venue, 10)
    venue.floor.watched["005930"] = 1
    venue.interrupt("005930", "H", 30)
    assert refused(venue, order(venue, Side.BUY, 1)) is Refusal.HALTED
    volume = venue.floor.name("005930").volume
    at(venue, 10, 29)
    assert venue.floor.name("005930").volume == volume
    at(venue, 11)
    assert venue.place(order(venue, Side.BUY, 1)).filled == 1


def test_a_limit_lock_gives_buyers_nothing(venue, account):
    at(venue, 10)
    venue.lock_at_limit("005930", upper=True)
    band = venue.floor.name("005930").band
    at(venue, 10, 20)
    name = venue.floor.name("005930")
    assert name.price == band.upper
    placed = venue.place(order(venue, Side.BUY, 5, band.upper))
    at(venue, 15, 31)
    assert (placed.filled, placed.expired) == (0, 5)


def test_a_stop_order_sleeps_until_its_trigger_is_touched(venue, account):
    at(venue, 9, 5)
    name = venue.floor.name("005930")
    high = name.bars[0].high
    if name.steps[0].price == high:
        pytest.skip("this day opens at its high")
    placed = venue.place(order(venue, Side.BUY, 2, high, kind="22", trigger=high))
    assert placed.waiting
    at(venue, 15, 31)
    assert not placed.waiting
    assert placed.filled + placed.expired == 2


def test_a_minute_bar_order_sent_at_a_close_fills_at_the_next_open():
    venue = exchange(minute_dataset(), day=1)
    open_account(venue)
    at(venue, 10, 30)
    placed = venue.place(order(venue, Side.BUY, 3))
    assert placed.filled == 0
    at(venue, 10, 31)
    name = venue.floor.names["005930"]
    assert (placed.filled, placed.average) == (3, name.bars[90].open)


def test_a_split_multiplies_shares_and_pays_fractions():
    split = DATA.bars["005930"].times[131].astype("datetime64[D]").astype(object)
    data = daily_dataset(
        actions=[CorporateAction(ticker="005930", date=split, ratio=0.1)], last=date(2025, 6, 30)
    )
    venue = exchange(data)
    account = open_account(venue)
    at(venue, 10)
    venue.place(order(venue, Side.BUY, 25))
    cash, last = account.ledger.cash, venue.floor.name("005930").bars[0].close
    next_morning(venue)
    assert account.quantity("005930") == 2
    assert account.ledger.cash == cash + 5 * last
    assert account.actions[0][1:4] == ("005930", 25, 2)


def test_a_delisted_name_is_paid_out():
    last = DATA.bars["005930"].times[130].astype("datetime64[D]").astype(object)
    gone = Instrument(ticker="005930", name="삼성전자", delisted=last)
    venue = exchange(daily_dataset(names=(gone,)))
    account = open_account(venue)
    at(venue, 10)
    venue.place(order(venue, Side.BUY, 7))
    close, cash = venue.floor.name("005930").bars[0].close, account.ledger.cash
    next_morning(venue)
    assert account.positions == {}
    assert account.ledger.cash == cash + 7 * close


def test_names_that_nobody_watches_tell_the_same_story():
    quiet, watched = exchange(DATA), exchange(DATA)
    watched.watch("005930", 1)
    for venue in (quiet, watched):
        at(venue, 12)
        open_account(venue)
        venue.place(order(venue, Side.BUY, 5))
        at(venue, 15, 31)
    one, other = quiet.floor.name("005930"), watched.floor.name("005930")
    assert (one.price, one.volume, one.value) == (other.price, other.volume, other.value)
    assert (
        quiet.floor.orders[quiet.floor.day][1].average
        == watched.floor.orders[watched.floor.day][1].average
    )
