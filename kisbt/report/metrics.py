"""The figures of a finished run, as one flat JSON-able mapping.

Plain arithmetic with exact sums (``math.fsum``), so that the same result gives the same bytes on
every machine. Fractions and ratios are rounded to ``DIGITS`` decimals, won and counts are whole,
and a figure that is not defined (no data, no variation, no losing trade) is ``None``.
Returns are simple daily returns, the risk-free rate is zero, a year is 252 sessions.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kisbt.journal.matching import pair_fills
from kisbt.report.daily import SESSIONS_A_YEAR, Daily, counted_fills, counted_from, daily
from kisbt.report.drawdowns import deepest, drawdowns
from kisbt.report.model_facts import model_metrics

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

Figure = str | int | float | None

DIGITS = 10
"""Decimals kept of every fraction and ratio."""

_FLAT = 1e-12
"""A standard deviation below this is no variation."""


def compute_metrics(result: "RunResult") -> dict[str, Figure]:
    """Compute every figure over the counted bars; warm-up belongs to no statistic.

    ``total_return``, ``cagr``, ``max_drawdown`` (zero or negative), ``best_day``, ``worst_day``,
    ``exposure_mean``, ``win_rate``, ``rejected_share``, ``cost_drag`` and the benchmark's returns
    are fractions. ``max_drawdown_days`` is calendar days from the peak to its recovery, or to the
    last day. ``turnover_annual`` is half of the traded value over mean equity, a year.
    ``cost_drag`` is the zero-cost twin's total return minus the net one. ``win_rate`` and
    ``profit_factor`` look at FIFO round trips closed in the counted period, after costs;
    ``mean_holding_days`` is calendar days. ``alpha`` is a year's. ``ticks``, ``decisions``,
    ``rejected`` and ``holds`` are counts of the whole run, as the result carries them. A run that
    asked a model has its ``llm_`` figures, too.
    """
    series = daily(result)
    figures: dict[str, Figure] = {
        "first_day": series.days[0].isoformat() if series.days else None,
        "last_day": series.days[-1].isoformat() if series.days else None,
        "sessions": len(series.days),
        "warmup_bars": min(result.warmup_bars, len(result.equity)),
    }
    figures |= _performance(series)
    figures |= _activity(result, series)
    figures |= _against_costs(series)
    figures |= _against_benchmark(series)
    figures |= _risk(result)
    figures |= {
        "ticks": result.ticks,
        "decisions": result.decisions,
        "rejected": result.rejected,
        "rejected_share": _ratio(result.rejected, result.decisions),
        "holds": result.holds,
        "violations": len(result.violations),
    }
    if result.llm is not None:
        figures |= model_metrics(result.llm)
    return {key: _rounded(value) for key, value in figures.items()}


def _risk(result: "RunResult") -> dict[str, Figure]:
    """Worst points of the risk analyzer's lines, and bars that prices carried past a limit."""
    risk = result.risk
    beyond = risk.get("bars_beyond") or {}
    return {
        "max_exposure": risk.get("max_exposure"),
        "max_concentration": risk.get("max_concentration"),
        "worst_daily_loss": risk.get("worst_daily_loss"),
        "worst_weekly_loss": risk.get("worst_weekly_loss"),
        "max_turnover": risk.get("max_turnover"),
        "bars_beyond_limits": max(beyond.values(), default=0),
    }


def _rounded(value: Figure) -> Figure:
    if not isinstance(value, float):
        return value
    return round(value, DIGITS) + 0.0 if math.isfinite(value) else None


def _ratio(over: float, under: float) -> float | None:
    return over / under if under else None


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _covariance(left: Sequence[float], right: Sequence[float]) -> float | None:
    if len(left) < 2:
        return None
    mid_left, mid_right = math.fsum(left) / len(left), math.fsum(right) / len(right)
    products = ((a - mid_left) * (b - mid_right) for a, b in zip(left, right, strict=True))
    return math.fsum(products) / (len(left) - 1)


def _deviation(values: Sequence[float]) -> float | None:
    variance = _covariance(values, values)
    return None if variance is None else math.sqrt(variance)


