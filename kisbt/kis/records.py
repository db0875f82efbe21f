"""What a stream frame is made of: trades, order books, order notices, venue states."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import NamedTuple

from kisbt.domain.trading import Side
from kisbt.kis.models.fields import parse_day, parse_float, parse_int, parse_time
from kisbt.kis.models.quotes import Level


class Trade(NamedTuple):
    """One trade (실시간체결가). Won and shares; ``time`` is ``HHMMSS`` in KST.

    ``day_volume`` is cumulative, this trade included. What is read less often is typed on access
    from ``fields``, the record as it came, and is ``None`` when it is blank or unreadable.
    """

    tr_id: str
    ticker: str
    time: str
    price: int
    volume: int
    day_volume: int
    ask: int
    bid: int
    fields: list[str]

    @property
    def at(self) -> datetime | None:
        """Day and time, naive KST."""
        try:
            return datetime.combine(parse_day(self.fields[33]), parse_time(self.time))
        except ValueError:
            return None

    @property
    def day(self) -> str:
        """Trading day as ``YYYYMMDD``."""
        return self.fields[33]

    @property
    def side(self) -> Side | None:
        """Who was the aggressor: ``None`` outside continuous trading."""
        return {"1": Side.BUY, "5": Side.SELL}.get(self.fields[21])

    @property
    def strength(self) -> float | None:
        """체결강도 in percent."""
        try:
            return parse_float(self.fields[18])
        except ValueError:
            return None

    @property
    def halted(self) -> bool:
        """Whether the name is halted (거래정지)."""
        return self.fields[35] == "Y"

    @property
    def in_auction(self) -> bool:
        """Whether a single price is being formed: opening, closing, VI."""
        return self.fields[43] not in ("", "0")

    @property
    def vi_base(self) -> int | None:
        """Base price of the static VI (정적VI발동기준가), won."""
        try:
            return parse_int(self.fields[45])
        except ValueError:
            return None

    @property
    def session(self) -> str:
        """Session, since 2026-09-14: 1 pre, 2 regular, 3 after, 5 closing price; else blank."""
        return self.fields[46] if len(self.fields) > 46 else ""


class Book(NamedTuple):
    """One order book (실시간호가). ``ask`` and ``bid`` are the best prices in won, 0 for none."""

    tr_id: str
    ticker: str
    time: str
    ask: int
    bid: int
    fields: list[str]

    @property
    def asks(self) -> tuple[Level, ...]:
        """Ask levels, best first; missing ones are left out."""
        return _levels(self.fields[3:13], self.fields[23:33])

    @property
    def bids(self) -> tuple[Level, ...]:
        """Bid levels, best first; missing ones are left out."""
        return _levels(self.fields[13:23], self.fields[33:43])

    @property
    def hour_class(self) -> str:
        """0 in session; A, B, C, D while a price is expected (C: VI or after 09:00)."""
        return self.fields[2]

    @property
    def expected_price(self) -> int | None:
        """Expected match (예상체결가) in won; meaningful in auctions."""
        try:
            return parse_int(self.fields[47]) or None
        except ValueError:
            return None


def _levels(prices: list[str], quantities: list[str]) -> tuple[Level, ...]:
    levels = []
    for price, quantity in zip(prices, quantities, strict=True):
        try:
            level = Level(parse_int(price), parse_int(quantity))
        except ValueError:
            continue
        if level.price > 0:
            levels.append(level)
    return tuple(levels)


class ExpectedMatch(NamedTuple):
    """Expected match of an auction (실시간예상체결). Won and shares."""

    tr_id: str
    ticker: str
    time: str
    price: int
    volume: int
    fields: list[str]


class IndexTick(NamedTuple):
    """Value of an index (지수체결), in points."""

    tr_id: str
    code: str
    time: str
    value: float
    fields: list[str]


class VenueStatus(NamedTuple):
    """Market operation (장운영정보) of one name.

    ``phase`` is MKOP_CLS_CODE: 112 open, 129 close, 164 halt, 174/184 circuit breaker, 387 and
    397 sidecar ... ``vi`` is blank or N without a volatility interruption.
    """

    tr_id: str
    ticker: str
    halted: bool
    reason: str
    phase: str
    auction_phase: str
    vi: str
    fields: list[str]

    @property
    def in_vi(self) -> bool:
        """Whether a volatility interruption (VI) is on."""
        return self.vi not in ("", "N", "0")


@dataclass(frozen=True, slots=True)
class Notice:
    """One order or fill notice (체결통보). Account, login and holder are not printed.

    With ``is_fill``, ``quantity`` and ``price`` are those of this execution; otherwise of the
    order. ``change`` is 0 new, 1 modify, 2 cancel; a change has a number of its own and names the
    order it changes in ``original``. ``accepted`` is 1 received, 2 confirmed, 3 cancelled.
    """

    tr_id: str
    number: str
    original: str
    side: Side
    change: str
    division: str
    ticker: str
    quantity: int
    price: int
    time: time
    refused: bool
    is_fill: bool
    accepted: str
    branch: str
    order_quantity: int
    order_price: int | None
    name: str
    customer: str = field(repr=False)
    account: str = field(repr=False)
    holder: str = field(repr=False)

    def on(self, day: date) -> datetime:
        """Return its moment on ``day``, naive KST."""
        return datetime.combine(day, self.time)


Record = Trade | Book | Notice | VenueStatus | ExpectedMatch | IndexTick
