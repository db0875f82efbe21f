"""Tables of a learning report."""

from collections.abc import Mapping, Sequence
from typing import Any

from kisbt.report.learning_words import FATES, change_words, claim_word, of, when_words, word
from kisbt.report.markup import Cell, escape, number, table, text
from kisbt.report.wording import BLANK, Lang, tone, write_figure

Facts = Mapping[str, Any]

_FIGURES = (
    ("trips", "count"), ("win_rate", "fraction"), ("mean_return", "signed"),
    ("profit_factor", "ratio"), ("worst_return", "signed"), ("mean_days", "days"),
    ("mean_7_days", "signed"), ("mean_30_days", "signed"), ("pnl", "signed_won"),
)  # fmt: skip


def group_table(groups: Sequence[Facts], lang: Lang, names: Facts) -> str:
    """The same figures for each group, in the order given; ``names`` are words for its keys."""
    heads = [text(word("group", lang))]
    heads += [Cell(escape(word("trip" if n == "trips" else n, lang)), "num") for n, _ in _FIGURES]
    rows = [
        [
            text(names.get(group["key"], group["key"])),
            *(_figure(group[name], kind, lang) for name, kind in _FIGURES),
        ]
        for group in groups
    ]
    return table(heads, rows)


def trade_table(trips: Sequence[Facts], lang: Lang) -> str:
    """Single trades with their reasons and what the decision saw."""
    heads = [
        text(word("name", lang)), text(word("dates", lang)), Cell(word("mean_return", lang), "num"),
        Cell(word("pnl", lang), "num"), text(word("why", lang)),
    ]  # fmt: skip
    return table(heads, [_trade_row(trip, lang) for trip in trips])


def _trade_row(trip: Facts, lang: Lang) -> list[Cell]:
    seen = ", ".join(f"{name} {value:.4g}" for name, value in trip["snapshot"].items())
    reasons = (
        f"{escape(trip['justification'] or BLANK)}<br>{escape(trip['why_left'] or BLANK)}"
        f'<br><span class="dim">{escape(trip["entry"])} · {escape(seen)}</span>'
    )
    return [
        Cell(f'<span class="code">{escape(trip["ticker"])}</span>', "name"),
        text(f"{trip['opened']} → {trip['closed']}", "day"),
        _figure(trip["return"], "signed", lang),
        _figure(trip["pnl"], "signed_won", lang),
        Cell(reasons, "why"),
    ]


def pattern_table(insights: Sequence[Facts], lang: Lang) -> str:
    """Conditions that lose, with their evidence."""
    keys = ("support", "loss_rate", "lift", "effect", "matched", "q", "stable", "priority")
    heads = [text(word("condition", lang)), text(word("where", lang))]
    heads += [Cell(escape(word(key, lang)), "num") for key in keys]
    return table(heads, [_pattern_row(one, lang) for one in insights])


def _pattern_row(one: Facts, lang: Lang) -> list[Cell]:
    matched = one["matched"]
    yes = {"ko": ("아니요", "예"), "en": ("no", "yes")}[lang][bool(one["stable"])]
    condition = escape(when_words(one["when"], lang))
    return [
        Cell(f'{condition}<br><span class="code">{escape(one["id"])}</span>', "why"),
        text(word(one["kind"], lang)),
        number(f"{one['support']:,}"),
        _figure(one["loss_rate"], "fraction", lang),
        number(f"{one['lift']:.2f}"),
        _figure(one["effect"], "signed", lang),
        _figure(matched["effect"] if matched else None, "signed", lang),
        number(f"{one['q']:.3f}"),
        number(yes),
        _figure(one["priority"], "fraction", lang),
    ]


