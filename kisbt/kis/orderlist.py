"""Calls that list orders: of a period, and those that can still be changed."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from kisbt.domain.trading import Side
from kisbt.kis import endpoints as at
from kisbt.kis.answers import check_ticker, outputs, read_rows
from kisbt.kis.errors import KISAPIError
from kisbt.kis.models.account import OrderRow
from kisbt.kis.session import Session

RECENT = timedelta(days=90)
"""Older orders have a call of their own."""

SIDES = {None: "00", Side.SELL: "01", Side.BUY: "02"}


class OrderListCalls:
    """Part of ``KISClient``."""

    _account: Session[Any]
    _now: Callable[[], datetime]

    def inquire_daily_ccld(
        self,
        first: date | None = None,
        last: date | None = None,
        *,
        ticker: str = "",
        side: Side | None = None,
        number: str = "",
        filled_only: bool = False,
        open_only: bool = False,
    ) -> tuple[OrderRow, ...]:
        """Return orders and their executions (일별주문체결조회), newest first, all pages.

        Today's by default. The list lags behind in busy minutes: an order that is missing here
        is not proven to be missing.

        Raises:
            KISAPIError: the list is empty although KIS counts orders, as paper has been seen to
                answer: nothing is known then.
        """
        first = first or self._now().date()
        last = last or self._now().date()
        if ticker:
            check_ticker(ticker)
        params = {
            "SLL_BUY_DVSN_CD": SIDES[side],
            "PDNO": ticker,
            "ORD_GNO_BRNO": "",
            "ODNO": number,
            "CCLD_DVSN": "01" if filled_only else "02" if open_only else "00",
            "INQR_DVSN": "00",
            "INQR_DVSN_1": "",
            "INQR_DVSN_3": "00",
            "EXCG_ID_DVSN_CD": "KRX",
        }
        edge = self._now().date() - RECENT
        rows: list[OrderRow] = []
        if last > edge:
            recent = {**params, **_days(max(first, edge + timedelta(days=1)), last)}
            rows += self._order_rows(at.DAILY_ORDERS, recent)
        if first <= edge:
            old = {**params, **_days(first, min(last, edge))}
            rows += self._order_rows(at.OLD_ORDERS, old)
        return tuple(rows)

    def inquire_psbl_rvsecncl(self) -> tuple[OrderRow, ...]:
        """Return the orders that can still be cancelled or modified, all pages.

        On paper today's unfilled orders (``inquire_daily_ccld``) stand in.
        """
        if not self._account.serves(at.CHANGEABLE):
            rows = self.inquire_daily_ccld(open_only=True)
            return tuple(row for row in rows if row.remaining and not row.is_change)
        params = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0"}
        return tuple(self._order_rows(at.CHANGEABLE, params, key="output"))

    def _order_rows(
        self, endpoint: at.Endpoint, params: dict[str, str], key: str = "output1"
    ) -> list[OrderRow]:
        rows: list[OrderRow] = []
        for answer in self._account.pages(endpoint, params):
            rows += read_rows(endpoint, OrderRow.model_validate, answer, key)
        totals = outputs(endpoint, answer, "output2")
        if not rows and totals and _counted(totals[0]):
            raise KISAPIError(
                f"{endpoint.name}: the list is empty although KIS counts orders",
                hint="paper (모의투자) does this at times; rely on execution notices",
            )
        return rows


def _counted(totals: dict[str, Any]) -> bool:
    """Whether the totals speak of orders or executions."""
    numbers = (str(totals.get(key) or "") for key in ("tot_ord_qty", "tot_ccld_qty"))
    return any(number.strip(" 0") for number in numbers)


def _days(first: date, last: date) -> dict[str, str]:
    return {"INQR_STRT_DT": f"{first:%Y%m%d}", "INQR_END_DT": f"{last:%Y%m%d}"}
