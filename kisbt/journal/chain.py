"""A decision's whole chain, read back: snapshot, prompt, plan, verdict, order, fills, result."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Table, select

from kisbt.domain.state import MarketAnalysis
from kisbt.errors import JournalError
from kisbt.journal.calls import messages_of, read_request
from kisbt.journal.compression import Squeezer
from kisbt.journal.database import DatabaseManager
from kisbt.journal.encode import decode_portfolio, decode_snapshot
from kisbt.journal.record import TradeRecord
from kisbt.journal.runs import RunRow
from kisbt.journal.schema import (
    decisions,
    fills,
    llm_calls,
    order_events,
    orders,
    prompt_versions,
    rules,
    snapshots,
    ticks,
    trade_links,
    trades,
)

_TICK_ID = re.compile(r"^(?P<run>[^:]+):(?P<tick>\d{1,9})(?::(?P<seq>\d{1,9}))?$")
_TEXT_LISTS = ("opportunities", "risks", "rules", "by")

Fields = Mapping[str, Any]


class Step(NamedTuple):
    """One decision (``None`` for an ordinary order) and what came of it."""

    decision: Fields | None
    order: Fields | None
    events: list[Fields]
    fills: list[Fields]
    trades: list[TradeRecord]


class Chain(NamedTuple):
    """What the journal knows of one trade or tick.

    ``prompt`` holds its rules, each of ``calls`` its messages.
    """

    id: str
    run: RunRow | None
    tick: Fields | None
    market: MarketAnalysis | None
    prompt: Fields | None
    calls: list[Fields]
    steps: list[Step]

    def as_json(self) -> dict[str, Any]:
        """Plain values; of the snapshot the rows of the names decided on."""
        return {
            "id": self.id,
            "run": self.run._asdict() if self.run else None,
            "tick": self.tick,
            "features": self.features(),
            "prompt": self.prompt,
            "llm_calls": self.calls,
            "steps": [
                {**step._asdict(), "trades": [trade.model_dump() for trade in step.trades]}
                for step in self.steps
            ],
        }

    def features(self) -> dict[str, dict[str, float | None]]:
        """What was seen of each name decided on."""
        if self.market is None:
            return {}
        names = [step.decision["ticker"] for step in self.steps if step.decision]
        return {name: self.market.features[name] for name in names if name in self.market.features}


def read_chain(db: DatabaseManager, identifier: str) -> Chain:
    """The chain of a trade id, or of ``run:tick`` or ``run:tick:seq``.

    Raises:
        JournalError: nothing of that name is in the journal.
    """
    found = _TICK_ID.match(identifier)
    if found is None:
        return _of_trade(db, identifier)
    run_id, tick = found["run"], int(found["tick"])
    seq = int(found["seq"]) if found["seq"] else None
    run = db.run(run_id)
    with db.reading() as connection:
        row = _one(connection, ticks, run_id=run_id, tick=tick)
        if row is None:
            raise JournalError(
                f"run {run_id} has no tick {tick}", hint=f"its ticks are 0 to {run.ticks - 1}"
            )
        where = {"run_id": run_id, "tick": tick} | ({} if seq is None else {"seq": seq})
        decided = _many(connection, decisions, "seq", **where)
        if seq is not None and not decided:
            raise JournalError(f"tick {tick} of run {run_id} has no decision {seq}")
        steps = [_step(connection, run_id, one, one["order_ref"]) for one in decided]
        return _chain(connection, identifier, run, row, steps)


def load_snapshot(db: DatabaseManager, snapshot_hash: str) -> MarketAnalysis:
    """The market as a decision saw it, by the hash that its tick names.

    Raises:
        JournalError: not in the journal, or damaged.
    """
    with db.reading() as connection:
        return _snapshot(connection, snapshot_hash)


def _of_trade(db: DatabaseManager, trade_id: str) -> Chain:
    record, link = db.get_trade(trade_id)
    if link.run_id is None:
        return Chain(trade_id, None, None, None, None, [], [Step(None, None, [], [], [record])])
    run = db.run(link.run_id)
    with db.reading() as connection:
        row = decided = None
        if link.tick is not None:
            row = _one(connection, ticks, run_id=run.run_id, tick=link.tick)
            decided = _one(connection, decisions, run_id=run.run_id, tick=link.tick, seq=link.seq)
        step = _step(connection, run.run_id, decided, link.order_ref)
        return _chain(connection, trade_id, run, row, [step])


def _chain(
    connection: Connection, identifier: str, run: RunRow, tick: Fields | None, steps: list[Step]
) -> Chain:
    market = None
    calls: list[Fields] = []
    if tick is not None:
        if tick["snapshot"] is not None:
            market = _snapshot(connection, tick["snapshot"])
        calls = [
            {**call, "messages": messages_of(read_request(connection, call["request"]))}
            for call in _many(connection, llm_calls, "call", run_id=run.run_id, tick=tick["tick"])
        ]
    return Chain(identifier, run, tick, market, _prompt(connection, run), calls, steps)


def _prompt(connection: Connection, run: RunRow) -> Fields | None:
    if run.prompt_hash is None:
        return None
    row = _one(connection, prompt_versions, hash=run.prompt_hash) or {}
    learned = _many(connection, rules, "rule_id", prompt_hash=run.prompt_hash)
    return {
        "number": run.prompt_number,
        "hash": run.prompt_hash,
        "summary": row.get("summary", ""),
        "rules": {rule["rule_id"]: rule["because"] for rule in learned},
    }


def _step(connection: Connection, run_id: str, decided: Fields | None, ref: str | None) -> Step:
    if ref is None:
        return Step(decided, None, [], [], [])
    made = select(trades).join(trade_links, trade_links.c.trade_id == trades.c.trade_id)
    made = made.where(trade_links.c.run_id == run_id, trade_links.c.order_ref == ref)
    return Step(
        decided,
        _one(connection, orders, run_id=run_id, ref=ref),
        _many(connection, order_events, "event", run_id=run_id, ref=ref),
        _many(connection, fills, "number", run_id=run_id, ref=ref),
        [
            TradeRecord.model_validate(dict(row._mapping))
            for row in connection.execute(made.order_by(trades.c.trade_id))
        ],
    )


def _snapshot(connection: Connection, snapshot_hash: str) -> MarketAnalysis:
    row = _one(connection, snapshots, hash=snapshot_hash)
    if row is None:
        raise JournalError(f"snapshot {snapshot_hash} is not in the journal")
    return decode_snapshot(Squeezer().unpack(row["codec"], bytes(row["body"])))


def _one(connection: Connection, table: Table, **key: Any) -> dict[str, Any] | None:
    row = connection.execute(select(table).filter_by(**key)).first()
    return None if row is None else _plain(row._mapping)


def _many(connection: Connection, table: Table, order: str, **key: Any) -> list[Fields]:
    rows = connection.execute(select(table).filter_by(**key).order_by(table.c[order]))
    return [_plain(row._mapping) for row in rows]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    values = {str(name): value for name, value in row.items()}  # not SQLAlchemy's own strings
    for name in _TEXT_LISTS:
        if isinstance(values.get(name), str):
            values[name] = orjson.loads(values[name])
    if isinstance(values.get("portfolio"), str):
        values["portfolio"] = decode_portfolio(values["portfolio"])
    return values
