"""What a live session looks like from elsewhere: read from the journal alone."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from kisbt.domain.trading import OrderState
from kisbt.errors import JournalError
from kisbt.journal.controls import Alert, Approval, Controls, Halt
from kisbt.journal.database import DatabaseManager
from kisbt.journal.progress import ENDED, read_last_closes, read_progress
from kisbt.journal.schema import decisions, equity, orders, runs, ticks


class LiveStatus(NamedTuple):
    """One account's latest run, as journaled. Won; times are ISO text with ``+09:00``."""

    scope: str
    run_id: str
    mode: str
    status: str
    strategy: str
    decider: str
    prompt: int | None
    started_at: str
    heartbeat_at: str
    at: str | None
    cash: int | None
    equity: int | None
    trading_mode: str | None
    trading_reason: str | None
    positions: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    halts: list[Halt]
    approvals: list[Approval]
    alerts: list[Alert]


def live_status(db: DatabaseManager, scope: str | None = None) -> list[LiveStatus]:
    """The latest run of every account that ever traded live, newest first, or of one.

    Raises:
        JournalError: no live run is there, or none of that account.
    """
    query = (
        select(runs.c.run_id, runs.c.scope)
        .where(runs.c.scope.is_not(None))
        .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
    )
    latest: dict[str, str] = {}
    with db.reading() as connection:
        for row in connection.execute(query):
            latest.setdefault(row.scope, row.run_id)
    wanted = latest if scope is None else {k: v for k, v in latest.items() if k == scope}
    if not wanted:
        which = f" of account {scope}" if scope else ""
        raise JournalError(
            f"journal {db.name} holds no live run{which}", hint="start one: kisbt live --mock"
        )
    controls = Controls(db)
    return [_status(db, controls, which, run_id) for which, run_id in wanted.items()]


def _status(db: DatabaseManager, controls: Controls, scope: str, run_id: str) -> LiveStatus:
    with db.reading() as connection:
        run = connection.execute(select(runs).where(runs.c.run_id == run_id)).one()
        account = connection.execute(
            select(equity).where(equity.c.run_id == run_id).order_by(equity.c.at.desc()).limit(1)
        ).first()
        tick = connection.execute(
            select(ticks.c.mode, ticks.c.mode_reason)
            .where(ticks.c.run_id == run_id, ticks.c.mode.is_not(None))
            .order_by(ticks.c.tick.desc())
            .limit(1)
        ).first()
        positions = _positions(connection, run_id)
        resting = _resting(connection, run_id)
        latest = _decisions(connection, run_id)
    return LiveStatus(
        scope, run_id, run.mode, run.status, run.strategy, run.decider, run.prompt_number,
        run.started_at, run.heartbeat_at,
        account.at if account else None,
        account.cash if account else None,
        account.equity if account else None,
        tick.mode if tick else None,
        tick.mode_reason if tick else None,
        positions, resting, latest,
        controls.standing(scope),
        controls.approvals(scope, waiting=True),
        controls.alerts(run_id=run_id, limit=10),
    )  # fmt: skip


def _positions(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    progress = read_progress(connection, run_id)
    assert progress is not None
    last = read_last_closes(connection, run_id)
    closes = last[1] if last else {}
    return [
        {
            "ticker": ticker,
            "quantity": held,
            "close": closes.get(ticker),
            "value": held * closes[ticker] if ticker in closes else None,
        }
        for ticker, held in sorted(progress.shares.items())
        if held
    ]


def _resting(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    query = (
        select(orders)
        .where(orders.c.run_id == run_id, orders.c.state.not_in(sorted(ENDED)))
        .order_by(orders.c.ref)
    )
    return [
        {
            "ref": row.ref,
            "ticker": row.ticker,
            "side": row.side,
            "quantity": row.quantity,
            "filled": row.filled,
            "limit_price": row.limit_price,
            "state": OrderState(row.state).value,
            "since": row.created_at,
        }
        for row in connection.execute(query)
    ]


def _decisions(connection: Connection, run_id: str, limit: int = 10) -> list[dict[str, Any]]:
    query = (
        select(ticks.c.at, decisions)
        .join(
            decisions,
            (decisions.c.run_id == ticks.c.run_id) & (decisions.c.tick == ticks.c.tick),
        )
        .where(ticks.c.run_id == run_id)
        .order_by(ticks.c.tick.desc(), decisions.c.seq)
        .limit(limit)
    )
    return [
        {
            "at": row.at,
            "ticker": row.ticker,
            "action": row.action,
            "outcome": row.outcome,
            "quantity": row.approved,
            "reason": row.refusal or row.reason or "",
            "why": row.justification,
        }
        for row in connection.execute(query)
    ]


def seconds_since(stamp: str, now: datetime) -> float:
    """Seconds from a journal time to ``now`` (naive KST)."""
    return (now - datetime.fromisoformat(stamp).replace(tzinfo=None)).total_seconds()
