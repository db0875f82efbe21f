"""The last look at an order before it leaves: in the broker itself, so that nothing passes by it.

Node 4 judges a plan; the guard judges each order once more, whoever sent it, against limits that
it computes itself. What node 4 passed under the same limits passes here too. A rule for buys never
stands in the way of a sale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument, PriceBand
from kisbt.domain.trading import Side, TradingMode
from kisbt.krx.ticks import is_on_tick


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What one order, and one day's orders, may do. ``None`` switches a limit off.

    Fractions are of equity. ``max_deviation`` is how far, as a fraction, a price may lie on the
    dangerous side of the last one: a buy above it, or a market buy whose name has moved since it
    was decided. ``max_order_value`` and ``max_bought_per_day`` are won; the latter is also how a
    first day with real money is kept small. ``one_order_a_bar`` refuses a second buy of a name
    decided at the same bar; ``refuse_copies`` only an exact copy of a buy.
    """

    max_weight: float | None = None
    max_exposure: float | None = None
    max_positions: int | None = None
    max_orders_per_day: int | None = None
    max_turnover_per_day: float | None = None
    max_deviation: float | None = None
    max_order_value: int | None = None
    max_bought_per_day: int | None = None
    one_order_a_bar: bool = False
    refuse_copies: bool = True

    @classmethod
    def of(cls, limits: RiskLimits) -> "GuardLimits":
        """The limits of node 4, held once more."""
        return cls(
            max_weight=limits.max_weight,
            max_exposure=limits.max_exposure,
            max_positions=limits.max_positions,
            max_orders_per_day=limits.max_orders_per_day,
            max_turnover_per_day=limits.max_turnover_per_day,
            one_order_a_bar=True,
        )


class Proposal(NamedTuple):
    """An order about to leave. ``bar`` is the close at which it was decided."""

    instrument: Instrument
    side: Side
    quantity: int
    limit: int | None
    bar: datetime
    session: date


class Footing(NamedTuple):
    """The account and the market that a proposal meets; this order counts in nothing of it.

    Won and shares. ``values`` are positions at the last close by ticker, resting buys included;
    ``buying`` and ``resting`` are the worth of resting buys and of all resting orders. ``last`` is
    the newest price known, the close where no newer one is.
    """

    close: int
    last: int
    band: PriceBand | None
    equity: int
    values: Mapping[str, int]
    buying: int
    resting: int
    sellable: int


@dataclass(slots=True)
class _Day:
    session: date = date.min
    orders: int = 0
    bought: int = 0
    traded: int = 0
    bar: datetime = datetime.min
    seen: list[tuple[object, ...]] = field(default_factory=list)


def _nothing() -> str | None:
    return None


def _fresh(_ticker: str) -> str | None:
    return None


def _active() -> TradingMode:
    return TradingMode.ACTIVE


