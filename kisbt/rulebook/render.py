"""From data to the file: front matter and the Korean text of the generated sections.

The wording belongs to format 1 and is pinned by tests: sealed versions are compared with it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from kisbt.domain.rules import Condition, Effect, EffectKind, Evidence, Rule
from kisbt.rulebook.schema import FORMAT, KST
from kisbt.rulebook.sections import SectionName
from kisbt.rulebook.version import Policy, PromptVersion
from kisbt.rulebook.wording import CATEGORIES, EFFECTS, WORDINGS, condition_text, number


def render_file(version: PromptVersion) -> str:
    """The whole file: front matter, then the text. Ends in a line feed."""
    return f"---\n{render_front_matter(version)}---\n{version.text}"


def render_sections(policy: Policy, rules: Sequence[Rule]) -> dict[SectionName, str]:
    """The content of both generated sections."""
    return {"policy": render_policy(policy), "rules": render_rules(rules)}


def render_policy(policy: Policy) -> str:
    """Entry and exit conditions in Korean (진입·청산 조건), one line each."""
    blocks = [
        ("시장 조건 (모두 충족해야 신규 매수)", _bullets(policy.market)),
        ("진입 조건 (모두 충족)", _bullets(policy.entry)),
        ("회피 조건 (하나라도 해당하면 매수하지 않음)", _bullets(policy.avoid)),
        ("청산 조건 (하나라도 해당하면 전량 매도)", [*_limits(policy), *_bullets(policy.exits)]),
        ("선택과 주문", list(_choice(policy))),
    ]
    parts = [f"**{title}**\n\n" + "\n".join(lines) for title, lines in blocks if lines]
    return "\n" + "\n\n".join(parts) + "\n\n"


def render_rules(rules: Sequence[Rule]) -> str:
    """Dynamic rules in Korean (동적 규칙), highest priority first."""
    ordered = sorted(rules, key=lambda rule: (-rule.priority, rule.id))
    lines = [_rule_line(rule) for rule in ordered] or ["- (규칙 없음)"]
    return "\n" + "\n".join(lines) + "\n\n"


def render_front_matter(version: PromptVersion) -> str:
    """The version's data as YAML, without the fences."""
    lines = [
        f"format: {FORMAT}",
        f"version: {version.number}",
        f"parent: {'null' if version.parent is None else version.parent}",
        f"created: {_text(version.created.replace(tzinfo=KST).isoformat())}",
        f"author: {version.author}",
        f"summary: {_text(version.summary)}",
        f"features: {_list(version.features)}",
        f"evidence: {_list(version.evidence)}",
        "policy:",
        *(f"  {line}" for line in _policy_yaml(version.policy)),
        "rules:" if version.rules else "rules: []",
    ]
    for rule in version.rules:
        lines += _rule_yaml(rule)
    return "\n".join(lines) + "\n"


def _bullets(conditions: Iterable[Condition]) -> list[str]:
    return [f"- {condition_text(condition)}" for condition in conditions]


def _limits(policy: Policy) -> Iterator[str]:
    if policy.stop_loss_pct is not None:
        yield f"- 손절: 평균 매입가보다 {number(policy.stop_loss_pct)} % 이상 하락"
    if policy.take_profit_pct is not None:
        yield f"- 익절: 평균 매입가보다 {number(policy.take_profit_pct)} % 이상 상승"
    if policy.trailing_stop_pct is not None:
        yield f"- 추적 손절: 보유 중 최고 종가보다 {number(policy.trailing_stop_pct)} % 이상 하락"
    if policy.max_holding_days is not None:
        yield f"- 보유 기간: {policy.max_holding_days}거래일"


def _choice(policy: Policy) -> Iterator[str]:
    wording = WORDINGS.get(policy.rank_by)
    label = f"{wording.label} " if wording else ""
    direction = "높은" if policy.rank_order == "high" else "낮은"
    yield (
        f"- 후보가 여럿이면 {label}`{policy.rank_by}` 값이 {direction} 순으로 "
        f"하루 최대 {policy.max_new_per_day}종목"
    )
    yield f"- 종목당 목표 비중 {_percent(policy.target_weight)}"
    if policy.order == "market":
        yield "- 매수는 시장가, 매도는 시장가"
    else:
        offset = policy.limit_offset_pct
        sign = "+" if offset >= 0 else ""
        yield f"- 매수는 지정가(종가 {sign}{number(offset)} %, 호가 단위로 내림), 매도는 시장가"


def _percent(fraction: float) -> str:
    return f"{number(round(fraction * 100, 10))} %"


def _rule_line(rule: Rule) -> str:
    conditions = " 그리고 ".join(condition_text(condition) for condition in rule.when)
    head = f"- **{rule.id}** [{CATEGORIES[rule.category]}, 우선순위 {rule.priority}]"
    line = f"{head} {conditions} → {_effect_text(rule.then)}. 근거: {rule.because}"
    evidence = rule.evidence
    if evidence.trades:
        line += f" (거래 {evidence.trades}건 중 손실 {evidence.losers}건"
        if evidence.mean_return is not None:
            line += f", 평균 수익률 {evidence.mean_return * 100 + 0.0:+.1f} %"
        line += ")"
    return line


def _effect_text(effect: Effect) -> str:
    if effect.value is None:
        return EFFECTS[effect.kind]
    value = effect.value
    shown = _percent(value) if effect.kind is EffectKind.CAP_WEIGHT else number(value)
    return EFFECTS[effect.kind].format(shown)


def _policy_yaml(policy: Policy) -> Iterator[str]:
    for name in type(policy).model_fields:
        value = getattr(policy, name)
        if isinstance(value, tuple):
            yield f"{name}:" if value else f"{name}: []"
            yield from (f"  - {_condition_yaml(condition)}" for condition in value)
        elif value is None:
            yield f"{name}: null"
        else:
            yield f"{name}: {_text(value) if isinstance(value, str) else number(value)}"


def _rule_yaml(rule: Rule) -> Iterator[str]:
    yield f"  - id: {rule.id}"
    yield f"    category: {rule.category}"
    yield f"    priority: {rule.priority}"
    yield "    when:"
    yield from (f"      - {_condition_yaml(condition)}" for condition in rule.when)
    value = "" if rule.then.value is None else f", value: {number(rule.then.value)}"
    yield f"    then: {{effect: {rule.then.kind}{value}}}"
    yield f"    because: {_text(rule.because)}"
    yield f"    evidence: {_evidence_yaml(rule.evidence)}"


def _condition_yaml(condition: Condition) -> str:
    return (
        f"{{feature: {_text(condition.feature)}, op: {_text(condition.op)}, "
        f"value: {number(condition.value)}}}"
    )


def _evidence_yaml(evidence: Evidence) -> str:
    mean = "null" if evidence.mean_return is None else number(evidence.mean_return)
    return (
        f"{{trades: {evidence.trades}, losers: {evidence.losers}, mean_return: {mean}, "
        f"source_runs: {_list(evidence.source_runs)}}}"
    )


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(_text(item) for item in items) + "]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
