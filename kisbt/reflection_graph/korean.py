"""Korean sentences that reach a prompt. Made of figures only: no word of a model or a feed."""

from typing import Any

from kisbt.domain.rules import Condition
from kisbt.rulebook.wording import condition_text

UNIT = {"entry": "판단", "holding": "보유일"}


def because(insight: dict[str, Any]) -> str:
    """Why a rule is there, e.g. ``판단 214건 중 손실 151건(71 %), 나머지보다 평균 -3.2 %p``."""
    text = (
        f"{UNIT[insight['kind']]} {insight['support']}건 중 손실 {insight['losers']}건"
        f"({insight['loss_rate'] * 100:.0f} %), 나머지보다 평균 {insight['effect'] * 100:+.1f} %p"
    )
    matched = insight["matched"]
    if matched is not None:
        text += f", 같은 조건 짝 {matched['pairs']}쌍 비교 {matched['effect'] * 100:+.1f} %p"
    return f"{text} (t {insight['t']:.1f}, {insight['id']})"


def when_text(when: list[dict[str, Any]] | tuple[Condition, ...]) -> str:
    """Conditions in Korean, joined."""
    conditions = [c if isinstance(c, Condition) else Condition.model_validate(c) for c in when]
    return " 그리고 ".join(condition_text(c) for c in conditions)


def change_text(proposal: dict[str, Any]) -> str:
    """One line for the change log."""
    rule, removes = proposal["rule"], proposal["removes"]
    if proposal["action"] == "retire":
        return f"{removes} 폐지: 근거가 사라짐"
    said = f"{when_text(rule['when'])} → {rule['then']['kind']}"
    if rule["then"]["value"] is not None:
        said += f" {rule['then']['value']:g}"
    verb = f"{removes} 대신 {rule['id']}" if removes else f"{rule['id']} 추가"
    return f"{verb}: {said}"
