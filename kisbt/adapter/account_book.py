"""The books of one account: cash, positions, resting orders, what a fill does to them.

One arithmetic for every mode. A backtest's book adds matching over history, a live one takes its
fills from the venue; what an order may be, what it reserves and what a fill costs is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from kisbt.domain.market import Instrument, PriceBand
from kisbt.domain.trading import Fill, Holding, PositionChange, Side
from kisbt.krx.costs import CostModel
from kisbt.krx.rates import exact_ratio
from kisbt.krx.settlement import CashLedger
from kisbt.krx.ticks import round_down, round_up

EXPIRED = "당일 주문 만료"
HALTED = "거래정지 종목"
REBASED = "기준가 변경"
GONE = "상장폐지"


@dataclass(slots=True)
class Working:
    """A resting order. ``limit`` None = market; ``session`` is the only day it may trade."""

    ref: str
    column: int
    side: Side
    quantity: int
    remaining: int
    limit: int | None
    session: date
    reserved: int = 0


class Expired(NamedTuple):
    """The order's session ended with shares left."""

    working: Working
    reason: str


class Refused(NamedTuple):
    """The venue did not take the order when its session came."""

    working: Working
    reason: str


class Changed(NamedTuple):
    """A corporate action took effect, on a held name or not."""

    change: PositionChange


class Executed(NamedTuple):
    """One fill of a resting order; ``entry`` is the average cost before it."""

    working: Working
    fill: Fill
    entry: float


class RefusedError(Exception):
    """The order is not taken; the text is what the venue would say."""


