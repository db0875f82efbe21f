"""From wishes to bars: base prices, ticks, limits and halts, session by session."""

from datetime import date
from typing import NamedTuple

import numpy as np

from kisbt.data.dataset import BarTable
from kisbt.data.synth.cast import SPLIT_HALT, Role
from kisbt.data.synth.weather import Weather
from kisbt.domain.market import PriceBand
from kisbt.krx.limits import FIRST_DAY_SINCE, base_price, opening_range, price_band
from kisbt.krx.ticks import lowest_tick, round_down, round_up, tick_size

LOCKED_BEYOND = 1.02
"""How far past a limit the fair value must close for the session to be locked there."""

LEAST_VOLUME = 100
"""Shares; every traded session has this many."""

LOCKED_VOLUME = 0.12
"""Share of the wished volume that trades in a locked session."""

HALT_AFTER_STREAK = 0.5
"""Chance that a second limit-up in a row brings a one-day halt (매매거래정지)."""


class Row(NamedTuple):
    """One session's bar, won and shares."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    base: int


def write_tape(
    role: Role,
    n: int,
    days: list[date],
    closes: np.ndarray,
    wishes: Weather,
    rng: np.random.Generator,
) -> BarTable:
    """Daily bars of one name.

    Args:
        role: The name.
        n: Its column in ``wishes``.
        days: All sessions.
        closes: Their closing times, ``datetime64[s]``.
        wishes: Fair values.
        rng: Source of the name's own chances.
    """
    chances = rng.uniform(size=len(days))
    still = _halts(role)
    rows: list[Row] = []
    streak = 0
    for t in range(role.first, role.last + 1):
        before = rows[-1].close if rows else 0
        ratio = role.split[1] if role.split is not None and role.split[0] == t else 1.0
        if t in still and rows:
            rows.append(_halted(role, before, days[t]))
            continue
        row, upper = _session(role, n, t, days[t], int(before / ratio), wishes)
        rows.append(row)
        streak = streak + 1 if row.close == upper else 0
        if streak == 2 and chances[t] < HALT_AFTER_STREAK:
            still.add(t + 1)
    columns = dict(zip(Row._fields, np.array(rows, dtype=np.int64).T.copy(), strict=True))
    return BarTable(role.ticker, closes[role.first : role.last + 1], **columns)


def _halts(role: Role) -> set[int]:
    still = {t for first, length in role.halts for t in range(first, first + length)}
    if role.split is not None:
        still |= set(range(role.split[0] - SPLIT_HALT, role.split[0]))
    return still


def _halted(role: Role, close: int, day: date) -> Row:
    base = base_price(close, role.market, day, role.product)
    return Row(close, close, close, close, 0, base)


def _session(
    role: Role, n: int, t: int, day: date, before: int, wishes: Weather
) -> tuple[Row, int]:
    """One traded session and its upper limit."""
    band, opened = _band(role, day, before, float(wishes.open[t, n]))
    close = _fitted(role, day, float(wishes.close[t, n]), band)
    volume = float(wishes.volume[t, n])
    beyond = wishes.close[t, n] / band.upper, band.lower / wishes.close[t, n]
    if max(beyond) > LOCKED_BEYOND and opened == close:
        price, size = close, max(LEAST_VOLUME, int(volume * LOCKED_VOLUME))
        return Row(price, price, price, price, size, band.base), band.upper
    high = _fitted(role, day, float(wishes.high[t, n]), band)
    low = _fitted(role, day, float(wishes.low[t, n]), band)
    row = Row(opened, max(high, opened, close), min(low, opened, close), close, 0, band.base)
    return row._replace(volume=max(LEAST_VOLUME, int(volume))), band.upper


def _band(role: Role, day: date, before: int, wish: float) -> tuple[PriceBand, int]:
    """Limits of the session, and its opening price."""
    if before:
        base = base_price(before, role.market, day, role.product)
        band = price_band(base, role.market, day, role.product, role.leverage)
        return band, _fitted(role, day, wish, band)
    offer = role.offer_price
    if offer is None:
        base = _on_tick(role, day, role.start_price)
        band = price_band(base, role.market, day, role.product, role.leverage)
        return band, _fitted(role, day, wish, band)
    if day >= FIRST_DAY_SINCE:
        band = price_band(offer, role.market, day, first_day=True)
        return band, _fitted(role, day, wish, band)
    opened = _fitted(role, day, wish, opening_range(offer, role.market, day))
    return price_band(opened, role.market, day), opened


def _fitted(role: Role, day: date, wish: float, band: PriceBand) -> int:
    """The quotable price nearest to ``wish`` inside the limits."""
    if wish >= band.upper:
        return band.upper
    if wish <= band.lower:
        return band.lower
    return min(max(_on_tick(role, day, wish), band.lower), band.upper)


def _on_tick(role: Role, day: date, wish: float) -> int:
    price = max(int(wish), lowest_tick(day, role.product))
    half = tick_size(price, role.market, day, role.product) / 2
    down = round_down(price, role.market, day, role.product)
    return down if wish - down < half else round_up(down + 1, role.market, day, role.product)
