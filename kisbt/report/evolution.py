"""The evolution report: what learning did to an account, held against not learning at all."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from kisbt.report.evolution_words import (
    claim,
    missing_words,
    move_words,
    step_words,
    trials_words,
    verdict,
    word,
    yearly_words,
)
from kisbt.report.learning_tables import gate_table, step_table
from kisbt.report.learning_words import change_words, when_words
from kisbt.report.linechart import Line, line_chart
from kisbt.report.markup import Cell, escape, number, page, section, table, text
from kisbt.report.wording import BLANK, Kind, Lang, in_words, write_figure
from kisbt.report.writing import write_whole

Facts = Mapping[str, Any]

_ACCOUNTS = (("evolving", "s0"), ("frozen", "s1"), ("market", "s2"))
_FIGURES: tuple[tuple[str, Kind], ...] = (
    ("total_return", "signed"), ("cagr", "signed"), ("annual_volatility", "fraction"),
    ("sharpe", "ratio"), ("max_drawdown", "signed"),
)  # fmt: skip
_COMPARED = ("against_frozen", "against_market", "frozen_against_market")


def write_evolution(facts: Facts, path: Path, lang: Lang) -> Path:
    """Write the page.

    Args:
        facts: As ``run.evolve_facts.evolution_facts`` gives them.
        path: The file.
        lang: Its language.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return write_whole(path, render_evolution(facts, lang))


def render_evolution(facts: Facts, lang: Lang) -> bytes:
    """The page as bytes; the same facts give the same bytes."""
    body = [
        _head(facts, lang),
        _banner(facts, lang),
        _accounts(facts, lang),
        _compared(facts, lang),
        _moves(facts, lang),
        _rules(facts, lang),
        _campaigns(facts, lang),
        _weeks(facts, lang),
    ]
    title = f"{word('title', lang)} {facts['evolution']}"
    return page(lang=lang, title=title, body=[part for part in body if part])


def _head(facts: Facts, lang: Lang) -> str:
    data, days = facts["dataset"], facts["days"]
    told = (
        f"{data['name']} · {data['names']}종목 · {days[0]} – {days[-1]} · "
        f"버전 {facts['start_version']}에서 시작 · 시드 {facts['seed']}"
        if lang == "ko"
        else f"{data['name']} · {data['names']} names · {days[0]} – {days[-1]} · "
        f"begun under version {facts['start_version']} · seed {facts['seed']}"
    )
    return (
        f'<header><p class="brand">kisbt</p><h1>{escape(word("title", lang))}'
        f"<small>{escape(facts['evolution'])}</small></h1>"
        f'<p class="sub">{escape(told)}</p></header>'
    )


def _banner(facts: Facts, lang: Lang) -> str:
    lines = [trials_words(facts, lang)]
    if facts["dataset"]["synthetic"]:
        lines.append("가상 데이터입니다." if lang == "ko" else "The data is synthetic.")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f'<div class="banner calm"><strong>{escape(verdict(facts, lang))}</strong>'
        f"<ul>{items}</ul></div>"
    )


def _name(which: str, facts: Facts, lang: Lang) -> str:
    if which == "frozen":
        return f"{word(which, lang)} ({word('version', lang)} {facts['start_version']})"
    if which == "market":
        return f"{word(which, lang)} ({in_words(facts['market_label'], lang)})"
    return word(which, lang)


def _accounts(facts: Facts, lang: Lang) -> str:
    days = [date.fromisoformat(day) for day in facts["days"]]
    lines = [
        Line(_name(which, facts, lang), style, facts["accounts"][which]["growth"])
        for which, style in _ACCOUNTS
    ]
    heads = [text(""), *(Cell(escape(word(name, lang)), "num") for name, _ in _FIGURES)]
    rows = [
        [
            text(_name(which, facts, lang)),
            *(
                number(write_figure(facts["accounts"][which][name], kind, lang))
                for name, kind in _FIGURES
            ),
        ]
        for which, _ in _ACCOUNTS
    ]
    label = word("accounts", lang)
    return section(label, line_chart(days, lines, label=label), table(heads, rows))


def _compared(facts: Facts, lang: Lang) -> str:
    heads = [
        text(""), text(word("yearly", lang)), Cell(word("p", lang), "num"),
        text(word("claim", lang)), text(word("missing", lang)),
    ]  # fmt: skip
    note = (
        f"하루 수익률의 차이. 구간은 정상 부트스트랩, p는 {facts['block']}거래일 블록의 부호 "
        f"뒤집기 검정(한쪽, 기준 {facts['level']:g})입니다. 기준을 지킨 차이만 낫다거나 못하다고 "
        "말합니다."
        if lang == "ko"
        else f"Daily differences. Intervals by stationary bootstrap, p by sign flips of blocks of "
        f"{facts['block']} sessions (one-sided, level {facts['level']:g}). Only a difference "
        "that holds at the level is called one way or the other."
    )
    rows = []
    for which in _COMPARED:
        found = facts[which]
        undecided = found is not None and found["claim"] == "undecided" and found["p"] is not None
        rows.append(
            [
                text(word(which, lang)),
                text(yearly_words(found, lang)),
                number(BLANK if found is None or found["p"] is None else f"{found['p']:.4f}"),
                Cell(f"<strong>{escape(claim(found, lang))}</strong>"),
                text(missing_words(found, lang) if undecided else BLANK, "wrap"),
            ]
        )
    return section(word("compared", lang), table(heads, rows), note=note)


