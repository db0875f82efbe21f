"""Pages of account queries: ``tr_cont`` M or D, and the two context keys of 100 characters."""

from collections.abc import Sequence
from typing import NamedTuple

from kisbt.sim.rest.wire import KEY_WIDTH, Call, Row, padded


class Page(NamedTuple):
    """One page: its rows, ``tr_cont`` and the keys that ask for the next."""

    rows: list[Row]
    tr_cont: str
    keys: Row

    @property
    def last(self) -> bool:
        """Whether nothing follows."""
        return self.tr_cont == "D"


def page(call: Call, rows: Sequence[Row], size: int, condition: str) -> Page:
    """The page of ``rows`` that the request's key asks for.

    A client that sends the key without ``tr_cont: N`` is served too, as KIS serves it. The key is
    the number of the next row; a key that is none of ours starts again at the first row.
    """
    key = call.get("CTX_AREA_NK100")
    start = int(key) if key.isascii() and key.isdigit() and len(key) < 9 else 0
    chunk = list(rows[start : start + size])
    following = start + len(chunk)
    more = following < len(rows)
    return Page(
        chunk,
        "M" if more else "D",
        {
            "ctx_area_fk100": padded(condition, KEY_WIDTH),
            "ctx_area_nk100": padded(str(following) if more else "", KEY_WIDTH),
        },
    )


def condition(call: Call, *names: str) -> str:
    """What was asked, joined as KIS echoes it in ``ctx_area_fk100``."""
    return "".join(f"{call.get(name)}^" for name in ("CANO", "ACNT_PRDT_CD", *names))
