"""Turns stream frames into records. Anything that is no frame is counted and dropped.

A data frame is ``<0|1>|<TR id>|<count>|<fields joined by ^>``; records follow each other without a
mark between them, so the width of one is the number of fields over the count. KIS appends fields
now and then: any width at or above the known one is read.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kisbt.domain.trading import Side
from kisbt.kis.crypto import StreamKey, decrypt
from kisbt.kis.models.fields import parse_float, parse_int, parse_time
from kisbt.kis.records import (
    Book,
    ExpectedMatch,
    IndexTick,
    Notice,
    Record,
    Trade,
    VenueStatus,
)

TRADES = frozenset({"H0STCNT0", "H0UNCNT0", "H0NXCNT0"})
BOOKS = frozenset({"H0STASP0", "H0UNASP0", "H0NXASP0"})
NOTICES = frozenset({"H0STCNI0", "H0STCNI9"})
EXPECTED = frozenset({"H0STANC0", "H0UNANC0", "H0NXANC0"})
VENUE = frozenset({"H0STMKO0", "H0UNMKO0", "H0NXMKO0"})
INDICES = frozenset({"H0UPCNT0"})

TRADE_WIDTH, BOOK_WIDTH, NOTICE_WIDTH = 46, 59, 23
"""Fewest fields of a record. Since 2026-09-14 trades have 47 and books 63; notices 23 or 26."""

_new = tuple.__new__


class FrameError(ValueError):
    """A text that is no data frame, or not one we know."""


class NoKeyYet(Exception):  # noqa: N818 - not an error: the frame is to be kept
    """An encrypted frame came before the acknowledgement that carries its key."""


def parse_frame(frame: str, keys: Mapping[str, StreamKey] | None = None) -> list[Any]:
    """Return the records of a data frame, in their order.

    Raises:
        FrameError: it is none, or a field that is always there cannot be read.
        NoKeyYet: it is encrypted and ``keys`` has no key for its TR id.
    """
    try:
        fields = frame.split("^")
        encrypted, tr_id, count, fields[0] = fields[0].split("|", 3)
        if tr_id in TRADES and encrypted == "0":
            if count == "001" and len(fields) >= TRADE_WIDTH:
                return [_trade(tr_id, fields)]
            return [_trade(tr_id, record) for record in _split(fields, count, TRADE_WIDTH)]
        if tr_id in BOOKS and encrypted == "0":
            if count == "001" and len(fields) >= BOOK_WIDTH:
                return [_book(tr_id, fields)]
            return [_book(tr_id, record) for record in _split(fields, count, BOOK_WIDTH)]
        known = _OTHERS.get(tr_id)
        if known is None or encrypted not in ("0", "1"):
            raise FrameError("unknown TR id or no frame")
        if encrypted == "1":
            key = (keys or {}).get(tr_id)
            if key is None:
                raise NoKeyYet(tr_id)
            fields = decrypt("^".join(fields), key).split("^")
        build, width = known
        return [build(tr_id, record) for record in _split(fields, count, width)]
    except FrameError:
        raise
    except (ValueError, IndexError) as error:
        raise FrameError(f"frame cannot be read: {type(error).__name__}") from None


def _split(fields: list[str], count: str, least: int) -> list[list[str]]:
    """Cut the fields into records of equal width."""
    if count == "001":
        records = [fields]
    else:
        number = parse_int(count)
        width, rest = divmod(len(fields), number) if number > 0 else (0, 1)
        if rest:
            raise FrameError("the record count does not divide the fields")
        records = [fields[start : start + width] for start in range(0, len(fields), width)]
    if len(records[0]) < least:
        raise FrameError("fewer fields than the known layout")
    return records


def _trade(tr_id: str, f: list[str]) -> Trade:
    # built without Trade.__new__, which alone would take a tenth of the time of a frame
    return _new(
        Trade,
        (tr_id, f[0], f[1], int(f[2]), int(f[12]), int(f[13]), int(f[10]), int(f[11]), f),
    )


def _book(tr_id: str, f: list[str]) -> Book:
    return _new(Book, (tr_id, f[0], f[1], int(f[3]), int(f[13]), f))


def _expected(tr_id: str, f: list[str]) -> ExpectedMatch:
    return ExpectedMatch(tr_id, f[0], f[1], parse_int(f[2]), parse_int(f[12]), f)


def _index(tr_id: str, f: list[str]) -> IndexTick:
    return IndexTick(tr_id, f[0], f[1], parse_float(f[2]), f)


def _venue(tr_id: str, f: list[str]) -> VenueStatus:
    reason = "" if f[2] == "(null)" else f[2]
    return VenueStatus(tr_id, f[0], f[1] == "Y", reason, f[3], f[4], f[8], f)


def _notice(tr_id: str, f: list[str]) -> Notice:
    """Read the first 18 fields, which never moved, and two from the end."""
    return Notice(
        tr_id=tr_id,
        number=_filled(f[2]),
        original=f[3].strip(),
        side=_SIDES[f[4].strip()],
        change=f[5].strip() or "0",
        division=f[6].strip(),
        ticker=_filled(f[8]),
        quantity=parse_int(f[9]),
        price=parse_int(f[10]),
        time=parse_time(f[11]),
        refused=f[12].strip() in ("1", "Y"),
        is_fill=f[13].strip() == "2",
        accepted=f[14].strip(),
        branch=f[15].strip(),
        order_quantity=parse_int(f[16] or "0"),
        order_price=parse_int(f[-1]) if f[-1].strip() else None,
        name=f[-2].strip(),
        customer=f[0],
        account=f[1],
        holder=f[17],
    )


def _filled(text: str) -> str:
    if not text.strip():
        raise FrameError("a field that must be filled is blank")
    return text.strip()


class _Sides(dict[str, Side]):
    def __missing__(self, code: str) -> Side:
        raise FrameError("neither a buy nor a sell")


_SIDES = _Sides({"01": Side.SELL, "02": Side.BUY})

_OTHERS: dict[str, tuple[Callable[[str, list[str]], Record], int]] = {
    **dict.fromkeys(NOTICES, (_notice, NOTICE_WIDTH)),
    **dict.fromkeys(EXPECTED, (_expected, 45)),
    **dict.fromkeys(VENUE, (_venue, 10)),
    **dict.fromkeys(INDICES, (_index, 30)),
}


class Ack(NamedTuple):
    """KIS's answer to a registration. ``ok`` also when it was registered already."""

    tr_id: str
    tr_key: str
    ok: bool
    msg_cd: str
    text: str
    key: StreamKey | None


