"""A bet against "no better": valid at any time, so one may look every day.

Wealth starts at 1 and stakes a share of itself on each day's clipped difference. If the true
mean is at most zero, wealth is a supermartingale, and by Ville's inequality it reaches 20 with
a chance of at most 1/20, whenever one stops. Source: Waudby-Smith & Ramdas (2024), plug-in bets.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_CAUTION = 1.0
"""Second moment assumed before the first day: one day at full clip that said nothing. Without
it the second day's stake would be the cap on the strength of one day."""


class EProcess:
    """Wealth of one bet; feed it the days in order.

    Args:
        c: Differences beyond ``±c`` are clipped; the same unit as the differences.
        cap: Largest share of wealth staked on a day, in (0, 1).
    """

    def __init__(self, c: float, cap: float = 0.5) -> None:
        if not (np.isfinite(c) and c > 0 and 0 < cap < 1):
            raise ValueError(f"cannot bet with clip {c} and cap {cap}")
        self.c = c
        self.cap = cap
        self.value = 1.0
        self.peak = 1.0
        self.days = 0
        self._clipped = 0
        self._sum = 0.0
        self._squares = _CAUTION

    @property
    def stake(self) -> float:
        """Share of wealth staked on the next day: mean over second moment of the past."""
        return float(np.clip(self._sum / self._squares, 0.0, self.cap))

    @property
    def clipped_share(self) -> float:
        """Share of days on which the clip bit; 0 before the first."""
        return self._clipped / self.days if self.days else 0.0

    def update(self, d: float) -> float:
        """Settle one day's difference and return the wealth.

        Raises:
            ValueError: the difference is not finite.
        """
        if not np.isfinite(d):
            raise ValueError(f"a difference of {d}")
        x = min(max(d / self.c, -1.0), 1.0)
        self.value *= 1.0 + self.stake * x
        self.peak = max(self.peak, self.value)
        self.days += 1
        self._clipped += abs(d) > self.c
        self._sum += x
        self._squares += x * x
        return self.value


def wealth_paths(diffs: FloatArray, c: float, cap: float = 0.5) -> FloatArray:
    """``EProcess`` over many streams [days, paths] at once; wealth after each day, same shape."""
    x = np.clip(np.asarray(diffs, dtype=np.float64) / c, -1.0, 1.0)
    sums = np.cumsum(x, axis=0)
    stake = sums / (_CAUTION + np.cumsum(x**2, axis=0))
    stake = np.clip(np.vstack([np.zeros((1, x.shape[1])), stake[:-1]]), 0.0, cap)
    wealth: FloatArray = np.exp(np.cumsum(np.log1p(stake * x), axis=0))
    return wealth


def clip_width(diffs: FloatArray, widths: float = 4.0) -> float:
    """``widths`` robust standard deviations of the days that differ [days]; 0 when none does.

    The robust one is 1.4826 times the median absolute deviation; where that is zero although
    days differ, the ordinary one.
    """
    values = np.asarray(diffs, dtype=np.float64)
    values = values[values != 0]
    if values.size == 0:
        return 0.0
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return widths * (spread or float(np.sqrt(np.mean(values**2))))
