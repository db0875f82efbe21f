"""The journal as the rest of the program sees it: trades in, trades out, runs around them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any, Literal, Self

from sqlalchemy import Connection, Row, Select, insert, select, update

from kisbt.errors import JournalError
from kisbt.journal import runs as run_rows
from kisbt.journal.calls import CallSums, sum_calls
from kisbt.journal.connection import (
    display_name,
    ensure_folder,
    open_engine,
    parse_url,
    reading,
    writing,
)
from kisbt.journal.migrate import prepare
from kisbt.journal.record import KST, TradeLink, TradeRecord, check_return, iso
from kisbt.journal.runs import RunInfo, RunRow, RunStatus
from kisbt.journal.schema import trade_links, trades

Horizon = Literal[7, 30]


def _korean_now() -> datetime:
    from kisbt.krx.calendar import now

    return now()


class DatabaseManager:
    """One journal database. Opening it makes it, or upgrades it after a backup.

    Runs that were left open by a process that no longer lives are marked ``interrupted``; the
    attribute of that name lists them.

    Args:
        url: ``sqlite:///path`` or ``postgresql://...``.
        create: Make a journal that is not there yet; otherwise that is an error.
        busy_seconds: How long SQLite waits for another writer.
        clock: Naive KST for created and finished times, which are part of no result.

    Raises:
        JournalError: newer schema, not a database, not writable, locked, or not there.
    """

    def __init__(
        self,
        url: str,
        *,
        create: bool = True,
        busy_seconds: float = 10.0,
        clock: Callable[[], datetime] = _korean_now,
    ) -> None:
        parsed = parse_url(url)
        self.name = display_name(parsed)
        self._clock = clock
        ensure_folder(parsed, create=create)
        self.engine = open_engine(parsed, busy_seconds=busy_seconds)
        try:
            prepare(self.engine)
            self.interrupted = self._mark_interrupted()
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Close all connections. Closing twice is allowed."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads."""
        return reading(self.engine)

    def writing(self, *, durable: bool) -> AbstractContextManager[Connection]:
        """A transaction that commits at the end; ``durable`` survives a power cut."""
        return writing(self.engine, durable=durable)

    def _mark_interrupted(self) -> list[str]:
        with self.reading() as connection:
            gone = run_rows.left_open(connection, self._clock())
        if gone:  # only now does opening a journal take the write lock
            with self.writing(durable=False) as connection:
                run_rows.mark_interrupted(connection, gone)
        return gone

    def insert_trade(self, record: TradeRecord, link: TradeLink | None = None) -> str:
        """Write one trade durably and return its id.

        Raises:
            JournalError: the id is there already, or ``link`` names an unknown run.
        """
        row = record.model_dump(mode="json")
        returns = {"pnl_7_days": row["pnl_7_days"], "pnl_30_days": row["pnl_30_days"]}
        with self.writing(durable=True) as connection:
            connection.execute(insert(trades), row)
            connection.execute(
                insert(trade_links),
                {"trade_id": record.trade_id, **(link or TradeLink()).model_dump(), **returns},
            )
        return record.trade_id

    def get_trade(self, trade_id: str) -> tuple[TradeRecord, TradeLink]:
        """One trade and where it came from.

        Raises:
            JournalError: no such trade.
        """
        query = select(trades, *_LINK_COLUMNS).join(
            trade_links, trade_links.c.trade_id == trades.c.trade_id, isouter=True
        )
        with self.reading() as connection:
            row = connection.execute(query.where(trades.c.trade_id == trade_id)).first()
        if row is None:
            raise JournalError(
                f"no trade {trade_id!r} in journal {self.name}", hint="see kisbt journal trades"
            )
        link = TradeLink.model_validate({c.name: row._mapping[c.name] for c in _LINK_COLUMNS})
        return _record(row), link

    def get_trades_by_period(
        self,
        start: datetime | date | str | None = None,
        end: datetime | date | str | None = None,
        *,
        ticker: str | None = None,
        action: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[TradeRecord]:
        """Trades from ``start`` to ``end``, both included, oldest first.

        A ``date`` (or ISO date text) as ``end`` includes that whole day. Naive times are KST.
        """
        query = select(trades).order_by(trades.c.timestamp, trades.c.trade_id).limit(limit)
        if run_id is not None:
            query = _of_run(query, run_id)
        if start is not None:
            query = query.where(trades.c.timestamp >= _bound(start, last=False))
        if end is not None:
            query = query.where(trades.c.timestamp <= _bound(end, last=True))
        if ticker is not None:
            query = query.where(trades.c.ticker == ticker)
        if action is not None:
            query = query.where(trades.c.action == action)
        with self.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def get_worst_trades(
        self, limit: int = 20, *, run_id: str | None = None, days: Horizon = 7
    ) -> list[TradeRecord]:
        """Trades with the worst result after ``days`` calendar days, worst first.

        Trades whose result is not known yet are left out.
        """
        result = trade_links.c[f"pnl_{days}_days"]
        worst = select(trade_links.c.trade_id, result.label("pnl")).where(result.is_not(None))
        if run_id is not None:
            worst = worst.where(trade_links.c.run_id == run_id)
        found = worst.order_by(result, trade_links.c.trade_id).limit(limit).subquery()
        query = (
            select(trades)
            .join(found, found.c.trade_id == trades.c.trade_id)
            .order_by(found.c.pnl, found.c.trade_id)
        )
        with self.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def update_pnl(
        self,
        trade_id: str,
        *,
        pnl_7_days: float | None = None,
        pnl_30_days: float | None = None,
    ) -> None:
        """Fill in results of one trade, durably. ``None`` leaves what is there.

        Raises:
            JournalError: no such trade, or a result that no price could make.
        """
        values = {"pnl_7_days": pnl_7_days, "pnl_30_days": pnl_30_days}
        values = {name: value for name, value in values.items() if value is not None}
        with self.writing(durable=True) as connection:
            action = connection.execute(
                select(trades.c.action).where(trades.c.trade_id == trade_id)
            ).scalar()
            if action is None:
                raise JournalError(f"no trade {trade_id!r} in journal {self.name}")
            try:
                for value in values.values():
                    check_return(action, value)
            except ValueError as error:
                raise JournalError(f"trade {trade_id}: {error}") from error
            if values:
                for table in (trades, trade_links):
                    connection.execute(
                        update(table).where(table.c.trade_id == trade_id).values(values)
                    )

    def begin_run(self, info: RunInfo) -> str:
        """Register a run, its prompt and rules; return its id. It is ``running`` from now on."""
        with self.writing(durable=True) as connection:
            return run_rows.begin(connection, info, self._clock())

    def resume_run(self, run_id: str) -> None:
        """Take a run up again in this process: it is ``running`` from now on.

        Raises:
            JournalError: no such run.
        """
        with self.writing(durable=True) as connection:
            if not run_rows.resume(connection, run_id, self._clock()):
                raise self._no_run(run_id)

    def finish_run(
        self, run_id: str, status: RunStatus = "finished", metrics: Mapping[str, Any] | None = None
    ) -> None:
        """Close a run with its final status and metrics (JSON-able; NaN becomes null).

        Raises:
            JournalError: no such run.
        """
        with self.writing(durable=True) as connection:
            if not run_rows.finish(connection, run_id, status, metrics, self._clock()):
                raise self._no_run(run_id)

    def heartbeat(self, connection: Connection, run_id: str) -> None:
        """Say inside a transaction that the run still lives."""
        run_rows.beat(connection, run_id, self._clock())

    def run(self, run_id: str) -> RunRow:
        """One run.

        Raises:
            JournalError: no such run.
        """
        with self.reading() as connection:
            found = run_rows.read(connection, run_id=run_id)
        if not found:
            raise self._no_run(run_id)
        return found[0]

    def runs(
        self,
        *,
        limit: int | None = None,
        status: RunStatus | None = None,
        dataset_hash: str | None = None,
    ) -> list[RunRow]:
        """Runs, newest first."""
        with self.reading() as connection:
            return run_rows.read(connection, limit=limit, status=status, dataset_hash=dataset_hash)

    def trials_on(self, dataset_hash: str) -> int:
        """How many runs were begun on this data, whatever became of them."""
        with self.reading() as connection:
            return run_rows.trials_on(connection, dataset_hash)

    def llm_usage(self, run_id: str) -> CallSums:
        """What one run asked of models; all zero when it asked none."""
        with self.reading() as connection:
            return sum_calls(connection, run_id)

    def discard_run(self, run_id: str) -> None:
        """Remove what a run wrote, so that it can be made again under the same id.

        The run itself stays, as ``interrupted``: it was a trial. Snapshots are shared and stay.

        Raises:
            JournalError: no such run.
        """
        with self.writing(durable=True) as connection:
            if not run_rows.discard(connection, run_id):
                raise self._no_run(run_id)

    def _no_run(self, run_id: str) -> JournalError:
        return JournalError(
            f"no run {run_id!r} in journal {self.name}", hint="see kisbt journal runs"
        )


_LINK_COLUMNS = tuple(trade_links.c[name] for name in TradeLink.model_fields)


def _record(row: Row[Any]) -> TradeRecord:
    return TradeRecord.model_validate(
        {name: row._mapping[name] for name in TradeRecord.model_fields}
    )


def _of_run(query: Select[Any], run_id: str) -> Select[Any]:
    return query.join(trade_links, trade_links.c.trade_id == trades.c.trade_id).where(
        trade_links.c.run_id == run_id
    )


def _bound(moment: datetime | date | str, *, last: bool) -> str:
    if isinstance(moment, str):
        try:
            moment = (
                datetime.fromisoformat(moment) if len(moment) > 10 else date.fromisoformat(moment)
            )
        except ValueError as error:
            raise JournalError(
                f"{moment!r} is not an ISO date or time", hint="write 2024-03-29"
            ) from error
    if isinstance(moment, datetime):
        if moment.tzinfo is not None:
            moment = moment.astimezone(KST).replace(tzinfo=None)
        return iso(moment)
    day = datetime.combine(moment, datetime.min.time())
    # The next day's bare date sorts behind every ISO time of this day and before its own.
    return (day + timedelta(days=1)).isoformat()[:10] if last else day.isoformat()[:10]
