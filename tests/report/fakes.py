"""Seeded results whose fills, cash and equity belong together, without an engine."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from kisbt.domain.result import BenchmarkPoint, EquityPoint, RunResult
from kisbt.domain.trading import Fill, PositionChange, Side

START_CASH = 100_000_000
NAMES = {"005930": "가나전자", "000660": "다라반도체", "035720": "마바소프트", "0001A0": "사아ETF"}


@dataclass
class Account:
    """A toy account: whole won, commission on both sides, tax on sells."""

    cash: int = START_CASH
    shares: dict[str, int] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    changes: list[PositionChange] = field(default_factory=list)
    free_cash: int = START_CASH

    def trade(self, at: datetime, ticker: str, side: Side, quantity: int, price: int) -> None:
        amount = quantity * price
        commission = amount * 14 // 100_000
        tax = amount * 15 // 10_000 if side is Side.SELL else 0
        sign = 1 if side is Side.BUY else -1
        self.cash -= sign * amount + commission + tax
        self.free_cash -= sign * amount
        held = self.shares.get(ticker, 0) + sign * quantity
        self.shares[ticker] = held
        number = len(self.fills) + 1
        self.fills.append(
            Fill(f"B{number:04d}", number, at, at.date(), ticker, side, quantity, price,
                 commission, tax, self.cash, held)
        )  # fmt: skip

    def value(self, prices: dict[str, int]) -> int:
        return sum(quantity * prices[ticker] for ticker, quantity in self.shares.items())


def weekdays(first: date, count: int) -> list[date]:
    days: list[date] = []
    day = first
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def closes_of(days: Sequence[date], bars_a_day: int) -> list[datetime]:
    if bars_a_day == 1:
        return [datetime.combine(day, time(15, 30)) for day in days]
    opening = time(9, 0)
    return [
        datetime.combine(day, opening) + timedelta(minutes=n + 1)
        for day in days
        for n in range(bars_a_day)
    ]


def fake_result(
    seed: int = 7,
    sessions: int = 740,
    warmup: int = 60,
    bars_a_day: int = 1,
    trade_chance: float = 0.25,
    **changes: Any,
) -> RunResult:
    """A run of random buys and sells over four random walks."""
    rng = random.Random(seed)
    account = Account()
    times = closes_of(weekdays(date(2022, 1, 3), sessions), bars_a_day)
    prices = {ticker: 50_000 + 10_000 * n for n, ticker in enumerate(NAMES)}
    equity: list[EquityPoint] = []
    gross: list[int] = []
    market: list[BenchmarkPoint] = []
    level = 2_500.0
    for t, at in enumerate(times):
        move = rng.gauss(0.0003, 0.011)
        for ticker, price in prices.items():
            own = 1 + 0.8 * move + rng.gauss(0.0001, 0.014)
            prices[ticker] = max(1_000, round(price * own / 100) * 100)
        if t >= warmup and rng.random() < trade_chance:
            _trade_once(account, rng, at, prices)
        level = round(level * (1 + move), 6)
        worth = account.value(prices)
        total = account.cash + worth
        equity.append(EquityPoint(at, account.cash, total, worth / total))
        gross.append(account.free_cash + worth)
        market.append(BenchmarkPoint(at, level))
    values: dict[str, Any] = {
        "run_id": f"fake-{seed}",
        "spec": {"data": "fake", "strategy": "strategies/llm_trader.py", "cash": START_CASH},
        "dataset": {
            "name": "fake-market", "hash": "sha256:" + "ab" * 32, "source": "kisbt data synth",
            "synthetic": True, "adjusted": False, "frequency": "1d" if bars_a_day == 1 else "1m",
            "names": dict(NAMES), "first": str(times[0].date()), "last": str(times[-1].date()),
        },
        "decider": "rulebook (no LLM)",
        "prompt": {"number": 1, "hash": "sha256:" + "cd" * 32, "summary": "첫 판단 프롬프트"},
        "strategy": {"name": "LLMTrader", "file": "strategies/llm_trader.py",
                     "hash": "sha256:" + "ef" * 32},
        "start_cash": START_CASH,
        "equity": equity,
        "warmup_bars": warmup,
        "gross_equity": gross,
        "fills": account.fills,
        "events": [],
        "commission": sum(fill.commission for fill in account.fills),
        "tax": sum(fill.tax for fill in account.fills),
        "ticks": len(times), "holds": 11, "decisions": 2 * len(account.fills),
        "rejected": len(account.fills) // 3,
        "benchmark": market, "benchmark_label": "동일 비중 매수 후 보유",
        "risk": {}, "assumptions": ["next_bar", "participation:10 %", "locked", "day_orders",
                                    "no_vi", "no_impact", "settlement"],
        "trials_before": 3,
        "digests": {"fills": "sha256:" + "12" * 32, "equity": "sha256:" + "34" * 32},
        "reasons": {
            fill.ref: "거래량이 20일 평균의 2.3배로 늘고 20일선 위에서 마감해 진입 조건을 모두 채움"
            if fill.side is Side.BUY
            else "평균 단가 대비 8 % 하락해 손절 기준에 닿음"
            for fill in account.fills
        },
    }  # fmt: skip
    return RunResult(**(values | changes))


def _trade_once(account: Account, rng: random.Random, at: datetime, prices: dict[str, int]) -> None:
    ticker = rng.choice(sorted(prices))
    price, held = prices[ticker], account.shares.get(ticker, 0)
    if held and rng.random() < 0.5:
        quantity = held if rng.random() < 0.6 else rng.randint(1, held)
        account.trade(at, ticker, Side.SELL, quantity, price)
        return
    budget = int(account.cash * rng.uniform(0.05, 0.3))
    if budget >= price:
        account.trade(at, ticker, Side.BUY, budget // price, price)


def from_levels(levels: Sequence[int], market: Sequence[float] = (), **changes: Any) -> RunResult:
    """A result with this equity, one bar a session, nothing else happening."""
    times = closes_of(weekdays(date(2024, 1, 2), len(levels)), 1)
    values: dict[str, Any] = {
        "equity": [EquityPoint(at, v, v, 0.0) for at, v in zip(times, levels, strict=True)],
        "gross_equity": list(levels),
        "benchmark": [BenchmarkPoint(at, v) for at, v in zip(times, market, strict=False)],
        "fills": [], "warmup_bars": 0, "commission": 0, "tax": 0, "decisions": 0, "rejected": 0,
        "reasons": {},
    }  # fmt: skip
    return fake_result(sessions=1, warmup=0, **(values | changes))


def drifted(result: RunResult, daily: float) -> RunResult:
    """The same run with ``daily`` added to every bar's return; its fills are left out."""
    level, points, before = float(result.start_cash), [], result.start_cash
    for point in result.equity:
        level *= point.equity / before + daily
        before = point.equity
        points.append(point._replace(equity=round(level)))
    return replace(result, run_id=f"{result.run_id}-drifted", equity=points, fills=[])


def walk(returns: Sequence[float]) -> RunResult:
    """A run without trades whose equity has these daily returns, to the won of a big account."""
    days = weekdays(date(2022, 1, 3), len(returns))
    level, points = 10**12, []
    for at, move in zip(closes_of(days, 1), returns, strict=True):
        level = round(level * (1.0 + float(move)))
        points.append(EquityPoint(at, level, level, 0.0))
    return fake_result(
        sessions=1,
        warmup=0,
        start_cash=10**12,
        equity=points,
        gross_equity=[point.equity for point in points],
        fills=[],
        actions=[],
        benchmark=[],
    )
