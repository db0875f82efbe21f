"""Small prompt versions, and hypothesis strategies for conditions, rules and whole drafts."""

from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kisbt.domain.rules import Category, Condition, Effect, EffectKind, Evidence, Rule
from kisbt.rulebook.checks import check_data
from kisbt.rulebook.draft import Draft, compose
from kisbt.rulebook.render import render_file
from kisbt.rulebook.version import Policy, features_used

FEATURES = (
    "change_pct",
    "volume_ratio",
    "ma20_gap_pct",
    "rsi14",
    "limit_up_streak",
    "volatility20_pct",
    "breadth",
    "market_mood",
)
OPS = (">=", ">", "<=", "<", "==", "!=")
AT = datetime(2026, 3, 2, 9, 30)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For properties that must not fail because the machine is busy."""

TEXT = """# 시험용 프롬프트

조건은 다음과 같습니다.

<!-- kisbt:policy:begin -->
<!-- kisbt:policy:end -->

동적 규칙은 다음과 같습니다.

<!-- kisbt:rules:begin -->
<!-- kisbt:rules:end -->

끝.
"""


def condition(text: str) -> Condition:
    """``"change_pct >= 12"`` as a condition."""
    feature, op, value = text.split()
    return Condition(feature=feature, op=op, value=float(value))


def rule(
    number: int, *when: str, then: str = "block_buy", value: float | None = None, **more: Any
) -> Rule:
    fields = {"category": Category.ENTRY, "priority": 5, "because": "시험"} | more
    return Rule(
        id=f"R{number:04d}",
        when=tuple(condition(text) for text in when),
        then=Effect(kind=EffectKind(then), value=value),
        **fields,
    )


def policy(**changes: Any) -> Policy:
    """A small policy; condition lists may be given as tuples of text."""
    fields: dict[str, Any] = {
        "entry": ("volume_ratio >= 2", "change_pct >= 2"),
        "exits": ("ma20_gap_pct < -3",),
        "rank_by": "volume_ratio",
        "max_new_per_day": 2,
        "target_weight": 0.1,
        "stop_loss_pct": 7,
    } | changes
    for name in ("market", "entry", "avoid", "exits"):
        if name in fields:
            fields[name] = tuple(condition(text) for text in fields[name])
    return Policy(**fields)


def draft(**changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "author": "human",
        "summary": "시험용 판",
        "policy": policy(),
        "rules": (rule(1, "limit_up_streak >= 1"),),
        "text": TEXT,
    }
    return Draft(**fields | changes)


numbers = st.one_of(
    st.integers(-200, 200).map(float),
    st.floats(-1e15, 1e15, allow_nan=False),
    st.floats(-1, 1, allow_nan=False),
)
conditions = st.builds(
    Condition, feature=st.sampled_from(FEATURES), op=st.sampled_from(OPS), value=numbers
)
words = st.text("가나 aR0\"'\\#:{}[]()`*|-%,.&!?~…→😀<>", min_size=1, max_size=20).filter(
    lambda text: "<!--" not in text and "-->" not in text
)
fractions = st.floats(0, 1, allow_nan=False)
effects = st.one_of(
    st.builds(Effect, kind=st.just(EffectKind.CAP_WEIGHT), value=fractions),
    st.builds(Effect, kind=st.just(EffectKind.SCALE_SIZE), value=fractions),
    st.sampled_from(
        [Effect(kind=EffectKind(k)) for k in ("block_buy", "force_exit", "require_approval")]
    ),
)
evidence = st.integers(0, 500).flatmap(
    lambda trades: st.builds(
        Evidence,
        trades=st.just(trades),
        losers=st.integers(0, trades),
        mean_return=st.none() | st.floats(-1, 10, allow_nan=False),
        source_runs=st.lists(words, max_size=2).map(tuple),
    )
)
ids = st.integers(1, 9999).map(lambda n: f"R{n:04d}")
rules = st.builds(
    Rule,
    id=ids,
    category=st.sampled_from(Category),
    priority=st.integers(1, 10),
    when=st.lists(conditions, min_size=1, max_size=3).map(tuple),
    then=effects,
    because=words,
    evidence=evidence,
)
bare_rules = st.builds(
    Rule,
    id=ids,
    category=st.just(Category.RISK),
    priority=st.just(5),
    when=st.lists(conditions, min_size=1, max_size=2).map(tuple),
    then=effects,
    because=st.just("시험"),
    evidence=st.just(Evidence()),
)
rule_sets = st.lists(rules, max_size=6, unique_by=lambda rule: rule.id).map(tuple)
bare_rule_sets = st.lists(bare_rules, max_size=6, unique_by=lambda rule: rule.id).map(tuple)
rows = st.dictionaries(st.sampled_from(FEATURES), st.none() | numbers | st.just(float("nan")))
percents = st.none() | st.floats(0.1, 99, allow_nan=False)
policies = st.builds(
    Policy,
    market=st.lists(
        conditions.filter(lambda c: c.feature in ("breadth", "market_mood")), max_size=2
    ).map(tuple),
    entry=st.lists(conditions, min_size=1, max_size=4).map(tuple),
    avoid=st.lists(conditions, max_size=3).map(tuple),
    exits=st.lists(conditions, max_size=3).map(tuple),
    rank_by=st.sampled_from(FEATURES),
    rank_order=st.sampled_from(["high", "low"]),
    max_new_per_day=st.integers(1, 20),
    target_weight=st.floats(0, 1, exclude_min=True),
    stop_loss_pct=percents,
    take_profit_pct=percents,
    trailing_stop_pct=percents,
    max_holding_days=st.none() | st.integers(1, 500),
    order=st.sampled_from(["market", "limit"]),
    limit_offset_pct=st.floats(-30, 30),
)


def consistent(made: Draft) -> bool:
    declared = features_used(made.policy, made.rules)
    return not list(check_data(made.policy, made.rules, declared, None))


drafts = st.builds(
    Draft,
    author=st.sampled_from(["human", "reflection"]),
    summary=words,
    evidence=st.lists(words, max_size=3).map(tuple),
    policy=policies,
    rules=rule_sets,
    text=st.just(TEXT),
).filter(consistent)


def file_text(made: Draft | None = None, number: int = 1) -> str:
    """A correct version file."""
    return render_file(compose(made or draft(), number, AT))
