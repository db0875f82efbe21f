"""One tick as rows and bytes. Pure; called once a bar, so it counts its microseconds.

A snapshot is the market as the decision saw it, as canonical JSON: equal content gives equal
bytes and one ``sha256:`` hash, so replays of other prompt versions share it. Layout::

    {"closes": {ticker: won}, "names": [feature, ...], "rows": {ticker: [value, ...]}}

Changing the canonical form changes every hash. Rows with differing features are written as
``{ticker: {feature: value}}``, then without ``names``.
"""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from kisbt.domain.state import (
    MarketAnalysis,
    PortfolioStatus,
    PositionStatus,
    RiskStatus,
    TradingState,
)
from kisbt.domain.trading import Decision, OrderReceipt, TradingPlan, Verdict
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
        *(("hold", "") if report is None else (report.ending, storable(report.line))),
        None if snapshot is None else snapshot.hash,
        portfolio,
        *(_NO_MARKET if market is None else _market(market)),
        "" if plan is None else storable(plan.comment),
        *(_NO_RISK if risk is None else _risk(risk)),
        *((None, None) if failure is None else (failure.node, storable(failure.error))),
    )
    return EncodedTick(
        number,
        row,
        snapshot,
        portfolio,
        [] if plan is None else _decision_rows(state, _asked(state, plan), receipts),
        {receipt.ref: receipt.decision for receipt in receipts} if receipts else {},
        {} if market is None else market.features,
    )


_NO_MARKET = (None, "[]", "[]")
_NO_RISK = (None,) * 5
_NO_ANSWER = (None,) * 5
_NOT_SENT = (None, None)


def _market(market: MarketAnalysis) -> tuple[Any, ...]:
    return (market.mood, _list(market.opportunities), _list(market.risks))


def _risk(risk: RiskStatus) -> tuple[Any, ...]:
    return (
        risk.mode._value_,
        storable(risk.reason),
        finite(risk.drawdown),
        finite(risk.daily_loss),
        finite(risk.weekly_loss),
    )


def encode_snapshot(features: Features, closes: Mapping[str, int]) -> Snapshot:
    """Canonical bytes of a market and their hash."""
    names = tuple(next(iter(features.values()), ()))
    rows: Mapping[str, Any] = features
    if len(names) > 1 and sum(map(len, features.values())) == len(names) * len(features):
        with suppress(KeyError):
            rows = dict(zip(features, map(itemgetter(*names), features.values()), strict=True))
    if rows is features:
        body = orjson.dumps({"closes": closes, "rows": features})
    else:
        body = orjson.dumps({"closes": closes, "names": names, "rows": rows})
    return Snapshot("sha256:" + sha256(body).hexdigest(), body)


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


def encode_portfolio(status: PortfolioStatus) -> str:
    """The portfolio as compact JSON: positions are rows under ``names``, in node 1's order."""
    return orjson.dumps(
        {
            "cash": status.cash,
            "orderable_cash": status.orderable_cash,
            "equity": status.equity,
            "exposure": status.exposure,
            "names": PositionStatus._fields,
            "rows": [tuple(position) for position in status.positions],
        }
    ).decode()


def decode_portfolio(text: str) -> dict[str, Any]:
    """The portfolio with its positions as objects, as people read it."""
    raw: dict[str, Any] = orjson.loads(text)
    names, rows = raw.pop("names", ()), raw.pop("rows", ())
    return {**raw, "positions": [dict(zip(names, row, strict=True)) for row in rows]}


def _asked(state: TradingState, plan: TradingPlan) -> tuple[Decision, ...]:
    """The plan's decisions, then those that learned rules added to them."""
    added = state.get("added", ())
    return plan.decisions + added if added else plan.decisions


def _decision_rows(
    state: TradingState, decisions: tuple[Decision, ...], receipts: tuple[OrderReceipt, ...]
) -> list[tuple[Any, ...]]:
    number = state["tick"].number
    answers = {verdict.decision: verdict for verdict in state.get("verdicts", ())}
    sent = {receipt.decision: receipt for receipt in receipts} if receipts else {}
    rows = []
    for seq, decision in enumerate(decisions):
        verdict = answers.pop(seq, None)
        receipt = sent.get(seq)
        *wishes, raw = _wishes(decision)
        rows.append(
            (
                number,
                seq,
                storable(decision.ticker),
                decision.action._value_,
                *wishes,
                storable(decision.justification),
                _list(decision.rules),
                *(_NO_ANSWER if verdict is None else _answer(verdict)),
                *(_NOT_SENT if receipt is None else _sent(receipt)),
                raw,
                finite(decision.agreement),
            )
        )
    # Node 4 may act on its own, e.g. a learned rule that forces an exit nobody asked for.
    for seq, verdict in sorted(answers.items()):
        receipt = sent.get(seq)
        rows.append(
            (
                number,
                seq,
                storable(verdict.ticker),
                verdict.action._value_,
                *_NO_WISHES,
                storable(verdict.reason),
                "[]",
                *_answer(verdict),
                *(_NOT_SENT if receipt is None else _sent(receipt)),
                None,
                None,
            )
        )
    return rows


_NO_WISHES = (None,) * 4


def _wishes(decision: Decision) -> tuple[Any, ...]:
    """Columns target_weight .. confidence, and their text where a column cannot hold one."""
    weight, quantity, limit = decision.target_weight, decision.quantity, decision.limit_price
    confidence = decision.confidence
    if (
        isfinite(confidence)
        and (weight is None or isfinite(weight))
        and (quantity is None or -_LARGEST <= quantity <= _LARGEST)
        and (limit is None or -_LARGEST <= limit <= _LARGEST)
    ):
        return (weight, quantity, limit, confidence, None)
    raw = repr((weight, quantity, limit, confidence))
    return (finite(weight), whole(quantity), whole(limit), finite(confidence), raw)


def _answer(verdict: Verdict) -> tuple[Any, ...]:
    return (
        verdict.outcome._value_,
        whole(verdict.requested),
        whole(verdict.quantity),
        _list(verdict.by),
        storable(verdict.reason),
    )


def _sent(receipt: OrderReceipt) -> tuple[str | None, str | None]:
    return (receipt.ref, None if receipt.accepted else storable(receipt.reason))


def _list(items: tuple[str, ...]) -> str:
    return orjson.dumps([storable(item) for item in items]).decode() if items else "[]"


def finite(value: float | None) -> float | None:
    """``value``, or ``None`` where databases differ (NaN, infinities)."""
    return value if value is not None and isfinite(value) else None


def whole(value: int | None) -> int | None:
    """``value``, or ``None`` where it does not fit a column."""
    return value if value is not None and -_LARGEST <= value <= _LARGEST else None
