"""What a run has written so far: read when a journal takes an unfinished run up again."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from kisbt.domain.trading import OrderState
from kisbt.journal.compression import Squeezer
from kisbt.journal.encode import decode_snapshot
from kisbt.journal.record import from_iso
from kisbt.journal.schema import (
    decisions,
    fills,
    order_events,
    orders,
    position_changes,
    runs,
    snapshots,
    ticks,
)

ENDED: frozenset[str] = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}
)
"""States after which an order does not change."""


class Origin(NamedTuple):
    """Why an order was sent: its decision, that name's features, and the portfolio as stored."""

    tick: int | None
    seq: int | None
    justification: str
    features: Mapping[str, float | None]
    portfolio: str | None


class LastState(NamedTuple):
    """The newest known state of an order; an equal one told again is no event."""

    state: str
    filled: int
    reason: str


class Progress(NamedTuple):
    """Numbers used so far, orders as they stand, shares held by ticker, and the strategy's name."""

    strategy: str
    events: int
    fills: set[int]
    orders: dict[str, LastState]
    shares: dict[str, int]


def read_progress(connection: Connection, run_id: str) -> Progress | None:
    """Everything a writer must know to go on; ``None`` when there is no such run."""
    strategy = connection.execute(select(runs.c.strategy).where(runs.c.run_id == run_id)).scalar()
    if strategy is None:
        return None
    last = connection.execute(
        select(func.max(order_events.c.event)).where(order_events.c.run_id == run_id)
    ).scalar()
    known = connection.execute(
        select(orders.c.ref, orders.c.state, orders.c.filled, orders.c.reason)
        .where(orders.c.run_id == run_id)
        .order_by(orders.c.ref)
    )
    done = connection.execute(
        select(fills.c.number, fills.c.session, fills.c.ticker, fills.c.position_after)
        .where(fills.c.run_id == run_id)
        .order_by(fills.c.number)
    ).all()
    shares = {row.ticker: (row.session, row.position_after) for row in done}
    changed = connection.execute(
        select(
            position_changes.c.session, position_changes.c.ticker, position_changes.c.quantity_after
        )
        .where(position_changes.c.run_id == run_id)
        .order_by(position_changes.c.session)
    )
    for row in changed:  # a change happens before its session opens, hence before its fills
        if row.session > shares.get(row.ticker, ("", 0))[0]:
            shares[row.ticker] = (row.session, row.quantity_after)
    return Progress(
        strategy=strategy,
        events=0 if last is None else last + 1,
        fills={row.number for row in done},
        orders={row.ref: LastState(row.state, row.filled, row.reason) for row in known},
        shares={ticker: held for ticker, (_, held) in shares.items()},
    )


def read_last_closes(connection: Connection, run_id: str) -> tuple[datetime, dict[str, int]] | None:
    """When the run's last tick with a market was, and what closed at which price then."""
    row = connection.execute(
        select(ticks.c.at, snapshots.c.codec, snapshots.c.body)
        .join(snapshots, snapshots.c.hash == ticks.c.snapshot)
        .where(ticks.c.run_id == run_id)
        .order_by(ticks.c.tick.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    market = decode_snapshot(Squeezer().unpack(row.codec, bytes(row.body)))
    return from_iso(row.at), market.closes


def read_origin(connection: Connection, run_id: str, ref: str) -> Origin | None:
    """The decision behind an order; ``None`` when the journal knows none."""
    row = connection.execute(
        select(
            orders.c.ticker,
            decisions.c.tick,
            decisions.c.seq,
            decisions.c.justification,
            ticks.c.portfolio,
            snapshots.c.codec,
            snapshots.c.body,
        )
        .join(
            decisions,
            (decisions.c.run_id == orders.c.run_id)
            & (decisions.c.tick == orders.c.tick)
            & (decisions.c.seq == orders.c.seq),
        )
        .join(ticks, (ticks.c.run_id == orders.c.run_id) & (ticks.c.tick == orders.c.tick))
        .join(snapshots, snapshots.c.hash == ticks.c.snapshot, isouter=True)
        .where(orders.c.run_id == run_id, orders.c.ref == ref)
    ).first()
    if row is None:
        return None
    features: Mapping[str, float | None] = {}
    if row.body is not None:
        body = Squeezer().unpack(row.codec, bytes(row.body))
        features = decode_snapshot(body).features.get(row.ticker, {})
    return Origin(row.tick, row.seq, row.justification, features, row.portfolio)
