"""Calls that send, change and look up orders. Nothing here is ever sent twice by itself."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from kisbt.domain.trading import Side
from kisbt.kis import endpoints as at
from kisbt.kis.account import AccountCalls
from kisbt.kis.answers import check_ticker, output, read
from kisbt.kis.errors import KISAPIError, OutcomeUnknown, Refused
from kisbt.kis.ledger import bare_number
from kisbt.kis.models.account import OrderReceipt, OrderRow

LIMIT, MARKET = "00", "01"

DIVISIONS = {
    "00": "지정가",
    "01": "시장가",
    "02": "조건부지정가",
    "03": "최유리지정가",
    "04": "최우선지정가",
    "05": "장전 시간외",
    "06": "장후 시간외",
    "07": "시간외 단일가",  # ended with 2026-09-11
    "11": "IOC지정가",
    "12": "FOK지정가",
    "13": "IOC시장가",
    "14": "FOK시장가",
    "15": "IOC최유리",
    "16": "FOK최유리",
    "21": "중간가",
    "22": "스톱지정가",
    "23": "중간가IOC",
    "24": "중간가FOK",
    "41": "애프터마켓 지정가",  # 41-47 since 2026-09-14
    "42": "애프터마켓 IOC",
    "43": "애프터마켓 FOK",
    "44": "애프터마켓 최유리",
    "45": "애프터마켓 최유리 IOC",
    "46": "애프터마켓 최유리 FOK",
    "47": "애프터마켓 최우선",
}
"""Order kinds (주문구분, ORD_DVSN)."""

PRICED = frozenset({"00", "02", "07", "11", "12", "22", "41", "42", "43"})
"""The kinds that carry a price; the others are sent with 0."""

CLOCK_SKEW = timedelta(seconds=90)
"""How far the server's order time may lie before ours when an order is looked up."""


class Found(NamedTuple):
    """What a look-up of a lost order found.

    ``certain`` is false when the order list could not be read or may lag: then an absent order
    is not known to be absent.
    """

    order: OrderRow | None
    certain: bool