def _moves(facts: Facts, lang: Lang) -> str:
    parts = []
    for record in facts["records"]:
        move = record["move"]
        if move is None:
            continue
        parts.append(f"<h3>{escape(record['last'])} · {escape(move_words(move, lang))}</h3>")
        evidence = move["evidence"]
        if evidence is not None:
            bet = (
                "{days:.0f}거래일, 베팅 자산 {wealth:.2f}배 (필요 {needed:.0f}배)"
                if lang == "ko"
                else "{days:.0f} sessions, wealth {wealth:.2f} of the bet (needs {needed:.0f})"
            ).format(**evidence)
            parts.append(f'<p class="note">{escape(bet)}</p>')
        for one in (record["learning"] or {"candidates": []})["candidates"]:
            if one["version"] == move["to"]:
                parts.append(f"<p>{escape(change_words(one['proposal'], lang))}</p>")
                parts.append(step_table(one["ruling"]))
    if not parts:
        none = "승격도 강등도 없었습니다." if lang == "ko" else "Nothing was promoted or demoted."
        parts = [f'<p class="note">{none}</p>']
    return section(word("moves", lang), *parts)


def _rules(facts: Facts, lang: Lang) -> str:
    if not facts["rules"]:
        none = "살아 있던 규칙이 없습니다." if lang == "ko" else "No rule was ever in force."
        return section(word("rules", lang), f'<p class="note">{none}</p>')
    first = {record["week"]: record["first"] for record in facts["records"]}
    last = {record["week"]: record["last"] for record in facts["records"]}
    heads = [text(word("rule", lang)), text(""), text(word("life", lang))]
    rows = [
        [
            Cell(f"<code>{escape(one['rule']['id'])}</code>"),
            text(_rule_words(one["rule"], lang), "wrap"),
            text("; ".join(f"{first[a]} – {last[b]}" for a, b in _spans(one["weeks"]))),
        ]
        for one in facts["rules"]
    ]
    days = [date.fromisoformat(record["last"]) for record in facts["records"]]
    label = word("rules", lang)
    counts = [count / 100 for count in facts["alive"]]
    note = "곡선의 1%는 규칙 하나입니다." if lang == "ko" else "One percent of the curve is a rule."
    chart = line_chart(days, [Line(label, "s0", counts)], label=label)
    return section(label, chart, table(heads, rows), note=note)


def _rule_words(rule: Facts, lang: Lang) -> str:
    proposal = {"removes": None, "rule": rule}
    return change_words(proposal, lang).partition(": ")[2]


def _spans(weeks: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive weeks."""
    spans: list[tuple[int, int]] = []
    for week in weeks:
        if spans and spans[-1][1] == week - 1:
            spans[-1] = (spans[-1][0], week)
        else:
            spans.append((week, week))
    return spans


def _campaigns(facts: Facts, lang: Lang) -> str:
    parts = []
    for record in facts["records"]:
        learning = record["learning"]
        if learning is None or not (learning["candidates"] or record["tested"]):
            continue
        link = f"reflections/{learning['reflection']}/learning.html"
        parts.append(
            f'<h3>{escape(record["last"])} · <a href="{escape(link)}">'
            f"{escape(word('report', lang))} {escape(learning['reflection'])}</a></h3>"
        )
        if learning["insights"]:
            found = "; ".join(
                f"{when_words(one['when'], lang)} "
                f"({write_figure(one['effect'], 'signed', lang)}, q {one['q']:.3f})"
                for one in learning["insights"]
            )
            parts.append(f'<p class="note">{escape(word("insights", lang))}: {escape(found)}</p>')
        parts.append(gate_table(learning["candidates"], lang))
        for one in learning["candidates"]:
            reason = ((one["ruling"] or {}).get("detail") or {}).get("reason")
            if reason:
                parts.append(f'<p class="note">{escape(reason)}</p>')
            elif one["ruling"] is not None:
                parts.append(
                    f"<details><summary>{escape(change_words(one['proposal'], lang))}</summary>"
                    f"{step_table(one['ruling'])}</details>"
                )
    return section(word("campaigns", lang), *parts) if parts else ""


def _weeks(facts: Facts, lang: Lang) -> str:
    heads = [
        Cell(word("week", lang), "num"), text(word("days", lang)), text(word("version", lang)),
        Cell(word("closed", lang), "num"), Cell(word("win_rate", lang), "num"),
        Cell(word("pnl", lang), "num"), text(word("sunday", lang)),
    ]  # fmt: skip
    rows = []
    for record in facts["records"]:
        found = record["figures"]
        rows.append(
            [
                number(str(record["week"])),
                text(f"{record['first']} – {record['last']}"),
                text(record["version"]),
                number(f"{found['trips']:,}"),
                number(write_figure(found["win_rate"], "fraction", lang)),
                number(write_figure(found["pnl"] if found["trips"] else None, "signed_won", lang)),
                text(step_words(record, lang), "wrap"),
            ]
        )
    note = (
        "끝난 거래는 그 주에 힘을 가진 버전을 처음부터 재생한 장부에서 셉니다."
        if lang == "ko"
        else "Closed trades are counted in the books of the version in force, replayed from the "
        "first day."
    )
    return section(word("weeks", lang), f"<details>{table(heads, rows)}</details>", note=note)
