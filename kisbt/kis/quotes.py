"""Calls for current prices, trades, order books and investors."""

from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import time
from typing import Any, NamedTuple

from kisbt.kis import endpoints as at
from kisbt.kis.answers import check_ticker, output, outputs, read, read_rows
from kisbt.kis.errors import KISAPIError
from kisbt.kis.models.quotes import (
    InvestorDay,
    OrderBook,
    Price,
    PriceDetail,
    QuickPrice,
    TickRow,
    TimedTick,
)
from kisbt.kis.session import Session

MARKETS = ("J", "NX", "UN")
"""KRX, Nextrade, and both together (통합)."""

QUICK_LIMIT = 30


class QuoteBatch(NamedTuple):
    """Prices by ticker, in the order asked for, and the errors of those that have none."""

    prices: dict[str, Price]
    errors: dict[str, KISAPIError]


class QuoteCalls:
    """Part of ``KISClient``. Market data only; ``market`` is J (KRX), NX or UN."""

    _market: Session[Any]
    _workers: Executor

    def inquire_price(self, ticker: str, *, market: str = "J") -> Price:
        """Return the current price (주식현재가 시세)."""
        answer = self._market.call(at.PRICE, _name(ticker, market))
        return read(at.PRICE, Price.model_validate, output(at.PRICE, answer))

    def quotes(self, tickers: Sequence[str], *, market: str = "J") -> QuoteBatch:
        """Return the prices of many names, as fast as the rate limit lets.

        One bad name does not lose the others: its error is in ``errors``.
        """
        names = list(dict.fromkeys(tickers))
        futures = [self._workers.submit(self.inquire_price, name, market=market) for name in names]
        batch = QuoteBatch({}, {})
        for name, future in zip(names, futures, strict=True):
            try:
                batch.prices[name] = future.result()
            except KISAPIError as error:
                batch.errors[name] = error
        return batch

    def inquire_price_2(self, ticker: str, *, market: str = "J") -> PriceDetail:
        """Return flags and previous session (시세2).

        Raises:
            NotOnPaper: on paper; ``inquire_price`` has most of it.
        """
        answer = self._market.call(at.PRICE_2, _name(ticker, market))
        return read(at.PRICE_2, PriceDetail.model_validate, output(at.PRICE_2, answer))

    def intstock_multprice(
        self, tickers: Sequence[str], *, market: str = "J"
    ) -> dict[str, QuickPrice]:
        """Return prices of many names, 30 a call (관심종목), by ticker.

        Raises:
            NotOnPaper: on paper; ``quotes`` serves there.
        """
        found: dict[str, QuickPrice] = {}
        names = list(dict.fromkeys(check_ticker(ticker) for ticker in tickers))
        for start in range(0, len(names), QUICK_LIMIT):
            params = {}
            for slot, name in enumerate(names[start : start + QUICK_LIMIT], 1):
                params[f"FID_COND_MRKT_DIV_CODE_{slot}"] = market
                params[f"FID_INPUT_ISCD_{slot}"] = name
            answer = self._market.call(at.MANY_PRICES, params)
            for row in read_rows(at.MANY_PRICES, QuickPrice.model_validate, answer):
                found[row.ticker] = row
        return found

    def inquire_ccnl(self, ticker: str, *, market: str = "J") -> tuple[TickRow, ...]:
        """Return the latest 30 trades (체결), newest first."""
        answer = self._market.call(at.TICKS, _name(ticker, market))
        return read_rows(at.TICKS, TickRow.model_validate, answer)

    def inquire_time_itemconclusion(
        self, ticker: str, until: time, *, market: str = "J"
    ) -> tuple[TimedTick, ...]:
        """Return trades of today up to ``until``, newest first, one page."""
        params = {**_name(ticker, market), "FID_INPUT_HOUR_1": f"{until:%H%M%S}"}
        answer = self._market.call(at.TICKS_BY_TIME, params)
        return read_rows(at.TICKS_BY_TIME, TimedTick.model_validate, answer, "output2")

    def inquire_asking_price_exp_ccn(self, ticker: str, *, market: str = "J") -> OrderBook:
        """Return the order book and the expected match (호가/예상체결)."""
        answer = self._market.call(at.ORDER_BOOK, _name(ticker, market))
        book = output(at.ORDER_BOOK, answer, "output1")
        match = outputs(at.ORDER_BOOK, answer, "output2")
        return read(at.ORDER_BOOK, OrderBook.from_outputs, book, match[0] if match else {})

    def inquire_investor(self, ticker: str, *, market: str = "J") -> tuple[InvestorDay, ...]:
        """Return net buying by investor group, newest day first."""
        answer = self._market.call(at.INVESTORS, _name(ticker, market))
        return read_rows(at.INVESTORS, InvestorDay.model_validate, answer)


def _name(ticker: str, market: str) -> dict[str, str]:
    return {"FID_COND_MRKT_DIV_CODE": market, "FID_INPUT_ISCD": check_ticker(ticker)}
