"""Realised profit from executions, for the paper server, which has no such call."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from kisbt.domain.trading import Side
from kisbt.kis.models.account import OrderRow, TradeProfit


class _Stock(NamedTuple):
    """Shares bought inside the period and what they cost, in won."""

    quantity: int = 0
    cost: float = 0.0


class _Sums(NamedTuple):
    bought: int = 0
    bought_for: int = 0
    sold: int = 0
    sold_for: int = 0
    realised: float | None = 0.0


def profits_of(rows: Iterable[OrderRow]) -> list[TradeProfit]:
    """Return profit by day and name, newest day first, then by ticker.

    Cost is the moving average of what was bought inside the rows; a sale of more than that has
    an unknown profit. Fees and taxes are not in executions, so they are not in the profit.
    """
    stocks: dict[str, _Stock] = {}
    sums: dict[tuple[date, str], _Sums] = {}
    for row in sorted(rows, key=lambda row: (row.day or date.min, row.number)):
        if row.day is None or row.side is None or row.filled <= 0:
            continue
        amount = row.filled_amount or round((row.average_price or 0.0) * row.filled)
        stock = stocks.get(row.ticker, _Stock())
        entry = sums.get((row.day, row.ticker), _Sums())
        if row.side is Side.BUY:
            stock = _Stock(stock.quantity + row.filled, stock.cost + amount)
            entry = entry._replace(
                bought=entry.bought + row.filled, bought_for=entry.bought_for + amount
            )
        else:
            profit: float | None = None
            if row.filled <= stock.quantity:
                cost = stock.cost * row.filled / stock.quantity
                stock = _Stock(stock.quantity - row.filled, stock.cost - cost)
                profit = amount - cost
            known = profit is not None and entry.realised is not None
            entry = entry._replace(
                sold=entry.sold + row.filled,
                sold_for=entry.sold_for + amount,
                realised=(entry.realised or 0.0) + (profit or 0.0) if known else None,
            )
        stocks[row.ticker] = stock
        sums[row.day, row.ticker] = entry
    ordered = sorted(sums.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1]))
    return [_profit(day, ticker, entry) for (day, ticker), entry in ordered]


def _profit(day: date, ticker: str, entry: _Sums) -> TradeProfit:
    raw = {
        "trad_dt": day,
        "pdno": ticker,
        "buy_qty": entry.bought,
        "buy_amt": entry.bought_for,
        "sll_qty": entry.sold,
        "sll_amt": entry.sold_for,
        "rlzt_pfls": None if entry.realised is None else round(entry.realised),
        "source": "substitute",
    }
    return TradeProfit.model_validate(raw)
