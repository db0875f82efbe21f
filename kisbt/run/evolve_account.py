"""The accounts that an evolution is judged by: under the pointer, frozen, and the market itself."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from kisbt.config import Settings
from kisbt.domain.ports import Decider
from kisbt.domain.state import DecisionContext
from kisbt.domain.trading import TradingPlan
from kisbt.journal.database import DatabaseManager
from kisbt.rulebook.store import PromptStore
from kisbt.run.benchmark import benchmark_line
from kisbt.run.evolve_courses import Course, course_of, journaled
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.replay import Brain


class Accounts(NamedTuple):
    """Won at each session's close; ``market`` is a level. All start on the same first day."""

    evolving: Course
    frozen: Course
    market: tuple[float, ...]
    market_label: str


class InForce:
    """Decides as one version while the others watch the same account.

    A version that takes over knows since when each position is held, as the one before it did.

    Args:
        deciders: All versions that are ever in force.
        chosen: The place of the one that decides.
    """

    def __init__(self, deciders: Sequence[Decider], chosen: int) -> None:
        self.label = deciders[chosen].label
        self._deciders = deciders
        self._chosen = chosen

    def decide(self, context: DecisionContext) -> TradingPlan:
        """See ``Decider``."""
        plans = [decider.decide(context) for decider in self._deciders]
        return plans[self._chosen]


def accounts(
    ready: Prepared,
    moves: Sequence[tuple[date, int]],
    whole: Course,
    settings: Settings,
    db: DatabaseManager,
    prompts: PromptStore,
    run_id: str,
) -> Accounts:
    """Trade the evolution's days once under the versions in force, and once frozen.

    Args:
        ready: The first version over exactly these days.
        moves: From which day on which version is in force; the first is in force from the start.
        whole: The first version's course when it began on these days; else anything.
        settings: Where things lie.
        db: Gets the evolving account's run, when a version ever changed.
        prompts: The versions.
        run_id: Of that run.
    """
    frozen = whole
    sessions = tuple(sorted(set(ready.tape.sessions)))
    if frozen.days != sessions or frozen.cash != ready.spec.cash:
        frozen = course_of(ready)
    line, label = benchmark_line(ready.tape, ready.spec.benchmark)
    closes = {point.at.date(): point.value for point in line}
    market = tuple(closes[day] for day in sessions)
    if not moves:
        return Accounts(frozen, frozen, market, label)
    brains = _brains(ready, [number for _, number in moves], settings)
    takeovers = [(day, brain) for (day, _), brain in zip(moves, brains[1:], strict=True)]
    found: list[Course] = []

    def trade(journal: object) -> Course:
        found.append(course_of(ready, journal, brains[0], takeovers))  # type: ignore[arg-type]
        return found[0]

    if journaled(ready, db, run_id, settings, trade) is None:
        found.append(course_of(ready, None, brains[0], takeovers))
    return Accounts(found[0], frozen, market, label)


def _brains(ready: Prepared, later: Sequence[int], settings: Settings) -> list[Brain]:
    """A brain for the first version and for each later move; all watch all of the time."""
    numbers = [ready.version.number if ready.version else 0, *later]
    distinct = list(dict.fromkeys(numbers))
    own: dict[int, Brain] = {}
    for number in distinct:
        spec = ready.spec.model_copy(update={"prompt": number})
        brain = prepare(spec, settings, ready).brain()
        assert brain is not None  # an operating-graph strategy: checked when the order was read
        own[number] = brain
    deciders = [own[number].decider for number in distinct]
    return [
        Brain(
            InForce(deciders, distinct.index(number)),
            own[number].rules,
            own[number].features,
            own[number].warmup,
        )
        for number in numbers
    ]
