"""The simulator: one exchange, a door an environment, faults, and the hand on the clock."""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from kisbt.data.dataset import Dataset
from kisbt.errors import ConfigError
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel
from kisbt.sim.credentials import Credentials, make_up
from kisbt.sim.exchange.events import Event, PhaseBegan
from kisbt.sim.exchange.exchange import Exchange
from kisbt.sim.exchange.floor import Floor
from kisbt.sim.exchange.hours import Phase, day_times
from kisbt.sim.exchange.market import Market
from kisbt.sim.faults.injector import Injector
from kisbt.sim.faults.profile import FaultKind, FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.gateway import Gateway
from kisbt.sim.options import SimOptions
from kisbt.sim.rest.front import Front
from kisbt.sim.stream.hub import Hub

FIRST_MINUTE = timedelta(minutes=1)
TARGETS = ("preopen", "open", "closing", "close", "end", "bar")
_MARKET_FAULTS = (FaultKind.HALT, FaultKind.VI, FaultKind.LIMIT_LOCK)


@dataclass(frozen=True)
class Door:
    """One environment: its gateway, REST front and stream, and the keys that open it."""

    flavour: Flavour
    gateway: Gateway
    front: Front
    hub: Hub
    credentials: tuple[Credentials, ...]


class Simulator:
    """Everything but sockets. Not thread-safe: one event loop, or one test, owns it.

    Args:
        dataset: What the venue replays.
        options: How.
        wall: Wall clock for tokens and order dates, naive KST.
        ticking: Seconds for the request limit.
    """

    def __init__(
        self,
        dataset: Dataset,
        options: SimOptions,
        *,
        wall: Callable[[], datetime] = calendar.now,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options
        self.wall = wall
        self._replaying = False
        market = Market(dataset)
        start = self._start(market)
        self.floor = Floor(
            market,
            CostModel.from_settings(options.costs),
            options.participation,
            options.seed,
            start.date(),
            options.path_grid,
        )
        self.floor.numbers_run_on = options.wall_stamps
        self.exchange = Exchange(self.floor)
        self.injector = Injector(options.faults, options.seed)
        self.floor.listeners.append(self._market_faults)
        self.doors = {flavour: self._door(flavour, ticking) for flavour in options.flavours}
        shared: dict[str, str] = {}
        for flavour, door in self.doors.items():
            door.gateway.approvals = shared
            for other in self.doors.values():
                if other.flavour is not flavour:
                    door.gateway.foreign.update(other.gateway.keys)
        self._stamps = market.dataset.timeline
        self.exchange.advance_to(start)

    @property
    def now(self) -> datetime:
        """The venue's clock."""
        return self.exchange.now

    @property
    def ended(self) -> bool:
        """Whether the data's last day is over."""
        return self.exchange.next_day is None and self.now >= self.floor.times.end

    def stamp(self) -> date:
        """The date that an order placed now carries."""
        return self.wall().date() if self.options.wall_stamps else self.now.date()

    def add_account(self, flavour: Flavour, credentials: Credentials, cash: int) -> None:
        """Let another key pair in, with its own account."""
        self.exchange.open_account(credentials.holder, cash)
        self.doors[flavour].gateway.admit(credentials)

    def advance_to(self, target: datetime) -> None:
        """Let time pass, and send what the stream held back."""
        self.exchange.advance_to(target)
        for door in self.doors.values():
            door.hub.settle()

    def target(self, name: str) -> datetime:
        """The next venue time, strictly after now, of a named moment.

        ``preopen`` is the start of order entry; ``bar`` the next bar's close; the others are the
        borders of the session.

        Raises:
            ConfigError: an unknown name.
        """
        if name not in TARGETS:
            raise ConfigError(f"unknown moment '{name}'", hint=f"known: {', '.join(TARGETS)}")
        if name == "bar":
            at = bisect_right(self._stamps, np.datetime64(self.now, "s"))
            if at < len(self._stamps):
                found: datetime = self._stamps[at].astype("datetime64[s]").item()
                return found
            return self.floor.times.end
        days = [self.floor.day, self.exchange.next_day]
        for day in days:
            if day is not None:
                times = day_times(day)
                moment = {
                    "preopen": times.entry,
                    "open": times.open,
                    "closing": times.closing,
                    "close": times.close,
                    "end": times.end,
                }[name]
                if moment > self.now:
                    return moment
        return self.floor.times.end

    def load_faults(self, profile: FaultProfile) -> None:
        """Use another fault profile from now on."""
        self.injector.load(profile, self.options.seed)

    def save(self) -> dict[str, Any]:
        """Everything needed to go on later: what was asked of the exchange, and the tokens."""
        return {
            "format": 1,
            "dataset": self.floor.market.dataset.hash,
            "seed": self.options.seed,
            "participation": self.options.participation,
            "grid": self.options.path_grid.total_seconds(),
            "day": self._first_day.isoformat(),
            "now": self.now.isoformat(),
            "commands": self.exchange.commands,
            "tokens": {
                flavour: [
                    [t.text, t.appkey, t.issued.isoformat(), t.expires.isoformat()]
                    for t in door.gateway.tokens.values()
                ]
                for flavour, door in self.doors.items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; only on a fresh simulator of the same data and seed.

        Raises:
            ConfigError: the state belongs to other data, another seed or another first day.
        """
        mine = self.save()
        for what in ("format", "dataset", "seed", "participation", "grid", "day"):
            if state.get(what) != mine[what]:
                raise ConfigError(
                    f"saved state has another {what}: {state.get(what)}, not {mine[what]}",
                    hint="start with the same --data, --seed and --start, or remove the file",
                )
        known = len(self.exchange.commands)
        self._replaying = True
        self.exchange.replay(state["commands"][known:], datetime.fromisoformat(state["now"]))
        self._replaying = False
        if self.floor.phase is Phase.CONTINUOUS:
            self._plan_faults()
        for flavour, tokens in state["tokens"].items():
            door = self.doors.get(Flavour(flavour))
            if door is not None:
                door.gateway.adopt(tokens)

    def _start(self, market: Market) -> datetime:
        days, wanted = market.days, self.options.start
        if not days:
            raise ConfigError(f"dataset {market.dataset.name} holds no trading session")
        if wanted is None:
            day = days[len(days) // 2]
        elif wanted.date() in set(days):
            day = wanted.date()
        else:
            raise ConfigError(
                f"--start {wanted.date()}: the dataset has no session on that day",
                hint=f"it covers {days[0]} to {days[-1]}",
            )
        self._first_day = day
        times = day_times(day)
        if wanted is not None and wanted.time() != datetime.min.time():
            return wanted
        return times.entry if self.options.lockstep else times.open + FIRST_MINUTE

    def _door(self, flavour: Flavour, ticking: Callable[[], float]) -> Door:
        options = self.options
        gateway = Gateway(
            flavour,
            self.wall,
            ticking,
            per_second=options.per_second,
            strict_tokens=options.strict_tokens,
        )
        given = options.credentials.get(flavour)
        made = [make_up(options.seed, flavour, n) for n in range(options.accounts)]
        pairs = tuple([given, *made[1:]] if given is not None else made)
        for pair in pairs:
            self.exchange.open_account(pair.holder, options.cash)
            gateway.admit(pair)
        hub = Hub(
            gateway,
            self.exchange,
            self.injector,
            layout=options.layout,
            notice_fields=options.notice_fields,
            one_stream=options.one_stream,
            batch=options.batch,
        )
        front = Front(gateway, self.exchange, self.injector, self.stamp)
        return Door(flavour, gateway, front, hub, pairs)

    def _market_faults(self, event: Event) -> None:
        """At the open, decide what will happen to which name today."""
        began = isinstance(event, PhaseBegan) and event.phase is Phase.CONTINUOUS
        if began and not self._replaying:
            self._plan_faults()

    def _plan_faults(self) -> None:
        times, exchange = self.floor.times, self.exchange
        for kind in _MARKET_FAULTS:
            if self.injector.fixed(kind) is None:
                continue
            for ticker in self.floor.market.tickers:
                if not self.floor.known(ticker):
                    continue
                struck = self.injector.daily(kind, str(times.day), ticker)
                if struck is not None:
                    fault, moment = struck
                    at = times.open + (times.closing - times.open) * moment
                    at = at.replace(microsecond=0)
                    if at < self.now:
                        continue
                    exchange.later(at, self._market_fault(kind, ticker, fault.minutes, moment))

    def _market_fault(
        self, kind: FaultKind, ticker: str, minutes: float, moment: float
    ) -> Callable[[], None]:
        def strike() -> None:
            self.injector.note(kind, self.now, ticker)
            if kind is FaultKind.LIMIT_LOCK:
                self.exchange.lock_at_limit(ticker, upper=moment < 0.5)
            else:
                self.exchange.interrupt(ticker, "H" if kind is FaultKind.HALT else "2", minutes)

        return strike
