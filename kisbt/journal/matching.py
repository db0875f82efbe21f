"""Pairs buys and sells first in, first out (선입선출), in whole won.

Costs are split over the shares they were paid for so that no won is lost or invented: the results
of all round trips plus the open lots at their last price equal the change of equity.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kisbt.domain.trading import Fill, PositionChange


class RoundTrip(NamedTuple):
    """Shares bought by one order and sold by another; partial fills of the two are one trip.

    ``cost`` is won paid with the buy commission, ``proceeds`` won received after the sell
    commission and tax. ``opened`` and ``closed`` are sessions, ``closed_at`` is the last fill.
    ``exit_ref`` is the kind of change (``delisting``) where no order closed it.
    """

    ticker: str
    quantity: int
    opened: date
    closed: date
    closed_at: datetime
    entry_ref: str
    exit_ref: str
    cost: int
    proceeds: int

    @property
    def pnl(self) -> int:
        """Result in won, after all costs."""
        return self.proceeds - self.cost

    @property
    def pnl_fraction(self) -> float:
        """Result as a fraction of what was paid."""
        return self.pnl / self.cost if self.cost else 0.0

    @property
    def holding_days(self) -> int:
        """Calendar days from the buying to the selling session."""
        return (self.closed - self.opened).days


class OpenLot(NamedTuple):
    """Shares still held. ``cost`` is won paid with their part of the commission."""

    ticker: str
    quantity: int
    opened: date
    ref: str
    cost: int


class Pairing(NamedTuple):
    """All round trips in order of closing, and what is still open, oldest first by name."""

    trips: tuple[RoundTrip, ...]
    open: tuple[OpenLot, ...]


def pair_fills(
    fills: "Iterable[Fill]",
    changes: "Iterable[PositionChange]" = (),
    opening: Mapping[str, tuple[int, float]] | None = None,
) -> Pairing:
    """Match sells with the oldest shares of the same name.

    A change of a position (split, delisting) counts before the fills of its session. ``opening``
    holds shares and average cost (won) of names held before the first fill: their lots are the
    oldest, were opened on the first session for all that is known, and bought by no order (``""``).

    Raises:
        ValueError: a sell of shares that no earlier fill bought and that were not held.
    """
    book, fills = _Book(), list(fills)
    waiting = deque(sorted(changes, key=lambda change: change.session))
    known = [fill.session for fill in fills[:1]] + [change.session for change in waiting]
    book.hold(opening or {}, min(known, default=date.min))
    for fill in fills:
        while waiting and waiting[0].session <= fill.session:
            book.change(waiting.popleft())
        if fill.side == "BUY":
            book.buy(fill)
        else:
            book.sell(fill)
    for change in waiting:
        book.change(change)
    return book.pairing()


@dataclass(slots=True)
class _Part:
    """An amount of won spread over shares; parts taken always sum to the whole."""

    shares: int
    won: int

    def take(self, shares: int) -> int:
        part = self.won * shares // self.shares
        self.shares -= shares
        self.won -= part
        return part


@dataclass(slots=True)
class _Lot:
    ref: str
    opened: date
    left: _Part


class _Book:
    def __init__(self) -> None:
        self._lots: dict[str, deque[_Lot]] = {}
        self._trips: dict[tuple[str, str, str], RoundTrip] = {}

    def hold(self, opening: Mapping[str, tuple[int, float]], since: date) -> None:
        for ticker, (shares, average) in sorted(opening.items()):
            part = _Part(shares, round(shares * average))
            self._lots[ticker] = deque([_Lot("", since, part)])

    def buy(self, fill: "Fill") -> None:
        paid = _Part(fill.quantity, fill.amount + fill.commission + fill.tax)
        self._lots.setdefault(fill.ticker, deque()).append(_Lot(fill.ref, fill.session, paid))

    def sell(self, fill: "Fill") -> None:
        received = _Part(fill.quantity, fill.amount - fill.commission - fill.tax)
        self._close(fill.ticker, received, fill.session, fill.at, fill.ref)

    def change(self, change: "PositionChange") -> None:
        lots = self._lots.get(change.ticker)
        if not lots:
            return
        if change.quantity_after == 0:
            received = _Part(change.quantity_before, change.cash)
            midnight = datetime.combine(change.session, time())
            self._close(change.ticker, received, change.session, midnight, change.kind)
            return
        shares = _Part(change.quantity_before, change.quantity_after)
        kept: deque[_Lot] = deque()
        orphaned = 0
        for lot in lots:
            lot.left.shares = shares.take(lot.left.shares)
            if lot.left.shares:
                kept.append(lot)
            else:
                orphaned += lot.left.won  # less than one new share: its cost joins the youngest lot
        # Cash for a fraction of a share is part of what the shares cost, given back.
        kept[-1].left.won += orphaned - change.cash
        self._lots[change.ticker] = kept

    def _close(self, ticker: str, received: _Part, on: date, at: datetime, exit_ref: str) -> None:
        queue = self._lots.get(ticker, deque())
        while received.shares:
            if not queue:
                raise ValueError(f"{exit_ref} sells {received.shares} {ticker} never bought")
            lot = queue[0]
            shares = min(received.shares, lot.left.shares)
            key = (ticker, lot.ref, exit_ref)
            trip = self._trips.get(key) or RoundTrip(
                ticker, 0, lot.opened, on, at, lot.ref, exit_ref, 0, 0
            )
            self._trips[key] = trip._replace(
                quantity=trip.quantity + shares,
                closed=on,
                closed_at=at,
                cost=trip.cost + lot.left.take(shares),
                proceeds=trip.proceeds + received.take(shares),
            )
            if not lot.left.shares:
                queue.popleft()

    def pairing(self) -> Pairing:
        ordered = sorted(self._trips.values(), key=lambda trip: trip.closed_at)
        still_open = [
            OpenLot(ticker, lot.left.shares, lot.opened, lot.ref, lot.left.won)
            for ticker, lots in sorted(self._lots.items())
            for lot in lots
        ]
        return Pairing(tuple(ordered), tuple(still_open))
