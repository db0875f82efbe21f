"""What a person and a live session tell each other through the journal: halts, approvals, alerts.

Every call is its own durable transaction, so any process that can open the journal may use it.
A scope names one account in one environment (``Scope``); ``EVERYWHERE`` is all of them.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import Row, Select, insert, or_, select, update

from kisbt.domain.trading import OrderIntent
from kisbt.errors import JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.record import iso, storable
from kisbt.journal.runs import RunMode
from kisbt.journal.schema import alerts, approvals, halts, runs
from kisbt.krx import calendar

EVERYWHERE = "*"
"""The scope of a halt that stops every account."""

HaltAction = Literal["", "cancel", "liquidate"]
"""What a session does once when it meets the halt: nothing, cancel what rests, sell everything."""

Answer = Literal["approved", "rejected", "expired"]


def scope_of(mode: RunMode, account: str) -> str:
    """The name under which the journal knows an account: its mode, two digits and a digest.

    The account number itself must not stand in a journal that is shared or shown.
    """
    digest = hashlib.sha256(f"{mode}:{account}".encode()).hexdigest()[:8]
    return f"{mode}-{account[:2]}xx-{digest}"


class Halt(NamedTuple):
    """An emergency stop (비상 정지). Times are ISO text with ``+09:00`` of the wall clock."""

    halt_id: str
    scope: str
    halted_at: str
    reason: str
    resumed_at: str | None
    resumed_by: str | None
    action: HaltAction
    carried_out_at: str | None


class Approval(NamedTuple):
    """Orders of one tick that wait for a person.

    ``asked_at`` and ``expires_at`` are the venue's time, ``answered_at`` the wall clock's.
    """

    approval_id: str
    run_id: str
    tick: int
    asked_at: str
    question: str
    answered_at: str | None
    answer: Answer | None
    answered_by: str | None
    scope: str
    expires_at: str
    orders: tuple[OrderIntent, ...]


class Alert(NamedTuple):
    """Something a person should know. ``level`` is ``info``, ``warning`` or ``alert``."""

    alert_id: str
    run_id: str | None
    at: str
    level: str
    message: str


class Controls:
    """Reads and writes halts, approvals and alerts.

    Args:
        db: The open journal.
        clock: Wall clock, naive KST.
    """

    def __init__(
        self, db: DatabaseManager, *, clock: Callable[[], datetime] = calendar.now
    ) -> None:
        self._db = db
        self._clock = clock

    def halt(self, reason: str, *, scope: str = EVERYWHERE, action: HaltAction = "") -> Halt:
        """Stop new orders of ``scope`` until ``resume``; durable when it returns."""
        now = self._clock()
        made = Halt(
            f"H-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", scope, iso(now),
            storable(reason), None, None, action, None,
        )  # fmt: skip
        with self._db.writing(durable=True) as connection:
            connection.execute(insert(halts), made._asdict())
        return made

    def resume(self, by: str, *, scope: str | None = None) -> list[Halt]:
        """Lift every standing halt of exactly that scope (``None``: of any); return them."""
        standing = select(halts).where(halts.c.resumed_at.is_(None)).order_by(halts.c.halted_at)
        if scope is not None:
            standing = standing.where(halts.c.scope == scope)
        with self._db.writing(durable=True) as connection:
            lifted = [_halt(row) for row in connection.execute(standing)]
            if lifted:
                connection.execute(
                    update(halts)
                    .where(halts.c.halt_id.in_([halt.halt_id for halt in lifted]))
                    .values(resumed_at=iso(self._clock()), resumed_by=storable(by))
                )
        return lifted

    def standing(self, scope: str | None = None) -> list[Halt]:
        """Halts that stop ``scope`` now, its own and those of everywhere; ``None`` for all."""
        query = select(halts).where(halts.c.resumed_at.is_(None))
        if scope is not None:
            query = query.where(halts.c.scope.in_((scope, EVERYWHERE)))
        query = query.order_by(halts.c.halted_at, halts.c.halt_id)
        with self._db.reading() as connection:
            return [_halt(row) for row in connection.execute(query)]

    def carried_out(self, halt_id: str) -> None:
        """Note that a session has done what the halt asks for."""
        with self._db.writing(durable=True) as connection:
            connection.execute(
                update(halts)
                .where(halts.c.halt_id == halt_id, halts.c.carried_out_at.is_(None))
                .values(carried_out_at=iso(self._clock()))
            )

    def ask(
        self,
        run_id: str,
        scope: str,
        tick: int,
        question: str,
        orders: Sequence[OrderIntent],
        *,
        at: datetime,
        expires: datetime,
    ) -> str:
        """Let orders wait for a person; return the approval's id. Times are the venue's."""
        approval_id = f"A-{secrets.token_hex(3)}"
        row = {
            "approval_id": approval_id,
            "run_id": run_id,
            "tick": tick,
            "asked_at": iso(at),
            "question": storable(question),
            "scope": scope,
            "expires_at": iso(expires),
            "orders": orjson.dumps([order.model_dump(mode="json") for order in orders]).decode(),
        }
        with self._db.writing(durable=True) as connection:
            connection.execute(insert(approvals), row)
        return approval_id

    def answer(self, approval_id: str, answer: Answer, by: str) -> Approval:
        """Answer an open question; exactly one answer counts.

        Raises:
            JournalError: no such question, or it has an answer already.
        """
        with self._db.writing(durable=True) as connection:
            found = connection.execute(
                select(approvals).where(approvals.c.approval_id == approval_id)
            ).first()
            if found is None:
                raise JournalError(
                    f"no approval {approval_id!r} in journal {self._db.name}",
                    hint="`kisbt approve` without an id lists what waits",
                )
            if found.answer is not None:
                raise JournalError(
                    f"approval {approval_id} has an answer already: {found.answer} "
                    f"by {found.answered_by}",
                )
            done = _approval(found)._replace(
                answer=answer, answered_at=iso(self._clock()), answered_by=storable(by)
            )
            connection.execute(
                update(approvals)
                .where(approvals.c.approval_id == approval_id)
                .values(
                    answer=done.answer, answered_at=done.answered_at, answered_by=done.answered_by
                )
            )
        return done

    def approvals(
        self, scope: str | None = None, *, waiting: bool | None = None, run_id: str | None = None
    ) -> list[Approval]:
        """Questions, oldest first; ``waiting`` true for open ones only, false for answered ones."""
        query = select(approvals).where(approvals.c.orders.is_not(None))
        if scope is not None:
            query = query.where(approvals.c.scope == scope)
        if run_id is not None:
            query = query.where(approvals.c.run_id == run_id)
        if waiting is not None:
            answered = approvals.c.answer
            query = query.where(answered.is_(None) if waiting else answered.is_not(None))
        query = query.order_by(approvals.c.asked_at, approvals.c.approval_id)
        with self._db.reading() as connection:
            return [_approval(row) for row in connection.execute(query)]

    def alert(self, run_id: str | None, level: str, message: str, *, at: datetime) -> Alert:
        """Write one alert; ``at`` is the venue's time."""
        made = Alert(f"L-{secrets.token_hex(6)}", run_id, iso(at), level, storable(message))
        with self._db.writing(durable=True) as connection:
            connection.execute(insert(alerts), made._asdict())
        return made

    def alerts(
        self, *, run_id: str | None = None, scope: str | None = None, limit: int = 20
    ) -> list[Alert]:
        """The latest alerts, newest first."""
        query: Select[Any] = select(alerts)
        if run_id is not None:
            query = query.where(alerts.c.run_id == run_id)
        if scope is not None:
            mine = select(runs.c.run_id).where(runs.c.scope == scope)
            query = query.where(or_(alerts.c.run_id.is_(None), alerts.c.run_id.in_(mine)))
        query = query.order_by(alerts.c.at.desc(), alerts.c.alert_id).limit(limit)
        with self._db.reading() as connection:
            return [
                Alert(*(row._mapping[name] for name in Alert._fields))
                for row in connection.execute(query)
            ]


def _halt(row: Row[Any]) -> Halt:
    values = {name: row._mapping[name] for name in Halt._fields}
    return Halt(**{**values, "action": values["action"] or ""})


def _approval(row: Row[Any]) -> Approval:
    values = {name: row._mapping[name] for name in Approval._fields}
    orders = tuple(OrderIntent.model_validate(each) for each in orjson.loads(values["orders"]))
    return Approval(**{**values, "orders": orders})