class Guard:
    """Says why an order must not leave.

    Args:
        limits: What is allowed.
        mode: The trading state now; ``HALTED`` stops everything, ``REDUCE_ONLY`` buys.
        lock: Why no order at all may leave (real money that is not armed), or ``None``.
        stale: Why a name's data cannot be trusted now, or ``None``; stops buys.

    Attributes:
        locked: Names that may not be bought, and why: books and venue differ.
        liquidating: A person asked to sell everything: sales pass a halt.
    """

    def __init__(
        self,
        limits: GuardLimits | None = None,
        *,
        mode: Callable[[], TradingMode] = _active,
        lock: Callable[[], str | None] = _nothing,
        stale: Callable[[str], str | None] = _fresh,
    ) -> None:
        self.limits = limits or GuardLimits()
        self.locked: dict[str, str] = {}
        self.liquidating = False
        self._mode, self._lock, self._stale = mode, lock, stale
        self._day = _Day()

    def objection(self, order: Proposal, on: Footing) -> str | None:
        """Why the order must not leave, in one line, or ``None``. Counts nothing."""
        ticker, selling = order.instrument.ticker, order.side is Side.SELL
        stopped = self.stopped(ticker, order.side) or _price_fault(order, on.band)
        if stopped is not None:
            return stopped
        if selling:
            if order.quantity > on.sellable:
                return f"안전장치: 매도가능수량 초과 {order.quantity:,}주 > {on.sellable:,}주"
            return None
        if (old := self._stale(ticker)) is not None:
            return f"안전장치: 시세를 믿을 수 없음 ({old})"
        return (
            self._far_off(order, on)
            or self._copied(order)
            or self._over(order, on, self._use(order))
        )

    def stopped(self, ticker: str, side: Side) -> str | None:
        """Why nothing of this kind may leave now: also asked when an order has waited.

        A lock on real money, the trading state, a name that is locked.
        """
        if (closed := self._lock()) is not None:
            return closed
        mode, selling = self._mode(), side is Side.SELL
        if mode is TradingMode.HALTED and not (selling and self.liquidating):
            return "안전장치: 거래 정지 (HALTED)"
        if selling:
            return None
        if mode is not TradingMode.ACTIVE:
            return f"안전장치: 매도만 허용 ({mode})"
        if ticker in self.locked:
            return f"안전장치: 매수 잠금 ({self.locked[ticker]})"
        return None

    def took(self, order: Proposal) -> None:
        """Count an order that leaves, or waits to leave."""
        day = self._use(order)
        day.orders += 1
        if order.side is Side.BUY:
            if order.bar != day.bar:
                day.bar = order.bar
                day.seen.clear()
            day.seen.append(_mark(order))

    def remember(self, session: date, *, orders: int, traded: int, bought: int) -> None:
        """Take over what an earlier process used of a session: orders, won traded and bought."""
        self._day = _Day(session, orders, bought, traded)

    def dropped(self, session: date) -> None:
        """Take back the count of an order that the venue refused."""
        if session == self._day.session and self._day.orders:
            self._day.orders -= 1

    def filled(self, session: date, side: Side, amount: int) -> None:
        """Count an execution of ``amount`` won."""
        if session > self._day.session:
            self._day = _Day(session)
        if session == self._day.session:
            self._day.traded += amount
            self._day.bought += amount if side is Side.BUY else 0

    def _use(self, order: Proposal) -> _Day:
        if order.session > self._day.session:
            old = self._day
            self._day = _Day(order.session, bar=old.bar, seen=old.seen)
        return self._day

    def _far_off(self, order: Proposal, on: Footing) -> str | None:
        most = self.limits.max_deviation
        if most is None or on.close < 1:
            return None
        price, reference = (on.last, on.close) if order.limit is None else (order.limit, on.last)
        if price > reference * (1 + most):
            return f"안전장치: 가격 {price:,}원이 기준 {reference:,}원보다 {most:.0%} 넘게 높음"
        return None

    def _copied(self, order: Proposal) -> str | None:
        if order.bar != self._day.bar:
            return None
        if self.limits.refuse_copies and _mark(order) in self._day.seen:
            return "안전장치: 같은 봉의 같은 주문이 이미 있음"
        ticker = order.instrument.ticker
        if self.limits.one_order_a_bar and any(seen[0] == ticker for seen in self._day.seen):
            return "안전장치: 같은 봉에서 같은 종목의 매수가 이미 있음"
        return None

    def _over(self, order: Proposal, on: Footing, day: _Day) -> str | None:
        limits, ticker, equity = self.limits, order.instrument.ticker, on.equity
        worth = order.quantity * max(on.close, order.limit or 0)
        others = sum(on.values.values())
        bounds = (
            ("종목 비중", _share(limits.max_weight, equity), on.values.get(ticker, 0) + worth),
            ("주식 비중", _share(limits.max_exposure, equity), others + worth),
            (
                "회전율",
                _share(limits.max_turnover_per_day, equity),
                day.traded + on.resting + worth,
            ),
            ("주문 금액", limits.max_order_value, worth),
            ("하루 매수 금액", limits.max_bought_per_day, day.bought + on.buying + worth),
            ("하루 주문 수", limits.max_orders_per_day, day.orders + 1),
            ("보유 종목 수", limits.max_positions, _names_with(ticker, on)),
        )
        for what, most, would_be in bounds:
            if most is not None and would_be > most:
                return f"안전장치: {what} 한도 초과 ({would_be:,} > {most:,})"
        return None


def _price_fault(order: Proposal, band: PriceBand | None) -> str | None:
    if order.quantity < 1:
        return "안전장치: 수량이 1주 미만"
    if band is None:
        return "안전장치: 가격제한폭을 알 수 없음"
    if order.limit is None:
        return None
    name = order.instrument
    if not band.holds(order.limit):
        return f"안전장치: 가격제한폭 밖 {order.limit:,}원"
    if not is_on_tick(order.limit, name.market, order.session, name.product):
        return f"안전장치: 호가단위가 아닌 {order.limit:,}원"
    return None


def _mark(order: Proposal) -> tuple[object, ...]:
    return order.instrument.ticker, order.quantity, order.limit


def _share(fraction: float | None, equity: int) -> int | None:
    return None if fraction is None else int(fraction * equity)


def _names_with(ticker: str, on: Footing) -> int:
    """Names held after a buy; 0 for one of a name that is held already."""
    held = [name for name, value in on.values.items() if value > 0]
    return 0 if ticker in held else len(held) + 1
