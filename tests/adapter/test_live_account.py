"""After a crash the books are the journal's, number for number."""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path

import pytest

from kisbt.adapter.live_account import session_of
from kisbt.config import CostSettings
from kisbt.data.manifest import CorporateAction
from kisbt.domain.trading import OrderState, Side
from kisbt.journal.recovery import VenueRecord, read_history
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel
from tests.adapter.fake_venue import DAY, A, B, KilledError
from tests.adapter.live_desk import LiveDesk

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LiveDesk]:
    made = LiveDesk(tmp_path, shares={B: 4}, costs=CostModel.from_settings(CostSettings()))
    yield made
    made.close()


def test_books_after_a_restart_are_those_before(desk: LiveDesk) -> None:
    desk.place(BUY, A, 10, 50_000)
    desk.place(SELL, B, 3, 100_000)
    desk.place(BUY, A, 4, 45_000)
    desk.venue.fill(1, 10, 49_900)
    desk.venue.fill(2, 2, 100_500)
    desk.deliver()
    desk.turn()
    before = desk.broker.book
    desk.restart()
    after = desk.broker.book
    assert after is not before
    assert after.ledger.cash == before.ledger.cash == desk.venue.cash
    assert after.quantities == before.quantities
    assert after.averages == pytest.approx(before.averages)
    assert after.ledger.reserved == before.ledger.reserved
    assert desk.broker.open_orders() == [o for o in desk.broker.open_orders() if o.remaining]
    assert [o.ref for o in desk.broker.open_orders()] == ["O000002", "O000003"]
    assert desk.place(BUY, B, 1, 90_000).info.ref == "O000004"


def test_fills_missed_while_down_go_on_with_the_right_numbers(desk: LiveDesk) -> None:
    desk.place(BUY, A, 10, 50_000)
    desk.venue.fill(1, 3, 50_000)
    desk.deliver()
    desk.turn()
    desk.venue.fill(1, 7, 49_800)
    desk.restart()
    desk.turn(seconds=1)
    fills = desk.witness.fills
    assert [(f.number, f.quantity, f.price) for f in fills] == [(1, 3, 50_000), (2, 7, 49_800)]
    assert fills[-1].cash_after == desk.venue.cash
    desk.deliver()
    desk.turn(seconds=40)
    assert len(desk.witness.fills) == 2


def test_killed_before_the_request_left_nothing_is_sent_again(desk: LiveDesk) -> None:
    desk.venue.fate = "killed before"
    with pytest.raises(KilledError):
        desk.place(BUY, A, 5, 50_000)
    desk.restart()
    for _ in range(5):
        desk.turn(seconds=30)
    assert not desk.venue.orders
    (order,) = read_history(desk.db, desk.run).orders
    assert order.state is OrderState.REJECTED


def test_killed_after_the_request_the_order_is_found_and_not_doubled(desk: LiveDesk) -> None:
    desk.venue.fate = "killed after"
    with pytest.raises(KilledError):
        desk.place(BUY, A, 5, 50_000)
    desk.restart()
    desk.turn(seconds=1)
    (order,) = read_history(desk.db, desk.run).orders
    assert (order.state, order.number) == (OrderState.ACCEPTED, "0000000001")
    assert len(desk.venue.orders) == 1


def test_an_intent_that_never_left_leaves_after_the_restart_once(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 30)))
    following = calendar.next_session(DAY)
    desk.market.order_session = following
    desk.place(BUY, A, 5)
    desk.restart()
    desk.clock.at = datetime.combine(following, time(8, 40))
    desk.turn()
    desk.restart()
    desk.turn(seconds=1)
    assert [order.quantity for order in desk.venue.taken()] == [5]
    desk.close()


def test_ended_orders_of_the_day_are_known_after_a_restart(desk: LiveDesk) -> None:
    desk.place(BUY, A, 5, 50_000)
    desk.venue.fill(1, 5, 50_000)
    desk.deliver()
    desk.turn()
    desk.venue.fate = "lost before"
    desk.place(BUY, A, 5, 50_000)  # the same again: never arrives
    desk.restart()
    for _ in range(5):
        desk.turn(seconds=30)
    states = {o.ref: o.state for o in read_history(desk.db, desk.run).orders}
    assert states == {"O000001": OrderState.FILLED, "O000002": OrderState.REJECTED}
    assert desk.broker.holdings()[A].quantity == 5


def test_corrections_are_part_of_the_books(desk: LiveDesk) -> None:
    desk.broker.correct(A, DAY, 3, 0, "시험")
    desk.broker.correct(A, DAY, -1, 5_000, "시험")
    cash = desk.broker.book.ledger.cash
    desk.restart()
    assert desk.broker.holdings()[A].quantity == 2
    assert desk.broker.book.ledger.cash == cash


def test_a_split_takes_effect_once_before_the_first_order_of_its_session(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 30)), shares={A: 7})
    following = calendar.next_session(DAY)
    desk.actions = [CorporateAction(ticker=A, date=following, ratio=2.0)]
    desk.market.order_session = following
    desk.start()
    void = desk.place(SELL, A, 3)
    assert desk.broker.wake_at() == datetime.combine(following, time(8, 40))
    desk.clock.at = datetime.combine(following, time(8, 40))
    desk.turn()
    assert desk.broker.holdings()[A].quantity == 14
    assert not void.alive()
    assert desk.witness.events[-1].reason == "기준가 변경"
    assert not desk.venue.orders
    desk.restart()
    desk.turn(seconds=60)
    assert desk.broker.holdings()[A].quantity == 14
    desk.close()


def test_the_first_word_on_an_opening_stands(desk: LiveDesk) -> None:
    record = VenueRecord(desk.db, desk.run)
    record.opened(desk.clock.now(), 1, [(A, 9, 1.0)])
    opening = read_history(desk.db, desk.run).opening
    assert opening is not None
    assert opening.cash == desk.opening.cash


@pytest.mark.parametrize(
    ("at", "session"),
    [
        (datetime(2025, 3, 4, 9, 30), date(2025, 3, 4)),
        (datetime(2025, 3, 4, 8, 0), date(2025, 3, 4)),
        (datetime(2025, 3, 4, 15, 30), date(2025, 3, 5)),
        (datetime(2025, 3, 8, 10, 0), date(2025, 3, 10)),
    ],
)
def test_an_order_belongs_to_the_session_that_can_still_trade_it(at: datetime, session: date):
    assert session_of(at) == session
