"""The days of a session: what is prepared before the open, and what is written after the close."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from kisbt.adapter.kis_broker import KISBroker
from kisbt.adapter.live_account import session_of
from kisbt.adapter.reconcile import Reconciler
from kisbt.domain.ports import Notifier
from kisbt.domain.trading import OrderEvent
from kisbt.errors import KISAPIError, TradingSystemError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import from_iso
from kisbt.journal.recovery import Opening, read_history
from kisbt.journal.schema import decisions, equity, ticks
from kisbt.krx import calendar
from kisbt.report.live_day import DayDecision, DayPosition, LiveDay, day_line, write_live_day
from kisbt.report.wording import Lang
from kisbt.run.live_result import read_events, worth_of
from kisbt.run.live_safety import TwoBooks
from kisbt.run.live_venue import Venue

EARLY = timedelta(minutes=30)
"""Before the open: order entry begins at 08:30, and the opening auction's orders leave at 08:40."""

LATE = timedelta(minutes=15)
"""After the close a day is written even if its last bar never came."""

SKEW_LIMIT = 5.0
"""Seconds by which this machine's clock may be off KIS's."""

DoneDay = Callable[[LiveDay], list[tuple[str, list[list[str]]]]]
"""Looks at a day that is over and returns more tables for its page."""


