"""Our orders of one trading day at the venue: sent, cancelled, and what became of them.

No backtrader, and no thread of its own: whoever owns the desk calls it from one thread. It keeps
the three outcomes of every request apart, and never sends anything twice.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from kisbt.adapter.kis_line import NEVER, OrderLine, alike
from kisbt.adapter.kis_venue import Standing as Standing
from kisbt.adapter.kis_venue import Venue as Venue
from kisbt.domain.ports import Clock
from kisbt.domain.trading import OrderState, Side
from kisbt.kis.errors import KISAPIError, OutcomeUnknown, Throttled, Unreachable
from kisbt.kis.ledger import Execution, OrderLedger, Tracked, bare_number
from kisbt.kis.models.account import OrderReceipt
from kisbt.kis.records import Notice

ABSENT_READINGS = 3
ABSENT_AFTER = timedelta(seconds=60)
"""A lost request of which so many readings, over so long, show nothing was never received."""

MOST_LOOKS = 30
"""Readings after which an order of an earlier process is not looked for any more."""

URGENT = timedelta(seconds=2)
CALM = timedelta(seconds=30)
"""How often the day's orders are read while something is in doubt, and while orders just rest."""

CLOSING = timedelta(minutes=1)
"""What the closing auction (동시호가) needs until its fills are told."""

NEVER_TAKEN = "KIS에 접수되지 않은 주문 (당일 주문내역에 없음)"


class _Looked(NamedTuple):
    """What was found at a look, and when."""

    turns: int
    doubtful: bool
    resting: bool


