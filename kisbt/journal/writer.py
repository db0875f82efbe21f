"""The journal of one run: takes ticks, orders, fills and equity, writes them in batches."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orjson import dumps
from sqlalchemy import Connection, Table, select

from kisbt.domain.llm import LLMCall
from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, PositionChange
from kisbt.errors import JournalError
from kisbt.journal.calls import CallEncoder
from kisbt.journal.compression import SMALLEST, Squeezer
from kisbt.journal.database import DatabaseManager
from kisbt.journal.encode import EncodedTick, decode_portfolio, encode_tick
from kisbt.journal.outcomes import (
    HORIZONS,
    OutcomeTracker,
    TradeOutcome,
    follow_again,
    write_outcomes,
)
from kisbt.journal.progress import (
    ENDED,
    LastState,
    Origin,
    read_last_closes,
    read_origin,
    read_progress,
)
from kisbt.journal.record import iso, storable
from kisbt.journal.schema import snapshots, texts
from kisbt.journal.statements import insert_new, upsert_order

_ORDER = (
    "ticks",
    "decisions",
    "order_events",
    "fills",
    "position_changes",
    "trades",
    "trade_links",
    "equity",
    "llm_calls",
)
_SECONDS = 30.0
"""A slow run (one that waits for a model) is written at least this often."""


class RunJournal:
    """Writes one run; meets ``domain.ports.Journal``.

    Args:
        db: The open journal.
        run_id: A run that ``db.begin_run`` registered. One that was interrupted is taken up
            where it stopped.
        batch: Bars (equity points) written at once, in one transaction. 0 or 1 writes each call
            durably before it returns, as live trading needs.

    Rows of a batch that could not be written stay, and are tried again by the next ``flush``.

    Raises:
        JournalError: no such run, or (any method) the journal cannot be written.
    """

    def __init__(self, db: DatabaseManager, run_id: str, *, batch: int = 500) -> None:
        self.run_id = run_id
        self._db = db
        self._batch = batch
        self._durable = batch <= 1
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _ORDER}
        self._snapshots: dict[str, bytes] = {}
        self._calls = CallEncoder()
        self._orders: dict[str, tuple[Any, ...]] = {}
        self._results: list[TradeOutcome] = []
        self._places: dict[str, int] = {}  # of unwritten trades, in their batch
        self._origins: dict[str, Origin | None] = {}  # None: known to have no decision
        self._ended: list[str] = []
        self._account: tuple[int, int, float] | None = None
        self._flushed_at = time.monotonic()
        self._squeezer = Squeezer()
        self.outcomes = OutcomeTracker()
        with db.reading() as connection:
            progress = read_progress(connection, run_id)
            if progress is None:
                raise JournalError(f"no run {run_id!r} in journal {db.name}")
            follow_again(connection, run_id, self.outcomes)
            last = read_last_closes(connection, run_id)
        self._ordinary = f"전략 {progress.strategy}의 주문, 기록된 결정 없음 (no recorded decision)"
        self._events = progress.events
        self._fills = progress.fills
        self._states = progress.orders
        self._shares = progress.shares
        if last is not None:
            self.observe(*last)

    def record_tick(self, state: TradingState) -> None:
        """Write one finished tick with its decisions and snapshot."""
        self.record_encoded(encode_tick(state))
        if "market" in state:
            self.observe(state["tick"].at, state["market"].closes)

    def record_encoded(self, tick: EncodedTick) -> None:
        """Write a tick that is encoded already."""
        run_id = self.run_id
        self._rows["ticks"].append((run_id, *tick.row))
        if tick.snapshot is not None:
            self._snapshots[tick.snapshot.hash] = tick.snapshot.body
        if tick.decisions:
            self._rows["decisions"].extend([(run_id, *row) for row in tick.decisions])
        if self._ended:
            self._forget_ended()
        for ref, seq in tick.sent.items():
            self._origins[ref] = _origin(tick, seq)
        # A bar ends with its equity point: batches end there, so that a crash leaves whole bars.
        if self._durable or len(self._rows["ticks"]) >= 2 * self._batch:
            self.flush()

    def record_order(self, event: OrderEvent) -> None:
        """Write one change of an order's state; the same one told again is no change.

        After its end an order changes only by an execution that is told late.
        """
        state = LastState(event.state.value, event.filled, storable(event.reason))
        ref = event.ref
        last = self._states.get(ref)
        if last is not None and (
            last == state or (last.state in ENDED and event.filled <= last.filled)
        ):
            return
        self._states[ref] = state
        if event.decision is None:
            self._origins.setdefault(ref, None)
        at = iso(event.at)
        earlier = self._orders.get(ref)
        self._orders[ref] = (
            self.run_id,
            ref,
            storable(event.ticker),
            event.side.value,
            event.quantity,
            event.limit_price,
            *state,
            event.tick,
            event.decision,
            at if earlier is None else earlier[11],
            at,
        )
        self._rows["order_events"].append((self.run_id, self._events, ref, at, *state))
        self._events += 1
        if event.state in ENDED:
            self._ended.append(ref)
        if self._durable:
            self.flush()

    def record_fill(self, fill: Fill) -> None:
        """Write one execution and its row in ``trades``; a known fill number is no news."""
        if fill.number in self._fills:
            return
        origin = self._origin(fill.ref)
        self._fills.add(fill.number)
        trade_id = f"{self.run_id}-{fill.number:06d}"
        at = iso(fill.at)
        number, ref, side = fill.number, fill.ref, fill.side.value
        what = (fill.ticker, side, fill.quantity, fill.price)
        after = (fill.commission, fill.tax, fill.cash_after, fill.position_after)
        session = fill.session.isoformat()
        self._rows["fills"].append((self.run_id, number, ref, at, session, *what, *after))
        stored = origin.portfolio
        before = self._holdings() if stored is None else decode_portfolio(stored)
        seen = (dumps(origin.features).decode(), dumps(before).decode())
        self._places[trade_id] = len(self._rows["trades"])
        self._rows["trades"].append((trade_id, at, *what, origin.justification, *seen, None, None))
        self._rows["trade_links"].append(
            (trade_id, self.run_id, number, ref, origin.tick, origin.seq, None, None)
        )
        self._shares[fill.ticker] = fill.position_after
        self.outcomes.add(trade_id, fill.ticker, fill.side, fill.price, fill.session)
        if self._durable:
            self.flush()

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Write the account at a bar's close."""
        self._rows["equity"].append((self.run_id, iso(at), cash, equity, exposure))
        self._account = (cash, equity, exposure)
        if self._ended:
            self._forget_ended()
        if (
            self._durable
            or len(self._rows["equity"]) >= self._batch
            or time.monotonic() - self._flushed_at > _SECONDS
        ):
            self.flush()

    def record_change(self, change: PositionChange) -> None:
        """Write what happened to a position without an order.

        Trades that are followed are carried over a split, so that their results stay comparable.
        """
        if change.kind == "split":
            self.outcomes.adjust(change.ticker, change.ratio, change.session)
        self._shares[change.ticker] = change.quantity_after
        row = (self.run_id, change.session.isoformat(), *change[1:])
        self._rows["position_changes"].append(row)
        if self._durable:
            self.flush()

    def record_call(self, call: LLMCall) -> None:
        """Write one exchange with a model; the same one told again is no news."""
        self._rows["llm_calls"].append(self._calls.row(self.run_id, call))
        if self._durable:
            self.flush()

    def observe(self, at: datetime, closes: Mapping[str, int]) -> None:
        """Tell the last close of every name (won) at a bar's close: 7- and 30-day results.

        ``record_tick`` does it by itself; a run without ticks must call it once a bar.
        """
        if known := self.outcomes.observe(at, closes):
            self._fill_in(known)

    def flush(self) -> None:
        """Write everything taken so far, in one transaction."""
        with self._db.writing(durable=self._durable) as connection:
            self._write(connection)
            self._db.heartbeat(connection, self.run_id)
        for rows in self._rows.values():
            rows.clear()
        self._snapshots.clear()
        self._calls.clear()
        self._orders.clear()
        self._results.clear()
        self._places.clear()
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """The last bar is over: settle what its closes decide, and write the rest."""
        self._fill_in(self.outcomes.close_session())
        self.flush()

    def _write(self, connection: Connection) -> None:
        dialect = connection.dialect.name

        def many(statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
            if rows:
                connection.exec_driver_sql(statement, list(rows))

        for table, bodies in ((snapshots, self._snapshots), (texts, self._calls.pieces)):
            many(insert_new(table.name, dialect), self._new_bodies(connection, table, bodies))
        many(upsert_order(dialect), list(self._orders.values()))
        for name in _ORDER:
            many(insert_new(name, dialect), self._rows[name])
        write_outcomes(connection, self._results)

    def _new_bodies(
        self, connection: Connection, table: Table, bodies: Mapping[str, bytes]
    ) -> list[tuple[str, str, bytes]]:
        """Rows for the bodies of the batch, without large ones that are stored already."""
        large = [name for name, body in bodies.items() if len(body) >= SMALLEST]
        known: set[str] = set()
        for start in range(0, len(large), 500):  # squeezing costs more than asking
            query = select(table.c.hash).where(table.c.hash.in_(large[start : start + 500]))
            known.update(connection.execute(query).scalars())
        return [
            (name, *self._squeezer.pack(body)) for name, body in bodies.items() if name not in known
        ]

    def _fill_in(self, known: Sequence[TradeOutcome]) -> None:
        """Results of trades that are not written yet go into their rows; others are updates."""
        trades, links = self._rows["trades"], self._rows["trade_links"]
        for outcome in known:
            place = self._places.get(outcome.trade_id)
            if place is None:
                self._results.append(outcome)
                continue
            column = HORIZONS.index(outcome.days) - len(HORIZONS)
            for rows in (trades, links):
                row = list(rows[place])
                row[column] = outcome.value
                rows[place] = tuple(row)

    def _forget_ended(self) -> None:
        # Not at once: a fill may be told after the event that ends its order.
        for ref in self._ended:
            self._origins.pop(ref, None)
        self._ended.clear()

    def _origin(self, ref: str) -> Origin:
        if ref not in self._origins:  # sent before this process began, or filled late
            self.flush()
            with self._db.reading() as connection:
                self._origins[ref] = read_origin(connection, self.run_id, ref)
            self._ended.append(ref)
        return self._origins[ref] or Origin(None, None, self._ordinary, {}, None)

    def _holdings(self) -> dict[str, Any]:
        cash, equity, exposure = self._account or (None, None, None)
        positions = [
            {"ticker": ticker, "quantity": held} for ticker, held in self._shares.items() if held
        ]
        return {"cash": cash, "equity": equity, "exposure": exposure, "positions": positions}


def _origin(tick: EncodedTick, seq: int | None) -> Origin | None:
    """Why an order of this tick was sent."""
    for row in tick.decisions:
        if row[1] == seq:
            return Origin(tick.number, seq, row[8], tick.features.get(row[2], {}), tick.portfolio)
    return None
