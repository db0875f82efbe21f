"""The box on top of every page: what the result rests on, before the result."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kisbt.report.daily import SESSIONS_A_YEAR
from kisbt.report.markup import escape
from kisbt.report.metrics import Figure
from kisbt.report.model_section import model_banners, model_row
from kisbt.report.wording import Lang, in_words, say, write_figure

if TYPE_CHECKING:
    from kisbt.domain.result import RunResult

Pair = tuple[str, str]

_MOST_NOTES = 12

ASSUMPTIONS: dict[str, Pair] = {
    "next_bar": (
        "결정은 봉의 종가에서 내리고 주문은 다음 봉부터 체결됩니다(시장가는 그 시가로).",
        "Decisions are made at a bar's close; orders fill from the next bar on (market: its open).",
    ),
    "participation": (
        "한 봉에서 체결되는 수량은 그 봉 거래량의 {value}까지입니다.",
        "Fills take at most {value} of a bar's volume.",
    ),
    "locked": (
        "거래정지 봉과 상·하한가에 잠긴 봉에서는 불리한 쪽으로 체결되지 않습니다.",
        "Nothing fills on halted bars, nor against the queue on bars locked at a price limit.",
    ),
    "day_orders": (
        "주문은 그날 장이 끝나면 사라집니다.",
        "Orders die at the session's end.",
    ),
    "no_vi": (
        "변동성완화장치(VI)와 동시호가 진행은 흉내 내지 않습니다.",
        "Volatility interruptions (VI) and the course of call auctions are not modelled.",
    ),
    "no_impact": (
        "호가 공백, 스프레드, 시장 충격은 반영하지 않습니다.",
        "Spread, gaps in the book and market impact are not modelled.",
    ),
    "settlement": (
        "현금은 D+2 결제 기준이며 미수는 없습니다.",
        "Cash is D+2 cash; there is no buying on margin.",
    ),
    "fees": (
        "위탁수수료는 편도 {value}, 증권거래세는 결제일 기준 세율입니다.",
        "Commission is {value} a side; transaction tax follows the settlement date.",
    ),
    "no_tax": (
        "증권거래세를 설정에서 껐습니다.",
        "Transaction tax is switched off in the settings.",
    ),
    "delisting": (
        "상장폐지된 종목은 마지막 종가로 정산합니다. 실제로는 더 적을 수 있습니다.",
        "Delisted shares are paid out at their last close; in life it may be much less.",
    ),
    "adjusted": (
        "수정주가를 썼으므로 그날의 실제 호가 단위·가격제한폭과 다를 수 있습니다.",
        "Prices are adjusted, so ticks and limits may differ from those of the day.",
    ),
    "survivors": (
        "오늘까지 남아 있는 종목만 있어 생존 편향이 있을 수 있습니다.",
        "Only names that still exist are in the data: survivorship bias is likely.",
    ),
}
"""Known assumptions by code; a result says ``code`` or ``code:value``, or a sentence of its own."""


def assumption(said: str, lang: Lang) -> str:
    """Write out one assumption of a result; a sentence that is no code stays as it is."""
    code, _, value = said.partition(":")
    known = ASSUMPTIONS.get(code)
    return known[lang != "ko"].format(value=value) if known else said


def banners(result: "RunResult", lang: Lang) -> list[str]:
    """What must be said loudly: synthetic data, broken market rules."""
    found: list[str] = []
    ko = lang == "ko"
    if result.violations:
        count = len(result.violations)
        head = f"규정 위반 {count}건" if ko else f"{count} legality violations"
        tail = "이 결과는 쓸 수 없습니다." if ko else "This result cannot be used."
        shown = "".join(f"<li>{escape(each)}</li>" for each in result.violations[:10])
        found.append(
            f'<div class="banner bad"><strong>{head}</strong> {tail}<ul>{shown}</ul></div>'
        )
    if result.dataset.get("synthetic"):
        head = "합성 데이터" if ko else "SYNTHETIC DATA"
        tail = (
            "프로그램이 만든 가짜 시세입니다. 실제 시장에서의 성과를 뜻하지 않습니다."
            if ko
            else "Prices were made by a program. They say nothing about results on a real market."
        )
        found.append(f'<div class="banner warn"><strong>{head}</strong> {tail}</div>')
    return [*model_banners(result.llm, lang), *found]


def honesty_rows(
    result: "RunResult", figures: Mapping[str, Figure], lang: Lang
) -> list[tuple[str, str]]:
    """Title and markup of every row of the box, in order."""
    ko = lang == "ko"
    rows = [
        ("데이터" if ko else "Data", _data(result.dataset, lang)),
        ("판단" if ko else "Decider", _decider(result, lang)),
        *([("모델" if ko else "Model", model_row(result.llm, lang))] if result.llm else []),
        ("프롬프트" if ko else "Prompt", _prompt(result.prompt, lang)),
        ("비용" if ko else "Costs", _costs(result, figures, lang)),
        (
            "벤치마크" if ko else "Benchmark",
            escape(in_words(result.benchmark_label, lang) or ("없음" if ko else "none")),
        ),
        ("제외 구간" if ko else "Left out", _left_out(result, figures, lang)),
        ("이전 실행" if ko else "Earlier runs", _trials(result.trials_before, lang)),
        ("규정 점검" if ko else "Legality", _legality(result, lang)),
        ("가정" if ko else "Assumptions", _list(assumption(a, lang) for a in result.assumptions)),
    ]
    if result.notes:
        rows.append(("참고" if ko else "Notes", _list(result.notes[:_MOST_NOTES])))
    if result.skipped_features:
        name = "빠진 지표" if ko else "Skipped features"
        why = "과거 데이터가 없어 계산하지 않음" if ko else "no history, not computed"
        listed = ", ".join(escape(each) for each in result.skipped_features)
        rows.insert(6, (name, f'<b>{listed}</b> <span class="dim">{why}</span>'))
    return rows


def honesty_box(result: "RunResult", figures: Mapping[str, Figure], lang: Lang) -> str:
    """The whole box as markup."""
    title = "결과를 보기 전에" if lang == "ko" else "Before the result"
    return box(title, honesty_rows(result, figures, lang))


def box(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """A titled box of rows whose second part is markup already."""
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{markup}</dd></div>" for name, markup in rows)
    return f'<section class="honesty"><h2>{escape(title)}</h2><dl>{body}</dl></section>'


def short_hash(value: Any) -> str:
    """The first twelve digits of a tagged hash, for people."""
    return str(value or "–").removeprefix("sha256:")[:12]


def dataset_words(dataset: Mapping[str, Any], lang: Lang) -> list[str]:
    """Kind, adjustment, frequency and size of a dataset, in that order."""
    ko = lang == "ko"
    names = dataset.get("names", 0)
    count = names if isinstance(names, int) else len(names)
    frequency = str(dataset.get("frequency", ""))
    return [
        (("합성 (SYNTHETIC)" if ko else "SYNTHETIC") if dataset.get("synthetic")
         else ("실제 시세" if ko else "real prices")),
        (("수정주가" if ko else "adjusted") if dataset.get("adjusted")
         else ("원주가(수정 안 함)" if ko else "unadjusted")),
        ({"1d": "일봉"}.get(frequency, frequency.replace("m", "분봉")) if ko else frequency),
        f"{count:,}종목" if ko else f"{count:,} names",
    ]  # fmt: skip


def _data(dataset: Mapping[str, Any], lang: Lang) -> str:
    words = " · ".join(escape(word) for word in dataset_words(dataset, lang))
    source = escape(dataset.get("source") or "?")
    period = f"{escape(dataset.get('first', '?'))} ~ {escape(dataset.get('last', '?'))}"
    digest = escape(short_hash(dataset.get("hash")))
    return (
        f"<b>{escape(dataset.get('name', '?'))}</b> · {words}"
        f'<br><span class="dim">{period} · {source} · <code>{digest}</code></span>'
    )


def _decider(result: "RunResult", lang: Lang) -> str:
    note = ""
    decider = in_words(result.decider, "en")
    if "no llm" in decider.lower():
        said = "LLM을 한 번도 부르지 않음" if lang == "ko" else "no language model was ever asked"
        note = f' <span class="dim">{said}</span>'
    strategy = escape(result.strategy.get("name", "?"))
    file = escape(result.strategy.get("file", ""))
    label = escape(in_words(result.decider, lang))
    return f'<b>{label}</b>{note}<br><span class="dim">{strategy} · {file}</span>'


def _prompt(prompt: Mapping[str, Any] | None, lang: Lang) -> str:
    if prompt is None:
        return "쓰지 않음" if lang == "ko" else "none"
    number = f"버전 {prompt.get('number')}" if lang == "ko" else f"version {prompt.get('number')}"
    summary = escape(prompt.get("summary") or "")
    return (
        f"<b>{escape(number)}</b> · <code>{escape(short_hash(prompt.get('hash')))}</code>"
        f'<br><span class="dim">{summary}</span>'
    )


def _costs(result: "RunResult", figures: Mapping[str, Figure], lang: Lang) -> str:
    ko = lang == "ko"
    commission, tax = (say(key, figures[key], lang) for key in ("commission", "tax"))
    net, gross = (say(k, figures[k], lang) for k in ("total_return", "gross_total_return"))
    paid = f"수수료 <b>{commission}</b> · 거래세 <b>{tax}</b>"
    twin = f"비용 반영 {net} / 비용이 0이었다면 {gross}"
    if not ko:
        paid = f"commission <b>{commission}</b> · tax <b>{tax}</b>"
        twin = f"net {net} / with zero costs {gross}"
    return f'{paid}<br><span class="dim">{twin}</span>'


def _left_out(result: "RunResult", figures: Mapping[str, Figure], lang: Lang) -> str:
    ko = lang == "ko"
    bars = int(figures.get("warmup_bars") or 0)
    sessions = int(figures.get("sessions") or 0)
    parts = [
        f"준비 구간 <b>{bars:,}봉</b>은 어떤 통계에도 넣지 않음"
        if ko
        else f"<b>{bars:,}</b> warm-up bars are in no statistic"
    ]
    if bars and sessions:
        since = escape(figures["first_day"])
        parts.append(f"통계는 {since}부터" if ko else f"statistics start on {since}")
    early = len(result.fills) - int(figures.get("fills") or 0)
    if early:
        change = int(figures.get("start_equity") or result.start_cash) / result.start_cash - 1.0
        grown = write_figure(change, "signed", lang)
        parts.append(
            f"그 구간에 체결 <b>{early:,}건</b>, 수익률 {grown}"
            if ko
            else f"<b>{early:,}</b> fills happened in it, return {grown}"
        )
    if 0 < sessions < SESSIONS_A_YEAR:
        parts.append(
            "1년이 안 되므로 연환산 수치는 참고만"
            if ko
            else "less than a year: annualised figures are only a hint"
        )
    return " · ".join(parts)


def _trials(before: int, lang: Lang) -> str:
    if not before:
        return "이 데이터로는 처음" if lang == "ko" else "none on this data"
    if lang == "ko":
        luck = "많을수록 우연히 좋아 보일 수 있음"
        return f'이 데이터로 <b>{before:,}번</b> <span class="dim">{luck}</span>'
    luck = "the more there were, the more luck is in the best one"
    return f'<b>{before:,}</b> on this data <span class="dim">{luck}</span>'


def _legality(result: "RunResult", lang: Lang) -> str:
    count = len(result.violations)
    if count:
        words = f"위반 {count}건" if lang == "ko" else f"{count} violations"
        return f'<b class="bad">{words}</b>'
    checked = (
        f"체결 {len(result.fills):,}건 모두" if lang == "ko" else f"{len(result.fills):,} fills"
    )
    return f"{checked} · " + ("위반 <b>0건</b>" if lang == "ko" else "<b>0</b> violations")


def _list(items: Any) -> str:
    entries: Sequence[str] = [f"<li>{escape(item)}</li>" for item in items]
    return f"<ul>{''.join(entries)}</ul>" if entries else "–"
