"""Books against the venue: breaks lock a name, an empty balance is doubted, what agrees unlocks."""

from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path

import pytest

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.kis_orders import MOST_LOOKS
from kisbt.adapter.reconcile import Break, Reconciler, begin_on, believed, compare
from kisbt.domain.trading import Side
from kisbt.errors import ConfigError, KISAPIError
from kisbt.kis.models.account import Balance
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel
from tests.adapter.fake_venue import CLOSE, NAMES, A, B
from tests.adapter.live_desk import LiveDesk

NOW = datetime(2025, 3, 4, 8, 0)


def balance(cash: int = 1_000_000, **shares: int) -> Balance:
    rows = [
        {"pdno": ticker.strip("_"), "hldg_qty": held, "pchs_avg_pric": "50000.5"}
        for ticker, held in shares.items()
    ]
    totals = {"dnca_tot_amt": 9_999_999, "prvs_rcdl_excc_amt": cash}
    return Balance.model_validate({"positions": rows, "totals": totals})


class Bank:
    """Answers with one balance after the other; an error where there is none."""

    def __init__(self, *answers: Balance | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    def inquire_balance(self) -> Balance:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise KISAPIError("no answer")
        return answer

    def inquire_psbl_order(self, ticker: str, price: int | None = None) -> object:
        raise KISAPIError("no answer")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LiveDesk]:
    made = LiveDesk(tmp_path)
    yield made
    made.close()


def reconciler(desk: LiveDesk, **more: object) -> Reconciler:
    told = desk.alerts
    return Reconciler(
        desk.venue, desk.broker, notify=lambda level, text: told.append((level, text)), **more
    )


def test_shares_that_were_there_are_adopted_with_their_cost() -> None:
    start = begin_on(balance(500_000, _005930=7), NAMES, "adopt", NOW)
    assert start.opening.cash == 500_000
    assert start.opening.positions == {A: (7, 50_000.5)}
    assert not start.ignored


def test_shares_outside_the_universe_are_left_alone_even_by_adopt() -> None:
    start = begin_on(balance(_999999=3), NAMES, "adopt", NOW)
    assert not start.opening.positions
    assert start.ignored == {"999999": 3}
    assert "종목 목록 밖" in start.notes[0]


def test_ignored_shares_count_nowhere() -> None:
    start = begin_on(balance(_005930=7), NAMES, "ignore", NOW)
    assert start.ignored == {A: 7}
    book = AccountBook(NAMES, CostModel.free(), 1_000_000)
    assert not compare(book, balance(_005930=7), start.ignored).breaks
    assert compare(book, balance(_005930=6), start.ignored).breaks == (Break(A, 7, 6),)


def test_an_account_with_shares_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="already holds 7 shares of 005930"):
        begin_on(balance(_005930=7), NAMES, "refuse", NOW)


def test_a_balance_that_reads_empty_once_is_not_believed() -> None:
    bank = Bank(balance(0), balance(_005930=7), balance(_005930=7))
    read = believed(bank, lambda b: b.held(A) == 7)
    assert read is not None
    assert read.held(A) == 7


def test_two_readings_that_agree_are_believed_whatever_the_books_say() -> None:
    read = believed(Bank(balance(0)), lambda _b: False)
    assert read is not None
    assert not read.positions


def test_readings_that_never_agree_say_nothing() -> None:
    bank = Bank(*(balance(n) for n in range(9)))
    assert believed(bank, lambda _b: False) is None
    assert bank.asked == 4


def test_no_answer_is_not_an_empty_account() -> None:
    assert believed(Bank(None), lambda _b: True) is None


def test_books_that_agree_lock_nothing(desk: LiveDesk) -> None:
    desk.place(Side.BUY, A, 5, 50_000)
    desk.venue.fill(1, 5, 50_000)
    found = reconciler(desk).check()  # the fill was never told: settling finds it
    assert found.clean
    assert desk.broker.holdings()[A].quantity == 5
    assert not desk.broker.guard.locked


