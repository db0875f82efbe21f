"""Steps 2 to 5 on the development days: every registered version, one candidate, all numbers."""

import hashlib
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kisbt.config import GateSettings
from kisbt.evidence.betting import clip_width
from kisbt.evidence.ledoit_wolf import SharpeDifference, sharpe_difference
from kisbt.evidence.power import stream_days_missing
from kisbt.evidence.sharpe import annualised, deflated_sharpe, moments
from kisbt.evidence.signflip import MaxT, block_sign_flip
from kisbt.evidence.spa import spa
from kisbt.gate.constraints import Check, Conduct, hard_constraints
from kisbt.gate.decision import Claim
from kisbt.gate.selection import Selection, block_days, overfitting, select, vetoes

FloatArray = npt.NDArray[np.float64]


UNEQUAL = 0.10
"""Volatilities further apart than this are compared by Sharpe ratio, too."""


class Evidence(NamedTuple):
    """What the runs over the development days gave.

    ``champion`` [days] and ``returns`` [days, N] are daily net returns, after fees, tax, slippage
    and the model's cost, on the same days; ``versions`` are the N hashes. ``conduct`` is keyed by
    hash; ``champion_conduct`` is the champion's. Whoever leaves it out claims that there was
    nothing to report.
    """

    versions: tuple[str, ...]
    champion: FloatArray
    returns: FloatArray
    conduct: Mapping[str, Conduct] = {}
    champion_conduct: Conduct = Conduct(turnover=math.inf)

    @property
    def diffs(self) -> FloatArray:
        """Paired daily differences [days, N]."""
        found: FloatArray = np.asarray(self.returns, dtype=np.float64) - np.asarray(
            self.champion, dtype=np.float64
        ).reshape(-1, 1)
        return found

    def digest(self) -> str:
        """Hash of everything that is judged."""
        found = hashlib.sha256(repr((self.versions, self.champion_conduct)).encode())
        for version in self.versions:
            found.update(repr(self.conduct.get(version)).encode())
        for values in (self.champion, self.returns):
            found.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        return "sha256:" + found.hexdigest()


class VersionTest(NamedTuple):
    """One version's figures.

    ``mean`` a day, ``ir`` the yearly ratio of the difference, ``p`` step-down adjusted against
    ``level``, ``clip`` the width for a bet in shadow. ``claim`` is what the test on these days
    says; the holdout has not spoken yet.
    """

    version: str
    mean: float
    ir: float
    statistic: float
    p: float
    level: float
    skew: float
    dsr: float
    claim: Claim
    days_missing: int | None
    clip: float


class DevelopmentTest(NamedTuple):
    """Outcome of the development days; ``candidate`` is the version that it is about.

    ``sharpe`` compares the candidate's Sharpe ratio with the champion's (Ledoit & Wolf) where
    their volatilities differ by more than a tenth, because there a higher mean may be mere risk.
    It is a label, as ``spa`` is.
    """

    candidate: str
    passed: bool
    vetoed: bool
    p: float
    spa: float
    pbo: float | None
    trials: int
    days: int
    block: int
    checks: tuple[Check, ...]
    versions: tuple[VersionTest, ...]
    sharpe: SharpeDifference | None

    def of(self, version: str) -> VersionTest:
        """Figures of one version."""
        return next(row for row in self.versions if row.version == version)


def judge_development(
    evidence: Evidence,
    settings: GateSettings,
    *,
    seed: int,
    trials: int | None = None,
    longest_holding: int = 0,
    share: float = 1.0,
) -> DevelopmentTest:
    """Judge all versions together; the candidate is the best survivor that keeps the constraints.

    Args:
        evidence: Runs of every version registered for these days.
        settings: Levels and limits.
        seed: Of all random draws.
        trials: Versions ever registered, crashed ones included; at least N.
        longest_holding: Longest holding period in days.
        share: Part of the level this call may use.

    Raises:
        ValueError: arrays of unequal length, or values that are not finite.
    """
    diffs = _checked(evidence)
    trials = max(trials or 0, diffs.shape[1])
    block = block_days(settings, longest_holding)
    found = select(diffs, settings, seed=seed, longest_holding=longest_holding, share=share)
    overfit = overfitting(diffs, settings)
    veto = vetoes(overfit, trials, settings)
    chosen, checks = _candidate(evidence, found, settings, block, seed)
    worse = block_sign_flip(-diffs, block, settings.draws, seed)
    return DevelopmentTest(
        candidate=evidence.versions[chosen],
        passed=bool(found.survivors) and all(check.holds for check in checks) and not veto,
        vetoed=veto,
        p=float(found.test.adjusted[chosen]),
        spa=spa(diffs, mean_block=block, seed=seed).p_consistent,
        pbo=overfit.value if overfit else None,
        trials=trials,
        days=len(diffs),
        block=block,
        checks=checks,
        versions=_figures(evidence, diffs, found, worse, settings, trials),
        sharpe=_sharpe(evidence, chosen, block, seed),
    )


