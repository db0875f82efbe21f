"""Charts: daily, weekly, monthly, yearly; minutes of today and of earlier days."""

from collections.abc import Sequence
from datetime import date

from kisbt.krx import calendar
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import day_times
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.views import DayRow, Minute, base, day_rows, minutes, prints
from kisbt.sim.rest import sheets_quote as sheets
from kisbt.sim.rest.quote import price_values
from kisbt.sim.rest.wire import Answer, Call, Row, filled, hms, quoted, rate, sign, ymd

DAILY_ROWS, CHART_ROWS, MINUTE_ROWS, OLD_MINUTE_ROWS = 30, 100, 30, 120


def inquire_daily_price(call: Call) -> Answer:
    """주식현재가 일자별: the last 30 days, weeks or months, newest first."""
    name = call.name()
    if name is None:
        return quoted(output=[])
    period = call.need("FID_PERIOD_DIV_CODE", 32)
    rows = grouped(day_rows(call.floor, name, call.floor.day), period)
    output = []
    for row in reversed(rows[-DAILY_ROWS:]):
        values = {
            "stck_bsop_date": ymd(row.day),
            "prdy_ctrt": rate(row.close - row.previous, row.previous),
            "flng_cls_code": "00",
            **_prices(row),
        }
        output.append(filled(sheets.INQUIRE_DAILY_PRICE, values))
    return quoted(output=output)


def inquire_daily_itemchartprice(call: Call) -> Answer:
    """국내주식기간별시세: at most 100 bars back from the end date, newest first."""
    name = call.name()
    first, last = call.day("FID_INPUT_DATE_1"), call.day("FID_INPUT_DATE_2")
    period = call.need("FID_PERIOD_DIV_CODE", 32)
    if name is None:
        head = filled(sheets.INQUIRE_DAILY_ITEMCHARTPRICE_1, {})
        return quoted(output1=head, output2=[])
    rows = grouped(day_rows(call.floor, name, last), period)
    output = []
    for row in reversed([row for row in rows if row.day >= first][-CHART_ROWS:]):
        values = {
            "stck_bsop_date": ymd(row.day),
            "acml_tr_pbmn": row.value,
            "flng_cls_code": "00",
            "prtt_rate": "0.00",
            "mod_yn": "N" if row.volume else "Y",
            **_prices(row),
        }
        output.append(filled(sheets.INQUIRE_DAILY_ITEMCHARTPRICE_2, values))
    return quoted(output1=_chart_head(call.floor, name), output2=output)


def inquire_time_itemchartprice(call: Call) -> Answer:
    """주식당일분봉조회: 30 minutes of today up to the asked one, newest first.

    Rows never run into the session before: mojito2 pages back until it meets 09:01 of today.
    """
    name = call.name()
    hour = call.need("FID_INPUT_HOUR_1", 10)
    if name is None:
        head = filled(sheets.INQUIRE_TIME_ITEMCHARTPRICE_1, {})
        return quoted(output1=head, output2=[])
    rows = [minute for minute in _minutes_today(call.floor, name) if hms(minute.at) <= hour]
    output = [_minute(sheets.INQUIRE_TIME_ITEMCHARTPRICE_2, m) for m in rows[-MINUTE_ROWS:]]
    head = filled(sheets.INQUIRE_TIME_ITEMCHARTPRICE_1, _minute_head(call.floor, name))
    return quoted(output1=head, output2=output[::-1])


def inquire_time_dailychartprice(call: Call) -> Answer:
    """주식일별분봉조회: 120 minutes of one day up to the asked one, newest first."""
    name = call.name()
    day, hour = call.day("FID_INPUT_DATE_1"), call.need("FID_INPUT_HOUR_1", 10)
    rows: list[Minute] = []
    if name is not None and day == call.floor.day:
        rows = _minutes_today(call.floor, name)
    elif name is not None and day < call.floor.day and calendar.is_session(day):
        rows = _old_minutes(call.floor, name, day)
    kept = [minute for minute in rows if hms(minute.at) <= hour][-OLD_MINUTE_ROWS:]
    output = [_minute(sheets.INQUIRE_TIME_DAILYCHARTPRICE_2, minute) for minute in kept]
    values = _minute_head(call.floor, name) if name is not None else {}
    head = filled(sheets.INQUIRE_TIME_DAILYCHARTPRICE_1, values)
    return quoted(output1=head, output2=output[::-1])


