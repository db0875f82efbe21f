"""M3, second half: which proposals are sound rules, new, and can be tested."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kisbt.data.features.catalogue import FEATURES
from kisbt.domain.rules import Condition, EffectKind, Rule
from kisbt.reflection_graph.conditions import LEARNABLE, holds
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.proposals import Proposal
from kisbt.reflection_graph.state import ReflectionState, Workbench
from kisbt.reflection_graph.steps import input_hash
from kisbt.reflection_graph.working import At, bench_of
from kisbt.rulebook.checks import check_data, check_words
from kisbt.rulebook.version import MAX_RULES, Policy, PromptVersion, features_used

SAME_ROWS = 0.95
"""Overlap (Jaccard) of the rows two rules fire on from which one is a copy of the other."""

_UNITS = {feature.name: feature.unit for feature in FEATURES}
_RANGES = {"fraction": (0.0, 1.0), "index": (0.0, 100.0), "ratio": (0.0, np.inf),
           "krw": (0.0, np.inf), "bars": (0.0, np.inf), "days": (0.0, np.inf),
           "pct": (-100.0, 1e4), "flag": (0.0, 1.0)}  # fmt: skip


def validate_rule_format(state: ReflectionState, runtime: At) -> ReflectionState:
    """Sort proposals into accepted and refused; the first few accepted ones become candidates.

    An accepted proposal has ``power`` false when too few dates differ for the gate to see
    anything: it is told, but not tried.
    """
    bench = bench_of(runtime)
    o = bench.options
    rejected = bench.memory.rejected()
    key = input_hash(
        "M3v", state["proposals"], bench.champion.hash, bench.material.fingerprint,
        o.least_changed, o.least_dates, o.candidates,
        [rule.model_dump(mode="json") for rule in rejected],
    )  # fmt: skip
    both = bench.steps.once(
        "validate_rule_format", key, lambda: _sorted(state["proposals"], bench, rejected)
    )
    return {"accepted": both["accepted"], "refused": both["refused"]}


def _sorted(
    proposals: Sequence[dict[str, Any]], bench: Workbench, rejected: Sequence[Rule]
) -> dict[str, list[dict[str, Any]]]:
    accepted: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for raw in proposals:
        proposal = Proposal.from_json(raw)
        faults = list(faults_of(proposal, bench.champion, bench.material, rejected))
        if raw["fires"] == 0 and not faults:
            faults.append("never fires on the journal's snapshots")
        if raw["changed"] < bench.options.least_changed and not faults:
            least = bench.options.least_changed
            faults.append(f"changes {raw['changed']:.1%} of decisions, below {least:.0%}")
        if faults:
            refused.append({**raw, "faults": faults})
            continue
        accepted.append({**raw, "power": raw["dates"] >= bench.options.least_dates})
    tried = [one for one in accepted if one["power"]][: bench.options.candidates]
    chosen = {id(one) for one in tried}
    return {
        "accepted": [{**one, "tried": id(one) in chosen} for one in accepted],
        "refused": refused,
    }


def faults_of(
    proposal: Proposal,
    champion: PromptVersion,
    material: Material,
    rejected: Sequence[Rule],
) -> Iterator[str]:
    """What speaks against a proposal, in words; nothing when it is sound."""
    after = proposal.apply(champion.rules)
    if len(after) > MAX_RULES:
        yield f"{len(after)} rules, at most {MAX_RULES} may live"
        return
    yield from _new_doubts(after, champion)
    rule = proposal.rule
    if rule is None:
        if not any(old.id == proposal.removes for old in champion.rules):
            yield f"{proposal.removes} is not in force"
        return
    for doubt in check_words(("because",), rule.because):
        yield doubt.message
    for condition in rule.when:
        yield from _range_fault(condition)
    for old in rejected:
        if _copies(rule, old, material):
            yield f"a copy of {old.id}, which was rejected before"
            return


def _new_doubts(after: Sequence[Rule], champion: PromptVersion) -> Iterator[str]:
    """Faults that the champion does not have already: fields, contradiction, subsumption."""
    catalogue = {feature.name: feature for feature in FEATURES}

    def doubts(policy: Policy, rules: tuple[Rule, ...]) -> list[tuple[str, str]]:
        declared = sorted({*champion.features, *features_used(policy, rules)})
        found = check_data(policy, rules, declared, catalogue)
        return [(one.code, one.message) for one in found]

    known = set(doubts(champion.policy, champion.rules))
    yield from (message for code, message in doubts(champion.policy, tuple(after))
                if (code, message) not in known)  # fmt: skip


def _range_fault(condition: Condition) -> Iterator[str]:
    if condition.feature not in LEARNABLE:
        yield f"'{condition.feature}' is no feature a rule may be learnt over"
        return
    low, high = _RANGES[_UNITS[condition.feature]]
    if not low <= condition.value <= high:
        yield f"{condition.feature} {condition.op} {condition.value:g} is outside {low:g}..{high:g}"


def _copies(rule: Rule, old: Rule, material: Material) -> bool:
    """Same effect, and the same rows but for a twentieth."""
    if (rule.then.kind, rule.then.value) != (old.then.kind, old.then.value):
        return False
    if rule.when == old.when:
        return True
    holding = rule.then.kind is EffectKind.FORCE_EXIT
    rows = material.holdings if holding else material.entries
    ours, theirs = (holds(one.when, rows.names, rows.rows) for one in (rule, old))
    union = int((ours | theirs).sum())
    return union > 0 and int((ours & theirs).sum()) / union >= SAME_ROWS
