"""What a result counts: the bars after warm-up, as one closing value a session.

Statistics start from the account at the last warm-up bar (from the starting cash when there is no
warm-up). Minute results are reduced to daily closes here, once, for every figure that follows.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult
    from kisbt.domain.trading import Fill

SESSIONS_A_YEAR = 252
"""What annualised figures assume; quantstats' default, so that both tables agree."""


class Curve(NamedTuple):
    """One level a session and the level they start from; empty ``levels`` mean no data."""

    base: float
    levels: tuple[float, ...]

    def returns(self) -> list[float]:
        """Simple return of each session; after a level of zero nothing moves any more."""
        before = (self.base, *self.levels)
        return [
            now / last - 1.0 if last > 0 else 0.0
            for last, now in zip(before, self.levels, strict=False)
        ]

    def growth(self) -> list[float]:
        """Return since the start at the close of each session."""
        return [level / self.base - 1.0 if self.base > 0 else 0.0 for level in self.levels]


class Daily(NamedTuple):
    """The counted sessions of one result, oldest first.

    ``net`` and ``gross`` (the zero-cost twin) are won, ``benchmark`` is in its own unit.
    ``start`` is the day of the base, ``None`` when the base is the starting cash.
    """

    days: tuple[date, ...]
    start: date | None
    net: Curve
    gross: Curve
    benchmark: Curve

    @property
    def drawn_days(self) -> tuple[date, ...]:
        """Days of a picture: the day of the base first, where it is known."""
        if self.start is None or self.start in self.days[:1]:
            return self.days
        return (self.start, *self.days)

    def drawn(self, curve: Curve) -> list[float]:
        """Growth of a curve on ``drawn_days``, from zero at the base."""
        growth = curve.growth()
        return [0.0, *growth] if len(self.drawn_days) > len(growth) else growth


NOTHING = Curve(0.0, ())


def daily(result: "RunResult") -> Daily:
    """Reduce a result to one close a counted session.

    A benchmark without a value on a bar keeps its last one; before its first value it is flat at
    that value. Without any finite positive value it is empty.
    """
    warm = result.warmup_bars
    closes = _last_index_by_day([point.at for point in result.equity], warm)
    days = tuple(closes)
    if not days:
        return Daily((), None, NOTHING, NOTHING, NOTHING)
    positions = list(closes.values())
    net = Curve(
        float(result.equity[warm - 1].equity if warm else result.start_cash),
        tuple(float(result.equity[i].equity) for i in positions),
    )
    gross = NOTHING
    if len(result.gross_equity) == len(result.equity):
        gross = Curve(
            float(result.gross_equity[warm - 1] if warm else result.start_cash),
            tuple(float(result.gross_equity[i]) for i in positions),
        )
    start = result.equity[warm - 1].at.date() if warm else None
    return Daily(days, start, net, gross, _benchmark(result, positions))


def counted_from(result: "RunResult") -> datetime:
    """The moment after which things count: the close of the last warm-up bar."""
    if not result.warmup_bars:
        return datetime.min
    if result.warmup_bars >= len(result.equity):
        return datetime.max
    return result.equity[result.warmup_bars - 1].at


def counted_fills(result: "RunResult") -> "list[Fill]":
    """The fills after warm-up, in order."""
    since = counted_from(result)
    return [fill for fill in result.fills if fill.at > since]


def _last_index_by_day(times: Sequence[datetime], warm: int) -> Mapping[date, int]:
    return {times[i].date(): i for i in range(warm, len(times))}


def _benchmark(result: "RunResult", positions: Sequence[int]) -> Curve:
    usable = [p for p in result.benchmark if math.isfinite(p.value) and p.value > 0]
    if not usable:
        return NOTHING
    filled: list[float] = []
    level, rest = usable[0].value, iter(usable)
    upcoming = next(rest, None)
    for point in result.equity:
        while upcoming is not None and upcoming.at <= point.at:
            level, upcoming = upcoming.value, next(rest, None)
        filled.append(level)
    base = filled[result.warmup_bars - 1] if result.warmup_bars else filled[0]
    return Curve(base, tuple(filled[i] for i in positions))
