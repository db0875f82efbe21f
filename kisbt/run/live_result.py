"""A live run as reports want it, read back from the journal: what was written is what counts."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from kisbt.data.dataset import Dataset
from kisbt.domain.market import Instrument
from kisbt.domain.result import BenchmarkPoint, EquityPoint, RunResult
from kisbt.domain.trading import OrderEvent, OrderState, Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.recovery import Opening, read_history
from kisbt.journal.schema import decisions, equity, order_events, orders, ticks
from kisbt.risk.measures import LossTracker
from kisbt.run.loader import LoadedStrategy


class Sources(NamedTuple):
    """What the journal does not say of itself."""

    strategy: LoadedStrategy
    file: str
    instruments: Sequence[Instrument]
    frequency: str
    dataset: Dataset | None
    where: str


def live_result(db: DatabaseManager, run_id: str, sources: Sources) -> RunResult:
    """Everything that a live run has journaled so far, as one result.

    There is no zero-cost twin of a live run, and no warm-up: every bar of it was traded on.
    """
    run, history = db.run(run_id), read_history(db, run_id)
    with db.reading() as connection:
        line = _equity(connection, run_id)
        events = read_events(connection, run_id)
        reasons = _reasons(connection, run_id)
        counts = _counts(connection, run_id)
    start = worth_of(history.opening)
    fills = history.fills
    first = line[0].at.date() if line else None
    last = line[-1].at.date() if line else None
    dataset = sources.dataset
    benchmark, label = _benchmark(line, dataset)
    return RunResult(
        run_id=run_id,
        spec={**run.spec, "prompt": run.prompt_number},
        dataset={
            "name": run.dataset_name,
            "hash": run.dataset_hash,
            "source": sources.where,
            "synthetic": dataset is not None and dataset.manifest.synthetic,
            "adjusted": False,
            "frequency": sources.frequency,
            "names": {each.ticker: each.name for each in sources.instruments},
            "first": None if first is None else first.isoformat(),
            "last": None if last is None else last.isoformat(),
        },
        decider=run.decider,
        prompt=None
        if run.prompt_number is None
        else {"number": run.prompt_number, "hash": run.prompt_hash, "summary": ""},
        strategy={
            "name": sources.strategy.cls.__name__,
            "file": sources.file,
            "hash": sources.strategy.hash,
        },
        start_cash=start,
        equity=line,
        warmup_bars=0,
        gross_equity=[],
        fills=fills,
        events=events,
        commission=sum(fill.commission for fill in fills),
        tax=sum(fill.tax for fill in fills),
        benchmark=benchmark,
        benchmark_label=label,
        risk=_risk(line, start),
        assumptions=["체결은 모두 거래 상대(증권사 서버)가 알려 준 것 (fills are the venue's own)"],
        actions=history.changes,
        opening={} if history.opening is None else history.opening.positions,
        reasons=reasons,
        ticks=counts["ticks"],
        holds=counts["holds"],
        decisions=counts["decisions"],
        rejected=counts["rejected"],
    )


def worth_of(opening: Opening | None) -> int:
    """What an account was worth when a run began on it: cash and positions at cost, won."""
    if opening is None:
        return 0
    return opening.cash + round(sum(n * cost for n, cost in opening.positions.values()))


def read_events(connection: Connection, run_id: str, since: date | None = None) -> list[OrderEvent]:
    """Order events of a run, oldest first; those of orders made on or after ``since``."""
    query = (
        select(order_events, orders.c.ticker, orders.c.side, orders.c.quantity,
               orders.c.limit_price, orders.c.tick, orders.c.seq)
        .join(orders, (orders.c.run_id == order_events.c.run_id)
              & (orders.c.ref == order_events.c.ref))
        .where(order_events.c.run_id == run_id)
        .order_by(order_events.c.event)
    )  # fmt: skip
    if since is not None:
        query = query.where(order_events.c.at >= since.isoformat())
    return [
        OrderEvent(
            row.ref, from_iso(row.at), row.ticker, Side(row.side), row.quantity, row.limit_price,
            OrderState(row.state), row.filled, row.reason, row.tick, row.seq,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _equity(connection: Connection, run_id: str) -> list[EquityPoint]:
    query = select(equity).where(equity.c.run_id == run_id).order_by(equity.c.at)
    return [
        EquityPoint(from_iso(row.at), row.cash, row.equity, row.exposure)
        for row in connection.execute(query)
    ]


def _reasons(connection: Connection, run_id: str) -> dict[str, str]:
    query = (
        select(orders.c.ref, decisions.c.justification)
        .join(
            decisions,
            (decisions.c.run_id == orders.c.run_id)
            & (decisions.c.tick == orders.c.tick)
            & (decisions.c.seq == orders.c.seq),
        )
        .where(orders.c.run_id == run_id)
        .order_by(orders.c.ref)
    )
    return {row.ref: row.justification for row in connection.execute(query)}


def _counts(connection: Connection, run_id: str) -> Mapping[str, int]:
    def count(query: Any) -> int:
        return int(connection.execute(query).scalar_one())

    tick_rows = select(func.count()).select_from(ticks).where(ticks.c.run_id == run_id)
    asked = select(func.count()).select_from(decisions).where(decisions.c.run_id == run_id)
    return {
        "ticks": count(tick_rows),
        "holds": count(tick_rows.where(ticks.c.ending == "hold")),
        "decisions": count(asked),
        "rejected": count(asked.where(decisions.c.outcome == "rejected")),
    }


def _benchmark(
    line: Sequence[EquityPoint], dataset: Dataset | None
) -> tuple[list[BenchmarkPoint], str]:
    """The dataset's index at the run's bars; nothing where nobody knows one."""
    if dataset is None or dataset.index is None:
        return [], "-"
    import numpy as np

    index = dataset.index
    times = np.array([point.at for point in line], dtype="datetime64[s]")
    at = np.maximum(np.searchsorted(index.times, times, side="right") - 1, 0)
    levels = index.values[at].tolist()
    points = [BenchmarkPoint(p.at, float(v)) for p, v in zip(line, levels, strict=True)]
    return points, index.name


def _risk(line: Sequence[EquityPoint], start: int) -> dict[str, Any]:
    losses = LossTracker(start)
    drawdown = daily = weekly = 0.0
    for point in line:
        losses.observe(point.at.date(), point.equity)
        drawdown = max(drawdown, losses.drawdown)
        daily, weekly = max(daily, losses.daily_loss), max(weekly, losses.weekly_loss)
    exposures = [point.exposure for point in line]
    return {
        "max_drawdown": drawdown,
        "worst_daily_loss": daily,
        "worst_weekly_loss": weekly,
        "max_exposure": max(exposures, default=0.0),
        "mean_exposure": sum(exposures) / len(exposures) if exposures else 0.0,
    }
