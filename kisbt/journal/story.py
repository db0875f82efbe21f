"""What a run did, stream by stream, in a form in which two runs of one tape can be compared.

Nothing in it depends on the run's id, the venue's order numbers or the wall clock.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from kisbt.journal.database import DatabaseManager
from kisbt.journal.progress import ENDED
from kisbt.journal.schema import decisions, equity, fills, orders, position_changes, ticks

STREAMS = ("ticks", "decisions", "verdicts", "orders", "fills", "costs", "changes", "equity")


class Line(NamedTuple):
    """One record: the bar it belongs to (ISO time; empty where there is none) and its fields."""

    at: str
    fields: Mapping[str, Any]


Story = Mapping[str, Sequence[Line]]
"""Lines by stream, oldest first."""

_TICK = ("tick", "session", "ending", "snapshot", "portfolio", "mood", "opportunities", "risks",
         "comment", "mode", "drawdown", "daily_loss", "weekly_loss", "failed_node")  # fmt: skip
_DECISION = ("tick", "seq", "ticker", "action", "target_weight", "quantity", "limit_price",
             "confidence", "justification", "rules", "agreement")  # fmt: skip
_VERDICT = ("tick", "seq", "ticker", "outcome", "requested", "approved", "by", "order_ref",
            "refusal")  # fmt: skip
_ORDER = ("ref", "ticker", "side", "quantity", "limit_price", "tick", "seq")
_FILL = ("number", "ref", "session", "ticker", "side", "quantity", "price", "position_after")
_COST = ("number", "commission", "tax", "cash_after")
_CHANGE = ("session", "ticker", "kind", "ratio", "quantity_before", "quantity_after", "cash")


def read_story(db: DatabaseManager, run_id: str) -> Story:
    """Everything a run journaled of its trading.

    An order that the end of the tape left open has no ending yet: its state is then ``open``
    whether it rests at a venue or waits to be sent.
    """
    with db.reading() as connection:
        thought = _thoughts(connection, run_id)
        executed = _rows(connection, fills, run_id, "number")
        return {
            "ticks": _lines(_rows(connection, ticks, run_id, "tick"), _TICK),
            "decisions": _lines(thought, _DECISION),
            "verdicts": _lines(thought, _VERDICT),
            "orders": _orders(connection, run_id),
            "fills": _lines(executed, _FILL),
            "costs": _lines(executed, _COST),
            "changes": _lines(
                _rows(connection, position_changes, run_id, "session", "ticker", "kind"),
                _CHANGE,
                at="session",
            ),
            "equity": _lines(
                _rows(connection, equity, run_id, "at"), ("cash", "equity", "exposure")
            ),
        }


def _rows(connection: Connection, table: Any, run_id: str, *order: str) -> list[Any]:
    query = select(table).where(table.c.run_id == run_id)
    return list(connection.execute(query.order_by(*(table.c[name] for name in order))))


def _thoughts(connection: Connection, run_id: str) -> list[Any]:
    same = (ticks.c.run_id == decisions.c.run_id) & (ticks.c.tick == decisions.c.tick)
    query = (
        select(ticks.c.at, decisions)
        .join(ticks, same)
        .where(decisions.c.run_id == run_id)
        .order_by(decisions.c.tick, decisions.c.seq)
    )
    return list(connection.execute(query))


def _orders(connection: Connection, run_id: str) -> list[Line]:
    at = {row.tick: row.at for row in _rows(connection, ticks, run_id, "tick")}
    lines = []
    for row in _rows(connection, orders, run_id, "ref"):
        fields = {name: row._mapping[name] for name in _ORDER}
        fields["filled"] = row.filled
        fields["state"] = row.state if row.state in ENDED else "open"
        lines.append(Line(at.get(row.tick, ""), fields))
    return lines


def _lines(rows: Sequence[Any], names: Sequence[str], at: str = "at") -> list[Line]:
    return [Line(row._mapping[at], {name: row._mapping[name] for name in names}) for row in rows]
