"""``python -m benchmarks.learning noise|traps``: does it learn from noise, does it learn at all?

``noise``: structureless markets, a year of weekly reflections each. Counted are years that promote
anything. ``traps``: markets with one planted trap, 1,000 development days and 250 locked ones, then
a year that follows. Counted are markets whose planted condition is among the three strongest
patterns, whose candidate is promoted, and whose year afterwards beats the frozen version.

Seeds run in separate processes; finished ones are kept in ``--out`` (JSON lines) and not run again.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kisbt.config import Settings, load_settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.store import save_dataset
from kisbt.data.synth.traps import IR_3, TRAPS, TrapSpec, make_trap_market
from kisbt.domain.rules import Condition, Rule
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import Policy

Found = TypeVar("Found")

STRATEGY = Path(__file__).resolve().parents[1] / "strategies" / "llm_trader.py"
NOON = datetime(2026, 11, 24, 12)

POLICY = Policy(
    entry=(
        Condition(feature="volume_ratio", op=">=", value=1.8),
        Condition(feature="change_pct", op=">=", value=2.5),
    ),
    rank_by="volume_ratio",
    max_new_per_day=2,
    target_weight=0.1,
    max_holding_days=10,
)
"""Buys every surge, and so falls into every trap."""

TEXT = (
    "# 급등 매수\n\n위험 규칙: 현금 매수만 한다.\n\n<!-- kisbt:policy:begin -->\n"
    "<!-- kisbt:policy:end -->\n\n<!-- kisbt:rules:begin -->\n<!-- kisbt:rules:end -->\n\n"
    "출력 형식: JSON 하나.\n"
)

WARM, DEVELOPMENT, HOLDOUT, AFTER = 80, 1_000, 250, 250


def project(
    folder: Path, spec: TrapSpec, *, holdout: int, discovery: float | None = None
) -> Settings:
    """A project whose only version buys surges, and a market for it."""
    save_dataset(make_trap_market("market", spec), folder / "datasets")
    (folder / "kisbt.toml").write_text(
        f'[backtest]\ndata = "market"\nstrategy = "{STRATEGY.as_posix()}"\n'
        f"[gate]\nholdout_days = {holdout}\n"
        + (f"[reflection]\ndiscovery_level = {discovery}\n" if discovery else ""),
        encoding="utf-8",
    )
    settings = load_settings(folder / "kisbt.toml", {})
    add_version(settings)
    return settings


def add_version(settings: Settings, *rules: Rule) -> None:
    """Add the version that buys surges, under ``rules``, to a project's prompts."""
    catalogue = {feature.name: feature for feature in FEATURES}
    store = PromptStore(settings.folder("prompts"), catalogue=catalogue, clock=lambda: NOON)
    store.add(Draft(author="human", summary="급등 매수", policy=POLICY, rules=rules, text=TEXT))


def year_of_noise(
    seed: int, *, names: int, past: int, weeks: int, rest: int, discovery: float | None
) -> dict[str, Any]:
    """One structureless market: ``past`` sessions that are known, then weekly reflections.

    ``discovery`` loosens the search for patterns, so that the gate has something to refuse.
    """
    spec = TrapSpec(
        "chased_surge",
        0.0,
        reward=0.0,
        names=names,
        sessions=past + 5 * weeks + 10,
        seed=seed,
        spells=False,
    )
    with tempfile.TemporaryDirectory(prefix="kisbt-noise-") as folder:
        settings = project(Path(folder), spec, holdout=120, discovery=discovery)
        facts, _ = _evolve(settings, past, weeks, rest)
    return {
        "seed": seed,
        "promotions": facts["trials"]["promotions"],
        "tests": facts["trials"]["campaigns"],
        "versions": facts["trials"]["versions"],
        "learned": facts["weeks"]["learned"],
        "claim": (facts["against_frozen"] or {"claim": "undecided"})["claim"],
    }


