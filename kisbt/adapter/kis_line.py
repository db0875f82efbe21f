"""What is known of one order of ours at KIS, by notices and by readings of the day's orders."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kisbt.kis.ledger import SKEW, Execution, Tracked

NEVER = datetime.min


@dataclass(slots=True)
class OrderLine:
    """One order of ours. ``filled`` and ``amount`` are what its owner has been told of.

    ``shown`` is when a reading last showed all of it. A chain is the order and what it went on as
    when somebody modified it.
    """

    key: int
    filled: int = 0
    amount: int = 0
    quantity: int = 0
    used: dict[int, int] = field(default_factory=dict)
    noticed: int = 0
    noticed_amount: int = 0
    missed: int = 0
    cancelling: bool = False
    asked: datetime = NEVER
    looked: int = 0
    absent: bool = False
    over: bool = False
    shown: datetime = NEVER

    def noticed_news(self, chain: Sequence[Tracked]) -> list[Execution]:
        """Executions of notices that were not told yet, no more than were ordered."""
        told, room = [], chain[0].quantity - self.filled
        for part in chain:
            for each in part.executions[self.used.get(part.key, 0) :]:
                self._use(part, each)
                quantity = min(each.quantity, room)
                if quantity > 0:
                    told.append(each._replace(quantity=quantity))
                    self.filled += quantity
                    self.amount += quantity * each.price
                    room -= quantity
        return told

    def catch_up(self, chain: Sequence[Tracked]) -> None:
        """Use up late notices of what a reading has told before, until both agree again."""
        for part in chain:
            for each in part.executions[self.used.get(part.key, 0) :]:
                if self.noticed + each.quantity > self.filled:
                    return  # news: the next reading tells it
                self._use(part, each)

    def listed_news(self, chain: Sequence[Tracked]) -> list[Execution]:
        """What readings know beyond what was told, at whole prices, no more than was ordered."""
        shares = min(sum(part.listed for part in chain), chain[0].quantity) - self.filled
        won = sum(part.listed_amount for part in chain) - self.amount
        if shares <= 0 or won <= 0:
            return []
        self.filled += shares
        self.amount += won
        price, rest = divmod(won, shares)
        parts = (Execution(shares - rest, price), Execution(rest, price + 1))
        return [each for each in parts if each.quantity]

    def _use(self, part: Tracked, each: Execution) -> None:
        self.used[part.key] = self.used.get(part.key, 0) + 1
        self.noticed += each.quantity
        self.noticed_amount += each.quantity * each.price


def alike(old: Tracked, stranger: Tracked) -> bool:
    """Whether an order taken for never sent is this one."""
    if old.sent is None or stranger.sent is None or stranger.sent < old.sent - SKEW:
        return False
    same = (old.ticker, old.side, old.quantity) == (
        stranger.ticker,
        stranger.side,
        stranger.quantity,
    )
    return same and old.price == stranger.price
