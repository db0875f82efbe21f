"""Check every fill of a finished run against the market's rules, independently of the brokers.

What is checked: the name is known and listed; the day is a session and the time inside its
hours; the bar exists and traded; the price is on tick, inside the bar's range and the day's
limits; no buy on a bar locked at the upper limit (상한가 잠김), no sale on one locked at the
lower; all fills on a bar stay within the participation cap; shares are whole; no short position;
D+2 cash never negative; commission, tax, cash and position add up.

Limits need a base price. It is the bar's own ``base`` where known, on a first day the offer
price (before 2023-06-26 the opening price), else the previous session's close rounded up to a
tick. Where none is known the limits are unknown, and unknown limits accuse nobody.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from math import floor
from typing import NamedTuple

import numpy as np

from kisbt.audit.bars import Bars
from kisbt.audit.price_rules import cut_up, limits_around, steps_of, tax_fraction, tick_at
from kisbt.audit.trading_days import trading_days
from kisbt.domain.market import Instrument, Product
from kisbt.domain.trading import Fill, PositionChange, Side

_FIRST_DAY_BY_OFFER = date(2023, 6, 26)


class Violation(NamedTuple):
    """One broken rule. ``fill_number`` is the fill's, 0 for a change without a fill."""

    fill_number: int
    rule: str
    detail: str


class Rates(NamedTuple):
    """Commission as a fraction of the amount, of shares and of funds; whether tax is taken."""

    commission: float
    fund_commission: float
    tax: bool


def audit_fills(
    fills: Sequence[Fill],
    bars: Mapping[str, Bars],
    instruments: Mapping[str, Instrument],
    *,
    start_cash: int,
    participation: float,
    rates: tuple[float, float, bool],
    changes: Sequence[PositionChange] = (),
) -> list[Violation]:
    """Return every broken rule, in the order of the fills; an empty list is a legal run.

    Args:
        fills: All fills of one account, oldest first.
        bars: The bars they were made on, by ticker; any object with the arrays of ``Bars``.
        instruments: The names, by ticker.
        start_cash: Won.
        participation: Largest share of a bar's volume that may be taken, as a fraction.
        rates: Fields of ``Rates``.
        changes: Splits and delistings of held positions, oldest first; each applies before the
            fills of its session.
    """
    audit = _Audit(bars, instruments, start_cash, participation, Rates(*rates))
    waiting = list(reversed(changes))
    for fill in fills:
        while waiting and waiting[-1].session <= fill.session:
            audit.change(waiting.pop())
        audit.fill(fill)
    for change in reversed(waiting):
        audit.change(change)
    return audit.found


