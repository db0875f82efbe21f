"""Reflection: M1 to M3 over a journal of 100,000 trades, in time and in memory."""

import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.figures import Figure
from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.rules import Condition, Rule
from kisbt.domain.trading import Action, Decision, Outcome, Side
from kisbt.journal.compression import Squeezer
from kisbt.journal.database import DatabaseManager
from kisbt.journal.encode import encode_snapshot
from kisbt.journal.learning import Scope
from kisbt.journal.record import iso
from kisbt.journal.runs import RunInfo
from kisbt.journal.statements import insert_new
from kisbt.krx.calendar import sessions
from kisbt.reflection_graph.conditions import LEARNABLE
from kisbt.reflection_graph.graph import NODES
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.state import Options, ReflectionState, Workbench
from kisbt.reflection_graph.steps import StepStore
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import Policy

NAMES = 40
HELD = 10
START = datetime(2019, 1, 2, 15, 30)

TEXT = (
    "# 판단\n\n<!-- kisbt:policy:begin -->\n<!-- kisbt:policy:end -->\n\n"
    "<!-- kisbt:rules:begin -->\n<!-- kisbt:rules:end -->\n"
)


class _NoMemory:
    def rejected(self) -> list[Rule]:
        return []


class _At:
    def __init__(self, context: Workbench) -> None:
        self.context = context


def run(quick: bool = False) -> list[Figure]:
    """Measure; ``quick`` takes a twentieth."""
    runs, ticks = (2, 1_250) if quick else (40, 1_250)
    with tempfile.TemporaryDirectory(prefix="kisbt-bench-") as folder:
        with DatabaseManager(f"sqlite:///{folder}/journal.sqlite") as db:
            trades = fill_journal(db, runs, ticks)
            before = _peak()
            started = time.perf_counter()
            state = learn(db, Path(folder))
            taken = time.perf_counter() - started
        peak = _peak()
    if state["performance"]["overall"]["trips"] == 0 or not state["analysis"]["insights"]:
        raise AssertionError("the planted pattern was not found")
    return [
        Figure(f"M1 to M3 over {trades:,} trades", taken, "s", "absolute", "< 60 s", taken < 60),
        Figure(f"M1 to M3 over {trades:,} trades: memory", peak, "MiB", "peak of the process",
               "< 1,024 MiB", peak < 1024),
        Figure("of that before learning began", before, "MiB", "peak of the process", "-", True),
    ]  # fmt: skip


def learn(db: DatabaseManager, folder: Path) -> ReflectionState:
    """M1 to M3 and the check of formats, without versions or a trial."""
    prompts = PromptStore(folder / "prompts", catalogue={f.name: f for f in FEATURES})
    policy = Policy(
        entry=(Condition(feature="volume_ratio", op=">=", value=1.0),),
        rank_by="volume_ratio", max_new_per_day=2, target_weight=0.1,
    )  # fmt: skip
    champion = prompts.add(Draft(author="human", summary="bench", policy=policy, text=TEXT))
    bench = Workbench(
        "RF-bench", db, Material(db, Scope(), policy), champion, prompts, StepStore(None),
        Options(), _NoMemory(),
    )  # fmt: skip
    state: ReflectionState = {}
    for node in NODES[:4]:
        state |= node(state, _At(bench))
    return state