class OrderCalls(AccountCalls):
    """Part of ``KISClient``.

    Each call ends in one of three ways: a receipt (KIS took it), ``OutcomeUnknown`` (it may have),
    or another ``KISAPIError`` (it surely did not).
    """

    _may_trade: bool
    _sleep: Callable[[float], None]

    def order_cash(
        self,
        ticker: str,
        side: Side,
        quantity: int,
        price: int | None = None,
        *,
        division: str | None = None,
        exchange: str = "KRX",
        stop_price: int | None = None,
    ) -> OrderReceipt:
        """Send an order (현금 주문): a limit order with a ``price``, else a market order.

        Args:
            ticker: Short code.
            side: Buy or sell.
            quantity: Shares.
            price: Won a share.
            division: Another order kind of ``DIVISIONS``.
            exchange: KRX, NXT or SOR; paper knows KRX only.
            stop_price: Trigger in won, for division 22.

        Raises:
            Refused: KIS said no, or the order makes no sense and was not sent.
            OutcomeUnknown: look it up with ``find_order`` before anything else.
        """
        self._check_armed()
        kind = division or (MARKET if price is None else LIMIT)
        _check_size(quantity, price if kind in PRICED else None, kind)
        body = {
            "PDNO": check_ticker(ticker),
            "ORD_DVSN": kind,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price) if price is not None and kind in PRICED else "0",
            "EXCG_ID_DVSN_CD": exchange,
        }
        if side is Side.SELL:
            body["SLL_TYPE"] = "01"
        if stop_price is not None:
            body["CNDT_PRIC"] = str(stop_price)
        return self._send(at.ORDER_BUY if side is Side.BUY else at.ORDER_SELL, body)

    def buy(self, ticker: str, quantity: int, price: int | None = None) -> OrderReceipt:
        """Buy at a limit ``price`` or at market, as ``order_cash``."""
        return self.order_cash(ticker, Side.BUY, quantity, price)

    def sell(self, ticker: str, quantity: int, price: int | None = None) -> OrderReceipt:
        """Sell at a limit ``price`` or at market, as ``order_cash``."""
        return self.order_cash(ticker, Side.SELL, quantity, price)

    def order_rvsecncl(
        self,
        number: str,
        *,
        cancel: bool,
        quantity: int | None = None,
        price: int | None = None,
        division: str = LIMIT,
        branch: str = "",
        exchange: str = "KRX",
    ) -> OrderReceipt:
        """Cancel or modify a resting order (정정취소); without ``quantity`` all that remains.

        The receipt has a number of its own; the order's number stays the reference.

        Raises:
            Refused: nothing remains, or KIS said no for another reason.
            OutcomeUnknown: look at the order before anything else.
        """
        self._check_armed()
        if not (number.isascii() and number.isdigit()):
            raise Refused(f"{number!r} is not an order number")
        if quantity is not None and quantity < 1:
            raise Refused(f"order {number}: quantity {quantity} is not a number of shares")
        body = {
            "KRX_FWDG_ORD_ORGNO": branch,
            "ORGN_ODNO": number,
            "ORD_DVSN": division,
            "RVSE_CNCL_DVSN_CD": "02" if cancel else "01",
            "ORD_QTY": str(quantity or 0),
            "ORD_UNPR": str(price or 0),
            "QTY_ALL_ORD_YN": "Y" if quantity is None else "N",
            "EXCG_ID_DVSN_CD": exchange,
        }
        return self._send(at.ORDER_CHANGE, body)

    def cancel(self, number: str, *, quantity: int | None = None, branch: str = "") -> OrderReceipt:
        """Cancel an order, or ``quantity`` of it, as ``order_rvsecncl``."""
        return self.order_rvsecncl(number, cancel=True, quantity=quantity, branch=branch)

    def modify(
        self, number: str, price: int, *, quantity: int | None = None, branch: str = ""
    ) -> OrderReceipt:
        """Move an order to a new limit price, as ``order_rvsecncl``."""
        _check_size(1, price, LIMIT)
        return self.order_rvsecncl(
            number, cancel=False, price=price, quantity=quantity, branch=branch
        )

    def find_order(
        self,
        ticker: str,
        side: Side,
        quantity: int,
        price: int | None,
        sent: datetime,
        *,
        known: Collection[str] = (),
        tries: int = 4,
        wait: float = 1.5,
    ) -> Found:
        """Look for an order whose answer was lost, in today's orders.

        Args:
            ticker: As sent.
            side: As sent.
            quantity: As sent.
            price: As sent; ``None`` for a market order.
            sent: When it was sent, naive KST.
            known: Order numbers that belong to other orders.
            tries: How often the list is read while the order is not in it: the list lags.
            wait: Seconds between two readings.

        Returns:
            The oldest order that fits and is not ``known``.
        """
        certain = True
        taken = {bare_number(number) for number in known}
        for attempt in range(tries):
            if attempt:
                self._sleep(wait)
            try:
                rows = self.inquire_daily_ccld(ticker=ticker, side=side)
            except KISAPIError:
                certain = False
                continue
            certain = True
            fitting = [
                row
                for row in rows
                if bare_number(row.number) not in taken
                and not row.is_change
                and row.quantity == quantity
                and (price is None or row.price == price)
                and (row.at is None or row.at >= sent - CLOCK_SKEW)
            ]
            if fitting:
                return Found(min(fitting, key=lambda row: row.number), certain=True)
        return Found(None, certain)

    def _check_armed(self) -> None:
        if not self._may_trade:
            raise Refused(
                "this client may not send orders for real money (실전)",
                hint="real orders need an explicit flag, a setting and a typed confirmation",
            )

    def _send(self, endpoint: at.Endpoint, body: dict[str, str]) -> OrderReceipt:
        """Send an order and read its receipt. What KIS took but we cannot read is unknown."""
        answer = self._account.call(endpoint, body)
        failure: OutcomeUnknown
        try:
            return read(endpoint, OrderReceipt.model_validate, output(endpoint, answer))
        except KISAPIError as error:
            failure = OutcomeUnknown(
                f"{endpoint.name}: taken, but without an order number ({error.message})",
                hint="read the day's orders before anything else",
            )
        raise failure


def _check_size(quantity: int, price: int | None, division: str) -> None:
    if division not in DIVISIONS:
        raise Refused(f"order kind {division!r} does not exist", hint="00 limit, 01 market")
    if quantity < 1:
        raise Refused(f"quantity {quantity} is not a number of shares")
    if division in PRICED and (price is None or price < 1):
        raise Refused(f"a {DIVISIONS[division]} order needs a price in won, not {price}")
