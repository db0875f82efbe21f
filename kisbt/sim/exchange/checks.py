"""What an order must satisfy before the venue takes it. Pure; raises ``RefusedError``."""

from datetime import date, datetime
from typing import NamedTuple

from kisbt.domain.market import Product
from kisbt.domain.trading import Side
from kisbt.krx import calendar
from kisbt.krx.ticks import is_on_tick, tick_size
from kisbt.sim.exchange.book import Book, below
from kisbt.sim.exchange.hours import DayTimes, Phase, phase_within
from kisbt.sim.exchange.names import NameDay
from kisbt.sim.exchange.orders import KINDS, Kind, Pricing
from kisbt.sim.exchange.refusals import Refusal, RefusedError

MOST_SHARES = 9_999_999_999
_REGULAR_PRICED = (Pricing.LIMIT, Pricing.MARKET)


class NewOrder(NamedTuple):
    """A request for an order. ``price`` in won, 0 for orders without one; ``stamp`` its date."""

    account: str
    ticker: str
    side: Side
    kind: str
    quantity: int
    price: int
    stamp: date
    trigger: int = 0
    venue: str = "KRX"
    old_tr: bool = False


def known_kind(code: str) -> Kind:
    """The order type of ``ORD_DVSN``."""
    kind = KINDS.get(code)
    if kind is None:
        raise RefusedError(Refusal.UNKNOWN_KIND)
    return kind


def check_hours(kind: Kind, at: datetime, times: DayTimes) -> Phase:
    """The phase, when this type of order is taken now."""
    if at.date() != times.day:
        open_today = calendar.is_session(at.date())
        raise RefusedError(Refusal.AFTER_CLOSE if open_today else Refusal.HOLIDAY)
    phase = phase_within(times, at)
    if phase is Phase.CLOSED:
        early = at < times.entry
        raise RefusedError(Refusal.BEFORE_OPEN if early else Refusal.AFTER_CLOSE)
    if phase not in kind.phases:
        late = not phase.regular and kind.phases[0].regular
        raise RefusedError(Refusal.AFTER_CLOSE if late else Refusal.NOT_NOW)
    if kind is KINDS["05"] and at >= times.pre_close_end:
        raise RefusedError(Refusal.NOT_NOW)
    return phase


def check_name(name: NameDay, phase: Phase, at: datetime) -> None:
    """Halted names and, late, names that did not trade or may not."""
    if name.suspended or any(s.kind == "H" and s.start <= at < s.end for s in name.stops):
        raise RefusedError(Refusal.HALTED)
    if phase is Phase.AFTER_MARKET and (
        not name.volume or name.instrument.product is not Product.STOCK
    ):
        raise RefusedError(Refusal.NOT_NOW)


def check_quantity(quantity: int) -> None:
    """Whole shares, at least one."""
    if not 1 <= quantity <= MOST_SHARES:
        raise RefusedError(Refusal.QUANTITY)


def working_price(new: NewOrder, kind: Kind, name: NameDay, book: Book) -> int | None:
    """The limit that matching uses, checked; ``None`` for a market order."""
    if kind.pricing is Pricing.CLOSE:
        return name.previous_close if kind is KINDS["05"] else name.price
    if kind.pricing is Pricing.MARKET:
        if name.band is None:
            raise RefusedError(Refusal.PRICE)
        return None
    if kind.pricing is Pricing.LIMIT:
        check_price(new.price, name)
        if kind is KINDS["22"]:
            check_price(new.trigger, name)
        return new.price
    own, other = (book.bid, book.ask) if new.side is Side.BUY else (book.ask, book.bid)
    best = other if kind.pricing is Pricing.OPPOSITE else own
    return best or beyond(own or name.price, new.side, name)


def check_price(price: int, name: NameDay) -> None:
    """On tick and inside the day's limits."""
    if price < 1:
        raise RefusedError(Refusal.PRICE)
    if not is_on_tick(price, *name.rules):
        raise RefusedError(Refusal.TICK)
    if name.band is None or not name.band.holds(price):
        raise RefusedError(Refusal.BAND)


def beyond(price: int, side: Side, name: NameDay) -> int:
    """One tick from the own best, where the other side is empty, inside the limits.

    Source:
        KOSPI Reg. 10: an immediately executable limit order with an empty opposite book.
    """
    moved = price + tick_size(price, *name.rules) if side is Side.BUY else below(price, name.rules)
    return moved if name.band is not None and name.band.holds(moved) else price
