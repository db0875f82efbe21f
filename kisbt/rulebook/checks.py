"""What the schema cannot say of a version's data: names, limits, and rules against each other."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from kisbt.domain.rules import Condition, Rule
from kisbt.rulebook.implication import BUY_STOPPERS, implies, impossible, subsumes
from kisbt.rulebook.version import (
    FEATURE_NAME,
    MARKET_FEATURES,
    MAX_RULES,
    FeatureInfo,
    Policy,
)
from kisbt.rulebook.yaml_source import Path

Catalogue = Mapping[str, FeatureInfo]


class Doubt(NamedTuple):
    """A finding before its path is turned into a line."""

    level: Literal["error", "warning"]
    code: str
    path: Path
    message: str
    hint: str | None = None


def check_data(
    policy: Policy,
    rules: Sequence[Rule],
    declared: Sequence[str],
    catalogue: Catalogue | None,
) -> Iterator[Doubt]:
    """Every fault of a version's data, in the order in which a reader meets them."""
    yield from _check_declared(declared, catalogue)
    yield from _check_used(policy, rules, declared)
    yield from _check_policy(policy)
    yield from _check_rules(rules)
    yield from _check_against_policy(policy, rules)


def check_words(path: Path, text: str) -> Iterator[Doubt]:
    """A text that lands in the prompt must be one printable line that opens no comment."""
    if not text.isprintable():
        yield Doubt("error", "text", path, f"{_name(path)} must be one line of printable text")
    elif "<!--" in text or "-->" in text:
        yield Doubt("error", "text", path, f"{_name(path)} must not contain an HTML comment")


def _check_declared(declared: Sequence[str], catalogue: Catalogue | None) -> Iterator[Doubt]:
    for index, name in enumerate(declared):
        path: Path = ("features", index)
        if name in declared[:index]:
            yield Doubt("error", "features", path, f"feature '{name}' is listed twice")
        elif not re.match(FEATURE_NAME, name):
            yield Doubt("error", "features", path, f"'{name}' cannot be a feature's name")
        elif catalogue is not None and name not in catalogue:
            near = difflib.get_close_matches(name, sorted(catalogue), n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see the feature catalogue"
            yield Doubt("error", "unknown-feature", path, f"unknown feature '{name}'", hint)
        elif catalogue is not None and not catalogue[name].history:
            yield Doubt(
                "warning",
                "live-only",
                path,
                f"feature '{name}' has no history: a backtest never sees it",
                "a version with live-only features cannot be replayed",
            )


def _check_used(policy: Policy, rules: Sequence[Rule], declared: Sequence[str]) -> Iterator[Doubt]:
    for path, name in _usages(policy, rules):
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "add it to the list"
            message = f"feature '{name}' is used but not listed under features"
            yield Doubt("error", "undeclared-feature", path, message, hint)


def _usages(policy: Policy, rules: Sequence[Rule]) -> Iterator[tuple[Path, str]]:
    for name in ("market", "entry", "avoid", "exits"):
        for index, condition in enumerate(getattr(policy, name)):
            yield ("policy", name, index), condition.feature
    yield ("policy", "rank_by"), policy.rank_by
    for place, rule in enumerate(rules):
        for index, condition in enumerate(rule.when):
            yield ("rules", place, "when", index), condition.feature


def _check_policy(policy: Policy) -> Iterator[Doubt]:
    for index, condition in enumerate(policy.market):
        if condition.feature not in MARKET_FEATURES:
            yield Doubt(
                "error",
                "market-feature",
                ("policy", "market", index),
                f"'{condition.feature}' differs from name to name and cannot gate the market",
                f"market-wide: {', '.join(MARKET_FEATURES)}",
            )
    gates: list[tuple[str, tuple[Condition, ...]]] = [
        ("market", policy.market),
        ("entry", (*policy.market, *policy.entry)),
    ]
    for name, conditions in gates:
        if feature := impossible(conditions):
            yield _contradiction(("policy", name), f"no value of '{feature}' satisfies {name}")
            return
    for name, blockers in (("avoid", policy.avoid), ("exits", policy.exits)):
        for index, condition in enumerate(blockers):
            if implies((*policy.market, *policy.entry), (condition,)):
                yield _contradiction(
                    ("policy", name, index), f"every name that may be bought meets this {name} line"
                )


def _check_rules(rules: Sequence[Rule]) -> Iterator[Doubt]:
    if len(rules) > MAX_RULES:
        yield Doubt(
            "error",
            "too-many-rules",
            ("rules", MAX_RULES),
            f"{len(rules)} rules, at most {MAX_RULES} may live",
            "drop or merge the weakest",
        )
    for index, rule in enumerate(rules):
        if any(rule.id == other.id for other in rules[:index]):
            yield Doubt("error", "duplicate-rule", ("rules", index, "id"), f"{rule.id} twice")
        if feature := impossible(rule.when):
            yield _contradiction(
                ("rules", index, "when"), f"{rule.id} never fires: no value of '{feature}' fits"
            )
        if rule.evidence.losers > rule.evidence.trades:
            yield Doubt(
                "error",
                "evidence",
                ("rules", index, "evidence"),
                f"{rule.id}: more losers ({rule.evidence.losers}) than trades",
            )
    possible = [(i, rule) for i, rule in enumerate(rules) if not impossible(rule.when)]
    for index, rule in possible:
        for other_index, other in possible:
            if other_index == index or other.id == rule.id or not subsumes(other, rule):
                continue
            if subsumes(rule, other) and other_index > index:
                continue  # equal rules: only the later one is superfluous
            yield Doubt(
                "error",
                "subsumed",
                ("rules", index),
                f"{rule.id} adds nothing to {other.id}",
                f"drop {rule.id}, or give it other conditions or a tighter effect",
            )
            break


def _check_against_policy(policy: Policy, rules: Sequence[Rule]) -> Iterator[Doubt]:
    entry = (*policy.market, *policy.entry)
    if impossible(entry):
        return
    for index, rule in enumerate(rules):
        if rule.then.kind in BUY_STOPPERS and implies(entry, rule.when):
            yield _contradiction(
                ("rules", index),
                f"{rule.id} ({rule.then.kind}) fires on every name that may be bought",
            )


def _contradiction(path: Path, message: str) -> Doubt:
    return Doubt("error", "contradiction", path, message, "correct one of the conditions")


def _name(path: Path) -> str:
    return ".".join(str(part) for part in path)
