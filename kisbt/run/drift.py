"""Drift: how far a live day came out from what a backtest makes of it, in won, by cause.

The day is followed down a ladder of equities at its close, each one step further from what
happened and nearer to the backtest; a step's difference is its cause, so the parts sum to the
whole. All steps begin with the account as it stood after the last bar before the day, and all but
the first are valued at the closes of the data::

    live            equity that the journal has at the day's last bar
      unexplained   cash or shares that no fill, cost, split or delisting accounts for
      data          positions were valued at other closes than the data has
    its own fills, at their journaled costs
      cost          costs other than the cost model's
    its own fills, at the model's costs
      fill          prices and shares other than the fill model's, refusals by the venue
    orders that left, when they left, filled by the model
      timing        orders that left late, or never (guard, approval, halt, crash)
    orders as they were decided, when they were decided
      decision      the strategy decides otherwise on what it saw
    orders decided again on the recorded features
      data          the features differ from those of the data
    orders decided again on the data's features: the backtest

A model's replies come from the cache; where one is missing the backtest holds.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from kisbt.adapter.account_book import RefusedError
from kisbt.adapter.live_account import session_of
from kisbt.adapter.recorded_book import Lived, RecordedBook
from kisbt.adapter.tape import Playhead, Tape
from kisbt.config import Settings
from kisbt.errors import DataError, JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.encode import encode_snapshot
from kisbt.journal.memory import MemoryJournal
from kisbt.journal.record import from_iso
from kisbt.journal.recovery import History, KnownOrder, read_history
from kisbt.journal.runs import RunRow
from kisbt.journal.schema import equity as equity_table
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel
from kisbt.llm.meter import Meter
from kisbt.run.conversation import Conversation
from kisbt.run.drift_inputs import Holding, Overlaid, Rows, Seen
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.replay import Brain, replay
from kisbt.run.spec import RunSpec

PARTS = ("data", "decision", "timing", "fill", "cost", "unexplained")


class Drift(NamedTuple):
    """One day of one run. Won; ``live`` and ``backtest`` are equities at the day's close.

    ``equity`` is the live one after the last bar before the day. ``held`` counts decisions that
    could not be repeated because a reply is not in the cache.
    """

    run_id: str
    day: date
    equity: int
    live: int
    backtest: int
    data: int
    decision: int
    timing: int
    fill: int
    cost: int
    unexplained: int
    held: int = 0

    @property
    def total(self) -> int:
        """Live less backtest, won."""
        return self.live - self.backtest

    def basis_points(self, won: int) -> float:
        """An amount in basis points of the equity before the day."""
        return 1e4 * won / self.equity if self.equity else 0.0


class _Line(NamedTuple):
    cash: int
    equity: int


def latest_live(db: DatabaseManager) -> str:
    """The newest run that traded live.

    Raises:
        JournalError: there is none.
    """
    for run in db.runs():
        if run.mode != "backtest":
            return run.run_id
    raise JournalError("the journal has no live run", hint="kisbt live --mock")


def days_of(db: DatabaseManager, run_id: str) -> list[date]:
    """Sessions that a run has traded, oldest first."""
    return sorted({at.date() for at in _line(db, run_id)})


class DriftRun:
    """A live run whose days can be run again.

    Args:
        db: The journal.
        settings: Where datasets and prompts lie, and the model's cache.
        run_id: A live run.
        last: The last day that will be asked for.
        data: A dataset with the days' bars; the run's own by default.
        like: An earlier preparation, to use again what fits.

    Raises:
        JournalError: no such run, or it has traded on no bar.
        DataError: no dataset with the day's bars.
    """

    def __init__(
        self,
        db: DatabaseManager,
        settings: Settings,
        run_id: str,
        last: date,
        *,
        data: str | None = None,
        like: Prepared | None = None,
    ) -> None:
        run, self._line = db.run(run_id), _line(db, run_id)
        self._history = read_history(db, run_id)
        if self._history.opening is None or not self._line:
            raise JournalError(f"run {run_id} has no bar of live trading")
        self._settings, self._run_id = settings, run_id
        first = min(self._line).date()
        spec = _spec(run, data, first, max(first, min(last, max(self._line).date())))
        self.ready = prepare(spec, settings, like)
        self._seen = Seen(db, run_id)

    def drift(self, day: date) -> Drift:
        """The drift of one day.

        Raises:
            JournalError: the run did not trade on it.
        """
        if all(at.date() != day for at in self._line):
            raise JournalError(
                f"run {self._run_id} did not trade on {day}",
                hint=f"it traded from {min(self._line).date()} to {max(self._line).date()}",
            )
        return _Day(
            self.ready, self._settings, self._run_id, self._history, self._line, self._seen, day
        ).drift()


def _spec(run: RunRow, data: str | None, first: date, last: date) -> RunSpec:
    name = data or run.dataset_name
    if name == "kis":
        raise DataError(
            f"run {run.run_id} traded without a dataset: its bars are not at hand",
            hint="kisbt data fetch, then kisbt drift --data NAME",
        )
    known = {k: v for k, v in run.spec.items() if k in RunSpec.model_fields}
    return RunSpec.model_validate(known | {"data": name, "first": first, "last": last})


def _line(db: DatabaseManager, run_id: str) -> dict[datetime, _Line]:
    with db.reading() as connection:
        rows = connection.execute(select(equity_table).where(equity_table.c.run_id == run_id))
        return dict(sorted((from_iso(r.at), _Line(r.cash, r.equity)) for r in rows))


class _Day:
    def __init__(
        self,
        ready: Prepared,
        settings: Settings,
        run_id: str,
        history: History,
        line: Mapping[datetime, _Line],
        seen: Seen,
        day: date,
    ) -> None:
        opening = history.opening
        assert opening is not None
        self._settings, self._run_id, self._day = settings, run_id, day
        self._history, self._line, self._seen = history, line, seen
        tape = ready.tape
        self._last = max((t for t, s in enumerate(tape.sessions) if s <= day), default=-1)
        self._before = max((t for t, s in enumerate(tape.sessions) if s < day), default=-1)
        if self._last < 0 or tape.sessions[self._last] != day:
            raise DataError(f"dataset '{ready.dataset.name}' has no bar of {day}")
        self._ready, self._tape = ready, tape
        self._costs = CostModel.from_settings(ready.spec.costs)
        self._lived = Lived(
            opening.cash, opening.positions, history.fills, history.changes,
            {at: point.cash for at, point in line.items()},
        )  # fmt: skip

    def drift(self) -> Drift:
        """Walk down the ladder."""
        live = self._line[max(at for at in self._line if at.date() == self._day)]
        earlier = [point for at, point in self._line.items() if at.date() < self._day]
        start = earlier[-1].equity if earlier else self._book().equity_at_start
        modelled = self._own_fills()
        charged = sum(f.commission + f.tax for f in self._fills())
        own = modelled.equity - (charged - modelled.charged)
        closes = self._tape.closes[self._last]
        held = dict(modelled.shares)
        for change in self._corrections():
            column = self._tape.columns.get(change.ticker, -1)
            shares = change.quantity_after - change.quantity_before
            held[column] = held.get(column, 0) + shares
        worth = sum(n * int(closes[column]) for column, n in held.items() if column >= 0)
        valued = (live.equity - live.cash) - worth
        left = self._matched(self._left())
        decided = self._matched(self._decided())
        backtest, unlike, held_back = self._again({})
        recorded = self._again(unlike)[0] if unlike else backtest
        return Drift(
            self._run_id, self._day, start, live.equity, backtest,
            data=valued + recorded - backtest,
            decision=decided - recorded,
            timing=left - decided,
            fill=modelled.equity - left,
            cost=own - modelled.equity,
            unexplained=live.equity - own - valued,
            held=held_back,
        )  # fmt: skip

    def _fills(self) -> list[Any]:
        return [f for f in self._history.fills if f.session == self._day]

    def _corrections(self) -> list[Any]:
        return [
            c
            for c in self._history.changes
            if c.session == self._day and c.kind.startswith("correction")
        ]

    def _book(self, until: date | None = None) -> "_Standing":
        return _Standing(
            self._tape, self._costs, self._ready.spec.fills.participation, self._lived,
            until or self._day, self._day,
        )  # fmt: skip

    def _own_fills(self) -> "_Outcome":
        """The day with its own fills, at the model's costs."""
        standing = self._book(calendar.next_session(self._day))
        standing.advance_to(self._before)
        before = standing.book.commission + standing.book.tax
        standing.advance_to(self._last)
        book = standing.book
        return _Outcome(book.equity, book.commission + book.tax - before, dict(book.quantities))

    def _matched(self, orders: Mapping[int, list[KnownOrder]]) -> int:
        """Equity at the day's close if these orders, by bar, met the tape."""
        standing = self._book()
        standing.advance_to(self._before)
        for t in range(self._before, self._last):
            for order in orders.get(t, ()):
                standing.place(order)
            standing.advance_to(t + 1)
        return standing.book.equity

    def _orders(self) -> list[KnownOrder]:
        return [
            each
            for each in self._history.orders
            if (each.session or session_of(each.created)) == self._day
        ]

    def _decided(self) -> dict[int, list[KnownOrder]]:
        """The day's orders by the bar of their decision."""
        placed: dict[int, list[KnownOrder]] = {}
        for order in self._orders():
            at = order.created
            if order.tick is not None:
                at = min(self._seen.ticks.get(order.tick, at), at)
            placed.setdefault(self._bar(at), []).append(order)
        return placed

    def _left(self) -> dict[int, list[KnownOrder]]:
        """The day's orders that left, by the last bar before they did."""
        placed: dict[int, list[KnownOrder]] = {}
        for order in self._orders():
            if order.sent is not None:
                placed.setdefault(self._bar(order.sent), []).append(order)
        return placed

    def _bar(self, at: datetime) -> int:
        """The bar that was current at a time; the last before the day at the earliest."""
        known = sum(moment <= at for moment in self._tape.moments) - 1
        return max(known, self._before)

    def _again(self, recorded: Mapping[int, Rows]) -> tuple[int, dict[int, Rows], int]:
        """The backtest's equity at the day's close, on some recorded features.

        Also the recorded features of the bars that decided on the day, where they differ from
        the data's, and how many decisions were held back for want of a reply.
        """
        ready, spec, journal = self._ready, self._ready.spec, MemoryJournal()
        brain, holding = self._brain(recorded, journal)
        lived, day = self._lived, self._day

        def make(tape: Tape, head: Playhead) -> RecordedBook:
            return RecordedBook(
                tape, head, self._costs, spec.fills.participation, lived, until=day, true_until=day
            )

        replay(
            ready.strategy, self._tape, brain, cash=lived.opening, limits=spec.limits,
            costs=self._costs, fills=spec.fills, journal=journal, make_book=make,
        )  # fmt: skip
        at = self._tape.moments[self._last]
        equity = next(point.equity for point in journal.equity if point.at == at)
        offset = 0 if ready.features is None else len(ready.features.times) - len(self._tape)
        unlike = {}
        for state in journal.ticks:
            market, moment = state.get("market"), state["tick"].at
            told = self._seen.hashes.get(moment)
            if market is None or told is None or not self._decides(moment):
                continue
            if encode_snapshot(market.features, market.closes).hash != told:
                unlike[offset + self._bar(moment)] = self._seen.rows(moment)
        return equity, unlike, holding.held if holding else 0

    def _decides(self, moment: datetime) -> bool:
        """Whether orders decided at this bar trade on the day."""
        return self._before <= self._bar(moment) < self._last

    def _brain(
        self, recorded: Mapping[int, Rows], journal: MemoryJournal
    ) -> tuple[Brain | None, Holding | None]:
        ready, holding = self._ready, None
        if ready.spec.llm is not None:
            talk = Conversation(ready, self._settings, journal, Meter(), f"drift {self._day}")
            holding = Holding(talk)
        brain = ready.brain(holding)
        if brain is None or not recorded:
            return brain, holding
        table = brain.features
        features = Overlaid(table.times, table.tickers, table.names, table.values, table.current)
        object.__setattr__(features, "recorded", recorded)
        return Brain(brain.decider, brain.rules, features, brain.warmup), holding


class _Outcome(NamedTuple):
    equity: int
    charged: int
    shares: dict[int, int]


class _Standing:
    """An account without a strategy, moved along the tape."""

    def __init__(
        self,
        tape: Tape,
        costs: CostModel,
        participation: float,
        lived: Lived,
        until: date,
        true_until: date,
    ) -> None:
        self.equity_at_start = lived.opening + round(
            sum(n * cost for n, cost in lived.positions.values())
        )
        self.book = RecordedBook(
            tape, Playhead(), costs, participation, lived, until=until, true_until=true_until
        )

    def advance_to(self, t: int) -> None:
        """Move on to a bar."""
        while self.book.head.t < t:
            for _step in self.book.advance():
                pass

    def place(self, order: KnownOrder) -> None:
        """Send an order of the record; one that is refused is none."""
        book = self.book
        column = book.columns.get(order.ticker)
        if column is None or book.head.t < 0:
            return
        try:
            book.place(order.ref, column, order.side, order.quantity, order.limit_price)
        except RefusedError:
            return
