"""How much of a result's uncertainty is the market's, and how much the model's own dice."""

import math
from statistics import fmean
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.evidence.bootstrap import block_length, stationary_indices
from kisbt.evidence.sharpe import TRADING_DAYS


class VarianceSplit(NamedTuple):
    """Variance of the mean daily return over all seeds, in two parts; fractions squared.

    ``market`` is what other days would have changed, ``model`` what other seeds would have. The
    ``yearly`` standard deviations are of 252 times that mean. ``enough_seeds`` is the number of
    seeds from which the model's part is the smaller one: more seeds than that buy little, because
    only more days shrink the market's part.
    """

    seeds: int
    days: int
    market: float
    model: float
    enough_seeds: int

    @property
    def total(self) -> float:
        """Both parts."""
        return self.market + self.model

    @property
    def model_share(self) -> float:
        """The model's part of the whole, 0..1."""
        return self.model / self.total if self.total > 0 else 0.0

    @property
    def yearly_market(self) -> float:
        """Standard deviation of a year's return that the market's part makes."""
        return TRADING_DAYS * math.sqrt(self.market)

    @property
    def yearly_model(self) -> float:
        """Standard deviation of a year's return that the model's part makes."""
        return TRADING_DAYS * math.sqrt(self.model)


def split_variance(
    returns: npt.NDArray[np.float64], *, draws: int = 2000, seed: int = 0
) -> VarianceSplit:
    """Split the variance of a mean into market and model.

    With k seeds of the model over the same n days, ``Var(mean) = market + model / k``. A seed that
    differs stays different for days, since positions last, so the model's part is the variance of
    the seeds' own means rather than of single days. The market's part is the stationary-bootstrap
    variance of the seeds' average over days, less what the seeds' disagreement adds to that.

    Args:
        returns: Daily returns, or paired differences, fractions [seeds, days].
        draws: Resampled histories.
        seed: Of the bootstrap.

    Raises:
        ValueError: fewer than two seeds or two days.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"two seeds and two days are the least, not {values.shape}")
    seeds, days = values.shape
    average = values.mean(axis=0)
    chosen = stationary_indices(days, block_length(average), draws, seed)
    disagreement = fmean(_spread(one - average, chosen) for one in values) / (seeds - 1)
    one_seed = float(values.mean(axis=1).var(ddof=1))
    market = max(0.0, _spread(average, chosen) - disagreement)
    enough = math.ceil(one_seed / market) if market > 0 else seeds
    return VarianceSplit(seeds, days, market, one_seed / seeds, max(1, enough))


def _spread(x: npt.NDArray[np.float64], chosen: npt.NDArray[np.int64]) -> float:
    return float(x[chosen].mean(axis=1).var())
