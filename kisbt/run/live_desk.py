"""Puts a session together from its plan: clock, store, account, books, duties, screen."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.guard import GuardLimits
from kisbt.adapter.live_account import session_of
from kisbt.adapter.live_clock import LockstepClock
from kisbt.adapter.reconcile import Reconciler
from kisbt.adapter.store import KISStore, StreamMaker, account_stream
from kisbt.config import Settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.features.compute import compute_features
from kisbt.domain.llm import LLMCall
from kisbt.domain.trading import TradingMode
from kisbt.errors import ConfigError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.recovery import read_history, read_opening
from kisbt.journal.runs import RunInfo, RunStatus
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel
from kisbt.risk.day_use import DayUse
from kisbt.rulebook.version import PromptVersion
from kisbt.run.drift_duty import DriftDuty
from kisbt.run.live_books import LiveBooks, Past, latest_run
from kisbt.run.live_days import Days, DoneDay
from kisbt.run.live_mind import MakeDecider, model, rulebook
from kisbt.run.live_notice import Announcer
from kisbt.run.live_order import LivePlan, Names
from kisbt.run.live_result import worth_of
from kisbt.run.live_safety import (
    HaltWatch,
    TwoBooks,
    remember_day,
    remember_guard,
    remember_losses,
)
from kisbt.run.live_screen import Scene
from kisbt.run.live_session import LiveSession, Setup
from kisbt.run.live_start import (
    NO_DECIDER,
    Account,
    describe_run,
    history_until,
    last_close,
    take_account,
)
from kisbt.run.live_time import clock_of
from kisbt.run.live_venue import Venue
from kisbt.run.live_view import LiveView, Screen
from kisbt.run.prepare import without_values
from kisbt.run.rollback_duty import RollbackDuty
from kisbt.sim.options import LOCKSTEP

FAR_OFF = 0.15
"""A buy so far above the newest price is refused, except in lock-step, which has no newer one."""


class Opened:
    """A session that is ready to run, with everything around it that ends with it."""

    make_books: Callable[..., LiveBooks] = LiveBooks
    make_stream: StreamMaker = staticmethod(account_stream)
    """What fault sessions (``run/chaos*.py``) replace: where it writes, and how it listens."""

    def __init__(
        self,
        plan: LivePlan,
        settings: Settings,
        venue: Venue,
        names: Names,
        db: DatabaseManager,
    ) -> None:
        self._plan, self._settings, self._venue, self._names = plan, settings, venue, names
        self._db = db
        self._make = self._decider_maker()
        self._view: LiveView | None = None
        self.resting = 0
        self.clock = clock_of(venue)
        venue.time.read = self.clock.now
        now = self.clock.now()
        controls = Controls(db)
        past = None if venue.embedded else self._past(now)
        info = self._info(plan.version)
        costs = CostModel.from_settings(settings.costs)
        account = take_account(
            db, venue, names, costs, info, past, plan.foreign, now, lambda: self._pause(2.0)
        )
        self.notes = account.notes
        decided = None if past is None else past.decided
        self.day = DayUse()
        self.losses = self._losses(account, past)
        self.books = self.make_books(
            db, account.run_id, self.day, {i.ticker: i.name for i in names.instruments}, self._bar
        )
        self.books.live = True
        self.announcer = Announcer(controls, account.run_id, self.clock.now, (self._say,))
        recorded = names.dataset if venue.embedded else None
        # All of a dataset, as a backtest has it: some features remember their whole past.
        self._backfill = settings.live.backfill if recorded is None else len(recorded.timeline)
        since = now if venue.embedded else history_until(now, names.frequency, decided)
        self.store = KISStore(
            venue.client,
            tickers=names.tickers,
            frequency=names.frequency,
            instruments={each.ticker: each for each in names.instruments},
            clock=self.clock,
            stream=self.make_stream,
            backfill=self._backfill,
            history=recorded,
            since=since,
            until=self._until(now),
        )
        lockstep = venue.embedded and venue.speed == LOCKSTEP
        halts = HaltWatch(controls, venue.scope, ticking=self._ticking(lockstep=lockstep))
        self.setup = Setup(
            venue=venue,
            db=db,
            controls=controls,
            store=self.store,
            book=account.book,
            pending=account.pending,
            books=self.books,
            losses=self.losses,
            day=self.day,
            halts=halts,
            notifier=self.announcer,
            strategy=plan.strategy,
            version=plan.version,
            make=self._make,
            current=None if plan.pinned or plan.store is None else plan.store.current,
            moved=self._moved,
            limits=settings.limits,
            guard=self._guard(lockstep=lockstep),
            costs=costs,
            approvals=plan.approvals,
            times=plan.decide_at,
            decided=decided,
            next_tick=account.next_tick,
            by_bar=lockstep,
            hopeless=self._hopeless(now),
        )
        self.session = LiveSession(self.setup, (self._day_duty, self._show))
        if past is not None:
            remember_guard(db, venue.scope, self.session.guard, session_of(now))
        reconciler = Reconciler(
            venue.client,
            self.session.broker,
            notify=self.announcer.notify,
            ignored=account.ignored,
            pause=lambda: self._pause(1.0),
        )
        self.days = Days(
            db=db,
            run_id=lambda: self.books.run_id,
            venue=venue,
            broker=self.session.broker,
            losses=self.losses,
            reconciler=reconciler,
            notifier=self.announcer,
            clock=self.clock.now,
            folder=settings.folder("results"),
            names={each.ticker: each.name for each in names.instruments},
            strategy=plan.file,
            decider=self._label,
            prompt=lambda: self._version.number if self._version else None,
            mode=lambda: self.mode()[0].value,
            lang=settings.lang,
            over=self._over_duties(),
        )
        self.start_equity = worth_of(read_opening(db, account.run_id))
        self._scene = Scene(self, venue, names)

    def _ticking(self, *, lockstep: bool) -> Callable[[], float]:
        """Wall seconds; in lock-step days pass within one, so the venue's count as well."""
        if not lockstep:
            return time.monotonic
        began = self.clock.now()
        return lambda: time.monotonic() + (self.clock.now() - began).total_seconds()

    # what others ask

    def show(self, view: LiveView) -> None:
        """Draw on this from now on."""
        self._view = view

    def screen(self) -> Screen:
        """The present screen."""
        return self._scene.screen()

    def mode(self) -> tuple[TradingMode, str]:
        """The trading state and why."""
        status = self.losses.status(self._settings.limits, halted=self.setup.halts())
        return status.mode, self.setup.halts.reason or status.reason

    def stop(self, why: str) -> None:
        """End at the next turn."""
        self.session.stop(why)

    def put_away(self, *, ended: bool) -> None:
        """Leave the account in order. Orders for a later session wait for the next process."""
        later = ended and not self._venue.embedded
        keep = later or self._plan.resting == "keep"
        self.resting = self.session.put_away(keep=keep)

    def finish(self, status: RunStatus, metrics: Mapping[str, Any] | None = None) -> None:
        """Close the run in the journal."""
        self.books.journal.close()
        self._db.finish_run(self.books.run_id, status, metrics)

    def close(self) -> None:
        """Stop threads, whatever has happened."""
        self.store.stop()
        if isinstance(self.clock, LockstepClock):
            self.clock.__exit__()

    # parts

    @property
    def _version(self) -> PromptVersion | None:
        mind = self.session.mind
        return None if mind is None else mind.version

    def _label(self) -> str:
        mind = self.session.mind
        return NO_DECIDER if mind is None else mind.desk.decider.label

    def _decider_maker(self) -> MakeDecider | None:
        """How a prompt version becomes a decider; ``None`` for an ordinary strategy."""
        plan, settings = self._plan, self._settings
        if plan.version is None:
            return None
        if plan.llm is None:
            return rulebook(settings.limits)
        instruments = {each.ticker: each for each in self._names.instruments}
        return model(plan.llm, settings, instruments, self, "live")

    def record_call(self, call: LLMCall) -> None:
        """Write one exchange with a model into the run of the moment."""
        self.books.record_call(call)

    def _info(self, version: PromptVersion | None) -> RunInfo:
        plan, names = self._plan, self._names
        data = names.dataset.name if names.dataset is not None else "kis"
        spec = plan.spec(self._settings, data, names.tickers).model_copy(
            update={"prompt": None if version is None else version.number}
        )
        label = NO_DECIDER
        if version is not None and self._make is not None:
            label = self._make(version).label
        return describe_run(
            self._venue,
            names,
            strategy=plan.file,
            decider=label,
            version=version,
            spec={**spec.as_json(), "frequency": names.frequency, "venue": self._venue.said},
            config_hash=spec.hash,
        )

    def _moved(self, version: PromptVersion, book: AccountBook) -> None:
        """Another prompt: the run ends in order, and the next one begins with the same account."""
        self.books.turn(self._info(version), self.clock.now(), book)

    def _past(self, now: datetime) -> Past | None:
        """The account's latest run; none where a simulator has begun again.

        Raises:
            ConfigError: the clock runs before what was traded already.
        """
        past = latest_run(self._db, self._venue.scope)
        if past is None or past.seen is None or past.seen <= now:
            return past
        if self._venue.mode == "sim":
            return None
        raise ConfigError(
            f"it is {now:%Y-%m-%d %H:%M} here, but the account's last bar was of {past.seen}",
            hint="set this machine's clock and time zone right (NTP)",
        )

    def _hopeless(self, now: datetime) -> frozenset[str] | None:
        """Features that an embedded simulator's data cannot tell at all.

        A backtest of that data goes without them from its first bar on, and so does this session.
        Of any other market it is not known beforehand.
        """
        version, dataset = self._plan.version, self._names.dataset
        if version is None or dataset is None or not self._venue.embedded:
            return None
        end = self._until(now)
        shown = dataset if end is None else dataset.between(None, end.date())
        return without_values(compute_features(shown), [each.name for each in FEATURES])

    def _losses(self, account: Account, past: Past | None) -> TwoBooks:
        opening = account.book.ledger.cash
        if past is None:
            return TwoBooks(opening) if not account.book.quantities else TwoBooks()
        losses = TwoBooks()
        sessions = remember_losses(self._db, self._venue.scope, losses)
        remember_day(self._db, self._venue.scope, self.day, session_of(self.clock.now()))
        self.notes += (f"지난 {sessions}거래일의 평가금액으로 손실 한도를 이어서 잼",)
        return losses

    def _guard(self, *, lockstep: bool) -> GuardLimits:
        live = self._settings.live
        base = GuardLimits()
        if self._plan.strategy.operates:
            base = GuardLimits.of(self._settings.limits)
        first = None
        if self._venue.mode == "real" and not self._traded_before():
            first = live.first_day_notional
            self.notes += (f"실전 첫날: 매수 합계 {first:,}원까지만",)
        return replace(
            base,
            max_deviation=None if lockstep else FAR_OFF,
            max_order_value=live.max_order,
            max_bought_per_day=first,
        )

    def _traded_before(self) -> bool:
        """Whether the account traded with kisbt in an earlier session."""
        today = session_of(self.clock.now())
        runs = [r for r in self._db.runs() if r.mode == "real"]
        return any(
            fill.session < today
            for run in runs
            for fill in read_history(self._db, run.run_id).fills
        )

    def _until(self, now: datetime) -> datetime | None:
        end = last_close(now, self._plan.order.days)
        dataset = self._names.dataset
        if self._venue.embedded and dataset is not None:
            data_end = calendar.session_hours(dataset.last_day).close
            return data_end if end is None else min(end, data_end)
        return end

    def _pause(self, seconds: float) -> None:
        if self.clock.paced:
            self.clock.wait(self.clock.now() + self.clock.lapse(seconds))

    # what happens meanwhile

    def _bar(self, at: datetime) -> None:
        self.days.on_bar(at)

    def _day_duty(self) -> None:
        self.days.duty()

    def _over_duties(self) -> tuple[DoneDay, ...]:
        """What is looked at once a day is over. A session with a prompt of its own watches none."""
        plan, settings, db = self._plan, self._settings, self._db
        drift = DriftDuty(db, settings, self.announcer) if plan.order.drift else None
        duties: list[DoneDay] = [] if drift is None else [drift]
        if self.setup.current is not None and plan.store is not None:
            known = None if drift is None else drift.beyond_budget
            duties.append(RollbackDuty(db, plan.store, settings, self.announcer, known))
        return tuple(duties)

    def _say(self, at: datetime, level: str, line: str) -> None:
        if self._view is not None:
            self._view.say(at, level, line)

    def _show(self) -> None:
        if self._view is not None:
            self._view.tick()


def open_desk(
    plan: LivePlan, settings: Settings, venue: Venue, names: Names, db: DatabaseManager
) -> Opened:
    """Everything of a session, ready to run.

    Raises:
        ConfigError: the account cannot be taken on these terms.
        KISAPIError: KIS refuses key or account.
    """
    return Opened(plan, settings, venue, names, db)
