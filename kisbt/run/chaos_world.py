"""A small venue, an account, and the processes that trade on it one after the other.

Everything happens in this process. A process that is killed is left lying where it was: nothing
of it runs on, nothing is written or tidied up, and the next one begins from the journal against
the same simulator.
"""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr

from kisbt.config import CostSettings, LiveSettings, RiskLimits, Settings
from kisbt.data.dataset import Dataset
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import OrderState, TradingPlan
from kisbt.errors import TradingSystemError
from kisbt.journal.controls import scope_of
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunMode
from kisbt.kis.config import FILE, load_config
from kisbt.krx import calendar
from kisbt.run.chaos_client import QuickTime, WatchedClient
from kisbt.run.chaos_desk import ChaosDesk
from kisbt.run.chaos_market import FIRST
from kisbt.run.chaos_points import Killed, Wire
from kisbt.run.live_venue import Venue, VenueTime
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import LOCKSTEP, SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator

CASH = 100_000_000
LIMITS = RiskLimits(
    max_weight=0.25, max_exposure=0.7, max_positions=3, max_orders_per_day=6,
    max_turnover_per_day=0.6, daily_loss=0.5, weekly_loss=0.5,
)  # fmt: skip
COSTS = CostSettings()
PARTICIPATION = 0.10

MOMENTS = (
    (time(8, 35), "before_open"),
    (time(8, 50), "auction"),
    (time(11, 10), "resting"),
    (time(11, 30), "cancel"),
    (time(15, 25), "at_close"),
    (time(20, 0), "night"),
)
"""When a session is looked at besides its bars; at ``cancel`` a person cancels an order."""

logging.getLogger("kisbt").addHandler(logging.NullHandler())  # its lines are nobody's here

MOST_LIVES = 40
FAILED_START = timedelta(minutes=1)


class SharedVenue(Venue):
    """A simulator of this process that outlives the sessions on it."""

    @property
    def embedded(self) -> bool:
        """Never: the account is taken up again by the next process."""
        return False


