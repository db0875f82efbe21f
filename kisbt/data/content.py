"""Content hashes: of values in a canonical layout, so that no parquet writer can change them.

Changing anything here changes every dataset's hash, and with it every run card.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument

if TYPE_CHECKING:
    from kisbt.data.dataset import BarTable, IndexSeries

PRICE_COLUMNS = ("open", "high", "low", "close", "volume", "base")


def bars_hash(bars: Mapping[str, "BarTable"]) -> str:
    """Hash all bars: by ticker, its name, its length, then each column as little-endian int64."""
    digest = hashlib.sha256(b"kisbt bars 1\n")
    for ticker in sorted(bars):
        table = bars[ticker]
        digest.update(f"{ticker} {len(table.times)}\n".encode())
        digest.update(_bytes(table.times.astype("datetime64[s]").astype("<i8")))
        for column in PRICE_COLUMNS:
            digest.update(_bytes(getattr(table, column).astype("<i8", copy=False)))
    return f"sha256:{digest.hexdigest()}"


def index_hash(index: "IndexSeries") -> str:
    """Hash an index series: its name, its length, times as int64 and values as float64."""
    digest = hashlib.sha256(b"kisbt index 1\n")
    digest.update(f"{index.name} {len(index.times)}\n".encode())
    digest.update(_bytes(index.times.astype("datetime64[s]").astype("<i8")))
    digest.update(_bytes(index.values.astype("<f8", copy=False)))
    return f"sha256:{digest.hexdigest()}"


def dataset_hash(
    parts: Mapping[str, str],
    instruments: Iterable[Instrument],
    actions: Iterable[CorporateAction],
    facts: Mapping[str, Any],
) -> str:
    """Hash everything that can change a result: bars, index, instruments, actions, ``facts``.

    Name, source and time of creation are left out: a renamed copy is the same data.
    """
    body = {
        "parts": dict(parts),
        "instruments": [i.model_dump(mode="json") for i in sorted(instruments, key=_by_ticker)],
        "actions": [a.model_dump(mode="json") for a in sorted(actions, key=_by_ticker_and_date)],
        "facts": dict(facts),
    }
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _by_ticker(instrument: Instrument) -> str:
    return instrument.ticker


def _by_ticker_and_date(action: CorporateAction) -> tuple[str, str]:
    return action.ticker, action.date.isoformat()


def _bytes(values: np.ndarray[Any, Any]) -> memoryview:
    return np.ascontiguousarray(values).view(np.uint8).data
