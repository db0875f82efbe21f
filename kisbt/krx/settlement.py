"""Cash of an account: what is settled, what will be, what is reserved, what may be spent.

A trade settles two sessions later (T+2, KOSPI Reg. 7), and proceeds of a sale may pay for a buy
at once. So a cash account has to keep one number from going negative: D+2 cash, which counts
every trade as settled (KIS ``prvs_rcdl_excc_amt``).
"""

from datetime import date

from kisbt.krx.calendar import settlement_date

_KEPT_DAYS = 64


class CashLedger:
    """D+2 cash, the settled part of it, and reservations of resting buys. All in won.

    Args:
        cash: Cash at the start, settled.

    Days are sessions and never go back.
    """

    def __init__(self, cash: int) -> None:
        if cash < 0:
            raise ValueError(f"cash cannot start at {cash} won")
        self._settled = cash
        self._pending: dict[date, int] = {}
        self._cash = cash
        self._reservations: dict[str, int] = {}
        self._reserved = 0
        self._day = date.min

    @property
    def cash(self) -> int:
        """D+2 cash: all trades counted as settled."""
        return self._cash

    @property
    def reserved(self) -> int:
        """Cash that resting buys hold."""
        return self._reserved

    @property
    def orderable(self) -> int:
        """Cash that a new buy may reserve (주문가능금액)."""
        return max(0, self._cash - self._reserved)

    def settled(self, on: date) -> int:
        """Return D+0 cash (예수금) on a day: trades that settle later are not in it.

        D+1 cash is that of ``calendar.next_session(on)``.

        Raises:
            ValueError: the day is before the last trade's.
        """
        if on < self._day:
            raise ValueError(f"settled cash of {on} is asked after a trade of {self._day}")
        due = (net for day, net in self._pending.items() if settlement_date(day) <= on)
        return self._settled + sum(due)

    def reservation(self, ref: str) -> int:
        """Return what one order holds; 0 for an order that holds nothing."""
        return self._reservations.get(ref, 0)

    def reserve(self, ref: str, amount: int) -> None:
        """Hold ``amount`` for an order; a second call for the same order replaces the first.

        Raises:
            ValueError: the amount is negative, or more than is orderable. Nothing changes.
        """
        held = self._reservations.get(ref, 0)
        total = self._reserved - held + amount
        if amount < 0 or total > self._cash:
            raise ValueError(
                f"cannot reserve {amount} won for {ref}: orderable is {self.orderable + held}"
            )
        self._reservations[ref] = amount
        self._reserved = total

    def release(self, ref: str) -> int:
        """Free what an order holds and return it; 0 for an order that holds nothing."""
        held = self._reservations.pop(ref, 0)
        self._reserved -= held
        return held

    def buy(self, on: date, amount: int, costs: int, ref: str | None = None) -> None:
        """Book a buy traded on a session: ``amount`` and ``costs`` leave D+2 cash.

        With ``ref`` they come out of that order's reservation first.

        Raises:
            ValueError: D+2 cash would go negative, or a number is. Nothing changes.
        """
        total = amount + costs
        if amount < 0 or costs < 0:
            raise ValueError(f"amount {amount} and costs {costs} of a buy are not negative")
        if total > self._cash:
            raise ValueError(f"a buy of {total} won exceeds D+2 cash of {self._cash} won")
        self._book(on, -total)
        if ref in self._reservations:
            used = min(self._reservations[ref], total)
            self._reservations[ref] -= used
            self._reserved -= used

    def sell(self, on: date, amount: int, costs: int) -> None:
        """Book a sale traded on a session: ``amount`` less ``costs`` joins D+2 cash.

        Raises:
            ValueError: D+2 cash would go negative, or a number is. Nothing changes.
        """
        if amount < 0 or costs < 0:
            raise ValueError(f"amount {amount} and costs {costs} of a sale are not negative")
        if amount - costs + self._cash < 0:
            raise ValueError(f"costs of {costs} won exceed a sale of {amount} won and all cash")
        self._book(on, amount - costs)

    def _book(self, on: date, net: int) -> None:
        if on < self._day:
            raise ValueError(f"a trade of {on} comes after one of {self._day}")
        self._day = on
        self._cash += net
        self._pending[on] = self._pending.get(on, 0) + net
        if len(self._pending) > _KEPT_DAYS:
            self._settle_oldest()

    def _settle_oldest(self) -> None:
        """Merge days that are settled by the last trade's day, so that the ledger stays small."""
        # The last trade's own day is pending and settles later: the loop always finds an end.
        while settlement_date(oldest := next(iter(self._pending))) <= self._day:
            self._settled += self._pending.pop(oldest)
