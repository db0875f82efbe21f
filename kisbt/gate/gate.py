"""The gate as one object: registers, tests, looks, follows in shadow, and remembers everything.

    gate = Gate(db, settings.gate)
    campaign = gate.register_campaign(Terms(champion=..., dataset=..., development=Window(...),
                                            holdout=Window(...), seed=7))
    gate.register(campaign.id, version)              # before the version runs, each of them
    gate.require_registered(campaign.id, version)    # the runner's first line
    gate.crashed(campaign.id, version, "why")        # a run that gave no returns
    decision = gate.test(campaign.id, Evidence(versions, champion, returns, conduct, ...))
    if decision.verdict == "promote_to_holdout":
        decision = gate.look(campaign.id, decision.version, lambda: holdout_differences)
    gate.start_shadow(campaign.id, version)
    decision = gate.shadow(campaign.id, version, day, difference)
    decision = gate.approve(campaign.id, version, "name")
    decision = gate.guard(campaign.id, version, day, difference)   # against its predecessor

``gate.variants(campaign.id)`` names all versions that ``test`` needs returns of: those of earlier
campaigns on overlapping development days too. Calling the same thing again is safe: a campaign, a
registration, a test of the same arrays and a shadow day are found again instead of repeated. A
look is not: the second one at the same holdout by the same version raises.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from kisbt.config import GateSettings
from kisbt.errors import GateError
from kisbt.gate.budget import look_level, may_test, require_complete
from kisbt.gate.decision import GateDecision, Verdict
from kisbt.gate.development import DevelopmentTest, Evidence, judge_development
from kisbt.gate.epoch import epoch_hash
from kisbt.gate.registry import Campaign, Registry, Terms, campaign_of, check_windows
from kisbt.gate.selection import look as look_at
from kisbt.gate.state import decision_of
from kisbt.journal.database import DatabaseManager
from kisbt.journal.experiments import ExperimentLedger, OpenLedger

FloatArray = npt.NDArray[np.float64]


class Gate:
    """The gate over one journal.

    Args:
        db: The journal that holds the ledger.
        settings: Levels and limits; their hash is part of every campaign.
        clock: Naive KST for entries; a walk through history hands in its own.
    """

    def __init__(
        self,
        db: DatabaseManager,
        settings: GateSettings,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.settings = settings
        self._ledger = ExperimentLedger(db, clock)

    def register_campaign(self, terms: Terms) -> Campaign:
        """Fix the terms before anything runs; the same terms give the same campaign again.

        Open holdouts that these development days overlap are closed: they are development data
        from now on.

        Raises:
            GateError: windows that overlap or are too short, or a holdout already developed on.
        """
        campaign = campaign_of(terms, epoch_hash(self.settings, terms.seed))
        with self._ledger.writing() as book:
            registry = Registry(book.entries())
            if registry.knows(campaign.id):
                return campaign
            check_windows(terms, self.settings)
            if seen := registry.seen_in_development(terms):
                raise GateError(
                    f"the holdout's days were development data of campaign {seen.id}",
                    hint=f"hold out days after {seen.terms.development.last}",
                )
            for opened in registry.opened_by(terms):
                book.append(opened.id, "closed", None, {"by": campaign.id})
            book.append(campaign.id, "campaign", None, campaign.model_dump(mode="json"))
        return campaign

    def campaign(self, campaign: str) -> Campaign:
        """A registered campaign.

        Raises:
            GateError: not registered.
        """
        return self._registry().campaign(campaign)

    def register(self, campaign: str, version: str) -> str:
        """Register a version before it runs; return its experiment's id.

        Raises:
            GateError: unknown campaign, one of another epoch, or the champion itself.
        """
        with self._ledger.writing() as book:
            registry = Registry(book.entries())
            own = self._current(registry, campaign)
            if version == own.terms.champion:
                raise GateError(f"{version} is the champion and cannot challenge itself")
            return self._register(book, registry, own, version)

    def require_registered(self, campaign: str, version: str) -> None:
        """Refuse to run what was not registered first. The champion may always run.

        Raises:
            GateError: unknown campaign or version, or another epoch.
        """
        registry = self._registry()
        own = self._current(registry, campaign)
        if version != own.terms.champion and version not in registry.variants(campaign):
            raise GateError(
                f"version {version[:19]} is not registered in campaign {campaign}",
                hint="every version counts as a trial: register it before it runs",
            )

    def crashed(self, campaign: str, version: str, why: str) -> None:
        """Note that a registered version gave no returns. It stays a trial.

        Raises:
            GateError: not registered, or another epoch.
        """
        self.require_registered(campaign, version)
        with self._ledger.writing() as book:
            book.append(campaign, "crash", version, {"why": why})

    def variants(self, campaign: str) -> list[str]:
        """Versions that ``test`` must be given, in order of registration."""
        return self._registry().variants(campaign)

    def test(self, campaign: str, evidence: Evidence) -> GateDecision:
        """Steps 2 to 5 over all variants; the decision is about the candidate.

        Raises:
            GateError: a variant is missing or was never registered, the tests on this holdout
                are used up, or another epoch.
            ValueError: arrays that do not fit or are not finite.
        """
        registry = self._registry()
        own = self._current(registry, campaign)
        digest = evidence.digest()
        for entry in registry.entries(campaign, "test"):
            if entry.body["evidence"] == digest:
                return decision_of(registry, campaign, entry.body["candidate"], self.settings)
        known, given = registry.variants(campaign), set(evidence.versions)
        require_complete(known, given, registry.crashed(campaign))
        found = judge_development(
            evidence,
            self.settings,
            seed=own.terms.seed,
            trials=len(known),
            longest_holding=own.terms.longest_holding,
            share=1 / own.terms.tests,
        )
        with self._ledger.writing() as book:
            registry = Registry(book.entries())
            may_test(registry, own, self.settings)
            for version in evidence.versions:
                self._register(book, registry, own, version)
            spent = self.settings.level / own.terms.tests
            body = {"evidence": digest, "level": spent, **_plain(found)}
            book.append(campaign, "test", found.candidate, body)
            decisions = self._conclude(book, campaign, evidence.versions)
        return decisions[found.candidate]

    def look(
        self, campaign: str, version: str, open_holdout: Callable[[], FloatArray]
    ) -> GateDecision:
        """Step 6: the one look. ``open_holdout`` gives the differences [days], read only here.

        The look is written, durably, before the holdout is opened: a crash spends it.

        Raises:
            GateError: the version did not pass the test, has looked before, the holdout is used
                up or closed, or another epoch.
        """
        with self._ledger.writing() as book:
            registry = Registry(book.entries())
            own = self._current(registry, campaign)
            level = look_level(registry, own, version, self.settings)
            book.append(campaign, "look", version, {"level": level})
        passed, body = False, {"level": level, "days": 0, "evidence": "", "error": ""}
        try:
            values = np.asarray(open_holdout(), dtype=np.float64)
            if values.ndim != 1 or len(values) < self.settings.holdout_days:
                raise ValueError(f"holdout differences are {values.shape}, too few or not [days]")
            found = look_at(
                values,
                self.settings,
                level=level,
                seed=own.terms.seed,
                longest_holding=own.terms.longest_holding,
            )
            passed = found.passed
            digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
            body |= {"days": len(values), "evidence": f"sha256:{digest}"}
        except BaseException as error:
            body["error"] = f"{type(error).__name__}: {error}"[:500]
            raise
        finally:
            with self._ledger.writing() as book:
                # Pass or fail and nothing else: a p-value would teach the next proposal.
                book.append(campaign, "look_result", version, {"passed": passed, **body})
                decisions = self._conclude(book, campaign, [version])
        return decisions[version]

    def start_shadow(self, campaign: str, version: str) -> GateDecision:
        """Step 7 begins: the challenger runs on paper beside the champion.

        Raises:
            GateError: the holdout was not passed, or another epoch.
        """
        wanted = (Verdict.TO_SHADOW, Verdict.WAIT)
        return self._step(campaign, version, wanted, "shadow", {})

    def shadow(self, campaign: str, version: str, day: date, difference: float) -> GateDecision:
        """Settle one shadow day: challenger minus champion, net. A known day is not counted twice.

        Raises:
            GateError: not in shadow, a day out of order, or another epoch.
        """
        return self.shadow_days(campaign, version, [(day, difference)])

    def shadow_days(
        self, campaign: str, version: str, days: Sequence[tuple[date, float]]
    ) -> GateDecision:
        """``shadow`` for several days at once, oldest first."""
        return self._days(campaign, version, "shadow_day", days, (Verdict.WAIT,))

    def approve(self, campaign: str, version: str, by: str) -> GateDecision:
        """Step 8: a person lets the version trade.

        Raises:
            GateError: nothing to approve, or another epoch.
        """
        wanted = (Verdict.ASK_HUMAN, Verdict.PROMOTE)
        return self._step(campaign, version, wanted, "approval", {"by": by})

    def guard(self, campaign: str, version: str, day: date, difference: float) -> GateDecision:
        """Settle one day of a version in force against its predecessor; may say ``roll_back``.

        Raises:
            GateError: the version was never let through to shadow, or another epoch.
        """
        return self.guard_days(campaign, version, [(day, difference)])

    def guard_days(
        self, campaign: str, version: str, days: Sequence[tuple[date, float]]
    ) -> GateDecision:
        """``guard`` for several days at once, oldest first."""
        wanted = (Verdict.TO_SHADOW, Verdict.WAIT, Verdict.ASK_HUMAN, Verdict.PROMOTE)
        return self._days(campaign, version, "guard_day", days, wanted)

    def rolled_back(self, campaign: str, version: str, reasons: tuple[str, ...]) -> GateDecision:
        """Note that the pointer went back to the parent, and why.

        Raises:
            GateError: unknown campaign or version.
        """
        return self._step(campaign, version, tuple(Verdict), "rollback", {"reasons": reasons})

    def decision(self, campaign: str, version: str) -> GateDecision:
        """Where a version stands now.

        Raises:
            GateError: unknown campaign or version.
        """
        return decision_of(self._registry(), campaign, version, self.settings)

    def _registry(self) -> Registry:
        return Registry(self._ledger.entries())

    def _current(self, registry: Registry, campaign: str) -> Campaign:
        own = registry.campaign(campaign)
        if own.epoch != epoch_hash(self.settings, own.terms.seed):
            raise GateError(
                f"campaign {campaign} belongs to another epoch: the gate's settings or code have "
                "changed since it was registered",
                hint="its open evidence is void; register a new campaign",
            )
        return own

    def _register(self, book: OpenLedger, registry: Registry, own: Campaign, version: str) -> str:
        for entry in registry.entries(own.id, "variant", version):
            return str(entry.body["experiment"])
        experiment = book.register(
            own.id,
            registration=own.epoch,
            champion=own.terms.champion,
            challenger=version,
            dataset=own.terms.dataset,
            terms=own.terms.model_dump(mode="json"),
        )
        book.append(own.id, "variant", version, {"experiment": experiment})
        return experiment

    def _step(
        self,
        campaign: str,
        version: str,
        wanted: tuple[Verdict, ...],
        kind: str,
        body: dict[str, Any],
    ) -> GateDecision:
        with self._ledger.writing() as book:
            registry = Registry(book.entries())
            self._current(registry, campaign)
            now = decision_of(registry, campaign, version, self.settings)
            if now.verdict not in wanted:
                raise GateError(f"version {version[:19]} stands at {now.verdict}: no {kind} now")
            if kind == "rollback" or not registry.entries(campaign, kind, version):
                if kind == "shadow":
                    body = {
                        "beside": registry.in_shadow(registry.campaign(campaign).terms.champion)
                    }
                book.append(campaign, kind, version, body)
            return self._conclude(book, campaign, [version])[version]

    def _days(
        self,
        campaign: str,
        version: str,
        kind: str,
        days: Sequence[tuple[date, float]],
        wanted: tuple[Verdict, ...],
    ) -> GateDecision:
        for day, difference in days:
            if not np.isfinite(difference):
                raise ValueError(f"a difference of {difference} on {day}")
        with self._ledger.writing() as book:
            registry = Registry(book.entries())
            self._current(registry, campaign)
            now = decision_of(registry, campaign, version, self.settings)
            known = [entry.body["day"] for entry in registry.entries(campaign, kind, version)]
            fresh = [(day, d) for day, d in days if day.isoformat() not in known]
            if not fresh:
                return now
            if now.verdict not in wanted:
                raise GateError(f"version {version[:19]} stands at {now.verdict}: no {kind} now")
            for day, difference in fresh:
                if known and day.isoformat() <= known[-1]:
                    raise GateError(f"{day} comes before {known[-1]}, which is settled already")
                known.append(day.isoformat())
                body = {"day": day.isoformat(), "d": float(difference)}
                book.append(campaign, kind, version, body)
            decision = self._conclude(book, campaign, [version])[version]
            if kind == "shadow_day" and decision.verdict is Verdict.ASK_HUMAN:
                # Challengers that begin later raise the wealth needed, but not afterwards.
                book.append(campaign, "shadow_passed", version, {})
            return decision

    def _conclude(
        self, book: OpenLedger, campaign: str, versions: Sequence[str]
    ) -> dict[str, GateDecision]:
        registry = Registry(book.entries())
        found = {}
        for version in versions:
            decision = decision_of(registry, campaign, version, self.settings)
            result = decision.model_dump(mode="json")
            for entry in registry.entries(campaign, "variant", version):
                book.conclude(entry.body["experiment"], decision.verdict.value, result)
            found[version] = decision
        return found


def _plain(found: DevelopmentTest) -> dict[str, Any]:
    return {
        **found._asdict(),
        "checks": [check._asdict() for check in found.checks],
        "versions": [row._asdict() for row in found.versions],
        "sharpe": found.sharpe and found.sharpe._asdict(),
    }
