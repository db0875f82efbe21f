"""Prices beyond the day's limits, jumps that no limit allows, and prices off the tick."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from kisbt.data.checks.subject import Subject
from kisbt.data.findings import Finding, Severity, listed
from kisbt.data.splits import nearest_ratio, ratio_text
from kisbt.domain.market import Product
from kisbt.krx.calendar import sessions
from kisbt.krx.limits import base_price, price_band, price_bands
from kisbt.krx.ticks import tick_sizes

MID_PRICE_SINCE = np.datetime64("2025-03-04", "D")
"""Mid-price orders (중간가호가) print between ticks since the start of NXT."""

LIQUIDATION_BARS = 12
"""Liquidation trading (정리매매) has no limit and fills a name's last seven sessions; halts and
odd calendars stretch it."""

ADJUSTED_SLACK = 0.01
"""How far rounding of adjusted prices may carry a limit close past the limit, as a share."""

OFF_TICK_SHARE = 0.005
"""Share of off-tick bars from which raw prices are suspect."""


def beyond_limits(subject: Subject) -> list[Finding]:
    """Sessions with a price beyond the limits, one finding each."""
    table, instrument, days = subject.table, subject.instrument, subject.days
    starts = np.flatnonzero(np.concatenate([[True], days[1:] != days[:-1]]))
    high = np.maximum.reduceat(table.high, starts)
    low = np.minimum.reduceat(table.low, starts)
    before = np.concatenate([[0], table.close[starts[1:] - 1]])
    base = _bases(subject, starts, before)
    lower, upper = price_bands(
        base, instrument.market, days[starts], instrument.product, instrument.leverage
    )
    if subject.adjusted:
        slack = np.maximum(base * ADJUSTED_SLACK, 1).astype(np.int64)
        lower, upper = lower - slack, upper + slack
    known = (base > 0) & (low > 0)
    found = []
    for s in np.flatnonzero(known & ((high > upper) | (low < lower))).tolist():
        day = days[starts[s]].astype(object)
        found += _judge(subject, s, starts, day, int(before[s]), int(base[s]))
    return found


def _bases(
    subject: Subject, starts: NDArray[np.int64], before: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Base price of every session; 0 where neither given nor to be had from the session before."""
    table, instrument = subject.table, subject.instrument
    plain = subject.days[starts]
    given = table.base[starts]
    computed = np.zeros(len(starts), np.int64)
    for s in np.flatnonzero((given <= 0) & (before > 0)).tolist():
        day = plain[s].astype(object)
        rebased = int(before[s] / subject.splits.get(day, 1.0))
        if rebased > 0:
            computed[s] = base_price(rebased, instrument.market, day, instrument.product)
    base: NDArray[np.int64] = np.where(given > 0, given, computed)
    return base


def _judge(
    subject: Subject, s: int, starts: NDArray[np.int64], day: date, before: int, base: int
) -> list[Finding]:
    table, instrument = subject.table, subject.instrument
    stop = starts[s + 1] if s + 1 < len(starts) else len(table)
    rows = slice(int(starts[s]), int(stop))
    high, low = int(table.high[rows].max()), int(table.low[rows].min())
    close = int(table.close[stop - 1])
    if instrument.listed == day:
        band = price_band(
            instrument.offer_price or base,
            instrument.market,
            day,
            instrument.product,
            instrument.leverage,
            first_day=True,
        )
        if band.lower <= low and high <= band.upper:
            return []
    percent = 100.0 * (close / (before or base) - 1.0)
    move = f"close {before or base:,} -> {close:,} won ({percent:+.1f} %)"
    ticker = table.ticker
    ends = subject.ends_early or instrument.delisted is not None
    if ends and s >= len(starts) - LIQUIDATION_BARS:
        detail = f"{day}: {move}, in the last sessions of a name that ends"
        proposal = "nothing, if this is liquidation trading (정리매매), which has no limit"
        return [Finding("liquidation", Severity.INFO, ticker, day, detail, proposal)]
    ratio = nearest_ratio(before, close) if before else None
    jumped = before > 0 and (close / before > 1.6 or close / before < 0.65)
    if jumped and ratio is not None:
        detail = f"{day}: {move}, near a {ratio_text(ratio)}: rows around it are on two bases"
        proposal = (
            f"download the file again, or leave out the rows from {day} on"
            if subject.adjusted
            else f"give the split: a row {ticker},{day},{float(ratio):g} in --actions"
        )
        return [Finding("adjustment", Severity.ERROR, ticker, day, detail, proposal)]
    gap = _sessions_between(subject, s, starts)
    if gap:
        detail = f"{day}: {move} beyond the daily limit, after {gap} sessions without a bar"
        proposal = "nothing, if it moved in between; get the missing rows"
        return [Finding("limit", Severity.WARNING, ticker, day, detail, proposal)]
    band = price_band(base, instrument.market, day, instrument.product, instrument.leverage)
    detail = (
        f"{day}: {move}, range {low:,}..{high:,} beyond the limits {band.lower:,}..{band.upper:,}"
    )
    kind, severity = ("adjustment" if subject.adjusted else "limit"), Severity.ERROR
    proposal = "compare with another source; a split, a merger or a rights issue explains most"
    return [Finding(kind, severity, ticker, day, detail, proposal)]


def _sessions_between(subject: Subject, s: int, starts: NDArray[np.int64]) -> int:
    if s == 0:
        return 0
    first, last = (subject.days[starts[k]].astype(object) for k in (s - 1, s))
    return len(sessions(first, last)) - 2


def off_tick(subject: Subject) -> list[Finding]:
    """Bars with a price that could not be quoted: one finding for all of a name."""
    table, instrument, days = subject.table, subject.instrument, subject.days
    off = np.zeros(len(table), np.bool_)
    for column in ("open", "high", "low", "close"):
        prices = getattr(table, column)
        off |= prices % tick_sizes(prices, instrument.market, days, instrument.product) != 0
    off &= ~table.halted
    if instrument.product is Product.ELW or not off.any():
        return []
    late = off & (days >= MID_PRICE_SINCE)
    early = off & ~late
    share = early.sum() / max(int((days < MID_PRICE_SINCE).sum()), 1)
    at = days[int(np.argmax(off))].astype(object)
    rows = listed(np.unique(days[off]).tolist(), 3)
    detail = f"{int(off.sum())} bars off the tick ({100 * off.mean():.2f} %): {rows}"
    if subject.adjusted:
        proposal = "nothing: adjusted prices leave the ticks; orders are rounded to a tick"
        return [Finding("off_tick", Severity.INFO, table.ticker, at, detail, proposal)]
    if share > OFF_TICK_SHARE:
        proposal = "adjusted prices (--adjusted), or the ticks of another --market"
        return [Finding("off_tick", Severity.WARNING, table.ticker, at, detail, proposal)]
    proposal = (
        "nothing: mid-price trades since 2025-03-04" if not early.any() else "nothing: they are few"
    )
    return [Finding("off_tick", Severity.INFO, table.ticker, at, detail, proposal)]
