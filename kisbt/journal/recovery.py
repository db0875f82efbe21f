"""What a live run must find again after a crash: its account's opening, orders, fills, numbers."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import orjson
from sqlalchemy import select

from kisbt.domain.trading import Fill, OrderState, PositionChange, Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso, iso, storable
from kisbt.journal.schema import (
    fills,
    openings,
    order_events,
    orders,
    position_changes,
    venue_orders,
)
from kisbt.journal.statements import insert_new


class Opening(NamedTuple):
    """The account when the run began: D+2 cash in won, shares and average cost by ticker."""

    at: datetime
    cash: int
    positions: dict[str, tuple[int, float]]


class KnownOrder(NamedTuple):
    """One order as the journal knows it.

    ``sent`` is when it last left (``None``: it never did, or was proven not to have been taken);
    ``number`` and ``branch`` are the venue's, empty where no answer was written. ``filled`` shares
    and ``amount`` won are those of its journaled fills.
    """

    ref: str
    ticker: str
    side: Side
    quantity: int
    limit_price: int | None
    state: OrderState
    created: datetime
    sent: datetime | None
    session: date | None
    number: str
    branch: str
    filled: int
    amount: int
    tick: int | None
    decision: int | None


class History(NamedTuple):
    """Everything of one run that its account's books are made of, oldest first."""

    opening: Opening | None
    orders: tuple[KnownOrder, ...]
    fills: tuple[Fill, ...]
    changes: tuple[PositionChange, ...]


class VenueRecord:
    """Writes what only a restart needs, durably, each by itself.

    Args:
        db: The open journal.
        run_id: A registered run.
    """

    def __init__(self, db: DatabaseManager, run_id: str) -> None:
        self._db = db
        self._run_id = run_id

    def opened(self, at: datetime, cash: int, positions: Sequence[tuple[str, int, float]]) -> None:
        """Note what the account held when the run began; the first word stands."""
        body = orjson.dumps(list(positions)).decode()
        self._insert("openings", (self._run_id, iso(at), cash, body))

    def named(self, ref: str, session: date, number: str, branch: str) -> None:
        """Note the number under which the venue took an order."""
        row = (self._run_id, ref, session.isoformat(), storable(number), storable(branch))
        self._insert("venue_orders", row)

    def _insert(self, table: str, row: tuple[object, ...]) -> None:
        with self._db.writing(durable=True) as connection:
            connection.exec_driver_sql(insert_new(table, connection.dialect.name), [row])


def read_opening(db: DatabaseManager, run_id: str) -> Opening | None:
    """What the account held when the run began; ``None`` if it never came so far."""
    with db.reading() as connection:
        start = connection.execute(select(openings).where(openings.c.run_id == run_id)).first()
    if start is None:
        return None
    held = {ticker: (shares, cost) for ticker, shares, cost in orjson.loads(start.positions)}
    return Opening(from_iso(start.at), start.cash, held)


def read_history(db: DatabaseManager, run_id: str) -> History:
    """Read what a run has written about its account."""
    opening = read_opening(db, run_id)
    with db.reading() as connection:
        done = tuple(
            Fill(
                row.ref,
                row.number,
                from_iso(row.at),
                date.fromisoformat(row.session),
                row.ticker,
                Side(row.side),
                row.quantity,
                row.price,
                row.commission,
                row.tax,
                row.cash_after,
                row.position_after,
            )
            for row in connection.execute(
                select(fills).where(fills.c.run_id == run_id).order_by(fills.c.number)
            )
        )
        changed = tuple(
            PositionChange(
                date.fromisoformat(row.session),
                row.ticker,
                row.kind,
                row.ratio,
                row.quantity_before,
                row.quantity_after,
                row.cash,
            )
            for row in connection.execute(
                select(position_changes)
                .where(position_changes.c.run_id == run_id)
                .order_by(position_changes.c.session, position_changes.c.ticker)
            )
        )
        left = {
            row.ref: from_iso(row.at)
            for row in connection.execute(
                select(order_events.c.ref, order_events.c.at)
                .where(
                    order_events.c.run_id == run_id,
                    order_events.c.state == OrderState.SENT.value,
                )
                .order_by(order_events.c.event)
            )
        }
        named = {
            row.ref: row
            for row in connection.execute(
                select(venue_orders).where(venue_orders.c.run_id == run_id)
            )
        }
        known = connection.execute(
            select(orders).where(orders.c.run_id == run_id).order_by(orders.c.ref)
        ).all()
    shares: dict[str, list[int]] = {}
    for fill in done:
        sums = shares.setdefault(fill.ref, [0, 0])
        sums[0] += fill.quantity
        sums[1] += fill.amount
    found = []
    for row in known:
        state, name = OrderState(row.state), named.get(row.ref)
        filled, amount = shares.get(row.ref, (0, 0))
        found.append(
            KnownOrder(
                row.ref,
                row.ticker,
                Side(row.side),
                row.quantity,
                row.limit_price,
                state,
                from_iso(row.created_at),
                None if state is OrderState.INTENT else left.get(row.ref),
                date.fromisoformat(name.session) if name else None,
                name.number if name else "",
                name.branch if name else "",
                filled,
                amount,
                row.tick,
                row.seq,
            )
        )
    return History(opening, tuple(found), done, changed)
