"""Where a live session writes: the run that it began or took up again, durably, step by step."""

from collections import deque
from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select

from kisbt.adapter.account_book import AccountBook
from kisbt.domain.llm import LLMCall
from kisbt.domain.state import TradingState
from kisbt.domain.trading import Fill, OrderEvent, OrderState, PositionChange
from kisbt.journal.database import DatabaseManager
from kisbt.journal.progress import ENDED
from kisbt.journal.record import from_iso
from kisbt.journal.recovery import VenueRecord
from kisbt.journal.runs import RunInfo
from kisbt.journal.schema import equity, orders, runs, ticks
from kisbt.journal.writer import RunJournal
from kisbt.risk.day_use import DayUse
from kisbt.run.live_view import DecisionLine


class Past(NamedTuple):
    """What an account's latest run left: ``tick`` is the next free number.

    ``decided`` is the close of the last bar on which a decision was made or begun, ``seen`` that
    of the last bar written. ``open`` counts orders that had not ended.
    """

    run_id: str
    tick: int
    decided: datetime | None
    seen: datetime | None
    open: int
    config_hash: str
    prompt_hash: str | None
    strategy: str


def latest_run(db: DatabaseManager, scope: str) -> Past | None:
    """The newest run of an account, ``None`` for a new one.

    A bar counts as decided as soon as an order of its tick was journaled: a crash between sending
    and writing the tick down must not decide it twice.
    """
    with db.reading() as connection:
        run = connection.execute(
            select(runs)
            .where(runs.c.scope == scope)
            .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
            .limit(1)
        ).first()
        if run is None:
            return None
        last = connection.execute(
            select(ticks.c.tick, ticks.c.at)
            .where(ticks.c.run_id == run.run_id)
            .order_by(ticks.c.tick.desc())
            .limit(1)
        ).first()
        sent = connection.execute(
            select(orders.c.tick, func.min(orders.c.created_at).label("at"))
            .where(orders.c.run_id == run.run_id, orders.c.tick.is_not(None))
            .group_by(orders.c.tick)
            .order_by(orders.c.tick.desc())
            .limit(1)
        ).first()
        still = connection.execute(
            select(func.count())
            .select_from(orders)
            .where(orders.c.run_id == run.run_id, orders.c.state.not_in(sorted(ENDED)))
        ).scalar_one()
        seen = connection.execute(
            select(func.max(equity.c.at)).where(equity.c.run_id == run.run_id)
        ).scalar()
    number, decided = (-1, None) if last is None else (last.tick, from_iso(last.at))
    if sent is not None and sent.tick > number:
        number, decided = sent.tick, from_iso(sent.at)
    return Past(
        run.run_id, number + 1, decided, None if seen is None else from_iso(seen), still,
        run.config_hash, run.prompt_hash, run.strategy,
    )  # fmt: skip


class LiveBooks:
    """The journal of a session: an ``ExecutionListener`` and ``Journal`` that also keeps count.

    Nothing of the account is written before ``live`` is set: bars that are read back are history.

    Args:
        db: The open journal.
        run_id: A registered run.
        day: Told of every fill, so that node 4 knows the session's turnover.
        names: Company names by ticker, for the screen.
        on_bar: Called after a bar has been written.
    """

    def __init__(
        self,
        db: DatabaseManager,
        run_id: str,
        day: DayUse,
        names: dict[str, str],
        on_bar: Callable[[datetime], None],
    ) -> None:
        self._db = db
        self._day = day
        self._names = names
        self._on_bar = on_bar
        self.live = False
        self.orders: dict[str, OrderEvent] = {}
        self.fills = self.bars = 0
        self.recent: deque[DecisionLine] = deque(maxlen=12)
        self._take(run_id)

    def turn(self, info: RunInfo, at: datetime, book: AccountBook) -> str:
        """End this run in order and go on in a new one, with the account as it stands."""
        held = [
            (book.instruments[column].ticker, shares, book.averages.get(column, 0.0))
            for column, shares in book.quantities.items()
        ]
        self.journal.flush()
        self._db.finish_run(self.run_id, "finished")
        self._take(self._db.begin_run(info))
        self.record.opened(at, book.ledger.cash, held)
        return self.run_id

    def _take(self, run_id: str) -> None:
        self.run_id = run_id
        self.journal = RunJournal(self._db, run_id, batch=1)
        self.record = VenueRecord(self._db, run_id)

    def named(self, ref: str, session: date, number: str, branch: str) -> None:
        """Note the number under which the venue took an order."""
        self.record.named(ref, session, number, branch)

    def record_tick(self, state: TradingState) -> None:
        """Write one finished tick."""
        self.journal.record_tick(state)
        plan = state.get("plan")
        asked = () if plan is None else plan.decisions + state.get("added", ())
        waits = {r.decision: r.reason for r in state.get("receipts", ()) if not r.accepted}
        for verdict in state.get("verdicts", ()):
            if verdict.decision < len(asked):
                why = waits.get(verdict.decision) or verdict.reason
                self.recent.appendleft(
                    DecisionLine(
                        state["tick"].at,
                        verdict.ticker,
                        self._names.get(verdict.ticker, ""),
                        verdict.action.value,
                        verdict.outcome.value,
                        verdict.quantity,
                        why or asked[verdict.decision].justification,
                    )
                )

    def record_order(self, event: OrderEvent) -> None:
        """Write one change of an order."""
        self.journal.record_order(event)
        self.orders[event.ref] = event
        if len(self.orders) > 200:
            over = [r for r, e in self.orders.items() if e.state in _OVER]
            for ref in over[:100]:
                del self.orders[ref]

    def record_fill(self, fill: Fill) -> None:
        """Write one execution."""
        self.journal.record_fill(fill)
        self._day.on_fill(fill.session, fill.amount)
        self.fills += 1

    def record_change(self, change: PositionChange) -> None:
        """Write a split, a delisting or a correction."""
        self.journal.record_change(change)

    def record_call(self, call: LLMCall) -> None:
        """Write one exchange with a model."""
        self.journal.record_call(call)

    def record_equity(self, at: datetime, cash: int, equity: int, exposure: float) -> None:
        """Write the account at a live bar's close."""
        if not self.live:
            return
        self.bars += 1
        self.journal.record_equity(at, cash, equity, exposure)
        self._on_bar(at)

    def beat(self) -> None:
        """Say that the run lives, bar or no bar."""
        with self._db.writing(durable=False) as connection:
            self._db.heartbeat(connection, self.run_id)


_OVER = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}
)
