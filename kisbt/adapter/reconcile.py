"""Our books against the venue's: at the start, after every reconnection, whenever in doubt.

The venue may be wrong, too: paper has been seen to answer with an empty balance. So what differs
from our books is believed only when a second reading says the same, and even then it changes
nothing by itself: it locks the name for buying and tells a person.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from kisbt.adapter.account_book import AccountBook
from kisbt.adapter.kis_broker import KISBroker
from kisbt.domain.market import Instrument
from kisbt.errors import ConfigError, KISAPIError
from kisbt.journal.recovery import Opening
from kisbt.kis.ledger import Tracked
from kisbt.kis.models.account import Balance, Buyable

Policy = Literal["adopt", "ignore", "refuse"]
"""What to do with shares that an account holds before the first run on it."""

READINGS = 4
"""Balances read at most until two agree."""

CASH_TOLERANCE = 1_000
"""Won by which D+2 cash may differ: fees are cut to whole won in another order."""

_GAP = "venue gap"
_LOCK = "장부와 잔고가 다름"


class Account(Protocol):
    """What is asked of ``KISClient``."""

    def inquire_balance(self) -> Balance:
        """Positions and totals."""
        ...

    def inquire_psbl_order(self, ticker: str, price: int | None = None) -> Buyable:
        """What may be bought."""
        ...


class Break(NamedTuple):
    """One name of which the venue holds other shares than our books."""

    ticker: str
    ours: int
    theirs: int


class Reconciliation(NamedTuple):
    """What a comparison found. ``cash_gap`` is the venue's D+2 cash less ours, won.

    ``known`` is false when no balance could be believed: then nothing else is said.
    ``strangers`` are open orders on the account that are not ours.
    """

    known: bool
    breaks: tuple[Break, ...] = ()
    cash_gap: int = 0
    strangers: tuple[Tracked, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether books and venue say the same."""
        small = abs(self.cash_gap) <= CASH_TOLERANCE
        return self.known and not self.breaks and not self.strangers and small


class Start(NamedTuple):
    """How a run begins on an account: ``ignored`` shares by ticker are left alone from now on."""

    opening: Opening
    ignored: dict[str, int]
    notes: tuple[str, ...]


def begin_on(
    balance: Balance, instruments: Sequence[Instrument], policy: Policy, at: datetime
) -> Start:
    """Decide what becomes of shares that are there already.

    Args:
        balance: The venue's word, believed.
        instruments: The universe: only its names can be adopted.
        policy: ``adopt`` takes them into our books, ``ignore`` leaves them out of everything,
            ``refuse`` does not start.
        at: Venue time.

    Raises:
        ConfigError: the account holds shares, and the policy is to refuse.
    """
    known = {each.ticker for each in instruments}
    held: dict[str, tuple[int, float]] = {}
    ignored: dict[str, int] = {}
    notes = []
    for row in balance.positions:
        if not row.quantity:
            continue
        if policy == "refuse":
            raise ConfigError(
                f"the account already holds {row.quantity:,} shares of {row.ticker}",
                hint="take them over with --adopt, leave them alone with --ignore, or sell them",
            )
        if policy == "adopt" and row.ticker in known:
            before, cost = held.get(row.ticker, (0, 0.0))
            shares = before + row.quantity
            average = (cost * before + float(row.average_price) * row.quantity) / shares
            held[row.ticker] = shares, average
            notes.append(f"{row.ticker} {row.quantity:,}주를 장부에 넣음 (adopt)")
        else:
            ignored[row.ticker] = ignored.get(row.ticker, 0) + row.quantity
            why = "ignore" if policy == "ignore" else "종목 목록 밖"
            notes.append(f"{row.ticker} {row.quantity:,}주는 건드리지 않음 ({why})")
    return Start(Opening(at, cash_of(balance), held), ignored, tuple(notes))


def cash_of(balance: Balance) -> int:
    """D+2 cash, won; where KIS leaves it out, the plain deposit (예수금)."""
    totals = balance.totals
    return totals.cash if totals.cash_d2 is None else totals.cash_d2


def believed(
    account: Account,
    expected: Callable[[Balance], bool],
    pause: Callable[[], None] = lambda: None,
) -> Balance | None:
    """A balance that is as ``expected``, or that two readings in a row agree on.

    Args:
        account: The client.
        expected: Whether a balance is what our own books lead to.
        pause: Waits between two readings.

    Returns:
        ``None`` when KIS did not answer, or never twice the same.
    """
    last: Balance | None = None
    for attempt in range(READINGS):
        if attempt:
            pause()
        try:
            read = account.inquire_balance()
        except KISAPIError:
            continue
        if expected(read) or (last is not None and _essence(read) == _essence(last)):
            return read
        last = read
    return None


