"""One live session: store, broker, feeds, desk and strategy put together, run, and put away."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.analyzers import JournalAnalyzer, RiskAnalyzer
from kisbt.adapter.guard import Guard, GuardLimits
from kisbt.adapter.kis_broker import KISBroker, Pending
from kisbt.adapter.kis_feed import line_number
from kisbt.adapter.live_market import LiveMarketView
from kisbt.adapter.market import BrokerAccount, BrokerExecutor
from kisbt.adapter.operator import Operator
from kisbt.adapter.store import KISStore
from kisbt.config import RiskLimits
from kisbt.domain.ports import ExecutionListener, Notifier
from kisbt.errors import TradingSystemError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.krx.costs import CostModel
from kisbt.risk.day_use import DayUse
from kisbt.rulebook.version import PromptVersion
from kisbt.run.engine import assemble
from kisbt.run.live_approvals import ApprovalRules, WaitingOrders
from kisbt.run.live_books import LiveBooks
from kisbt.run.live_duties import Every, Obedience, Steward, cancel_all
from kisbt.run.live_mind import Gate, MakeDecider, Mind, held_back
from kisbt.run.live_notice import TradeLog
from kisbt.run.live_safety import EVERY_SECONDS, HaltWatch, TwoBooks
from kisbt.run.live_venue import Venue
from kisbt.run.loader import LoadedStrategy, blame, raised_in
from kisbt.trading_graph.desk import Desk

BEAT_SECONDS = 30.0


@dataclass(frozen=True)
class Setup:
    """What a session is made of. ``make`` makes a decider of a prompt version.

    ``by_bar`` books executions with bars, as a backtest does: for a simulator in lock-step.
    ``hopeless`` are features that this market can never tell; ``None`` if that is not known.
    """

    venue: Venue
    db: DatabaseManager
    controls: Controls
    store: KISStore
    book: AccountBook
    pending: tuple[Pending, ...]
    books: LiveBooks
    losses: TwoBooks
    day: DayUse
    halts: HaltWatch
    notifier: Notifier
    strategy: LoadedStrategy
    version: PromptVersion | None
    make: MakeDecider | None
    current: Callable[[], PromptVersion] | None
    moved: Callable[[PromptVersion, AccountBook], None]
    limits: RiskLimits
    guard: GuardLimits
    costs: CostModel
    approvals: ApprovalRules | None
    times: tuple[time, ...]
    decided: datetime | None
    next_tick: int
    by_bar: bool
    hopeless: frozenset[str] | None


class LiveClockOfBars:
    """The bar clock of the analyzers, over the live market."""

    def __init__(self, market: LiveMarketView) -> None:
        self._market = market

    def now(self) -> datetime:
        """Close of the current bar, naive KST."""
        return self._market.now()

    def session(self) -> date:
        """Trading day of the current bar."""
        return self._market.now().date()

    def number(self) -> float:
        """Backtrader's float date of the current bar."""
        return line_number(self._market.now())

    def closes(self) -> dict[str, int]:
        """Last close of every name that has had a bar, won."""
        return self._market.closes()


