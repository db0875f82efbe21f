"""A venue in memory that keeps the truth, and tells it as badly as a test wants."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import backtrader as bt

from kisbt.domain.market import Instrument, PriceBand, Quote
from kisbt.domain.trading import Side
from kisbt.errors import KISAPIError
from kisbt.kis.errors import OutcomeUnknown, Refused, Unreachable
from kisbt.kis.models.account import Balance, Buyable, OrderReceipt, OrderRow
from kisbt.kis.records import Notice
from kisbt.krx.costs import CostModel

DAY = date(2025, 3, 4)
A, B = "005930", "000660"
NAMES = (Instrument(ticker=A), Instrument(ticker=B))
CLOSE = {A: 50_000, B: 100_000}
ACCOUNT = "5000000101"
LAG = timedelta(minutes=10)
"""How old an order must be to be in a list that lags."""


class KilledError(BaseException):
    """The process dies here (kill -9)."""


class VenueClock:
    """Venue time, moved by the test."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class FixedMarket:
    """Two names whose closes stand still; bars end where the test says."""

    delayed = False

    def __init__(self, clock: VenueClock) -> None:
        self.clock = clock
        self.bar = clock.now()
        self.prices = dict(CLOSE)
        self.order_session: date | None = None

    def now(self) -> datetime:
        return self.bar

    def session(self) -> date:
        return self.order_session or self.bar.date()

    def features(self) -> dict[str, dict[str, float | None]]:
        return {ticker: {} for ticker in self.prices}

    def closes(self) -> dict[str, int]:
        return self.prices

    def quote(self, ticker: str) -> Quote | None:
        close = self.prices.get(ticker)
        if close is None:
            return None
        return Quote(close, PriceBand(close, close * 7 // 10, close * 13 // 10), True)

    def instrument(self, ticker: str) -> Instrument | None:
        return next((name for name in NAMES if name.ticker == ticker), None)


class Line(list[float]):
    """A line with one value."""

    def datetime(self, _ago: int = 0) -> datetime:
        return bt.num2date(self[0])


class StillData:
    """As much of a feed as an order looks at."""

    p = bt.feed.DataBase.params

    def __init__(self, ticker: str, at: datetime) -> None:
        self._name = ticker
        self.close = Line([float(CLOSE[ticker])])
        self.datetime = Line([bt.date2num(at)])
        self.p = type("P", (), {"sessionend": datetime.max.time()})()
        self.bars = 1

    def __len__(self) -> int:
        return self.bars

    @staticmethod
    def date2num(at: datetime) -> float:
        return float(bt.date2num(at))


@dataclass
class VenueOrder:
    """The truth about one order number."""

    number: int
    ticker: str
    side: Side
    quantity: int
    price: int | None
    at: datetime
    original: int = 0
    filled: int = 0
    amount: int = 0
    cancelled: int = 0
    moved: int = 0
    is_cancel: bool = False

    @property
    def remaining(self) -> int:
        if self.is_cancel:
            return 0
        return self.quantity - self.filled - self.cancelled - self.moved


@dataclass
class FakeVenue:
    """Cash, shares and orders as they really are."""

    clock: VenueClock
    cash: int = 100_000_000
    costs: CostModel = field(default_factory=CostModel.free)
    shares: dict[str, int] = field(default_factory=dict)
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    fate: str = "well"
    reading: str = "well"
    fills_name: str = "original"
    """What a fill of a modified order says of it: its ``original``, that and the ``change`` (as
    for the modification itself), or ``nothing``. KIS's documents leave it open."""
    readings: int = 0
    _seen: tuple[OrderRow, ...] = ()

    def order_cash(
        self, ticker: str, side: Side, quantity: int, price: int | None = None
    ) -> OrderReceipt:
        fate, self.fate = self.fate, "well"
        if fate == "refused":
            raise Refused("주문가능금액을 초과 했습니다")
        if fate == "unreachable":
            raise Unreachable("no connection")
        if fate == "killed before":
            raise KilledError
        if fate == "lost before":
            raise OutcomeUnknown("no answer")
        order = self._new(ticker, side, quantity, price, 0)
        self._tell(order, "0", False, quantity, price or 0)
        if fate == "fills at once":
            self.fill(order.number, quantity, price or CLOSE[ticker])
        if fate == "killed after":
            raise KilledError
        if fate == "lost after":
            raise OutcomeUnknown("no answer")
        return self._receipt(order.number)

    def cancel(self, number: str, *, quantity: int | None = None, branch: str = "") -> OrderReceipt:
        fate, self.fate = self.fate, "well"
        if fate == "killed before":
            raise KilledError
        if fate in ("lost before", "unreachable"):
            raise OutcomeUnknown("no answer") if fate == "lost before" else Unreachable("no way")
        target = self.orders[int(number)]
        if not target.remaining:
            raise Refused("정정/취소할 수량이 없습니다")
        if fate == "fills at once" and target.remaining > 1:
            self.fill(target.number, target.remaining // 2, target.price or CLOSE[target.ticker])
        number_of_cancel = self.withdraw(target.number)
        if fate == "killed after":
            raise KilledError
        if fate == "lost after":
            raise OutcomeUnknown("no answer")
        return self._receipt(number_of_cancel)

    def inquire_daily_ccld(
        self, first: date | None = None, last: date | None = None
    ) -> tuple[OrderRow, ...]:
        self.readings += 1
        if self.reading == "fails":
            raise KISAPIError("no answer")
        if self.reading in ("well", "lags"):
            late = self.clock.now() - LAG if self.reading == "lags" else datetime.max
            orders = [order for order in self.orders.values() if order.at < late]
            self._seen = tuple(self._row(order) for order in orders)
        day = first or self.clock.now().date()
        return tuple(row for row in self._seen if row.day == day)

    def inquire_balance(self) -> Balance:
        rows = [
            {"pdno": t, "hldg_qty": n, "ord_psbl_qty": n, "pchs_avg_pric": CLOSE[t]}
            for t, n in self.shares.items()
            if n
        ]
        totals = {"dnca_tot_amt": self.cash, "prvs_rcdl_excc_amt": self.cash}
        return Balance.model_validate({"positions": rows, "totals": totals})

    def inquire_psbl_order(self, ticker: str, price: int | None = None) -> Buyable:
        return Buyable.model_validate({"ord_psbl_cash": self.cash, "nrcvb_buy_amt": self.cash})

    def fill(self, number: int, quantity: int, price: int) -> None:
        """Let shares of an order trade."""
        order = self.orders[number]
        quantity = min(quantity, order.remaining)
        if quantity < 1:
            return
        amount = quantity * price
        order.filled += quantity
        order.amount += amount
        fee = self.costs.commission(amount, NAMES[0].product)
        sign = 1 if order.side is Side.BUY else -1
        tax = 0 if sign > 0 else self.costs.sell_tax(amount, NAMES[0].market, NAMES[0].product, DAY)
        self.cash -= sign * amount + fee + tax
        self.shares[order.ticker] = self.shares.get(order.ticker, 0) + sign * quantity
        self._tell(order, "0", True, quantity, price)

    def withdraw(self, number: int) -> int:
        """Cancel what remains, whoever asks; return the cancellation's number."""
        target = self.orders[number]
        gone = target.remaining
        target.cancelled += gone
        order = self._new(target.ticker, target.side, gone, None, number)
        order.is_cancel = True
        self._tell(order, "2", False, gone, 0)
        return order.number

    def move(self, number: int, quantity: int, price: int) -> None:
        """Somebody modifies an order at the terminal (HTS)."""
        target = self.orders[number]
        quantity = min(quantity, target.remaining)
        if quantity < 1:
            return
        target.moved += quantity
        order = self._new(target.ticker, target.side, quantity, price, number)
        self._tell(order, "1", False, quantity, price)

    def open_numbers(self) -> list[int]:
        return [order.number for order in self.orders.values() if order.remaining]

    def taken(self) -> list[VenueOrder]:
        """Orders that somebody sent new."""
        return [order for order in self.orders.values() if not order.original]

    def _new(
        self, ticker: str, side: Side, quantity: int, price: int | None, original: int
    ) -> VenueOrder:
        number = len(self.orders) + 1
        order = VenueOrder(number, ticker, side, quantity, price, self.clock.now(), original)
        self.orders[number] = order
        return order

    @staticmethod
    def _receipt(number: int) -> OrderReceipt:
        raw = {"odno": f"{number:010d}", "krx_fwdg_ord_orgno": "00950"}
        return OrderReceipt.model_validate(raw)

    def _row(self, order: VenueOrder) -> OrderRow:
        kind = "취소" if order.is_cancel else "정정" if order.original else ""
        raw: dict[str, Any] = {
            "odno": f"{order.number:010d}",
            "orgn_odno": f"{order.original:010d}" if order.original else "",
            "ord_gno_brno": "00950",
            "ord_dt": f"{order.at:%Y%m%d}",
            "ord_tmd": f"{order.at:%H%M%S}",
            "sll_buy_dvsn_cd": "02" if order.side is Side.BUY else "01",
            "sll_buy_dvsn_cd_name": f"현금매수{kind}",
            "pdno": order.ticker,
            "ord_dvsn_cd": "00" if order.price else "01",
            "ord_qty": str(order.quantity),
            "ord_unpr": str(order.price or 0),
            "tot_ccld_qty": str(order.filled),
            "tot_ccld_amt": str(order.amount),
            "rmn_qty": str(order.remaining),
            "cnc_cfrm_qty": str(order.cancelled),
            "rjct_qty": "0",
        }
        return OrderRow.model_validate(raw)

    def _tell(
        self, order: VenueOrder, change: str, is_fill: bool, quantity: int, price: int
    ) -> None:
        named = not is_fill or self.fills_name != "nothing"
        if is_fill and order.original and self.fills_name == "change":
            change = "1"
        self.told.append(
            Notice(
                tr_id="H0STCNI9",
                number=f"{order.number:010d}",
                original=f"{order.original:010d}" if order.original and named else "",
                side=order.side,
                change=change,
                division="00" if order.price else "01",
                ticker=order.ticker,
                quantity=quantity,
                price=price,
                time=self.clock.now().time().replace(microsecond=0),
                refused=False,
                is_fill=is_fill,
                accepted="2" if is_fill or change != "0" else "1",
                branch="00950",
                order_quantity=order.quantity,
                order_price=order.price or 0,
                name="",
                customer="tester",
                account=ACCOUNT,
                holder="",
            )
        )
