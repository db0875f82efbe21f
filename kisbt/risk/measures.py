"""Loss measures of one account, and the trading state that follows from them."""

from datetime import date

from kisbt.config import RiskLimits
from kisbt.domain.state import RiskStatus
from kisbt.domain.trading import TradingMode

_ACTIVE = TradingMode.ACTIVE
_REDUCE_ONLY = TradingMode.REDUCE_ONLY
_HALTED = TradingMode.HALTED


def loss_fraction(base: int, equity: int) -> float:
    """Return how far ``equity`` is below ``base`` (both won) as a fraction of it; 0.0 for a gain.

    A base of zero or less is an account that has lost everything: 1.0.
    """
    if base <= 0:
        return 1.0
    # (base - equity) / base and not 1 - equity / base: a loss of exactly the limit must reach it
    return (base - equity) / base if equity < base else 0.0


def drawdown(equity: int, peak: int) -> float:
    """Return how far ``equity`` is below its highest value so far, as a fraction of that."""
    return loss_fraction(peak, equity)


class LossTracker:
    """Follows one account's equity from bar to bar.

    The daily loss is measured from the previous session's closing equity, the weekly loss from
    the previous ISO week's, the drawdown from the peak. Before a first session (week) has closed,
    ``start_equity`` is the base, or the first equity observed where that is not given.

    The trading state is ACTIVE until the daily loss reaches its limit, then REDUCE_ONLY until the
    next session even if the equity recovers meanwhile; the same with the week. A drawdown at its
    limit means REDUCE_ONLY for good. HALTED comes from outside (``HaltSwitch``) and rules all.

    Attributes:
        daily_loss: Loss since the previous session's closing equity, as a fraction of it; never
            below 0.
        weekly_loss: Loss since the previous ISO week's closing equity, as a fraction of it.
        drawdown: Distance from the highest equity so far, as a fraction of it.
    """

    __slots__ = (
        "_day_base",
        "_equity",
        "_peak",
        "_session",
        "_week",
        "_week_base",
        "_worst_daily",
        "_worst_drawdown",
        "_worst_weekly",
        "daily_loss",
        "drawdown",
        "weekly_loss",
    )

    def __init__(self, start_equity: int | None = None) -> None:
        self._session: date | None = None
        self._week = (0, 0)
        self._equity = self._peak = self._day_base = self._week_base = start_equity
        at_first = 0.0 if start_equity is None else loss_fraction(start_equity, start_equity)
        self.daily_loss = self.weekly_loss = self.drawdown = at_first
        self._worst_daily = self._worst_weekly = self._worst_drawdown = 0.0

    def observe(self, session: date, equity: int) -> None:
        """Take the equity in won at a bar's close; ``session`` is the bar's own trading day.

        Raises:
            ValueError: ``session`` lies before one already observed.
        """
        if session != self._session:
            self._open(session, equity)
        self._equity = equity
        if self._peak is None or equity > self._peak:
            self._peak = equity
        daily = self.daily_loss = self._below(self._day_base)
        weekly = self.weekly_loss = self._below(self._week_base)
        fallen = self.drawdown = self._below(self._peak)
        if daily > self._worst_daily:
            self._worst_daily = daily
        if weekly > self._worst_weekly:
            self._worst_weekly = weekly
        if fallen > self._worst_drawdown:
            self._worst_drawdown = fallen

    def _open(self, session: date, equity: int) -> None:
        if self._session is not None and session < self._session:
            raise ValueError(f"session {session} comes after {self._session} was observed")
        last = equity if self._equity is None else self._equity
        week = session.isocalendar()[:2]
        if week != self._week:
            self._week, self._week_base, self._worst_weekly = week, last, 0.0
        self._session, self._day_base, self._worst_daily = session, last, 0.0

    def _below(self, base: int | None) -> float:
        if base is None or self._equity is None:
            return 0.0
        return loss_fraction(base, self._equity)

    def status(self, limits: RiskLimits, *, halted: bool = False) -> RiskStatus:
        """Return the trading state under ``limits``, the current losses, and why."""
        mode, reason = self._mode(limits, halted)
        return RiskStatus.made(
            mode=mode,
            reason=reason,
            drawdown=self.drawdown,
            daily_loss=self.daily_loss,
            weekly_loss=self.weekly_loss,
        )

    def _mode(self, limits: RiskLimits, halted: bool) -> tuple[TradingMode, str]:
        if halted:
            return _HALTED, "비상 정지: 사람이 재개할 때까지 주문 없음"
        for name, worst, limit, until in (
            ("최대 낙폭", self._worst_drawdown, limits.max_drawdown, "이 실행이 끝날 때까지"),
            ("주간 손실", self._worst_weekly, limits.weekly_loss, "다음 주까지"),
            ("일일 손실", self._worst_daily, limits.daily_loss, "다음 거래일까지"),
        ):
            if worst >= limit:
                return _REDUCE_ONLY, f"{name} {worst:.2%} ≥ 한도 {limit:.2%}: {until} 매도만"
        return _ACTIVE, ""