class _Audit:
    def __init__(
        self,
        bars: Mapping[str, Bars],
        instruments: Mapping[str, Instrument],
        cash: int,
        participation: float,
        rates: Rates,
    ) -> None:
        self.found: list[Violation] = []
        self._bars, self._instruments = bars, instruments
        self._participation, self._rates = participation, rates
        self._cash, self._gap = cash, 0
        self._positions: dict[str, int] = {}
        self._position_gaps: dict[str, int] = {}
        self._taken: dict[tuple[str, int], int] = {}
        self._limits: dict[tuple[str, int], tuple[int, int] | None] = {}
        self._last: Fill | None = None
        self._number = 0

    def fill(self, fill: Fill) -> None:
        """Check one fill and book it."""
        self._number = fill.number
        figures = (fill.quantity, fill.price, fill.commission, fill.tax, fill.cash_after)
        if not all(isinstance(x, int) for x in (*figures, fill.position_after)):
            self._say("whole", f"not whole numbers: {figures}, position {fill.position_after}")
            return
        if fill.quantity < 1:
            self._say("whole", f"{fill.quantity} shares")
        self._check_sequence(fill)
        self._check_time(fill)
        instrument = self._instruments.get(fill.ticker)
        if instrument is None or fill.ticker not in self._bars:
            self._say("ticker", f"{fill.ticker} is not in the data")
        else:
            self._check_listing(fill, instrument)
            self._check_costs(fill, instrument)
            if fill.price < 1 or fill.price % tick_at(
                fill.price, steps_of(instrument, fill.session)
            ):
                self._say("tick", f"{fill.price} won is not on a tick of {fill.ticker}")
            self._check_bar(fill, instrument, self._bars[fill.ticker])
        self._book(fill)
        self._last = fill

    def change(self, change: PositionChange) -> None:
        """Check and apply one split or delisting."""
        self._number = 0
        ticker, held = change.ticker, self._positions.get(change.ticker, 0)
        table, instrument = self._bars.get(ticker), self._instruments.get(ticker)
        if table is None or instrument is None:
            self._say("ticker", f"{ticker} is not in the data")
            return
        row = self._row_before(table, change.session)
        close = int(table.close[row]) if row >= 0 else 0
        if change.kind == "delisting":
            last, after, paid = instrument.delisted, 0, float(held * close)
            if last is None or change.session <= last:
                self._say("change", f"{ticker} is delisted on {change.session}, not after {last}")
        else:
            exact = held * change.ratio
            after = floor(exact + 1e-9)
            paid = max(0.0, exact - after) * close / change.ratio
        if (change.quantity_before, change.quantity_after) != (held, after):
            self._say(
                "change",
                f"{ticker}: {change.quantity_before} became {change.quantity_after} shares,"
                f" by the ratio {held} become {after}",
            )
        if change.cash < 0 or abs(change.cash - paid) > 1:
            self._say("change", f"{ticker}: {change.cash} won paid instead of {paid:.0f}")
        self._positions[ticker] = change.quantity_after
        self._cash += change.cash

    def _say(self, rule: str, detail: str) -> None:
        self.found.append(Violation(self._number, rule, detail))

    def _check_sequence(self, fill: Fill) -> None:
        if not fill.ref:
            self._say("sequence", "the fill belongs to no order")
        if self._last is None:
            return
        if fill.number != self._last.number + 1:
            self._say("sequence", f"number {fill.number} follows {self._last.number}")
        if fill.at < self._last.at:
            self._say("sequence", f"{fill.at} follows {self._last.at}")

    def _check_time(self, fill: Fill) -> None:
        if fill.at.date() != fill.session:
            self._say("session", f"{fill.at} is not on its session {fill.session}")
        hours = trading_days().hours(fill.session)
        if hours is None:
            self._say("session", f"the exchange was closed on {fill.session}")
        elif not hours[0] <= fill.at <= hours[1]:
            self._say("session", f"{fill.at} is outside {hours[0]:%H:%M}-{hours[1]:%H:%M}")

    def _check_listing(self, fill: Fill, instrument: Instrument) -> None:
        listed, delisted = instrument.listed, instrument.delisted
        if (listed and fill.session < listed) or (delisted and fill.session > delisted):
            self._say("listing", f"{fill.ticker} was listed from {listed} to {delisted}")

    def _check_costs(self, fill: Fill, instrument: Instrument) -> None:
        stock = instrument.product is Product.STOCK
        rate = self._rates.commission if stock else self._rates.fund_commission
        amount = fill.price * fill.quantity
        if fill.commission < 0 or abs(fill.commission - amount * rate) > 1:
            self._say("commission", f"{fill.commission} won instead of {amount * rate:.2f}")
        due = 0.0
        if fill.side is Side.SELL and self._rates.tax:
            settles = trading_days().settlement(fill.session)
            due = amount * tax_fraction(instrument, settles)
        if fill.tax < 0 or (fill.tax != 0 if due == 0 else abs(fill.tax - due) > 1):
            self._say("tax", f"{fill.tax} won instead of {due:.2f}")

    def _check_bar(self, fill: Fill, instrument: Instrument, table: Bars) -> None:
        at = np.datetime64(fill.at, "s")
        row = int(np.searchsorted(table.times, at))
        if row == len(table.times) or table.times[row] != at:
            self._say("bar", f"{fill.ticker} has no bar at {fill.at}")
            return
        volume, low, high = int(table.volume[row]), int(table.low[row]), int(table.high[row])
        if volume <= 0:
            self._say("halted", f"nothing of {fill.ticker} traded at {fill.at}")
        if not low <= fill.price <= high:
            self._say("range", f"{fill.price} won is outside {low}..{high}")
        cap = floor(volume * self._participation + 1e-9)
        taken = self._taken.get((fill.ticker, row), 0) + max(fill.quantity, 0)
        self._taken[fill.ticker, row] = taken
        if taken > cap:
            self._say("participation", f"{taken} of {volume} shares taken, {cap} allowed")
        limits = self._day_limits(instrument, table, row, fill.session)
        if limits is None:
            return
        lower, upper = limits
        if not lower <= fill.price <= upper:
            self._say("limits", f"{fill.price} won is outside {lower}..{upper}")
        if fill.side is Side.BUY and low >= upper:
            self._say("locked", f"bought on a bar locked at the upper limit {upper}")
        if fill.side is Side.SELL and high <= lower:
            self._say("locked", f"sold on a bar locked at the lower limit {lower}")

    def _day_limits(
        self, instrument: Instrument, table: Bars, row: int, session: date
    ) -> tuple[int, int] | None:
        key = (instrument.ticker, row)
        if key not in self._limits:
            self._limits[key] = self._find_limits(instrument, table, row, session)
        return self._limits[key]

    def _find_limits(
        self, instrument: Instrument, table: Bars, row: int, session: date
    ) -> tuple[int, int] | None:
        first_day = instrument.listed == session
        before = self._row_before(table, session)
        base = int(table.base[row])
        if base <= 0 and first_day and instrument.offer_price:
            by_offer = session >= _FIRST_DAY_BY_OFFER
            base = instrument.offer_price if by_offer else int(table.open[before + 1])
        if base <= 0 and before >= 0:
            base = cut_up(int(table.close[before]), steps_of(instrument, session))
        if base <= 0:
            return None
        return limits_around(base, instrument, session, first_day=first_day)

    @staticmethod
    def _row_before(table: Bars, session: date) -> int:
        """Row of the last bar before the session's day, -1 for none."""
        return int(np.searchsorted(table.times, np.datetime64(session, "s"))) - 1

    def _book(self, fill: Fill) -> None:
        amount = fill.price * fill.quantity
        held = self._positions.get(fill.ticker, 0)
        if fill.side is Side.BUY:
            self._cash -= amount + fill.commission + fill.tax
            held += fill.quantity
        else:
            self._cash += amount - fill.commission - fill.tax
            held -= fill.quantity
        self._positions[fill.ticker] = held
        if held < 0:
            self._say("position", f"{fill.ticker} is short by {-held} shares")
        off = fill.position_after - held
        if off not in (0, self._position_gaps.get(fill.ticker, 0)):
            self._say("position", f"{fill.position_after} shares after the fill, not {held}")
        self._position_gaps[fill.ticker] = off
        if self._cash < 0:
            self._say("cash", f"D+2 cash is {self._cash} won")
        gap = fill.cash_after - self._cash
        if gap not in (0, self._gap):
            self._say("cash", f"{fill.cash_after} won after the fill, not {self._cash}")
        self._gap = gap
