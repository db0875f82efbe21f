"""One tick as rows and bytes. Pure; called once a bar, so it counts its microseconds.

A snapshot is the market as the decision saw it, as canonical JSON: equal content gives equal
bytes and one ``sha256:`` hash, so replays of other prompt versions share it. Layout::

    {"closes": {ticker: won}, "names": [feature, ...], "rows": {ticker: [value, ...]}}

Changing the canonical form changes every hash. Rows with differing features are written as
``{ticker: {feature: value}}``, then without ``names``.
"""

import math
import zlib
from collections.abc import Mapping
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from kisbt.domain.state import MarketAnalysis, PortfolioStatus, TradingState
from kisbt.domain.trading import Decision, OrderReceipt, Verdict
from kisbt.errors import JournalError
from kisbt.journal.record import iso, storable

Features = Mapping[str, Mapping[str, float | None]]

_LARGEST = 2**63 - 1


class Snapshot(NamedTuple):
    """Canonical bytes and their hash."""

    hash: str
    body: bytes


class EncodedTick(NamedTuple):
    """One tick ready to be written and hashed; nothing in it names the run.

    ``row`` and ``decisions`` are in the order of the columns of ``ticks`` and ``decisions``
    after ``run_id``. ``sent`` maps order refs to the index of the decision behind them.
    """

    number: int
    row: tuple[Any, ...]
    snapshot: Snapshot | None
    portfolio: str | None
    decisions: list[tuple[Any, ...]]
    sent: dict[str, int | None]
    features: Features


def encode_tick(state: TradingState) -> EncodedTick:
    """Turn a finished state into rows. Keys that a failed node left out become NULL."""
    number, at, session = state["tick"]
    market = state.get("market")
    status = state.get("portfolio")
    risk = state.get("risk")
    report = state.get("report")
    failure = state.get("failure")
    plan = state.get("plan")
    receipts = state.get("receipts", ())
    snapshot = None if market is None else encode_snapshot(market.features, market.closes)
    portfolio = None if status is None else encode_portfolio(status)
    row = (
        number,
        iso(at),
        session.isoformat(),
        "hold" if report is None else report.ending,
        "" if report is None else storable(report.line),
        None if snapshot is None else snapshot.hash,
        portfolio,
        None if market is None else market.mood,
        "[]" if market is None else _list(market.opportunities),
        "[]" if market is None else _list(market.risks),
        "" if plan is None else storable(plan.comment),
        *(
            (None, None, None, None, None)
            if risk is None
            else (
                risk.mode.value,
                storable(risk.reason),
                finite(risk.drawdown),
                finite(risk.daily_loss),
                finite(risk.weekly_loss),
            )
        ),
        None if failure is None else failure.node,
        None if failure is None else storable(failure.error),
    )
    decisions = (
        []
        if plan is None
        else _decision_rows(number, plan.decisions, state.get("verdicts", ()), receipts)
    )
    return EncodedTick(
        number=number,
        row=row,
        snapshot=snapshot,
        portfolio=portfolio,
        decisions=decisions,
        sent={receipt.ref: receipt.decision for receipt in receipts},
        features={} if market is None else market.features,
    )


def encode_snapshot(features: Features, closes: Mapping[str, int]) -> Snapshot:
    """Canonical bytes of a market and their hash."""
    body = orjson.dumps({"closes": closes, **_layout(features)})
    return Snapshot("sha256:" + sha256(body).hexdigest(), body)


def _layout(features: Features) -> dict[str, Any]:
    names = tuple(next(iter(features.values()), {}))
    width = len(names)
    if width > 1:
        pick = itemgetter(*names)
        try:
            rows = {ticker: pick(row) for ticker, row in features.items() if len(row) == width}
        except KeyError:
            return {"rows": features}
        if len(rows) == len(features):
            return {"names": names, "rows": rows}
    return {"rows": features}


