"""Orders and lines belong to Cerebro's thread: whoever else touches one is caught."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import backtrader as bt
import pytest

from tests.adapter.live_market_worlds import Witness
from tests.adapter.live_rig import lockstep
from tests.sim.venue import daily_dataset

LINE = bt.linebuffer.LineBuffer
ORDER = (bt.order.OrderBase, bt.order.Order)
UNTOUCHED = {"__init__", "__getattr__", "__call__"}
"""Making one is no touch; the others are reached by what they are asked for."""


class ThreadGuard:
    """Notes every call of a method of a line or an order that is not on the guard's own thread.

    Attributes:
        home: Calls on that thread, by ``line`` and ``order``: without any, nothing was guarded.
        strays: What was called elsewhere: ``line`` or ``order``, the method, the thread's name.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.me = threading.get_ident()
        self.home: Counter[str] = Counter()
        self.strays: list[tuple[str, str, str]] = []
        for what, kinds in (("line", (LINE,)), ("order", ORDER)):
            for kind in kinds:
                for name, plain in list(vars(kind).items()):
                    if callable(plain) and not isinstance(plain, type) and name not in UNTOUCHED:
                        monkeypatch.setattr(kind, name, self._watched(what, name, plain))
        monkeypatch.setattr(
            ORDER[0], "__setattr__", self._watched("order", "__setattr__", object.__setattr__)
        )

    def _watched(self, what: str, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            if threading.get_ident() == self.me:
                self.home[what] += 1
            else:
                self.strays.append((what, name, threading.current_thread().name))
            return plain(*arguments, **options)

        return wrapper


def live(plant: Callable[[Any, list[bt.Order]], None] | None = None) -> Witness:
    """Some days of live trading; ``plant`` acts on the store's worker thread at every bar.

    It is given a feed and the orders that the broker has made.
    """
    with lockstep(daily_dataset(), first=date(2025, 3, 4)) as rig:
        store = rig.store(until=datetime(2025, 3, 14, 15, 30), backfill=30)
        publish, mine = store._intake.publish, []

        class Sending(Witness):
            def buy(self, *arguments: Any, **options: Any) -> bt.Order:
                mine.append(super().buy(*arguments, **options))
                return mine[-1]

        def planted(bars: Any) -> None:
            publish(bars)
            for feed in list(store._feeds.values()):
                if plant is not None and mine:
                    plant(feed, mine)

        store._intake.publish = planted  # what LiveWorker calls, on its own thread
        return rig.run(Sending, store, market=store.market, every=1)


def test_no_order_and_no_line_is_touched_off_cerebros_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = ThreadGuard(monkeypatch)
    ran = live()
    assert [status for _, status, *_ in ran.orders].count("Completed") >= 3
    assert guard.home["line"] > 1_000
    assert guard.home["order"] > 30
    assert guard.strays == []


def reads(feed: Any, _orders: list[bt.Order]) -> None:
    feed.lines.close[0]


def writes(feed: Any, _orders: list[bt.Order]) -> None:
    feed.lines.close[0] = 1.0


def cancels(_feed: Any, orders: list[bt.Order]) -> None:
    orders[0].cancel()


def marks(_feed: Any, orders: list[bt.Order]) -> None:
    orders[0].plimit = 5.0


@pytest.mark.parametrize(
    ("plant", "caught"),
    [
        (reads, ("line", "__getitem__", "kis-store")),
        (writes, ("line", "__setitem__", "kis-store")),
        (cancels, ("order", "cancel", "kis-store")),
        (marks, ("order", "__setattr__", "kis-store")),
    ],
)
def test_a_wrong_thread_is_caught(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[..., None], caught: tuple[str, str, str]
) -> None:
    """Planted on the store's worker, in the very session that the test above runs."""
    guard = ThreadGuard(monkeypatch)
    live(plant)
    assert caught in guard.strays
    assert {thread for *_, thread in guard.strays} == {"kis-store"}
