"""The desk: every port a node may use, handed to it through the run context."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kisbt.config import RiskLimits
from kisbt.domain.ports import (
    AccountView,
    Approver,
    Decider,
    Executor,
    Journal,
    MarketView,
    Notifier,
)
from kisbt.domain.rules import Rule, RuleEffects
from kisbt.krx.costs import CostModel
from kisbt.risk.day_use import DayUse
from kisbt.risk.halt import HaltSwitch
from kisbt.risk.measures import LossTracker
from kisbt.rulebook.evaluate import Row, compile_rules


class Silent:
    """A notifier that tells nobody; replays use it."""

    def notify(self, level: str, message: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the six nodes work with during one run; they reach nothing else.

    The caller keeps three things current: ``losses.observe(session, equity)`` once at each bar's
    close before the tick, ``day.on_fill(session, amount)`` at each execution, and ``halted``.
    ``day.on_order`` is called by node 5 alone, and for approved orders by whoever sends them.
    ``approver`` may let orders wait for a person. ``effects`` is compiled from ``rules``.
    """

    account: AccountView
    market: MarketView
    decider: Decider
    executor: Executor
    journal: Journal
    limits: RiskLimits
    costs: CostModel
    rules: tuple[Rule, ...] = ()
    losses: LossTracker = field(default_factory=LossTracker)
    day: DayUse = field(default_factory=DayUse)
    halted: Callable[[], bool] = field(default_factory=HaltSwitch)
    notifier: Notifier = field(default_factory=Silent)
    approver: Approver | None = None
    effects: Callable[[Row], RuleEffects] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiled = compile_rules(self.rules) if self.rules else None
        object.__setattr__(self, "effects", compiled)


class AtDesk(Protocol):
    """Whatever brings the desk to a node: LangGraph's ``Runtime[Desk]``, or the direct runner."""

    @property
    def context(self) -> Desk:
        """The desk of this run."""
        ...