def _checked(evidence: Evidence) -> FloatArray:
    champion = np.asarray(evidence.champion, dtype=np.float64)
    returns = np.asarray(evidence.returns, dtype=np.float64)
    wanted = (len(champion), len(evidence.versions))
    if champion.ndim != 1 or returns.shape != wanted or 0 in wanted:
        raise ValueError(
            f"returns are {returns.shape}, not [days, versions] = {wanted} as the champion's "
            "days and the named versions have it"
        )
    if len(set(evidence.versions)) != len(evidence.versions):
        raise ValueError("a version is named twice")
    if not (np.isfinite(champion).all() and np.isfinite(returns).all()):
        raise ValueError("returns hold values that are not finite")
    return evidence.diffs


def _candidate(
    evidence: Evidence, found: Selection, settings: GateSettings, block: int, seed: int
) -> tuple[int, tuple[Check, ...]]:
    """The first survivor that keeps the constraints; else the best version, and what it broke."""
    first: tuple[int, tuple[Check, ...]] | None = None
    for position in found.survivors or (found.test.best,):
        version = evidence.versions[position]
        checks = hard_constraints(
            np.asarray(evidence.champion, dtype=np.float64),
            np.asarray(evidence.returns, dtype=np.float64)[:, position],
            evidence.conduct.get(version, Conduct()),
            evidence.champion_conduct,
            settings,
            block=block,
            seed=seed,
        )
        first = first or (position, checks)
        if all(check.holds for check in checks):
            return position, checks
    assert first is not None  # there is a version
    return first


def _sharpe(evidence: Evidence, chosen: int, block: int, seed: int) -> SharpeDifference | None:
    champion = np.asarray(evidence.champion, dtype=np.float64)
    own = np.asarray(evidence.returns, dtype=np.float64)[:, chosen]
    if len(own) < 2 * block or np.ptp(own) == 0 or np.ptp(champion) == 0:
        return None
    if abs(own.std() / champion.std() - 1) <= UNEQUAL:
        return None
    return sharpe_difference(own, champion, block=block, draws=1000, seed=seed)


def _figures(
    evidence: Evidence,
    diffs: FloatArray,
    found: Selection,
    worse: MaxT,
    settings: GateSettings,
    trials: int,
) -> tuple[VersionTest, ...]:
    sharpes = [moments(diffs[:, k]).sharpe for k in range(diffs.shape[1])]
    spread = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0
    rows = []
    for k, version in enumerate(evidence.versions):
        d = diffs[:, k]
        claim = Claim.UNDECIDED
        if k in found.survivors:
            claim = Claim.BETTER
        elif worse.adjusted[k] <= found.levels[k] and worse.statistics[k] > 0:
            claim = Claim.WORSE
        missing = None
        if claim is Claim.UNDECIDED:
            level = float(found.levels[k])
            missing = stream_days_missing(
                d, n_variants=diffs.shape[1], block=found.test.block, level=level
            )
        rows.append(
            VersionTest(
                version=version,
                mean=float(d.mean()),
                ir=annualised(sharpes[k]),
                statistic=float(found.test.statistics[k]),
                p=float(found.test.adjusted[k]),
                level=float(found.levels[k]),
                skew=float(found.test.skew[k]),
                dsr=deflated_sharpe(d, trials, spread),
                claim=claim,
                days_missing=missing,
                clip=clip_width(d, settings.clip_widths),
            )
        )
    return tuple(rows)
