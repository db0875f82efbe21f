"""Runs to journal: states, orders and fills, made from a seed."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from kisbt.domain.ports import Journal
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
    Fill,
    OrderEvent,
    OrderReceipt,
    OrderState,
    Outcome,
    PositionChange,
    Side,
    TradingMode,
    TradingPlan,
    Verdict,
)
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import PromptRecord, RunInfo
from kisbt.journal.schema import metadata

Rows = dict[str, list[tuple[Any, ...]]]
"""Everything a journal holds, by table."""

TICKERS = ("005930", "000660", "035420")
START = datetime(2024, 1, 2, 15, 30)


def info(**changes: Any) -> RunInfo:
    """A run as ``kisbt backtest`` would register it."""
    fields: dict[str, Any] = {
        "strategy": "LlmTrader",
        "decider": "rulebook (no LLM)",
        "dataset_name": "sample",
        "dataset_hash": "sha256:data",
        "prompt": PromptRecord(number=1, hash="sha256:prompt", text="원칙", summary="첫 버전"),
    }
    return RunInfo(**{**fields, **changes})


def market(day: int, *, names: tuple[str, ...] = TICKERS, seed: int = 0) -> MarketAnalysis:
    """Features and closes of one day."""
    dice = random.Random(f"{seed}-{day}")
    features: dict[str, dict[str, float | None]] = {
        name: {
            "change_pct": round(dice.uniform(-30, 30), 4),
            "rsi14": None if day < 14 else round(dice.uniform(0, 100), 4),
        }
        for name in names
    }
    closes = {name: dice.randrange(1_000, 90_000, 100) for name in names}
    return MarketAnalysis(
        features=features, closes=closes, opportunities=names[:1], risks=(), mood=51.5
    )


def portfolio(cash: int = 10_000_000) -> PortfolioStatus:
    held = PositionStatus("005930", 10, 10, 70_000.5, 71_000, 710_000, 0.0663, 9_995, 1.43)
    return PortfolioStatus(
        cash=cash,
        orderable_cash=cash - 5_000,
        equity=cash + held.value,
        exposure=held.value / (cash + held.value),
        positions=(held,),
    )


def state(number: int, *decisions: Decision, **changes: Any) -> TradingState:
    """A finished tick, one calendar day each; every decision is accepted with 10 shares."""
    at = START + timedelta(days=number)
    verdicts = tuple(
        Verdict(
            decision=seq,
            ticker=one.ticker,
            action=one.action,
            outcome=Outcome.CLIPPED,
            requested=12,
            quantity=10,
            by=("limit:max_weight",),
            reason="종목 비중 한도로 줄임",
        )
        for seq, one in enumerate(decisions)
    )
    receipts = tuple(
        OrderReceipt(f"{number}-{seq}", one.ticker, Side(one.action), 10, None, True, "", seq)
        for seq, one in enumerate(decisions)
        if one.action is not Action.HOLD
    )
    finished: dict[str, Any] = {
        "tick": Tick(number, at, (at + timedelta(days=1)).date()),
        "portfolio": portfolio(),
        "market": market(number),
        "plan": TradingPlan(decisions=decisions, comment="관망"),
        "verdicts": verdicts,
        "approved": (),
        "risk": RiskStatus(
            mode=TradingMode.ACTIVE, reason="", drawdown=0.01, daily_loss=0.0, weekly_loss=0.0
        ),
        "receipts": receipts,
        "report": TickReport(ending="traded" if receipts else "nothing_passed", line="기록"),
    }
    return TradingState(**{**finished, **changes})


def decision(ticker: str = "005930", action: Action = Action.BUY, **changes: Any) -> Decision:
    return Decision(
        ticker=ticker,
        action=action,
        **{"justification": "거래량 급증", "rules": ("R0001",)} | changes,
    )


def event(
    ref: str, at: datetime, ticker: str, side: Side, to: OrderState, **more: Any
) -> OrderEvent:
    return OrderEvent(ref, at, ticker, side, 10, None, to, **more)


def fill(number: int, ref: str, at: datetime, ticker: str, side: Side, **changes: Any) -> Fill:
    made = Fill(number=number, ref=ref, at=at, session=at.date(), ticker=ticker, side=side,
                quantity=10, price=50_000, commission=70, tax=0, cash_after=9_500_000,
                position_after=10 if side is Side.BUY else 0)  # fmt: skip
    return made._replace(**changes)


def play(journal: Journal, *, ticks: int, seed: int = 0, first: int = 0) -> None:
    """A random run: decisions, orders that fill, rest or are refused a day later, equity."""
    resting: list[tuple[str, str, Side, int, int]] = []
    numbers = 0
    for number in range(ticks):
        dice = random.Random(f"play-{seed}-{number}")
        at = START + timedelta(days=number)
        told = number >= first
        for ref, ticker, side, tick, seq in resting:
            end = dice.choice([OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED])
            filled = 10 if end is OrderState.FILLED else 0
            before = dice.random() < 0.5  # brokers tell in either order
            done = event(ref, at, ticker, side, end, filled=filled, tick=tick, decision=seq)
            if told and before:
                journal.record_order(done)
            if filled:
                price = dice.randrange(1_000, 90_000, 100)
                if told:
                    journal.record_fill(fill(numbers, ref, at, ticker, side, price=price))
                numbers += 1
            if told and not before:
                journal.record_order(done)
        if told and number % 10 == 5:
            split = PositionChange(at.date(), TICKERS[number % 3], "split", 2.0, 10, 20, 0)
            journal.record_change(split)
        resting = []
        chosen = tuple(
            decision(dice.choice(TICKERS), dice.choice(list(Action)))
            for _ in range(dice.randrange(4))
        )
        tick_state = state(number, *chosen, market=market(number, seed=seed))
        for receipt in tick_state["receipts"]:
            assert receipt.decision is not None
            resting.append((receipt.ref, receipt.ticker, receipt.side, number, receipt.decision))
            if told:
                sent = event(
                    receipt.ref, at, receipt.ticker, receipt.side, OrderState.ACCEPTED,
                    tick=number, decision=receipt.decision,
                )  # fmt: skip
                journal.record_order(sent)
        if told:
            journal.record_tick(tick_state)
            journal.record_equity(at, 10_000_000, 10_710_000 + number, 0.066)


def rows(db: DatabaseManager) -> Rows:
    """Everything a journal holds, sorted, without run ids and wall-clock times."""
    hidden = {"started_at", "heartbeat_at", "finished_at", "first_used_at", "process", "host"}
    found: Rows = {}
    with db.reading() as connection:
        ids = [row[0] for row in connection.execute(select(metadata.tables["runs"].c.run_id))]
        for name, table in sorted(metadata.tables.items()):
            shown = [column for column in table.columns if column.name not in hidden]
            found[name] = sorted(
                (tuple(_anonymous(value, ids) for value in row)
                 for row in connection.execute(select(*shown))),
                key=repr,
            )  # fmt: skip
    return found


def _anonymous(value: Any, run_ids: list[str]) -> Any:
    for run_id in run_ids:
        if isinstance(value, str) and value.startswith(run_id):
            return "RUN" + value.removeprefix(run_id)
    return value


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