def fill_journal(db: DatabaseManager, runs: int, ticks: int) -> int:
    """Runs over one market of 40 names: each tick buys one and sells what it bought 10 ticks ago.

    Names whose ``change_pct`` is high fall afterwards: there is something to find.
    """
    dice = np.random.default_rng(1)
    days = sessions(START.date(), START.date() + timedelta(days=int(ticks * 1.6)))[:ticks]
    at = [iso(datetime.combine(day, START.time())) for day in days]
    tickers = [f"{n:06d}" for n in range(NAMES)]
    values = np.round(dice.normal(0, 4, (ticks, NAMES, len(LEARNABLE))), 3)
    mood = LEARNABLE.index("market_mood")
    values[:, :, mood] = np.round(50 + 10 * dice.normal(size=(ticks, 1)), 2)
    trap = values[:, :, LEARNABLE.index("change_pct")] > 5
    moves = dice.normal(0.0003, 0.02, (ticks, NAMES))
    moves[1:] -= 0.02 * trap[:-1]
    closes = np.maximum(1000, 50_000 * np.exp(np.cumsum(moves, axis=0))).astype(int)
    squeezer = Squeezer()
    hashes, rows = [], []
    for t in range(ticks):
        features: dict[str, dict[str, float | None]] = {
            ticker: dict(zip(LEARNABLE, values[t, n].tolist(), strict=True))
            for n, ticker in enumerate(tickers)
        }
        shot = encode_snapshot(features, dict(zip(tickers, closes[t].tolist(), strict=True)))
        hashes.append(shot.hash)
        rows.append((shot.hash, *squeezer.pack(shot.body)))
    with db.writing(durable=False) as connection:
        connection.exec_driver_sql(insert_new("snapshots", "sqlite"), rows)
    trades = 0
    for number in range(runs):
        trades += _write_run(db, number, at, tickers, values, closes, hashes)
    return trades


def _write_run(
    db: DatabaseManager,
    number: int,
    at: list[str],
    tickers: list[str],
    values: Any,
    closes: Any,
    hashes: list[str],
) -> int:
    run_id = db.begin_run(
        RunInfo(strategy="s", decider="d", dataset_name="x", dataset_hash="sha256:x",
                config_hash=f"c{number}", run_id=f"run{number:03d}")
    )  # fmt: skip
    dice = np.random.default_rng([2, number])
    picks = dice.integers(0, len(tickers), len(at)).tolist()
    tables: dict[str, list[tuple[Any, ...]]] = {
        name: [] for name in ("ticks", "decisions", "fills", "trades", "trade_links")
    }
    fill = 0
    for t, time_ in enumerate(at):
        tables["ticks"].append(
            (run_id, t, time_, time_[:10], "traded", "", hashes[t], None, 50.0, "[]", "[]", "",
             "ACTIVE", "", 0.0, 0.0, 0.0, None, None)
        )  # fmt: skip
        if t + 1 >= len(at):
            continue
        due = [(Side.BUY, picks[t], 0)] + ([(Side.SELL, picks[t - HELD], 1)] if t >= HELD else [])
        for side, n, seq in due:
            ref, price = f"{t}-{seq}", int(closes[t + 1, n])
            trade_id = f"{run_id}-{fill:06d}"
            cost = (70, 0) if side is Side.BUY else (70, 900)
            seen = dict(zip(LEARNABLE, values[t, n].tolist(), strict=True))
            tables["decisions"].append(_decision(run_id, t, seq, tickers[n], side, ref))
            tables["fills"].append(
                (run_id, fill, ref, at[t + 1], at[t + 1][:10], tickers[n], side.value, 10, price,
                 *cost, 0, 0)
            )  # fmt: skip
            tables["trades"].append(
                (trade_id, at[t + 1], tickers[n], side.value, 10, price, "근거",
                 orjson.dumps(seen).decode(), "{}", 0.01, None)
            )  # fmt: skip
            tables["trade_links"].append((trade_id, run_id, fill, ref, t, seq, 0.01, None))
            fill += 1
    with db.writing(durable=False) as connection:
        for name, rows in tables.items():
            connection.exec_driver_sql(insert_new(name, "sqlite"), rows)
    db.finish_run(run_id)
    return fill


def _decision(run_id: str, t: int, seq: int, ticker: str, side: Side, ref: str) -> tuple[Any, ...]:
    from kisbt.journal.schema import decisions

    asked = Decision(ticker=ticker, action=Action(side.value), confidence=0.8)
    row = {
        "run_id": run_id, "tick": t, "seq": seq, "ticker": asked.ticker,
        "action": asked.action.value, "confidence": asked.confidence, "justification": "근거",
        "rules": "[]", "outcome": Outcome.ACCEPTED.value, "requested": 10, "approved": 10,
        "by": "[]", "reason": "", "order_ref": ref,
    }  # fmt: skip
    return tuple(row.get(column.name) for column in decisions.columns)


def _peak() -> float:
    """Peak memory of this process, MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)
