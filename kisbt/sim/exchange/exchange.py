"""The venue moving through time: phases, prints, expiries, corporate actions, interruptions.

Nothing here looks at a wall clock. ``advance_to`` is the only way that time passes, so the same
commands at the same venue times give the same fills, always. Commands are kept, and that log is
the saved state: a restored exchange is one that was told the same things again.
"""

import heapq
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from kisbt.domain.trading import Side
from kisbt.sim.exchange.account import Account, Holder
from kisbt.sim.exchange.actions import apply_actions
from kisbt.sim.exchange.checks import NewOrder
from kisbt.sim.exchange.desk import Desk
from kisbt.sim.exchange.events import Interrupted, PhaseBegan, Printed
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import day_times
from kisbt.sim.exchange.names import VI_LENGTH, Interruption
from kisbt.sim.exchange.orders import KINDS, Order
from kisbt.sim.exchange.path import Step
from kisbt.sim.exchange.refusals import RefusedError

SINGLE_PRICE_EVERY = timedelta(minutes=10)


class _Item(NamedTuple):
    """Something that will happen: at one time, phases come before prints, prints before ends."""

    at: datetime
    rank: int
    order: int
    what: str
    subject: str = ""


class Exchange:
    """Accounts trading on one floor. All times are naive KST, of the venue's own clock."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.desk = Desk(floor)
        self.commands: list[dict[str, Any]] = []
        self._queue: list[_Item] = []
        self._calls: dict[int, Callable[[], None]] = {}
        self._pushed = 0
        self._load_day()

    @property
    def now(self) -> datetime:
        """The venue's clock."""
        return self.floor.now

    @property
    def next_day(self) -> date | None:
        """The data's next session, ``None`` at the end of the data."""
        return self.floor.market.next_day(self.floor.day)

    def open_account(self, holder: Holder, cash: int) -> Account:
        """Open an account with settled cash; opening the same one again returns it."""
        account = Account.open(holder, cash)
        if account.key in self.floor.accounts:
            return self.floor.accounts[account.key]
        self._keep("open_account", list(holder), cash)
        self.floor.accounts[account.key] = account
        return account

    def place(self, new: NewOrder) -> Order:
        """Take an order; see ``Desk.place``."""
        self._keep("place", *new)
        order = self.desk.place(new)
        self._follow(new.ticker)
        return order

    def cancel(self, account: str, number: int, quantity: int | None, stamp: date) -> Order:
        """Cancel an order's rest; see ``Desk.cancel``."""
        self._keep("cancel", account, number, quantity, stamp)
        return self.desk.cancel(account, number, quantity, stamp)

    def modify(
        self,
        account: str,
        number: int,
        quantity: int | None,
        kind: str,
        price: int,
        stamp: date,
        trigger: int = 0,
    ) -> Order:
        """Replace an order's rest; see ``Desk.modify``."""
        self._keep("modify", account, number, quantity, kind, price, stamp, trigger)
        return self.desk.modify(account, number, quantity, kind, price, stamp, trigger)

    def watch(self, ticker: str, more: int) -> None:
        """Somebody wants the prints of a name (``more`` = 1) or no longer does (-1)."""
        if not self.floor.known(ticker):
            return
        self.floor.name(ticker)
        self.floor.watched[ticker] = max(0, self.floor.watched.get(ticker, 0) + more)
        self._follow(ticker)

    def interrupt(self, ticker: str, kind: str, minutes: float) -> None:
        """Stop a name from now on: ``kind`` ``"H"`` halt, ``"1"`` static or ``"2"`` dynamic VI."""
        self._keep("interrupt", ticker, kind, minutes)
        floor = self.floor
        name = floor.name(ticker)
        length = timedelta(minutes=minutes) if kind == "H" else VI_LENGTH
        name.stops.append(
            Interruption(kind, floor.now, floor.now + length, name.price, name.vi_reference, True)
        )
        self.desk.forget(name)
        self._push(floor.now + length, 0, "resume", ticker)
        floor.emit(Interrupted(floor.now, name, on=True))

    def lock_at_limit(self, ticker: str, *, upper: bool) -> None:
        """Let a name trade at its limit for the rest of the day; the data's prints are dropped."""
        self._keep("lock_at_limit", ticker, upper)
        name = self.floor.name(ticker)
        if name.band is None or name.done >= len(name.steps):
            return
        self.desk.forget(name)
        price = name.band.upper if upper else name.band.lower
        name.lock(price, bought=upper)
        self.desk.replan(name)

    def later(self, at: datetime, do: Callable[[], None]) -> None:
        """Call ``do`` when the venue's clock reaches ``at``; for injected market events."""
        self._pushed += 1
        self._calls[self._pushed] = do
        heapq.heappush(self._queue, _Item(at, 0, self._pushed, "call"))

    def advance_to(self, target: datetime) -> None:
        """Let everything up to ``target`` happen, in order. Going back is ignored."""
        while self._queue and self._queue[0].at <= target:
            item = heapq.heappop(self._queue)
            self.floor.now = max(self.floor.now, item.at)
            self._handle(item)
        self.floor.now = max(self.floor.now, target)

    def replay(self, commands: list[dict[str, Any]], until: datetime) -> None:
        """Do again what ``commands`` says, then let time pass to ``until``."""
        actions: dict[str, Callable[..., Any]] = {
            "open_account": lambda holder, cash: self.open_account(Holder(*holder), cash),
            "place": lambda *row: self.place(_revived(row)),
            "cancel": lambda *row: self.cancel(row[0], row[1], row[2], _day(row[3])),
            "modify": lambda *row: self.modify(
                row[0], row[1], row[2], row[3], row[4], _day(row[5]), row[6]
            ),
            "interrupt": self.interrupt,
            "lock_at_limit": lambda ticker, upper: self.lock_at_limit(ticker, upper=upper),
        }
        for command in commands:
            self.advance_to(datetime.fromisoformat(command["at"]))
            with suppress(RefusedError):
                actions[command["do"]](*command["with"])
        self.advance_to(until)

    def _handle(self, item: _Item) -> None:
        floor = self.floor
        if item.what == "step":
            self._print(item)
        elif item.what == "phase":
            floor.emit(PhaseBegan(item.at, floor.phase))
            if item.at == floor.times.closing:
                self._closing_auction()
        elif item.what == "expire":
            self._expire(item.subject)
        elif item.what == "late":
            for order in self._of_kind(item.subject):
                self.desk.match_late(order, item.at)
        elif item.what == "resume":
            name = floor.name(item.subject)
            if not name.stopped(floor.now):
                self.desk.replan(name)
                floor.emit(Interrupted(floor.now, name, on=False))
        elif item.what == "call":
            self._calls.pop(item.order)()
        elif item.what == "day":
            self._next_day()

    def _print(self, item: _Item) -> None:
        floor, ticker = self.floor, item.subject
        name = floor.names.get(ticker)
        step = name.next_step if name is not None else None
        if name is None or step is None or step.at != item.at or not floor.active(ticker):
            return
        if step.bar != name.bar:
            self.desk.begin_bar(name)
        stops = len(name.stops)
        printed = name.print_step()
        if printed is not None:
            floor.emit(Printed(name, printed))
            self.desk.after_step(name, item.at)
        if len(name.stops) > stops:
            floor.emit(Interrupted(item.at, name, on=True))
            self._push(item.at + VI_LENGTH, 0, "resume", ticker)
        self._follow(ticker)

    def _follow(self, ticker: str) -> None:
        """Queue the next print of a name that somebody cares about."""
        name = self.floor.names.get(ticker)
        step: Step | None = name.next_step if name is not None else None
        if step is not None and self.floor.active(ticker):
            self._push(step.at, 1, "step", ticker)

    def _closing_auction(self) -> None:
        for order in self._of_kind("02"):
            self.desk.to_market(order, self.floor.name(order.ticker))

    def _expire(self, which: str) -> None:
        for order in list(self.floor.resting.values()):
            regular = KINDS[order.kind].phases[0].regular and order.kind != "05"
            if which == "all" or which == order.kind or (which == "regular" and regular):
                self.desk.expire(order)

    def _of_kind(self, codes: str) -> list[Order]:
        wanted = codes.split()
        return [order for order in self.floor.resting.values() if order.kind in wanted]

    def _next_day(self) -> None:
        day = self.next_day
        if day is None:
            return
        floor = self.floor
        floor.day, floor.times = day, day_times(day)
        if not floor.numbers_run_on:
            floor.issued = 0
        floor.names.clear()
        floor.resting.clear()
        apply_actions(floor)
        self._load_day()

    def _load_day(self) -> None:
        floor, times = self.floor, self.floor.times
        for at in (times.entry, times.open, times.closing, times.close, times.late, times.end):
            self._push(at, 0, "phase")
        self._push(times.pre_close_end, 2, "expire", "05")
        self._push(times.close, 2, "expire", "regular")
        self._push(times.post_close_match, 2, "late", "06")
        self._push(times.late, 2, "expire", "06")
        at = times.late + SINGLE_PRICE_EVERY
        while at <= times.end:
            self._push(at, 2, "late", "07")
            at += SINGLE_PRICE_EVERY
        self._push(times.end, 3, "expire", "all")
        following = self.next_day
        if following is not None:
            self._push(datetime.combine(following, datetime.min.time()), 0, "day")
        for ticker in floor.watched:
            if floor.watched[ticker] and floor.known(ticker):
                floor.name(ticker)
                self._follow(ticker)

    def _push(self, at: datetime, rank: int, what: str, subject: str = "") -> None:
        self._pushed += 1
        heapq.heappush(self._queue, _Item(at, rank, self._pushed, what, subject))

    def _keep(self, do: str, *values: Any) -> None:
        plain = [value.isoformat() if isinstance(value, date) else value for value in values]
        self.commands.append({"at": self.floor.now.isoformat(), "do": do, "with": plain})


def _day(text: str | date) -> date:
    return text if isinstance(text, date) else date.fromisoformat(text)


def _revived(row: tuple[Any, ...]) -> NewOrder:
    new = NewOrder(*row)
    return new._replace(side=Side(new.side), stamp=_day(new.stamp))