class World:
    """One fault session, from its first process to its last.

    Args:
        folder: Journal, keys and token cache.
        dataset: The market.
        days: Sessions in which orders trade; one quiet session follows.
        seed: Of the simulator and of waits.
        decide: Makes the plan of a bar: the question and the number of the session, from 0.
        profile: Troubles from the beginning.
        on_point: Told of every point that is passed, and may do anything there.
        cancels: Whether the person cancels in a session, by its number.
        mode: What the account is taken for.
    """

    def __init__(
        self,
        folder: Path,
        dataset: Dataset,
        days: int,
        *,
        seed: int,
        decide: Callable[[DecisionContext, int], TradingPlan],
        profile: FaultProfile | None = None,
        on_point: Callable[["World", str], None],
        cancels: Callable[[int], bool] = lambda _day: True,
        mode: RunMode = "sim",
    ) -> None:
        self.folder, self.dataset, self.seed, self.mode = folder, dataset, seed, mode
        self.sessions = calendar.sessions(FIRST, dataset.last_day)[: days + 1]
        self.quiet = self.sessions[-1]
        self.until = calendar.session_hours(self.quiet).close
        self.time = QuickTime()
        self.wire = Wire(lambda point: on_point(self, point))
        self.draw = random.Random(f"{seed}:world")
        self.struck: datetime | None = None
        self.ill_since: datetime | None = None
        self.longest_ill = timedelta()
        self.well_at_last = False
        self.away = timedelta()
        self.lives = self.kills = 0
        self.errors: list[str] = []
        self.ends: Counter[str] = Counter()
        self.stale: list[str] = []
        self.closes: dict[datetime, dict[str, int]] = {}
        self.while_halted: list[str] = []
        self.foreign: set[tuple[date, int]] = set()
        self.relief: list[Callable[[], None]] = []
        self.halting = ""
        self.more_kills = 0
        self.cash = CASH
        self.wake_after: timedelta | None = None
        self.doctored: Callable[[Any], Any] | None = None
        self.desk: ChaosDesk | None = None
        self._decide, self._cancels = decide, cancels
        self._done: set[tuple[date, str]] = set()
        self._stack = ExitStack()
        options = SimOptions(
            flavours=(Flavour.PAPER, Flavour.REAL), speed=LOCKSTEP, cash=CASH, seed=seed,
            start=datetime.combine(self.sessions[0], time()), stamp="venue", per_second=0,
            strict_tokens=False, participation=PARTICIPATION, costs=COSTS,
            faults=profile or FaultProfile(),
        )  # fmt: skip
        self.sim = Simulator(dataset, options)
        self.running = RunningSimulator(self.sim)
        self.settings = Settings(
            root=folder,
            limits=LIMITS,
            live=LiveSettings(backfill=2, foreign="adopt"),
        )  # fmt: skip
        self.url = f"sqlite:///{(folder / 'journal.sqlite').as_posix()}"
        self.scope = ""

    def __enter__(self) -> Self:
        """Open the venue."""
        self._stack.enter_context(self.running)
        doors = {
            flavour: (
                self.sim.doors[flavour].credentials[0],
                self.running.rest_url(flavour),
                self.running.stream_url(flavour),
            )
            for flavour in self.sim.doors
        }
        path = self.folder / FILE
        path.touch(mode=0o600)
        path.write_text(devlp_yaml(doors), encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._stack.close()

    # the processes

    def run(self) -> None:
        """Let processes live one after the other until the quiet session is over."""
        while self.lives < MOST_LIVES:
            self.lives += 1
            ended = self._live()
            self.ends[ended] += 1
            self.desk = None
            if ended == "finished":
                return
            self._absence(ended)
        self.errors.append(f"not over after {MOST_LIVES} processes")

    def _live(self) -> str:
        with ExitStack() as stack:
            try:
                desk = self._start(stack)
            except Killed:
                self.kills += 1
                return "killed at start"
            except TradingSystemError:
                return "could not start"
            self.desk = desk
            try:
                desk.session.run()
            except Killed:
                self.kills += 1
                return "killed"
            except TradingSystemError as error:
                desk.announcer.notify("alert", f"중단: {error}")
                return self._tidied(desk, "failed")
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                return "crashed"
            if desk.session.stopping:
                return self._tidied(desk, "interrupted")
            desk.put_away(ended=True)
            desk.finish("finished")
            return "finished"

    def _tidied(self, desk: "ChaosDesk", status: str) -> str:
        """An orderly end: what ``kisbt live`` does after an error or a signal."""
        try:
            desk.put_away(ended=False)
            with suppress(TradingSystemError):
                desk.finish("failed" if status == "failed" else "interrupted")
        except Killed:
            self.kills += 1
            return "killed at the end"
        return status

    def _start(self, stack: ExitStack) -> "ChaosDesk":
        self.wire.home = threading.get_ident()
        config = load_config(self.folder, {})
        now = VenueTime()
        client = WatchedClient.quick(
            config, self.folder / "cache", self.time, self.wire, now, tuple(self.dataset.tickers)
        )
        client.doctored = self._doctor
        stack.callback(client.close)
        access = client.session.access
        account = access.account.get_secret_value() + access.product
        self.scope = scope_of(self.mode, account)
        venue = SharedVenue(
            mode=self.mode, scope=self.scope, said="fault session", client=client,
            account=SecretStr(account), simulator=self.running, speed=LOCKSTEP, time=now,
        )  # fmt: skip
        db = DatabaseManager(self.url)
        stack.callback(db.close)
        desk = ChaosDesk(self, venue, db)
        stack.callback(desk.close)
        if self.lives > 1:
            self.wire("restart")
        return desk

    def _absence(self, ended: str) -> None:
        """Time passes until somebody starts the program again."""
        away = timedelta(minutes=self.draw.choice([0, 1, 1, 7, 45]))
        if self.wake_after is not None:
            away, self.wake_after = self.wake_after, None
        if ended == "could not start":
            away = FAILED_START
        now = self.running.call(lambda sim: sim.now)
        target = min(now + away, self.until - timedelta(hours=7))
        if target > now:
            if self.struck is not None:
                self.away += target - now
            self.running.call(lambda sim: sim.advance_to(target))

    # what happens in a process, on Cerebro's thread

    def answer(self, context: DecisionContext) -> TradingPlan:
        """The decider's answer: also where a decision on bad data would show."""
        self.wire("deciding")
        self._look(context)
        session = context.tick.session
        if session >= self.quiet:
            return TradingPlan()
        return self._decide(context, self.sessions.index(session))

    def turn(self, desk: "ChaosDesk") -> None:
        """A duty of every turn: the moments of the day, and whether all is well again."""
        now = desk.clock.now()
        day = now.date()
        if calendar.is_session(day):
            for moment, what in MOMENTS:
                if now.time() >= moment and (day, what) not in self._done:
                    self._done.add((day, what))
                    self._moment(desk, day, what)
        if self.struck is not None:
            self._look_after(now, well=self.well(desk))

    def _look_after(self, now: datetime, *, well: bool) -> None:
        """Keep the longest time for which books and venue differed, or an order was in doubt."""
        at = now - self.away
        if not well:
            self.ill_since = self.ill_since or at
        elif self.ill_since is not None:
            self.longest_ill = max(self.longest_ill, at - self.ill_since)
            self.ill_since = None
        self.well_at_last = well

    def next_moment(self, now: datetime) -> datetime | None:
        """When the next of them is due."""
        day = now.date()
        if not calendar.is_session(day) or day > self.quiet:
            return None
        for moment, what in MOMENTS:
            if (day, what) not in self._done:
                return max(now, datetime.combine(day, moment))
        return None

    def well(self, desk: "ChaosDesk") -> bool:
        """Whether books and venue agree and no order's fate is open."""
        doubt = (OrderState.SENT, OrderState.UNKNOWN)
        if any(event.state in doubt for event in desk.books.orders.values()):
            return False
        book = desk.session.broker.book
        ours = {book.instruments[n].ticker: held for n, held in book.quantities.items() if held}
        cash, theirs = self.account()
        return ours == theirs and abs(book.ledger.cash - cash) <= 2 * max(desk.books.fills, 1)

    def account(self) -> tuple[int, dict[str, int]]:
        """Cash and shares as the venue has them."""

        def look(sim: Simulator) -> tuple[int, dict[str, int]]:
            holder = sim.doors[Flavour.PAPER].credentials[0].holder
            account = sim.floor.accounts[holder.number + holder.product]
            held = {t: p.quantity for t, p in account.positions.items() if p.quantity}
            return account.ledger.cash, held

        return self.running.call(look)

    def halted(self, *, on: bool, selling: bool = False) -> None:
        """Note that a person has halted (sales excepted or not), or resumed."""
        self.halting = ("buys" if selling else "everything") if on else ""

    def faults(self, profile: FaultProfile) -> None:
        """Give the simulator another profile."""
        self.running.call(lambda sim: sim.load_faults(profile))

    def _doctor(self, balance: Any) -> Any:
        return balance if self.doctored is None else self.doctored(balance)

    def _moment(self, desk: "ChaosDesk", day: date, what: str) -> None:
        if what == "cancel":
            number = self.sessions.index(day) if day in self.sessions else 0
            if self._cancels(number):
                self._cancel_one(desk)
            return
        if what == "night":
            while self.relief:
                self.relief.pop()()
        self.wire(what)

    def _cancel_one(self, desk: "ChaosDesk") -> None:
        broker = desk.session.broker
        resting = sorted(broker.open_orders(), key=lambda order: order.ticker)
        for order in resting[:1]:
            mine = broker.order_by_ref(order.ref)
            if mine is not None:
                broker.cancel(mine)

    def _look(self, context: DecisionContext) -> None:
        """Every name has this very bar, and it is the market's."""
        at = context.tick.at
        self.closes[at] = dict(context.market.closes)
        touched = self.running.call(lambda sim: touched_on(sim, at.date()))
        for ticker in self.dataset.tickers:
            if ticker not in context.market.features and ticker not in touched:
                self.stale.append(f"{at} {ticker}: no current bar")
        self.stale += wrong_closes(self.dataset, at, self.closes[at], touched)


def wrong_closes(
    dataset: Dataset, at: datetime, closes: Mapping[str, int], touched: set[str]
) -> list[str]:
    """Closes that are not the market's at that bar, but for names that were ``touched``."""
    found = []
    for ticker, close in closes.items():
        table = dataset.bars[ticker]
        times = table.times.tolist()
        right = int(table.close[times.index(at)]) if at in times else 0
        if close != right and ticker not in touched:
            found.append(f"{at} {ticker}: close {close}")
    return found


def touched_on(sim: Simulator, day: date) -> set[str]:
    """Names that did not trade as the data has it that day: interrupted, or locked at a limit."""
    return {
        command["with"][0]
        for command in sim.exchange.commands
        if command["do"] in ("interrupt", "lock_at_limit") and command["at"][:10] == str(day)
    }
