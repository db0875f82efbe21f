"""The learning report: what was lost and why, what was proposed, and what the gate said of it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from kisbt.report.learning_tables import (
    fate_table,
    gate_table,
    group_table,
    kis_table,
    pattern_table,
    rule_table,
    step_table,
    trade_table,
)
from kisbt.report.learning_words import (
    GROUPS,
    MISTAKES,
    OUTCOMES,
    bucket_names,
    change_words,
    claim_word,
    group_names,
    of,
    when_words,
    word,
)
from kisbt.report.linechart import Line, line_chart
from kisbt.report.markup import escape, page, section
from kisbt.report.wording import Lang, write_figure
from kisbt.report.writing import write_whole

Facts = Mapping[str, Any]

_GROUPS = ("regime", "prompt", "mode", "rule", "confidence", "agreement", "name")
_GROUP_ROWS = 8


def write_learning(facts: Facts, path: Path, lang: Lang) -> Path:
    """Write the page.

    Args:
        facts: ``reflection`` (id), ``champion`` and ``outcome``; ``performance``, ``analysis``,
            ``accepted``, ``refused`` and ``candidates`` as the reflection graph gives them;
            ``windows`` (days), ``diffs`` (unified diff by version), ``came_true`` (earlier
            promotions), ``why_untried``.
        path: The file.
        lang: Its language.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return write_whole(path, render_learning(facts, lang))


def render_learning(facts: Facts, lang: Lang) -> bytes:
    """The page as bytes; the same facts give the same bytes."""
    body = [_head(facts, lang), _outcome(facts, lang)]
    performance, analysis = facts.get("performance"), facts.get("analysis")
    if performance:
        body.append(_lost(performance, lang))
    if analysis:
        body += [_patterns(analysis, lang), _not_bought(analysis, lang), _model(analysis, lang)]
        body += [_rules(facts, lang), _gate(facts, lang), _diffs(facts, lang)]
        body += [_expected(facts, lang)]
    if performance:
        body.append(_trades(performance, lang))
    body.append(_came_true(facts, lang))
    if performance and performance.get("kis"):
        body.append(section(word("kis", lang), kis_table(performance["kis"], lang)))
    title = f"{word('title', lang)} {facts['reflection']}"
    return page(lang=lang, title=title, body=[part for part in body if part])


def _head(facts: Facts, lang: Lang) -> str:
    performance = facts.get("performance") or {}
    span = f"{performance.get('first') or '–'} – {performance.get('last') or '–'}"
    runs = len(performance.get("runs", ()))
    told = f"버전 {facts['champion']} · 실행 {runs}개 · {span}"
    if lang != "ko":
        told = f"version {facts['champion']} · {runs} runs · {span}"
    return (
        f'<header><p class="brand">kisbt</p><h1>{escape(word("title", lang))}'
        f"<small>{escape(facts['reflection'])}</small></h1>"
        f'<p class="sub">{escape(told)}</p></header>'
    )


def _outcome(facts: Facts, lang: Lang) -> str:
    lines = [of(OUTCOMES, facts["outcome"], lang)]
    windows = facts.get("windows") or {}
    ko = lang == "ko"
    for name, label in (("development", ("학습 기간", "development days")),
                        ("holdout", ("잠가 둔 기간", "locked days"))):  # fmt: skip
        window = windows.get(name)
        if window:
            lines.append(f"{label[not ko]}: {window['first']} – {window['last']}")
    if windows and not windows.get("holdout"):
        lines.append(
            "잠가 둘 기간을 남기기에 자료가 짧아 승격할 수 없습니다."
            if ko
            else "The data is too short to lock days away, so nothing can be promoted."
        )
    if facts.get("why_untried"):
        lines.append(facts["why_untried"])
    items = "".join(f"<li>{escape(line)}</li>" for line in lines[1:])
    more = f"<ul>{items}</ul>" if items else ""
    return f'<div class="banner calm"><strong>{escape(lines[0])}</strong>{more}</div>'


def _lost(performance: Facts, lang: Lang) -> str:
    overall = {"key": "전체" if lang == "ko" else "all", **performance["overall"]}
    parts = [group_table([overall], lang, {})]
    names = group_names(lang)
    for kind in _GROUPS:
        groups = performance["by"][kind][:_GROUP_ROWS]
        if len(groups) > 1:
            parts += [_h3(of(GROUPS, kind, lang)), group_table(groups, lang, names)]
    losing = sorted(performance["by"]["feature"], key=lambda g: (g["mean_return"], g["key"]))
    if losing:
        parts += [_h3(of(GROUPS, "feature", lang))]
        parts += [group_table(losing[:_GROUP_ROWS], lang, bucket_names(losing, lang))]
    return section(word("lost", lang), *parts)


def _trades(performance: Facts, lang: Lang) -> str:
    parts = []
    for which, count in (("worst", 5), ("best", 3)):
        if performance[which]:
            table = trade_table(performance[which][:count], lang)
            parts += [_h3(word(which, lang)), table]
    return section(word("trades", lang), *parts) if parts else ""


