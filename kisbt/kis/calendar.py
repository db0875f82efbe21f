"""Calls for the exchange's days, interruptions and listed products."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Literal

from kisbt.kis import endpoints as at
from kisbt.kis.answers import check_ticker, output, read, read_rows
from kisbt.kis.models.charts import CalendarDay, MarketTime, ProductInfo, StockInfo, VIRow
from kisbt.kis.session import Session
from kisbt.krx import calendar

PAPER_DAYS = 25
"""How many days the substitute on paper returns, as KIS does a page."""

STOCK_TYPE = "300"


class CalendarCalls:
    """Part of ``KISClient``."""

    _market: Session[Any]
    _now: Callable[[], datetime]
    _holidays: dict[tuple[date, date], tuple[CalendarDay, ...]]

    def chk_holiday(self, first: date) -> tuple[CalendarDay, ...]:
        """Return about 25 calendar days from ``first`` on (국내휴장일조회).

        KIS asks for one such call a day, so an answer is kept until tomorrow. On paper the
        built-in calendar answers instead: it does not know days decided at short notice.
        """
        asked = (self._now().date(), first)
        if asked not in self._holidays:
            self._holidays[asked] = self._ask_holidays(first)
        return self._holidays[asked]

    def _ask_holidays(self, first: date) -> tuple[CalendarDay, ...]:
        if not self._market.serves(at.HOLIDAYS):
            days = [first + timedelta(days=ahead) for ahead in range(PAPER_DAYS)]
            rows = [
                {"bass_dt": day, "opnd_yn": calendar.is_session(day), "tr_day_yn": None}
                for day in days
            ]
            return tuple(read(at.HOLIDAYS, CalendarDay.model_validate, row) for row in rows)
        params = {"BASS_DT": f"{first:%Y%m%d}", "CTX_AREA_NK": "", "CTX_AREA_FK": ""}
        answer = self._market.call(at.HOLIDAYS, params)
        return read_rows(at.HOLIDAYS, CalendarDay.model_validate, answer)

    def inquire_vi_status(
        self,
        day: date,
        *,
        ticker: str = "",
        direction: Literal["0", "1", "2"] = "0",
        market: Literal["0", "K", "Q"] = "0",
    ) -> tuple[VIRow, ...]:
        """Return volatility interruptions (VI) of ``day``; ``direction`` 0 all, 1 up, 2 down.

        Raises:
            NotOnPaper: on paper; ``inquire_price(...).in_vi`` tells it of one name.
        """
        params = {
            "FID_DIV_CLS_CODE": direction,
            "FID_COND_SCR_DIV_CODE": "20139",
            "FID_MRKT_CLS_CODE": market,
            "FID_INPUT_ISCD": ticker,
            "FID_RANK_SORT_CLS_CODE": "0",
            "FID_INPUT_DATE_1": f"{day:%Y%m%d}",
            "FID_TRGT_CLS_CODE": "",
            "FID_TRGT_EXLS_CLS_CODE": "",
        }
        answer = self._market.call(at.VI_STATUS, params)
        return read_rows(at.VI_STATUS, VIRow.model_validate, answer)

    def market_time(self) -> MarketTime:
        """Return the server's business day and clock.

        Raises:
            NotOnPaper: on paper; the ``Date`` header of any answer tells its clock.
        """
        answer = self._market.call(at.MARKET_TIME, {})
        head = output(at.MARKET_TIME, answer, "output1")
        return read(at.MARKET_TIME, MarketTime.model_validate, head)

    def search_info(self, ticker: str) -> ProductInfo:
        """Return a product's names and codes (상품기본조회).

        Raises:
            NotOnPaper: on paper; the master files (``kisbt.kis.master``) hold names and codes.
        """
        answer = self._market.call(at.PRODUCT, _product(ticker))
        return read(at.PRODUCT, ProductInfo.model_validate, output(at.PRODUCT, answer))

    def search_stock_info(self, ticker: str) -> StockInfo:
        """Return a listed stock's master data (주식기본조회).

        Raises:
            NotOnPaper: on paper; the master files (``kisbt.kis.master``) hold most of it.
        """
        answer = self._market.call(at.STOCK, _product(ticker))
        return read(at.STOCK, StockInfo.model_validate, output(at.STOCK, answer))


def _product(ticker: str) -> dict[str, str]:
    return {"PDNO": check_ticker(ticker), "PRDT_TYPE_CD": STOCK_TYPE}
