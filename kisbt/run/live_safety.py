"""What may stop a live session's orders: a person's halt, and losses on either set of books."""

import time
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from sqlalchemy import select

from kisbt.adapter.guard import Guard
from kisbt.adapter.live_account import session_of
from kisbt.config import RiskLimits
from kisbt.domain.state import RiskStatus
from kisbt.domain.trading import OrderState, Side, TradingMode
from kisbt.errors import JournalError
from kisbt.journal.controls import Controls, Halt
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.schema import equity, fills, orders, runs
from kisbt.risk.day_use import DayUse
from kisbt.risk.measures import LossTracker

EVERY_SECONDS = 0.2
"""How old the answer to "are we halted?" may be: five times fresher than the promised second."""

_SEVERITY = {TradingMode.ACTIVE: 0, TradingMode.REDUCE_ONLY: 1, TradingMode.HALTED: 2}


class HaltWatch:
    """Whether a person has stopped the account, read from the journal; call it to ask.

    A journal that cannot be read stops the account as well: nobody could lift or see a halt.

    Args:
        controls: The halts.
        scope: Of the account.
        ticking: Seconds that go on; it is read again once they have gone on by ``EVERY_SECONDS``.
    """

    def __init__(
        self,
        controls: Controls,
        scope: str,
        *,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._controls = controls
        self._scope = scope
        self.ticking = ticking
        self._asked: float | None = None
        self._halts: list[Halt] = []
        self.unreadable = ""

    def __call__(self) -> bool:
        """Whether no order may go out."""
        if self._asked is None or self.ticking() - self._asked >= EVERY_SECONDS:
            self.refresh()
        return bool(self._halts or self.unreadable)

    @property
    def halts(self) -> tuple[Halt, ...]:
        """The standing halts, as last read."""
        return tuple(self._halts)

    @property
    def reason(self) -> str:
        """Why, in one line; blank when nothing stops the account."""
        if self.unreadable:
            return f"일지를 읽을 수 없음: {self.unreadable}"
        return "; ".join(f"{halt.reason} ({halt.halted_at[:19]})" for halt in self._halts)

    def refresh(self) -> list[Halt]:
        """Read the journal now; return the standing halts, oldest first."""
        self._asked = self.ticking()
        try:
            self._halts, self.unreadable = self._controls.standing(self._scope), ""
        except JournalError as error:
            self.unreadable = error.message
        return self._halts


class TwoBooks(LossTracker):
    """Losses on our own books and on the venue's figures; the worse state rules.

    ``observe`` takes our own equity, ``observe_venue`` what the broker says. One read of the
    venue that looks wrong (nothing left, or a jump that our own books do not know) is not
    believed until the next one agrees with it.
    """

    __slots__ = ("_doubted", "doubts", "venue")

    AGREE = 0.02
    """Two reads closer than this fraction agree."""

    JUMP = 0.10
    """A read this far from our own books is doubted."""

    def __init__(self, start_equity: int | None = None) -> None:
        super().__init__(start_equity)
        self.venue = LossTracker(start_equity)
        self._doubted: int | None = None
        self.doubts = 0

    def observe_venue(self, session: date, figure: int) -> bool:
        """Take the venue's own equity in won; false when it is not believed yet."""
        own = self._equity
        if own and abs(figure - own) > self.JUMP * own:
            before, self._doubted = self._doubted, figure
            if figure <= 0 or before is None or abs(figure - before) > self.AGREE * before:
                self.doubts += 1
                return False
        else:
            self._doubted = None
        self.venue.observe(session, figure)
        return True

    def status(self, limits: RiskLimits, *, halted: bool = False) -> RiskStatus:
        """The worse of both trading states, with its own figures and reason."""
        own = super().status(limits, halted=halted)
        theirs = self.venue.status(limits)
        if _SEVERITY[theirs.mode] <= _SEVERITY[own.mode]:
            return own
        return theirs.model_copy(update={"reason": f"증권사 잔고 기준 {theirs.reason}"})


def remember_losses(db: DatabaseManager, scope: str, losses: TwoBooks) -> int:
    """Tell ``losses`` the closing equity of every earlier session of the account; count them.

    So a daily or weekly limit that was reached stays reached when the program starts again.
    """
    query = (
        select(equity.c.at, equity.c.equity)
        .join(runs, runs.c.run_id == equity.c.run_id)
        .where(runs.c.scope == scope)
        .order_by(equity.c.at)
    )
    with db.reading() as connection:
        points = [(from_iso(row.at).date(), row.equity) for row in connection.execute(query)]
    for session, won in points:
        losses.observe(session, won)
        losses.venue.observe(session, won)
    return len({session for session, _ in points})


class Used(NamedTuple):
    """What a session has used already: orders, won traded, and of that won bought."""

    orders: int
    traded: int
    bought: int


def used_in(db: DatabaseManager, scope: str, session: date) -> Used:
    """Count orders sent for ``session`` and won traded in it, by whatever process."""
    sent = (
        select(orders.c.created_at)
        .join(runs, runs.c.run_id == orders.c.run_id)
        .where(runs.c.scope == scope, orders.c.state != OrderState.REJECTED.value)
    )
    traded = (
        select(fills.c.side, fills.c.price, fills.c.quantity)
        .join(runs, runs.c.run_id == fills.c.run_id)
        .where(runs.c.scope == scope, fills.c.session == session.isoformat())
    )
    with db.reading() as connection:
        times = connection.execute(sent).scalars()
        count = sum(session_of(from_iso(created)) == session for created in times)
        amounts = [(row.side, row.price * row.quantity) for row in connection.execute(traded)]
    bought = sum(won for side, won in amounts if side == Side.BUY.value)
    return Used(count, sum(won for _, won in amounts), bought)


def remember_day(db: DatabaseManager, scope: str, day: DayUse, session: date) -> None:
    """Tell node 4 what ``session`` has used already."""
    used = used_in(db, scope, session)
    for _ in range(used.orders):
        day.on_order(session)
    if used.traded:
        day.on_fill(session, used.traded)


def remember_guard(db: DatabaseManager, scope: str, guard: Guard, session: date) -> None:
    """Tell the broker's guard the same: a first day's cap outlives a restart."""
    guard.remember(session, **used_in(db, scope, session)._asdict())
