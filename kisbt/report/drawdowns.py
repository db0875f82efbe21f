"""Falls from a peak and back, the one before the first counted session included.

quantstats does not see a fall that begins on the first day, so pages take these.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from kisbt.report.daily import Curve


class Drawdown(NamedTuple):
    """One fall: last day at the peak, lowest day, day the peak was seen again (else last day).

    ``depth`` is a negative fraction of the peak.
    """

    peak: date
    trough: date
    end: date
    depth: float
    recovered: bool

    @property
    def days(self) -> int:
        """Calendar days from the peak to the end."""
        return (self.end - self.peak).days


def drawdowns(days: Sequence[date], curve: Curve, start: date | None) -> list[Drawdown]:
    """All falls of a curve, oldest first. ``start`` is the day of its base, where known."""
    found: list[Drawdown] = []
    if not days or not curve.levels:
        return found
    peak, peak_day = curve.base, start or days[0]
    current: Drawdown | None = None
    for day, level in zip(days, curve.levels, strict=True):
        if level >= peak:
            if current is not None:
                found.append(current._replace(end=day, recovered=True))
                current = None
            peak, peak_day = level, day
            continue
        depth = level / peak - 1.0
        if current is None:
            current = Drawdown(peak_day, day, days[-1], depth, recovered=False)
        elif depth < current.depth:
            current = current._replace(trough=day, depth=depth)
    if current is not None:
        found.append(current)
    return found


def deepest(found: Sequence[Drawdown], count: int) -> list[Drawdown]:
    """The deepest falls, deepest first; of equal ones the earlier."""
    return sorted(found, key=lambda fall: fall.depth)[:count]
