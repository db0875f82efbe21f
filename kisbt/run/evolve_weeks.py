"""One week of an evolution: trade, look after what is in force, and learn when it can be tested.

Each Sunday the version in force is held against its predecessor and against an account's limits,
challengers on paper against it, and the week's closed trades are counted (M1). The other steps (M2
to M4) run when the gate has a holdout that no test was spent on: whatever they found in between
could not be tested, and every version that is tried costs all later ones some power.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from kisbt.config import Settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.rules import Rule
from kisbt.gate.decision import GateDecision, Verdict
from kisbt.gate.gate import Gate
from kisbt.gate.registry import Window
from kisbt.gate.shadow import LiveDay
from kisbt.gate.wording import rollback_words
from kisbt.journal.conduct import LiveConduct, conduct
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import Scope
from kisbt.journal.reflections import Reflections
from kisbt.krx.calendar import add_sessions
from kisbt.reflection_graph.breakdown import figures
from kisbt.reflection_graph.graph import reflect
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.state import Options, ReflectionState, Workbench
from kisbt.reflection_graph.steps import StepStore
from kisbt.reflection_graph.update_system_logic import UNTESTED
from kisbt.report.learning import write_learning
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.evolve_courses import Courses
from kisbt.run.evolve_state import Home, Promotion, Record, Standing, Week, plain
from kisbt.run.gate_trial import GateTrial, Windows
from kisbt.run.learning_facts import learning_facts
from kisbt.run.paired import DayReturns
from kisbt.run.prepare import Prepared
from kisbt.run.reflect import USUAL_HOLDING, reflection_id, windows_of
from kisbt.run.rollback import bet_of, judged, reasons_to_go_back

_WEEKLY = (
    "trips", "winners", "losers", "win_rate", "mean_return", "pnl", "profit_factor",
    "worst_return", "mean_days",
)  # fmt: skip
_INSIGHTS = 3


class CourseTrial(GateTrial):
    """The gate's trial over courses that are replayed once and cut at the day asked for."""

    def __init__(self, courses: Courses, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._made = courses

    def _replays(self, versions: Sequence[PromptVersion], last: date) -> list[DayReturns]:
        return [course.until(last) for course in self._made.of(versions)]


class Remembered:
    """What earlier reflections tried, as of a day."""

    def __init__(self, kept: Reflections, reflection: str, until: date) -> None:
        self._kept, self._reflection, self._until = kept, reflection, until

    def rejected(self) -> list[Rule]:
        """Rules not to be tried again yet."""
        return self._kept.rejected(until=self._until, but=self._reflection)


class Guarded(NamedTuple):
    """What a week's look at the versions brought: the record's entry, and a move, if any."""

    told: Record | None
    move: Record | None


class Walk:
    """Takes an evolution from week to week.

    Args:
        home: Its folder.
        settings: With prompts, results and journal of this evolution.
        ready: The version it began under, prepared over the whole period.
        db: Its journal.
        courses: What versions did.
        rest: Weeks from a reflection that had nothing to test to the next one.
        tell: Told of each piece of work.
    """

    def __init__(
        self,
        home: Home,
        settings: Settings,
        ready: Prepared,
        db: DatabaseManager,
        courses: Courses,
        *,
        rest: int = 1,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._home = home
        self._rest = rest
        self._settings = settings
        self._ready = ready
        self._db = db
        self._courses = courses
        self._tell = tell
        self._now = datetime.min
        catalogue = {feature.name: feature for feature in FEATURES}
        self.prompts = PromptStore(
            settings.folder("prompts"), catalogue=catalogue, clock=self._clock
        )
        self._gate = Gate(db, settings.gate, self._clock)
        self._trips: dict[str, Material] = {}
        self._versions: dict[int, PromptVersion] = {}
        self._conduct: dict[tuple[str, date], list[LiveConduct]] = {}

    def version(self, number: int) -> PromptVersion:
        """A sealed version, read and checked once."""
        if number not in self._versions:
            self._versions[number] = self.prompts.load(number)
        return self._versions[number]

    def _clock(self) -> datetime:
        return self._now

    def week(self, week: Week, now: Standing) -> Record:
        """What the week and its Sunday brought. Done again it gives the same."""
        self._now = week.evening
        self._tell(f"week {week.number}")
        champion = self.version(now.champion)
        if self._run_of(champion) not in self._trips:
            self._courses.journaled(champion, self._db, self._run_of(champion))
        record: Record = {
            "week": week.number,
            "first": week.sessions[0].isoformat(),
            "last": week.sessions[-1].isoformat(),
            "version": champion.number,
            "figures": self._figures(champion, week),
            "guard": None, "shadows": [], "shadowed": [], "unshadowed": [], "move": None,
            "step": "", "windows": None, "next_test": None, "tested": False, "learning": None,
        }  # fmt: skip
        guard = self._guard(week, now)
        record["guard"], record["move"] = guard
        if record["move"] is None:
            self._shadows(week, now, record)
        if record["move"] is None:
            self._learn(week, now, champion, record)
        move = record["move"]
        if move is not None and move["kind"] == "demotion":
            why = rollback_words(move["reasons"], "ko")
            self.prompts.rollback(move["to"], reason=f"강등: {why} ({week.evening.date()})")
        record["after"] = champion.number if move is None else move["to"]
        return record

    def _run_of(self, version: PromptVersion) -> str:
        return f"{self._home.folder.name}-v{version.number:04d}"

    def _figures(self, champion: PromptVersion, week: Week) -> Record:
        """M1 in little: the round trips that the version in force closed in this week."""
        run = self._run_of(champion)
        if run not in self._trips:
            self._trips[run] = Material(self._db, Scope(runs=(run,)), champion.policy)
        trips = self._trips[run].trips
        first, last = week.sessions[0].isoformat(), week.sessions[-1].isoformat()
        rows = np.array(
            [i for i, day in enumerate(trips.closed) if first <= day <= last], dtype=int
        )
        found = figures(trips, rows)
        return {name: found[name] for name in _WEEKLY}

    def _differences(self, one: Promotion, week: Week) -> list[tuple[date, float]]:
        """The version minus the one that it was compared with, on the week's sessions."""
        parent, own = (self.version(n) for n in (one.parent, one.number))
        before, after = self._courses.of([parent, own])
        last = week.sessions[-1]
        first = max(week.sessions[0], one.since)
        if first > last:
            return []
        days = [day for day in week.sessions if first <= day]
        gap = after.between(first, last) - before.between(first, last)
        return list(zip(days, gap.tolist(), strict=True))

    def _guard(self, week: Week, now: Standing) -> Guarded:
        """Step 9: the version in force against the one it replaced, and the days of the week.

        Of drift nothing is known here: every day is its own backtest.
        """
        one = now.promotions.get(now.champion)
        if one is None:
            return Guarded(None, None)
        decision = self._gate.guard_days(one.campaign, one.hash, self._differences(one, week))
        told = _bet(decision, "guard")
        days = self._lived(one, week)
        reasons = reasons_to_go_back(days, bet_of(decision), self._settings)
        if not reasons:
            return Guarded(told, None)
        self._gate.rolled_back(one.campaign, one.hash, reasons)
        move = {
            "kind": "demotion", "from": one.number, "to": one.parent, "campaign": one.campaign,
            "reasons": list(reasons), "evidence": told,
        }  # fmt: skip
        return Guarded(told, move)

    def _lived(self, one: Promotion, week: Week) -> list[LiveDay]:
        """The week's days under a version, in the books of its own replay.

        The deepest fall is below its peak since it came into force.
        """
        version = self.version(one.number)
        run = self._run_of(version)
        if (run, one.since) not in self._conduct:
            # No day depends on a later one, so the whole run is read once and cut by week.
            self._conduct[run, one.since] = conduct(self._db, {run: run}, one.since)
        (course,) = self._courses.of([version])
        days = [
            day._replace(breaches=day.breaches + course.breaches.count(day.session))
            for day in self._conduct[run, one.since]
            if week.sessions[0] <= day.session <= week.sessions[-1]
        ]
        return judged(days, self._settings, {})

    def _shadows(self, week: Week, now: Standing, record: Record) -> None:
        """Step 7: challengers on paper against the version in force; the first to pass moves it."""
        for one in now.shadows:
            decision = self._gate.shadow_days(one.campaign, one.hash, self._differences(one, week))
            told = {"version": one.number, **(_bet(decision, "shadow") or {})}
            record["shadows"].append(told)
            if decision.verdict in (Verdict.ASK_HUMAN, Verdict.PROMOTE):
                self.prompts.rollback(one.number, reason=f"모의 통과 ({one.campaign})")
                promotion = one._replace(since=week.monday)
                record["move"] = _promoted(now.champion, promotion, told)
                return
            if decision.verdict is not Verdict.WAIT:
                record["unshadowed"].append(one.number)

    def _learn(self, week: Week, now: Standing, champion: PromptVersion, record: Record) -> None:
        longest = champion.policy.max_holding_days or USUAL_HOLDING
        windows = windows_of(self._ready, self._settings, longest, week.sessions[-1])
        record["step"] = "short"
        if windows is None or windows.holdout is None:
            return
        used = [one for one in now.tested if one.last >= windows.holdout.first]
        if used:
            record["step"] = "waiting"
            record["next_test"] = _next_test(used, self._settings).isoformat()
            return
        if now.idle is not None and week.number < now.idle + self._rest:
            record["step"] = "resting"
            return
        record["step"] = "learned"
        record["windows"] = windows.as_json()
        bench = self._bench(champion, windows, longest)
        state = reflect(bench)
        update = state.get("update") or {"outcome": "no_trades", "candidates": [], "promoted": None}
        facts = learning_facts(
            bench, state, record["windows"], "", Reflections(self._db, clock=self._clock).all()
        )
        page = self._home.folder / "reflections" / bench.reflection / "learning.html"
        write_learning(facts, page, self._settings.lang)
        record["learning"] = _learnt(bench.reflection, state, update)
        record["tested"] = any(
            (one["ruling"] or {}).get("verdict", UNTESTED) != UNTESTED
            for one in update["candidates"]
        )
        self._settle(week, champion, update, record)

    def _bench(self, champion: PromptVersion, windows: Windows, longest: int) -> Workbench:
        chosen, until = self._settings.reflection, windows.development.last
        scope = Scope(until=until, runs=(self._run_of(champion),))
        material = Material(
            self._db, scope, champion.policy, chosen.horizon, self._tell,
            whole=self._trips[self._run_of(champion)],
        )  # fmt: skip
        options = Options(
            seed=chosen.seed,
            candidates=chosen.candidates,
            block=self._settings.gate.block,
            discovery_level=chosen.discovery_level,
            least_rows=chosen.least_rows,
            least_changed=chosen.least_changed,
            least_dates=chosen.least_dates,
        )
        reflection = reflection_id(material, champion, options)
        trial = CourseTrial(
            self._courses, self._gate, self.prompts, self._settings, self._ready.spec,
            self._ready.dataset.hash, windows, longest_holding=longest, tell=self._tell,
        )  # fmt: skip
        kept = Reflections(self._db, clock=self._clock)
        return Workbench(
            reflection, self._db, material, champion, self.prompts,
            StepStore(self._home.folder / "reflections" / reflection), options,
            Remembered(kept, reflection, until), trial=trial, tell=self._tell,
        )  # fmt: skip

    def _settle(
        self, week: Week, champion: PromptVersion, update: dict[str, Any], record: Record
    ) -> None:
        """Promotion, or the beginning of a shadow, as the rulings have it."""
        for one in update["candidates"]:
            ruling = one["ruling"] or {}
            campaign = (ruling.get("detail") or {}).get("campaign", "")
            promotion = Promotion(
                one["version"], one["hash"], campaign, champion.number, week.monday
            )
            if one["version"] == update["promoted"]:
                record["move"] = _promoted(champion.number, promotion, None)
            elif ruling.get("verdict") == Verdict.TO_SHADOW.value:
                self._gate.start_shadow(campaign, one["hash"])
                record["shadowed"].append(plain(promotion))


def _promoted(before: int, promotion: Promotion, evidence: Record | None) -> Record:
    return {
        "kind": "promotion", "from": before, "to": promotion.number,
        "campaign": promotion.campaign, "promotion": plain(promotion), "evidence": evidence,
    }  # fmt: skip


def _bet(decision: GateDecision, step: str) -> Record | None:
    """Wealth of a bet, as the decision tells it."""
    for reason in decision.reasons:
        if reason.step == step:
            return {"campaign": decision.campaign, **reason.numbers}
    return None


def _learnt(reflection: str, state: ReflectionState, update: dict[str, Any]) -> Record:
    """What the evolution's report shows of one reflection."""
    candidates = []
    for one in update["candidates"]:
        ruling = one["ruling"]
        if ruling is not None:
            detail = {n: v for n, v in ruling["detail"].items() if n not in ("course", "windows")}
            yearly = (ruling["detail"].get("course") or {}).get("yearly")
            ruling = {**ruling, "detail": {**detail, "yearly": yearly}}
        candidates.append({**one, "ruling": ruling})
    return {
        "reflection": reflection,
        "outcome": update["outcome"],
        "insights": state.get("analysis", {}).get("insights", [])[:_INSIGHTS],
        "accepted": len(state.get("accepted", [])),
        "refused": len(state.get("refused", [])),
        "candidates": candidates,
    }


def _next_test(used: Sequence[Window], settings: Settings) -> date:
    """The first day on which a whole holdout lies behind those that were used."""
    return add_sessions(max(one.last for one in used), settings.gate.holdout_days)
