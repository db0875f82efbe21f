"""Any interleaving of answers, notices, repeats, cancels, crashes ends in the venue's truth."""

import os
import tempfile
from datetime import datetime, time
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kisbt.adapter.kis_broker import KISBroker
from kisbt.config import CostSettings
from kisbt.domain.trading import OrderState, Side
from kisbt.journal.recovery import read_history
from kisbt.krx.costs import CostModel
from tests.adapter.fake_venue import CLOSE, DAY, A, B, KilledError
from tests.adapter.live_desk import LiveDesk

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the journal syncs at every step
ROUNDS = int(os.environ.get("KISBT_BROKER_ROUNDS", "60"))
STEPS = int(os.environ.get("KISBT_BROKER_STEPS", "40"))

SEND_FATES = [
    "well", "well", "refused", "unreachable", "lost before", "lost after", "fills at once",
    "killed before", "killed after",
]  # fmt: skip
CANCEL_FATES = [
    "well", "well", "lost before", "lost after", "fills at once", "killed before", "killed after",
]  # fmt: skip
ENDED = {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}


class LiveAccount(RuleBasedStateMachine):
    """One trading day of one account."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.placed = 0
        self.undelivered = 0

    @initialize(
        by_bar=st.booleans(),
        costs=st.booleans(),
        fills_name=st.sampled_from(["original", "change", "nothing"]),
    )
    def open(self, by_bar: bool, costs: bool, fills_name: str = "original") -> None:
        model = CostModel.from_settings(CostSettings()) if costs else CostModel.free()
        self.costs = costs
        self.desk = LiveDesk(
            Path(self.folder.name),
            at=datetime.combine(DAY, time(9, 0, 10)),
            by_bar=by_bar,
            cash=20_000_000,
            shares={A: 20},
            costs=model,
            fills_name=fills_name,
        )
        self.told: list[int] = []

    @property
    def broker(self) -> KISBroker:
        return self.desk.broker

    @rule(
        side=st.sampled_from(Side),
        ticker=st.sampled_from([A, B]),
        size=st.integers(1, 12),
        step=st.sampled_from([None, -2, -1, 0, 1]),
        fate=st.sampled_from(SEND_FATES),
    )
    def send(self, side: Side, ticker: str, size: int, step: int | None, fate: str) -> None:
        price = None if step is None else CLOSE[ticker] + step * 500
        self.desk.venue.fate = fate
        before = len(self.desk.venue.taken())
        self.placed += 1
        try:
            self.desk.place(side, ticker, size, price)
        except KilledError:
            self.desk.restart()
        self.desk.venue.fate = "well"
        assert len(self.desk.venue.taken()) - before <= 1

    @precondition(lambda self: self.broker.open_orders())
    @rule(pick=st.integers(0, 30), fate=st.sampled_from(CANCEL_FATES))
    def cancel(self, pick: int, fate: str) -> None:
        resting = self.broker.open_orders()
        order = self.broker.order_by_ref(resting[pick % len(resting)].ref)
        self.desk.venue.fate = fate
        try:
            self.broker.cancel(order)
        except KilledError:
            self.desk.restart()
        self.desk.venue.fate = "well"

    @precondition(lambda self: self.desk.venue.open_numbers())
    @rule(pick=st.integers(0, 30), size=st.integers(1, 12), worse=st.sampled_from([0, 100, 500]))
    def fill(self, pick: int, size: int, worse: int) -> None:
        numbers = self.desk.venue.open_numbers()
        order = self.desk.venue.orders[numbers[pick % len(numbers)]]
        price = order.price or CLOSE[order.ticker]
        self.desk.venue.fill(
            order.number, size, price - worse if order.side is Side.BUY else price + worse
        )

    @precondition(lambda self: self.desk.venue.open_numbers())
    @rule(pick=st.integers(0, 30), size=st.integers(1, 12), up=st.booleans(), gone=st.booleans())
    def somebody_changes_it_at_the_terminal(
        self, pick: int, size: int, up: bool, gone: bool
    ) -> None:
        numbers = self.desk.venue.open_numbers()
        order = self.desk.venue.orders[numbers[pick % len(numbers)]]
        if gone:
            self.desk.venue.withdraw(order.number)
        elif order.price:
            down = order.price - 500 if order.side is Side.BUY else order.price + 500
            self.desk.venue.move(order.number, size, order.price if up else down)

    @precondition(lambda self: self.desk.venue.told)
    @rule(picks=st.lists(st.integers(0, 60), min_size=1, max_size=6))
    def notices_come_as_they_like(self, picks: list[int]) -> None:
        told = self.desk.venue.told
        self.desk.deliver([told[pick % len(told)] for pick in picks])

    @precondition(lambda self: self.desk.venue.told)
    @rule(last=st.integers(1, 3))
    def the_newest_notices_come(self, last: int) -> None:
        self.desk.deliver(self.desk.venue.told[-last:])

    @rule(
        seconds=st.sampled_from([0, 1, 3, 31, 90]),
        bar=st.booleans(),
        reading=st.sampled_from(["well", "well", "stale", "lags", "fails"]),
    )
    def turn(self, seconds: int, bar: bool, reading: str) -> None:
        self.desk.venue.reading = reading
        self.desk.turn(seconds=seconds, bar=bar)

    @rule()
    def crash(self) -> None:
        self.desk.restart()

    @invariant()
    def the_books_are_sane(self) -> None:
        if not hasattr(self, "desk"):
            return
        book = self.broker.book
        assert book.ledger.cash >= 0
        assert all(held > 0 for held in book.quantities.values())
        assert len(self.desk.venue.taken()) <= self.placed

    def teardown(self) -> None:
        try:
            if hasattr(self, "desk"):
                self._ends_in_the_venues_truth()
        finally:
            if hasattr(self, "desk"):
                self.desk.close()
            self.folder.cleanup()

    def _ends_in_the_venues_truth(self) -> None:
        desk, venue = self.desk, self.desk.venue
        desk.finish()
        assert not self.broker.open_orders()
        held = {t: h.quantity for t, h in self.broker.holdings().items()}
        assert held == {ticker: shares for ticker, shares in venue.shares.items() if shares}
        history = read_history(desk.db, desk.run)
        assert all(order.state in ENDED for order in history.orders)
        numbers = [order.number for order in history.orders if order.number]
        assert len(numbers) == len(set(numbers))
        taken = {f"{order.number:010d}": order for order in venue.taken()}
        assert set(numbers) == set(taken)  # none twice, none forgotten
        roots = dict(taken.items())
        for order in history.orders:
            if order.number:
                filled, amount = self._through(roots[order.number].number)
                assert (order.filled, order.amount) == (filled, amount)
        gap = abs(self.broker.book.ledger.cash - venue.cash)
        # fees are cut to whole won by fill: one told in one piece may cost a won more or less
        assert gap <= (2 * len(venue.told) if self.costs else 0)
        assert not self.broker.book.ledger.reserved

    def _through(self, number: int) -> tuple[int, int]:
        """Shares and won of an order and of what it went on as."""
        order = self.desk.venue.orders[number]
        filled, amount = order.filled, order.amount
        for other in self.desk.venue.orders.values():
            if other.original == number and not other.is_cancel:
                more = self._through(other.number)
                filled, amount = filled + more[0], amount + more[1]
        return filled, amount


TestLiveAccount = LiveAccount.TestCase
TestLiveAccount.settings = settings(
    max_examples=ROUNDS,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