def compare(book: AccountBook, balance: Balance, ignored: Mapping[str, int]) -> Reconciliation:
    """Name by name, and the cash. Resting orders are in neither side's holdings."""
    theirs = _shares(balance)
    ours = {book.instruments[n].ticker: held for n, held in book.quantities.items()}
    breaks = []
    for ticker in sorted(theirs.keys() | ours.keys() | ignored.keys()):
        expected = ours.get(ticker, 0) + ignored.get(ticker, 0)
        if theirs.get(ticker, 0) != expected:
            breaks.append(Break(ticker, expected, theirs.get(ticker, 0)))
    return Reconciliation(True, tuple(breaks), cash_of(balance) - book.ledger.cash)


class Reconciler:
    """Compares, locks and unlocks. On Cerebro's thread, like everything that touches the books.

    Args:
        account: The client.
        broker: Whose books these are.
        notify: Tells a person: level and text.
        ignored: Shares by ticker that were there before and are none of our business.
        pause: Waits between two readings of the balance.
    """

    def __init__(
        self,
        account: Account,
        broker: KISBroker,
        *,
        notify: Callable[[str, str], None] = lambda _level, _text: None,
        ignored: Mapping[str, int] | None = None,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._account = account
        self._broker = broker
        self._notify = notify
        self._ignored = dict(ignored or {})
        self._pause = pause
        self._said: object = None
        self._locked: set[str] = set()

    def check(self, *, power_of: str | None = None) -> Reconciliation:
        """Settle our orders, compare with the venue, lock what differs, unlock what agrees again.

        Names with open orders of somebody else are locked too. Cash that the venue does not have
        is held back from orders, and with ``power_of`` (a ticker) so is what its own buying power
        (매수가능조회) is less than ours.
        """
        broker, book = self._broker, self._broker.book
        broker.settle()
        balance = believed(self._account, self._as_booked, self._pause)
        if balance is None:
            return self._tell(Reconciliation(False))
        broker.settle()  # what traded between the two readings
        found = compare(book, balance, self._ignored)
        if found.breaks:
            again = believed(self._account, self._as_booked, self._pause)
            if again is None:
                return self._tell(Reconciliation(False))
            broker.settle(again=True)
            found = compare(book, again, self._ignored)
        found = found._replace(strangers=tuple(broker.strangers()))
        self._lock(found)
        self._hold_back(found, power_of)
        return self._tell(found)

    def _as_booked(self, balance: Balance) -> bool:
        found = compare(self._broker.book, balance, self._ignored)
        return not found.breaks and abs(found.cash_gap) <= CASH_TOLERANCE

    def _lock(self, found: Reconciliation) -> None:
        locked = {each.ticker: _LOCK for each in found.breaks}
        locked |= {each.ticker: "다른 곳에서 낸 주문이 걸려 있음" for each in found.strangers}
        names = self._broker.guard.locked
        for ticker in self._locked - locked.keys():
            names.pop(ticker, None)
        names.update(locked)
        self._locked = set(locked)

    def _hold_back(self, found: Reconciliation, power_of: str | None) -> None:
        ledger = self._broker.book.ledger
        ledger.release(_GAP)
        missing = -found.cash_gap if found.cash_gap < -CASH_TOLERANCE else 0
        if power_of is not None:
            try:
                power = self._account.inquire_psbl_order(power_of)
            except KISAPIError:
                power = None
            if power is not None:
                theirs = power.cash if power.own_amount is None else power.own_amount
                short = ledger.orderable - theirs
                missing = max(missing, short if short > CASH_TOLERANCE else 0)
        if missing > 0:
            ledger.reserve(_GAP, min(missing, ledger.orderable))

    def _tell(self, found: Reconciliation) -> Reconciliation:
        said = (found.known, found.breaks, found.cash_gap, len(found.strangers))
        if said == self._said:
            return found
        before, self._said = self._said, said
        if not found.known:
            self._notify("alert", "잔고를 확인할 수 없음: 서로 맞는 조회가 두 번 없었음")
        for each in found.breaks:
            self._notify(
                "alert",
                f"{each.ticker}: 장부 {each.ours:,}주, 잔고 {each.theirs:,}주. 매수 잠금",
            )
        for stranger in found.strangers:
            self._notify("warning", f"{stranger.ticker}: 다른 곳에서 낸 주문 {stranger.number}")
        if abs(found.cash_gap) > CASH_TOLERANCE:
            self._notify("alert", f"D+2 예수금이 장부보다 {found.cash_gap:+,}원")
        if found.clean and before is not None:
            self._notify("info", "장부와 잔고가 다시 일치함")
        return found


def _shares(balance: Balance) -> dict[str, int]:
    shares: dict[str, int] = {}
    for row in balance.positions:
        if row.quantity:
            shares[row.ticker] = shares.get(row.ticker, 0) + row.quantity
    return shares


def _essence(balance: Balance) -> tuple[object, ...]:
    return tuple(sorted(_shares(balance).items())), cash_of(balance)