class OrderDesk:
    """Sends and follows the orders of one account on one trading day.

    Args:
        venue: The client.
        clock: Venue time.
        day: The trading day.
        account: The account's ten digits, to tell its notices from those of its holder's other
            accounts; empty takes every notice.
        calm: How often the day's orders are read while orders just rest.
        closes: The session's close. The list may lag: an order's end counts as known only when a
            list that was read later shows it. ``None`` believes any list.
    """

    def __init__(
        self,
        venue: Venue,
        clock: Clock,
        day: date,
        account: str = "",
        calm: timedelta = CALM,
        closes: datetime | None = None,
    ) -> None:
        self.day = day
        self._calm = calm
        self._closes = closes
        self._venue = venue
        self._clock = clock
        self._account = account
        self._ledger = OrderLedger()
        self._lines: dict[str, OrderLine] = {}
        self._read_at = NEVER
        self._unseen: set[str] = set()
        self._looks = self._last_looks = 0
        self.known_at = NEVER
        """When the day's orders were last read with success."""
        self.told = False
        """Whether notices come at all."""
        self.turns = 0
        """Grows whenever something may have changed: only then is there anything to look at."""
        self._looked = _Looked(-1, False, False)

    def send(self, ref: str, ticker: str, side: Side, quantity: int, price: int | None) -> Standing:
        """Send an order, once.

        ``ACCEPTED`` (or already beyond), ``REJECTED``, ``UNKNOWN`` (``read`` finds out), or
        ``INTENT``: KIS surely did not take it, but not for a fault of the order.
        """
        self.turns += 1
        key = self._ledger.sending(ticker, side, quantity, price, self._clock.now())
        self._lines[ref] = OrderLine(key, quantity=quantity)
        try:
            receipt = self._venue.order_cash(ticker, side, quantity, price)
        except OutcomeUnknown:
            self._ledger.unanswered(key)
        except (Unreachable, Throttled) as error:
            self._ledger.refused(key, error.message)
            del self._lines[ref]
            return Standing(OrderState.INTENT, quantity, True, error.message, "", "")
        except KISAPIError as error:
            self._ledger.refused(key, error.message)
        else:
            self._ledger.accepted(key, receipt)
        return self.standing(ref)

    def resume(
        self,
        ref: str,
        ticker: str,
        side: Side,
        quantity: int,
        price: int | None,
        sent: datetime,
        *,
        number: str = "",
        branch: str = "",
        filled: int = 0,
        amount: int = 0,
    ) -> None:
        """Follow an order that an earlier process sent, or may have sent (no ``number``).

        The day's orders are read until they show it, ended or not: that process may have known of
        more executions than it could write down.
        """
        if number:
            self._unseen.add(bare_number(number))
        self.turns += 1
        key = self._ledger.sending(ticker, side, quantity, price, sent)
        self._lines[ref] = OrderLine(key, filled, amount, quantity=quantity)
        if number:
            self._ledger.accepted(
                key, OrderReceipt.model_validate({"odno": number, "krx_fwdg_ord_orgno": branch})
            )
        else:
            self._ledger.unanswered(key)

    def cancel(self, ref: str) -> bool:
        """Ask the venue to cancel what remains, then look; whether nothing remains now.

        A fill may overtake the request, and the answer may be lost: the order's next standing
        tells. An order whose own fate is unknown is not cancelled before it is known.
        """
        self.turns += 1
        line = self._lines[ref]
        open_parts = [part for part in self._chain(line) if part.number and part.remaining]
        for part in open_parts:
            try:
                self._venue.cancel(part.number, branch=part.branch)
            except OutcomeUnknown:
                self._await_cancel(line)
            except KISAPIError:
                continue  # most often: nothing left to cancel
            else:
                self._await_cancel(line)
        if open_parts:
            self.read()
        return self.standing(ref).remaining == 0

    def close(self, ref: str) -> None:
        """The order's session is over: nothing of it rests, though KIS sends no word of it."""
        self.turns += 1
        self._lines[ref].over = True
        self._lines[ref].cancelling = False

    def hear(self, notices: Iterable[Notice]) -> None:
        """Take notices (체결통보) in, repeated, late or early as they may be."""
        for notice in notices:
            if not self._account or self._account.startswith(notice.account[:8]):
                self._ledger.notice(notice)
                self.told = True
                self.turns += 1

    def read(self) -> bool:
        """Read the day's orders; false when KIS did not answer."""
        self.turns += 1
        self._read_at = now = self._clock.now()
        asked = () if now.date() == self.day else (self.day, self.day)
        try:
            rows = self._venue.inquire_daily_ccld(*asked)
        except KISAPIError:
            return False
        self.known_at = now
        self._ledger.listed(rows)
        self._looks += 1
        numbers = {bare_number(row.number) for row in rows}
        self._unseen -= numbers
        if self._looks >= MOST_LOOKS:
            self._unseen.clear()
        if self._closes is not None and now >= self._closes + CLOSING:
            self._last_looks += 1
        self._revive()
        for line in self._lines.values():
            order = self._root(line)
            if {bare_number(part.number) for part in self._chain(line)} <= numbers:
                line.shown = now
            if line.cancelling:
                line.looked += 1
                line.cancelling = not self._surely(line.looked, line.asked)
            if order.number:
                line.missed = 0
            elif order.lost and not order.rejected:
                line.missed += 1
                assert order.sent is not None
                if self._surely(line.missed, order.sent):
                    self._ledger.absent(order.key)
                    line.absent = True
        return True

    def due(self) -> datetime | None:
        """When the day's orders want to be read next; ``None`` while nothing is open."""
        resting, last = self._look().resting, self._last_reading()
        if not self.urgent and not resting and last is None:
            return None
        if self._read_at == NEVER:
            return self._clock.now()
        due = self._read_at + (URGENT if self.urgent else self._calm)
        return due if self.urgent or resting or last is None else max(due, last)

    def _last_reading(self) -> datetime | None:
        """When the list is to be read once more after the close, for what it did not show yet."""
        if self._closes is None:
            return None
        last = self._closes + CLOSING
        return None if all(self.ended(ref, last) for ref in self._lines) else last

    def ended(self, ref: str, since: datetime | None = None) -> bool:
        """Whether the list, read after the close (or ``since``), shows all of an order.

        Executions of the closing auction may be in no list yet, and a list may lag by minutes.
        After ``MOST_LOOKS`` readings nothing more is hoped for.
        """
        since, line = since or self._closes, self._lines[ref]
        if since is None or self.done(ref) or self._last_looks >= MOST_LOOKS:
            return True
        return line.shown >= since or not self._root(line).number

    @property
    def urgent(self) -> bool:
        """Whether the day's orders want to be read soon."""
        return bool(self._unseen) or self.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether only a reading can settle something: a lost answer, a cancel, a gap in fills."""
        return self._look().doubtful

    def done(self, ref: str) -> bool:
        """Whether all of an order was executed and told: nothing can become of it any more."""
        line = self._lines[ref]
        return 0 < line.quantity <= line.filled and not line.cancelling

    def _look(self) -> _Looked:
        """Look at all orders, once after each change."""
        if self._looked.turns != self.turns:
            resting = False
            alive = [(ref, line) for ref, line in self._lines.items() if not self.done(ref)]
            for ref, line in alive:
                if self.standing(ref).remaining and not line.over:
                    resting = True
            doubtful = bool(self._ledger.doubtful()) or any(
                line.cancelling or self._total(line)[0] > line.filled for _, line in alive
            )
            self._looked = _Looked(self.turns, doubtful, resting)
        return self._looked

    def news(self, ref: str) -> list[Execution]:
        """Executions of an order that nobody was told of yet. Asking takes them.

        One by one where notices tell them. Where a reading knows more shares than the notices,
        the difference is one execution, or two at neighbouring won if its price is not whole.
        While notices and readings do not fit together, only readings count.
        """
        line = self._lines[ref]
        chain = self._chain(line)
        told: list[Execution] = []
        if (line.noticed, line.noticed_amount) == (line.filled, line.amount):
            told = line.noticed_news(chain)
        else:
            line.catch_up(chain)
        told += line.listed_news(chain)
        self.turns += bool(told)
        return told

    def standing(self, ref: str) -> Standing:
        """Where an order stands, whatever of it has been told."""
        line = self._lines[ref]
        root, chain = self._root(line), self._chain(line)
        remaining, filled = sum(p.remaining for p in chain), sum(p.filled for p in chain)
        state = root.state
        if len(chain) > 1 and state is not OrderState.REJECTED:
            state = OrderState.PARTIAL if filled else OrderState.ACCEPTED
            if not remaining:
                state = OrderState.CANCELLED
        if filled >= root.quantity:
            state = OrderState.FILLED
        if not remaining:
            line.cancelling = False
        settled = line.filled >= filled
        reason = NEVER_TAKEN if line.absent else root.reason
        return Standing(state, remaining, settled, reason, root.number, root.branch)

    def strangers(self) -> list[Tracked]:
        """Orders on the account that are not ours."""
        mine = {part.key for line in self._lines.values() for part in self._chain(line)}
        return [o for o in self._ledger.orders() if o.key not in mine and not o.own]

    def returned(self) -> list[str]:
        """Orders that were taken for never sent, and turned up after all."""
        return [ref for ref, line in self._lines.items() if line.absent and self._root(line).number]

    def _total(self, line: OrderLine) -> tuple[int, int]:
        """Shares and won known to be executed."""
        chain = self._chain(line)
        return sum(p.filled for p in chain), sum(p.amount for p in chain)

    def _root(self, line: OrderLine) -> Tracked:
        return self._ledger.order(line.key)

    def _chain(self, line: OrderLine) -> list[Tracked]:
        """An order and what it went on as when somebody modified it."""
        chain = [self._root(line)]
        if not chain[0].moved:
            return chain
        numbers = {chain[0].number}
        for order in self._ledger.orders():
            if order.original and order.original in numbers:
                chain.append(order)
                numbers.add(order.number)
        return chain

    def _await_cancel(self, line: OrderLine) -> None:
        """Readings tell what becomes of a cancel; one that shows in none of them was lost."""
        line.cancelling, line.asked, line.looked = True, self._clock.now(), 0

    def _surely(self, readings: int, since: datetime) -> bool:
        """Whether so many readings without a trace of a request mean that it never arrived."""
        return readings >= ABSENT_READINGS and self._clock.now() - since >= ABSENT_AFTER

    def _revive(self) -> None:
        """Give an order that turned up late back to the line that was taken for never sent."""
        for line in self._lines.values():
            if not line.absent or self._root(line).number:
                continue
            old = self._root(line)
            for stranger in self.strangers():
                if alike(old, stranger):
                    stranger.own, line.key = True, stranger.key
                    break
