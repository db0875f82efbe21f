"""The account's client in a fault session: watched, and never waiting in wall time.

In lock-step nothing happens while a client waits, so its waits (a token a minute, a second after
EGW00201) pass at once, on a clock of its own that runs ahead by as much.
"""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from kisbt.domain.trading import Side
from kisbt.kis.auth import KISAuthManager
from kisbt.kis.client import KISClient
from kisbt.kis.config import Access, KISConfig
from kisbt.kis.environment import Paper, RealQuotes
from kisbt.kis.limits import RateLimiter
from kisbt.kis.models.account import Balance, OrderReceipt, OrderRow
from kisbt.kis.session import Session
from kisbt.kis.wire import Wire
from kisbt.run.chaos_points import Wire as Watch

PER_SECOND = 1000.0
ANSWER_SECONDS = 5.0


class QuickTime:
    """The wall's time, ahead by all that was waited for."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def epoch(self) -> float:
        """Seconds."""
        return time.time() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Be later at once."""
        self._ahead += max(seconds, 0.0)


class WatchedClient(KISClient[Any]):
    """The account's client, with a wire across each request that an order depends on."""

    watch: Watch
    doctored: Callable[[Balance], Balance] | None = None
    """Changes what a balance says: KIS's own figures are wrong at times."""

    def order_cash(
        self, ticker: str, side: Side, quantity: int, price: int | None = None, **more: Any
    ) -> OrderReceipt:
        """Send an order."""
        self.watch("leaving")
        receipt = super().order_cash(ticker, side, quantity, price, **more)
        self.watch("taken")
        return receipt

    def cancel(self, number: str, **more: Any) -> OrderReceipt:
        """Cancel a resting order."""
        self.watch("cancelling")
        receipt = super().cancel(number, **more)
        self.watch("cancel_taken")
        return receipt

    def inquire_daily_ccld(self, *days: Any, **more: Any) -> tuple[OrderRow, ...]:
        """Orders of some days."""
        self.watch("reading")
        rows = super().inquire_daily_ccld(*days, **more)
        self.watch("read")
        return rows

    def inquire_balance(self, *given: Any, **more: Any) -> Balance:
        """Cash and positions."""
        balance = super().inquire_balance(*given, **more)
        self.watch("balance")
        return balance if self.doctored is None else self.doctored(balance)

    @classmethod
    def quick(
        cls,
        config: KISConfig,
        folder: Path,
        clock: QuickTime,
        watch: Watch,
        now: Callable[[], datetime],
        universe: tuple[str, ...],
    ) -> Self:
        """A client of a simulator's paper door that reads quotes at its real one."""
        sessions = [
            _session(config.access(environment), folder, clock)
            for environment in (Paper(), RealQuotes())
        ]
        client = cls(*sessions, universe=universe, now=now, sleep=clock.sleep)
        client.watch = watch
        return client


def _session(access: Access[Any], folder: Path, clock: QuickTime) -> Session[Any]:
    wire = Wire(access.rest_url, answer_seconds=ANSWER_SECONDS, redactor=access.redactor)
    limiter = RateLimiter(PER_SECOND, clock=clock.epoch, sleep=clock.sleep)
    auth = KISAuthManager(
        access, wire, limiter, folder=folder, epoch=clock.epoch, sleep=clock.sleep
    )
    return Session(access, auth, wire, limiter, sleep=clock.sleep)