class Days:
    """Prepares sessions and writes them down. On Cerebro's thread, as a duty.

    Args:
        db: The open journal.
        run_id: Tells the run.
        venue: Where it trades.
        broker: Its broker.
        losses: Told the venue's own equity.
        reconciler: Compares books and venue.
        notifier: Told of each day.
        clock: Venue time.
        folder: Where pages go, by run.
        names: Company names by ticker.
        strategy: What the page calls the strategy.
        decider: And its decider.
        prompt: Tells the number of the prompt in use.
        lang: Of the pages.
        live: Whether the first live bar has come.
        over: More to do once a day is written.
    """

    def __init__(
        self,
        *,
        db: DatabaseManager,
        run_id: Callable[[], str],
        venue: Venue,
        broker: KISBroker,
        losses: TwoBooks,
        reconciler: Reconciler,
        notifier: Notifier,
        clock: Callable[[], datetime],
        folder: Path,
        names: dict[str, str],
        strategy: str,
        decider: Callable[[], str],
        prompt: Callable[[], int | None],
        mode: Callable[[], str],
        lang: Lang,
        over: tuple[DoneDay, ...] = (),
    ) -> None:
        self._db, self._run_id, self._venue, self._broker = db, run_id, venue, broker
        self._losses, self._reconciler, self._notifier = losses, reconciler, notifier
        self._clock, self._folder, self._names = clock, folder, names
        self._strategy, self._decider, self._prompt = strategy, decider, prompt
        self._mode, self._lang, self._over = mode, lang, over
        self._prepared: date | None = None
        self._closing: date | None = None
        self._compared = False
        self.done: list[LiveDay] = []
        self.pages: list[Path] = []

    def on_bar(self, at: datetime) -> None:
        """A live bar has been traded on and journaled; the last one of a session closes it."""
        if at >= calendar.session_hours(at.date()).close:
            self._closing = at.date()

    def duty(self) -> None:
        """Prepare the session that is about to open; write the one that has closed.

        The very first turn compares books and venue: before any decision.
        """
        now = self._clock()
        if not self._compared:
            self._compared = True
            if not self._venue.embedded:
                self._reconciler.check()
        if self._closing is not None:
            day, self._closing = self._closing, None
            self._close(day)
        session = session_of(now)
        if session == self._prepared:
            return
        if self._prepared is not None and self._prepared < session:
            self._miss(self._prepared, now)
        if now >= calendar.session_hours(session).open - EARLY:
            self._prepared = session
            self._prepare(session)

    def _prepare(self, session: date) -> None:
        """Token, clock, holiday, books: everything that must be right before orders leave."""
        client, say = self._venue.client, self._notifier.notify
        try:
            client.session.auth.token()
            if self._venue.mode == "real":
                day = next((d for d in client.chk_holiday(session) if d.day == session), None)
                if day is not None and not day.open:
                    say("alert", f"{session}: 한국투자증권 휴장일. 오늘은 체결되지 않음")
        except KISAPIError as error:
            say("alert", f"{session} 장 시작 전 준비: {error}")
        skew = client.clock_skew
        if self._venue.mode != "sim" and skew is not None and abs(skew) > SKEW_LIMIT:
            say("alert", f"이 컴퓨터의 시계가 서버와 {skew:+.1f}초 다름: NTP로 맞추세요")
        if not self._venue.embedded:
            self._reconciler.check()
        say("info", f"{session} 거래일 준비")

    def _miss(self, session: date, now: datetime) -> None:
        """The session ended without its last bar."""
        closed = calendar.session_hours(session).close
        written = self.done and self.done[-1].session >= session
        if now >= closed + LATE and not written:
            self._notifier.notify("alert", f"{session}: 마지막 봉이 오지 않음, 판단 없이 마감")
            self._close(session)

    def _close(self, session: date) -> None:
        """Compare with the venue, and write the day's page. A failure is said and ends nothing."""
        say = self._notifier.notify
        try:
            total = self._venue.client.inquire_balance().totals.total
            if total is not None and not self._losses.observe_venue(session, total):
                say("alert", f"잔고 조회가 이상해 믿지 않음: {total:,}원 (다음 조회로 확인)")
            found = self._reconciler.check()
            if not found.known:
                say("warning", f"{session}: 장부와 잔고를 비교하지 못함")
        except KISAPIError as error:
            say("warning", f"{session}: 잔고를 읽지 못함: {error}")
        try:
            day = self._describe(session)
            extra = [table for look in self._over for table in look(day)]
            day = day._replace(extra=extra)
            path = self._folder / self._run_id() / "days" / f"{session}.html"
            self.pages.append(write_live_day(day, path, self._lang))
        except TradingSystemError as error:
            say("alert", f"{session}: 하루 기록을 쓰지 못함: {error}")
            return
        self.done.append(day)
        say("info", day_line(day, self._lang))

    def _describe(self, session: date) -> LiveDay:
        run_id, broker = self._run_id(), self._broker
        history = read_history(self._db, run_id)
        with self._db.reading() as connection:
            before = equity_before(connection, run_id, session, history.opening)
            decided = [
                DayDecision(
                    from_iso(row.at), row.ticker, row.action, row.outcome or "",
                    row.approved or 0, row.refusal or row.reason or "", row.justification,
                )
                for row in connection.execute(_decisions_of(run_id, session))
            ]  # fmt: skip
            first: dict[str, OrderEvent] = {}
            last: dict[str, OrderEvent] = {}
            for event in read_events(connection, run_id):
                first.setdefault(event.ref, event)
                last[event.ref] = event
        book = broker.book
        closes = {t: broker.getvalue([_Named(t)]) for t in _tickers(broker)}
        positions = [
            DayPosition(
                book.instruments[column].ticker,
                held,
                book.averages.get(column, 0.0),
                int(closes[book.instruments[column].ticker] // held),
            )
            for column, held in sorted(book.quantities.items())
        ]
        valuation = broker.valuation
        return LiveDay(
            run_id=run_id,
            session=session,
            where=self._venue.said,
            strategy=self._strategy,
            decider=self._decider(),
            prompt=self._prompt(),
            before=before,
            equity=valuation.equity,
            cash=valuation.cash,
            mode=self._mode(),
            names=self._names,
            positions=positions,
            decisions=decided,
            orders=[e for ref, e in last.items() if session_of(first[ref].at) == session],
            fills=[fill for fill in history.fills if fill.session == session],
            alerts=[
                (from_iso(a.at), a.level, a.message)
                for a in reversed(Controls(self._db).alerts(run_id=run_id, limit=200))
                if a.at[:10] == session.isoformat()
            ],
        )


def equity_before(
    connection: Connection, run_id: str, session: date, opening: Opening | None
) -> int:
    """Equity at the last bar of the run before ``session``, or as the run began. Won."""
    found = connection.execute(
        select(equity.c.equity)
        .where(equity.c.run_id == run_id, equity.c.at < session.isoformat())
        .order_by(equity.c.at.desc())
        .limit(1)
    ).scalar()
    return worth_of(opening) if found is None else int(found)


class _Named:
    """Stands for a feed where only its name is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name


def _tickers(broker: KISBroker) -> list[str]:
    return [broker.book.instruments[column].ticker for column in broker.book.quantities]


def _decisions_of(run_id: str, session: date) -> Any:
    return (
        select(ticks.c.at, decisions)
        .join(
            decisions,
            (decisions.c.run_id == ticks.c.run_id) & (decisions.c.tick == ticks.c.tick),
        )
        .where(
            ticks.c.run_id == run_id,
            ticks.c.at >= session.isoformat(),
            ticks.c.at < (session + timedelta(days=1)).isoformat(),
        )
        .order_by(ticks.c.tick, decisions.c.seq)
    )
