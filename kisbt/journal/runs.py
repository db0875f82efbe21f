"""Rows about runs: begin, heartbeat, finish, and who was interrupted."""

import hashlib
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import Field
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kisbt.domain.market import Frozen
from kisbt.domain.rules import Rule
from kisbt.journal.record import iso
from kisbt.journal.schema import (
    RUN_TABLES,
    metadata,
    prompt_versions,
    rules,
    runs,
    ticks,
    trade_links,
    trades,
)

RunStatus = Literal["running", "finished", "failed", "interrupted"]
RunMode = Literal["backtest", "sim", "paper", "real"]

SILENT_FOR = timedelta(hours=1)
"""A run of another machine counts as interrupted when it has not written for this long."""


class PromptRecord(Frozen):
    """A prompt version as the journal keeps it. ``hash`` is ``sha256:...`` of the version."""

    number: int
    hash: str
    text: str
    summary: str = ""
    rules: tuple[Rule, ...] = ()


class RunInfo(Frozen):
    """What is known of a run when it begins. ``spec`` is its whole configuration, JSON-able.

    ``run_id`` is made from the time when it is not given. ``scope`` is the account of a live run
    (see ``kisbt.journal.controls``): what links an account's runs from session to session.
    """

    mode: RunMode = "backtest"
    strategy: str
    decider: str
    dataset_name: str
    dataset_hash: str
    config_hash: str = ""
    prompt: PromptRecord | None = None
    spec: Mapping[str, Any] = Field(default_factory=dict)
    run_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z._-]{1,100}$")
    scope: str | None = None


class RunRow(NamedTuple):
    """One run as stored; times are naive-free ISO text, ``metrics`` is ``None`` until finished."""

    run_id: str
    mode: str
    status: str
    strategy: str
    decider: str
    prompt_number: int | None
    prompt_hash: str | None
    dataset_name: str
    dataset_hash: str
    config_hash: str
    spec: dict[str, Any]
    metrics: dict[str, Any] | None
    started_at: str
    finished_at: str | None
    ticks: int
    trades: int


def begin(connection: Connection, info: RunInfo, now: datetime) -> str:
    """Insert the run, and its prompt version and rules unless they are known."""
    run_id = info.run_id or f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    if info.prompt is not None:
        _remember_prompt(connection, info.prompt, now)
    connection.execute(
        insert(runs),
        {
            "run_id": run_id,
            "mode": info.mode,
            "status": "running",
            "strategy": info.strategy,
            "decider": info.decider,
            "prompt_number": info.prompt.number if info.prompt else None,
            "prompt_hash": info.prompt.hash if info.prompt else None,
            "dataset_name": info.dataset_name,
            "dataset_hash": info.dataset_hash,
            "config_hash": info.config_hash,
            "spec": _json(info.spec),
            "started_at": iso(now),
            "heartbeat_at": iso(now),
            "host": this_host(),
            "process": process_mark(os.getpid()) or "",
            "scope": info.scope,
        },
    )
    return run_id


def _remember_prompt(connection: Connection, prompt: PromptRecord, now: datetime) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        make(prompt_versions).on_conflict_do_nothing(),
        {
            "hash": prompt.hash,
            "number": prompt.number,
            "summary": prompt.summary,
            "text": prompt.text,
            "first_used_at": iso(now),
        },
    )
    for rule in prompt.rules:
        connection.execute(
            make(rules).on_conflict_do_nothing(),
            {
                "prompt_hash": prompt.hash,
                "rule_id": rule.id,
                "category": rule.category.value,
                "priority": rule.priority,
                "because": rule.because,
                "body": rule.model_dump_json(),
            },
        )


def finish(
    connection: Connection,
    run_id: str,
    status: RunStatus,
    metrics: Mapping[str, Any] | None,
    now: datetime,
) -> bool:
    """Set the final status; false when there is no such run."""
    found = connection.execute(
        update(runs)
        .where(runs.c.run_id == run_id)
        .values(
            status=status,
            metrics=None if metrics is None else _json(metrics),
            finished_at=iso(now),
            heartbeat_at=iso(now),
        )
    )
    return bool(found.rowcount)


