"""The one KIS connection that a broker and its feeds share."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import backtrader as bt

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.bars import BarSet, LiveBar
from kisbt.adapter.day_source import DaySource
from kisbt.adapter.health import NO_COUNTS, Pulse, StreamHealth
from kisbt.adapter.kis_broker import KISBroker
from kisbt.adapter.kis_feed import KISFeed
from kisbt.adapter.live_account import open_book
from kisbt.adapter.live_clock import FOREVER, LiveClock, Seat, WallClock
from kisbt.adapter.live_history import day_history, minute_history, recorded, without
from kisbt.adapter.live_market import LiveMarketView
from kisbt.adapter.minute_source import MinuteSource, refused
from kisbt.adapter.reconcile import begin_on, believed
from kisbt.config import CostSettings
from kisbt.data.dataset import Dataset
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument, PriceBand
from kisbt.domain.ports import ExecutionListener
from kisbt.errors import ConfigError, TradingSystemError
from kisbt.kis.client import KISClient
from kisbt.kis.events import (
    Connected,
    Disconnected,
    Registered,
    RegistrationRefused,
    StreamEvent,
    Unregistered,
)
from kisbt.kis.gaps import Outage
from kisbt.kis.records import Book, Notice, Trade
from kisbt.kis.stream import KISStream
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel

_FEED: Any = KISFeed  # its params are keywords that only backtrader's metaclass knows of

AGAIN = 10.0
"""Wall seconds after which the worker goes on behind an error."""

StreamMaker = Callable[
    [KISClient[Any], Callable[[StreamEvent], None], Callable[[], datetime]], KISStream
]
"""Makes the stream of a client: the client, who listens, and the clock."""


class Source(Protocol):
    """Where complete bars come from."""

    def hear(self, event: object) -> None:
        """Something came over the stream; on the stream's thread."""
        ...

    def step(self) -> datetime:
        """Publish what is due; when to be called again. On the worker's thread."""
        ...


def account_stream(
    client: KISClient[Any], listen: Callable[[StreamEvent], None], now: Callable[[], datetime]
) -> KISStream:
    """The stream of an account, with its order notices where the HTS login id is known."""
    stream = KISStream(client.session, listen, now=now)
    if client.session.access.hts_id.get_secret_value():
        stream.watch_orders()
    return stream