class Ping(NamedTuple):
    """PINGPONG: to be echoed as it came."""

    text: str


def parse_control(text: str) -> Ack | Ping:
    """Read a JSON frame.

    Raises:
        FrameError: it is no control frame.
    """
    try:
        message = json.loads(text)
        header = message["header"]
        if header["tr_id"] == "PINGPONG":
            return Ping(text)
        body = message["body"]
        raw = body.get("output") or {}
        key = StreamKey(str(raw["key"]), str(raw["iv"])) if {"key", "iv"} <= raw.keys() else None
        code = str(body.get("msg_cd") or "")
        return Ack(
            tr_id=str(header["tr_id"]),
            tr_key=str(header.get("tr_key") or ""),
            ok=str(body.get("rt_cd")) == "0" or code == "OPSP0002",
            msg_cd=code,
            text=str(body.get("msg1") or "").strip(),
            key=key if key and len(key.key) == 32 and len(key.iv) == 16 else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FrameError(f"no control frame: {type(error).__name__}") from None


@dataclass(slots=True)
class FrameCounts:
    """What came over the wire so far."""

    frames: int = 0
    records: int = 0
    garbage: int = 0
    duplicates: int = 0
    gaps: int = 0
    pings: int = 0
    connects: int = 0
    drops: int = 0
