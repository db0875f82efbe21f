"""The books of a live account, made again from what the journal and the venue say of it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from kisbt.adapter.account_book import AccountBook, Working
from kisbt.adapter.kis_broker import Pending
from kisbt.domain.market import Instrument
from kisbt.domain.trading import PositionChange, Side
from kisbt.journal.progress import ENDED
from kisbt.journal.recovery import History, KnownOrder, Opening
from kisbt.krx import calendar
from kisbt.krx.costs import CostModel


class Restored(NamedTuple):
    """An account as the journal has it.

    ``pending`` are the orders that may still be open, and those of the last day that have ended.
    """

    book: AccountBook
    pending: tuple[Pending, ...]


def session_of(at: datetime) -> date:
    """The trading day in which an order decided at ``at`` trades."""
    day = at.date()
    if calendar.is_session(day) and at < calendar.session_hours(day).close:
        return day
    return calendar.next_session(day)


def open_book(instruments: Sequence[Instrument], costs: CostModel, opening: Opening) -> AccountBook:
    """An account as a run begins with it. Names that are not in ``instruments`` are left out."""
    book = AccountBook(instruments, costs, opening.cash)
    book.opened = opening.at.date()
    for ticker, (shares, average) in opening.positions.items():
        column = book.columns.get(ticker)
        if column is not None and shares:
            book.averages[column] = average
            book.hold(column, shares)
    return book


def restore(
    instruments: Sequence[Instrument],
    costs: CostModel,
    opening: Opening,
    history: History,
    upper_limits: Mapping[str, int],
) -> Restored:
    """Book everything again that the run has journaled, in the order in which it happened.

    Args:
        instruments: The universe.
        costs: As the run had them.
        opening: What the account held when the run began.
        history: The run's orders, fills and changes.
        upper_limits: Upper limit price by ticker, won: what an open market buy reserves.
    """
    book = open_book(instruments, costs, opening)
    orders = {order.ref: order for order in history.orders}
    rests = {ref: _working(book, order) for ref, order in orders.items()}
    days = sorted({f.session for f in history.fills} | {c.session for c in history.changes})
    for day in days:
        changes = [each for each in history.changes if each.session == day]
        for change in changes:
            if not _takes_away(change):
                _change(book, change)
        for fill in history.fills:
            if fill.session == day:
                book.execute(rests[fill.ref], fill.price, fill.quantity, fill.at, day)
        for change in changes:
            if _takes_away(change):
                _change(book, change)
    book.continue_after(len(history.orders), max((f.number for f in history.fills), default=0))
    last = max((working.session for working in rests.values()), default=date.min)
    pending = []
    for ref, order in sorted(orders.items()):
        if order.state.value not in ENDED:
            _reserve(book, rests[ref], upper_limits)
            pending.append(_pending(rests[ref], order, over=False))
        elif order.number and rests[ref].session == last:
            pending.append(_pending(rests[ref], order, over=True))
    book.changes += history.changes
    return Restored(book, tuple(pending))


def _working(book: AccountBook, order: KnownOrder) -> Working:
    return Working(
        order.ref,
        book.columns[order.ticker],
        order.side,
        order.quantity,
        order.quantity,
        order.limit_price,
        order.session or session_of(order.created),
    )


def _takes_away(change: PositionChange) -> bool:
    """Whether a correction needs what the day's fills brought; a split comes before them."""
    fewer = change.quantity_after < change.quantity_before
    return change.kind.startswith("correction") and (fewer or change.cash < 0)


def _change(book: AccountBook, change: PositionChange) -> None:
    column = book.columns.get(change.ticker)
    if column is not None and change.quantity_after != change.quantity_before:
        after = change.quantity_after
        if change.kind.startswith("correction"):
            after += book.quantities.get(column, 0) - change.quantity_before
            book.averages.setdefault(column, 0.0)
        elif column in book.averages:
            book.averages[column] /= change.ratio
        book.hold(column, after)
    if change.cash > 0:
        book.ledger.sell(change.session, change.cash, 0)
    elif change.cash < 0:
        book.ledger.buy(change.session, -change.cash, 0)


def _reserve(book: AccountBook, working: Working, upper_limits: Mapping[str, int]) -> None:
    if working.side is Side.BUY:
        ticker = book.instruments[working.column].ticker
        product = book.instruments[working.column].product
        price = working.limit or upper_limits.get(ticker, 0)
        worst = book.costs.buy_total(price, working.remaining, product)
        working.reserved = min(worst, book.ledger.orderable)
        book.ledger.reserve(working.ref, working.reserved)
    book.working[working.ref] = working


def _pending(working: Working, order: KnownOrder, *, over: bool) -> Pending:
    return Pending(
        working, order.sent, order.number, order.branch, order.filled, order.amount,
        order.tick, order.decision, over,
    )  # fmt: skip
