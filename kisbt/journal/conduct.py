"""How a prompt version behaved on live days: what an automatic rollback looks at."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import func, select

from kisbt.journal.call_tables import llm_calls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.schema import decisions, equity, fills, runs, ticks


class LiveConduct(NamedTuple):
    """One session under one version.

    ``drawdown`` is the deepest fall of equity below its peak since the version traded, a fraction.
    ``breaches`` counts orders filled beyond what node 4 approved, and closes with cash below zero.
    ``calls`` counts the model's answers, ``unusable`` those that were no valid plan. A model that
    could not be reached gave no answer.
    """

    session: date
    drawdown: float
    breaches: int
    calls: int
    unusable: int

    @property
    def parse_failures(self) -> float:
        """Share of answers that were no valid plan; 0 without a model."""
        return self.unusable / self.calls if self.calls else 0.0


def live_conduct(db: DatabaseManager, prompt_hash: str) -> list[LiveConduct]:
    """Sessions of all live runs under a version, oldest first; accounts are judged apart.

    Of a session in which several accounts traded the worst figures count. Every run in a simulator
    has an account of its own: most begin again with every process.
    """
    mine = select(runs.c.run_id, runs.c.scope, runs.c.mode).where(
        runs.c.prompt_hash == prompt_hash, runs.c.mode != "backtest"
    )
    with db.reading() as connection:
        accounts = {
            run_id: run_id if scope is None or mode == "sim" else scope
            for run_id, scope, mode in connection.execute(mine)
        }
    return conduct(db, accounts)


def conduct(
    db: DatabaseManager,
    accounts: Mapping[str, str],
    first: date = date.min,
    last: date = date.max - timedelta(days=1),
) -> list[LiveConduct]:
    """Sessions of some runs, oldest first.

    Args:
        db: The journal.
        accounts: The account of each run.
        first: Nothing before this session counts, no peak of equity either.
        last: Nothing after this session counts.
    """
    found: dict[date, LiveConduct] = {}
    ids = sorted(accounts)
    begin, end = first.isoformat(), (last + timedelta(days=1)).isoformat()
    with db.reading() as connection:
        bars = connection.execute(
            select(equity.c.run_id, equity.c.at, equity.c.cash, equity.c.equity)
            .where(equity.c.run_id.in_(ids), equity.c.at >= begin, equity.c.at < end)
            .order_by(equity.c.at)
        )
        peaks: dict[str, int] = {}
        for run_id, at, cash, value in bars:
            peak = max(peaks.get(accounts[run_id], value), value)
            peaks[accounts[run_id]] = peak
            fall = (peak - value) / peak if peak > 0 else 1.0
            _add(found, at, drawdown=fall, breaches=int(cash < 0))
        beyond = (
            select(fills.c.session, func.sum(fills.c.quantity).label("done"), decisions.c.approved)
            .join(
                decisions,
                (decisions.c.run_id == fills.c.run_id) & (decisions.c.order_ref == fills.c.ref),
            )
            .where(fills.c.run_id.in_(ids), fills.c.session >= begin, fills.c.session < end)
            .group_by(fills.c.run_id, fills.c.ref, decisions.c.approved)
        )
        for session, done, approved in connection.execute(beyond):
            if approved is not None and done > approved:
                _add(found, session, breaches=1)
        answers = (
            select(ticks.c.at, llm_calls.c.status)
            .join(
                ticks, (ticks.c.run_id == llm_calls.c.run_id) & (ticks.c.tick == llm_calls.c.tick)
            )
            .where(llm_calls.c.run_id.in_(ids), llm_calls.c.status != "failed")
            .where(ticks.c.at >= begin, ticks.c.at < end)
        )
        for at, status in connection.execute(answers):
            _add(found, at, calls=1, unusable=int(status != "valid"))
    return [found[day] for day in sorted(found)]


def _add(
    found: dict[date, LiveConduct],
    at: str,
    *,
    drawdown: float = 0.0,
    breaches: int = 0,
    calls: int = 0,
    unusable: int = 0,
) -> None:
    day = date.fromisoformat(at[:10])
    now = found.get(day, LiveConduct(day, 0.0, 0, 0, 0))
    found[day] = LiveConduct(
        day,
        max(now.drawdown, drawdown),
        now.breaches + breaches,
        now.calls + calls,
        now.unusable + unusable,
    )
