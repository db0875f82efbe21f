"""Calls for bars of names and indices. The plural helpers page by themselves, oldest bar first."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from kisbt.kis import endpoints as at
from kisbt.kis.answers import check_ticker, output, read, read_rows
from kisbt.kis.errors import NotOnPaper
from kisbt.kis.models.charts import DayBar, IndexBar, IndexMinute, IndexPrice, MinuteBar
from kisbt.kis.session import Session

Period = Literal["D", "W", "M", "Y"]

OPENING = time(9, 0)
CLOSING = time(15, 30)


class ChartCalls:
    """Part of ``KISClient``."""

    _market: Session[Any]
    _now: Callable[[], datetime]

    def inquire_daily_itemchartprice(
        self, ticker: str, first: date, last: date, *, period: Period = "D", adjusted: bool = True
    ) -> tuple[DayBar, ...]:
        """Return at most 100 bars up to ``last``, newest first (기간별시세)."""
        params = {
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_INPUT_ISCD": check_ticker(ticker),
            **_between(first, last),
            "FID_PERIOD_DIV_CODE": period,
            "FID_ORG_ADJ_PRC": "0" if adjusted else "1",
        }
        answer = self._market.call(at.DAILY_CHART, params)
        return read_rows(at.DAILY_CHART, DayBar.model_validate, answer, "output2")

    def day_bars(
        self, ticker: str, first: date, last: date, *, period: Period = "D", adjusted: bool = True
    ) -> list[DayBar]:
        """Return all bars from ``first`` to ``last``, oldest first, over as many pages as needed.

        ``adjusted`` prices (수정주가) take splits and rights into account.
        """
        bars: dict[date, DayBar] = {}
        end = last
        while end >= first:
            page = self.inquire_daily_itemchartprice(
                ticker, first, end, period=period, adjusted=adjusted
            )
            new = {bar.day: bar for bar in page if first <= bar.day <= end}
            if not new.keys() - bars.keys():
                break
            bars |= new
            end = min(new) - timedelta(days=1)
        return [bars[day] for day in sorted(bars)]

    def inquire_daily_price(
        self, ticker: str, *, period: Literal["D", "W", "M"] = "D", adjusted: bool = True
    ) -> tuple[DayBar, ...]:
        """Return the latest 30 bars, newest first (일자별)."""
        params = {
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_INPUT_ISCD": check_ticker(ticker),
            "FID_PERIOD_DIV_CODE": period,
            # the opposite of the chart call's flag, see the reference's section 10.4
            "FID_ORG_ADJ_PRC": "1" if adjusted else "0",
        }
        answer = self._market.call(at.DAILY_PRICE, params)
        return read_rows(at.DAILY_PRICE, DayBar.model_validate, answer)

    def inquire_time_itemchartprice(
        self, ticker: str, until: time, *, earlier: bool = True
    ) -> tuple[MinuteBar, ...]:
        """Return at most 30 minutes up to ``until``, newest first (당일분봉).

        Asked for minutes that have not come yet, KIS repeats the current price.
        """
        params = {
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_INPUT_ISCD": check_ticker(ticker),
            "FID_INPUT_HOUR_1": f"{until:%H%M%S}",
            "FID_PW_DATA_INCU_YN": "Y" if earlier else "N",
            "FID_ETC_CLS_CODE": "",
        }
        answer = self._market.call(at.MINUTE_CHART, params)
        return read_rows(at.MINUTE_CHART, MinuteBar.model_validate, answer, "output2")

    def minute_bars(
        self, ticker: str, *, since: time = OPENING, until: time | None = None
    ) -> list[MinuteBar]:
        """Return today's minutes, oldest first, over as many pages as needed.

        ``until`` is the current minute by default, so that no invented minute is returned.
        """
        start = until or min(self._now().time(), CLOSING)
        return self._minutes(
            lambda end: self.inquire_time_itemchartprice(ticker, end), None, since, start
        )

    def inquire_time_dailychartprice(
        self, ticker: str, day: date, until: time = CLOSING
    ) -> tuple[MinuteBar, ...]:
        """Return at most 120 minutes of ``day`` up to ``until``, newest first (일별분봉).

        KIS keeps about a year.

        Raises:
            NotOnPaper: on paper; ``minute_bars_of`` serves today there.
        """
        params = {
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_INPUT_ISCD": check_ticker(ticker),
            "FID_INPUT_HOUR_1": f"{until:%H%M%S}",
            "FID_INPUT_DATE_1": f"{day:%Y%m%d}",
            "FID_PW_DATA_INCU_YN": "N",
            "FID_FAKE_TICK_INCU_YN": "",
        }
        answer = self._market.call(at.PAST_MINUTES, params)
        return read_rows(at.PAST_MINUTES, MinuteBar.model_validate, answer, "output2")

    def minute_bars_of(
        self, ticker: str, day: date, *, since: time = OPENING, until: time = CLOSING
    ) -> list[MinuteBar]:
        """Return the minutes of ``day``, oldest first. On paper only today's can be had."""
        if not self._market.serves(at.PAST_MINUTES):
            now = self._now()
            if day != now.date():
                raise NotOnPaper(
                    "past minutes are not served on paper (모의투자)",
                    hint="paper has today's minutes only; use a dataset or real keys",
                )
            return self.minute_bars(ticker, since=since, until=min(until, now.time()))
        return self._minutes(
            lambda end: self.inquire_time_dailychartprice(ticker, day, end), day, since, until
        )

    def _minutes(
        self,
        page: Callable[[time], tuple[MinuteBar, ...]],
        day: date | None,
        since: time,
        until: time,
    ) -> list[MinuteBar]:
        """Page backwards from ``until``; without a ``day``, the newest row's day counts."""
        bars: dict[datetime, MinuteBar] = {}
        end = until
        while True:
            rows = page(end)
            if day is None and rows:
                day = max(row.day for row in rows)
            new = {row.at: row for row in rows if row.day == day and since <= row.minute <= until}
            if not new.keys() - bars.keys():
                break
            bars |= new
            earlier = min(new) - timedelta(minutes=1)
            if earlier.date() != day or earlier.time() < since:
                break
            end = earlier.time()
        return [bars[moment] for moment in sorted(bars)]

    def inquire_daily_indexchartprice(
        self, index: str, first: date, last: date, *, period: Period = "D"
    ) -> tuple[IndexBar, ...]:
        """Return at most 50 bars of an index up to ``last``, newest first (업종기간별시세)."""
        answer = self._market.call(at.INDEX_CHART, _index_range(index, first, last, period))
        return read_rows(at.INDEX_CHART, IndexBar.model_validate, answer, "output2")

    def index_bars(self, index: str, first: date, last: date) -> list[IndexBar]:
        """Return all daily bars of an index, oldest first. 0001 KOSPI, 1001 KOSDAQ."""
        bars: dict[date, IndexBar] = {}
        end = last
        while end >= first:
            page = self.inquire_daily_indexchartprice(index, first, end)
            new = {bar.day: bar for bar in page if first <= bar.day <= end}
            if not new.keys() - bars.keys():
                break
            bars |= new
            end = min(new) - timedelta(days=1)
        return [bars[day] for day in sorted(bars)]

    def inquire_index_price(self, index: str) -> IndexPrice:
        """Return the current value of an index (업종 현재지수).

        On paper the head of the index chart stands in: the value, without the counts of names.
        """
        if self._market.serves(at.INDEX_PRICE):
            params = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": index}
            answer = self._market.call(at.INDEX_PRICE, params)
            return read(at.INDEX_PRICE, IndexPrice.model_validate, output(at.INDEX_PRICE, answer))
        today = self._now().date()
        params = _index_range(index, today - timedelta(days=7), today, "D")
        answer = self._market.call(at.INDEX_CHART, params)
        head = output(at.INDEX_CHART, answer, "output1")
        return read(at.INDEX_CHART, IndexPrice.model_validate, head)

    def inquire_index_daily_price(
        self, index: str, last: date, *, period: Literal["D", "W", "M"] = "D"
    ) -> tuple[IndexBar, ...]:
        """Return bars of an index up to ``last``, newest first (업종 일자별지수).

        On paper the index chart of the 60 days before ``last`` stands in.
        """
        if not self._market.serves(at.INDEX_DAILY):
            first = last - timedelta(days=60)
            return self.inquire_daily_indexchartprice(index, first, last, period=period)
        params: Mapping[str, str] = {
            "FID_PERIOD_DIV_CODE": period,
            "FID_COND_MRKT_DIV_CODE": "U",
            "FID_INPUT_ISCD": index,
            "FID_INPUT_DATE_1": f"{last:%Y%m%d}",
        }
        answer = self._market.call(at.INDEX_DAILY, params)
        return read_rows(at.INDEX_DAILY, IndexBar.model_validate, answer, "output2")

    def inquire_time_indexchartprice(
        self, index: str, *, seconds: int = 60, earlier: bool = False
    ) -> tuple[IndexMinute, ...]:
        """Return intraday bars of an index, newest first (업종 분봉).

        Raises:
            NotOnPaper: on paper; nothing there has intraday index bars.
        """
        params = {
            "FID_COND_MRKT_DIV_CODE": "U",
            "FID_ETC_CLS_CODE": "0",
            "FID_INPUT_ISCD": index,
            "FID_INPUT_HOUR_1": str(seconds),
            "FID_PW_DATA_INCU_YN": "Y" if earlier else "N",
        }
        answer = self._market.call(at.INDEX_MINUTES, params)
        return read_rows(at.INDEX_MINUTES, IndexMinute.model_validate, answer, "output2")


def _between(first: date, last: date) -> dict[str, str]:
    return {"FID_INPUT_DATE_1": f"{first:%Y%m%d}", "FID_INPUT_DATE_2": f"{last:%Y%m%d}"}


def _index_range(index: str, first: date, last: date, period: Period) -> dict[str, str]:
    return {
        "FID_COND_MRKT_DIV_CODE": "U",
        "FID_INPUT_ISCD": index,
        **_between(first, last),
        "FID_PERIOD_DIV_CODE": period,
    }
