"""A backtest's book that first does what a live account did, and then what a backtest would."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from kisbt.adapter.account_book import EXPIRED, Changed, Executed, Expired, Refused, Working
from kisbt.adapter.book import HistoryBook
from kisbt.adapter.tape import Playhead, Tape
from kisbt.domain.trading import Fill, PositionChange, Side
from kisbt.krx.costs import CostModel


class Lived(NamedTuple):
    """What a live account did: its start (won, shares and average cost), fills and changes.

    ``cash`` is its D+2 cash by bar close, won.
    """

    opening: int
    positions: Mapping[str, tuple[int, float]]
    fills: Sequence[Fill]
    changes: Sequence[PositionChange]
    cash: Mapping[datetime, int]


class RecordedBook(HistoryBook):
    """Books recorded fills of sessions before ``until``; from then on orders meet the tape.

    Before ``until`` orders of the strategy rest for their session and are filled by nothing but
    the record. Cash follows the recorded one in sessions before ``true_until``.

    Args:
        tape: The bars.
        head: Where the replay stands.
        costs: Commission and tax of every fill.
        participation: See ``HistoryBook``.
        lived: The record.
        until: The first session in which orders meet the tape.
        true_until: The first session whose cash is not taken from the record.
    """

    def __init__(
        self,
        tape: Tape,
        head: Playhead,
        costs: CostModel,
        participation: float,
        lived: Lived,
        *,
        until: date,
        true_until: date,
    ) -> None:
        super().__init__(tape, head, costs, participation, lived.opening)
        for ticker, (shares, average) in sorted(lived.positions.items()):
            if shares and ticker in self.columns:
                self.averages[self.columns[ticker]] = average
                self.hold(self.columns[ticker], shares)
        self._until, self._true_until = until, true_until
        self._cash = lived.cash
        self._told = deque(f for f in lived.fills if f.session < until)
        self._corrections = deque(
            c for c in lived.changes if c.kind.startswith("correction") and c.session < true_until
        )

    @property
    def equity(self) -> int:
        """Cash and positions at the tape's last closes, won."""
        closes = self.tape.closes[self.head.t]
        return self.ledger.cash + sum(
            held * int(closes[column]) for column, held in self.quantities.items()
        )

    def advance(self) -> Iterator[Executed | Expired | Refused | Changed]:
        """Move to the next bar time."""
        ahead = self.head.t + 1
        if self.tape.sessions[ahead] >= self._until:
            yield from super().advance()
            return
        self.head.t = ahead
        yield from self._act(ahead)
        session, at = self.tape.sessions[ahead], self.tape.moments[ahead]
        ends = self.tape.ends_session(ahead)
        while self._told and (
            self._told[0].session < session
            or (self._told[0].session == session and (ends or self._told[0].at <= at))
        ):
            yield from self._repeat(self._told.popleft())
        if ends:
            yield from self._correct(session)
        for order in [w for w in self.working.values() if ends and w.session <= session]:
            self.remove(order.ref)
            yield Expired(order, EXPIRED)
        if at in self._cash and session < self._true_until:
            self._have(session, self._cash[at])

    def _repeat(self, fill: Fill) -> Iterator[Executed | Changed]:
        column = self.columns[fill.ticker]
        same, at, session = self.working.get(fill.ref), fill.at, fill.session
        product = self.instruments[column].product
        if fill.side is Side.BUY:
            cost = fill.amount + self.costs.commission(fill.amount, product)
            if same is not None:
                self.ledger.release(same.ref)
                same.reserved = 0
            self._have(session, max(self.ledger.cash, cost))
        if (
            same is not None
            and (same.column, same.side) == (column, fill.side)
            and same.remaining >= fill.quantity
        ):
            yield self.execute(same, fill.price, fill.quantity, at, session)
            return
        before = self.quantities.get(column, 0)
        ghost = Working(
            f"*{fill.ref}", column, fill.side, fill.quantity, fill.quantity, None, session
        )
        self.execute(ghost, fill.price, fill.quantity, at, session)
        after = self.quantities.get(column, 0)
        yield Changed(PositionChange(session, fill.ticker, "recorded", 1.0, before, after, 0))

    def _correct(self, session: date) -> Iterator[Changed]:
        while self._corrections and self._corrections[0].session <= session:
            change = self._corrections.popleft()
            column = self.columns.get(change.ticker)
            if column is not None:
                shares = change.quantity_after - change.quantity_before
                self.averages.setdefault(column, float(self.tape.closes[self.head.t, column]))
                self.hold(column, self.quantities.get(column, 0) + shares)
                yield Changed(change)

    def _have(self, session: date, cash: int) -> None:
        """Let the D+2 cash be ``cash``."""
        more = cash - self.ledger.cash
        if more > 0:
            self.ledger.sell(session, more, 0)
        elif more < 0:
            self.ledger.buy(session, -more, 0)
