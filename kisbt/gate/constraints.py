"""Step 2: what no statistic may buy. Each must hold on the development days."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.config import GateSettings
from kisbt.evidence.bootstrap import resample

FloatArray = npt.NDArray[np.float64]


class Conduct(NamedTuple):
    """How a version behaved on the development days, beside its returns.

    ``turnover`` in any unit that the champion's has, ``breaches`` of the risk rules that reached
    an order, ``llm_cost_krw`` won, ``parse_failures`` a share of decisions, ``changed_decisions``
    the share that differs from the champion's (``None``: not known).
    """

    turnover: float = 0.0
    breaches: int = 0
    llm_cost_krw: float = 0.0
    parse_failures: float = 0.0
    changed_decisions: float | None = None


class Check(NamedTuple):
    """One constraint: its name, the number found, the limit, and whether it holds."""

    name: str
    found: float
    limit: float
    holds: bool


def max_drawdown(returns: FloatArray) -> FloatArray:
    """Largest fall from a peak, in [0, 1], along the last axis of daily returns [..., days]."""
    values = np.asarray(returns, dtype=np.float64)
    wealth = np.cumprod(1.0 + values, axis=-1)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=-1), 1.0)
    found: FloatArray = np.max(1.0 - wealth / peak, axis=-1)
    return found


def drawdown_excess(
    champion: FloatArray, challenger: FloatArray, settings: GateSettings, *, block: int, seed: int
) -> float:
    """Upper bootstrap bound of the challenger's maximum drawdown minus the champion's."""
    pair = np.column_stack([champion, challenger])
    found = resample(
        pair,
        lambda sample: max_drawdown(sample[:, :, 1]) - max_drawdown(sample[:, :, 0]),
        mean_block=block,
        draws=1000,
        seed=seed,
    )
    return float(np.quantile(found, settings.drawdown_bound))


def hard_constraints(
    champion: FloatArray,
    challenger: FloatArray,
    own: Conduct,
    champions: Conduct,
    settings: GateSettings,
    *,
    block: int,
    seed: int,
) -> tuple[Check, ...]:
    """All constraints of one challenger on development days.

    Args:
        champion: Daily net returns [days].
        challenger: The same of the challenger.
        own: Its conduct.
        champions: The champion's.
        settings: The limits.
        block: Mean block of the bootstrap, in days.
        seed: Of the bootstrap.
    """
    affected = int(np.count_nonzero(challenger != champion))
    excess = 0.0
    if affected:
        excess = drawdown_excess(champion, challenger, settings, block=block, seed=seed)
    turnover = settings.turnover_ratio * champions.turnover
    checks = [
        _at_least("affected_days", affected, settings.affected_days),
        _at_most("drawdown", excess, settings.drawdown_points),
        _at_most("turnover", own.turnover, turnover),
        _at_most("breaches", own.breaches, 0),
        _at_most("parse_failures", own.parse_failures, settings.parse_failures),
    ]
    if own.changed_decisions is not None:
        limit = settings.changed_decisions
        checks.append(_at_least("changed_decisions", own.changed_decisions, limit))
    if settings.llm_budget_krw is not None:
        checks.append(_at_most("llm_cost_krw", own.llm_cost_krw, settings.llm_budget_krw))
    return tuple(checks)


def _at_most(name: str, found: float, limit: float) -> Check:
    return Check(name, float(found), float(limit), bool(found <= limit * (1 + 1e-12)))


def _at_least(name: str, found: float, limit: float) -> Check:
    return Check(name, float(found), float(limit), bool(found >= limit))
