"""The cash ledger: settlement days, reservations, refusals, and conservation under any order."""

from datetime import date

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kisbt.krx.calendar import add_sessions, next_session, previous_session, sessions
from kisbt.krx.settlement import CashLedger

MONDAY = date(2024, 6, 10)
TUESDAY, WEDNESDAY, THURSDAY = date(2024, 6, 11), date(2024, 6, 12), date(2024, 6, 13)


def test_buy_leaves_settled_cash_untouched_until_the_second_session() -> None:
    ledger = CashLedger(1_000_000)
    ledger.buy(MONDAY, 300_000, 42)
    assert ledger.cash == 699_958
    assert ledger.settled(MONDAY) == 1_000_000
    assert ledger.settled(TUESDAY) == 1_000_000
    assert ledger.settled(WEDNESDAY) == 699_958


def test_proceeds_of_a_sale_pay_for_a_buy_of_the_same_day() -> None:
    ledger = CashLedger(1_000)
    ledger.sell(MONDAY, 500_000, 1_000)
    assert ledger.cash == ledger.orderable == 500_000
    ledger.buy(MONDAY, 499_900, 100)
    assert ledger.cash == 0
    assert [ledger.settled(d) for d in (MONDAY, TUESDAY, WEDNESDAY)] == [1_000, 1_000, 0]


def test_trades_of_several_days_settle_one_by_one() -> None:
    ledger = CashLedger(100_000)
    ledger.buy(MONDAY, 10_000, 0)
    ledger.buy(TUESDAY, 20_000, 0)
    ledger.sell(TUESDAY, 5_000, 5)
    assert [ledger.settled(d) for d in (TUESDAY, WEDNESDAY, THURSDAY)] == [100_000, 90_000, 74_995]


def test_cash_cannot_start_below_zero() -> None:
    with pytest.raises(ValueError, match="cash cannot start at -1 won"):
        CashLedger(-1)
    assert CashLedger(0).cash == 0


def test_buy_beyond_cash_is_refused_and_changes_nothing() -> None:
    ledger = CashLedger(1_000)
    with pytest.raises(ValueError, match="a buy of 1001 won exceeds D\\+2 cash of 1000 won"):
        ledger.buy(MONDAY, 1_000, 1)
    assert ledger.cash == 1_000
    assert ledger.settled(THURSDAY) == 1_000
    ledger.buy(MONDAY, 999, 1)
    assert ledger.cash == 0


def test_sale_that_costs_more_than_it_brings_cannot_overdraw() -> None:
    ledger = CashLedger(10)
    with pytest.raises(ValueError, match="costs of 16 won exceed a sale of 5 won and all cash"):
        ledger.sell(MONDAY, 5, 16)
    assert ledger.cash == 10
    ledger.sell(MONDAY, 5, 15)
    assert ledger.cash == 0