def year_after_trap(kind: str, effect: float, seed: int, *, names: int) -> dict[str, Any]:
    """One market with a trap: reflect and test once it can be tested, then live a year."""
    past = WARM + DEVELOPMENT + HOLDOUT
    spec = TrapSpec(kind, effect, names=names, sessions=past + AFTER + 10, seed=seed)
    with tempfile.TemporaryDirectory(prefix="kisbt-trap-") as folder:
        settings = project(Path(folder), spec, holdout=HOLDOUT)
        facts, records = _evolve(settings, past, AFTER // 5, 4)
    learnt = next((record["learning"] for record in records if record["learning"]), None)
    insights = [] if learnt is None else learnt["insights"]
    move = next((record for record in records if record["move"]), None)
    figures = {} if learnt is None or not learnt["candidates"] else _first_test(learnt)
    accounts, against = facts["accounts"], facts["against_frozen"]
    gained = accounts["evolving"]["total_return"] - accounts["frozen"]["total_return"]
    return {
        "kind": kind,
        "effect": effect,
        "seed": seed,
        "found": _features(TRAPS[kind]) in [_features(one["when"]) for one in insights[:3]],
        "promoted": facts["trials"]["promotions"] > 0,
        "promoted_week": None if move is None else move["week"],
        "demoted": facts["trials"]["demotions"] > 0,
        "right_rule": move is not None and _right(move, kind, learnt),
        "beats": against is not None and gained > 0,
        "gained": gained,
        "claim": (against or {"claim": "undecided"})["claim"],
        **figures,
    }


def _evolve(
    settings: Settings, past: int, weeks: int, rest: int
) -> tuple[dict[str, Any], list[Any]]:
    from kisbt.data.store import load_dataset
    from kisbt.run.evolve import EvolveOrder, run_evolution

    days = load_dataset("market", settings.folder("datasets")).timeline.astype("datetime64[D]")
    first = days[past].item()
    order = EvolveOrder(first=first, weeks=weeks, seed=7, rest=rest, jobs=1)
    done = run_evolution(order, settings)
    return done.facts, done.records


def _first_test(learnt: dict[str, Any]) -> dict[str, Any]:
    for reason in (learnt["candidates"][0]["ruling"] or {"detail": {}})["detail"].get(
        "reasons", ()
    ):
        if reason["step"] == "max_t":
            return {"ir": reason["numbers"]["ir"], "p": reason["numbers"]["p"]}
    return {}


def _right(move: dict[str, Any], kind: str, learnt: dict[str, Any] | None) -> bool:
    """Whether the promoted rule rests on one of the planted features, in its direction."""
    for one in (learnt or {"candidates": []})["candidates"]:
        if one["version"] == move["move"]["to"] and one["proposal"]["rule"]:
            return bool(_features(one["proposal"]["rule"]["when"]) & _features(TRAPS[kind]))
    return False


def _features(when: Any) -> set[tuple[str, str]]:
    parts = [c if isinstance(c, Condition) else Condition.model_validate(c) for c in when]
    return {(c.feature, c.op[:1]) for c in parts}


def upper_bound(hits: int, of: int, level: float = 0.95) -> float:
    """Clopper-Pearson one-sided upper bound of a share."""
    from scipy.stats import beta

    return 1.0 if hits == of else float(beta.ppf(level, hits + 1, of - hits))


def noise_table(rows: list[dict[str, Any]]) -> str:
    """What structureless markets taught."""
    years, hits = len(rows), sum(row["promotions"] > 0 for row in rows)
    share = hits / years
    error = math.sqrt(share * (1 - share) / years)
    means = {n: np.mean([row[n] for row in rows]) for n in ("tests", "versions", "learned")}
    cost = np.mean([row["seconds"] for row in rows])
    return (
        "| years | promoting years | share | standard error | upper 95 % | reflections a year | "
        "tests a year | versions a year | CPU s a year |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        f"| {years} | {hits} | {share:.3f} | {error:.3f} | {upper_bound(hits, years):.3f} | "
        f"{means['learned']:.1f} | {means['tests']:.1f} | {means['versions']:.1f} | {cost:.1f} |\n"
    )


def trap_table(rows: list[dict[str, Any]]) -> str:
    """What planted traps taught, a line a kind and effect."""
    lines = [
        "| trap | effect | markets | mean IR found | in the top three | promoted | right rule | "
        "year after beats frozen, of all | of promoted | CPU s a market |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, effect in sorted({(row["kind"], row["effect"]) for row in rows}):
        mine = [row for row in rows if (row["kind"], row["effect"]) == (kind, effect)]
        passed = [row for row in mine if row["promoted"]]
        ratios = [row["ir"] for row in mine if row.get("ir") is not None]
        ratio = np.mean(ratios) if ratios else math.nan
        lines.append(
            f"| {kind} | {effect:g} | {len(mine)} | {ratio:.2f} | "
            + " | ".join(
                f"{np.mean([row[name] for row in mine]):.2f}"
                for name in ("found", "promoted", "right_rule", "beats")
            )
            + f" | {np.mean([row['beats'] for row in passed]) if passed else math.nan:.2f}"
            + f" | {np.mean([row['seconds'] for row in mine]):.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run what is missing of the wanted seeds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("what", choices=("noise", "traps"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--names", type=int, help="names a market; 12 for noise, 40 for traps")
    parser.add_argument("--kinds", default=",".join(IR_3))
    parser.add_argument("--scale", default="1", help="factors of the effects, by commas")
    parser.add_argument("--past", type=int, default=420)
    parser.add_argument("--rest", type=int, default=1, help="noise: weeks after an empty one")
    parser.add_argument("--discovery", type=float, help="noise: false discovery level of patterns")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="finished seeds, JSON lines")
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    if asked.what == "noise":
        names = asked.names or 12
        how = {"past": asked.past, "weeks": 52, "rest": asked.rest, "discovery": asked.discovery}
        wanted = [{"seed": s, "names": names, **how} for s in seeds]
    else:
        wanted = [
            {"kind": kind, "effect": round(IR_3[kind] * float(scale), 5), "seed": seed,
             "names": asked.names or 40}
            for seed in seeds for scale in asked.scale.split(",") for kind in asked.kinds.split(",")
        ]  # fmt: skip
    rows = _finished(asked.out)
    missing = [one for one in wanted if one not in [row["asked"] for row in rows]]
    for row in as_they_end(_one, [(asked.what, one) for one in missing], asked.jobs):
        rows.append(row)
        if asked.out:
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        print(json.dumps({k: v for k, v in row.items() if k != "asked"}), file=sys.stderr)
    mine = [row for row in rows if row["asked"] in wanted]
    print(noise_table(mine) if asked.what == "noise" else trap_table(mine))
    return 0


def _finished(path: Path | None) -> list[dict[str, Any]]:
    if path is None or not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def as_they_end(
    work: Callable[..., Found], wanted: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Found]:
    """``work(*one)`` for every one of ``wanted``, in ``jobs`` processes, in the order of ending."""
    if jobs == 1:
        return (work(*one) for one in wanted)
    from joblib import Parallel, delayed

    spread = Parallel(n_jobs=jobs, return_as="generator_unordered")
    return iter(spread(delayed(work)(*one) for one in wanted))


def _one(what: str, asked: dict[str, Any]) -> dict[str, Any]:
    started = time.process_time()
    row = year_of_noise(**asked) if what == "noise" else year_after_trap(**asked)
    return {**row, "asked": asked, "seconds": round(time.process_time() - started, 2)}


if __name__ == "__main__":
    sys.exit(main())
