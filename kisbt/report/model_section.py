"""The part of a tearsheet about the model: what was asked, what it cost, what it may remember."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kisbt.report.markup import Cell, escape, number, section, table, text
from kisbt.report.model_facts import ModelView, model_view
from kisbt.report.wording import BLANK, Kind, Lang, in_words, tone, write_figure

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult
    from kisbt.evidence.bootstrap import Interval

_USE: tuple[tuple[str, str, str, Kind], ...] = (
    ("ticks", "물은 시점", "Decisions asked", "count"),
    ("calls", "호출", "Calls", "count"),
    ("invalid", "계획이 아닌 답", "Answers that were no plan", "count"),
    ("failed", "답이 없던 호출", "Calls without an answer", "count"),
    ("tokens_in", "입력 토큰", "Tokens in", "count"),
    ("tokens_out", "출력 토큰", "Tokens out", "count"),
    ("tokens_cached", "서버가 재사용한 토큰", "Tokens the server had cached", "count"),
    ("prefix_share", "재사용할 수 있는 앞부분", "Share of the stable prefix", "fraction"),
    ("agreement", "같은 답의 비율", "Agreement of draws", "fraction"),
    ("abstained", "합의 부족으로 보류", "Held for lack of agreement", "count"),
)
_CLASSES = {
    "before": ("이전 (읽었을 수 있음)", "before (may have been read)"),
    "around": ("경계", "around it"),
    "after": ("이후", "after"),
    "unknown": ("모름", "unknown"),
}


def model_banners(facts: Mapping[str, Any] | None, lang: Lang) -> list[str]:
    """What must be said loudly of a run with a model."""
    if facts is None or facts["blind"]:
        return []
    ko = lang == "ko"
    head = "블라인드 꺼짐" if ko else "NOT BLIND"
    tail = (
        "모델이 종목명과 가격을 그대로 보았습니다. 학습한 미래를 기억해 맞혔을 수 있으므로 "
        "이 결과는 실력의 증거가 되지 못합니다."
        if ko
        else "The model saw real names and prices and may recall the future it was trained on: "
        "this result is no evidence of skill."
    )
    return [f'<div class="banner bad"><strong>{head}</strong> {tail}</div>']


def model_row(facts: Mapping[str, Any], lang: Lang) -> str:
    """The honesty box's line about the model."""
    ko = lang == "ko"
    blind = (
        ("블라인드" if ko else "blind")
        if facts["blind"]
        else f'<b class="bad">{"블라인드 꺼짐" if ko else "not blind"}</b>'
    )
    here = facts["here"]
    cost = write_figure(facts["cost_krw"], "won", lang)
    calls, sent = f"{facts['calls']:,}", f"{here['sent']:,}"
    use = (
        f"호출 {calls}회 (이번에 보낸 요청 {sent}건) · 비용 <b>{cost}</b>"
        if ko
        else f"{calls} calls ({sent} requests sent now) · cost <b>{cost}</b>"
    )
    charged = facts["charge_costs"]
    taken = ("손익에 반영함" if charged else "손익에 넣지 않음") if ko else (
        "taken off the result" if charged else "not taken off the result"
    )  # fmt: skip
    seed = BLANK if facts["seed"] is None else facts["seed"]
    asked = f"temperature {facts['temperature']:g}, seed {seed}, draws {facts['draws']}"
    return (
        f"<b>{escape(facts['model'])}</b> · {blind} · {use} "
        f'<span class="dim">{taken}</span><br><span class="dim">{escape(asked)}</span>'
    )


def model_section(result: "RunResult", lang: Lang) -> str:
    """The whole section; empty when no model was asked."""
    facts, view = result.llm, model_view(result)
    if facts is None or view is None:
        return ""
    ko = lang == "ko"
    use = table(
        [text("모델 사용량" if ko else "Use"), Cell("", "num")],
        [
            [text(korean if ko else english), number(write_figure(facts[key], kind, lang))]
            for key, korean, english, kind in _USE
        ],
        classes="figures",
    )
    money = table(
        [text("모델 값" if ko else "Cost"), Cell("", "num")],
        [[text(name), number(value)] for name, value in _money(facts, view, lang)],
        classes="figures",
    )
    title = f"모델 ({facts['model']})" if ko else f"Model ({facts['model']})"
    over = in_words(view.against, lang) or ("현금" if ko else "cash")
    note = (
        f"초과 수익은 {over} 대비, 거래 비용 반영, 모델 값 반영 전."
        if ko
        else f"Edge over {over}, net of trading costs, before the model's own."
    )
    columns = f'<div class="columns">{use}{money}</div>'
    return section(title, columns, _cutoff(facts, view, lang), note=note)


