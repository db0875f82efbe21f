"""The live session of a fault session, put together as ``kisbt live`` does."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kisbt.adapter.live_clock import LockstepClock
from kisbt.adapter.store import StreamMaker
from kisbt.journal.database import DatabaseManager
from kisbt.kis.client import KISClient
from kisbt.kis.events import StreamEvent
from kisbt.kis.stream import KISStream
from kisbt.run.chaos_points import WatchedBooks
from kisbt.run.chaos_trader import ChaosDecider, ChaosTrader, prompt
from kisbt.run.live_approvals import ApprovalRules
from kisbt.run.live_books import LiveBooks
from kisbt.run.live_desk import Opened
from kisbt.run.live_mind import MakeDecider
from kisbt.run.live_order import Frequency, LiveOrder, LivePlan, Names
from kisbt.run.live_venue import Venue
from kisbt.run.loader import LoadedStrategy
from kisbt.sim.options import LOCKSTEP

if TYPE_CHECKING:
    from kisbt.run.chaos_world import World

CALM = timedelta(minutes=15)
"""Between two readings of the day's orders while all is quiet: half a minute would take longer."""

PATIENCE = 1.0
"""Wall seconds that time stands still for a socket on its way back."""


class ChaosDesk(Opened):
    """A live session put together as ``kisbt live`` does, with wires across its path."""

    def __init__(self, world: "World", venue: Venue, db: DatabaseManager) -> None:
        self.world = world
        self.make_books = self._watched
        self.make_stream: StreamMaker = quick_stream
        dataset = world.dataset
        instruments = tuple(dataset.instruments[ticker] for ticker in dataset.tickers)
        names = Names(instruments, dataset, cast(Frequency, dataset.frequency))
        super().__init__(plan(world), world.settings, venue, names, db)
        self.session.broker.calm = CALM
        if isinstance(self.clock, LockstepClock):
            self.clock.patience = PATIENCE
        self.store.wishes.append(lambda: world.next_moment(self.clock.now()))

    def _watched(self, *given: Any) -> LiveBooks:
        books = WatchedBooks(*given)
        books.wire = self.world.wire
        return books

    def _decider_maker(self) -> MakeDecider:
        return lambda _version: ChaosDecider(self.world.answer)

    def _until(self, now: datetime) -> datetime:
        return self.world.until

    def _day_duty(self) -> None:
        self.world.turn(self)
        super()._day_duty()


def plan(world: "World") -> LivePlan:
    """The command line that such a session stands for."""
    return LivePlan(
        order=LiveOrder(), strategy=LoadedStrategy(ChaosTrader, Path(__file__), "sha256:chaos"),
        file="chaos", version=prompt(), pinned=True, store=None,
        tickers=tuple(world.dataset.tickers), data="chaos", frequency=None,
        first=world.sessions[0], cash=world.cash, speed=LOCKSTEP, approvals=ApprovalRules(),
        foreign="adopt", resting="cancel", decide_at=(), llm=None,
    )  # fmt: skip


def quick_stream(
    client: KISClient[Any], listen: Callable[[StreamEvent], None], now: Callable[[], datetime]
) -> KISStream:
    """The account's stream, back soon after it was cut."""
    stream = KISStream(client.session, listen, now=now, pace=0.0, first_wait=0.01, longest_wait=0.2)
    stream.watch_orders()
    return stream
