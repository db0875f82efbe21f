"""A rule in words, back to the trades it was learnt from; and a trade forward to the rules.

What ``kisbt journal explain R0007`` prints, and the last lines of ``explain`` on a trade.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kisbt.journal.reflections import Reflections, RuleHistory

_LABELS = {
    "ko": {
        "rule": "규칙", "because": "근거", "versions": "담긴 버전", "runs": "적용된 실행",
        "origin": "제안한 반성", "unknown": "사람이 썼거나, 일지에 반성 기록이 없음",
        "insight": "발견", "support": "{kind} {support}건 중 손실 {losers}건 ({loss_rate:.0%}), "
        "나머지와의 차이 {effect:+.2%}, q {q:.3f}", "trades": "바탕이 된 거래",
        "ruling": "심사", "none": "없음", "learnt": "이 거래에서 배운 것", "entry": "판단",
        "holding": "보유일",
    },
    "en": {
        "rule": "rule", "because": "because", "versions": "in versions", "runs": "runs under it",
        "origin": "proposed by", "unknown": "a person, or no reflection is in the journal",
        "insight": "insight", "support": "{support} {kind}, {losers} lost ({loss_rate:.0%}), "
        "{effect:+.2%} against the rest, q {q:.3f}", "trades": "trades",
        "ruling": "gate", "none": "none", "learnt": "learnt from it", "entry": "buys judged",
        "holding": "days held",
    },
}  # fmt: skip

_SHOWN = 10


def rule_json(history: RuleHistory) -> dict[str, Any]:
    """Plain values; of the reflection only its id."""
    origin = history.origin
    return {**history._asdict(), "origin": origin.reflection_id if origin else None}


def rule_lines(history: RuleHistory, lang: str = "ko") -> Iterator[str]:
    """Rule, versions and runs, the reflection, the insight and its trades."""
    say = _LABELS[lang]
    body = history.body
    when = " & ".join(f"{c['feature']} {c['op']} {c['value']:g}" for c in body["when"])
    value = body["then"]["value"]
    effect = body["then"]["kind"] + ("" if value is None else f" {value:g}")
    yield f"{say['rule']} {history.rule_id}: {when} → {effect}"
    yield f"{say['because']}: {body['because']}"
    versions = ", ".join(f"v{number} {digest[:19]}" for number, digest in history.versions)
    yield f"{say['versions']}: {versions or say['none']}"
    yield f"{say['runs']}: {', '.join(history.runs[-_SHOWN:]) or say['none']}"
    if history.origin is None:
        yield f"{say['origin']}: {say['unknown']}"
        return
    yield f"{say['origin']}: {history.origin.reflection_id} ({history.origin.created_at})"
    ruling = _ruling(history)
    if ruling is not None:
        yield f"{say['ruling']}: v{ruling['version']} {ruling['verdict']} · {ruling['claim']}"
    if history.insight is not None:
        yield from _insight(history.insight, say)


def _insight(insight: Mapping[str, Any], say: Mapping[str, str]) -> Iterator[str]:
    figures = {**insight, "kind": say[insight["kind"]]}
    yield f"{say['insight']} {insight['id']}: {say['support'].format(**figures)}"
    yield f"{say['trades']}: {', '.join(insight['trades'][:_SHOWN]) or say['none']}"


def _ruling(history: RuleHistory) -> Mapping[str, Any] | None:
    assert history.origin is not None
    for candidate in history.origin.report.get("candidates", ()):
        rule = candidate["proposal"]["rule"]
        if rule is not None and rule["id"] == history.rule_id:
            ruling: Mapping[str, Any] | None = candidate["ruling"]
            return ruling
    return None


def learnt_from(kept: Reflections, trade_id: str) -> list[dict[str, Any]]:
    """Insights that rest on a trade, and the rules proposed on each."""
    found = []
    for one in kept.all():
        proposals = [*one.report.get("accepted", ()), *one.report.get("refused", ())]
        for insight in one.insights:
            if trade_id in insight["trades"]:
                rules = [p["rule"]["id"] for p in proposals
                         if p["insight"] == insight["id"] and p["rule"]]  # fmt: skip
                found.append(
                    {"reflection": one.reflection_id, "insight": insight["id"], "rules": rules}
                )
    return found


def learnt_lines(found: list[dict[str, Any]], lang: str = "ko") -> Iterator[str]:
    """The same in words; nothing when nothing was learnt."""
    say = _LABELS[lang]
    if found:
        yield ""
        for one in found:
            rules = ", ".join(one["rules"]) or say["none"]
            yield f"{say['learnt']}: {one['reflection']} · {one['insight']} · {rules}"