def fate_table(fates: Sequence[Facts], lang: Lang) -> str:
    """What bought, rejected and skipped names earned over the same horizon."""
    heads = [
        text(word("fate", lang)), Cell(word("support", lang), "num"),
        Cell(word("mean", lang), "num"), Cell(word("loss_rate", lang), "num"),
    ]  # fmt: skip
    rows = [
        [
            text(of(FATES, one["fate"], lang)), number(f"{one['rows']:,}"),
            _figure(one["mean"], "signed", lang), _figure(one["loss_rate"], "fraction", lang),
        ]
        for one in fates
    ]  # fmt: skip
    return table(heads, rows)


def rule_table(accepted: Sequence[Facts], refused: Sequence[Facts], lang: Lang) -> str:
    """Every proposal: tried, kept back, or refused and why."""
    heads = [
        text(word("action", lang)), Cell(word("changed", lang), "num"),
        Cell(word("days", lang), "num"), text(word("state", lang)),
    ]  # fmt: skip
    return table(heads, [_rule_row(one, lang) for one in (*accepted, *refused)])


def _rule_row(one: Facts, lang: Lang) -> list[Cell]:
    ko = lang == "ko"
    if one.get("faults"):
        state = "; ".join(one["faults"])
    elif one.get("tried"):
        state = "심사에 올림" if ko else "tried"
    elif not one.get("power", True):
        state = "검정력 부족" if ko else "no power"
    else:
        state = "다음 차례" if ko else "kept for later"
    because = one["rule"]["because"] if one["rule"] else ""
    return [
        Cell(f'{escape(change_words(one, lang))}<br><span class="dim">{escape(because)}</span>',
             "why"),
        _figure(one["changed"], "fraction", lang),
        number(f"{one['dates']:,}"),
        text(state, "wrap"),
    ]  # fmt: skip


def gate_table(candidates: Sequence[Facts], lang: Lang) -> str:
    """The gate's word on every candidate, with days missing."""
    heads = [
        text(word("version", lang)), text(word("action", lang)), text(word("verdict", lang)),
        text(word("tier", lang)), Cell(word("missing", lang), "num"),
    ]  # fmt: skip
    return table(heads, [_gate_row(one, lang) for one in candidates])


def _gate_row(one: Facts, lang: Lang) -> list[Cell]:
    ruling = one["ruling"]
    missing = ruling["days_missing"] if ruling else None
    verdict = claim_word(ruling, lang)
    raw = f' <span class="code">{escape(ruling["verdict"])}</span>' if ruling else ""
    return [
        text(BLANK if one["version"] is None else one["version"]),
        text(change_words(one["proposal"], lang), "wrap"),
        Cell(f"<strong>{escape(verdict)}</strong>{raw}"),
        text(ruling["detail"].get("tier", BLANK) if ruling else BLANK),
        number(BLANK if missing is None else f"{missing:,}"),
    ]


def step_table(ruling: Facts) -> str:
    """Every step of the gate with its numbers."""
    rows = []
    for reason in ruling["detail"].get("reasons", ()):
        told = ", ".join(
            f"{name} {value:.4g}" for name, value in reason["numbers"].items() if value is not None
        )
        mark = {True: "✓", False: "✗", None: "·"}[reason["passed"]]
        rows.append(
            [text(mark), Cell(f"<code>{escape(reason['step'])}</code>"), text(told, "wrap")]
        )
    return table([text(""), text(""), text("")], rows)


def kis_table(check: Facts, lang: Lang) -> str:
    """Our books of a live period beside KIS's own."""
    heads = [text(""), *(Cell(word(k, lang), "num") for k in ("ours", "theirs", "difference"))]
    rows = [
        [
            text(one["what"]),
            *(number(BLANK if one[k] is None else f"{one[k]:,}") for k in
              ("ours", "kis", "difference")),
        ]
        for one in check["rows"]
    ]  # fmt: skip
    return table(heads, rows, caption=f"{check['first']} – {check['last']} · {check['source']}")


def _figure(value: Any, kind: Any, lang: Lang) -> Cell:
    signed = kind in ("signed", "signed_won")
    return number(write_figure(value, kind, lang), tone(value) if signed else "")
