"""Asks KIS by REST for what a stream has missed."""

import queue
import threading
from collections.abc import Callable
from datetime import time
from typing import Any, NamedTuple

from kisbt.errors import TradingSystemError
from kisbt.kis.client import KISClient
from kisbt.kis.gaps import Outage, TradeGap
from kisbt.kis.models.account import OrderRow
from kisbt.kis.models.charts import MinuteBar
from kisbt.kis.models.fields import parse_time


class Filled(NamedTuple):
    """What KIS had for a gap: the minutes of a name, or the day's orders after an outage.

    ``error`` says why there is nothing.
    """

    gap: TradeGap | Outage
    minutes: tuple[MinuteBar, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    error: str = ""


class Backfill:
    """Fills gaps on its own thread, so that the stream never waits for REST.

    Hand it every ``TradeGap`` and ``Outage``. Several gaps of one name that wait together are
    filled by one request.

    Args:
        client: Where to ask.
        on_filled: Takes the results, on the thread of this object.
    """

    def __init__(self, client: KISClient[Any], on_filled: Callable[[Filled], None]) -> None:
        self._client, self._on_filled = client, on_filled
        self._waiting: dict[tuple[str, str], TradeGap] = {}
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Outage | tuple[str, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="kis-backfill", daemon=True)
        self._thread.start()

    def add(self, gap: TradeGap | Outage) -> None:
        """Put a gap in the queue. Returns at once."""
        if isinstance(gap, Outage):
            self._jobs.put(gap)
            return
        key = (gap.ticker, gap.day)
        with self._lock:
            waiting = self._waiting.get(key)
            self._waiting[key] = gap if waiting is None else _joined(waiting, gap)
            if waiting is None:
                self._jobs.put(key)

    def stop(self) -> None:
        """Finish the request under way and end."""
        self._jobs.put(None)
        self._thread.join(30.0)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, Outage):
                gap: TradeGap | Outage = job
            else:
                with self._lock:
                    gap = self._waiting.pop(job)
            try:
                self._on_filled(self._fill(gap))
            except TradingSystemError as error:
                self._on_filled(Filled(gap, error=str(error)))

    def _fill(self, gap: TradeGap | Outage) -> Filled:
        if isinstance(gap, Outage):
            first, last = gap.since.date(), gap.until.date()
            return Filled(gap, orders=self._client.inquire_daily_ccld(first, last))
        since, until = _minute(gap.since), _minute(gap.until)
        bars = self._client.minute_bars(gap.ticker, since=since, until=until)
        return Filled(gap, minutes=tuple(bar for bar in bars if f"{bar.day:%Y%m%d}" == gap.day))


def _joined(first: TradeGap, second: TradeGap) -> TradeGap:
    return first._replace(
        since=min(first.since, second.since),
        until=max(first.until, second.until),
        missing=first.missing + second.missing,
    )


def _minute(text: str) -> time:
    """Return the minute that a ``HHMMSS`` lies in; midnight for what is no time."""
    try:
        return parse_time(text).replace(second=0)
    except ValueError:
        return time()
