"""Rules against one row of features: pure, and fast enough for every name at every tick.

Conditions are compiled once into one Python function per rule set. Only validated numbers and
quoted names reach its source, so a rule cannot smuggle code in.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, cast

from kisbt.domain.rules import NO_EFFECTS, Condition, EffectKind, Rule, RuleEffects

Row = Mapping[str, float | None]

_OPS = frozenset((">=", ">", "<=", "<", "==", "!="))


def evaluate(rules: Sequence[Rule], row: Row) -> RuleEffects:
    """What all ``rules`` together say of the name with the features ``row``.

    Compiles at every call; where the same rules meet many rows, use ``compile_rules``.
    """
    return compile_rules(rules)(row)


def compile_rules(rules: Sequence[Rule]) -> Callable[[Row], RuleEffects]:
    """Return a function from a feature row to the joint effects of ``rules``.

    A feature that is missing, ``None`` or NaN never satisfies a condition, ``!=`` included.
    Every rule id stands in ascending order, whatever the order of ``rules``. The tightest cap and
    the smallest factor win; ``capped_by`` and ``scaled_by`` name the rules that set them.
    """
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    if not ordered:
        return lambda row: NO_EFFECTS
    names = _variables(condition for rule in ordered for condition in rule.when)
    lines = ["def fired(row):", "    get = row.get"]
    lines += [f"    {variable} = get({name!r})" for name, variable in names.items()]
    lines += ["    mask = 0"]
    for index, rule in enumerate(ordered):
        lines += [f"    if {_all_hold(rule.when, names)}:", f"        mask |= {1 << index}"]
    lines += ["    return mask"]
    fired = cast(Callable[[Row], int], _build(lines, "fired"))
    known: dict[int, RuleEffects] = {0: NO_EFFECTS}

    def effects(row: Row) -> RuleEffects:
        mask = fired(row)
        found = known.get(mask)
        if found is None:
            found = combine([rule for i, rule in enumerate(ordered) if mask >> i & 1])
            known[mask] = found
        return found

    return effects


def compile_conditions(
    conditions: Sequence[Condition], *, needs: Literal["all", "any"] = "all"
) -> Callable[[Row], bool]:
    """Return a predicate: ``needs="all"`` conditions hold, or ``"any"`` one of them.

    Without conditions, ``"all"`` is true and ``"any"`` is false.
    """
    tests = [f"({_holds(c, f'(x := get({c.feature!r}))', 'x')})" for c in conditions]
    joined = (" and " if needs == "all" else " or ").join(tests) or str(needs == "all")
    lines = ["def holds(row):", "    get = row.get", f"    return {joined}"]
    return cast(Callable[[Row], bool], _build(lines, "holds"))


def combine(fired: Sequence[Rule]) -> RuleEffects:
    """The joint effect of rules that fired, given in ascending order of id."""

    def ids(kind: EffectKind, value: float | None = None) -> tuple[str, ...]:
        return tuple(r.id for r in fired if r.then.kind is kind and r.then.value == value)

    def tightest(kind: EffectKind) -> float | None:
        values = [r.then.value for r in fired if r.then.kind is kind and r.then.value is not None]
        return min(values, default=None)

    cap = tightest(EffectKind.CAP_WEIGHT)
    scale = tightest(EffectKind.SCALE_SIZE)
    return RuleEffects(
        block_buy=ids(EffectKind.BLOCK_BUY),
        force_exit=ids(EffectKind.FORCE_EXIT),
        cap_weight=cap,
        capped_by=ids(EffectKind.CAP_WEIGHT, cap),
        scale=1.0 if scale is None else scale,
        scaled_by=ids(EffectKind.SCALE_SIZE, scale),
        approval=ids(EffectKind.REQUIRE_APPROVAL),
    )


def _variables(conditions: Iterable[Condition]) -> dict[str, str]:
    names = sorted({condition.feature for condition in conditions})
    return {name: f"f{index}" for index, name in enumerate(names)}


def _all_hold(conditions: Sequence[Condition], names: Mapping[str, str]) -> str:
    variables = [names[condition.feature] for condition in conditions]
    return " and ".join(_holds(c, v, v) for c, v in zip(conditions, variables, strict=True))


def _holds(condition: Condition, first: str, again: str) -> str:
    """Source of one test; ``first`` and ``again`` are expressions for the feature's value."""
    if condition.op not in _OPS or not math.isfinite(condition.value):
        raise ValueError(f"not a condition: {condition!r}")
    test = f"{first} is not None and {again} {condition.op} {float(condition.value)!r}"
    return f"{test} and {again} == {again}" if condition.op == "!=" else test


def _build(lines: Sequence[str], name: str) -> object:
    namespace: dict[str, object] = {}
    exec("\n".join(lines), {"__builtins__": {}}, namespace)
    return namespace[name]
