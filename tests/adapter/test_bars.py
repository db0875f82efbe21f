"""Complete bars from trades, whatever the order in which they come."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.adapter.bars import BarMaker, LiveBar, bar_end, next_end, of_day, of_minutes
from kisbt.kis.models.charts import DayBar, MinuteBar
from kisbt.krx.calendar import session_hours

DAY = date(2025, 3, 4)
HOURS = session_hours(DAY)
MINUTE = timedelta(minutes=1)


def at(hour, minute, second=0):
    return datetime.combine(DAY, time(hour, minute, second))


def trades(steps):
    """Trades of one name as ``BarMaker.add`` takes them, in their order."""
    moment, total, rows = HOURS.open, 0, []
    for seconds, price, volume in steps:
        moment += timedelta(seconds=seconds)
        total += volume
        rows.append(("005930", moment, price, volume, total))
    return rows


steps = st.lists(
    st.tuples(st.integers(0, 70), st.integers(900, 1100), st.integers(1, 50)),
    min_size=1,
    max_size=40,
)


def bars_of(rows, length=MINUTE):
    maker = BarMaker(length)
    for row in rows:
        maker.add(*row, HOURS)
    found, end = {}, next_end(HOURS.open - MINUTE, length, HOURS)
    while end is not None:
        for ticker, made in maker.close(end).items():
            found[ticker, end] = made
        end = next_end(end, length, HOURS)
    return found


@settings(deadline=None, max_examples=60)
@given(steps, st.data())
def test_any_order_and_any_repeats_of_trades_make_the_same_bars(steps, data):
    rows = trades(steps)
    mixed = data.draw(st.permutations(rows)) + data.draw(st.lists(st.sampled_from(rows)))
    assert bars_of(mixed) == bars_of(rows)


@settings(deadline=None, max_examples=60)
@given(steps)
def test_bars_hold_every_share_and_the_first_and_last_price(steps):
    rows = trades(steps)
    made = bars_of(rows)
    assert all(each.whole for each in made.values())
    assert sum(each.bar.volume for each in made.values()) == sum(row[3] for row in rows)
    ordered = [made[key].bar for key in sorted(made)]
    assert (ordered[0].open, ordered[-1].close) == (rows[0][2], rows[-1][2])
    assert max(bar.high for bar in ordered) == max(row[2] for row in rows)


@settings(deadline=None, max_examples=60)
@given(steps.filter(lambda s: len(s) > 2), st.data())
def test_a_missing_trade_shows_in_the_bar_of_the_next_one(steps, data):
    rows = trades(steps)
    lost = data.draw(st.integers(1, len(rows) - 2))
    made = bars_of(rows[:lost] + rows[lost + 1 :])
    following = bar_end(rows[lost + 1][1], MINUTE, HOURS)
    assert not made["005930", following].whole


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (at(8, 59, 59), None),
        (at(9, 0), at(9, 1)),
        (at(9, 0, 59), at(9, 1)),
        (at(9, 1), at(9, 2)),
        (at(15, 19, 59), at(15, 20)),
        (at(15, 30), at(15, 30)),
        (at(15, 30, 25), at(15, 30)),
        (at(15, 40), None),
    ],
)
def test_trades_belong_to_the_minute_that_ends_after_them(moment, end):
    assert bar_end(moment, MINUTE, HOURS) == end


def test_five_minute_bars_end_on_the_grid_of_the_open():
    length = timedelta(minutes=5)
    assert bar_end(at(9, 4, 59), length, HOURS) == at(9, 5)
    assert next_end(at(15, 26), length, HOURS) == at(15, 30)
    assert next_end(at(15, 30), length, HOURS) is None


def test_the_first_session_of_a_year_begins_at_ten():
    hours = session_hours(date(2025, 1, 2))
    assert bar_end(hours.open, MINUTE, hours) == datetime(2025, 1, 2, 10, 1)
    assert bar_end(datetime(2025, 1, 2, 9, 30), MINUTE, hours) is None


def test_a_trade_after_its_bar_was_published_is_counted_and_left_out():
    maker = BarMaker(MINUTE)
    maker.add("005930", at(9, 0, 5), 1000, 1, 1, HOURS)
    maker.close(at(9, 1))
    assert not maker.add("005930", at(9, 0, 59), 1000, 1, 2, HOURS)
    assert maker.late == 1
    assert maker.close(at(9, 2)) == {}


def chart_row(minute, volume, price=1000):
    return MinuteBar(
        stck_bsop_date=f"{DAY:%Y%m%d}", stck_cntg_hour=f"{minute:%H%M%S}", stck_oprc=str(price),
        stck_hgpr=str(price), stck_lwpr=str(price), stck_prpr=str(price), cntg_vol=str(volume),
    )  # fmt: skip


def test_chart_minutes_are_moved_to_their_ends_and_filled_ones_left_out():
    rows = [chart_row(time(9, 0), 5), chart_row(time(9, 1), 0), chart_row(time(15, 30), 7, 1100)]
    assert of_minutes(rows, MINUTE, HOURS, base=990) == {
        at(9, 1): LiveBar(1000, 1000, 1000, 1000, 5, 990),
        at(15, 30): LiveBar(1100, 1100, 1100, 1100, 7, 990),
    }


def day_row(open_, high, low, close, volume, change):
    return DayBar(
        stck_bsop_date=f"{DAY:%Y%m%d}", stck_oprc=str(open_), stck_hgpr=str(high),
        stck_lwpr=str(low), stck_clpr=str(close), acml_vol=str(volume), prdy_vrss=str(change),
    )  # fmt: skip


def test_a_day_names_its_base_price_and_a_halted_day_repeats_its_close():
    assert of_day(day_row(100, 120, 90, 110, 7, -5)) == LiveBar(100, 120, 90, 110, 7, 115)
    assert of_day(day_row(0, 0, 0, 110, 0, 0)) == LiveBar(110, 110, 110, 110, 0, 110)
    assert of_day(day_row(0, 0, 0, 0, 0, 0)) is None