class LiveSession:
    """Everything of one session, wired; ``run`` it once.

    Args:
        setup: The parts.
        duties: More to do in every turn, on Cerebro's thread.
    """

    def __init__(self, setup: Setup, duties: tuple[Callable[[], None], ...] = ()) -> None:
        self._setup = setup
        store, books = setup.store, setup.books
        market = store.market
        self.guard = Guard(setup.guard, mode=self._mode, stale=self._stale)
        listeners: tuple[ExecutionListener, ...] = (books, TradeLog(setup.notifier.notify))
        self.broker = KISBroker(
            setup.venue.client,
            market,
            setup.book,
            clock=store.clock,
            notices=store.drain_notices,
            listeners=listeners,
            log=books,
            guard=self.guard,
            notify=setup.notifier.notify,
            last_price=store.last_price,
            actions=store.actions,
            account=setup.venue.account.get_secret_value(),
            by_bar=setup.by_bar,
        )
        store.wishes.append(self.broker.wake_at)
        store.on_outage.append(self.broker.look_again)
        store.listener = setup.notifier.notify
        self.feeds = {ticker: store.getdata(ticker) for ticker in market.tickers}
        self.account = BrokerAccount(self.broker)
        self.executor = BrokerExecutor(self.broker)
        self.executor.attach(self.feeds)
        self.waiting = self._approver()
        self._gate = Gate(market, decided=setup.decided, times=setup.times)
        self.mind = self._mind(market)
        self.operator: Operator | None = None
        if self.mind is not None:
            self.operator = Operator(self.mind.run, market, self.executor, self._ready)
            self.operator.ticks = setup.next_tick
        self._obedience = Obedience(
            setup.halts, setup.controls, self.broker, self.feeds, setup.notifier
        )
        self._duties: tuple[Callable[[], None], ...] = (
            self._obedience.duty,
            self._settle,
            Every(BEAT_SECONDS, books.beat),
            *duties,
        )
        self._cerebro: Any = None
        self.stopping = ""

    def run(self) -> None:
        """Trade until the feeds end or ``stop`` is called.

        Raises:
            StrategyError: the strategy raised.
            JournalError: the journal could not be written.
        """
        setup = self._setup
        clock = LiveClockOfBars(setup.store.market)
        cls = held_back(setup.strategy.cls, self._gate.open)
        risk = {"losses": setup.losses, "limits": setup.limits, "clock": clock}
        observe = setup.books.journal.observe if self.operator is None else None
        journal = {"journal": setup.books, "clock": clock, "observe": observe}
        self._cerebro = assemble(
            cls,
            self.feeds,
            self.broker,
            operator=self.operator,
            analyzers=(("risk", RiskAnalyzer, risk), ("journal", JournalAnalyzer, journal)),
        )
        # After the store, whose bars the duties look at.
        self._cerebro.addstore(Steward(self._duties))
        for pending in setup.pending:
            ticker = setup.book.instruments[pending.working.column].ticker
            self.broker.take_up(pending, self.feeds[ticker])
        try:
            self._cerebro.run()
        except TradingSystemError:
            raise
        except Exception as error:
            if not raised_in(error, setup.strategy.path):
                raise
            raise blame(error, setup.strategy.path) from error

    def stop(self, why: str) -> None:
        """End at the next turn. Safe from any thread and from a signal handler."""
        if not self.stopping:
            self.stopping = why
        if self._cerebro is not None:  # no waking: its lock may be held where the signal struck
            self._cerebro.runstop()

    def put_away(self, *, keep: bool) -> int:
        """Leave the account in order: cancel what rests, or keep it; return how much is left.

        Every step is tried, whatever became of the one before.
        """
        setup = self._setup
        if not keep:
            with suppress(TradingSystemError):
                cancel_all(self.broker)
        setup.store.stop()
        return len(self.broker.open_orders())

    def _mode(self) -> Any:
        setup = self._setup
        return setup.losses.status(setup.limits, halted=setup.halts()).mode

    def _stale(self, ticker: str) -> str | None:
        store = self._setup.store
        if store.market.delayed:
            return "아직 과거 봉"
        feed = self.feeds[ticker]
        return "실시간 시세가 끊김" if store.state(ticker) == feed.CONNBROKEN else None

    def _ready(self) -> bool:
        """Whether the operating graph decides on this bar."""
        mind, market = self.mind, self._setup.store.market
        if mind is None or not self._gate.open():
            return False
        mind.turn(market.session())
        return mind.warm() and self._gate.due()

    def _mind(self, market: LiveMarketView) -> Mind | None:
        setup = self._setup
        if setup.version is None or setup.make is None:
            return None
        desk = Desk(
            account=self.account,
            market=market,
            decider=setup.make(setup.version),
            executor=self.executor,
            journal=setup.books,
            limits=setup.limits,
            costs=setup.costs,
            rules=setup.version.rules,
            losses=setup.losses,
            day=setup.day,
            halted=setup.halts,
            notifier=setup.notifier,
            approver=self.waiting,
        )
        return Mind(
            desk,
            setup.version,
            setup.make,
            current=setup.current,
            idle=lambda: not self.broker.open_orders(),
            moved=lambda version: setup.moved(version, setup.book),
            notifier=setup.notifier,
            bars=lambda: market.longest,
            hopeless=setup.hopeless,
        )

    def _approver(self) -> WaitingOrders | None:
        setup = self._setup
        if setup.approvals is None:
            return None
        waiting = WaitingOrders(
            setup.db,
            setup.controls,
            run_id=lambda: setup.books.run_id,
            scope=setup.venue.scope,
            rules=setup.approvals,
            clock=setup.store.clock.now,
            executor=self.executor,
            notifier=setup.notifier,
            every=EVERY_SECONDS if setup.store.clock.paced else 0.0,
        )
        setup.store.wishes.append(waiting.next_expiry)
        return waiting

    def _settle(self) -> None:
        if self.waiting is not None and self.mind is not None:
            self.waiting.settle(self.mind.desk)
