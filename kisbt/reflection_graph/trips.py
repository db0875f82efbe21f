"""Round trips as columns: FIFO pairs with what was known and thought when they were opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from kisbt.domain.trading import PositionChange, Side
from kisbt.journal.learning import Execution, Source
from kisbt.journal.matching import RoundTrip, pair_fills
from kisbt.journal.record import iso

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trips:
    """``n`` closed round trips, oldest exit first.

    ``result`` is the return on what was paid, a fraction, after all costs; ``pnl`` and ``cost``
    are won; ``days`` are calendar days held. ``week`` and ``month`` are the entry's results after
    7 and 30 days (weighted by shares, NaN unknown). ``entered_at`` is when the shares were there,
    ``left_at`` when the exit was decided (both ISO text). ``features`` are what the entry's
    decision saw, ``[n, F]``. ``entries`` and ``exits`` are trade ids.
    """

    names: tuple[str, ...]
    book: list[str]
    market: list[str]
    mode: list[str]
    run: list[str]
    prompt: list[int | None]
    ticker: list[str]
    opened: list[str]
    closed: list[str]
    entered_at: list[str]
    left_at: list[str]
    entries: list[tuple[str, ...]]
    exits: list[tuple[str, ...]]
    justification: list[str]
    why_left: list[str]
    rules: list[tuple[str, ...]]
    quantity: NDArray[np.int64]
    cost: NDArray[np.int64]
    pnl: NDArray[np.int64]
    result: Floats
    days: Floats
    week: Floats
    month: Floats
    confidence: Floats
    agreement: Floats
    features: Floats

    def __len__(self) -> int:
        return len(self.ticker)

    def of_market(self, market: str) -> list[int]:
        """Positions of the trips made on one market."""
        return [i for i, one in enumerate(self.market) if one == market]


def make_trips(
    books: Mapping[str, Sequence[tuple[Source, Sequence[Execution]]]],
    changes: Mapping[str, Sequence[PositionChange]],
    names: Sequence[str],
    *,
    opening: Mapping[str, Mapping[str, tuple[int, float]]] | None = None,
    since: str = "",
    until: str = "9999",
) -> Trips:
    """Pair every book's fills and keep the trips closed from ``since`` to ``until`` (ISO days).

    Args:
        books: Executions by book, its runs in order.
        changes: Splits and delistings by book.
        names: Features to keep, in this order.
        opening: What a book held before its first run; nobody decided to buy it, so its sale is
            no trip.
        since: First day of an exit that counts.
        until: Last day.
    """
    rows: list[tuple[str, RoundTrip, Source, list[Execution], list[Execution]]] = []
    for book, runs in books.items():
        by_ref: dict[str, list[Execution]] = {}
        owner: dict[str, Source] = {}
        ordered: list[Execution] = []
        for source, executions in runs:
            ordered.extend(executions)
            for one in executions:
                by_ref.setdefault(one.fill.ref, []).append(one)
                owner[one.fill.ref] = source
        held = (opening or {}).get(book)
        pairing = pair_fills([one.fill for one in ordered], changes.get(book, ()), held)
        for trip in pairing.trips:
            if trip.entry_ref and since <= trip.closed.isoformat() <= until:
                entry = by_ref[trip.entry_ref]
                rows.append(
                    (book, trip, owner[trip.entry_ref], entry, by_ref.get(trip.exit_ref, []))
                )
    rows.sort(key=lambda row: (row[1].closed_at, row[0], row[1].ticker, row[1].entry_ref))
    return _columns(rows, tuple(names))


def _columns(
    rows: Sequence[tuple[str, RoundTrip, Source, list[Execution], list[Execution]]],
    names: tuple[str, ...],
) -> Trips:
    trips = [row[1] for row in rows]
    first = [row[3][0] for row in rows]
    exits = [row[4] for row in rows]
    return Trips(
        names=names,
        book=[row[0] for row in rows],
        market=[row[2].market for row in rows],
        mode=[row[2].mode for row in rows],
        run=[row[2].run_id for row in rows],
        prompt=[row[2].prompt_number for row in rows],
        ticker=[trip.ticker for trip in trips],
        opened=[trip.opened.isoformat() for trip in trips],
        closed=[trip.closed.isoformat() for trip in trips],
        entered_at=[iso(one.fill.at) for one in first],
        left_at=[
            (gone[0].decided_at if gone else None) or iso(trip.closed_at)
            for gone, trip in zip(exits, trips, strict=True)
        ],
        entries=[tuple(one.trade_id for one in row[3]) for row in rows],
        exits=[tuple(one.trade_id for one in row[4]) for row in rows],
        justification=[one.justification for one in first],
        why_left=[gone[0].justification if gone else "" for gone in exits],
        rules=[tuple(orjson.loads(one.rules)) for one in first],
        quantity=np.array([trip.quantity for trip in trips], dtype=np.int64),
        cost=np.array([trip.cost for trip in trips], dtype=np.int64),
        pnl=np.array([trip.pnl for trip in trips], dtype=np.int64),
        result=np.array([trip.pnl_fraction for trip in trips], dtype=np.float64),
        days=np.array([trip.holding_days for trip in trips], dtype=np.float64),
        week=_weighted([row[3] for row in rows], "week"),
        month=_weighted([row[3] for row in rows], "month"),
        confidence=_numbers([one.confidence for one in first]),
        agreement=_numbers([one.agreement for one in first]),
        features=_features([one.snapshot for one in first], names),
    )


def _weighted(fills: Sequence[Sequence[Execution]], name: str) -> Floats:
    """Mean over an entry's fills by shares; NaN as soon as one of them is not known."""
    found = np.full(len(fills), np.nan)
    for i, parts in enumerate(fills):
        values = [getattr(one, name) for one in parts]
        if None not in values:
            shares = [one.fill.quantity for one in parts]
            found[i] = sum(v * s for v, s in zip(values, shares, strict=True)) / sum(shares)
    return found


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _features(snapshots: Sequence[str], names: tuple[str, ...]) -> Floats:
    found = np.full((len(snapshots), len(names)), np.nan)
    loads: Any = orjson.loads
    for i, text in enumerate(snapshots):
        get = loads(text).get
        found[i] = [np.nan if (value := get(name)) is None else value for name in names]
    return found


def round_trip_cost(executions: Sequence[Execution]) -> float:
    """What buying and selling again costs, a fraction of the amount, from what was paid.

    0.0 when nothing traded.
    """
    share = 0.0
    for side in Side:
        mine = [one.fill for one in executions if one.fill.side is side]
        amount = sum(fill.amount for fill in mine)
        if amount:
            share += sum(fill.commission + fill.tax for fill in mine) / amount
    return share
