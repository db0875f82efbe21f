"""What must hold when a fault session is over: the journal against the venue, won by won."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Row, select

from kisbt.config import RiskLimits
from kisbt.domain.trading import Side
from kisbt.journal.database import DatabaseManager
from kisbt.journal.progress import ENDED
from kisbt.journal.record import from_iso
from kisbt.journal.recovery import History, KnownOrder, read_history
from kisbt.journal.schema import equity, runs, ticks
from kisbt.run.chaos_points import Wire
from kisbt.run.chaos_world import LIMITS
from kisbt.sim.exchange.orders import Order
from kisbt.sim.flavour import Flavour
from kisbt.sim.simulator import Simulator

TOLERANCE = 2
"""Won by which costs of one execution may differ: a price told as an average is split in two."""
DRIFT = 0.03
"""How far a day's executions may lie above what their orders were counted with."""


@dataclass
class Findings:
    """What was found wrong, one line each; everything empty is what is promised."""

    doubled: list[str] = field(default_factory=list)
    """Orders at the venue that the journal does not know as one of its own, or knows twice."""
    lost: list[str] = field(default_factory=list)
    """Executions that the journal lacks, or has too many of."""
    breaches: list[str] = field(default_factory=list)
    """Limits, halts and threads."""
    stale: list[str] = field(default_factory=list)
    """Decisions on a bar that was not whole, or twice on one."""
    unresolved: list[str] = field(default_factory=list)
    """Orders without an end, and money or shares that differ."""
    errors: list[str] = field(default_factory=list)
    """What nobody handled."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(vars(self).values())

    def lines(self) -> list[str]:
        """Everything, in one list."""
        return [f"{what}: {line}" for what, found in vars(self).items() for line in found]


class Told(NamedTuple):
    """What the journal says of one account: its runs, oldest first."""

    history: tuple[History, ...]
    ticks: tuple[Row[Any], ...]
    equity: tuple[Row[Any], ...]

    @property
    def orders(self) -> list[tuple[int, KnownOrder]]:
        """Orders with the number of their run."""
        return [(n, order) for n, run in enumerate(self.history) for order in run.orders]


class Judged(Protocol):
    """A session that is over: where its journal and its venue are, and what it noted itself."""

    url: str
    scope: str
    wire: Wire
    closes: dict[datetime, dict[str, int]]
    stale: list[str]
    errors: list[str]
    while_halted: list[str]
    foreign: set[tuple[date, int]]

    @property
    def sim(self) -> Simulator:
        """The venue."""
        ...

    def account(self) -> tuple[int, dict[str, int]]:
        """Cash and shares as the venue has them."""
        ...


def judge(world: Judged) -> Findings:
    """Compare what the journal says with what the venue says. The world must stand still."""
    found = Findings(stale=list(world.stale), errors=list(world.errors))
    found.breaches += [f"touched off Cerebro's thread: {stray}" for stray in world.wire.strays]
    found.breaches += [f"left while halted: {line}" for line in world.while_halted]
    with DatabaseManager(world.url) as db:
        told = read(db, world.scope)
    holder = world.sim.doors[Flavour.PAPER].credentials[0].holder
    key = holder.number + holder.product
    theirs = {
        (day, order.number): order
        for day, orders in world.sim.floor.orders.items()
        for order in orders.values()
        if order.account == key and order.revision.name == "NEW"
    }
    mine = {name: order for name, order in theirs.items() if name not in world.foreign}
    _orders(told, mine, found)
    _decisions(told, found)
    _account(told, world, found)
    found.breaches += breaches(told, world.closes, LIMITS)
    return found


def read(db: DatabaseManager, scope: str) -> Told:
    """Everything that the journal holds of an account."""
    with db.reading() as connection:
        ids = list(
            connection.execute(
                select(runs.c.run_id).where(runs.c.scope == scope).order_by(runs.c.started_at)
            ).scalars()
        )
        bars = connection.execute(
            select(ticks).where(ticks.c.run_id.in_(ids)).order_by(ticks.c.at)
        ).all()
        line = connection.execute(
            select(equity).where(equity.c.run_id.in_(ids)).order_by(equity.c.at)
        ).all()
    return Told(tuple(read_history(db, run_id) for run_id in ids), tuple(bars), tuple(line))


def _orders(told: Told, theirs: Mapping[tuple[date, int], Order], found: Findings) -> None:
    named: dict[tuple[date, int], KnownOrder] = {}
    decided: Counter[tuple[int, int, int]] = Counter()
    for run, order in told.orders:
        if order.state.value not in ENDED:
            found.unresolved.append(f"{order.ref} {order.ticker} {order.state}")
        if order.tick is not None and order.decision is not None:
            decided[run, order.tick, order.decision] += 1
        if order.session is None or not order.number:
            if order.filled:
                found.lost.append(f"{order.ref}: {order.filled} shares of an order without number")
            continue
        name = order.session, int(order.number)
        if name in named:
            found.doubled.append(f"{order.ref} and {named[name].ref} are one order at the venue")
        named[name] = order
    found.doubled += [f"decision {key} ordered {n} times" for key, n in decided.items() if n > 1]
    found.doubled += [
        f"venue order {day} {number} {order.ticker} {order.side} {order.quantity} is nobody's"
        for (day, number), order in theirs.items()
        if (day, number) not in named
    ]
    for name, order in named.items():
        real = theirs.get(name)
        if real is None:
            found.lost.append(f"{order.ref}: the venue knows no order {name}")
        elif (order.filled, order.amount) != (real.filled, real.amount):
            found.lost.append(
                f"{order.ref}: {order.filled} shares, {order.amount} won in the journal; "
                f"{real.filled}, {real.amount} at the venue"
            )


def _decisions(told: Told, found: Findings) -> None:
    for at, times in Counter(row.at for row in told.ticks).items():
        if times > 1:
            found.stale.append(f"{at} decided {times} times")


def _account(told: Told, world: Judged, found: Findings) -> None:
    fills = [fill for run in told.history for fill in run.fills]
    opening = told.history[0].opening if told.history else None
    if opening is None:
        found.unresolved.append("no opening in the journal")
        return
    held = {ticker: shares for ticker, (shares, _) in opening.positions.items()}
    cash = opening.cash
    for fill in fills:
        sign = 1 if fill.side is Side.BUY else -1
        held[fill.ticker] = held.get(fill.ticker, 0) + sign * fill.quantity
        cash -= sign * fill.amount + fill.commission + fill.tax
    for change in (change for run in told.history for change in run.changes):
        held[change.ticker] = held.get(change.ticker, 0) + (
            change.quantity_after - change.quantity_before
        )
        cash += change.cash
    won, shares = world.account()
    if {t: n for t, n in held.items() if n} != shares and not world.foreign:
        found.unresolved.append(f"journal holds {held}, venue {shares}")
    if abs(cash - won) > TOLERANCE * max(len(fills), 1) and not world.foreign:
        found.unresolved.append(f"journal has {cash:,} won, venue {won:,}")


def breaches(
    told: Told, closes: Mapping[datetime, Mapping[str, int]], limits: RiskLimits
) -> list[str]:
    """Limits that were passed, computed anew from orders, executions and closes.

    An order counts with its worth at the close at which it was decided, as node 4 counts it.
    ``closes`` are those that decisions saw, by bar.
    """
    found: list[str] = []
    worth_at = {row.at: row.equity for row in told.equity}
    at_tick = {(row.run_id, row.tick): row for row in told.ticks}
    fills = [fill for run in told.history for fill in run.fills]
    for at in sorted({row.at for row in told.ticks}):
        moment = from_iso(at)
        keys = {(row.run_id, row.tick) for row in at_tick.values() if row.at == at}
        orders = [
            order
            for _, order in told.orders
            if order.tick is not None and order.tick in {tick for _, tick in keys}
            and order.state.value != "rejected"
        ]  # fmt: skip
        value = worth_at.get(at)
        if value is None or not orders or moment not in closes:
            continue
        # An execution that only the day's orders told carries the time at which they were read,
        # and a paced session decides some minutes after the close.
        decided = max(moment, *(order.created for order in orders))
        held: Counter[str] = Counter()
        for fill in fills:
            if fill.at < decided and fill.session <= moment.date():
                held[fill.ticker] += fill.quantity if fill.side is Side.BUY else -fill.quantity
        found += _over(orders, held, closes[moment], value, limits, at)
    return found + _in_a_day(told, max(worth_at.values(), default=0), limits)


def _in_a_day(told: Told, value: int, limits: RiskLimits) -> list[str]:
    """Orders and traded won of each session."""
    session = {(row.run_id, row.tick): row.session for row in told.ticks}
    ids = list(dict.fromkeys(run_id for run_id, _ in session))
    sent: Counter[str] = Counter()
    for run, order in told.orders:
        on = session.get((ids[run] if run < len(ids) else "", order.tick or 0))
        if on is not None and order.side is Side.BUY and order.state.value != "rejected":
            sent[on] += 1
    traded: Counter[str] = Counter()
    for fill in (fill for run in told.history for fill in run.fills):
        traded[str(fill.session)] += fill.amount if fill.side is Side.BUY else 0
    most = limits.max_turnover_per_day * value * (1 + DRIFT)
    found = [
        f"{day} orders: {n} > {limits.max_orders_per_day}"
        for day, n in sent.items()
        if n > limits.max_orders_per_day
    ]
    return found + [f"{day} bought: {n:,} > {most:,.0f}" for day, n in traded.items() if n > most]


def _over(
    orders: Iterable[KnownOrder],
    held: Mapping[str, int],
    closes: Mapping[str, int],
    value: int,
    limits: RiskLimits,
    at: str,
) -> list[str]:
    orders = list(orders)
    buys = [order for order in orders if order.side is Side.BUY]
    worth = {o.ref: o.quantity * max(closes[o.ticker], _limit(o)) for o in orders}
    values = {ticker: shares * closes[ticker] for ticker, shares in held.items() if shares}
    for order in buys:
        values[order.ticker] = values.get(order.ticker, 0) + worth[order.ref]
    bought = {order.ticker for order in buys}
    bounds = [
        (f"weight of {ticker}", values[ticker], limits.max_weight * value) for ticker in bought
    ]
    if buys:
        bounds += [
            ("exposure", sum(values.values()), limits.max_exposure * value),
            ("positions", len(values), limits.max_positions),
            ("turnover", sum(worth.values()), limits.max_turnover_per_day * value),
            ("orders a day", len(orders), limits.max_orders_per_day),
        ]
    return [f"{at} {what}: {is_:,} > {most:,.0f}" for what, is_, most in bounds if is_ > most]


def _limit(order: KnownOrder) -> int:
    """What a buy may cost a share beyond the close; a sale is counted at the close."""
    return (order.limit_price or 0) if order.side is Side.BUY else 0
