"""Ports in memory: a scripted market, account, decider and journal, any of which may fail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from kisbt.domain.market import Instrument, Quote
from kisbt.domain.rules import Rule
from kisbt.domain.state import DecisionContext, Tick, TradingState
from kisbt.domain.trading import (
    Decision,
    Fill,
    Holding,
    OpenOrder,
    OrderEvent,
    OrderIntent,
    OrderReceipt,
    Side,
    TradingPlan,
)
from kisbt.trading_graph.desk import Desk
from tests.risk.world import CLOSES, COSTS, SESSION, WIDE, instrument, quote

TICK = Tick(0, datetime(2024, 3, 1, 15, 30), SESSION)
DAY = date(2024, 3, 1)


@dataclass
class Faults:
    """Which port call raises what, and at which call of it (from 1)."""

    at: Mapping[str, tuple[int, Exception]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def reach(self, what: str) -> None:
        self.calls[what] = self.calls.get(what, 0) + 1
        turn, error = self.at.get(what, (0, None))
        if error is not None and turn == self.calls[what]:
            raise error


@dataclass
class Floor:
    """All ports at once, with what reached them."""

    money: int = 100_000_000
    orderable: int | None = None
    held: Mapping[str, Holding] = field(default_factory=dict)
    resting: list[OpenOrder] = field(default_factory=list)
    rows: dict[str, dict[str, float | None]] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=lambda: dict(CLOSES))
    quotes: Mapping[str, Quote | None] = field(default_factory=dict)
    script: Sequence[Decision] = ()
    refused: Sequence[str] = ()
    gone: Sequence[str] = ()
    faults: Faults = field(default_factory=Faults)
    label: str = "scripted"
    ticks: list[TradingState] = field(default_factory=list)
    sent: list[OrderIntent] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    asked: list[DecisionContext] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def cash(self) -> int:
        self.faults.reach("cash")
        return self.money

    def orderable_cash(self) -> int:
        return self.money if self.orderable is None else self.orderable

    def equity(self) -> int:
        self.faults.reach("equity")
        return self.money + sum(h.quantity * CLOSES[t] for t, h in self.held.items())

    def holdings(self) -> Mapping[str, Holding]:
        self.faults.reach("holdings")
        return self.held

    def open_orders(self) -> Sequence[OpenOrder]:
        self.faults.reach("open_orders")
        return list(self.resting)

    def now(self) -> datetime:
        return TICK.at

    def session(self) -> date:
        return TICK.session

    def features(self) -> dict[str, dict[str, float | None]]:
        self.faults.reach("features")
        return {ticker: dict(row) for ticker, row in self.rows.items()}

    def closes(self) -> dict[str, int]:
        self.faults.reach("closes")
        return dict(self.prices)

    def quote(self, ticker: str) -> Quote | None:
        self.faults.reach("quote")
        if ticker in self.quotes:
            return self.quotes[ticker]
        known = CLOSES.get(ticker)
        return known and quote(known, product=instrument(ticker).product)

    def instrument(self, ticker: str) -> Instrument | None:
        return instrument(ticker) if ticker in CLOSES else None

    def decide(self, context: DecisionContext) -> TradingPlan:
        self.faults.reach("decide")
        self.asked.append(context)
        return TradingPlan(decisions=tuple(self.script))

    def submit(self, intent: OrderIntent) -> OrderReceipt:
        self.faults.reach("submit")
        self.sent.append(intent)
        accepted = intent.ticker not in self.refused
        return OrderReceipt(
            f"N{len(self.sent)}",
            intent.ticker,
            intent.side,
            intent.quantity,
            intent.limit_price,
            accepted,
            "" if accepted else "거부",
            intent.decision,
        )

    def cancel(self, ref: str) -> bool:
        self.faults.reach("cancel")
        self.cancelled.append(ref)
        self.resting = [order for order in self.resting if order.ref != ref]
        return ref not in self.gone

    def record_tick(self, state: TradingState) -> None:
        self.faults.reach("record_tick")
        self.ticks.append(state)

    def record_order(self, event: OrderEvent) -> None:
        raise AssertionError("a node does not write order events")

    def record_fill(self, fill: Fill) -> None:
        raise AssertionError("a node does not write fills")

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        raise AssertionError("a node does not write the equity")

    def notify(self, level: str, message: str) -> None:
        self.faults.reach("notify")
        self.told.append((level, message))

    def desk(
        self,
        limits=WIDE,
        rules: tuple[Rule, ...] = (),
        halted: Callable[[], bool] | None = None,
        **more: object,
    ) -> Desk:
        if halted is not None:
            more["halted"] = halted
        return Desk(
            account=self,
            market=self,
            decider=self,
            executor=self,
            journal=self,
            limits=limits,
            costs=COSTS,
            rules=rules,
            notifier=self,
            **more,
        )


def held(quantity: int, sellable: int | None = None, average: float = 50_000.0) -> Holding:
    return Holding(quantity, quantity if sellable is None else sellable, average)


def order(ref: str, ticker: str, side: Side, remaining: int, price: int | None = None) -> OpenOrder:
    return OpenOrder(ref, ticker, side, remaining, price)