def _performance(series: Daily) -> dict[str, Figure]:
    net = series.net
    moves = net.returns()
    total = _ratio(net.levels[-1] - net.base, net.base) if net.levels else None
    cagr = None
    if total is not None:
        cagr = (1.0 + total) ** (SESSIONS_A_YEAR / len(moves)) - 1.0
    mean, deviation = _mean(moves), _deviation(moves)
    year = math.sqrt(SESSIONS_A_YEAR)
    sharpe = sortino = None
    if mean is not None and deviation is not None and deviation > _FLAT:
        sharpe = mean / deviation * year
        downside = math.sqrt(math.fsum(r * r for r in moves if r < 0) / len(moves))
        sortino = mean / downside * year if downside > _FLAT else None
    falls = deepest(drawdowns(series.days, net, series.start), 1)
    depth = (falls[0].depth if falls else 0.0) if net.levels else None
    return {
        "start_equity": int(net.base) if net.levels else None,
        "end_equity": int(net.levels[-1]) if net.levels else None,
        "total_return": total,
        "cagr": cagr,
        "annual_volatility": None if deviation is None else deviation * year,
        "sharpe": sharpe,
        "sortino": sortino,
        "max_drawdown": depth,
        "max_drawdown_days": falls[0].days if falls else None,
        "max_drawdown_recovered": falls[0].recovered if falls else None,
        "calmar": cagr / -depth if cagr is not None and depth else None,
        "best_day": max(moves, default=None),
        "worst_day": min(moves, default=None),
    }


def _activity(result: "RunResult", series: Daily) -> dict[str, Figure]:
    fills = counted_fills(result)
    counted = result.equity[result.warmup_bars :]
    pairing = pair_fills(result.fills, result.actions, result.opening)
    since = counted_from(result)
    trips = [trip for trip in pairing.trips if trip.closed_at > since]
    gains = sum(trip.pnl for trip in trips if trip.pnl > 0)
    losses = -sum(trip.pnl for trip in trips if trip.pnl < 0)
    traded = sum(fill.amount for fill in fills)
    years = len(series.days) / SESSIONS_A_YEAR
    mean_equity = _mean(series.net.levels)
    held = counted[-1].equity - counted[-1].cash if counted else 0
    return {
        "exposure_mean": _mean([point.exposure for point in counted]),
        "turnover_annual": _ratio(traded / 2, mean_equity * years) if mean_equity else None,
        "fills": len(fills),
        "round_trips": len(trips),
        "win_rate": _ratio(sum(trip.pnl > 0 for trip in trips), len(trips)),
        "profit_factor": _ratio(gains, losses),
        "mean_holding_days": _mean([float(trip.holding_days) for trip in trips]),
        "realised_pnl": sum(trip.pnl for trip in trips),
        "unrealised_pnl": held - sum(lot.cost for lot in pairing.open) if counted else None,
        "commission": sum(fill.commission for fill in fills),
        "tax": sum(fill.tax for fill in fills),
    }


def _against_costs(series: Daily) -> dict[str, Figure]:
    net, gross = series.net, series.gross
    free = _ratio(gross.levels[-1] - gross.base, gross.base) if gross.levels else None
    total = _ratio(net.levels[-1] - net.base, net.base) if net.levels else None
    return {
        "gross_end_equity": int(gross.levels[-1]) if gross.levels else None,
        "gross_total_return": free,
        "cost_drag": None if free is None or total is None else free - total,
        "cost_drag_won": int(gross.levels[-1] - net.levels[-1]) if gross.levels else None,
    }


def _against_benchmark(series: Daily) -> dict[str, Figure]:
    moves, market = series.net.returns(), series.benchmark.returns()
    end = series.benchmark.growth()
    growth = series.net.growth()
    beta = alpha = correlation = None
    if market and len(moves) > 1:
        own, other = _deviation(moves) or 0.0, _deviation(market) or 0.0
        joint = _covariance(moves, market)
        if joint is not None and own > _FLAT and other > _FLAT:
            beta = joint / (other * other)
            correlation = max(-1.0, min(1.0, joint / (own * other)))
            alpha = ((_mean(moves) or 0.0) - beta * (_mean(market) or 0.0)) * SESSIONS_A_YEAR
    falls = deepest(drawdowns(series.days, series.benchmark, series.start), 1)
    fallen = falls[0].depth if falls else 0.0
    return {
        "benchmark_return": end[-1] if end else None,
        "benchmark_max_drawdown": fallen if end else None,
        "excess_return": growth[-1] - end[-1] if end else None,
        "beta": beta,
        "alpha": alpha,
        "correlation": correlation,
    }