class AccountBook:
    """One account under KRX rules. Names go by column, their place in ``instruments``.

    Sale proceeds may fund new buys at once; cash is D+2 cash and never negative, since every buy
    reserves its worst case (the upper limit for market orders).

    Source: KOSPI business regulation 7 (T+2), 13 (orders do not carry over); KIS reserves
    market buys at the upper limit.
    """

    def __init__(self, instruments: Sequence[Instrument], costs: CostModel, cash: int) -> None:
        self.instruments = list(instruments)
        self.columns = {each.ticker: n for n, each in enumerate(self.instruments)}
        self.costs = costs
        self.ledger = CashLedger(cash)
        self.quantities: dict[int, int] = {}
        self.averages: dict[int, float] = {}
        self.working: dict[str, Working] = {}
        self.changes: list[PositionChange] = []
        self.opened = date.min
        """Splits until then are in the books already."""
        self.commission = self.tax = self.traded = 0
        self._fills = self._orders = 0

    def next_ref(self) -> str:
        """A fresh order reference, the same in every replay of the same orders."""
        self._orders += 1
        return f"O{self._orders:06d}"

    def continue_after(self, orders: int, fills: int) -> None:
        """Number on behind the orders and fills that an earlier process used up."""
        self._orders, self._fills = orders, fills

    def sellable(self, column: int) -> int:
        """Shares held and not yet promised to a resting sale."""
        promised = sum(
            w.remaining for w in self.working.values() if w.column == column and w.side is Side.SELL
        )
        return self.quantities.get(column, 0) - promised

    def holding(self, column: int) -> Holding:
        """The position in one name, which may be empty."""
        return Holding(
            self.quantities.get(column, 0), self.sellable(column), self.averages.get(column, 0.0)
        )

    def admit(
        self,
        ref: str,
        column: int,
        side: Side,
        quantity: int,
        limit: int | None,
        *,
        session: date,
        band: PriceBand | None,
    ) -> Working:
        """Rest an order for a session and return it, with its size as taken.

        A limit price off tick moves to the safe side (buys down, sells up). A buy beyond the
        orderable cash is cut to what the cash allows, as the KIS order screen would.

        Raises:
            RefusedError: no price band, outside it, nothing to sell, or no cash.
        """
        instrument = self.instruments[column]
        if limit is not None:
            rounded = round_down if side is Side.BUY else round_up
            limit = rounded(limit, instrument.market, session, instrument.product)
        if band is None:
            raise RefusedError("기준가를 알 수 없는 종목")
        if limit is not None and not band.holds(limit):
            raise RefusedError(
                f"가격제한폭 밖: {limit:,}원 (하한 {band.lower:,}, 상한 {band.upper:,})"
            )
        if side is Side.SELL:
            held = self.sellable(column)
            if quantity > held:
                raise RefusedError(f"매도가능수량 초과: {quantity:,}주 > {max(held, 0):,}주")
            order = Working(ref, column, side, quantity, quantity, limit, session)
        else:
            price = band.upper if limit is None else limit
            quantity = self.affordable(price, column, quantity, self.ledger.orderable)
            if quantity < 1:
                raise RefusedError("주문가능금액 부족")
            reserved = self.costs.buy_total(price, quantity, instrument.product)
            self.ledger.reserve(ref, reserved)
            order = Working(ref, column, side, quantity, quantity, limit, session, reserved)
        self.working[ref] = order
        return order

    def remove(self, ref: str) -> Working | None:
        """Take a resting order out; ``None`` when it no longer rests."""
        order = self.working.pop(ref, None)
        if order is not None and order.side is Side.BUY:
            self.ledger.release(ref)
        return order

    def execute(
        self, order: Working, price: int, quantity: int, at: datetime, session: date
    ) -> Executed:
        """Book one fill: cash, position, what the order still reserves, the fill's number."""
        column = order.column
        instrument, amount = self.instruments[column], price * quantity
        commission, tax = self.costs.commission(amount, instrument.product), 0
        held, entry = self.quantities.get(column, 0), self.averages.get(column, 0.0)
        order.remaining -= quantity
        if order.side is Side.BUY:
            self.ledger.release(order.ref)
            self.ledger.buy(session, amount, commission)
            if order.remaining:
                per_share = order.reserved * order.remaining // (order.remaining + quantity)
                order.reserved = min(per_share, self.ledger.orderable)
                self.ledger.reserve(order.ref, order.reserved)
            position = held + quantity
            self.averages[column] = (entry * held + amount) / position
        else:
            tax = self.costs.sell_tax(amount, instrument.market, instrument.product, session)
            self.ledger.sell(session, amount, commission + tax)
            position = held - quantity
        self.hold(column, position)
        if not order.remaining:
            self.working.pop(order.ref, None)
        self._fills += 1
        self.traded += amount
        self.commission += commission
        self.tax += tax
        fill = Fill(
            order.ref, self._fills, at, session, instrument.ticker, order.side,
            quantity, price, commission, tax, self.ledger.cash, position,
        )  # fmt: skip
        return Executed(order, fill, entry)

    def affordable(self, price: int, column: int, quantity: int, cash: int) -> int:
        """How many of ``quantity`` shares ``cash`` pays for, commission included."""
        product = self.instruments[column].product
        quantity = min(quantity, cash // price)
        while quantity > 0 and self.costs.buy_total(price, quantity, product) > cash:
            quantity -= 1
        return quantity

    def hold(self, column: int, quantity: int) -> None:
        """Set the shares of one name; none of them forgets its average cost."""
        if quantity:
            self.quantities[column] = quantity
        else:
            self.quantities.pop(column, None)
            self.averages.pop(column, None)

    def act(
        self, kind: str, column: int, ratio: float, *, price: int, session: date
    ) -> PositionChange:
        """Let a split or a delisting take effect; ``price`` is the last close before it."""
        ticker, held = self.instruments[column].ticker, self.quantities.get(column, 0)
        after = cash = 0
        if kind == "split":
            top, bottom = exact_ratio(ratio)
            after, rest = divmod(held * top, bottom)
            cash = rest * price // top  # rest/bottom new shares, each price x bottom/top won
        else:
            cash = held * price
        change = PositionChange(session, ticker, kind, ratio, held, after, cash)
        if held:
            if after:
                self.averages[column] /= ratio
            self.hold(column, after)
            self.ledger.sell(session, cash, 0)
            self.changes.append(change)
        return change
