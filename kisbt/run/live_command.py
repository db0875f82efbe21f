"""``kisbt live`` without its terminal: the venue reached, sessions run, pages written."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from kisbt.config import Settings
from kisbt.data.dataset import Dataset
from kisbt.data.store import load_market
from kisbt.domain.result import RunResult
from kisbt.errors import ConfigError, JournalError, TradingSystemError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunStatus
from kisbt.run.live_desk import Opened, open_desk
from kisbt.run.live_order import (
    LiveOrder,
    LivePlan,
    Names,
    first_shown,
    names_at_kis,
    names_of_dataset,
    understand,
)
from kisbt.run.live_result import Sources, live_result
from kisbt.run.live_venue import Venue, is_loopback, open_venue
from kisbt.run.live_view import LiveView
from kisbt.run.logs import logging_to
from kisbt.run.order import with_llm
from kisbt.run.publish import check_writable, publish

if TYPE_CHECKING:
    from rich.console import Console

Confirm = Callable[[str], str]


@dataclass(frozen=True)
class LiveOutcome:
    """What a session left. ``ending`` says in one line why it ended."""

    said: str
    run_id: str
    result: RunResult
    metrics: Mapping[str, Any]
    sessions: int
    orders: int
    filled: int
    resting: int
    pages: tuple[Path, ...]
    ending: str
    failed: bool = False
    alerts: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """Of the table."""
        return f"{self.result.strategy['name']} · {self.result.decider}"

    def figures(self) -> dict[str, str]:
        """What the table says."""
        line, figures = self.result.equity, self.metrics
        equity = line[-1].equity if line else self.result.start_cash
        return {
            "venue (거래 상대)": self.said,
            "run (실행)": self.run_id,
            "sessions (거래일)": f"{self.sessions:,}",
            "equity (평가금액)": f"{equity:,} won",
            "net return (순수익률)": _percent(figures["total_return"]),
            "max drawdown (최대 낙폭)": _percent(figures["max_drawdown"]),
            "decisions (결정)": f"{self.result.decisions:,}, {self.result.rejected:,} rejected",
            "orders (주문)": f"{self.orders:,}, {self.filled:,} filled",
            "fills (체결)": f"{len(self.result.fills):,}",
            "fees and tax (수수료·세금)": f"{self.result.commission + self.result.tax:,} won",
            "orders left (남은 주문)": f"{self.resting:,}",
        }

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "venue": self.said,
            "run_id": self.run_id,
            "decider": self.result.decider,
            "prompt": self.result.prompt,
            "sessions": self.sessions,
            "orders": self.orders,
            "orders_filled": self.filled,
            "fills": len(self.result.fills),
            "resting": self.resting,
            "metrics": dict(self.metrics),
            "pages": [str(page) for page in self.pages],
            "ending": self.ending,
            "failed": self.failed,
            "alerts": list(self.alerts),
        }


def trade(
    order: LiveOrder,
    settings: Settings,
    *,
    confirm: Confirm,
    quiet: bool = False,
    environ: Mapping[str, str] | None = None,
    console: "Console | None" = None,
    page: bool = True,
) -> LiveOutcome:
    """Run a live session to its end: days done, data over, a signal, or an error.

    Args:
        order: The command line.
        settings: Everything else.
        confirm: Asks a person for a line: real money.
        quiet: Show nothing while it runs.
        environ: Variables instead of the process's own.
        console: A rich console to draw on.
        page: Write the tearsheet at the end.

    Raises:
        TradingSystemError: it could not begin, or the strategy or the journal failed.
    """
    settings = with_llm(order.asks, settings)
    plan = understand(order, settings)
    check_writable(settings.folder("results"))
    with ExitStack() as stack:
        venue, names = _reach(plan, settings, stack, confirm, environ or os.environ)
        redactor = venue.client.session.access.redactor
        live = settings.live
        logs = stack.enter_context(
            logging_to(
                (settings.root / live.logs).resolve(),
                redactor,
                megabytes=live.log_megabytes,
                files=live.log_files,
            )
        )
        if not venue.embedded:
            stack.enter_context(_alone(venue, settings))
        db = stack.enter_context(DatabaseManager(settings.journal_url()))
        desk = open_desk(plan, settings, venue, names, db)
        stack.callback(desk.close)
        view = LiveView(desk.screen, console=console, quiet=quiet)
        desk.show(view)
        stack.enter_context(view)
        desk.announcer.notify("info", venue.said)
        for note in desk.notes:
            desk.announcer.notify("info", note)
        with _signals(desk.stop):
            error = _trade(desk)
        view.tick(now=True)
        if logs.failed:
            desk.announcer.notify(
                "warning", "로그 파일에 쓰지 못한 줄이 있음 (디스크를 확인하세요)"
            )
        return _finish(desk, plan, settings, venue, names, db, error, page=page)


def _reach(
    plan: LivePlan,
    settings: Settings,
    stack: ExitStack,
    confirm: Confirm,
    environ: Mapping[str, str],
) -> tuple[Venue, Names]:
    """Open the venue, and name the universe there."""
    shown: list[tuple[Dataset, date]] = []

    def show() -> tuple[Dataset, date]:
        dataset = load_market(plan.data, settings.folder("datasets"))
        shown.append((dataset, first_shown(plan, dataset)))
        return shown[0]

    venue = stack.enter_context(
        open_venue(
            plan.order.venue,
            settings,
            shown=show,
            cash=plan.cash,
            speed=plan.speed,
            folder=plan.order.config_dir,
            environ=environ,
            confirm=confirm,
            universe=plan.tickers,
        )
    )
    if shown:
        return venue, names_of_dataset(plan, *shown[0])
    if is_loopback(venue.client.session.access.rest_url):  # a simulator of its own process
        dataset = load_market(plan.data, settings.folder("datasets"))
        return venue, names_of_dataset(plan, dataset)
    return venue, names_at_kis(plan, settings)


def _trade(desk: Opened) -> TradingSystemError | None:
    """Run, and leave the account in order whatever happens; the error that ended it, if any."""
    error: TradingSystemError | None = None
    try:
        desk.session.run()
    except TradingSystemError as met:
        error = met
        desk.announcer.notify("alert", f"중단: {met}")
    except BaseException:
        desk.put_away(ended=False)
        with _quietly():
            desk.finish("failed")
        raise
    desk.put_away(ended=error is None and not desk.session.stopping)
    return error


def _finish(
    desk: Opened,
    plan: LivePlan,
    settings: Settings,
    venue: Venue,
    names: Names,
    db: DatabaseManager,
    error: TradingSystemError | None,
    *,
    page: bool,
) -> LiveOutcome:
    """Close the run in the journal and write its pages."""
    stopped = desk.session.stopping
    status: RunStatus = "failed" if error else "interrupted" if stopped else "finished"
    if isinstance(error, JournalError):
        with _quietly():
            desk.finish(status)
        raise error
    result = live_result(
        db,
        desk.books.run_id,
        Sources(
            plan.strategy, plan.file, names.instruments, names.frequency, names.dataset, venue.said
        ),
    )
    published = publish(result, settings, page=page)
    desk.finish(status, published.metrics)
    if error is not None:
        raise error
    last = {event.ref: event.state.value for event in result.events}
    pages = [published.tearsheet, *desk.days.pages[-1:]]
    return LiveOutcome(
        venue.said,
        desk.books.run_id,
        result,
        published.metrics,
        len(desk.days.done),
        len(last),
        sum(state == "filled" for state in last.values()),
        desk.resting,
        tuple(page for page in pages if page is not None),
        f"{stopped}에 따라 끝냄" if stopped else "예정된 거래일이 끝남",
        alerts=tuple(
            a.message for a in Controls(db).alerts(run_id=desk.books.run_id) if a.level == "alert"
        ),
    )


@contextmanager
def _alone(venue: Venue, settings: Settings) -> Iterator[None]:
    """Nobody else on this machine trades the account meanwhile."""
    path = settings.folder("results") / f".live-{venue.scope}.lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"another kisbt live trades account {venue.scope} already",
            hint="kisbt live --status shows it; end it first",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C and a polite kill end the session in order; a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def heard(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        stop(signal.Signals(number).name)

    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' polite kill
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, heard) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quietly() -> Iterator[None]:
    """While another error is on its way, a second one changes nothing."""
    try:
        yield
    except TradingSystemError:
        return


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2%}"