@pytest.mark.parametrize(("amount", "costs"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(amount: int, costs: int) -> None:
    ledger = CashLedger(1_000)
    with pytest.raises(ValueError, match=f"amount {amount} and costs {costs} of a buy"):
        ledger.buy(MONDAY, amount, costs)
    with pytest.raises(ValueError, match=f"amount {amount} and costs {costs} of a sale"):
        ledger.sell(MONDAY, amount, costs)
    assert ledger.cash == 1_000
    ledger.buy(MONDAY, 0, 0)
    ledger.sell(MONDAY, 0, 0)
    assert ledger.cash == 1_000


def test_days_never_go_back() -> None:
    ledger = CashLedger(1_000)
    ledger.buy(TUESDAY, 10, 0)
    with pytest.raises(ValueError, match="a trade of 2024-06-10 comes after one of 2024-06-11"):
        ledger.buy(MONDAY, 10, 0)
    with pytest.raises(ValueError, match="settled cash of 2024-06-10 is asked after"):
        ledger.settled(MONDAY)
    assert ledger.cash == 990
    ledger.sell(TUESDAY, 10, 0)
    assert ledger.settled(TUESDAY) == 1_000


def test_reservation_lowers_what_is_orderable_and_not_cash() -> None:
    ledger = CashLedger(1_000)
    ledger.reserve("a", 600)
    assert (ledger.cash, ledger.reserved, ledger.orderable) == (1_000, 600, 400)
    with pytest.raises(ValueError, match="cannot reserve 401 won for b: orderable is 400"):
        ledger.reserve("b", 401)
    ledger.reserve("b", 400)
    assert ledger.orderable == 0
    assert ledger.release("a") == 600
    assert ledger.orderable == 600
    assert (ledger.reservation("a"), ledger.reservation("b")) == (0, 400)


def test_second_reservation_of_an_order_replaces_the_first() -> None:
    ledger = CashLedger(1_000)
    ledger.reserve("a", 900)
    ledger.reserve("a", 1_000)
    assert ledger.reserved == ledger.reservation("a") == 1_000
    with pytest.raises(ValueError, match="cannot reserve 1001 won for a: orderable is 1000"):
        ledger.reserve("a", 1_001)
    assert ledger.reserved == 1_000
    ledger.reserve("a", 0)
    assert (ledger.reserved, ledger.orderable) == (0, 1_000)


def test_negative_reservation_is_refused() -> None:
    ledger = CashLedger(1_000)
    with pytest.raises(ValueError, match="cannot reserve -1 won for a"):
        ledger.reserve("a", -1)
    assert ledger.reserved == 0


def test_releasing_what_is_not_held_gives_nothing() -> None:
    ledger = CashLedger(1_000)
    assert ledger.release("a") == 0
    assert ledger.reservation("a") == 0
    assert ledger.orderable == 1_000


def test_buy_takes_out_of_its_own_reservation_first() -> None:
    ledger = CashLedger(1_000)
    ledger.reserve("a", 500)
    ledger.reserve("b", 100)
    ledger.buy(MONDAY, 200, 1, ref="a")
    assert (ledger.cash, ledger.reserved, ledger.orderable) == (799, 399, 400)
    assert ledger.reservation("a") == 299
    ledger.buy(MONDAY, 350, 0, ref="a")
    assert (ledger.cash, ledger.reserved, ledger.reservation("a")) == (449, 100, 0)
    ledger.buy(MONDAY, 9, 0, ref="unknown")
    assert (ledger.cash, ledger.reserved) == (440, 100)


def test_unreserved_buy_leaves_reservations_and_orderable_never_shows_less_than_nothing() -> None:
    ledger = CashLedger(1_000)
    ledger.reserve("a", 900)
    ledger.buy(MONDAY, 500, 0)
    assert (ledger.cash, ledger.reserved, ledger.orderable) == (500, 900, 0)


def test_long_lives_settle_like_short_ones() -> None:
    days = sessions(date(2022, 1, 3), date(2024, 1, 31))
    ledger, cash = CashLedger(10_000), [10_000, 10_000]
    for n, day in enumerate(days):
        if n % 3 == 2:
            ledger.sell(day, 100, 1)
        else:
            ledger.buy(day, 40, 1)
        cash.append(ledger.cash)
        assert ledger.settled(day) == cash[-3]
        assert ledger.settled(next_session(day)) == cash[-2]
        assert ledger.settled(add_sessions(day, 2)) == cash[-1]


class LedgerMachine(RuleBasedStateMachine):
    """A ledger beside a plain list of trades."""

    def __init__(self) -> None:
        super().__init__()
        self.day = date(2024, 9, 10)  # Chuseok is near
        self.ledger = CashLedger(1_000_000)
        self.trades: list[tuple[date, int]] = []
        self.held: dict[str, int] = {}

    @rule(n=st.integers(1, 4))
    def pass_days(self, n: int) -> None:
        self.day = add_sessions(self.day, n)

    @rule(amount=st.integers(0, 700_000), costs=st.integers(0, 500))
    def buy(self, amount: int, costs: int) -> None:
        if amount + costs > self.ledger.cash:
            with pytest.raises(ValueError, match="exceeds"):
                self.ledger.buy(self.day, amount, costs)
        else:
            self.ledger.buy(self.day, amount, costs)
            self.trades.append((self.day, -amount - costs))

    @rule(amount=st.integers(0, 700_000), costs=st.integers(0, 500))
    def sell(self, amount: int, costs: int) -> None:
        if costs - amount > self.ledger.cash:
            with pytest.raises(ValueError, match="exceed"):
                self.ledger.sell(self.day, amount, costs)
        else:
            self.ledger.sell(self.day, amount, costs)
            self.trades.append((self.day, amount - costs))

    @rule(ref=st.sampled_from("abc"), amount=st.integers(-10, 900_000))
    def reserve(self, ref: str, amount: int) -> None:
        others = sum(held for name, held in self.held.items() if name != ref)
        if amount < 0 or others + amount > self.ledger.cash:
            with pytest.raises(ValueError, match="cannot reserve"):
                self.ledger.reserve(ref, amount)
        else:
            self.ledger.reserve(ref, amount)
            self.held[ref] = amount

    @rule(ref=st.sampled_from("abc"))
    def release(self, ref: str) -> None:
        assert self.ledger.release(ref) == self.held.pop(ref, 0)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), costs=st.integers(0, 100))
    def fill_a_reserved_buy(self, data: st.DataObject, costs: int) -> None:
        ref = data.draw(st.sampled_from(sorted(ref for ref, held in self.held.items() if held)))
        total = data.draw(st.integers(0, self.held[ref]))
        if total <= self.ledger.cash:
            costs = min(costs, total)
            self.ledger.buy(self.day, total - costs, costs, ref)
            self.trades.append((self.day, -total))
            self.held[ref] -= total

    @invariant()
    def cash_is_conserved_and_never_negative(self) -> None:
        assert self.ledger.cash == 1_000_000 + sum(net for _, net in self.trades) >= 0

    @invariant()
    def settled_cash_is_that_of_two_sessions_before_and_never_negative(self) -> None:
        for ahead in (0, 1, 2):
            on = add_sessions(self.day, ahead)
            until = previous_session(previous_session(on))
            due = sum(net for day, net in self.trades if day <= until)
            assert self.ledger.settled(on) == 1_000_000 + due >= 0
        assert self.ledger.settled(add_sessions(self.day, 2)) == self.ledger.cash

    @invariant()
    def reservations_add_up(self) -> None:
        assert self.ledger.reserved == sum(self.held.values())
        assert self.ledger.orderable == max(0, self.ledger.cash - self.ledger.reserved)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedgerUnderAnyOrder = LedgerMachine.TestCase
