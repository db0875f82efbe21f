"""The one KIS connection that a broker and its feeds share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import backtrader as bt

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.bars import BarSet, LiveBar
from kisbt.adapter.day_source import DaySource
from kisbt.adapter.health import NO_COUNTS, StreamHealth
from kisbt.adapter.intake import Intake, Source
from kisbt.adapter.kis_broker import KISBroker
from kisbt.adapter.kis_feed import KISFeed
from kisbt.adapter.live_account import open_book
from kisbt.adapter.live_clock import FOREVER, LiveClock, WallClock
from kisbt.adapter.live_history import day_history, minute_history, recorded
from kisbt.adapter.live_market import LiveMarketView
from kisbt.adapter.live_worker import LiveWorker
from kisbt.adapter.minute_source import PRICES, MinuteSource
from kisbt.adapter.reconcile import begin_on, believed
from kisbt.config import CostSettings
from kisbt.data.dataset import Dataset
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument
from kisbt.domain.ports import ExecutionListener
from kisbt.errors import ConfigError
from kisbt.kis.client import KISClient
from kisbt.kis.events import StreamEvent
from kisbt.kis.records import Notice
from kisbt.kis.stream import KISStream
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel

_FEED: Any = KISFeed  # its params are keywords that only backtrader's metaclass knows of

StreamMaker = Callable[
    [KISClient[Any], Callable[[StreamEvent], None], Callable[[], datetime]], KISStream
]
"""Makes the stream of a client: the client, who listens, and the clock."""


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
        tables = {} if history is None else history.bars
        self._baseless = frozenset(t for t, table in tables.items() if not table.base.any())
        self.actions = tuple(actions) or (history.actions if history is not None else ())
        self._since, self._until = since, until
        self._stale, self._grace = stale, grace
        self._market: LiveMarketView | None = None
        self._source: Source | None = None
        self._intake = Intake(self.clock, until)
        self._feeds: dict[str, KISFeed] = {}
        self._slots: dict[str, tuple[datetime, LiveBar]] = {}
        self._turned: datetime | None = None
        self._waited = self._stopped = False
        self._worker: LiveWorker | None = None

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
        more.setdefault("actions", self.actions)
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
            self._market = LiveMarketView(names, frequency=self.frequency, actions=self.actions)
        return self._market

    def start(self, *_: Any) -> None:
        """Start the stream and the worker. Cerebro calls it; a second call changes nothing."""
        if self._worker is not None:
            return
        market, since = self.market, self._since or self.clock.now()
        if not market.tickers:
            raise ConfigError("the store has no names", hint="tickers=, or getdata(dataname=...)")
        source = self._source = self._open_source(market.tickers, since)
        worker = self._worker = LiveWorker(
            source, self._intake, self.clock, lambda: self._before(since, source), self._until
        )
        self._intake.connect(source, worker.seat)
        if self._make_stream is not None:
            stream = self._stream = self._make_stream(
                self.client, self._intake.hear, self.clock.now
            )
            if isinstance(source, MinuteSource):
                for ticker in market.tickers:
                    stream.watch(ticker)
                wanted = frozenset((PRICES, ticker) for ticker in market.tickers)
                self._intake.pulse.wanted = wanted
            stream.start()
            self.clock.hold(self._listening)
        worker.start()

    def stop(self) -> None:
        """Stop all threads. Cerebro calls it at the end; call it in a ``finally`` too."""
        self._stopped = True
        if self._stream is not None:
            self._stream.stop()
        if self._worker is not None:
            self._worker.stop()

    def get_notifications(self) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
        """Hand the next complete set of bars to the feeds, and return what there is to tell."""
        self._hand_out()
        self._waited = bool(self._slots)
        outages, notes = self._intake.outages, self._intake.notes
        while outages:
            outages.popleft()
            for look in self.on_outage:
                look()
        told = [notes.popleft() for _ in range(len(notes))]
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
        if self._waited or self._intake.news or self.finished:
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
        return self._intake.done and not self._intake.items and not self._slots

    def finish(self) -> None:
        """Let the feeds end once what has come is taken. Safe from any thread."""
        self._intake.finish()

    def drain_notices(self) -> list[Notice]:
        """Order notices that came since the last call."""
        notices = self._intake.notices
        return [notices.popleft() for _ in range(len(notices))]

    def last_price(self, ticker: str) -> int | None:
        """Newest traded price of a name on the stream, won."""
        return self._intake.prices.get(ticker)

    def health(self) -> StreamHealth:
        """How well data comes in. Safe from any thread."""
        now, stream, source = self.clock.now(), self._stream, self._source
        counts = NO_COUNTS if stream is None else stream.counts
        minutes = source if isinstance(source, MinuteSource) else None
        return StreamHealth(
            now,
            None if stream is None else stream.connected,
            "" if stream is None else stream.last_reason,
            self._intake.pulse.age(now),
            self._intake.last_bar,
            self._intake.bar_lag,
            len(self._intake.pulse.registered),
            0 if stream is None else stream.places,
            counts.drops,
            counts.gaps,
            minutes.late if minutes else 0,
            minutes.repaired if minutes else 0,
            minutes.lost if minutes else 0,
            None,
        )

    def _hand_out(self) -> None:
        items = self._intake.items
        while items and not self._slots:
            item = items.popleft()
            if not isinstance(item, BarSet):
                self.market.set_bands(*item)
                continue
            item = self._as_recorded(item)
            self.market.take(item)
            if item.shown:
                self._slots = {
                    t: (item.at, bar) for t, bar in item.bars.items() if t in self._feeds
                }

    def _as_recorded(self, item: BarSet) -> BarSet:
        """Without base prices where history has none: a change is measured alike before and now.

        On adjusted prices a base that a venue tells is the last close moved to a tick.
        """
        if self._history is None or not self._baseless:
            return item
        bars = {
            ticker: bar._replace(base=0) if ticker in self._baseless else bar
            for ticker, bar in item.bars.items()
        }
        return item._replace(bars=bars)

    def _listening(self) -> bool:
        """Whether the stream is as complete as it will be."""
        stream = self._stream
        if stream is None or stream.failure is not None or self._stopped:
            return True
        return stream.connected and self._intake.pulse.complete(stream.places)

    def _is_broken(self) -> bool:
        if self._stream is not None and not self._stream.connected:
            return True
        now = self.clock.now()
        if not calendar.is_session(now.date()):
            return False
        hours = calendar.session_hours(now.date())
        running = hours.open <= now < hours.close - timedelta(minutes=10)
        return running and self._intake.pulse.silent(now, hours.open, self.clock.lapse(self._stale))

    def _before(self, since: datetime, source: Source) -> list[BarSet]:
        """Read history, oldest first; on the worker's thread."""
        tickers, say = self.market.tickers, self._intake.say
        if self._history is not None:
            sets = recorded(self._history, since, self._backfill)
        elif isinstance(source, DaySource):
            sets = day_history(
                self.client, tickers, source.history_ends, self._backfill, say,
                adjusted=not self.actions,
            )  # fmt: skip
        else:
            sets = minute_history(self.client, tickers, self.length, since, self._backfill, say)
        unseen = len(sets) - self._replay
        return [each._replace(shown=n >= unseen) for n, each in enumerate(sets)]

    def _open_source(self, tickers: Iterable[str], since: datetime) -> Source:
        names, into = tuple(tickers), self._intake
        if self.frequency == "1d":
            return DaySource(self.client, names, self.clock, into.publish, into.say, since)
        return MinuteSource(
            self.client, names, self.length, self.clock, into.publish, into.take_bands,
            into.say, since, grace=self._grace,
        )  # fmt: skip


def _length(frequency: str) -> timedelta:
    unit, number = frequency[-1:], frequency[:-1]
    if unit not in ("d", "m") or not number.isdigit() or (unit == "d" and number != "1"):
        raise ConfigError(f"unknown frequency '{frequency}'", hint="1d, 1m or 5m")
    return timedelta(minutes=int(number)) if unit == "m" else timedelta(days=1)
