"""One executed trade as the owner's table holds it, checked before it is written."""

from datetime import datetime, timedelta, timezone
from typing import Any, Self

import orjson
from pydantic import Field, field_validator, model_validator

from kisbt.domain.market import Frozen, Ticker
from kisbt.domain.trading import Side

KST = timezone(timedelta(hours=9))

LARGEST_GAIN = 1000.0
"""Largest believable 30-day multiple: 22 sessions at the 30 % limit make 321."""


def iso(at: datetime) -> str:
    """Naive KST as ISO text with ``+09:00``, the journal's form. Sorts as time does."""
    return at.isoformat() + "+09:00"


def from_iso(text: str) -> datetime:
    """The journal's form back to naive KST."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


class TradeRecord(Frozen):
    """One execution.

    ``timestamp`` is ISO text with ``+09:00``; a ``datetime`` is taken too (naive means KST).
    ``price`` is won a share. ``market_snapshot`` and ``portfolio_before`` are JSON objects as
    text; a mapping is taken too. ``pnl_7_days`` and ``pnl_30_days`` are fractions (0.05 = 5 %)
    from the fill price to the close 7 and 30 calendar days later, before costs, positive where
    the trade was good: a SELL that avoided a fall is positive. ``None`` until then.
    """

    trade_id: str = Field(min_length=1, max_length=200)
    timestamp: str
    ticker: Ticker
    action: Side
    quantity: int = Field(gt=0, lt=2**63)
    price: int = Field(gt=0, lt=2**63)
    justification_text: str = ""
    market_snapshot: str = "{}"
    portfolio_before: str = "{}"
    pnl_7_days: float | None = Field(default=None, allow_inf_nan=False)
    pnl_30_days: float | None = Field(default=None, allow_inf_nan=False)

    @field_validator("timestamp", mode="before")
    @classmethod
    def _timestamp_is_korean_time(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise ValueError("timestamp has no offset; expected +09:00")
        if not isinstance(value, datetime):
            raise ValueError("timestamp is neither ISO text nor a datetime")
        if value.tzinfo is not None:
            value = value.astimezone(KST).replace(tzinfo=None)
        return iso(value)

    @field_validator("market_snapshot", "portfolio_before", mode="before")
    @classmethod
    def _json_is_an_object(cls, value: Any) -> str:
        try:
            if isinstance(value, str | bytes):
                parsed, text = orjson.loads(value), value
            else:
                text = orjson.dumps(value)
                parsed = orjson.loads(text)
        except (orjson.JSONDecodeError, TypeError) as error:
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(parsed, dict):
            raise ValueError("not a JSON object")
        return text.decode() if isinstance(text, bytes) else text

    @field_validator("justification_text", "trade_id")
    @classmethod
    def _text_can_be_stored(cls, value: str) -> str:
        return storable(value)

    @model_validator(mode="after")
    def _returns_are_possible(self) -> Self:
        for value in (self.pnl_7_days, self.pnl_30_days):
            check_return(self.action, value)
        return self


def check_return(action: str, value: float | None) -> None:
    """Refuse a return that no price could make.

    Raises:
        ValueError: a BUY below -1 or a SELL above 1, not finite, or beyond ``LARGEST_GAIN``.
    """
    if value is None:
        return
    good = value if action == Side.BUY else -value
    if not -1.0 <= good <= LARGEST_GAIN:
        raise ValueError(f"a {action} cannot have returned {value}")


def storable(text: str) -> str:
    """``text`` without what no database takes: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


class TradeLink(Frozen):
    """Where a trade came from: its run, fill, order and decision (``tick``, ``seq``)."""

    run_id: str | None = None
    fill_number: int | None = None
    order_ref: str | None = None
    tick: int | None = None
    seq: int | None = None