def _money(facts: Mapping[str, Any], view: ModelView, lang: Lang) -> list[tuple[str, str]]:
    ko = lang == "ko"
    economics = view.economics
    each = economics.cost_per_decision
    rows = [
        ("비용" if ko else "Cost", write_figure(facts["cost_krw"], "won", lang)),
        ("비용 (달러)" if ko else "Cost in US dollars", f"${facts['cost_usd']:,.4f}"),
        (
            "결정 하나의 값" if ko else "Cost a decision",
            f"{each:,.2f}원" if ko else f"₩{each:,.2f}",
        ),
        (
            "1년 비용" if ko else "Cost a year",
            write_figure(economics.cost_per_year, "won", lang),
        ),
        (
            "초과 수익 (연, 95 % 구간)" if ko else "Edge a year (95 %)",
            _interval(economics.edge, lang),
        ),
        (
            "모델 값이 빠지는 계좌 크기" if ko else "Account at which it pays for itself",
            _account(economics.break_even.estimate, lang),
        ),
        (
            "가장 좋은 경우의 계좌 크기" if ko else "… at the best edge of the interval",
            _account(economics.break_even.low, lang),
        ),
    ]
    if not facts["cost_krw"]:
        rows.append(
            ("단가" if ko else "Prices", "표에 없음: 0원으로 침" if ko else "not in the table: 0")
        )
    return rows


def _account(value: float, lang: Lang) -> str:
    if math.isinf(value):
        return "없음 (초과 수익이 없음)" if lang == "ko" else "none (no edge)"
    return write_figure(value, "won", lang)


def _interval(found: "Interval", lang: Lang) -> str:
    low, mid, high = (write_figure(value, "signed", lang) for value in found)
    return f"{mid} ({low} ~ {high})"


def _cutoff(facts: Mapping[str, Any], view: ModelView, lang: Lang) -> str:
    ko = lang == "ko"
    told = facts["cutoff"]
    heads = (
        ("지식 시점 대비", "거래일", "초과 수익률", "하루 평균 (95 % 구간)")
        if ko
        else ("Against the cutoff", "Sessions", "Excess return", "Mean a day (95 %)")
    )
    rows = []
    for kind, found in view.cutoff.classes.items():
        rows.append(
            [
                text(_CLASSES[kind][not ko]),
                number(f"{found.days:,}"),
                number(write_figure(found.total, "signed", lang), tone(found.total)),
                number(BLANK if found.mean is None else _interval(found.mean, lang)),
            ]
        )
    columns = [text(head, "num" if n else "") for n, head in enumerate(heads)]
    gap = view.cutoff.gap
    if told is None:
        said = (
            "이 모델의 지식 시점을 모릅니다: [llm.cutoffs]에 적거나 kisbt probe로 재십시오. "
            "모르는 동안은 어떤 날도 증거로 치지 않습니다."
            if ko
            else "Nobody knows this model's knowledge cutoff: state it in [llm.cutoffs], or "
            "measure it with kisbt probe. Until then no day counts as evidence."
        )
    elif gap is None:
        said = (
            f"지식 시점 {told}. 앞뒤 어느 쪽의 날이 적어 누설 격차를 재지 못했습니다."
            if ko
            else f"Cutoff {told}. Too few days on one side: no leak gap."
        )
    else:
        loud = "; 구간이 0 위에 있어 누설이 의심됩니다" if ko else "; above 0: a leak is likely"
        said = (
            (
                f"지식 시점 {told}. 누설 격차(이전 − 이후) 하루 {_interval(gap, lang)}"
                if ko
                else f"Cutoff {told}. Leak gap (before − after) a day {_interval(gap, lang)}"
            )
            + (loud if view.cutoff.leaks else "")
            + "."
        )
    title = "지식 시점 앞뒤" if ko else "Before and after the cutoff"
    return f'<h3>{title}</h3><p class="note">{escape(said)}</p>' + table(columns, rows)
