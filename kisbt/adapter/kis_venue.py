"""What the live broker asks of KIS, and where an order stands there."""

from datetime import date
from typing import NamedTuple, Protocol

from kisbt.domain.trading import OrderState, Side
from kisbt.kis.models.account import OrderReceipt, OrderRow


class Venue(Protocol):
    """What the desk asks of ``KISClient``."""

    def order_cash(
        self, ticker: str, side: Side, quantity: int, price: int | None = None
    ) -> OrderReceipt:
        """Send an order."""
        ...

    def cancel(self, number: str, *, quantity: int | None = None, branch: str = "") -> OrderReceipt:
        """Cancel a resting order."""
        ...

    def inquire_daily_ccld(
        self, first: date | None = None, last: date | None = None
    ) -> tuple[OrderRow, ...]:
        """Orders of some days, today's by default."""
        ...


class Standing(NamedTuple):
    """Where an order stands at the venue; ``remaining`` shares may still trade.

    ``settled`` is false while executions are known of that ``news`` cannot tell yet.
    """

    state: OrderState
    remaining: int
    settled: bool
    reason: str
    number: str
    branch: str
