"""Candidates before the gate: registered, replayed beside the champion, tested, looked at once.

Development days are those that reflection has learnt from; the holdout lies after them and is
replayed only inside the gate's one look. A candidate that has been tried before is answered from
the gate's ledger.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import orjson

from kisbt.config import Settings
from kisbt.errors import GateError
from kisbt.evidence.bootstrap import mean_interval
from kisbt.gate.constraints import Conduct
from kisbt.gate.decision import GateDecision, Verdict
from kisbt.gate.development import Evidence
from kisbt.gate.gate import Gate
from kisbt.gate.registry import Terms, Window
from kisbt.llm.cutoff import classify
from kisbt.reflection_graph.state import Candidate, Ruling
from kisbt.reflection_graph.update_system_logic import UNTESTED
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.paired import DayReturns, day_returns
from kisbt.run.spec import RunSpec

PASSED = {
    "holdout": (Verdict.TO_SHADOW, Verdict.WAIT, Verdict.ASK_HUMAN, Verdict.PROMOTE),
    "shadow": (Verdict.ASK_HUMAN, Verdict.PROMOTE),
}
"""Verdicts that let the pointer move, by the stage it waits for."""


class Windows(NamedTuple):
    """Days to learn and test on, and locked days after them (``None``: too little data)."""

    development: Window
    holdout: Window | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {n: w and w.model_dump(mode="json") for n, w in self._asdict().items()}


class GateTrial:
    """Meets ``reflection_graph.state.Trial``.

    Args:
        gate: The gate over the journal's ledger.
        prompts: Where versions lie: variants of earlier reflections are replayed, too.
        settings: Where things lie, and which stage moves the pointer.
        spec: How the champion runs; ``prompt``, ``first`` and ``last`` are set here.
        dataset: A lasting name of the data.
        windows: Development days and holdout.
        longest_holding: Sessions; sets block and embargo.
        jobs: Processes for replays.
        tell: Told what is going on.
    """

    def __init__(
        self,
        gate: Gate,
        prompts: PromptStore,
        settings: Settings,
        spec: RunSpec,
        dataset: str,
        windows: Windows,
        *,
        longest_holding: int = 0,
        jobs: int = 1,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._gate = gate
        self._prompts = prompts
        self._settings = settings
        self._spec = spec
        self._dataset = dataset
        self._windows = windows
        self._longest = longest_holding
        self._jobs = jobs
        self._tell = tell
        self._courses: dict[str, dict[str, Any]] = {}

    def run(
        self, reflection: str, champion: PromptVersion, candidates: Sequence[Candidate]
    ) -> list[Ruling]:
        """See ``Trial``. What the gate refuses to test is told as untested, with its reason."""
        try:
            return self._run(reflection, champion, candidates)
        except GateError as error:
            return [
                Ruling(c.version.number, UNTESTED, "undecided", False, None,
                       {"reason": error.message})
                for c in candidates
            ]  # fmt: skip

    def _run(
        self, reflection: str, champion: PromptVersion, candidates: Sequence[Candidate]
    ) -> list[Ruling]:
        terms = Terms(
            champion=champion.hash,
            dataset=self._dataset,
            development=self._windows.development,
            holdout=self._windows.holdout,
            seed=self._settings.reflection.seed,
            costs=_digest(self._spec.costs.model_dump(mode="json")),
            longest_holding=self._longest,
            after_cutoff=self._after_cutoff(),
            note=reflection,
        )
        campaign = self._gate.register_campaign(terms).id
        for candidate in candidates:
            self._gate.register(campaign, candidate.version.hash)
        changed = {c.version.hash: c.proposal["changed"] for c in candidates}
        best = self._test(campaign, champion, changed)
        # A variant of an earlier reflection may win the test; it is nobody's candidate here.
        if best is not None and best.verdict is Verdict.TO_HOLDOUT and best.version in changed:
            self._look(campaign, champion, best.version)
        return [self._ruling(c, self._gate.decision(campaign, c.version.hash)) for c in candidates]

    def _after_cutoff(self) -> bool:
        """Whether the model, if one decides, can have read none of the days."""
        llm = self._spec.llm
        if llm is None:
            return True
        known = self._settings.llm
        cutoff, margin = known.cutoffs.get(llm.model), known.cutoff_margin_days
        return classify(self._windows.development.first, cutoff, margin) == "after"

    def _test(
        self, campaign: str, champion: PromptVersion, changed: dict[str, float]
    ) -> GateDecision | None:
        window = self._windows.development
        by_hash = {version.hash: version for version in self._prompts.versions()}
        names = [one for one in self._gate.variants(campaign) if one in by_hash]
        for one in self._gate.variants(campaign):
            if one not in by_hash:
                self._gate.crashed(campaign, one, "the version is not in this store")
        self._tell(f"replay {1 + len(names)}")
        versions = [champion, *(by_hash[name] for name in names)]
        for version in versions:
            self._gate.require_registered(campaign, version.hash)
        ran = self._replays(versions, window.last)
        own = ran[0]
        if own.failed:
            raise GateError(f"the champion cannot be replayed: {own.failed}")
        whole = [(n, r) for n, r in zip(names, ran[1:], strict=True) if not r.failed]
        for name, result in zip(names, ran[1:], strict=True):
            if result.failed:
                self._gate.crashed(campaign, name, result.failed[:300])
        if not whole:
            return None
        self._tell("test")
        returns = [r.between(window.first, window.last) for _, r in whole]
        days = [d.isoformat() for d in own.days if window.first <= d <= window.last]
        base = own.between(window.first, window.last)
        for (name, _), values in zip(whole, returns, strict=True):
            if name in changed:
                self._courses[name] = _course(days, values - base)
        return self._gate.test(
            campaign,
            Evidence(
                versions=tuple(name for name, _ in whole),
                champion=own.between(window.first, window.last),
                returns=np.column_stack(returns),
                conduct={
                    name: Conduct(
                        turnover=r.turnover,
                        breaches=r.breaches,
                        changed_decisions=changed.get(name),
                    )
                    for name, r in whole
                },
                champion_conduct=Conduct(turnover=own.turnover, breaches=own.breaches),
            ),
        )

    def _look(self, campaign: str, champion: PromptVersion, version: str) -> None:
        window = self._windows.holdout
        if window is None:
            return
        challenger = next(v for v in self._prompts.versions() if v.hash == version)

        def open_holdout() -> np.ndarray:
            self._tell("holdout")
            ours, theirs = self._replays([champion, challenger], window.last)
            return np.asarray(
                theirs.between(window.first, window.last) - ours.between(window.first, window.last)
            )

        self._gate.look(campaign, version, open_holdout)

    def _replays(self, versions: Sequence[PromptVersion], last: date) -> list[DayReturns]:
        specs = [self._spec.model_copy(update={"prompt": v.number, "last": last}) for v in versions]
        return day_returns(specs, self._settings, jobs=self._jobs)

    def _ruling(self, candidate: Candidate, decision: GateDecision) -> Ruling:
        stage = self._settings.reflection.promote_on
        detail: dict[str, Any] = {
            "campaign": decision.campaign,
            "tier": decision.tier.value,
            "epoch": decision.epoch,
            "reasons": [reason.model_dump(mode="json") for reason in decision.reasons],
            "windows": self._windows.as_json(),
            "course": self._courses.get(candidate.version.hash),
        }
        return Ruling(
            candidate.version.number,
            decision.verdict.value,
            decision.claim.value,
            decision.verdict in PASSED[stage],
            decision.days_missing,
            detail,
        )


def _course(days: list[str], differences: np.ndarray) -> dict[str, Any]:
    """The difference over the development days: cumulated, and a year's with its 95 % interval."""
    year = 252
    found = mean_interval(differences)
    return {
        "days": days,
        "cumulated": [float(f"{v:.6g}") for v in np.cumsum(differences)],
        "yearly": [float(f"{v * year:.6g}") for v in (found.low, found.estimate, found.high)],
    }


def _digest(value: Any) -> str:
    body = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return "sha256:" + hashlib.sha256(body).hexdigest()
