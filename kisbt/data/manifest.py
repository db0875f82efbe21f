"""The manifest: what a dataset says of itself, beside the parquet files that hold the bars."""

import difflib
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from kisbt.domain.market import Frozen, Instrument, Market, Ticker
from kisbt.errors import DataError

FORMAT = 1
NAME = r"\w[\w.\-]*"
"""A dataset's name, which is also its folder's."""

Frequency = Annotated[str, Field(pattern=r"^(1d|[1-9][0-9]?m)$")]
"""``"1d"``, or minutes such as ``"1m"`` and ``"5m"``."""

ContentHash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class CorporateAction(Frozen):
    """A share split or reverse split (액면분할, 병합) seen in unadjusted prices.

    ``date`` is the first session at the new price. ``ratio`` is new shares for one old share:
    5.0 turns one share at 50,000 won into five at 10,000; 0.1 turns ten shares into one.
    """

    ticker: Ticker
    date: date
    kind: Literal["split"] = "split"
    ratio: float = Field(gt=0, allow_inf_nan=False)


class Manifest(Frozen):
    """What ``manifest.json`` holds.

    ``files`` gives each parquet file's content hash and ``hash`` that of the whole dataset
    (see ``content.py``); both are of values, not of file bytes. ``created`` is ISO time with
    +09:00, ``None`` for a synthetic dataset, whose bytes depend on its seed alone.
    ``rows``, ``first`` and ``last`` repeat what the bars say, so that listing opens no parquet.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=f"^{NAME}$")
    source: str = ""
    synthetic: bool = False
    adjusted: bool = False
    frequency: Frequency = "1d"
    markets: tuple[Market, ...] = ()
    created: str | None = None
    rows: int = Field(default=0, ge=0)
    first: date | None = None
    last: date | None = None
    index: str | None = None
    files: dict[str, ContentHash] = Field(default_factory=dict)
    hash: ContentHash
    instruments: tuple[Instrument, ...]
    actions: tuple[CorporateAction, ...] = ()


def unknown_ticker(ticker: str, known: Iterable[str], where: str) -> DataError:
    """The error for a ticker that is not in a dataset, naming the nearest one."""
    names = sorted(known)
    near = difflib.get_close_matches(ticker, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:8]) + (f", ... ({len(names)} in all)" if len(names) > 8 else "")
    hint = f"did you mean {near[0]}?" if near else f"it holds {shown}"
    return DataError(f"{where}: unknown ticker '{ticker}'", hint=hint)