def test_a_break_locks_the_name_for_buying_until_it_clears(desk: LiveDesk) -> None:
    check = reconciler(desk)
    desk.venue.shares[A] = 3
    found = check.check()
    assert found.breaks == (Break(A, 0, 3),)
    order = desk.place(Side.BUY, A, 1, 50_000)
    assert not order.alive()
    assert "잠금" in order.info.reason
    assert desk.place(Side.BUY, B, 1, 100_000).alive()
    desk.venue.shares[A] = 0
    assert not check.check().breaks
    assert desk.place(Side.BUY, A, 2, 50_000).alive()
    assert sum(level == "alert" for level, _ in desk.alerts) == 1  # said once


def test_a_locked_name_may_be_sold(tmp_path: Path) -> None:
    desk = LiveDesk(tmp_path, shares={A: 9})
    desk.venue.shares[A] = 5
    reconciler(desk).check()
    assert desk.place(Side.SELL, A, 5, CLOSE[A]).alive()
    desk.close()


def test_somebody_elses_open_order_locks_its_name(desk: LiveDesk) -> None:
    desk.place(Side.BUY, A, 5, 40_000)
    desk.venue._new(B, Side.BUY, 2, 90_000, 0)
    check = reconciler(desk)
    assert [each.ticker for each in check.check().strangers] == [B]
    assert B in desk.broker.guard.locked
    desk.venue.withdraw(2)
    assert not check.check().strangers
    assert B not in desk.broker.guard.locked


def test_cash_that_the_venue_does_not_have_is_held_back(desk: LiveDesk) -> None:
    ours = desk.broker.orderable
    desk.venue.cash -= 40_000_000
    check = reconciler(desk)
    found = check.check()
    assert found.cash_gap == -40_000_000
    assert desk.broker.orderable == ours - 40_000_000
    desk.venue.cash += 40_000_000
    check.check()
    assert desk.broker.orderable == ours


def test_a_won_of_rounding_is_no_gap(desk: LiveDesk) -> None:
    desk.venue.cash -= 3
    assert reconciler(desk).check().clean


def test_the_venues_smaller_buying_power_decides(desk: LiveDesk) -> None:
    power = desk.venue.inquire_psbl_order(A)
    desk.venue.inquire_psbl_order = lambda *_: power.model_copy(  # type: ignore[method-assign]
        update={"own_amount": 60_000_000}
    )
    reconciler(desk).check(power_of=A)
    assert desk.broker.orderable == 60_000_000


def test_an_unreadable_balance_changes_nothing_and_is_said(desk: LiveDesk) -> None:
    check = Reconciler(
        Bank(None), desk.broker, notify=lambda level, text: desk.alerts.append((level, text))
    )
    desk.broker.guard.locked[A] = "장부와 잔고가 다름"
    assert not check.check().known
    assert A in desk.broker.guard.locked
    assert desk.alerts[0][0] == "alert"


def test_a_fill_that_no_list_showed_in_time_is_looked_for_before_a_name_is_locked(
    desk: LiveDesk,
) -> None:
    desk.clock.at = datetime.combine(NOW.date(), time(15, 26))
    desk.place(Side.BUY, A, 5, 50_000)
    desk.venue.fill(1, 3, 50_000)  # and no notice of it arrives
    desk.venue.reading = "stale"  # empty, as nothing was read before
    desk.clock.at = datetime.combine(NOW.date(), time(15, 32))
    for _ in range(MOST_LOOKS):
        desk.turn(seconds=31)
    assert not desk.broker.open_orders()
    desk.venue.reading = "well"
    desk.clock.at = datetime.combine(calendar.next_session(NOW.date()), time(8, 32))
    found = reconciler(desk).check()
    assert found.clean
    assert not desk.broker.guard.locked
    assert [fill.quantity for fill in desk.witness.fills] == [3]