def grouped(rows: Sequence[DayRow], period: str) -> list[DayRow]:
    """Daily rows as D, W, M or Y bars; a longer bar is dated by its last trading day."""
    period = period[:1].upper()
    if period not in ("W", "M", "Y"):
        return list(rows)
    bars: list[DayRow] = []
    keys: list[tuple[int, ...]] = []
    for row in rows:
        week = row.day.isocalendar()
        key = {
            "W": (week.year, week.week),
            "M": (row.day.year, row.day.month),
            "Y": (row.day.year,),
        }[period]
        if keys and keys[-1] == key:
            bar = bars[-1]
            bars[-1] = DayRow(
                row.day,
                bar.open,
                max(bar.high, row.high),
                min(bar.low, row.low),
                row.close,
                bar.volume + row.volume,
                bar.value + row.value,
                bar.previous,
            )
        else:
            bars.append(row)
            keys.append(key)
    return bars


def _prices(row: DayRow) -> dict[str, object]:
    return {
        "stck_oprc": row.open,
        "stck_hgpr": row.high,
        "stck_lwpr": row.low,
        "stck_clpr": row.close,
        "acml_vol": row.volume,
        "prdy_vrss": row.close - row.previous,
        "prdy_vrss_sign": sign(row.close, row.previous),
    }


def _chart_head(floor: Floor, name: NameDay) -> Row:
    history, book = floor.market.daily(name.ticker), floor.book(name)
    values = price_values(floor, name)
    row = history.before(floor.day) - 1
    if row >= 0:
        values |= {
            "stck_prdy_oprc": history.open[row],
            "stck_prdy_hgpr": history.high[row],
            "stck_prdy_lwpr": history.low[row],
        }
    values |= {
        "stck_prdy_clpr": name.previous_close,
        "hts_kor_isnm": name.instrument.name or name.ticker,
        "prdy_vol": name.previous_volume,
        "prdy_vrss_vol": name.volume - name.previous_volume,
        "askp": book.ask,
        "bidp": book.bid,
    }
    head = filled(sheets.INQUIRE_DAILY_ITEMCHARTPRICE_1, values)
    # KIS's own spelling, blank and all.
    head["itewhol_loan_rmnd_ratem name"] = head.pop("itewhol_loan_rmnd_ratem")
    return head


def _minute_head(floor: Floor, name: NameDay) -> dict[str, object]:
    since = base(name)
    return price_values(floor, name) | {
        "stck_prdy_clpr": name.previous_close or since,
        "hts_kor_isnm": name.instrument.name or name.ticker,
    }


def _minute(names: tuple[str, ...], minute: Minute) -> Row:
    return filled(
        names,
        {
            "stck_bsop_date": ymd(minute.at.date()),
            "stck_cntg_hour": hms(minute.at),
            "stck_prpr": minute.close,
            "stck_oprc": minute.open,
            "stck_hgpr": minute.high,
            "stck_lwpr": minute.low,
            "cntg_vol": minute.volume,
            "acml_tr_pbmn": minute.value,
        },
    )


def _minutes_today(floor: Floor, name: NameDay) -> list[Minute]:
    return minutes(prints(name), min(floor.now, floor.times.close))


def _old_minutes(floor: Floor, name: NameDay, day: date) -> list[Minute]:
    """Minutes of a day that is over, walked again by the same seed as it was lived."""
    steps = floor.path(name.ticker, day)
    return minutes([step for step in steps if step.volume], day_times(day).close)
