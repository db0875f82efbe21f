"""How often the gate promotes a useless version, and how often it finds a better one: measured.

A campaign is one draw of a world (``nulls``) judged by the functions that judge real evidence
(``selection``). Other rules for choosing a version are judged on the same draws for comparison.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from kisbt.config import GateSettings
from kisbt.evidence.sharpe import annualised, deflated_sharpe, moments
from kisbt.evidence.spa import spa
from kisbt.gate.nulls import KINDS, Kind, champion, differences
from kisbt.gate.selection import look, overfitting, select, vetoes

FloatArray = npt.NDArray[np.float64]

GATE = "gate"
ADOPTED = "sign-flip + skew clause + holdout"
CALIBRATED = 0.015
"""Most a false promotion may happen per campaign, by the upper 95 % bound."""


class Cell(NamedTuple):
    """A world and a size: development days, then holdout days; ``ir`` of the first version."""

    kind: Kind
    versions: int
    days: int = 500
    holdout: int = 125
    ir: float = 0.0


class Rate(NamedTuple):
    """Share of campaigns in which a rule promoted, its standard error and upper 95 % bound."""

    cell: Cell
    rule: str
    promoted: int
    campaigns: int

    @property
    def rate(self) -> float:
        """Promotions over campaigns."""
        return self.promoted / self.campaigns

    @property
    def error(self) -> float:
        """Binomial standard error."""
        return math.sqrt(self.rate * (1 - self.rate) / self.campaigns)

    @property
    def upper(self) -> float:
        """One-sided exact (Clopper-Pearson) 95 % bound."""
        if self.promoted == self.campaigns:
            return 1.0
        return float(betaincinv(self.promoted + 1, self.campaigns - self.promoted, 0.95))

    @property
    def lower(self) -> float:
        """The same from below."""
        if self.promoted == 0:
            return 0.0
        return float(betaincinv(self.promoted, self.campaigns - self.promoted + 1, 0.05))

    def as_json(self) -> dict[str, object]:
        """Everything as one flat object."""
        return {
            **self.cell._asdict(),
            "rule": self.rule,
            "promoted": self.promoted,
            "campaigns": self.campaigns,
            "rate": self.rate,
            "error": self.error,
            "upper95": self.upper,
        }


def run_campaign(
    cell: Cell, settings: GateSettings, seed: Sequence[int], *, rules: bool, with_spa: bool
) -> dict[str, bool]:
    """Which rules promote in one campaign. With an ``ir`` only the better version counts."""
    rng = np.random.default_rng(seed)
    world = differences(cell.kind, cell.days + cell.holdout, cell.versions, rng, cell.ir)
    development, held_out = world[: cell.days], world[cell.days :]
    flips = int(rng.integers(2**62))
    found = select(development, settings, seed=flips)
    best = found.test.best

    def confirmed(version: int) -> bool:
        level = settings.holdout_level
        return look(held_out[:, version], settings, level=level, seed=flips + 1).passed

    def counts(version: int) -> bool:
        return cell.ir == 0 or version == 0

    passed = bool(found.survivors) and counts(found.survivors[0]) and confirmed(found.survivors[0])
    outcome = {
        ADOPTED: passed,
        GATE: passed and not vetoes(overfitting(development, settings), cell.versions, settings),
    }
    if rules:
        flip = found.test.p <= 0.05 and counts(best)
        outcome["sign-flip <= .05"] = flip
        outcome["sign-flip <= .05 + holdout"] = flip and confirmed(best)
        outcome |= _naive_rules(development, rng)
    if with_spa:
        p = spa(development, mean_block=settings.block, draws=1000, seed=flips % 2**31).p_consistent
        leader = int(np.argmax(development.mean(axis=0) / development.std(axis=0)))
        outcome["SPA <= .05"] = p <= 0.05 and counts(leader)
        outcome["SPA <= .05 + holdout"] = outcome["SPA <= .05"] and confirmed(leader)
    return outcome


def _naive_rules(diffs: FloatArray, rng: np.random.Generator) -> dict[str, bool]:
    base = champion(len(diffs), rng)
    absolute = base[:, np.newaxis] + diffs
    own = [moments(absolute[:, k]).sharpe for k in range(diffs.shape[1])]
    apart = [moments(diffs[:, k]).sharpe for k in range(diffs.shape[1])]
    gain = annualised(max(own) - moments(base).sharpe)
    return {
        "higher return": bool(diffs.mean(axis=0).max() > 0),
        "Sharpe better by .2": gain >= 0.2,
        "deflated Sharpe >= .95, absolute": _deflated(absolute, own) >= 0.95,
        "deflated Sharpe >= .95, differences": _deflated(diffs, apart) >= 0.95,
    }


def _deflated(streams: FloatArray, sharpes: list[float]) -> float:
    spread = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0
    return deflated_sharpe(streams[:, int(np.argmax(sharpes))], len(sharpes), spread)


def measure(
    cell: Cell,
    settings: GateSettings,
    *,
    campaigns: int,
    seed: int,
    rules: bool = False,
    with_spa: bool = False,
    jobs: int = 1,
) -> list[Rate]:
    """Promotion rates of one cell, a row a rule. The result does not depend on ``jobs``."""
    bounds = np.linspace(0, campaigns, jobs * 4 + 1).astype(int) if jobs > 1 else [0, campaigns]
    parts = [(int(a), int(b)) for a, b in itertools.pairwise(bounds) if b > a]
    if jobs > 1:
        from joblib import Parallel, delayed

        counted = Parallel(n_jobs=jobs)(
            delayed(_count)(cell, settings, seed, part, rules, with_spa) for part in parts
        )
    else:
        counted = [_count(cell, settings, seed, part, rules, with_spa) for part in parts]
    names = list(counted[0])
    totals = {name: sum(part[name] for part in counted) for name in names}
    return [Rate(cell, name, totals[name], campaigns) for name in names]


def _count(
    cell: Cell,
    settings: GateSettings,
    seed: int,
    part: tuple[int, int],
    rules: bool,
    with_spa: bool,
) -> dict[str, int]:
    # The same world for every ratio: a curve over ratios is smooth, and cells do not share draws.
    place = [seed, KINDS.index(cell.kind), cell.versions, cell.days]
    totals: dict[str, int] = {}
    for number in range(*part):
        outcome = run_campaign(cell, settings, [*place, number], rules=rules, with_spa=with_spa)
        for name, promoted in outcome.items():
            totals[name] = totals.get(name, 0) + bool(promoted)
    return totals


SIZES = ((500, 125), (1000, 250))
"""Development and holdout days of the power tables."""


class Report(NamedTuple):
    """All that ``kisbt gate --calibrate`` measures."""

    nulls: list[Rate]
    rules: list[Rate]
    power: list[Rate]
    curve: list[Rate]

    @property
    def promise(self) -> Literal["kept", "open", "broken"]:
        """``kept`` by every upper bound, ``broken`` by a lower one, else ``open``."""
        if all(rate.upper <= CALIBRATED for rate in self.nulls):
            return "kept"
        return "broken" if any(rate.lower > CALIBRATED for rate in self.nulls) else "open"


def calibrate(
    settings: GateSettings,
    *,
    kinds: Sequence[Kind] = KINDS,
    campaigns: int = 3000,
    seed: int = 0,
    with_power: bool = True,
    with_spa: bool = False,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """False promotions under each null, other rules beside, power for ratios 1, 2, 3, a curve."""
    nulls, rules, power, curve = [], [], [], []

    def run(cell: Cell, **options: bool) -> list[Rate]:
        progress(f"{cell.kind}, {cell.versions} versions, {cell.days}+{cell.holdout}, ir {cell.ir}")
        return measure(cell, settings, campaigns=campaigns, seed=seed, jobs=jobs, **options)

    for kind in kinds:
        for versions in (5, 20):
            compared = kind == "iid"
            found = run(Cell(kind, versions), rules=compared, with_spa=compared and with_spa)
            nulls += [rate for rate in found if rate.rule == GATE]
            rules += found if compared else [rate for rate in found if rate.rule == ADOPTED]
    if with_power:
        for kind in (one for one in kinds if one in ("iid", "related")):
            for days, holdout in SIZES:
                for ir in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
                    found = run(Cell(kind, 5, days, holdout, ir))
                    rows = [rate for rate in found if rate.rule == GATE]
                    curve += rows
                    power += rows if ir in (1.0, 2.0, 3.0) else []
    return Report(nulls, rules, power, curve)
