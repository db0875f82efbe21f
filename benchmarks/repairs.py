"""``python -m benchmarks.repairs``: how good the best repair of a planted trap is.

A market with a trap is traded twice: by the policy that buys every surge, and by the same policy
under the one rule that is true there (no buy where the trap's condition holds). The yearly
information ratio of the difference is what the effects of ``IR_3`` are chosen by: about 3.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.learning import (
    AFTER,
    DEVELOPMENT,
    HOLDOUT,
    WARM,
    add_version,
    as_they_end,
    project,
)
from kisbt.data.synth.traps import IR_3, TRAPS, TrapSpec
from kisbt.domain.rules import Category, Effect, EffectKind, Rule
from kisbt.evidence.sharpe import annualised, sharpe_ratio
from kisbt.run.order import Order, specs_of
from kisbt.run.paired import day_returns


class Repair(NamedTuple):
    """``ir`` is yearly, over all sessions behind the warm-up; ``last`` over the last 500."""

    kind: str
    effect: float
    seed: int
    ir: float
    last: float


def best_repair(kind: str, effect: float, seed: int, names: int = 40) -> Repair:
    """Measure one market."""
    sessions = WARM + DEVELOPMENT + HOLDOUT + AFTER + 10
    spec = TrapSpec(kind, effect, names=names, sessions=sessions, seed=seed)
    with tempfile.TemporaryDirectory(prefix="kisbt-repair-") as folder:
        settings = project(Path(folder), spec, holdout=HOLDOUT)
        rule = Rule(
            id="R0001", category=Category.ENTRY, priority=1, when=TRAPS[kind],
            then=Effect(kind=EffectKind.BLOCK_BUY), because="planted",
        )  # fmt: skip
        add_version(settings, rule)
        base = specs_of(Order(), settings)[0]
        frozen, repaired = day_returns(
            [base.model_copy(update={"prompt": number}) for number in (1, 2)], settings
        )
    if frozen.failed or repaired.failed:
        raise AssertionError(frozen.failed or repaired.failed)
    gained = (repaired.returns - frozen.returns)[WARM:]
    whole, last = (annualised(sharpe_ratio(days)) for days in (gained, gained[-2 * HOLDOUT :]))
    return Repair(kind, effect, seed, whole, last)


def table(found: list[Repair]) -> str:
    """A line a kind and effect."""
    lines = [
        "| trap | effect | markets | IR of the best repair | standard error | lowest | highest |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, effect in sorted({(one.kind, one.effect) for one in found}):
        ratios = np.array([one.ir for one in found if (one.kind, one.effect) == (kind, effect)])
        error = ratios.std(ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else np.nan
        lines.append(
            f"| {kind} | {effect:g} | {len(ratios)} | {ratios.mean():.2f} | {error:.2f} | "
            f"{ratios.min():.2f} | {ratios.max():.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repairs", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--kinds", default=",".join(IR_3))
    parser.add_argument("--effects", default="", help="instead of the usual ones, by commas")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    wanted = [
        (kind, float(effect), seed)
        for kind in asked.kinds.split(",")
        for effect in (asked.effects or str(IR_3[kind])).split(",")
        for seed in range(1, asked.seeds + 1)
    ]
    found = []
    for one in as_they_end(best_repair, wanted, asked.jobs):
        print(json.dumps(one._asdict()), file=sys.stderr)
        found.append(one)
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
