"""Bulk readers for reflection: what was done, what was judged, and what was seen, over many runs.

Runs of one live account (one ``scope``) are one book: what an earlier session bought a later one
sells. Every backtest is a book of its own. Books that saw the same market share its snapshots.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, null, select

from kisbt.domain.market import Frozen
from kisbt.domain.trading import Fill, PositionChange, Side
from kisbt.errors import JournalError
from kisbt.journal.compression import Squeezer
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.schema import (
    decisions,
    fills,
    position_changes,
    runs,
    snapshots,
    ticks,
    trade_links,
    trades,
)


class Scope(Frozen):
    """What to learn from: a period (both days included), runs by id, modes. Empty means all."""

    since: date | None = None
    until: date | None = None
    runs: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()


class Source(NamedTuple):
    """One run, the book its trades belong to and the market it saw."""

    run_id: str
    mode: str
    book: str
    market: str
    prompt_number: int | None
    prompt_hash: str | None
    decider: str


class Execution(NamedTuple):
    """One fill with the decision behind it.

    ``fill.ref`` is made unique over a book's runs. ``decided_at`` is ISO text, ``None`` for an
    order without a decision; ``rules`` and ``snapshot`` (that name's features) are JSON. ``week``
    and ``month`` are the results after 7 and 30 days, fractions, ``None`` until known.
    """

    trade_id: str
    run_id: str
    fill: Fill
    decided_at: str | None
    confidence: float | None
    agreement: float | None
    rules: str
    justification: str
    snapshot: str
    week: float | None
    month: float | None


class Judged(NamedTuple):
    """One buy that was decided: what node 4 made of it. ``at`` is the decision's bar, ISO text."""

    run_id: str
    tick: int
    seq: int
    at: str
    ticker: str
    outcome: str | None
    by: str
    order_ref: str | None


class Seen(NamedTuple):
    """One tick's market: ISO time and day of the bar, and the snapshot's hash."""

    at: str
    snapshot: str


class Market(NamedTuple):
    """A snapshot in rows: closes in won and features by ticker, in the order of ``names``."""

    closes: dict[str, int]
    names: list[str]
    rows: dict[str, list[float | None]]


def sources(db: DatabaseManager, scope: Scope) -> list[Source]:
    """Runs to learn from, oldest first: finished backtests, and live runs however they ended.

    Raises:
        JournalError: a named run is not there.
    """
    with db.reading() as connection:
        for run_id in scope.runs:
            known = select(runs.c.run_id).where(runs.c.run_id == run_id)
            if connection.execute(known).first() is None:
                raise JournalError(
                    f"no run {run_id!r} in journal {db.name}", hint="see kisbt journal runs"
                )
        query = select(runs).order_by(runs.c.started_at, runs.c.run_id)
        query = query.where((runs.c.status == "finished") | (runs.c.mode != "backtest"))
        if scope.runs:
            query = query.where(runs.c.run_id.in_(scope.runs))
        if scope.modes:
            query = query.where(runs.c.mode.in_(scope.modes))
        found = connection.execute(query).all()
    return [_source(row._mapping) for row in (found if scope.runs else _latest(found))]


def _latest(rows: Sequence[Any]) -> list[Any]:
    """Of backtests that were made twice only the last: the same trades are no news."""
    last: dict[Any, str] = {}
    for row in rows:
        if row.mode == "backtest":
            last[row.config_hash, row.prompt_hash, row.dataset_hash] = row.run_id
    kept = set(last.values())
    return [row for row in rows if row.mode != "backtest" or row.run_id in kept]


def _source(row: Any) -> Source:
    account = row["scope"]
    names = orjson.loads(row["spec"]).get("tickers") or []
    market = account or f"{row['dataset_hash']}|{','.join(sorted(names))}"
    return Source(
        row["run_id"], row["mode"], account or row["run_id"], market,
        row["prompt_number"], row["prompt_hash"], row["decider"],
    )  # fmt: skip


def first_session(db: DatabaseManager, run_id: str) -> date | None:
    """The session of a run's first tick; ``None`` without ticks."""
    query = select(func.min(ticks.c.session)).where(ticks.c.run_id == run_id)
    with db.reading() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else date.fromisoformat(found)


def fingerprint(db: DatabaseManager, of: Sequence[Source], scope: Scope) -> str:
    """``sha256:`` of what can be learnt from: changes as soon as a run has more to tell."""
    told: list[Any] = [scope.model_dump(mode="json")]
    with db.reading() as connection:
        for source in of:
            links = select(
                func.count(),
                func.count(trade_links.c.pnl_7_days),
                func.count(trade_links.c.pnl_30_days),
            ).where(trade_links.c.run_id == source.run_id)
            seen = select(func.count(), func.max(ticks.c.at)).where(ticks.c.run_id == source.run_id)
            counts = [tuple(connection.execute(query).one()) for query in (links, seen)]
            told.append([*source, *counts])
    return "sha256:" + hashlib.sha256(orjson.dumps(told)).hexdigest()


def read_executions(connection: Connection, run_id: str) -> list[Execution]:
    """All fills of a run in order, each with its decision."""
    agreement = decisions.c.get("agreement", null())
    query = (
        select(
            trade_links.c.trade_id, fills.c.number, fills.c.ref, fills.c.at, fills.c.session,
            fills.c.ticker, fills.c.side, fills.c.quantity, fills.c.price, fills.c.commission,
            fills.c.tax, fills.c.cash_after, fills.c.position_after, ticks.c.at,
            decisions.c.confidence, agreement, decisions.c.rules, trades.c.justification_text,
            trades.c.market_snapshot, trade_links.c.pnl_7_days, trade_links.c.pnl_30_days,
        )
        .join(fills, (fills.c.run_id == trade_links.c.run_id)
              & (fills.c.number == trade_links.c.fill_number))
        .join(trades, trades.c.trade_id == trade_links.c.trade_id)
        .join(decisions, (decisions.c.run_id == trade_links.c.run_id)
              & (decisions.c.tick == trade_links.c.tick)
              & (decisions.c.seq == trade_links.c.seq), isouter=True)
        .join(ticks, (ticks.c.run_id == trade_links.c.run_id)
              & (ticks.c.tick == trade_links.c.tick), isouter=True)
        .where(trade_links.c.run_id == run_id)
        .order_by(fills.c.number)
    )  # fmt: skip
    return [_execution(run_id, row) for row in connection.execute(query)]


def _execution(run_id: str, row: Any) -> Execution:
    fill = Fill(
        f"{run_id}:{row[2]}", row[1], from_iso(row[3]), date.fromisoformat(row[4]), row[5],
        Side(row[6]), *row[7:13],
    )  # fmt: skip
    return Execution(row[0], run_id, fill, row[13], row[14], row[15], row[16] or "[]", *row[17:21])


def read_changes(connection: Connection, run_id: str) -> list[PositionChange]:
    """Splits and delistings of a run, oldest first."""
    table = position_changes
    query = select(
        table.c.session, table.c.ticker, table.c.kind, table.c.ratio, table.c.quantity_before,
        table.c.quantity_after, table.c.cash,
    ).where(table.c.run_id == run_id)  # fmt: skip
    rows = connection.execute(query.order_by(table.c.session, table.c.ticker))
    return [PositionChange(date.fromisoformat(row[0]), *row[1:]) for row in rows]


def read_judged(connection: Connection, run_id: str) -> list[Judged]:
    """Every buy that a run decided, traded or not, in order."""
    query = (
        select(
            decisions.c.tick, decisions.c.seq, ticks.c.at, decisions.c.ticker,
            decisions.c.outcome, decisions.c.by, decisions.c.order_ref,
        )
        .join(ticks, (ticks.c.run_id == decisions.c.run_id) & (ticks.c.tick == decisions.c.tick))
        .where(decisions.c.run_id == run_id, decisions.c.action == "BUY")
        .order_by(decisions.c.tick, decisions.c.seq)
    )  # fmt: skip
    return [Judged(run_id, *row[:5], row[5] or "[]", row[6]) for row in connection.execute(query)]


def read_seen(connection: Connection, run_id: str) -> list[Seen]:
    """Times and snapshots of a run's ticks, oldest first."""
    query = select(ticks.c.at, ticks.c.snapshot).where(
        ticks.c.run_id == run_id, ticks.c.snapshot.is_not(None)
    )
    return [Seen(*row) for row in connection.execute(query.order_by(ticks.c.tick))]


def read_markets(connection: Connection, hashes: Sequence[str]) -> Iterator[tuple[str, Market]]:
    """Snapshots by hash, in the order asked for.

    Raises:
        JournalError: one is not in the journal, or is damaged.
    """
    squeezer = Squeezer()
    for first in range(0, len(hashes), 200):
        part = list(hashes[first : first + 200])
        query = select(snapshots).where(snapshots.c.hash.in_(part))
        bodies = {row.hash: (row.codec, bytes(row.body)) for row in connection.execute(query)}
        for one in part:
            if one not in bodies:
                raise JournalError(f"snapshot {one} is not in the journal")
            yield one, _market(squeezer.unpack(*bodies[one]))


def _market(body: bytes) -> Market:
    try:
        raw = orjson.loads(body)
        names, rows = raw.get("names"), raw["rows"]
        if names is None:
            names = sorted({name for row in rows.values() for name in row})
            rows = {ticker: [row.get(name) for name in names] for ticker, row in rows.items()}
        return Market(raw["closes"], names, rows)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError("a market snapshot in the journal is damaged") from error


def find_trade_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of ``ids`` are trades of this journal."""
    found: set[str] = set()
    for first in range(0, len(ids), 500):
        part = list(ids[first : first + 500])
        query = select(trades.c.trade_id).where(trades.c.trade_id.in_(part))
        found.update(connection.execute(query).scalars())
    return found
