"""What a model costs, and how large an account must be before it pays for itself.

With E won of equity, an edge of g (fraction a year, net of trading costs, before the model's own
cost) earns g x E a year and the model takes C won a year whatever E is. It pays for itself above

    E* = C / g,    C = cost of the run x 252 / sessions of the run.

A model without an edge never does: E* is infinite.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.evidence.bootstrap import Interval, mean_interval
from kisbt.evidence.sharpe import TRADING_DAYS


class Economics(NamedTuple):
    """Cost of a model in won, and the equity in won at which it pays for itself.

    ``edge`` is the yearly edge that ``break_even`` rests on, as a fraction with its interval.
    ``break_even.low`` belongs to the best edge of that interval and may be the only finite one.
    """

    cost_per_decision: float
    cost_per_year: float
    edge: Interval
    break_even: Interval


def cost_per_decision(cost_krw: float, decisions: int) -> float:
    """Won a decision; 0 without a decision."""
    return cost_krw / decisions if decisions else 0.0


def cost_per_year(cost_krw: float, sessions: int) -> float:
    """Won a year of 252 sessions; 0 without a session."""
    return cost_krw * TRADING_DAYS / sessions if sessions else 0.0


def break_even_equity(yearly_cost: float, yearly_edge: float) -> float:
    """Equity in won above which an edge pays for the model; infinite without an edge."""
    if yearly_cost <= 0:
        return 0.0
    return yearly_cost / yearly_edge if yearly_edge > 0 else float("inf")


def economics(
    cost_krw: float,
    decisions: int,
    excess: npt.NDArray[np.float64],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Economics:
    """What a run says of its model's economics.

    Args:
        cost_krw: What recording all its replies cost, in won, also when they came from the cache.
        decisions: Ticks at which the model was asked.
        excess: Daily returns over the alternative that costs no model (the benchmark, or the same
            prompt under the rulebook), fractions [n], net of trading costs, before model cost.
        level: Of the intervals.
        seed: Of the bootstrap.
    """
    yearly = cost_per_year(cost_krw, len(excess))
    if len(excess):
        daily = mean_interval(np.asarray(excess, dtype=np.float64), level=level, seed=seed)
        edge = Interval(*(TRADING_DAYS * value for value in daily))
    else:
        edge = Interval(0.0, 0.0, 0.0)
    break_even = Interval(
        break_even_equity(yearly, edge.high),
        break_even_equity(yearly, edge.estimate),
        break_even_equity(yearly, edge.low),
    )
    return Economics(cost_per_decision(cost_krw, decisions), yearly, edge, break_even)
