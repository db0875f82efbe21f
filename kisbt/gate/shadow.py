"""Steps 7 and 9: the forward shadow, the guard over a promoted version, and when to roll back."""

from collections.abc import Sequence
from typing import NamedTuple

from kisbt.config import GateSettings
from kisbt.evidence.betting import EProcess


class ShadowState(NamedTuple):
    """A bet so far. ``needed`` is the wealth that promotes (or demotes), at any time."""

    days: int
    wealth: float
    peak: float
    needed: float
    clipped_share: float
    passed: bool
    given_up: bool


def shadow_state(
    differences: Sequence[float], clip: float, settings: GateSettings, *, in_shadow: int = 1
) -> ShadowState:
    """Wealth of the bet "the challenger is better" after these days.

    Args:
        differences: Challenger minus champion, daily, oldest first, from the shadow's first day.
        clip: Width from the development days.
        settings: Wealth needed, cap, days.
        in_shadow: Challengers that share the chance of a false alarm.
    """
    state = _bet(differences[: settings.shadow_days], clip, settings, in_shadow)
    return state._replace(given_up=not state.passed and state.days >= settings.shadow_days)


def guard_state(differences: Sequence[float], clip: float, settings: GateSettings) -> ShadowState:
    """The mirror bet: the promoted version is worse than its predecessor. Never gives up.

    ``differences`` are the promoted version minus its predecessor. ``passed`` demotes.
    """
    return _bet([-value for value in differences], clip, settings, 1)


def _bet(
    differences: Sequence[float], clip: float, settings: GateSettings, in_shadow: int
) -> ShadowState:
    bet = EProcess(clip, settings.stake_cap)
    needed = settings.shadow_wealth * in_shadow
    for difference in differences:
        if bet.update(difference) >= needed:
            break  # decided: what comes later changes nothing
    passed = bet.value >= needed
    return ShadowState(bet.days, bet.value, bet.peak, needed, bet.clipped_share, passed, False)


class LiveDay(NamedTuple):
    """What a live day showed. ``drawdown`` and its limit are fractions of equity."""

    drawdown: float = 0.0
    drawdown_limit: float = 1.0
    breaches: int = 0
    parse_failures: float = 0.0
    drift_beyond_budget: bool = False


def rollback_reasons(
    days: Sequence[LiveDay], guard: ShadowState | None, settings: GateSettings
) -> tuple[str, ...]:
    """Why the pointer must go back to the parent now; empty when it need not.

    Args:
        days: Live days of the promoted version, oldest first.
        guard: The mirror bet, ``None`` when no predecessor runs beside.
        settings: Limits.
    """
    found = []
    if guard is not None and guard.passed:
        found.append("worse_than_parent")
    if days:
        today = days[-1]
        if today.drawdown >= today.drawdown_limit:
            found.append("drawdown")
        if today.breaches:
            found.append("breach")
        if today.parse_failures > settings.rollback_parse_failures:
            found.append("parse_failures")
    wanted = settings.rollback_drift_days
    if len(days) >= wanted and all(day.drift_beyond_budget for day in days[-wanted:]):
        found.append("drift")
    return tuple(found)


def ramp_share(trading_days: int, settings: GateSettings) -> float:
    """Share of capital a version may use after so many trading days within the drift budget."""
    step = min(trading_days // settings.ramp_days, len(settings.ramp) - 1)
    return settings.ramp[step]
