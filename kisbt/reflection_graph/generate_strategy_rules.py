"""M3, first half: insights become rules, rules get neighbours, the undominated ones stay.

As in GEPA one component is mutated at a time and a Pareto set over slices (here regimes) is kept,
so that a rule that is best in falling markets is not lost to one that is best on average. All on
development rows; which of them is any good is for the gate to say.
"""

from collections.abc import Sequence
from typing import Any

from kisbt.domain.rules import EffectKind
from kisbt.reflection_graph.conditions import holds
from kisbt.reflection_graph.insights import insight_id
from kisbt.reflection_graph.korean import because
from kisbt.reflection_graph.mining import question
from kisbt.reflection_graph.proposals import Proposal, key_of, neighbours, rule_of
from kisbt.reflection_graph.scoring import Score, score
from kisbt.reflection_graph.state import ReflectionState, Workbench
from kisbt.reflection_graph.steps import input_hash
from kisbt.reflection_graph.working import At, bench_of
from kisbt.rulebook.version import MAX_RULES

GENERATIONS = 3
POPULATION = 24
BETTER = 1.05
"""A mutant replaces the rule it came from when its total gain is this much larger."""


def generate_strategy_rules(state: ReflectionState, runtime: At) -> ReflectionState:
    """Propose changes of the champion, one rule each, best first."""
    bench = bench_of(runtime)
    o = bench.options
    key = input_hash(
        "M3", state["analysis"], bench.champion.hash, bench.material.fingerprint, o.seed,
        o.candidates, o.least_changed, _next_number(bench),
    )  # fmt: skip
    return {
        "proposals": bench.steps.once("generate_strategy_rules", key, lambda: _m3(state, bench))
    }


def _m3(state: ReflectionState, bench: Workbench) -> list[dict[str, Any]]:
    champion = bench.champion.rules
    first = _seeds(state["analysis"], bench)
    scored = {key_of(p): (p, score(p, champion, bench.material)) for p in first}
    front = _pareto(list(scored.values()))
    for _ in range(GENERATIONS):
        fresh = [
            mutant
            for parent, _ in front
            for mutant in neighbours(parent)
            if key_of(mutant) not in scored
        ]
        for mutant in fresh[: POPULATION * 4]:
            scored.setdefault(key_of(mutant), (mutant, score(mutant, champion, bench.material)))
        front = _pareto(list(scored.values()))
    ranked = sorted(front, key=lambda one: (-one[1].total, key_text(one[0])))
    chosen = _one_an_insight(ranked, scored)
    number = _next_number(bench)
    told = []
    for place, (proposal, figures) in enumerate(chosen):
        named = _named(proposal, f"R{number + place:04d}", bench)
        told.append({**named.as_json(), **_figures(figures)})
    return told


def _seeds(analysis: dict[str, Any], bench: Workbench) -> list[Proposal]:
    """The plainest rule of every insight, and the retirement of rules whose reason decayed."""
    runs = tuple(source.run_id for source in bench.material.sources)[-5:]
    decayed = [one for one in analysis["live_rules"] if one["decayed"]]
    full = len(bench.champion.rules) >= MAX_RULES
    weakest = max(decayed, key=lambda one: (one["t"], one["rule"]))["rule"] if decayed else None
    found = []
    for insight in analysis["insights"]:
        matched = insight["matched"]
        if matched is not None and matched["effect"] >= 0:
            continue  # the same names without the condition did no better: not its doing
        if full and weakest is None:
            continue
        rule = rule_of(insight, "R9999", runs)
        removes = weakest if full else None
        found.append(Proposal("replace" if full else "add", rule, removes, insight["id"]))
    found += [Proposal("retire", None, one["rule"], None) for one in decayed]
    return found


def _pareto(scored: Sequence[tuple[Proposal, Score]]) -> list[tuple[Proposal, Score]]:
    """Undominated proposals, at most ``POPULATION``, the best in total first."""
    useful = [one for one in scored if one[1].gains and one[1].total > 0]
    front = [one for one in useful if not any(other[1].beats(one[1]) for other in useful)]
    front.sort(key=lambda one: (-one[1].total, key_text(one[0])))
    return front[:POPULATION]


def _one_an_insight(
    ranked: Sequence[tuple[Proposal, Score]],
    scored: dict[tuple[Any, ...], tuple[Proposal, Score]],
) -> list[tuple[Proposal, Score]]:
    """The best of each insight (or retirement), the best insight first."""
    best: dict[tuple[str | None, str | None], tuple[Proposal, Score]] = {}
    for proposal, figures in ranked:
        best.setdefault((proposal.insight, proposal.removes), (proposal, figures))
    return sorted(best.values(), key=lambda one: (-one[1].total, key_text(one[0])))


def _named(proposal: Proposal, rule_id: str, bench: Workbench) -> Proposal:
    """With its own id, and with reason and evidence that fit its conditions after mutation."""
    rule = proposal.rule
    if rule is None:
        return proposal
    holding = rule.then.kind is EffectKind.FORCE_EXIT
    evidence = bench.material.holdings if holding else bench.material.entries
    mask = holds(rule.when, evidence.names, evidence.rows)
    pattern = question(evidence, rule.when, mask, bench.block)
    said = because(
        {
            **{n: getattr(pattern, n) for n in
               ("kind", "support", "losers", "loss_rate", "effect", "t")},
            "matched": None,
            "id": proposal.insight or insight_id(pattern.kind, rule.when),
        }
    )  # fmt: skip
    trips = bench.material.trips
    under = holds(rule.when, trips.names, trips.features)
    results = trips.result[under]
    figures = rule.evidence
    if not holding and len(results):
        figures = rule.evidence.model_copy(
            update={
                "trades": len(results),
                "losers": int((results < 0).sum()),
                "mean_return": round(float(results.mean()), 6) + 0.0,
            }
        )
    return proposal._replace(
        rule=rule.model_copy(update={"id": rule_id, "because": said, "evidence": figures})
    )


def _figures(score: Score) -> dict[str, Any]:
    return {
        "gains": list(score.gains),
        "gain": score.total,
        "changed": score.changed,
        "dates": score.dates,
        "fires": score.fires,
    }


def key_text(proposal: Proposal) -> str:
    """A stable order for ties."""
    return repr(key_of(proposal))


def _next_number(bench: Workbench) -> int:
    """The first rule number that nothing before this reflection has used.

    Its own versions do not count: a reflection that is taken up again must name them the same.
    """
    earlier = [v for v in bench.prompts.versions() if bench.reflection not in v.evidence]
    used = [int(r.id[1:]) for v in earlier for r in v.rules]
    used += [int(r.id[1:]) for r in bench.memory.rejected()]
    return max([0, *(number for number in used if number < 9000)]) + 1
