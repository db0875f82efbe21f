"""What an evolution showed, as plain data: three accounts, two questions, and every decision."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kisbt.config import GateSettings, Settings
from kisbt.domain.rules import Rule
from kisbt.evidence.bootstrap import mean_interval
from kisbt.evidence.power import stream_days_missing
from kisbt.evidence.sharpe import annualised, sharpe_ratio
from kisbt.evidence.signflip import block_sign_flip
from kisbt.gate.selection import block_days
from kisbt.report.daily import SESSIONS_A_YEAR
from kisbt.rulebook.store import PromptStore
from kisbt.run.evolve_account import Accounts
from kisbt.run.evolve_courses import Course
from kisbt.run.evolve_state import Record
from kisbt.run.prepare import Prepared

Floats = NDArray[np.float64]
Facts = dict[str, Any]


def evolution_facts(
    name: str,
    ready: Prepared,
    records: Sequence[Record],
    traded: Accounts,
    prompts: PromptStore,
    settings: Settings,
) -> Facts:
    """The facts of ``report.evolution.write_evolution``; the same walk gives the same facts.

    Args:
        name: The evolution's id.
        ready: The first version over the whole period.
        records: Its weeks.
        traded: Its accounts.
        prompts: Its versions.
        settings: Levels and seed.
    """
    assert ready.version is not None
    evolving, frozen = _returns(traded.evolving), _returns(traded.frozen)
    levels = np.array(traded.market, dtype=np.float64)
    market = np.concatenate([[0.0], levels[1:] / levels[:-1] - 1.0])
    seed, gate = settings.reflection.seed, settings.gate
    longest = ready.version.policy.max_holding_days or 0
    block = block_days(gate, longest)
    learnt = [record["learning"] for record in records if record["learning"]]
    tried = [one for each in learnt for one in each["candidates"]]
    changed = traded.evolving is not traded.frozen
    rules = {n: prompts.load(n).rules for n in sorted({r["version"] for r in records})}
    return {
        "evolution": name,
        "dataset": {
            "name": ready.dataset.name,
            "hash": ready.dataset.hash,
            "synthetic": ready.dataset.manifest.synthetic,
            "names": len(ready.tape.tickers),
        },
        "start_version": ready.version.number,
        "end_version": records[-1]["after"],
        "cash": traded.frozen.cash,
        "days": [day.isoformat() for day in traded.frozen.days],
        "market_label": traded.market_label,
        "accounts": {
            "evolving": account_figures(evolving),
            "frozen": account_figures(frozen),
            "market": account_figures(market),
        },
        "against_frozen": judged(evolving - frozen, gate, block, seed) if changed else None,
        "against_market": judged(evolving - market, gate, block, seed),
        "frozen_against_market": judged(frozen - market, gate, block, seed),
        "level": gate.level,
        "block": block,
        "seed": seed,
        "trials": {
            "versions": len(tried),
            "campaigns": sum(record["tested"] for record in records),
            "looks": sum(_looked(one) for one in tried),
            "promotions": _count(records, "promotion"),
            "demotions": _count(records, "demotion"),
        },
        "weeks": {
            "all": len(records),
            **{
                step: sum(record["step"] == step for record in records)
                for step in ("learned", "resting", "waiting", "short")
            },
        },
        "records": list(records),
        "rules": _rules(records, rules),
        "alive": [len(rules[record["version"]]) for record in records],
    }


def judged(diff: Floats, gate: GateSettings, block: int, seed: int) -> Facts:
    """A stream of daily differences: a year's mean with its interval, and what may be said.

    ``claim`` is ``better`` or ``worse`` when the block sign-flip test holds at the gate's level,
    else ``undecided`` with the days that are missing until such a difference would be told, either
    way (``None``: not even then).

    Args:
        diff: Fractions, one a session.
        gate: Level, and the lower one for skewed differences.
        block: Sessions a block.
        seed: Of draws.
    """
    if len(diff) < 2 * block or not np.any(diff):
        return {"days": len(diff), "yearly": None, "p": None, "claim": "undecided",
                "days_missing": None, "ir": None}  # fmt: skip
    column = diff.reshape(-1, 1)
    up = block_sign_flip(column, block, gate.draws, seed)
    down = block_sign_flip(-column, block, gate.draws, seed)
    rising, falling = (
        gate.skew_level if skew < gate.skew_below else gate.level
        for skew in (float(up.skew[0]), float(down.skew[0]))
    )
    claim = "better" if up.p <= rising else "worse" if down.p <= falling else "undecided"
    missing = None
    if claim == "undecided":
        towards = diff if diff.mean() >= 0 else -diff
        missing = stream_days_missing(towards, n_variants=1, block=block, level=gate.level)
    found = mean_interval(diff, mean_block=block, seed=seed)
    return {
        "days": len(diff),
        "yearly": [_six(v * SESSIONS_A_YEAR) for v in (found.low, found.estimate, found.high)],
        "p": _six(float(up.p)),
        "claim": claim,
        "days_missing": missing,
        "ir": _six(annualised(sharpe_ratio(diff))),
    }


def account_figures(returns: Floats) -> Facts:
    """Total and yearly return, volatility, Sharpe ratio and the deepest fall, with its growth."""
    growth = np.cumprod(1.0 + returns)
    peak = np.maximum.accumulate(np.maximum(growth, 1.0))
    years = len(returns) / SESSIONS_A_YEAR
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return {
        "total_return": _six(float(growth[-1] - 1.0)),
        "cagr": _six(float(growth[-1] ** (1 / years) - 1.0)) if growth[-1] > 0 else -1.0,
        "annual_volatility": _six(spread * SESSIONS_A_YEAR**0.5),
        "sharpe": _six(annualised(sharpe_ratio(returns))) if spread else None,
        "max_drawdown": _six(float((growth / peak - 1.0).min())),
        "growth": [_six(float(v) - 1.0) for v in growth],
    }


def _returns(course: Course) -> Floats:
    levels = np.array([course.cash, *course.equity], dtype=np.float64)
    return np.asarray(levels[1:] / levels[:-1] - 1.0)


def _count(records: Sequence[Record], kind: str) -> int:
    return sum(record["move"] is not None and record["move"]["kind"] == kind for record in records)


def _looked(candidate: Record) -> bool:
    detail = (candidate["ruling"] or {}).get("detail") or {}
    return any(reason["step"] == "holdout" for reason in detail.get("reasons", ()))


def _rules(records: Sequence[Record], rules: Mapping[int, Sequence[Rule]]) -> list[Facts]:
    """Every rule that was ever in force: what it says, and in which weeks."""
    lives: dict[str, list[int]] = {}
    bodies: dict[str, Any] = {}
    for record in records:
        for rule in rules[record["version"]]:
            bodies[rule.id] = rule.model_dump(mode="json")
            lives.setdefault(rule.id, []).append(record["week"])
    return [{"rule": bodies[name], "weeks": weeks} for name, weeks in lives.items()]


def _six(value: float) -> float:
    """Six significant digits: pages and files stay the same across machines."""
    return float(f"{value:.6g}") + 0.0
