"""What a learning report shows, gathered as plain data after a reflection."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from kisbt.domain.rules import EffectKind, Rule
from kisbt.journal.reflections import Reflection
from kisbt.reflection_graph.conditions import holds
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.state import ReflectionState, Workbench
from kisbt.rulebook.compare import compare_text


def learning_facts(
    bench: Workbench,
    state: ReflectionState,
    windows: dict[str, Any] | None,
    why_untried: str,
    earlier: Sequence[Reflection],
) -> dict[str, Any]:
    """The facts of ``report.learning.write_learning``."""
    update = state.get("update") or {"candidates": [], "outcome": "no_trades"}
    sealed = {version.number: version for version in bench.prompts.versions()}
    written = [c["version"] for c in update["candidates"] if c["version"] in sealed]
    return {
        "reflection": bench.reflection,
        "champion": bench.champion.number,
        "outcome": update["outcome"],
        "performance": state.get("performance"),
        "analysis": state.get("analysis"),
        "accepted": state.get("accepted"),
        "refused": state.get("refused"),
        "candidates": update["candidates"],
        "windows": windows,
        "why_untried": why_untried,
        "diffs": {n: compare_text(bench.champion, sealed[n]) for n in written},
        "came_true": [
            told
            for one in earlier
            if one.reflection_id != bench.reflection
            for told in _since(one, bench)
        ],
    }


def _since(one: Reflection, bench: Workbench) -> list[dict[str, Any]]:
    """For each rule an earlier reflection promoted: what its condition has meant since."""
    found = []
    for candidate in one.report.get("candidates", ()):
        raw = candidate["proposal"]["rule"]
        ruling = candidate.get("ruling") or {}
        if raw is None or candidate["version"] != one.report.get("promoted"):
            continue
        rule = Rule.model_validate(raw)
        after = date.fromisoformat(ruling["detail"]["windows"]["development"]["last"])
        rows, since = effect_since(rule, bench.material, after)
        insight = candidate["proposal"]["insight"]
        expected = next((i["effect"] for i in one.insights if i["id"] == insight), None)
        found.append(
            {
                "reflection": one.reflection_id,
                "rule": rule.id,
                "when": [c.model_dump() for c in rule.when],
                "rows": rows,
                "least": bench.options.least_rows,
                "expected": expected,
                "since": since,
                "held": since is not None and since < 0,
            }
        )
    return found


def effect_since(rule: Rule, material: Material, after: date) -> tuple[int, float | None]:
    """Rows after a day that the rule's condition holds for, and their mean against the others."""
    holding = rule.then.kind is EffectKind.FORCE_EXIT
    evidence = material.holdings if holding else material.entries
    fresh = evidence.day > np.datetime64(after, "D").astype(np.int64)
    mask = holds(rule.when, evidence.names, evidence.rows)
    under, others = evidence.outcome[fresh & mask], evidence.outcome[fresh & ~mask]
    if not len(under) or not len(others):
        return len(under), None
    return len(under), float(under.mean() - others.mean())
