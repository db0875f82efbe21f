"""How a session finds its account: a new run on it, or the one that an earlier process left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.kis_broker import Pending
from kisbt.adapter.live_account import open_book, restore
from kisbt.adapter.reconcile import begin_on, believed
from kisbt.domain.trading import Side
from kisbt.errors import ConfigError, KISAPIError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.progress import ENDED
from kisbt.journal.recovery import History, VenueRecord, read_history
from kisbt.journal.runs import PromptRecord, RunInfo
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel
from kisbt.rulebook.version import PromptVersion
from kisbt.run.live_books import Past
from kisbt.run.live_order import Foreign, Names
from kisbt.run.live_venue import Venue

NO_DECIDER = "전략 파일 (LLM 없음)"

SETTLE = timedelta(minutes=2)
"""After a close, until its bar can be read."""


@dataclass(frozen=True)
class Account:
    """An account ready to trade. ``ignored`` shares by ticker are nobody's business here."""

    run_id: str
    book: AccountBook
    pending: tuple[Pending, ...]
    ignored: Mapping[str, int]
    next_tick: int
    continued: bool
    notes: tuple[str, ...]


def describe_run(
    venue: Venue,
    names: Names,
    *,
    strategy: str,
    decider: str,
    version: PromptVersion | None,
    spec: Mapping[str, Any],
    config_hash: str,
) -> RunInfo:
    """A run as the journal registers it."""
    dataset = names.dataset
    return RunInfo(
        mode=venue.mode,
        strategy=strategy,
        decider=decider,
        dataset_name=dataset.name if dataset is not None else "kis",
        dataset_hash=dataset.hash if dataset is not None else f"live:{venue.scope}",
        config_hash=config_hash,
        prompt=None
        if version is None
        else PromptRecord(
            number=version.number,
            hash=version.hash,
            text=version.text,
            summary=version.summary,
            rules=version.rules,
        ),
        spec=spec,
        scope=venue.scope,
    )


def take_account(
    db: DatabaseManager,
    venue: Venue,
    names: Names,
    costs: CostModel,
    info: RunInfo,
    past: Past | None,
    foreign: Foreign,
    at: datetime,
    pause: Callable[[], None],
) -> Account:
    """Begin a run on the account, or take up the latest one.

    It is taken up when it was made with the same settings, or when some of its orders are still
    open: those must be followed under the run that sent them.

    Raises:
        ConfigError: the balance cannot be believed, or holds shares that the policy refuses.
        KISAPIError: KIS refuses the key or the account.
    """
    if past is not None and (past.open or past.config_hash == info.config_hash):
        history = read_history(db, past.run_id)
        if history.opening is not None:  # else it ended before it began, and sent nothing
            return _take_up(db, venue, names, costs, info, past, history)
    balance = venue.client.inquire_balance()  # its errors say what is wrong with key or account
    agreed = balance if venue.embedded else believed(venue.client, lambda _b: False, pause)
    if agreed is None:
        raise ConfigError(
            "the account's balance cannot be trusted: no two readings agreed",
            hint="try again in a minute",
        )
    start = begin_on(agreed, names.instruments, "adopt" if past else foreign, at)
    run_id = db.begin_run(_with_ignored(info, start.ignored))
    held = [(ticker, *shares) for ticker, shares in sorted(start.opening.positions.items())]
    VenueRecord(db, run_id).opened(at, start.opening.cash, held)
    book = open_book(names.instruments, costs, start.opening)
    next_tick = 0
    return Account(run_id, book, (), start.ignored, next_tick, False, start.notes)


def _take_up(
    db: DatabaseManager,
    venue: Venue,
    names: Names,
    costs: CostModel,
    info: RunInfo,
    past: Past,
    history: History,
) -> Account:
    run = db.run(past.run_id)
    assert history.opening is not None
    missing = sorted(_traded(history) - {each.ticker for each in names.instruments})
    if missing:
        raise ConfigError(
            f"run {past.run_id} holds names that are not in the universe: {', '.join(missing)}",
            hint="add them to --tickers until they are sold",
        )
    restored = restore(
        names.instruments, costs, history.opening, history, _upper_limits(venue, history)
    )
    db.resume_run(past.run_id)
    notes = [f"실행 {past.run_id}을(를) 이어서 함 (판단 {past.tick}번부터)"]
    if past.config_hash != info.config_hash:
        notes.append(f"설정이 바뀌었지만 끝나지 않은 주문 {past.open}건이 있어 같은 실행을 이어 감")
    ignored: dict[str, int] = run.spec.get("ignored", {})
    return Account(
        past.run_id, restored.book, restored.pending, ignored, past.tick, True, tuple(notes)
    )


def _traded(history: History) -> set[str]:
    """Names of which something is held or may still trade."""
    held = {fill.ticker: fill.position_after for fill in history.fills}
    open_now = {o.ticker for o in history.orders if o.state.value not in ENDED}
    opening = history.opening.positions if history.opening else {}
    held = {**{t: n for t, (n, _) in opening.items()}, **held}
    return {ticker for ticker, shares in held.items() if shares} | open_now


def _upper_limits(venue: Venue, history: History) -> dict[str, int]:
    """Upper limit price of names with an open market buy: what it reserves at worst."""
    wanted = sorted(
        {
            order.ticker
            for order in history.orders
            if order.state.value not in ENDED
            and order.side is Side.BUY
            and order.limit_price is None
        }
    )
    limits = {}
    for ticker in wanted:
        try:
            limits[ticker] = venue.client.inquire_price(ticker).upper_limit or 0
        except KISAPIError:
            limits[ticker] = 0
    return limits


def _with_ignored(info: RunInfo, ignored: Mapping[str, int]) -> RunInfo:
    if not ignored:
        return info
    return info.model_copy(update={"spec": {**info.spec, "ignored": dict(ignored)}})


def history_until(now: datetime, frequency: str, decided: datetime | None) -> datetime:
    """The end of history: bars that close later are decided on.

    The last daily bar is, too, when nobody has decided on it yet and its orders can still make
    their session: a session started in the evening or the early morning misses nothing.
    """
    if frequency != "1d":
        return now
    day = now.date()
    if not calendar.is_session(day) or now < calendar.session_hours(day).close + SETTLE:
        day = calendar.previous_session(day)
    close = calendar.session_hours(day).close
    opens = calendar.session_hours(calendar.next_session(day)).open
    if now < opens and (decided is None or decided < close):
        return close - timedelta(seconds=1)
    return now


def last_close(now: datetime, days: int | None) -> datetime | None:
    """The close of the ``days``-th session from now on; ``None`` for no end."""
    if days is None:
        return None
    day = now.date()
    if not calendar.is_session(day) or now >= calendar.session_hours(day).close:
        day = calendar.next_session(day)
    return calendar.session_hours(calendar.add_sessions(day, days - 1)).close
