"""What a learning report says, in Korean and English.

"Better" and "worse" stand here and nowhere else on the page, and only where the gate holds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kisbt.domain.rules import Condition
from kisbt.report.wording import Lang
from kisbt.rulebook.wording import EFFECTS, OPERATORS, WORDINGS, condition_text, number

WORDS: dict[str, tuple[str, str]] = {
    "title": ("학습 보고서", "Learning report"),
    "lost": ("무엇을 왜 잃었나", "What was lost, and why"),
    "worst": ("가장 나빴던 거래", "Worst trades"),
    "best": ("가장 좋았던 거래", "Best trades"),
    "patterns": ("손실의 패턴", "Patterns of loss"),
    "else": ("사지 않았다면, 샀더라면", "What was not bought"),
    "model": ("모델의 분류", "What the model says"),
    "rules": ("제안한 규칙", "Rules proposed"),
    "gate": ("심사", "The gate"),
    "diff": ("프롬프트의 변경", "The prompt's diff"),
    "expected": ("기대 효과", "Expected effect"),
    "true": ("지난 학습은 맞았나", "Did it come true?"),
    "kis": ("한국투자증권 장부와의 대조", "Checked against KIS's own books"),
    "trades": ("가장 나빴던 거래와 좋았던 거래", "Worst and best trades"),
    "trip": ("왕복 거래", "Round trips"),
    "win_rate": ("승률", "Win rate"),
    "mean_return": ("평균 수익률", "Mean return"),
    "profit_factor": ("프로핏 팩터", "Profit factor"),
    "worst_return": ("최대 손실", "Worst loss"),
    "mean_days": ("평균 보유", "Mean holding"),
    "mean_7_days": ("7일 뒤", "After 7 days"),
    "mean_30_days": ("30일 뒤", "After 30 days"),
    "pnl": ("손익", "Result"),
    "group": ("구분", "Group"),
    "name": ("종목", "Name"),
    "dates": ("산 날 → 판 날", "Bought → sold"),
    "why": ("판단 근거와 당시 값", "Justification and what was seen"),
    "condition": ("조건", "Condition"),
    "where": ("대상", "Of"),
    "support": ("건수", "Count"),
    "loss_rate": ("손실률", "Loss rate"),
    "lift": ("배수", "Lift"),
    "effect": ("나머지와의 차이", "Against the rest"),
    "matched": ("짝 비교", "Matched"),
    "q": ("q", "q"),
    "stable": ("전·후반", "Both halves"),
    "priority": ("빈도 × 영향", "Frequency x impact"),
    "fate": ("운명", "Fate"),
    "mean": ("평균 결과", "Mean outcome"),
    "action": ("변경", "Change"),
    "changed": ("바뀌는 판단", "Decisions changed"),
    "days": ("다른 날", "Days that differ"),
    "state": ("상태", "State"),
    "version": ("버전", "Version"),
    "verdict": ("판정", "Verdict"),
    "missing": ("모자란 거래일", "Days missing"),
    "tier": ("증거 등급", "Tier"),
    "mistake": ("잘못", "Mistake"),
    "ours": ("우리", "Ours"),
    "theirs": ("한국투자증권", "KIS"),
    "difference": ("차이", "Difference"),
    "entry": ("매수 판단", "buys judged"),
    "holding": ("보유일", "days held"),
}

OUTCOMES: dict[str, tuple[str, str]] = {
    "no_trades": (
        "끝난 거래가 없어 배울 것이 없습니다.", "No closed trade: there is nothing to learn from."),
    "dry_run": (
        "연습 실행입니다. 버전을 쓰지 않았고 심사하지 않았습니다.",
        "A dry run: no version was written and nothing was tried."),
    "nothing_to_try": (
        "우연과 구별되는 패턴에서 나온 새 규칙이 없습니다. 현재 버전을 유지합니다.",
        "No new rule rests on a pattern that differs from chance. The version in force stays."),
    "not_tried": (
        "후보 버전을 썼지만 심사하지 못했습니다. 현재 버전을 유지합니다.",
        "Candidates were written but could not be tried. The version in force stays."),
    "written": (
        "후보 버전을 썼고 심사가 끝나지 않았습니다.",
        "Candidates were written; the trial is open."),
    "kept": (
        "심사를 통과한 후보가 없습니다. 현재 버전을 유지합니다.",
        "No candidate passed the gate. The version in force stays."),
    "champion_changed": (
        "심사하는 동안 현재 버전이 바뀌어 아무것도 바꾸지 않았습니다.",
        "The version in force changed meanwhile, so nothing was moved."),
    "waiting": (
        "후보가 심사를 통과했고 사람의 승인을 기다립니다.",
        "A candidate passed the gate and waits for a person."),
    "turned_down": (
        "사람이 후보를 거부했습니다. 현재 버전을 유지합니다.",
        "A person turned the candidate down. The version in force stays."),
    "promoted": (
        "후보가 심사를 통과해 현재 버전이 되었습니다.",
        "A candidate passed the gate and is now the version in force."),
}  # fmt: skip

GROUPS: dict[str, tuple[str, str]] = {
    "regime": ("국면별", "By regime"),
    "prompt": ("프롬프트 버전별", "By prompt version"),
    "mode": ("실행 방식별", "By mode"),
    "rule": ("적용한 규칙별", "By rule applied"),
    "confidence": ("확신별", "By confidence"),
    "agreement": ("답의 일치도별", "By agreement of draws"),
    "name": ("손실이 큰 종목", "Names that lost most"),
    "feature": ("평균이 가장 나빴던 특징 구간", "Feature buckets with the worst mean"),
}

_LEVELS = {
    "market_mood:low": ("시장 심리 < 40", "market mood < 40"),
    "market_mood:middle": ("시장 심리 40~60", "market mood 40-60"),
    "market_mood:high": ("시장 심리 ≥ 60", "market mood >= 60"),
    "breadth:narrow": ("상승 종목 비율 < 0.4", "breadth < 0.4"),
    "breadth:even": ("상승 종목 비율 0.4~0.6", "breadth 0.4-0.6"),
    "breadth:broad": ("상승 종목 비율 ≥ 0.6", "breadth >= 0.6"),
}

FATES: dict[str, tuple[str, str]] = {
    "traded": ("샀다", "bought"),
    "rejected": ("위험 관리가 막았다", "rejected by risk"),
    "skipped": ("조건은 맞았으나 사지 않았다", "qualified, not bought"),
}

MISTAKES: dict[str, tuple[str, str]] = {
    "misjudged_market": ("시장 오판", "misjudged the market"),
    "chased": ("추격 매수", "chased a move"),
    "averaged_down": ("물타기", "averaged down"),
    "ignored_rule": ("규칙 무시", "ignored a rule"),
    "oversized": ("과대 비중", "sized too large"),
}

CLAIMS: dict[str, tuple[str, str]] = {
    "better": ("낫다", "better"),
    "worse": ("못하다", "worse"),
    "undecided": ("판단 보류", "undecided"),
}


def word(key: str, lang: Lang) -> str:
    """One heading or label."""
    return WORDS[key][lang != "ko"]


def of(table: Mapping[str, tuple[str, str]], key: str, lang: Lang) -> str:
    """A word of one of the tables; the key itself where there is none."""
    return table[key][lang != "ko"] if key in table else key


def group_names(lang: Lang) -> dict[str, str]:
    """Words for the keys of regimes."""
    return {key: both[lang != "ko"] for key, both in _LEVELS.items()}


def bucket_names(groups: Sequence[Mapping[str, Any]], lang: Lang) -> dict[str, str]:
    """Words for the keys of feature buckets."""
    found = {}
    for one in groups:
        if "feature" in one:
            label = WORDINGS[one["feature"]].label if lang == "ko" else one["feature"]
            found[one["key"]] = f"{label} {one['low']:.4g} ~ {one['high']:.4g}"
    return found


def claim_word(ruling: Mapping[str, Any] | None, lang: Lang) -> str:
    """What may be said of a candidate: never more than the gate says."""
    return of(CLAIMS, ruling["claim"] if ruling else "undecided", lang)


def when_words(when: list[dict[str, Any]], lang: Lang) -> str:
    """Conditions for people."""
    conditions = [Condition.model_validate(one) for one in when]
    if lang == "ko":
        return " 그리고 ".join(condition_text(one) for one in conditions)
    return " and ".join(f"{c.feature} {OPERATORS[c.op]} {number(c.value)}" for c in conditions)


def change_words(proposal: Mapping[str, Any], lang: Lang) -> str:
    """One change of the rules."""
    removes, rule = proposal["removes"], proposal["rule"]
    if rule is None:
        return f"{removes} 폐지" if lang == "ko" else f"retire {removes}"
    kind, value = rule["then"]["kind"], rule["then"]["value"]
    if lang == "ko":
        shown = "" if value is None else number(value)
        effect = EFFECTS[kind].format(shown) if value is not None else EFFECTS[kind]
    else:
        effect = kind if value is None else f"{kind} {number(value)}"
    head = rule["id"] if not removes else f"{removes} → {rule['id']}"
    return f"{head}: {when_words(rule['when'], lang)} → {effect}"