def _h3(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def _patterns(analysis: Facts, lang: Lang) -> str:
    ko = lang == "ko"
    judged, horizon = analysis["judged"], analysis["horizon"]
    note = (
        f"판단 {judged['rows']:,}건({judged['days']:,}일), {horizon}거래일 뒤의 비용을 뺀 결과. "
        "q는 물어본 모든 조건에 대한 거짓 발견 비율입니다."
        if ko
        else f"{judged['rows']:,} judgements on {judged['days']:,} days, outcomes after {horizon} "
        "sessions net of costs. q is the false discovery rate over every condition asked."
    )
    if not analysis["insights"]:
        none = "우연과 구별되는 패턴이 없습니다." if ko else "No pattern differs from chance."
        return section(word("patterns", lang), f'<p class="note">{none}</p>', note=note)
    return section(word("patterns", lang), pattern_table(analysis["insights"], lang), note=note)


def _not_bought(analysis: Facts, lang: Lang) -> str:
    if not analysis["counterfactuals"]:
        return ""
    return section(word("else", lang), fate_table(analysis["counterfactuals"], lang))


def _model(analysis: Facts, lang: Lang) -> str:
    model = analysis.get("model")
    if model is None:
        return ""
    items = "".join(
        f"<li><strong>{escape(of(MISTAKES, one['mistake'], lang))}</strong> "
        f"{escape(one['explanation'])} "
        f'<span class="code">{escape(", ".join(one["trades"]))}</span></li>'
        for one in model["findings"]
    )
    dropped = "".join(f"<li>{escape(one)}</li>" for one in model["discarded"])
    label = "버린 답" if lang == "ko" else "Discarded answers"
    more = f'<h3>{label}</h3><ul class="dim">{dropped}</ul>' if dropped else ""
    return section(word("model", lang), f"<ul>{items}</ul>" if items else "", more)


def _rules(facts: Facts, lang: Lang) -> str:
    accepted, refused = facts.get("accepted") or [], facts.get("refused") or []
    if not accepted and not refused:
        return ""
    return section(word("rules", lang), rule_table(accepted, refused, lang))


def _gate(facts: Facts, lang: Lang) -> str:
    candidates = facts.get("candidates") or []
    if not candidates:
        return ""
    parts = [gate_table(candidates, lang)]
    curves = _curves(candidates)
    if curves is not None:
        days, lines = curves
        label = (
            "현재 버전과의 누적 차이 (학습 기간)"
            if lang == "ko"
            else "Cumulated difference from the version in force (development days)"
        )
        parts += [f"<h3>{escape(label)}</h3>", line_chart(days, lines, label=label)]
    for one in candidates:
        if one["ruling"] is not None:
            told = change_words(one["proposal"], lang)
            parts += [f"<h3>{escape(told)}</h3>", step_table(one["ruling"])]
            if one["ruling"]["detail"].get("reason"):
                parts.append(f'<p class="note">{escape(one["ruling"]["detail"]["reason"])}</p>')
    return section(word("gate", lang), *parts)


def _curves(candidates: list[Facts]) -> tuple[list[date], list[Line]] | None:
    lines, days = [], []
    for place, one in enumerate(candidates):
        course = ((one["ruling"] or {}).get("detail") or {}).get("course")
        if course:
            days = [date.fromisoformat(day) for day in course["days"]]
            lines.append(Line(str(one["version"]), f"s{place % 8}", course["cumulated"]))
    same = [line for line in lines if len(line.values) == len(days)]
    return (days, same) if same else None


def _diffs(facts: Facts, lang: Lang) -> str:
    parts = []
    for number, lines in (facts.get("diffs") or {}).items():
        body = "\n".join(escape(line) for line in lines)
        parts.append(f"<h3>{escape(word('version', lang))} {number}</h3><pre>{body}</pre>")
    return section(word("diff", lang), *parts) if parts else ""


def _expected(facts: Facts, lang: Lang) -> str:
    ko = lang == "ko"
    items = []
    for one in facts.get("candidates") or []:
        proposal = one["proposal"]
        gain = write_figure(proposal["gain"], "signed", lang)
        said = (
            f"{change_words(proposal, lang)}: 판단 한 건마다 평균 {gain} "
            f"(학습 기간의 추정이며 보장이 아님); 심사: {claim_word(one['ruling'], lang)}"
            if ko
            else f"{change_words(proposal, lang)}: {gain} a judgement on average (an estimate on "
            f"development days, no promise); the gate: {claim_word(one['ruling'], lang)}"
        )
        course = ((one["ruling"] or {}).get("detail") or {}).get("course")
        if course:
            low, middle, high = (write_figure(v, "signed", lang) for v in course["yearly"])
            said += (
                f"; 연 {middle} ({low} ~ {high})" if ko else f"; {middle} a year ({low} to {high})"
            )
        items.append(f"<li>{escape(said)}</li>")
    return section(word("expected", lang), f"<ul>{''.join(items)}</ul>") if items else ""


def _came_true(facts: Facts, lang: Lang) -> str:
    ko = lang == "ko"
    items = []
    for one in facts.get("came_true") or []:
        fresh = one["rows"]
        if fresh < one["least"]:
            said = (
                f"새 판단 {fresh}건: 아직 모름" if ko else f"{fresh} new judgements: not known yet"
            )
        else:
            expected, since = (
                write_figure(one[name], "signed", lang) for name in ("expected", "since")
            )
            held = one["held"]
            verdict = ("맞음", "held") if held else ("맞지 않음", "did not hold")
            said = (
                f"예상 {expected}, 그 뒤 {since} (새 판단 {fresh}건): {verdict[0]}"
                if ko
                else f"expected {expected}, since then {since} ({fresh} new): {verdict[1]}"
            )
        rule = f"{one['rule']} ({when_words(one['when'], lang)})"
        items.append(f"<li>{escape(one['reflection'])} · {escape(rule)}: {escape(said)}</li>")
    if not items:
        return ""
    note = (
        "앞선 반성의 규칙이 그 뒤의 판단에서도 손실을 가려냈는지 봅니다."
        if ko
        else "Whether rules of earlier reflections picked losers among later judgements, too."
    )
    return section(word("true", lang), f"<ul>{''.join(items)}</ul>", note=note)
