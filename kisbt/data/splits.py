"""Splits (액면분할, 병합) as unadjusted prices with base prices show them."""

from fractions import Fraction

import numpy as np

from kisbt.data.dataset import BarTable
from kisbt.data.manifest import CorporateAction
from kisbt.domain.market import Instrument
from kisbt.krx.calendar import previous_session
from kisbt.krx.ticks import tick_size

RATIOS = tuple(Fraction(n) for n in (2, 3, 4, 5, 10, 20, 25, 40, 50, 100))
CLEAN = tuple(sorted((*RATIOS, *(1 / ratio for ratio in RATIOS))))


def find_splits(table: BarTable, instrument: Instrument) -> list[CorporateAction]:
    """Splits of a daily table: the base price is the close before, times a clean ratio.

    Only neighbouring sessions are compared, and the base must fit to a tick.
    """
    found = []
    days = table.times.astype("datetime64[D]")
    before, base = table.close[:-1], table.base[1:]
    with np.errstate(divide="ignore"):
        jump = before / base
    for at in np.flatnonzero((base > 0) & ((jump > 1.6) | (jump < 0.7))) + 1:
        day = days[at].astype(object)
        if previous_session(day) != days[at - 1].astype(object):
            continue
        close, basis = int(table.close[at - 1]), int(table.base[at])
        ratio = next((r for r in CLEAN if _fits(close, basis, r, instrument, day)), None)
        if ratio is not None:
            found.append(CorporateAction(ticker=table.ticker, date=day, ratio=float(ratio)))
    return found


def nearest_ratio(before: float, after: float) -> Fraction | None:
    """The clean split ratio nearest to ``before / after`` within a day's ±30 %, if any."""
    jump = before / after
    best = min(CLEAN, key=lambda ratio: abs(np.log(jump / float(ratio))))
    return best if 0.7 <= jump / float(best) <= 1.3 else None


def ratio_text(ratio: Fraction) -> str:
    """``5:1 split (액면분할)`` or ``1:10 reverse split (병합)``."""
    if ratio >= 1:
        return f"{ratio.numerator}:{ratio.denominator} split (액면분할)"
    return f"{ratio.numerator}:{ratio.denominator} reverse split (병합)"


def _fits(close: int, base: int, ratio: Fraction, instrument: Instrument, day: object) -> bool:
    tick = tick_size(base, instrument.market, day, instrument.product)  # type: ignore[arg-type]
    return abs(close / ratio - base) <= tick
