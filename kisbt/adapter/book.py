"""An account and its resting orders over a tape: cash, positions, matching. No backtrader."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from kisbt.adapter.tape import Playhead, Tape
from kisbt.domain.trading import Fill, Holding, PositionChange, Side
from kisbt.krx.costs import CostModel
from kisbt.krx.fills import cap_quantity, match
from kisbt.krx.rates import exact_ratio
from kisbt.krx.settlement import CashLedger
from kisbt.krx.ticks import round_down, round_up


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


class HistoryBook:
    """One account trading over one tape, under KRX rules.

    Orders rest from the bar after they were sent, for one session. Sale proceeds may fund new
    buys at once; cash is D+2 cash and never negative, since every buy reserves its worst case
    (the upper limit for market orders) and no fill takes more than what is left.

    Source: KOSPI business regulation 7 (T+2), 13 (orders do not carry over); KIS reserves
    market buys at the upper limit.
    """

    def __init__(
        self, tape: Tape, head: Playhead, costs: CostModel, participation: float, cash: int
    ) -> None:
        self.tape = tape
        self.head = head
        self.costs = costs
        self.participation = participation
        self.ledger = CashLedger(cash)
        self.quantities: dict[int, int] = {}
        self.averages: dict[int, float] = {}
        self.working: dict[str, Working] = {}
        self.changes: list[PositionChange] = []
        self.commission = self.tax = self.traded = 0
        self._fills = self._orders = 0
        self._pending_actions = _scheduled(tape)

    def next_ref(self) -> str:
        """A fresh order reference, the same in every replay of the same orders."""
        self._orders += 1
        return f"O{self._orders:06d}"

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

    def place(self, ref: str, column: int, side: Side, quantity: int, limit: int | None) -> Working:
        """Rest an order for the next session and return it, with its size as taken.

        A limit price off tick moves to the safe side (buys down, sells up). A buy beyond the
        orderable cash is cut to what the cash allows, as the KIS order screen would.

        Raises:
            RefusedError: no price band, outside it, nothing to sell, no cash, or no whole share.
        """
        t, tape = self.head.t, self.tape
        if quantity < 1:
            raise RefusedError("수량이 1주 미만")
        if tape.rows[t, column] < 0:
            raise RefusedError("아직 상장되지 않은 종목")
        if not tape.current[t, column] and self._delisted(column):
            raise RefusedError("상장폐지된 종목")
        instrument, session = tape.instruments[column], tape.order_sessions[t]
        if limit is not None:
            rounded = round_down if side is Side.BUY else round_up
            limit = rounded(limit, instrument.market, session, instrument.product)
        band = tape.next_band(t, column)
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
            quantity = self._affordable(price, column, quantity, self.ledger.orderable)
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

    def advance(self) -> Iterator[Executed | Expired | Changed]:
        """Move to the next bar time: corporate actions, then matching, then day's end."""
        self.head.t += 1
        t = self.head.t
        yield from self._act(t)
        if not self.working:
            return
        tape, ends, session = self.tape, self.tape.ends_session(t), self.tape.sessions[t]
        taken: dict[int, int] = {}
        for order in list(self.working.values()):
            if tape.current[t, order.column] and session == order.session:
                yield from self._match(t, order, taken)
            if order.remaining and (session > order.session or (ends and session == order.session)):
                self.remove(order.ref)
                yield Expired(order, "당일 주문 만료")

    def _match(self, t: int, order: Working, taken: dict[int, int]) -> Iterator[Executed]:
        column, tape = order.column, self.tape
        bar = tape.bar(t, column)
        free = cap_quantity(bar.volume, self.participation) - taken.get(column, 0)
        if free < 1:
            return
        band = tape.band(t, column)
        result = match(
            order.side, order.limit, order.remaining, bar, band, tape.rules(t, column),
            available=free,
        )  # fmt: skip
        if result is None:
            return
        quantity = result.quantity
        if order.side is Side.BUY:
            budget = self.ledger.orderable + order.reserved
            quantity = self._affordable(result.price, column, quantity, budget)
            if quantity < 1:
                return
        taken[column] = taken.get(column, 0) + quantity
        yield self._fill(t, order, result.price, quantity)

    def _fill(self, t: int, order: Working, price: int, quantity: int) -> Executed:
        column, session = order.column, self.tape.sessions[t]
        instrument, amount = self.tape.instruments[column], price * quantity
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
        self._hold(column, position)
        if not order.remaining:
            self.working.pop(order.ref)
        self._fills += 1
        self.traded += amount
        self.commission += commission
        self.tax += tax
        fill = Fill(
            order.ref, self._fills, self.tape.moments[t], session, instrument.ticker, order.side,
            quantity, price, commission, tax, self.ledger.cash, position,
        )  # fmt: skip
        return Executed(order, fill, entry)

    def _affordable(self, price: int, column: int, quantity: int, cash: int) -> int:
        product = self.tape.instruments[column].product
        quantity = min(quantity, cash // price)
        while quantity > 0 and self.costs.buy_total(price, quantity, product) > cash:
            quantity -= 1
        return quantity

    def _hold(self, column: int, quantity: int) -> None:
        if quantity:
            self.quantities[column] = quantity
        else:
            self.quantities.pop(column, None)
            self.averages.pop(column, None)

    def _delisted(self, column: int) -> bool:
        last = self.tape.instruments[column].delisted
        return last is not None and self.tape.order_sessions[self.head.t] > last

    def _act(self, t: int) -> Iterator[Expired | Changed]:
        for kind, column, ratio in self._pending_actions.pop(t, ()):
            for order in [w for w in self.working.values() if w.column == column]:
                self.remove(order.ref)
                yield Expired(order, "기준가 변경" if kind == "split" else "상장폐지")
            yield Changed(self._change(t, kind, column, ratio))

    def _change(self, t: int, kind: str, column: int, ratio: float) -> PositionChange:
        session, ticker = self.tape.sessions[t], self.tape.tickers[column]
        held = self.quantities.get(column, 0)
        price = int(self.tape.closes[t - 1, column]) if t else 0
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
            self._hold(column, after)
            self.ledger.sell(session, cash, 0)
            self.changes.append(change)
        return change


def _scheduled(tape: Tape) -> dict[int, list[tuple[str, int, float]]]:
    """Corporate actions by the index of the first bar time of their session."""
    first: dict[date, int] = {}
    for t, session in enumerate(tape.sessions):
        first.setdefault(session, t)
    plan: dict[int, list[tuple[str, int, float]]] = {}
    for action in tape.dataset.actions:
        column, start = tape.columns.get(action.ticker), first.get(action.date)
        if column is not None and start is not None and action.kind == "split":
            plan.setdefault(start, []).append(("split", column, action.ratio))
    for column, instrument in enumerate(tape.instruments):
        if instrument.delisted is None:
            continue
        after = [t for session, t in first.items() if session > instrument.delisted]
        if after:
            plan.setdefault(min(after), []).append(("delisting", column, 1.0))
    return plan
