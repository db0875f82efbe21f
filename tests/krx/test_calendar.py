"""Sessions, hours and settlement days, as the exchange announced them."""

import subprocess
import sys
from datetime import date, datetime, time, timedelta
from time import time as clock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.errors import DataError
from kisbt.krx import calendar as krx

days = st.dates(date(1990, 2, 1), date(2049, 11, 30))

CLOSED = {
    2025: "01-01 01-27 01-28 01-29 01-30 03-03 05-01 05-05 05-06 06-03 06-06 08-15 10-03 10-06"
    " 10-07 10-08 10-09 12-25 12-31",
    2026: "01-01 02-16 02-17 02-18 03-02 05-01 05-05 05-25 06-03 07-17 08-17 09-24 09-25 10-05"
    " 10-09 12-25 12-31",
}


@pytest.mark.parametrize(("year", "closed"), CLOSED.items())
def test_closed_weekdays_are_the_announced_ones(year: int, closed: str) -> None:
    every = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    found = [f"{d:%m-%d}" for d in every if d.weekday() < 5 and not krx.is_session(d)]
    assert " ".join(found) == closed


def test_weekends_are_no_sessions() -> None:
    assert not krx.is_session(date(2024, 1, 6))
    assert not krx.is_session(date(2024, 1, 7))


def test_constitution_day_is_a_holiday_since_2026() -> None:
    assert krx.is_session(date(2025, 7, 17))
    assert not krx.is_session(date(2026, 7, 17))
    assert not krx.is_session(date(2028, 7, 17))
    assert krx.is_session(date(2028, 7, 18))
    assert krx.is_session(date(2027, 8, 17))


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2016, 7, 29), time(9), time(15)),
        (date(2016, 8, 1), time(9), time(15, 30)),
        (date(2016, 1, 4), time(10), time(15)),
        (date(2024, 1, 2), time(10), time(15, 30)),
        (date(2026, 1, 2), time(10), time(15, 30)),
        (date(2024, 1, 3), time(9), time(15, 30)),
        (date(2018, 11, 15), time(10), time(16, 30)),
        (date(2020, 12, 3), time(10), time(16, 30)),
        *((day, time(10), time(16, 30)) for day in krx.CSAT_DAYS),
        (date(2025, 11, 14), time(9), time(15, 30)),
    ],
)
def test_session_hours_know_the_special_days(day: date, opens: time, closes: time) -> None:
    assert krx.session_hours(day) == (datetime.combine(day, opens), datetime.combine(day, closes))


def test_csat_days_since_2021_are_six_thursdays_of_november() -> None:
    assert [day.isoformat() for day in krx.CSAT_DAYS] == [
        "2021-11-18",
        "2022-11-17",
        "2023-11-16",
        "2024-11-14",
        "2025-11-13",
        "2026-11-19",
    ]


def test_hours_of_a_holiday_are_an_error() -> None:
    with pytest.raises(DataError, match="2026-06-03 is not a session"):
        krx.session_hours(date(2026, 6, 3))


def test_closes_of_many_days_come_in_their_order() -> None:
    asked = np.array(["2025-11-13", "2016-07-29", "2024-01-02"], dtype="datetime64[D]")
    closes = krx.session_closes(asked)
    assert closes.dtype == np.dtype("datetime64[s]")
    expected = ["2025-11-13T16:30:00", "2016-07-29T15:00:00", "2024-01-02T15:30:00"]
    assert closes.astype(str).tolist() == expected
    assert krx.session_closes([date(2024, 1, 2)]).astype(str).tolist() == expected[2:]


@pytest.mark.parametrize(
    ("traded", "settled"),
    [
        (date(2024, 5, 2), date(2024, 5, 7)),  # over Children's Day (Mon 6 May is its substitute)
        (date(2024, 12, 26), date(2024, 12, 30)),
        (date(2024, 12, 27), date(2025, 1, 2)),
        (date(2019, 5, 29), date(2019, 5, 31)),
        (date(2019, 5, 30), date(2019, 6, 3)),
        (date(2026, 6, 1), date(2026, 6, 4)),
        (date(2026, 7, 15), date(2026, 7, 20)),
    ],
)
def test_trades_settle_two_sessions_later(traded: date, settled: date) -> None:
    assert krx.settlement_date(traded) == settled


def test_days_around_a_weekend() -> None:
    friday, saturday, monday = date(2024, 1, 5), date(2024, 1, 6), date(2024, 1, 8)
    assert krx.next_session(friday) == monday == krx.next_session(saturday)
    assert krx.previous_session(monday) == friday == krx.previous_session(saturday)
    assert krx.add_sessions(saturday, 0) == saturday
    assert krx.add_sessions(saturday, 2) == date(2024, 1, 9)
    assert krx.add_sessions(saturday, -2) == date(2024, 1, 4)
    assert krx.sessions(friday, monday) == [friday, monday]
    assert krx.sessions(saturday, saturday) == []


@given(days, st.integers(1, 15))
@settings(deadline=None)
def test_stepping_forth_and_back_returns(day: date, n: int) -> None:
    later = krx.add_sessions(day, n)
    between = krx.sessions(day + timedelta(days=1), later)
    assert len(between) == n
    assert between[-1] == later
    back = krx.add_sessions(later, -n)
    assert back == day if krx.is_session(day) else back == krx.previous_session(day)


@given(days)
@settings(deadline=None)
def test_hours_belong_to_their_session_and_last_five_hours_or_more(day: date) -> None:
    if not krx.is_session(day):
        return
    opens, closes = krx.session_hours(day)
    assert opens.date() == closes.date() == day
    assert timedelta(hours=4, minutes=30) <= closes - opens <= timedelta(hours=6, minutes=30)


@pytest.mark.parametrize("day", [date(1989, 12, 31), date(2050, 1, 1)])
def test_day_outside_the_calendar_is_named_with_its_bounds(day: date) -> None:
    for ask in (krx.is_session, krx.session_hours, krx.next_session, krx.settlement_date):
        with pytest.raises(DataError, match=f"no exchange calendar for {day}") as caught:
            ask(day)
        assert caught.value.hint == "it covers 1990-01-01 to 2049-12-31"


def test_stepping_out_of_the_calendar_is_an_error() -> None:
    for day, n in ((date(2049, 12, 31), 1), (date(1990, 1, 2), -1)):
        with pytest.raises(DataError, match="leave the calendar"):
            krx.add_sessions(day, n)


def test_days_inside_the_bounds_all_answer() -> None:
    assert krx.next_session(date(1990, 1, 1)) == date(1990, 1, 3)
    assert krx.previous_session(date(2049, 12, 31)) == date(2049, 12, 30)


def test_last_year_has_no_session_with_wrong_hours() -> None:
    late = [
        d
        for d in krx.sessions(date(2049, 1, 1), date(2049, 12, 31))
        if krx.session_hours(d).open.time() != time(9)
    ]
    assert late == [date(2049, 1, 4)]


def test_clock_is_naive_and_korean() -> None:
    moment = krx.now()
    assert moment.tzinfo is None
    utc = datetime(1970, 1, 1) + timedelta(seconds=clock())
    assert abs(moment - utc - timedelta(hours=9)) < timedelta(seconds=5)
    assert krx.KST.utcoffset(None) == timedelta(hours=9)


def test_rules_of_price_do_not_load_the_calendar_library() -> None:
    code = (
        "import sys, kisbt.krx.ticks, kisbt.krx.limits, kisbt.krx.costs, kisbt.krx.fills,"
        " kisbt.krx.settlement, kisbt.krx.calendar;"
        "sys.exit('exchange_calendars' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
