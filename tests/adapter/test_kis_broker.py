"""The live broker over a venue that loses answers, repeats notices, and tells late."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import backtrader as bt
import pytest

from kisbt.adapter.kis_orders import MOST_LOOKS
from kisbt.domain.trading import OrderState, Side
from kisbt.krx import calendar
from tests.adapter.fake_venue import ACCOUNT, CLOSE, DAY, A, KilledError
from tests.adapter.live_desk import LiveDesk

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LiveDesk]:
    made = LiveDesk(tmp_path)
    yield made
    made.close()


def states(desk: LiveDesk, ref: str = "O000001") -> list[OrderState]:
    return [event.state for event in desk.witness.events if event.ref == ref]


def test_an_intent_is_journaled_before_the_request_leaves(desk: LiveDesk) -> None:
    desk.venue.fate = "killed before"
    with pytest.raises(KilledError):
        desk.place(BUY, A, 3, 50_000)
    assert states(desk) == [OrderState.INTENT, OrderState.SENT]
    assert not desk.venue.orders


def test_a_fill_told_by_notice_and_list_is_booked_once(desk: LiveDesk) -> None:
    order = desk.place(BUY, A, 10, 50_000)
    desk.venue.fill(1, 4, 49_900)
    desk.venue.fill(1, 6, 50_000)
    desk.deliver()
    desk.turn(seconds=1)
    desk.deliver()  # all of it once more
    desk.turn(seconds=31)
    assert [(f.quantity, f.price, f.number) for f in desk.witness.fills] == [
        (4, 49_900, 1),
        (6, 50_000, 2),
    ]
    assert order.status == bt.Order.Completed
    assert states(desk)[-2:] == [OrderState.PARTIAL, OrderState.FILLED]
    assert desk.broker.book.ledger.cash == desk.venue.cash


def test_fills_without_notices_come_from_the_list_with_whole_won(desk: LiveDesk) -> None:
    desk.place(BUY, A, 10, 50_000)
    desk.venue.fill(1, 3, 49_950)
    desk.venue.fill(1, 7, 50_000)
    desk.turn(seconds=31)
    assert sum(f.quantity for f in desk.witness.fills) == 10
    assert sum(f.amount for f in desk.witness.fills) == 3 * 49_950 + 7 * 50_000
    desk.deliver()
    desk.turn(seconds=1)
    assert desk.broker.holdings()[A].quantity == 10


def test_a_fill_that_overtakes_the_answer_counts(desk: LiveDesk) -> None:
    desk.venue.fate = "fills at once"
    desk.place(BUY, A, 2, 50_000)
    desk.deliver()
    desk.turn()
    assert states(desk)[-1] is OrderState.FILLED


def test_a_lost_answer_stays_unknown_until_the_list_names_it(desk: LiveDesk) -> None:
    desk.venue.fate = "lost after"
    order = desk.place(BUY, A, 5, 50_000)
    assert states(desk)[-1] is OrderState.UNKNOWN
    assert order.alive()
    assert [o.ref for o in desk.broker.open_orders()] == ["O000001"]
    desk.turn(seconds=3)
    assert states(desk)[-1] is OrderState.ACCEPTED
    assert len(desk.venue.taken()) == 1


def test_an_order_that_never_arrived_is_rejected_after_several_readings(desk: LiveDesk) -> None:
    desk.venue.fate = "lost before"
    desk.place(BUY, A, 5, 50_000)
    cash = desk.broker.book.ledger.cash
    for _ in range(2):
        desk.turn(seconds=3)
    assert states(desk)[-1] is OrderState.UNKNOWN
    for _ in range(3):
        desk.turn(seconds=30)
    assert states(desk)[-1] is OrderState.REJECTED
    assert "접수되지 않은" in desk.witness.events[-1].reason
    assert desk.broker.book.ledger.orderable == cash
    assert not desk.venue.orders


def test_an_order_that_turns_up_after_all_is_called_back_and_its_fills_count(
    desk: LiveDesk,
) -> None:
    desk.venue.reading = "stale"
    desk.venue.fate = "lost after"
    desk.place(BUY, A, 5, 50_000)
    for _ in range(5):
        desk.turn(seconds=30)
    assert states(desk)[-1] is OrderState.REJECTED
    desk.venue.fill(1, 2, 50_000)
    desk.venue.reading = "well"
    desk.place(BUY, A, 1, 40_000)  # something to read for
    desk.turn(seconds=40)
    desk.turn(seconds=40)
    assert desk.venue.orders[1].remaining == 0
    assert desk.broker.holdings()[A].quantity == 2
    assert any(level == "alert" for level, _ in desk.alerts)


def test_the_venues_no_becomes_rejected_with_its_words(desk: LiveDesk) -> None:
    desk.venue.fate = "refused"
    order = desk.place(BUY, A, 5, 50_000)
    assert order.status == bt.Order.Rejected
    assert order.info.reason == "주문가능금액을 초과 했습니다"
    assert desk.broker.refusals == {"주문가능금액을 초과 했습니다": 1}
    assert desk.broker.orderable == desk.venue.cash


def test_what_kis_surely_did_not_take_is_tried_again(desk: LiveDesk) -> None:
    desk.venue.fate = "unreachable"
    desk.place(BUY, A, 5, 50_000)
    assert states(desk)[-1] is OrderState.INTENT
    desk.turn(seconds=1)
    assert not desk.venue.orders
    desk.turn(seconds=2)
    assert states(desk)[-1] is OrderState.ACCEPTED
    assert len(desk.venue.orders) == 1


def test_a_cancel_answers_what_it_met(desk: LiveDesk) -> None:
    order = desk.place(BUY, A, 5, 50_000)
    assert desk.broker.cancel(order)
    assert states(desk)[-1] is OrderState.CANCELLED
    other = desk.place(BUY, A, 6, 50_000)
    desk.venue.fate = "fills at once"
    assert not desk.broker.cancel(other)  # three shares were faster
    assert desk.broker.holdings()[A].quantity == 3
    assert states(desk, "O000002")[-2:] == [OrderState.PARTIAL, OrderState.CANCELLED]
    assert not desk.broker.open_orders()


def test_a_lost_answer_to_a_cancel_is_settled_by_the_list(desk: LiveDesk) -> None:
    order = desk.place(BUY, A, 5, 50_000)
    desk.venue.reading = "fails"
    desk.venue.fate = "lost after"
    assert not desk.broker.cancel(order)
    assert desk.broker.open_orders()
    desk.venue.reading = "well"
    desk.turn(seconds=3)
    assert states(desk)[-1] is OrderState.CANCELLED


def test_a_cancel_that_never_arrived_is_no_longer_waited_for(desk: LiveDesk) -> None:
    order = desk.place(BUY, A, 5, 50_000)
    desk.venue.fate = "lost before"
    assert not desk.broker.cancel(order)
    inside = desk.broker.wake_at()
    assert inside is not None
    assert inside - desk.clock.now() <= timedelta(seconds=2)
    for _ in range(4):
        desk.turn(seconds=30)
    calm = desk.broker.wake_at()
    assert calm is not None
    assert calm - desk.clock.now() > timedelta(seconds=2)
    assert states(desk)[-1] is OrderState.ACCEPTED
    assert desk.broker.cancel(order)


def test_day_orders_expire_after_the_close_with_the_backtests_reason(desk: LiveDesk) -> None:
    desk.place(BUY, A, 5, 40_000)
    desk.clock.at = datetime.combine(DAY, time(15, 30, 30))
    desk.turn()
    assert desk.broker.open_orders()  # the closing auction may still be told
    desk.turn(seconds=60)
    assert states(desk)[-1] is OrderState.EXPIRED
    assert desk.witness.events[-1].reason == "당일 주문 만료"
    assert desk.broker.orderable == desk.venue.cash


def test_nothing_expires_before_the_list_could_be_read(desk: LiveDesk) -> None:
    desk.place(BUY, A, 5, 40_000)
    desk.venue.reading = "fails"
    desk.venue.fill(1, 5, 40_000)
    desk.clock.at = datetime.combine(DAY, time(15, 33))
    desk.turn()
    assert desk.broker.open_orders()
    desk.venue.reading = "well"
    desk.turn(seconds=31)
    assert states(desk)[-1] is OrderState.FILLED


def test_an_order_that_the_list_does_not_show_yet_is_not_taken_for_unfilled(
    tmp_path: Path,
) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 26)))
    desk.place(BUY, A, 5, 50_000)
    desk.venue.reading = "lags"
    desk.venue.fill(1, 3, 50_000)  # and no notice of it arrives
    desk.clock.at = datetime.combine(DAY, time(15, 31, 36))
    desk.turn(bar=True)
    assert desk.broker.open_orders()  # its cash stays reserved, and limits count it
    for _ in range(12):
        desk.turn(seconds=31)
    assert [fill.quantity for fill in desk.witness.fills] == [3]
    assert states(desk)[-1] is OrderState.EXPIRED
    assert desk.broker.book.ledger.cash == desk.venue.cash
    desk.close()


def test_a_list_read_in_the_minute_of_the_close_is_read_again(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 26)))
    desk.place(BUY, A, 5, 50_000)
    desk.clock.at = datetime.combine(DAY, time(15, 30, 1))
    desk.turn(bar=True)
    assert states(desk)[-1] is OrderState.EXPIRED
    desk.venue.fill(1, 3, 50_000)  # the closing auction, told a second later; no notice
    assert desk.broker.wake_at() == datetime.combine(DAY, time(15, 31))
    desk.turn(seconds=60)
    assert [fill.quantity for fill in desk.witness.fills] == [3]
    assert states(desk)[-1] is OrderState.EXPIRED
    assert desk.broker.wake_at() is None
    desk.close()


def test_an_order_that_no_list_ever_shows_is_waited_for_only_so_long(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 26)))
    desk.place(BUY, A, 5, 50_000)
    desk.venue.reading = "stale"  # empty, as nothing was read before
    desk.clock.at = datetime.combine(DAY, time(15, 32))
    for _ in range(MOST_LOOKS - 1):
        desk.turn(seconds=31)
    assert desk.broker.open_orders()
    desk.turn(seconds=31)
    assert states(desk)[-1] is OrderState.EXPIRED
    assert desk.broker.wake_at() is None
    desk.close()


def test_orders_decided_at_the_close_leave_before_the_next_open(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 30)))
    following = calendar.next_session(DAY)
    desk.market.order_session = following
    order = desk.place(BUY, A, 5)
    assert order.alive()
    assert states(desk) == [OrderState.INTENT]
    wake = desk.broker.wake_at()
    assert wake == datetime.combine(following, time(8, 40))
    desk.clock.at = datetime.combine(following, time(8, 39, 59))
    desk.turn()
    assert not desk.venue.orders
    desk.turn(seconds=1)
    assert states(desk) == [OrderState.INTENT, OrderState.SENT, OrderState.ACCEPTED]
    desk.close()


def test_an_order_that_comes_after_its_session_expires_and_never_leaves(desk: LiveDesk) -> None:
    desk.market.order_session = DAY
    desk.clock.at = datetime.combine(calendar.next_session(DAY), time(13, 26))  # it slept
    order = desk.place(BUY, A, 5)
    for _ in range(4):
        desk.turn(seconds=40)
    assert not desk.venue.orders
    assert states(desk) == [OrderState.INTENT, OrderState.EXPIRED]
    assert not order.alive()


def test_an_order_that_waits_can_be_cancelled_without_a_word_to_the_venue(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, at=datetime.combine(DAY, time(15, 30)))
    desk.market.order_session = calendar.next_session(DAY)
    order = desk.place(BUY, A, 5)
    assert desk.broker.cancel(order)
    desk.clock.at = datetime.combine(calendar.next_session(DAY), time(9, 0))
    desk.turn()
    assert not desk.venue.orders
    assert states(desk) == [OrderState.INTENT, OrderState.CANCELLED]
    desk.close()


def test_a_buy_beyond_the_cash_is_cut_as_in_a_backtest(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, cash=220_000)
    order = desk.place(BUY, A, 10, 50_000)
    assert abs(order.size) == 4
    assert "줄임" in order.info.reason
    assert desk.venue.orders[1].quantity == 4
    desk.close()


def test_notices_of_other_accounts_are_not_ours(desk: LiveDesk) -> None:
    desk.place(BUY, A, 5, 50_000)
    desk.venue.fill(1, 5, 50_000)
    assert desk.venue.told[-1].account == ACCOUNT
    foreign = list(desk.venue.told)
    for notice in foreign:
        object.__setattr__(notice, "account", "9999999901")
    desk.deliver(foreign)
    desk.venue.reading = "fails"
    desk.turn(seconds=1)
    assert not desk.witness.fills


def test_in_bar_mode_fills_wait_for_the_bar_and_come_in_order_of_their_orders(
    tmp_path: Path,
) -> None:
    desk = LiveDesk(tmp_path, by_bar=True)
    for size in (5, 6, 7):
        desk.place(BUY, A, size, 50_000)
    for number in (3, 1, 2):
        desk.venue.fill(number, 9, 50_000)
        desk.deliver([desk.venue.told[-1]])
        desk.turn(seconds=5)
    assert not desk.witness.fills
    desk.turn(seconds=5, bar=True)
    assert [(f.ref, f.number, f.at) for f in desk.witness.fills] == [
        (f"O00000{n}", n, desk.market.bar) for n in (1, 2, 3)
    ]
    desk.close()


def test_shares_held_from_before_can_be_sold_without_a_short_trade(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, shares={A: 7})
    desk.broker.data_started(desk.data[A])
    seed = desk.broker.get_notification()
    assert seed is not None
    assert seed.executed.size == 7
    assert seed.p.simulated
    desk.place(SELL, A, 7, CLOSE[A])
    desk.venue.fill(1, 7, CLOSE[A])
    desk.deliver()
    desk.turn()
    assert desk.broker.getposition(desk.data[A]).size == 0
    desk.close()


def test_an_order_that_turned_up_is_called_back_until_it_is_gone(desk: LiveDesk) -> None:
    desk.venue.reading, desk.venue.fate = "stale", "lost after"
    desk.place(BUY, A, 5, 50_000)
    for _ in range(5):
        desk.turn(seconds=30)
    desk.venue.reading = "well"
    desk.place(BUY, A, 1, 40_000)
    desk.venue.fate = "lost before"  # the first try to cancel is lost, too
    desk.turn(seconds=40)
    assert desk.venue.orders[1].remaining == 5
    desk.turn(seconds=40)
    assert desk.venue.orders[1].remaining == 0
    assert len(desk.venue.taken()) == 2


def test_an_execution_before_a_names_first_bar_is_told_after_it(desk: LiveDesk) -> None:
    desk.place(BUY, A, 10, 50_000)
    desk.turn(seconds=1)
    desk.data[A].bars = 0  # a new process, in which no bar has come yet
    desk.restart()
    desk.venue.fill(1, 4, 50_000)
    desk.venue.fill(1, 6, 49_950)

    def told() -> list[float]:
        desk.clock.pass_by(31)
        desk.broker.next()
        return [order.executed.size for order in iter(desk.broker.get_notification, None)]

    assert not any(told())
    assert sum(fill.quantity for fill in desk.witness.fills) == 10  # the books have it at once
    assert not any(told())
    desk.data[A].bars = 1
    assert told()[-1] == 10
    assert not told()
