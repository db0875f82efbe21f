"""SQL text for the hot path, for the driver's own ``executemany``: rows are plain tuples."""

from functools import cache

from sqlalchemy import Table

from kisbt.journal.schema import metadata

_MARKS = {"sqlite": "?", "postgresql": "%s"}


@cache
def insert_new(table: str, dialect: str) -> str:
    """``INSERT`` of whole rows in column order; a row whose key is there already is left alone.

    So writing the same thing twice, after a restart or a repeated notice, changes nothing.
    """
    return f"{_insert(metadata.tables[table], dialect)} ON CONFLICT DO NOTHING"


@cache
def upsert_order(dialect: str) -> str:
    """``INSERT`` of an order, or its new state; origin and creation stay as first written."""
    return (
        f"{_insert(metadata.tables['orders'], dialect)} ON CONFLICT (run_id, ref) DO UPDATE SET "
        "state = excluded.state, filled = excluded.filled, reason = excluded.reason, "
        "updated_at = excluded.updated_at, quantity = excluded.quantity, "
        "limit_price = excluded.limit_price, "
        "tick = coalesce(orders.tick, excluded.tick), seq = coalesce(orders.seq, excluded.seq)"
    )


@cache
def update_outcome(table: str, days: int, dialect: str) -> str:
    """``UPDATE`` of one horizon's result: parameters (value, trade_id)."""
    mark = _MARKS[dialect]
    return f"UPDATE {table} SET pnl_{days}_days = {mark} WHERE trade_id = {mark}"


def _insert(table: Table, dialect: str) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join([_MARKS[dialect]] * len(table.columns))
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'
