"""The journal: worst trades of a million, batches, and single durable writes.

Each absolute figure has its ratio to raw ``sqlite3`` doing the same, interleaved in the same run.
"""

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.figures import Figure
from kisbt.domain.state import (
    MarketAnalysis,
    PortfolioStatus,
    PositionStatus,
    RiskStatus,
    Tick,
    TickReport,
    TradingState,
)
from kisbt.domain.trading import (
    Action,
    Decision,
    OrderEvent,
    OrderState,
    Outcome,
    Side,
    TradingMode,
    TradingPlan,
    Verdict,
)
from kisbt.journal.database import DatabaseManager
from kisbt.journal.encode import encode_tick
from kisbt.journal.record import TradeRecord, iso
from kisbt.journal.runs import RunInfo
from kisbt.journal.schema import runs
from kisbt.journal.statements import insert_new
from kisbt.journal.writer import RunJournal

START = datetime(2015, 1, 5, 15, 30)
FEATURES = tuple(f"feature_{number:02d}" for number in range(18))
WRITTEN = ("snapshots", "ticks", "decisions", "equity")


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes small sizes and says nothing about the targets."""
    with tempfile.TemporaryDirectory(prefix="kisbt-bench-") as folder:
        return [
            *_worst(Path(folder), 20_000 if quick else 1_000_000),
            *_batches(Path(folder), 100 if quick else 2_520, 2 if quick else 5),
            *_durable(Path(folder), 20 if quick else 300),
        ]


def _worst(folder: Path, count: int) -> list[Figure]:
    with _journal(folder / "worst.sqlite") as db:
        _fill(db, count)
        plain = "SELECT * FROM trades WHERE {} IS NOT NULL ORDER BY {} LIMIT 20"
        with closing(sqlite3.connect(folder / "worst.sqlite")) as raw:
            scan = plain.format("pnl_7_days", "pnl_7_days")
            indexed: list[float] = []
            scanned: list[float] = []
            for _ in range(5):
                indexed += [_seconds(lambda: db.get_worst_trades(20)) for _ in range(10)]
                scanned.append(_seconds(lambda: raw.execute(scan).fetchall()))
            same = [row[0] for row in raw.execute(scan)]
        if [one.trade_id for one in db.get_worst_trades(20)] != same:
            raise AssertionError("the indexed query and the scan disagree")
        of_run = statistics.median(
            _seconds(lambda: db.get_worst_trades(20, run_id="run007")) for _ in range(30)
        )
    fast, slow = statistics.median(indexed), statistics.median(scanned)
    name = f"worst 20 of {count:,} trades"
    return [
        Figure(name, fast * 1e3, "ms", "absolute", "< 5 ms", fast < 0.005),
        Figure(f"{name}, one run", of_run * 1e3, "ms", "absolute", "< 5 ms", of_run < 0.005),
        Figure(f"{name}: time", fast / slow, "x", "the same query without the index",
               "<= 0.01", fast / slow <= 0.01),
    ]  # fmt: skip


def _batches(folder: Path, ticks: int, rounds: int) -> list[Figure]:
    ours: list[float] = []
    cpus: list[float] = []
    raws: list[float] = []
    rows = 0
    for number in range(rounds + 1):
        file = folder / f"batch{number}.sqlite"
        taken, cpu = _journaled(file, ticks)
        ours.append(taken)
        cpus.append(cpu / ticks)
        with closing(sqlite3.connect(file)) as written:
            tables = {name: written.execute(f"SELECT * FROM {name}").fetchall() for name in WRITTEN}
        rows = sum(map(len, tables.values()))
        with _journal(folder / f"raw{number}.sqlite") as db:
            db.begin_run(_info("run"))
        raws.append(_raw_batches(folder / f"raw{number}.sqlite", tables, ticks))
    # The first round pays for imports that a backtest has behind it.
    tick = statistics.median(cpus[1:])
    best, raw = statistics.median(ours[1:]), statistics.median(raws[1:])
    encoding = sum(_seconds(partial(encode_tick, _state(number))) for number in range(ticks))
    return [
        Figure("journal in batches, 30 names", rows / best, "rows/s", "absolute", ">= 20,000",
               rows / best >= 20_000),
        Figure("journal in batches: time", best / raw, "x", "raw sqlite3 executemany, same rows",
               "<= 5", best / raw <= 5),
        Figure("journal in batches: time less encoding", (best - encoding) / raw, "x",
               "raw sqlite3 executemany, same rows", "<= 3", (best - encoding) / raw <= 3),
        Figure("one tick, 30 names x 18 features, 3 decisions", tick * 1e6, "us",
               "absolute, processor time", "< 150 us", tick < 150e-6),
    ]  # fmt: skip


def _journaled(file: Path, ticks: int) -> tuple[float, float]:
    """Seconds of the calls, on the wall and of the processor.

    Each state is made just before, as in a run, and not counted.
    """
    wall = cpu = 0.0
    with _journal(file) as db:
        journal = RunJournal(db, db.begin_run(_info("run")))
        for number in range(ticks):
            state = _state(number)
            started, used = time.perf_counter(), time.process_time()
            journal.record_tick(state)
            journal.record_equity(state["tick"].at, 10_000_000, 100_000_000, 0.9)
            wall += time.perf_counter() - started
            cpu += time.process_time() - used
        started, used = time.perf_counter(), time.process_time()
        journal.close()
        return wall + time.perf_counter() - started, cpu + time.process_time() - used


def _raw_batches(file: Path, tables: dict[str, list[tuple[Any, ...]]], ticks: int) -> float:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA synchronous = NORMAL")
        started = time.perf_counter()
        for first in range(0, ticks, 500):
            for name, rows in tables.items():
                share = len(rows) // ticks
                part = rows[first * share : (first + 500) * share]
                raw.executemany(insert_new(name, "sqlite"), part)
            raw.commit()
        return time.perf_counter() - started


def _durable(folder: Path, count: int) -> list[Figure]:
    trades, events, raws = [], [], []
    with _journal(folder / "durable.sqlite") as db, _journal(folder / "plain.sqlite"):
        journal = RunJournal(db, db.begin_run(_info("run")), batch=0)
        with closing(sqlite3.connect(folder / "plain.sqlite")) as raw:
            raw.execute("PRAGMA synchronous = FULL")
            for number in range(count):
                record = _trade(number)
                event = OrderEvent(f"o{number}", START, "005930", Side.BUY, 10, None,
                                   OrderState.INTENT, 0, "", number, 0)  # fmt: skip
                trades.append(_seconds(partial(db.insert_trade, record)))
                events.append(_seconds(partial(journal.record_order, event)))
                raws.append(_seconds(partial(_raw_trade, raw, record)))
    trade, event_, raw_ = (statistics.median(times) for times in (trades, events, raws))
    return [
        Figure("durable trade", trade * 1e3, "ms", "absolute", "< 2 ms", trade < 0.002),
        Figure("durable order event", event_ * 1e3, "ms", "absolute", "< 2 ms", event_ < 0.002),
        Figure("durable trade: time", trade / raw_, "x", "raw sqlite3 insert and commit",
               "<= 3", trade / raw_ <= 3),
    ]  # fmt: skip


def _raw_trade(raw: sqlite3.Connection, record: TradeRecord) -> None:
    raw.execute(insert_new("trades", "sqlite"), tuple(record.model_dump(mode="json").values()))
    raw.execute(insert_new("trade_links", "sqlite"), (record.trade_id, *[None] * 7))
    raw.commit()


def _fill(db: DatabaseManager, count: int) -> None:
    dice = random.Random(1)
    with db.writing(durable=False) as connection:
        connection.execute(
            insert(runs),
            [
                {
                    "run_id": f"run{number:03d}", "mode": "backtest", "status": "finished",
                    "strategy": "s", "decider": "d", "dataset_name": "x",
                    "dataset_hash": "sha256:x", "config_hash": "", "spec": "{}",
                    "started_at": iso(START), "host": "", "heartbeat_at": iso(START), "process": "",
                }
                for number in range(100)
            ],
        )  # fmt: skip
    template = _trade(0)
    fixed = (template.justification_text, template.market_snapshot, template.portfolio_before)
    step = 10_000
    for first in range(0, count, step):
        trades, links = [], []
        for number in range(first, first + step):
            run_id, fill = f"run{number * 100 // count:03d}", number
            trade_id = f"{run_id}-{fill:06d}"
            week, month = dice.gauss(0, 0.05), dice.gauss(0, 0.1)
            at = iso(START + timedelta(minutes=number))
            what = (f"{dice.randrange(200):06d}", "BUY" if number % 2 else "SELL", 10, 50_000)
            trades.append((trade_id, at, *what, *fixed, max(week, -1.0), month))
            links.append((trade_id, run_id, fill, f"o{fill}", fill, 0, max(week, -1.0), month))
        with db.writing(durable=False) as connection:
            connection.exec_driver_sql(insert_new("trades", "sqlite"), trades)
            connection.exec_driver_sql(insert_new("trade_links", "sqlite"), links)


def _trade(number: int) -> TradeRecord:
    state = _state(0)
    return TradeRecord.model_validate(
        {
            "trade_id": f"t{number:06d}",
            "timestamp": START + timedelta(minutes=number),
            "ticker": "005930",
            "action": "BUY",
            "quantity": 10,
            "price": 50_000,
            "justification_text": "거래량 급증과 20일선 위, 상승 추세 지속",
            "market_snapshot": next(iter(state["market"].features.values())),
            "portfolio_before": {
                "cash": 1,
                "positions": [p[:4] for p in state["portfolio"].positions],
            },
        }
    )


def _state(number: int) -> TradingState:
    """A tick of 30 names x 18 features, three decisions, eight positions."""
    dice = random.Random(number)
    names = [f"{index:06d}" for index in range(30)]
    closes = {name: dice.randrange(1_000, 90_000) for name in names}
    features: dict[str, dict[str, float | None]] = {
        name: {key: float(f"{dice.gauss(0, 10):.6g}") for key in FEATURES} for name in names
    }
    positions = tuple(
        PositionStatus(name, 100, 100, 1_234.5, closes[name], 100 * closes[name], 0.1, -5_000, -0.4)
        for name in names[:8]
    )
    decisions = tuple(
        Decision(ticker=name, action=Action.BUY, target_weight=0.1, rules=("R0001",),
                 justification="거래량 급증과 20일선 위, 상승 추세 지속 구간 진입 조건 충족")
        for name in names[:3]
    )  # fmt: skip
    verdicts = tuple(
        Verdict(decision=seq, ticker=one.ticker, action=one.action, outcome=Outcome.CLIPPED,
                requested=100, quantity=50, by=("limit:max_weight",), reason="비중 한도로 줄임")
        for seq, one in enumerate(decisions)
    )  # fmt: skip
    at = START + timedelta(days=number)
    return TradingState(
        tick=Tick(number, at, at.date()),
        portfolio=PortfolioStatus(cash=10_000_000, orderable_cash=9_000_000, equity=100_000_000,
                                  exposure=0.9, positions=positions),
        market=MarketAnalysis(features=features, closes=closes, opportunities=(names[0],),
                              risks=(), mood=51.2),
        plan=TradingPlan(decisions=decisions),
        verdicts=verdicts,
        approved=(),
        risk=RiskStatus(mode=TradingMode.ACTIVE, reason="", drawdown=0.01, daily_loss=0.0,
                        weekly_loss=0.0),
        receipts=(),
        report=TickReport(ending="nothing_passed", line="매수 3건"),
    )  # fmt: skip


def _info(run_id: str) -> RunInfo:
    return RunInfo(
        strategy="s", decider="d", dataset_name="x", dataset_hash="sha256:x", run_id=run_id
    )


@contextmanager
def _journal(file: Path) -> Iterator[DatabaseManager]:
    with DatabaseManager(f"sqlite:///{file}") as db:
        yield db


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
