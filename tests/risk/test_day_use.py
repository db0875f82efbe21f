from datetime import date

from kisbt.risk.day_use import DayTotals, DayUse
from kisbt.risk.halt import HaltSwitch

MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)


def test_an_unused_day_has_no_orders_and_no_turnover():
    assert DayUse().totals(MONDAY) == DayTotals(orders=0, turnover=0)


def test_orders_and_fills_of_a_session_add_up():
    day = DayUse()
    day.on_order(MONDAY)
    day.on_order(MONDAY)
    day.on_fill(MONDAY, 1_000)
    day.on_fill(MONDAY, 500)
    assert day.totals(MONDAY) == DayTotals(2, 1_500)


def test_an_order_of_the_next_session_starts_from_nothing():
    day = DayUse()
    day.on_order(MONDAY)
    day.on_fill(MONDAY, 1_000)
    day.on_order(TUESDAY)
    assert day.totals(TUESDAY) == DayTotals(1, 0)
    assert day.totals(MONDAY) == DayTotals(0, 0)


def test_a_fill_of_the_next_session_starts_from_nothing():
    day = DayUse()
    day.on_order(MONDAY)
    day.on_fill(MONDAY, 700)
    day.on_fill(TUESDAY, 1_000)
    assert day.totals(TUESDAY) == DayTotals(0, 1_000)


def test_a_late_report_of_a_past_session_is_dropped():
    day = DayUse()
    day.on_order(TUESDAY)
    day.on_order(MONDAY)
    day.on_fill(MONDAY, 1_000)
    assert day.totals(TUESDAY) == DayTotals(1, 0)


def test_asking_about_another_session_forgets_nothing():
    day = DayUse()
    day.on_order(MONDAY)
    assert day.totals(TUESDAY) == DayTotals()
    assert day.totals(MONDAY) == DayTotals(1, 0)


def test_a_halt_lasts_until_a_person_resumes():
    halted = HaltSwitch()
    assert not halted()
    halted.halt("주문 응답 불명")
    halted.halt("두 번째")
    assert halted()
    assert halted.reason == "주문 응답 불명"
    halted.resume()
    assert not halted()
    assert halted.reason is None
