"""Where a version stands, told from the ledger alone: the same entries, the same decision."""

import math
from typing import Any

from kisbt.config import GateSettings
from kisbt.errors import GateError
from kisbt.gate.decision import Claim, GateDecision, Reason, Tier, Verdict
from kisbt.gate.registry import Registry
from kisbt.gate.shadow import ShadowState, guard_state, shadow_state


def decision_of(
    registry: Registry, campaign: str, version: str, settings: GateSettings
) -> GateDecision:
    """The decision about one version.

    Args:
        registry: The ledger.
        campaign: Campaign id.
        version: Hash of the version.
        settings: For the figures of bets that still run.

    Raises:
        GateError: unknown campaign, or a version not registered in it.
    """
    own = registry.campaign(campaign)
    if version not in registry.variants(campaign):
        raise GateError(f"version {version[:19]} is not registered in campaign {campaign}")
    start = GateDecision(
        campaign=campaign, version=version, verdict=Verdict.KEEP, tier=Tier.E0, epoch=own.epoch
    )
    return _Story(registry, start, settings).told()


class _Story:
    def __init__(self, registry: Registry, now: GateDecision, settings: GateSettings) -> None:
        self._registry = registry
        self._now = now
        self._settings = settings

    def told(self) -> GateDecision:
        crashes = self._entries("crash")
        if crashes:
            self._add(Reason(step="crash", passed=False, numbers={"times": len(crashes)}))
        passed = self._development()
        if passed and self._holdout():
            self._shadow()
        self._guard()
        return self._now

    def _entries(self, kind: str, *, anyone: bool = False) -> list[dict[str, Any]]:
        version = None if anyone else self._now.version
        return [e.body for e in self._registry.entries(self._now.campaign, kind, version)]

    def _add(self, *reasons: Reason, **changes: Any) -> None:
        changes["reasons"] = (*self._now.reasons, *reasons)
        self._now = self._now.model_copy(update=changes)

    def _development(self) -> bool:
        terms = self._registry.campaign(self._now.campaign).terms
        tests = [
            body
            for body in self._entries("test", anyone=True)
            if any(row["version"] == self._now.version for row in body["versions"])
        ]
        if not tests:
            return False
        # A candidate that passed an earlier test of the campaign has passed.
        mine = [body for body in tests if body["candidate"] == self._now.version]
        body = next((one for one in mine if one["passed"]), (mine or tests)[-1])
        row = next(one for one in body["versions"] if one["version"] == self._now.version)
        candidate = body["candidate"] == self._now.version
        steps = [
            Reason(
                step="max_t",
                passed=row["p"] <= row["level"],
                numbers={key: row[key] for key in ("p", "level", "skew", "mean", "ir", "statistic")}
                | {"days": body["days"], "block": body["block"], "versions": len(body["versions"])},
            ),
            Reason(step="spa", numbers={"p": body["spa"]}),
            Reason(
                step="pbo",
                passed=not body["vetoed"]
                if body["trials"] >= self._settings.pbo_versions
                else None,
                numbers={"value": body["pbo"], "trials": body["trials"]},
            ),
            Reason(step="dsr", numbers={"value": row["dsr"], "trials": body["trials"]}),
        ]
        if candidate and body["sharpe"] is not None:
            steps.append(Reason(step="sharpe_difference", numbers=body["sharpe"]))
        checks = body["checks"] if candidate else []
        steps[:0] = [
            Reason(
                step=f"constraint:{check['name']}",
                passed=check["holds"],
                numbers={"found": check["found"], "limit": check["limit"]},
            )
            for check in checks
        ]
        broken = candidate and not all(check["holds"] for check in checks)
        vetoed = candidate and body["vetoed"] and row["p"] <= row["level"]
        worse = row["claim"] == Claim.WORSE
        self._add(
            *steps,
            tier=Tier.E1 if terms.after_cutoff else Tier.E0,
            verdict=Verdict.REJECT if broken or vetoed else Verdict.KEEP,
            claim=Claim.WORSE if worse else Claim.UNDECIDED,
            days_missing=row["days_missing"],
        )
        if not (candidate and body["passed"]):
            return False
        if not terms.after_cutoff:
            self._add(Reason(step="cutoff", passed=False))
            return False
        self._add(tier=Tier.E2, verdict=Verdict.KEEP)
        if terms.holdout is None:
            self._add(Reason(step="no_holdout", passed=False))
            return False
        return True

    def _holdout(self) -> bool:
        looks, results = self._entries("look"), self._entries("look_result")
        if not looks:
            if self._registry.closed(self._now.campaign):
                self._add(Reason(step="holdout_closed", passed=False))
            else:
                self._add(verdict=Verdict.TO_HOLDOUT)
            return False
        passed = bool(results) and results[-1]["passed"]
        numbers = {"level": looks[-1]["level"], "days": results[-1]["days"] if results else None}
        self._add(Reason(step="holdout", passed=passed, numbers=numbers))
        if passed:
            self._add(verdict=Verdict.TO_SHADOW, tier=Tier.E3, claim=Claim.BETTER)
        return passed

    def _shadow(self) -> None:
        begun = self._entries("shadow")
        if not begun:
            return
        champion = self._registry.campaign(self._now.campaign).terms.champion
        state = shadow_state(
            [body["d"] for body in self._entries("shadow_day")],
            self._clip(),
            self._settings,
            in_shadow=max(1, self._registry.in_shadow(champion)),
        )
        if self._entries("shadow_passed"):
            state = state._replace(passed=True, given_up=False)
        passed = True if state.passed else False if state.given_up else None
        self._add(_bet("shadow", state, passed), verdict=Verdict.WAIT)
        if state.given_up:
            self._add(verdict=Verdict.KEEP, claim=Claim.UNDECIDED)
        elif not state.passed:
            self._add(days_missing=_days_to(state))
        elif approvals := self._entries("approval"):
            self._add(
                Reason(step="approval", passed=True, numbers={"times": len(approvals)}),
                verdict=Verdict.PROMOTE,
                tier=Tier.E4,
            )
        else:
            self._add(verdict=Verdict.ASK_HUMAN)

    def _guard(self) -> None:
        days = [body["d"] for body in self._entries("guard_day")]
        if days:
            state = guard_state(days, self._clip(), self._settings)
            self._add(_bet("guard", state, not state.passed))
            if state.passed:
                self._add(verdict=Verdict.ROLL_BACK, claim=Claim.WORSE)
        if self._entries("rollback"):
            self._add(Reason(step="rollback", passed=False), verdict=Verdict.ROLL_BACK)

    def _clip(self) -> float:
        tests = self._entries("test")
        passed = next((body for body in tests if body["passed"]), tests[-1])
        row = next(one for one in passed["versions"] if one["version"] == self._now.version)
        return float(row["clip"])


def _bet(step: str, state: ShadowState, passed: bool | None) -> Reason:
    numbers: dict[str, float | None] = {
        "wealth": state.wealth,
        "needed": state.needed,
        "days": state.days,
        "clipped_share": state.clipped_share,
    }
    return Reason(step=step, passed=passed, numbers=numbers)


def _days_to(state: ShadowState) -> int | None:
    """Days until the wealth needed if it goes on growing as it did; ``None`` when it does not."""
    growth = math.log(state.wealth) / state.days if state.days and state.wealth > 0 else 0.0
    if growth <= 0:
        return None
    return math.ceil(math.log(state.needed / state.wealth) / growth)
