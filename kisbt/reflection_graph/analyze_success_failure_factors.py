"""M2: what losers have in common that winners of the same day do not."""

from typing import Any

from kisbt.domain.rules import Condition
from kisbt.reflection_graph.conditions import holds
from kisbt.reflection_graph.evidence import Evidence
from kisbt.reflection_graph.insights import counterfactuals, insight_id, make_insight
from kisbt.reflection_graph.mining import Pattern, mine, question
from kisbt.reflection_graph.mistakes import read_mistakes
from kisbt.reflection_graph.state import ReflectionState, Workbench
from kisbt.reflection_graph.steps import input_hash
from kisbt.reflection_graph.working import At, bench_of

CONFIRMED = 0.01
"""One-sided p below which a condition that a model asked about counts as an insight."""


def analyze_success_failure_factors(state: ReflectionState, runtime: At) -> ReflectionState:
    """Mine entries and holdings, look at what was not bought, and let a model read the worst."""
    bench = bench_of(runtime)
    o = bench.options
    key = input_hash(
        "M2", bench.material.fingerprint, bench.champion.hash, bench.material.horizon, o.block,
        o.discovery_level, o.least_rows, o.seed, bench.asker is not None,
        state["performance"]["worst"],
    )  # fmt: skip
    name = "analyze_success_failure_factors"
    return {"analysis": bench.steps.once(name, key, lambda: _m2(state, bench))}


def _m2(state: ReflectionState, bench: Workbench) -> dict[str, Any]:
    material = bench.material
    found = [
        *(_insights(bench, material.entries)),
        *(_insights(bench, material.holdings)),
    ]
    found.sort(key=lambda insight: (-insight["priority"], insight["id"]))
    model = None
    if bench.asker is not None:
        performance = state["performance"]
        bench.tell("model")
        model = read_mistakes(bench.asker, performance["worst"], performance["best"], found)
        found += _confirmed(bench, model, {insight["id"] for insight in found})
    return {
        "horizon": material.horizon,
        "cost": material.cost,
        "judged": _size(material.entries),
        "held": _size(material.holdings),
        "insights": found,
        "counterfactuals": counterfactuals(material.entries),
        "live_rules": [_live_rule(bench, rule) for rule in bench.champion.rules],
        "model": model,
    }


def _insights(bench: Workbench, evidence: Evidence) -> list[dict[str, Any]]:
    bench.tell(f"mine {evidence.kind}")
    o = bench.options
    patterns = mine(evidence, block=bench.block, least=o.least_rows, level=o.discovery_level)
    return [
        make_insight(p, evidence, bench.material.trips, block=bench.block, seed=o.seed)
        for p in patterns
    ]


def _confirmed(bench: Workbench, model: dict[str, Any], known: set[str]) -> list[dict[str, Any]]:
    """Conditions of the model that the numbers bear out; the others are noted as discarded."""
    evidence = bench.material.entries
    found = []
    for asked in model["conditions"]:
        when = tuple(Condition.model_validate(c) for c in asked["when"])
        if insight_id("entry", when) in known:
            continue
        pattern = _ask(bench, evidence, when)
        tests = len(model["conditions"])
        if pattern.support >= bench.options.least_rows and pattern.p * tests <= CONFIRMED:
            insight = make_insight(
                pattern, evidence, bench.material.trips, block=bench.block, seed=bench.options.seed
            )
            found.append({**insight, "asked_by": "model"})
            known.add(insight["id"])
        else:
            model["discarded"].append(
                f"the journal does not bear it out: {' & '.join(_said(when))} (p {pattern.p:.3f})"
            )
    return found


def _live_rule(bench: Workbench, rule: Any) -> dict[str, Any]:
    """How the condition of a rule in force fares now: has its reason decayed?"""
    holding = rule.then.kind == "force_exit"
    evidence = bench.material.holdings if holding else bench.material.entries
    pattern = _ask(bench, evidence, rule.when)
    enough = pattern.support >= bench.options.least_rows
    return {
        "rule": rule.id,
        "kind": evidence.kind,
        "support": pattern.support,
        "mean": pattern.mean,
        "effect": pattern.effect,
        "t": pattern.t,
        "decayed": bool(enough and pattern.t > 0 and pattern.mean > 0),
    }


def _ask(bench: Workbench, evidence: Evidence, when: tuple[Condition, ...]) -> Pattern:
    mask = holds(when, evidence.names, evidence.rows)
    return question(evidence, when, mask, bench.block)


def _said(when: tuple[Condition, ...]) -> list[str]:
    return [f"{c.feature} {c.op} {c.value:g}" for c in when]


def _size(evidence: Evidence) -> dict[str, Any]:
    return {
        "rows": len(evidence),
        "days": len(set(evidence.day.tolist())),
        "mean": float(evidence.outcome.mean()) if len(evidence) else None,
        "loss_rate": float((evidence.outcome < 0).mean()) if len(evidence) else None,
    }
