"""A small legal run to change: two names over a week of June 2024, and how to audit it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from kisbt.audit.legality import Violation, audit_fills
from kisbt.domain.market import Instrument, Product
from kisbt.domain.trading import Fill, Side

BUY, SELL = Side.BUY, Side.SELL
RATES = (0.001, 0.002, True)
CASH = 10_000_000


@dataclass(frozen=True)
class Table:
    """Bars as the data package keeps them."""

    times: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    base: Any


def table(first: str, *rows: tuple[int, int, int, int, int, int]) -> Table:
    """Daily bars on following days from ``first``: open, high, low, close, volume, base."""
    columns = np.array(rows, dtype=np.int64).T
    days = np.datetime64(first) + np.arange(len(rows))
    return Table(days.astype("datetime64[s]") + np.timedelta64(15 * 3600 + 1800, "s"), *columns)


# Monday 10 June to Friday 14 June 2024.
SHARE = table(
    "2024-06-10",
    (10_000, 10_200, 9_900, 10_100, 1_000, 10_000),
    (10_150, 10_400, 10_000, 10_300, 1_000, 0),
    (13_390, 13_390, 13_390, 13_390, 1_000, 0),  # locked: 10,300 + 3,090
    (13_390, 13_390, 13_390, 13_390, 0, 0),  # halted
    (9_370, 9_370, 9_370, 9_370, 1_000, 0),  # locked: 13,390 - 4,010 = 9,380 is out of reach
)
FUND = table(
    "2024-06-10",
    (2_005, 2_010, 2_000, 2_005, 5_000, 0),
    (2_010, 2_020, 2_005, 2_015, 5_000, 0),
)
NAMES = {
    "000010": Instrument(ticker="000010", listed=date(2020, 1, 2), delisted=date(2024, 6, 20)),
    "000020": Instrument(ticker="000020", product=Product.ETF, leverage=2.0),
}
BARS = {"000010": SHARE, "000020": FUND}
MON, TUE, WED, THU, FRI = (datetime(2024, 6, day, 15, 30) for day in range(10, 15))

Line = tuple[datetime, str, Side, int, int]


def run(*lines: Line, cash: int = CASH, number: int = 1) -> list[Fill]:
    """Book fills with correct costs: time, ticker, side, quantity, price."""
    fills: list[Fill] = []
    held: dict[str, int] = {}
    for at, ticker, side, quantity, price in lines:
        amount, fund = price * quantity, ticker == "000020"
        commission = amount * 2 // 1_000 if fund else amount // 1_000
        tax = amount * 18 // 10_000 if side is SELL and not fund else 0
        sign = 1 if side is BUY else -1
        cash += -sign * amount - commission - tax
        held[ticker] = held.get(ticker, 0) + sign * quantity
        costs = (commission, tax, cash, held[ticker])
        ref = f"O{len(fills) + 1:06d}"
        fills.append(
            Fill(ref, number + len(fills), at, at.date(), ticker, side, quantity, price, *costs)
        )
    return fills


LEGAL = run(
    (MON, "000010", BUY, 60, 10_000),
    (MON, "000010", BUY, 40, 10_200),
    (MON, "000020", BUY, 500, 2_005),
    (TUE, "000010", SELL, 50, 10_150),
    (TUE, "000020", SELL, 200, 2_015),
    (WED, "000010", SELL, 50, 13_390),
)


def audit(
    fills: Sequence[Fill],
    bars: dict[str, Table] | None = None,
    names: dict[str, Instrument] | None = None,
    **terms: Any,
) -> list[Violation]:
    known = {"start_cash": CASH, "participation": 0.1, "rates": RATES} | terms
    return audit_fills(fills, BARS if bars is None else bars, names or NAMES, **known)


def rules(violations: Sequence[Violation]) -> list[str]:
    return [violation.rule for violation in violations]