class KISStore:
    """Listens to KIS on threads of its own and keeps what it hears until Cerebro asks.

    Not a ``bt.Store``: that is a process-wide singleton which ignores the arguments of a second
    construction. Cerebro needs ``start``, ``stop`` and ``get_notifications``, nothing else.

    The stream's thread and one worker only fill queues. ``get_notifications``, which Cerebro
    calls first in each of its turns, hands the bars of **one** time to all feeds at once, so that
    no strategy ever sees half of them; neither an order nor a line is touched anywhere else.

    Args:
        client: The account.
        tickers: The universe; ``getdata`` adds to it until ``getbroker`` or ``start``.
        frequency: ``"1d"``, ``"1m"``, ``"5m"`` ...
        instruments: What is known of the names.
        clock: Venue time; Korea's by default.
        stream: Makes the stream; ``None`` for none (daily bars need none).
        backfill: Bars read from KIS before the first live one, for features.
        replay: How many of them the strategy is shown too, as ``DELAYED``; no order is taken then.
        history: A dataset to take those bars from instead.
        actions: Splits known beforehand. With ``history`` or actions, prices are taken as traded;
            without, as adjusted to today.
        since: Bars that ended by then are history; the start by default.
        until: No bar later than this; then the feeds end.
        stale: Silence of the whole stream, wall seconds, after which feeds are ``CONNBROKEN``.
        grace: See ``MinuteSource``.
    """

    def __init__(
        self,
        client: KISClient[Any],
        *,
        tickers: Iterable[str] = (),
        frequency: str = "1d",
        instruments: Mapping[str, Instrument] | None = None,
        clock: LiveClock | None = None,
        stream: StreamMaker | None = account_stream,
        backfill: int = 320,
        replay: int = 0,
        history: Dataset | None = None,
        actions: Iterable[CorporateAction] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        stale: float = 60.0,
        grace: float = 1.0,
    ) -> None:
        self.client = client
        self.clock: LiveClock = clock or WallClock()
        self.frequency = frequency
        self.length = _length(frequency)
        self.wishes: list[Callable[[], datetime | None]] = []
        self.on_outage: list[Callable[[], None]] = []
        self.listener: Callable[[str, str], None] = lambda _level, _text: None
        self._instruments = dict(instruments or {})
        self._tickers = list(dict.fromkeys(tickers))
        self._make_stream = stream
        self._stream: KISStream | None = None
        self._backfill, self._replay, self._history = backfill, replay, history
        self._actions = tuple(actions) or (history.actions if history is not None else ())
        self._since, self._until = since, until
        self._stale, self._grace = stale, grace
        self._market: LiveMarketView | None = None
        self._source: Source | None = None
        self._pulse = Pulse(self.clock.now)
        self._inbox: deque[BarSet | tuple[date, dict[str, PriceBand]]] = deque()
        self._notices: deque[Notice] = deque()
        self._notes: deque[tuple[str, str]] = deque()
        self._prices: dict[str, int] = {}
        self._outages: deque[Outage] = deque()
        self._feeds: dict[str, KISFeed] = {}
        self._slots: dict[str, tuple[datetime, LiveBar]] = {}
        self._last_bar: datetime | None = None
        self._bar_lag: float | None = None
        self._done = False
        self._turned: datetime | None = None
        self._waited = False
        self._stopping = threading.Event()
        self._seat: Seat | None = None
        self._worker: threading.Thread | None = None

    # what backtrader users call

    def getdata(self, dataname: str, **knobs: Any) -> KISFeed:
        """The feed of one name.

        Raises:
            ConfigError: the universe is fixed already and lacks the name.
        """
        if dataname not in self._tickers:
            if self._market is not None:
                raise ConfigError(
                    f"{dataname} is not among the store's names",
                    hint="call getdata before getbroker, or name it in tickers=",
                )
            self._tickers.append(dataname)
        timeframe = bt.TimeFrame.Days if self.frequency == "1d" else bt.TimeFrame.Minutes
        knobs.setdefault("timeframe", timeframe)
        knobs.setdefault("compression", int(self.frequency[:-1]))
        knobs.setdefault("name", dataname)
        feed: KISFeed = _FEED(self, dataname=dataname, **knobs)
        return feed

    def getbroker(
        self,
        book: AccountBook | None = None,
        *,
        costs: CostModel | None = None,
        listeners: Sequence[ExecutionListener] = (),
        **more: Any,
    ) -> KISBroker:
        """The broker of the account. Fixes the universe.

        Args:
            book: The account's books; by default made from the balance at KIS.
            costs: Commission and tax; the default settings' if not given.
            listeners: See ``KISBroker``.
            more: Further arguments of ``KISBroker``.

        Raises:
            KISAPIError: the balance cannot be read.
        """
        names = [self.market.names[ticker] for ticker in self.market.tickers]
        if book is None:
            costs = costs or CostModel.from_settings(CostSettings())
            balance = believed(self.client, lambda _balance: False) or self.client.inquire_balance()
            opening = begin_on(balance, names, "adopt", self.clock.now()).opening
            book = open_book(names, costs, opening)
        access = self.client.session.access
        more.setdefault("account", access.account.get_secret_value() + access.product)
        more.setdefault("by_bar", not self.clock.paced)
        broker = KISBroker(
            self.client, self.market, book, clock=self.clock, notices=self.drain_notices,
            listeners=listeners, last_price=self.last_price, **more,
        )  # fmt: skip
        self.wishes.append(broker.wake_at)
        self.on_outage.append(broker.look_again)
        return broker

    # Cerebro's side: all on its thread

    @property
    def market(self) -> LiveMarketView:
        """The market as of the current bar; the universe is fixed from the first look on."""
        if self._market is None:
            names = {t: self._instruments.get(t) or Instrument(ticker=t) for t in self._tickers}
            self._market = LiveMarketView(names, frequency=self.frequency, actions=self._actions)
        return self._market

    def start(self, *_: Any) -> None:
        """Start the stream and the worker. Cerebro calls it; a second call changes nothing."""
        if self._worker is not None:
            return
        market, since = self.market, self._since or self.clock.now()
        if not market.tickers:
            raise ConfigError("the store has no names", hint="tickers=, or getdata(dataname=...)")
        source = self._open_source(market.tickers, since)
        self._source = source
        if self._make_stream is not None:
            self._stream = self._make_stream(self.client, self._hear, self.clock.now)
            if isinstance(source, MinuteSource):
                for ticker in market.tickers:
                    self._stream.watch(ticker)
                self._pulse.wanted = len(market.tickers)
            self._stream.start()
            self.clock.hold(self._listening)
        self._seat = self.clock.seat("store")
        self._worker = threading.Thread(
            target=self._work, args=(source, self._seat, since), name="kis-store", daemon=True
        )
        self._worker.start()

    def stop(self) -> None:
        """Stop all threads. Cerebro calls it at the end; call it in a ``finally`` too."""
        self._stopping.set()
        if self._seat is not None:
            self._seat.leave()
        if self._stream is not None:
            self._stream.stop()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join(10.0)

    def get_notifications(self) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
        """Hand the next complete set of bars to the feeds, and return what there is to tell."""
        self._hand_out()
        self._waited = bool(self._slots)
        while self._outages:
            self._outages.popleft()
            for look in self.on_outage:
                look()
        told = [self._notes.popleft() for _ in range(len(self._notes))]
        for level, text in told:
            self.listener(level, text)
        return [(text, (), {"level": level}) for level, text in told]

    def attach(self, feed: KISFeed) -> None:
        """A feed wants the bars of its name."""
        self._feeds[feed.ticker] = feed

    def holds(self, ticker: str) -> bool:
        """Whether a bar of the name lies ready."""
        return ticker in self._slots

    def next_bar(self, ticker: str) -> tuple[datetime, LiveBar] | None:
        """Take the bar of the name that lies ready, with its end."""
        return self._slots.pop(ticker, None)

    def idle(self, seconds: float) -> None:
        """Wait for news: so many wall seconds at most, in lock-step until somebody has a wish.

        One of Cerebro's turns waits once at most, and not at all when it brings bars.
        """
        if self._waited or self._inbox or self._notices or self._notes or self.finished:
            return
        self._waited = True
        now = self.clock.now()
        until = now + self.clock.lapse(seconds) if self.clock.paced else FOREVER
        for each in self.wishes:
            wish = each()
            # a turn was given at this very time already: what it left undone waits
            if wish is not None and (wish > now or self._turned != now):
                until = min(until, wish)
        self._turned = now
        self.clock.wait(until)

    def state(self, ticker: str) -> int:
        """Delayed, live or broken, as ``bt.feed.DataBase`` names it."""
        data = bt.feed.DataBase
        if self._market is None or self._market.delayed:
            delayed: int = data.DELAYED
            return delayed
        broken = self._stream is not None and self.frequency != "1d" and self._is_broken()
        state: int = data.CONNBROKEN if broken else data.LIVE
        return state

    @property
    def finished(self) -> bool:
        """Whether no bar will come any more, and all have been taken."""
        return self._done and not self._inbox and not self._slots

    def finish(self) -> None:
        """Let the feeds end once what has come is taken. Safe from any thread."""
        self._done = True
        self.clock.wake()

    def drain_notices(self) -> list[Notice]:
        """Order notices that came since the last call."""
        return [self._notices.popleft() for _ in range(len(self._notices))]

    def last_price(self, ticker: str) -> int | None:
        """Newest traded price of a name on the stream, won."""
        return self._prices.get(ticker)

    def health(self) -> StreamHealth:
        """How well data comes in. Safe from any thread."""
        now, stream, source = self.clock.now(), self._stream, self._source
        counts = NO_COUNTS if stream is None else stream.counts
        minutes = source if isinstance(source, MinuteSource) else None
        return StreamHealth(
            now,
            None if stream is None else stream.connected,
            "" if stream is None else stream.last_reason,
            self._pulse.age(now),
            self._last_bar,
            self._bar_lag,
            len(self._pulse.registered),
            0 if stream is None else stream.places,
            counts.drops,
            counts.gaps,
            minutes.late if minutes else 0,
            minutes.repaired if minutes else 0,
            minutes.lost if minutes else 0,
            None,
        )

    def _hand_out(self) -> None:
        while self._inbox and not self._slots:
            item = self._inbox.popleft()
            if not isinstance(item, BarSet):
                self.market.set_bands(*item)
                continue
            self.market.take(item)
            if item.delayed and self._replay < 1:
                continue
            self._slots = {
                ticker: (item.at, bar) for ticker, bar in item.bars.items() if ticker in self._feeds
            }

    def _listening(self) -> bool:
        """Whether the stream is as complete as it will be."""
        stream = self._stream
        if stream is None or stream.failure is not None or self._stopping.is_set():
            return True
        return stream.connected and self._pulse.complete(stream.places)

    def _is_broken(self) -> bool:
        if self._stream is not None and not self._stream.connected:
            return True
        now = self.clock.now()
        if not calendar.is_session(now.date()):
            return False
        hours = calendar.session_hours(now.date())
        running = hours.open <= now < hours.close - timedelta(minutes=10)
        return running and self._pulse.silent(now, hours.open, self.clock.lapse(self._stale))

    # the threads' side: queues only

    def _hear(self, event: StreamEvent) -> None:
        """On the stream's thread."""
        if isinstance(event, Trade | Book):
            self._pulse.tick()
            if isinstance(event, Trade):
                self._prices[event.ticker] = event.price
        elif isinstance(event, Notice):
            self._notices.append(event)
            self.clock.wake()
            return
        elif isinstance(event, Registered):
            self._pulse.registered.add(event.registration)
            self._pulse.refused.discard(event.registration)
        elif isinstance(event, Unregistered):
            self._pulse.registered.discard(event.registration)
        elif isinstance(event, RegistrationRefused):
            self._pulse.refused.add(event.registration)
            self._say("alert", refused(event))
        elif isinstance(event, Connected):
            self._say("info", "실시간 연결됨")
        elif isinstance(event, Disconnected):
            self._pulse.registered.clear()
            self._say("warning", f"실시간 연결 끊김: {event.reason}")
        elif isinstance(event, Outage):
            self._outages.append(event)
            self.clock.wake()
        source = self._source
        if source is not None:
            source.hear(event)
            if self._seat is not None and isinstance(source, MinuteSource) and source.urgent(event):
                self._seat.wake()

    def _say(self, level: str, text: str) -> None:
        self._notes.append((level, text))
        self.clock.wake()

    def _publish(self, bars: BarSet) -> None:
        if self._until is not None and bars.at > self._until:
            return
        if not bars.delayed:
            self._last_bar = bars.at
            self._bar_lag = (self.clock.now() - bars.at).total_seconds()
        self._inbox.append(bars)
        self.clock.wake()

    def _take_limits(self, day: date, bands: dict[str, PriceBand]) -> None:
        self._inbox.append((day, bands))

    def _work(self, source: Source, seat: Seat, since: datetime) -> None:
        try:
            self._fill(since)
            while not self._stopping.is_set():
                due = self._step(source)
                if self._until is not None and due > self._until + timedelta(hours=2):
                    self.finish()
                    seat.leave()
                    return
                seat.wait(due)
        except Exception as error:  # the thread's outermost guard: say it and let the feeds end
            self._say("alert", f"시세 스레드가 멈춤: {type(error).__name__}: {error}")
            self.finish()
            seat.leave()

    def _step(self, source: Source) -> datetime:
        try:
            return source.step()
        except TradingSystemError as error:
            self._say("warning", str(error))
            return self.clock.now() + max(self.clock.lapse(AGAIN), timedelta(seconds=1))

    def _fill(self, since: datetime) -> None:
        """Publish history, oldest first."""
        tickers = self.market.tickers
        if self._history is not None:
            sets = recorded(self._history, self._first_live(since), self._backfill)
        elif isinstance(self._source, DaySource):
            sets = day_history(
                self.client, tickers, self._source.history_ends, self._backfill, self._say,
                adjusted=not self._actions,
            )  # fmt: skip
        else:
            sets = minute_history(
                self.client, tickers, self.length, since, self._backfill, self._say
            )
        for each in without(sets, datetime.min):
            self._publish(each)

    def _first_live(self, since: datetime) -> datetime:
        return since + timedelta(microseconds=1)

    def _open_source(self, tickers: Iterable[str], since: datetime) -> Source:
        names = tuple(tickers)
        if self.frequency == "1d":
            return DaySource(self.client, names, self.clock, self._publish, self._say, since)
        return MinuteSource(
            self.client, names, self.length, self.clock, self._publish, self._take_limits,
            self._say, since, grace=self._grace,
        )  # fmt: skip


def _length(frequency: str) -> timedelta:
    unit, number = frequency[-1:], frequency[:-1]
    if unit not in ("d", "m") or not number.isdigit() or (unit == "d" and number != "1"):
        raise ConfigError(f"unknown frequency '{frequency}'", hint="1d, 1m or 5m")
    return timedelta(minutes=int(number)) if unit == "m" else timedelta(days=1)
