"""An account and its resting orders over a tape: cash, positions, matching. No backtrader."""

from collections.abc import Iterator
from datetime import date

from kisbt.adapter.account_book import (
    EXPIRED,
    GONE,
    HALTED,
    REBASED,
    AccountBook,
    Changed,
    Executed,
    Expired,
    Refused,
    RefusedError,
    Working,
)
from kisbt.adapter.tape import Playhead, Tape
from kisbt.domain.trading import PositionChange, Side
from kisbt.krx.costs import CostModel
from kisbt.krx.fills import cap_quantity, match

__all__ = ["Changed", "Executed", "Expired", "HistoryBook", "Refused", "RefusedError", "Working"]


class HistoryBook(AccountBook):
    """One account trading over one tape, under KRX rules.

    Orders rest from the bar after they were sent, for one session; in one in which their name is
    halted the venue does not take them. No fill takes more cash than what is left.
    """

    def __init__(
        self, tape: Tape, head: Playhead, costs: CostModel, participation: float, cash: int
    ) -> None:
        super().__init__(tape.instruments, costs, cash)
        self.tape = tape
        self.head = head
        self.participation = participation
        self._pending_actions = _scheduled(tape)

    def place(self, ref: str, column: int, side: Side, quantity: int, limit: int | None) -> Working:
        """Rest an order for the next session and return it, with its size as taken.

        Raises:
            RefusedError: not listed (yet, any more), halted, no whole share, or as ``admit``.
        """
        t, tape = self.head.t, self.tape
        if quantity < 1:
            raise RefusedError("수량이 1주 미만")
        if tape.rows[t, column] < 0:
            raise RefusedError("아직 상장되지 않은 종목")
        if self._delisted(column):
            raise RefusedError("상장폐지된 종목")
        if tape.order_sessions[t] == tape.sessions[t] and tape.suspended(t, column):
            raise RefusedError(HALTED)
        return self.admit(
            ref,
            column,
            side,
            quantity,
            limit,
            session=tape.order_sessions[t],
            band=tape.next_band(t, column),
        )

    def advance(self) -> Iterator[Executed | Expired | Refused | Changed]:
        """Move to the next bar time: corporate actions, then matching, then day's end."""
        self.head.t += 1
        t = self.head.t
        yield from self._act(t)
        if not self.working:
            return
        tape, ends, session = self.tape, self.tape.ends_session(t), self.tape.sessions[t]
        begins = t == 0 or tape.sessions[t - 1] != session
        taken: dict[int, int] = {}
        for order in list(self.working.values()):
            if begins and session == order.session and tape.suspended(t, order.column):
                self.remove(order.ref)
                yield Refused(order, HALTED)
                continue
            if tape.current[t, order.column] and session == order.session:
                yield from self._match(t, order, taken)
            if order.remaining and (session > order.session or (ends and session == order.session)):
                self.remove(order.ref)
                yield Expired(order, EXPIRED)

    def _match(self, t: int, order: Working, taken: dict[int, int]) -> Iterator[Executed]:
        column, tape = order.column, self.tape
        bar = tape.bar(t, column)
        free = cap_quantity(bar.volume, self.participation) - taken.get(column, 0)
        if free < 1:
            return
        band = tape.band(t, column)
        result = match(
            order.side, order.limit, order.remaining, bar, band, tape.rules(t, column),
            available=free,
        )  # fmt: skip
        if result is None:
            return
        quantity = result.quantity
        if order.side is Side.BUY:
            budget = self.ledger.orderable + order.reserved
            quantity = self.affordable(result.price, column, quantity, budget)
            if quantity < 1:
                return
        taken[column] = taken.get(column, 0) + quantity
        yield self.execute(order, result.price, quantity, tape.moments[t], tape.sessions[t])

    def _delisted(self, column: int) -> bool:
        last = self.tape.instruments[column].delisted
        return last is not None and self.tape.order_sessions[self.head.t] > last

    def _act(self, t: int) -> Iterator[Expired | Changed]:
        for kind, column, ratio in self._pending_actions.pop(t, ()):
            for order in [w for w in self.working.values() if w.column == column]:
                self.remove(order.ref)
                yield Expired(order, REBASED if kind == "split" else GONE)
            change = self._change(t, kind, column, ratio)
            if kind == "split" or change.quantity_before:
                yield Changed(change)

    def _change(self, t: int, kind: str, column: int, ratio: float) -> PositionChange:
        price = int(self.tape.closes[t - 1, column]) if t else 0
        return self.act(kind, column, ratio, price=price, session=self.tape.sessions[t])


def _scheduled(tape: Tape) -> dict[int, list[tuple[str, int, float]]]:
    """Corporate actions by the index of the first bar time of their session."""
    first: dict[date, int] = {}
    for t, session in enumerate(tape.sessions):
        first.setdefault(session, t)
    plan: dict[int, list[tuple[str, int, float]]] = {}
    for action in tape.dataset.actions:
        column, start = tape.columns.get(action.ticker), first.get(action.date)
        if column is not None and start is not None and action.kind == "split":
            plan.setdefault(start, []).append(("split", column, action.ratio))
    for column, instrument in enumerate(tape.instruments):
        if instrument.delisted is None:
            continue
        after = [t for session, t in first.items() if session > instrument.delisted]
        if after:
            plan.setdefault(min(after), []).append(("delisting", column, 1.0))
    return plan
