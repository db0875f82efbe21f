"""What is measured and written in every run, whatever the strategy: risk, and the journal."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import backtrader as bt

from kisbt.adapter.tape import Playhead, Tape
from kisbt.config import RiskLimits
from kisbt.domain.ports import Journal
from kisbt.risk.measures import LossTracker

Observe = Callable[[datetime, Mapping[str, int]], None]
"""Takes a bar's close time and the last close of every name, won."""


class RiskPoint(NamedTuple):
    """Risk at one bar's close; fractions of equity (``drawdown`` of the peak).

    ``concentration`` is the largest position, ``turnover`` what was bought and sold in the bar.
    """

    at: datetime
    equity: int
    drawdown: float
    daily_loss: float
    weekly_loss: float
    exposure: float
    concentration: float
    turnover: float


class RiskAnalyzer(bt.Analyzer):
    """Drawdown, losses, exposure, concentration, turnover and breaches, as time lines and totals.

    Works in ``notify_cashvalue`` rather than ``next``: backtrader calls it before the strategy's
    ``next``, so a strategy (and node 4) that reads ``losses`` on bar t sees bar t.

    Args:
        losses: The tracker that node 4 reads too: one arithmetic for reporting and enforcing.
        limits: What counts as a breach: ``max_weight``, ``max_exposure``, ``daily_loss``,
            ``weekly_loss``, ``max_drawdown``.
        clock: Tells the bar's close and its session.
    """

    def __init__(self, losses: LossTracker, limits: RiskLimits, clock: "BarClock") -> None:
        super().__init__()
        self._losses = losses
        self._limits = limits
        self._clock = clock
        self.line: list[RiskPoint] = []
        self._traded = 0
        self._totals: tuple[int, dict[str, Any]] | None = None  # backtrader asks for them, too

    def notify_cashvalue(self, cash: float, value: float) -> None:
        """Take the account's value at the close of the bar that just ended."""
        valuation = self.strategy.broker.valuation
        session = self._clock.session()
        self._losses.observe(session, valuation.equity)
        losses = self._losses
        equity, traded = valuation.equity, self.strategy.broker.traded
        bought_and_sold, self._traded = traded - self._traded, traded
        point = RiskPoint(
            self._clock.now(),
            equity,
            losses.drawdown,
            losses.daily_loss,
            losses.weekly_loss,
            valuation.exposure,
            valuation.largest / equity if equity else 0.0,
            bought_and_sold / equity if equity else 0.0,
        )
        self.line.append(point)

    def get_analysis(self) -> dict[str, Any]:
        """Totals: worst and mean figures, and bars on which each limit was passed by the market.

        A passed limit is not an order beyond it: prices move positions over their caps.
        """
        line = self.line
        if self._totals is not None and self._totals[0] == len(line):
            return dict(self._totals[1])
        totals = self._measured(line)
        self._totals = len(line), totals
        return dict(totals)

    def _measured(self, line: Sequence[RiskPoint]) -> dict[str, Any]:
        return {
            "max_drawdown": max((p.drawdown for p in line), default=0.0),
            "worst_daily_loss": max((p.daily_loss for p in line), default=0.0),
            "worst_weekly_loss": max((p.weekly_loss for p in line), default=0.0),
            "max_exposure": max((p.exposure for p in line), default=0.0),
            "mean_exposure": sum(p.exposure for p in line) / len(line) if line else 0.0,
            "max_concentration": max((p.concentration for p in line), default=0.0),
            "max_turnover": max((p.turnover for p in line), default=0.0),
            "turnover": sum(p.turnover for p in line),
            "bars_beyond": self._breaches(),
        }

    def _breaches(self) -> dict[str, int]:
        line, limits = self.line, self._limits
        beyond = {
            "daily_loss": sum(p.daily_loss >= limits.daily_loss for p in line),
            "max_drawdown": sum(p.drawdown >= limits.max_drawdown for p in line),
            "max_exposure": sum(p.exposure > limits.max_exposure for p in line),
            "max_weight": sum(p.concentration > limits.max_weight for p in line),
            "weekly_loss": sum(p.weekly_loss >= limits.weekly_loss for p in line),
        }
        return {name: bars for name, bars in beyond.items() if bars}


class BarClock:
    """The close of the current bar and its session, read from a tape's head."""

    def __init__(self, tape: Tape, head: Playhead) -> None:
        self._tape = tape
        self._head = head

    def now(self) -> datetime:
        """Naive KST."""
        return self._tape.moments[self._head.t]

    def session(self) -> date:
        """Trading day of the current bar."""
        return self._tape.sessions[self._head.t]

    def number(self) -> float:
        """Backtrader's float date of the current bar."""
        return float(self._tape.numbers[self._head.t])

    def closes(self) -> dict[str, int]:
        """Last close of every name that has had a bar, won."""
        return self._tape.closes_at(self._head.t)


class JournalAnalyzer(bt.Analyzer):
    """Writes the account at every bar's close, after the strategy has decided.

    Ticks are written by node 6, orders and fills by the broker: so any strategy is journaled
    without a line of code of its own.
    """

    def __init__(self, journal: Journal, clock: BarClock, observe: Observe | None) -> None:
        super().__init__()
        self._journal = journal
        self._observe = observe
        self._clock = clock
        self.waiting = 0

    def start(self) -> None:
        """Find the strategy's dates once: the way there is long."""
        self._dates = self.strategy.lines.datetime

    def prenext(self) -> None:
        """A bar on which backtrader held the strategy back (a feed or an indicator waits)."""
        self.waiting += 1
        self.next()

    def next(self) -> None:
        """Write one point of the equity line.

        Raises:
            RuntimeError: broker and strategy stand at different bars, which must never happen.
        """
        now = self._clock.now()
        if self._dates[0] != self._clock.number():
            raise RuntimeError(f"the broker's clock left the strategy's at {now}")
        valuation = self.strategy.broker.valuation
        self._journal.record_equity(now, valuation.cash, valuation.equity, valuation.exposure)
        if self._observe is not None:
            self._observe(now, self._clock.closes())
