"""What passes between the five nodes of reflection, and what they may use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypedDict

from kisbt.domain.market import Frozen
from kisbt.domain.rules import Rule
from kisbt.journal.database import DatabaseManager
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.steps import StepStore
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion


class ReflectionState(TypedDict, total=False):
    """Blackboard of one reflection. Plain JSON; each key is written by exactly one node."""

    performance: dict[str, Any]  # 1 aggregate_performance_data
    analysis: dict[str, Any]  # 2 analyze_success_failure_factors
    proposals: list[dict[str, Any]]  # 3 generate_strategy_rules
    accepted: list[dict[str, Any]]  # 3 validate_rule_format
    refused: list[dict[str, Any]]  # 3 validate_rule_format
    update: dict[str, Any]  # 4 update_system_logic


class Asker(Protocol):
    """A language model that reads and answers. It is never asked to judge itself."""

    def ask(self, system: str, user: str, schema: dict[str, Any]) -> str:
        """The answer's text, meant to be JSON of ``schema``.

        Raises:
            DeciderError: no answer.
        """
        ...


class PeriodFigures(NamedTuple):
    """What KIS itself says of a live period: won, and executions."""

    realised: int | None
    commission_and_tax: int | None
    buys: int | None
    sells: int | None
    source: str


class KISFigures(Protocol):
    """KIS's own books of a live account (``inquire_daily_ccld``, ``inquire_period_profit``)."""

    mode: str
    """Runs of which mode they are the books of: ``paper`` or ``real``."""

    def figures(self, first: str, last: str) -> PeriodFigures:
        """Figures of sessions from ``first`` to ``last`` (ISO days), both included."""
        ...


class Candidate(NamedTuple):
    """A version written for trial, and the one change in it."""

    version: PromptVersion
    proposal: dict[str, Any]


class Ruling(NamedTuple):
    """What the gate said of one candidate, and the figures behind it (plain JSON).

    ``claim`` is ``better``, ``worse`` or ``undecided``; ``passed`` allows promotion.
    """

    version: int
    verdict: str
    claim: str
    passed: bool
    days_missing: int | None
    detail: dict[str, Any]


class Trial(Protocol):
    """Registers candidates, replays them beside the champion, and asks the gate."""

    def run(
        self, reflection: str, champion: PromptVersion, candidates: Sequence[Candidate]
    ) -> list[Ruling]:
        """Rulings in the order of ``candidates``. Asked again, it answers the same."""
        ...


class Memory(Protocol):
    """What earlier reflections tried."""

    def rejected(self) -> list[Rule]:
        """Rules that the gate turned down."""
        ...


class Options(Frozen):
    """How this reflection works; see ``[reflection]`` in the settings."""

    seed: int = 0
    candidates: int = 3
    block: int = 10
    discovery_level: float = 0.10
    least_rows: int = 20
    least_changed: float = 0.05
    least_dates: int = 60
    shown: int = 10
    require_approval: bool = False
    commit: bool = False
    dry_run: bool = False


@dataclass(frozen=True, eq=False)
class Workbench:
    """What the nodes work with. Handed in by the runtime; nothing of it is in the state."""

    reflection: str
    db: DatabaseManager
    material: Material
    champion: PromptVersion
    prompts: PromptStore
    steps: StepStore
    options: Options
    memory: Memory
    trial: Trial | None = None
    asker: Asker | None = None
    kis: KISFigures | None = None
    tell: Callable[[str], None] = field(default=lambda _: None)

    @property
    def block(self) -> int:
        """Sessions a block: at least as long as outcomes overlap."""
        return max(self.options.block, self.material.horizon)
