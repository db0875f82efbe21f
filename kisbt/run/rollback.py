"""Step 9 of the gate: a promoted version that does harm goes back to the one it replaced.

Looked at before every reflection, after every close of a live session (``run.rollback_duty``) and
every week of ``kisbt evolve``: the version in force, if the gate promoted it, is replayed beside
its predecessor on days that lie behind its holdout (the mirror bet of ``gate.shadow``), and the
journal of its days is read. One reason on one day is enough, so a look that failed is made good by
the next. The pointer moves under the lock of reflection; ledger, reflection and alerts keep why.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, NamedTuple

from kisbt.config import Settings
from kisbt.errors import GateError
from kisbt.gate.decision import GateDecision
from kisbt.gate.gate import Gate
from kisbt.gate.registry import Registry
from kisbt.gate.shadow import LiveDay, ShadowState, guard_state, rollback_reasons
from kisbt.gate.wording import ROLLBACKS, rollback_words
from kisbt.journal.conduct import LiveConduct, live_conduct
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.experiments import ExperimentLedger
from kisbt.journal.reflections import Reflections
from kisbt.krx import calendar
from kisbt.reflection_graph.update_system_logic import LOCK_SECONDS, reflecting
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.rulebook.version_control import commit
from kisbt.run.paired import DayReturns

Replays = Callable[[Sequence[PromptVersion]], list[DayReturns]]
"""Daily returns of versions over all days there are."""


class Promoted(NamedTuple):
    """How the version in force came there: by which reflection, over whom, tested until when.

    ``taken_back``: it went back automatically since then.
    """

    reflection: str
    version: PromptVersion
    parent: PromptVersion
    campaign: str
    tested_until: date
    taken_back: bool


class Watched(NamedTuple):
    """One look. ``moved``: the pointer went back. ``kept``: a person put it in force again."""

    version: int
    parent: int
    days: int
    wealth: float
    needed: float
    live_days: int
    reasons: tuple[str, ...]
    moved: bool
    kept: bool

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**self._asdict(), "reasons": list(self.reasons)}

    def line(self, lang: str) -> str:
        """One line for people."""
        english = lang == "en"
        name = f"{'version' if english else '버전'} {self.version}"
        if self.kept:
            return name + (
                ": was taken back once and put in force again by a person: left alone"
                if english
                else ": 되돌린 적이 있으나 사람이 다시 적용했으므로 그대로 둡니다"
            )
        if not self.reasons:
            return name + (": no reason to roll back" if english else ": 되돌릴 이유가 없습니다")
        why = rollback_words(self.reasons, lang)
        if self.moved:
            done = "rolled back automatically" if english else "자동 되돌리기"
        else:
            done = "should be rolled back" if english else "되돌려야 합니다"
        return f"{name} → {self.parent}: {done} ({why})"


def promotion_in_force(db: DatabaseManager, prompts: PromptStore) -> Promoted | None:
    """The gate's promotion that the pointer rests on; ``None`` when a person set it.

    Raises:
        PromptError: a broken pointer or version.
    """
    number = prompts.current_number()
    for one in reversed(Reflections(db).all()):
        if one.report.get("promoted") != number:
            continue
        for candidate in one.report.get("candidates", ()):
            ruling = candidate["ruling"]
            if candidate["version"] != number or ruling is None or not ruling["passed"]:
                continue
            detail = ruling["detail"]
            windows = detail["windows"]
            last = (windows["holdout"] or windows["development"])["last"]
            return Promoted(
                one.reflection_id,
                prompts.load(number),
                prompts.load(int(one.report["champion"])),
                detail["campaign"],
                date.fromisoformat(last),
                "taken_back" in one.report,
            )
    return None


def watch(
    db: DatabaseManager,
    prompts: PromptStore,
    settings: Settings,
    *,
    replays: Replays | None = None,
    drift: Mapping[date, bool] | None = None,
    clock: Callable[[], datetime] = calendar.now,
    move: bool = True,
    notify: Callable[[str, str], None] | None = None,
    wait: float = LOCK_SECONDS,
) -> Watched | None:
    """Look at the version in force and take it back if one condition of step 9 holds.

    A version that was taken back before and that a person has put in force again is left alone.

    Args:
        db: The journal.
        prompts: The versions.
        settings: Limits of gate and account.
        replays: Plays versions over all days there are; without it nothing is held against the
            predecessor.
        drift: Whether a live day's difference from the backtest was beyond its budget.
        clock: Naive KST, for the ledger and the alert.
        move: ``False`` only tells.
        notify: Takes level and line of the alert instead of the journal.
        wait: Seconds for another reflection to end.

    Raises:
        PromptError: a broken pointer or version, or another reflection that does not end.
    """
    found = promotion_in_force(db, prompts)
    if found is None:
        return None
    gate = Gate(db, settings.gate, clock)
    guard, taken_back = _guard(db, gate, found, replays, settings)
    days = judged(live_conduct(db, found.version.hash), settings, drift or {})
    reasons = () if taken_back else reasons_to_go_back(days, guard, settings)
    moved = False
    if reasons and move:
        say = notify or _alert(db, clock)
        moved = _back(db, prompts, settings, gate, found, reasons, say, wait)
    return Watched(
        found.version.number, found.parent.number, 0 if guard is None else guard.days,
        1.0 if guard is None else guard.wealth, settings.gate.shadow_wealth, len(days), reasons,
        moved, taken_back,
    )  # fmt: skip


def judged(
    days: Sequence[LiveConduct], settings: Settings, drift: Mapping[date, bool]
) -> list[LiveDay]:
    """Days of the journal as the gate judges them."""
    return [
        LiveDay(
            drawdown=day.drawdown,
            drawdown_limit=settings.limits.max_drawdown,
            breaches=day.breaches,
            parse_failures=day.parse_failures,
            drift_beyond_budget=drift.get(day.session, False),
        )
        for day in days
    ]


def reasons_to_go_back(
    days: Sequence[LiveDay], guard: ShadowState | None, settings: Settings
) -> tuple[str, ...]:
    """Why a version must go back now, or had to after any of these days. Oldest day first."""
    span = settings.gate.rollback_drift_days
    found = set(rollback_reasons((), guard, settings.gate))
    for end in range(1, len(days) + 1):
        found.update(rollback_reasons(days[max(0, end - span) : end], None, settings.gate))
    return tuple(reason for reason in ROLLBACKS if reason in found)


def bet_of(decision: GateDecision) -> ShadowState | None:
    """The mirror bet as a decision tells it; ``None`` before its first day."""
    for reason in decision.reasons:
        if reason.step == "guard":
            numbers = reason.numbers
            wealth, needed = float(numbers["wealth"] or 0.0), float(numbers["needed"] or 0.0)
            return ShadowState(
                int(numbers["days"] or 0), wealth, wealth, needed,
                float(numbers["clipped_share"] or 0.0), reason.passed is False, False,
            )  # fmt: skip
    return None


def _guard(
    db: DatabaseManager,
    gate: Gate,
    found: Promoted,
    replays: Replays | None,
    settings: Settings,
) -> tuple[ShadowState | None, bool]:
    """The mirror bet after all days there are, and whether the version was taken back before."""
    name = found.version.hash
    before = gate.decision(found.campaign, name)
    if found.taken_back or any(reason.step == "rollback" for reason in before.reasons):
        return None, True
    if replays is None:
        return None, False
    own, parent = replays([found.version, found.parent])
    if own.failed or parent.failed:
        return None, False
    last = max(own.days)
    gaps = own.between(found.tested_until, last) - parent.between(found.tested_until, last)
    fresh = [day for day in own.days if day >= found.tested_until]
    pairs = [
        (day, float(d)) for day, d in zip(fresh, gaps, strict=True) if day > found.tested_until
    ]
    if not pairs:
        return None, False
    try:
        decision = gate.guard_days(found.campaign, name, pairs)
    except GateError:  # another epoch, or settled otherwise: the bet alone still tells
        return guard_state([d for _, d in pairs], _clip(db, found), settings.gate), False
    return bet_of(decision), False


def _clip(db: DatabaseManager, found: Promoted) -> float:
    """The width of the bet that the development test fixed."""
    tests = Registry(ExperimentLedger(db).entries()).entries(found.campaign, "test")
    rows = [row for entry in tests for row in entry.body["versions"]]
    return float(next(row["clip"] for row in rows if row["version"] == found.version.hash))


def _back(
    db: DatabaseManager,
    prompts: PromptStore,
    settings: Settings,
    gate: Gate,
    found: Promoted,
    reasons: tuple[str, ...],
    say: Callable[[str, str], None],
    wait: float,
) -> bool:
    number, parent = found.version.number, found.parent.number
    why = rollback_words(reasons, "ko")
    with reflecting(prompts, wait):
        if prompts.current_number() != number:
            return False  # somebody was faster
        prompts.rollback(parent, reason=f"자동 되돌리기: {why}")
        if settings.lang == "en":
            told = rollback_words(reasons, "en")
            say("alert", f"prompt {number} → {parent}, rolled back automatically: {told}")
        else:
            say("alert", f"프롬프트 {number} → {parent} 자동 되돌리기: {why}")
        # In another epoch of the gate the campaign is closed; the reflection keeps the move.
        with suppress(GateError):
            gate.rolled_back(found.campaign, found.version.hash, reasons)
        _remember(db, found, reasons)
    if settings.reflection.commit:
        commit(prompts.folder, f"Roll back to prompt version {parent} ({why})")
    return True


def _remember(db: DatabaseManager, found: Promoted, reasons: tuple[str, ...]) -> None:
    """Note in the reflection that its version was taken back."""
    kept = Reflections(db)
    one = kept.find(found.reflection)
    assert one is not None  # it told of the promotion
    kept.save(
        one.reflection_id,
        source_runs=one.source_runs,
        parent_hash=one.parent_hash,
        candidate_hash=one.candidate_hash,
        insights=one.insights,
        report={**one.report, "taken_back": list(reasons)},
    )


def _alert(db: DatabaseManager, clock: Callable[[], datetime]) -> Callable[[str, str], None]:
    def say(level: str, line: str) -> None:
        Controls(db, clock=clock).alert(None, level, line, at=clock())

    return say