def resume(connection: Connection, run_id: str, now: datetime) -> bool:
    """Let this process go on with a run; false when there is no such run."""
    found = connection.execute(
        update(runs)
        .where(runs.c.run_id == run_id)
        .values(
            status="running",
            finished_at=None,
            heartbeat_at=iso(now),
            host=this_host(),
            process=process_mark(os.getpid()) or "",
        )
    )
    return bool(found.rowcount)


def beat(connection: Connection, run_id: str, now: datetime) -> None:
    """Note that the run still writes."""
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(heartbeat_at=iso(now)))


def left_open(connection: Connection, now: datetime) -> list[str]:
    """Ids of ``running`` runs whose process is gone, oldest first."""
    open_runs = connection.execute(
        select(runs.c.run_id, runs.c.host, runs.c.process, runs.c.heartbeat_at)
        .where(runs.c.status == "running")
        .order_by(runs.c.started_at, runs.c.run_id)
    ).all()
    return [row.run_id for row in open_runs if not _lives(row.host, row.process, row[3], now)]


def mark_interrupted(connection: Connection, run_ids: Sequence[str]) -> None:
    """Mark runs that are still ``running``."""
    connection.execute(
        update(runs)
        .where(runs.c.run_id.in_(run_ids), runs.c.status == "running")
        .values(status="interrupted")
    )


def _lives(host: str, process: str, heartbeat: str, now: datetime) -> bool:
    if host == this_host() and process:
        return process_mark(int(process.partition(":")[0])) == process
    return heartbeat >= iso(now - SILENT_FOR)


def this_host() -> str:
    """A name for this machine that says nothing about it."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:16]


def process_mark(pid: int) -> str | None:
    """``pid:start time`` of a living process; ``None`` when it is gone or cannot be known.

    The start time (in clock ticks since boot) tells a process from a later one with its number.
    Known on Linux; elsewhere the heartbeat decides.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses and may hold anything.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{pid}:{fields[19]}"  # dead, but not yet waited for


def read(
    connection: Connection,
    *,
    run_id: str | None = None,
    limit: int | None = None,
    status: RunStatus | None = None,
    dataset_hash: str | None = None,
) -> list[RunRow]:
    """Runs with their counts of ticks and trades, newest first."""
    tick_count = (
        select(func.count()).where(ticks.c.run_id == runs.c.run_id).scalar_subquery().label("ticks")
    )
    trade_count = (
        select(func.count())
        .where(trade_links.c.run_id == runs.c.run_id)
        .scalar_subquery()
        .label("trades")
    )
    query = select(runs, tick_count, trade_count)
    for column, wanted in (
        (runs.c.run_id, run_id),
        (runs.c.status, status),
        (runs.c.dataset_hash, dataset_hash),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    query = query.order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
    return [_row(row._mapping) for row in connection.execute(query)]


def _row(mapping: Mapping[Any, Any]) -> RunRow:
    values = {name: mapping[name] for name in RunRow._fields}
    values["spec"] = orjson.loads(values["spec"])
    if values["metrics"] is not None:
        values["metrics"] = orjson.loads(values["metrics"])
    return RunRow(**values)


def trials_on(connection: Connection, dataset_hash: str) -> int:
    """How many runs were begun on the data."""
    query = select(func.count()).select_from(runs).where(runs.c.dataset_hash == dataset_hash)
    return connection.execute(query).scalar_one()


def discard(connection: Connection, run_id: str) -> bool:
    """Delete what the run wrote and leave the run as ``interrupted``; false when unknown."""
    for name in ("approvals", "alerts"):
        table = metadata.tables[name]
        connection.execute(delete(table).where(table.c.run_id == run_id))
    mine = select(trade_links.c.trade_id).where(trade_links.c.run_id == run_id)
    ids = list(connection.execute(mine).scalars())
    connection.execute(delete(trade_links).where(trade_links.c.run_id == run_id))
    for start in range(0, len(ids), 500):
        connection.execute(delete(trades).where(trades.c.trade_id.in_(ids[start : start + 500])))
    for table in RUN_TABLES:
        connection.execute(delete(table).where(table.c.run_id == run_id))
    found = connection.execute(
        update(runs).where(runs.c.run_id == run_id).values(status="interrupted", metrics=None)
    )
    return bool(found.rowcount)


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(
        dict(value), default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    ).decode()
