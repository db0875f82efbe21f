"""Daily returns of several versions over the same days: what the gate compares.

Where a model decides, nobody is asked: the first version is replayed from its recorded replies, and
all others follow the plans that it got, tick by tick, while node 4 enforces their own rules. That
measures what a changed rule does to the same decisions; what the model would make of a changed
prompt it does not.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kisbt.audit.legality import audit_fills
from kisbt.config import Settings
from kisbt.domain.ports import Decider
from kisbt.domain.result import EquityPoint
from kisbt.errors import TradingSystemError
from kisbt.journal.memory import NullJournal
from kisbt.krx.costs import CostModel
from kisbt.llm.meter import Meter
from kisbt.run.conversation import Conversation
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.replay import replay
from kisbt.run.spec import RunSpec


class DayReturns(NamedTuple):
    """One version's sessions: day, net return (a fraction of the day before's equity).

    ``turnover`` is traded won over mean equity, ``breaches`` fills that break a rule of the market.
    ``failed`` is why there are no returns, empty otherwise.
    """

    days: tuple[date, ...]
    returns: NDArray[np.float64]
    turnover: float
    breaches: int
    failed: str = ""

    def between(self, first: date, last: date) -> NDArray[np.float64]:
        """Returns of the sessions from ``first`` to ``last``, both included."""
        keep = [first <= day <= last for day in self.days]
        return np.asarray(self.returns[np.array(keep, dtype=bool)])


def day_returns(
    specs: Sequence[RunSpec],
    settings: Settings,
    *,
    jobs: int = 1,
    done: Callable[[int], None] | None = None,
) -> list[DayReturns]:
    """Replay every spec, net of costs, without a journal and without a twin.

    A version that cannot run is told as failed instead of ending the others.

    Args:
        specs: What to replay, in order. With a model, the first is the one whose replies are kept.
        settings: Where things lie.
        jobs: Processes; 1 stays in this one and loads data once.
        done: Told how many are finished.
    """
    found: list[DayReturns] = []
    if specs and specs[0].llm is not None:
        return _recorded(specs, settings, done)
    if jobs > 1 and len(specs) > 1:
        from joblib import Parallel, delayed

        work = Parallel(n_jobs=min(jobs, len(specs)), return_as="generator")
        for one in work(delayed(_one)(spec, settings) for spec in specs):
            found.append(one)
            if done is not None:
                done(len(found))
        return found
    like: Prepared | None = None
    for spec in specs:
        one, like = _with(spec, settings, like)
        found.append(one)
        if done is not None:
            done(len(found))
    return found


def _one(spec: RunSpec, settings: Settings) -> DayReturns:
    return _with(spec, settings, None)[0]


def _recorded(
    specs: Sequence[RunSpec], settings: Settings, done: Callable[[int], None] | None
) -> list[DayReturns]:
    """One model's plans under the rules of several versions."""
    found: list[DayReturns] = []
    like: Prepared | None = None
    talk: Conversation | None = None
    for spec in specs:
        try:
            if talk is None:
                like = prepare(spec, settings)
                talk = Conversation(like, settings, NullJournal(), Meter(), "reflect")
                decider: Decider = talk
            else:
                decider = talk.twin()
        except TradingSystemError as error:
            return [_failed(error)] * len(specs)
        one, like = _with(spec, settings, like, decider)
        found.append(one)
        if one.failed and len(found) == 1:
            return found * len(specs)
        if done is not None:
            done(len(found))
    return found


def _failed(error: TradingSystemError) -> DayReturns:
    return DayReturns((), np.zeros(0), 0.0, 0, failed=str(error))


def _with(
    spec: RunSpec, settings: Settings, like: Prepared | None, decider: Decider | None = None
) -> tuple[DayReturns, Prepared | None]:
    try:
        ready = prepare(spec, settings, like)
        ran = replay(
            ready.strategy,
            ready.tape,
            ready.brain(decider),
            cash=spec.cash,
            limits=spec.limits,
            costs=CostModel.from_settings(spec.costs),
            fills=spec.fills,
            journal=NullJournal(),
        )
    except TradingSystemError as error:
        return _failed(error), like
    days, returns = session_returns(ran.equity, spec.cash)
    equity = float(np.mean([point.equity for point in ran.equity])) if ran.equity else 1.0
    traded = sum(fill.amount for fill in ran.fills)
    breaches = audit_fills(
        ran.fills,
        ready.dataset.bars,
        ready.dataset.instruments,
        start_cash=spec.cash,
        participation=spec.fills.participation,
        rates=(spec.costs.commission_rate, spec.costs.etf_commission_rate, spec.costs.tax),
        changes=ran.changes,
    )
    return DayReturns(days, returns, traded / max(equity, 1.0), len(breaches)), ready


def session_returns(
    equity: Sequence[EquityPoint], cash: int
) -> tuple[tuple[date, ...], NDArray[np.float64]]:
    """Each session's last equity against the session's before (the first: against ``cash``)."""
    last: dict[date, int] = {point.at.date(): point.equity for point in equity}
    days = tuple(sorted(last))
    levels = np.array([cash, *(last[day] for day in days)], dtype=np.float64)
    return days, levels[1:] / levels[:-1] - 1.0