def decode_snapshot(body: bytes) -> MarketAnalysis:
    """The market as the decision saw it, without the analysis of node 2.

    Raises:
        JournalError: the bytes are no snapshot.
    """
    try:
        raw = orjson.loads(body)
        names = raw.get("names")
        rows = raw["rows"]
        if names is not None:
            rows = {ticker: dict(zip(names, row, strict=True)) for ticker, row in rows.items()}
        return MarketAnalysis(
            features=rows, closes=raw["closes"], opportunities=(), risks=(), mood=None
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError("a market snapshot in the journal is damaged") from error


def compress(body: bytes) -> bytes:
    """The stored form of a snapshot's body."""
    return zlib.compress(body, 1)


def decompress(codec: str, stored: bytes) -> bytes:
    """The body of a stored snapshot.

    Raises:
        JournalError: damaged, or a form this program does not know.
    """
    if codec == "json":
        return stored
    if codec != "zlib":
        raise JournalError(f"market snapshot in unknown form {codec!r}", hint="upgrade kisbt")
    try:
        return zlib.decompress(stored)
    except zlib.error as error:
        raise JournalError("a market snapshot in the journal is damaged") from error


def encode_portfolio(status: PortfolioStatus) -> str:
    """The portfolio as JSON; positions are objects, in node 1's order."""
    return orjson.dumps(
        {
            "cash": status.cash,
            "orderable_cash": status.orderable_cash,
            "equity": status.equity,
            "exposure": status.exposure,
            "positions": [position._asdict() for position in status.positions],
        }
    ).decode()


def _decision_rows(
    number: int,
    decisions: tuple[Decision, ...],
    verdicts: tuple[Verdict, ...],
    receipts: tuple[OrderReceipt, ...],
) -> list[tuple[Any, ...]]:
    answers = {verdict.decision: verdict for verdict in verdicts}
    sent = {receipt.decision: receipt for receipt in receipts}
    rows = []
    for seq, decision in enumerate(decisions):
        wishes, raw = _wishes(decision)
        rows.append(
            (
                number,
                seq,
                storable(decision.ticker),
                decision.action.value,
                *wishes,
                storable(decision.justification),
                _list(decision.rules),
                *_answer(answers.pop(seq, None)),
                *_sent(sent.get(seq)),
                raw,
            )
        )
    # Node 4 may act on its own, e.g. a learned rule that forces an exit nobody asked for.
    for seq, verdict in sorted(answers.items()):
        rows.append(
            (
                number,
                seq,
                storable(verdict.ticker),
                verdict.action.value,
                None,
                None,
                None,
                None,
                storable(verdict.reason),
                "[]",
                *_answer(verdict),
                *_sent(sent.get(seq)),
                None,
            )
        )
    return rows


def _wishes(decision: Decision) -> tuple[tuple[Any, ...], str | None]:
    """Columns target_weight, quantity, limit_price, confidence; the raw text where one is absurd."""
    weight, quantity, limit = decision.target_weight, decision.quantity, decision.limit_price
    confidence = decision.confidence
    wishes = (finite(weight), whole(quantity), whole(limit), finite(confidence))
    if wishes == (weight, quantity, limit, confidence):
        return wishes, None
    return wishes, storable(repr((weight, quantity, limit, confidence)))


def _answer(verdict: Verdict | None) -> tuple[Any, ...]:
    if verdict is None:
        return (None, None, None, None, None)
    return (
        verdict.outcome.value,
        whole(verdict.requested),
        whole(verdict.quantity),
        _list(verdict.by),
        storable(verdict.reason),
    )


def _sent(receipt: OrderReceipt | None) -> tuple[str | None, str | None]:
    if receipt is None:
        return (None, None)
    return (receipt.ref, None if receipt.accepted else storable(receipt.reason))


def _list(items: tuple[str, ...]) -> str:
    return orjson.dumps([storable(item) for item in items]).decode() if items else "[]"


def finite(value: float | None) -> float | None:
    """``value``, or ``None`` where databases differ (NaN, infinities)."""
    return value if value is not None and math.isfinite(value) else None


def whole(value: int | None) -> int | None:
    """``value``, or ``None`` where it does not fit a column."""
    return value if value is not None and -_LARGEST <= value <= _LARGEST else None
