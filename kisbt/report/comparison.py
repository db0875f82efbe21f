"""The page that sets versions side by side, and says whether a difference is more than luck."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kisbt.report import comparison_tables as tables
from kisbt.report.contest import Contest, Trials
from kisbt.report.honesty import banners, box, honesty_rows
from kisbt.report.linechart import Line, line_chart
from kisbt.report.markup import escape, page, section
from kisbt.report.metrics import Figure, compute_metrics
from kisbt.report.standings import standings
from kisbt.report.verdict_words import method, sentences
from kisbt.report.verdicts import Judged, judge
from kisbt.report.wording import Lang, in_words
from kisbt.report.writing import write_whole

_SHARED = {"ko": ("데이터", "벤치마크", "가정"), "en": ("Data", "Benchmark", "Assumptions")}
"""Rows of the honesty box that runs over the same data have in common."""

_ONCE = Trials(1)


def comparison_table(
    contest: Contest, lang: Lang = "ko", trials: Trials = _ONCE
) -> tuple[list[str], list[list[str]]]:
    """Columns and rows for a terminal: one figure a row, one version a column."""
    columns = ["지표" if lang == "ko" else "Figure", *(entry.name for entry in contest.entries)]
    return columns, [[row.name(lang), *row.written(lang)] for row in standings(contest, trials)]


def write_comparison(
    contest: Contest,
    path: Path,
    lang: Lang = "ko",
    trials: Trials = _ONCE,
    judged: Judged | None = None,
) -> Path:
    """Write the comparison as one HTML file that fetches nothing.

    Args:
        contest: The versions and their replays.
        path: Where to.
        lang: The page's language.
        trials: What was tried on this data before and now, for the deflated Sharpe ratio.
        judged: The tests, where they were made already.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return write_whole(path, render_comparison(contest, lang, trials, judged))


def render_comparison(
    contest: Contest, lang: Lang = "ko", trials: Trials = _ONCE, judged: Judged | None = None
) -> bytes:
    """The page as bytes."""
    ko = lang == "ko"
    judged = judged or judge(contest)
    title = "백테스트 비교" if ko else "Backtests compared"
    runs = [run for entry in contest.entries for run in entry.flat]
    figures = compute_metrics(contest.first)
    body = [
        _header(contest, title, lang),
        _said(contest, judged, lang),
        *dict.fromkeys(banner for run in runs for banner in banners(run, lang)),
        *_period_notes(contest, figures, lang),
        _shared_box(contest, figures, lang),
        _tests(contest, judged, trials, lang),
        _chart(contest, lang),
        _figures(contest, trials, lang),
    ]
    if judged is not None:
        body += [
            tables.folds_section(contest, lang),
            tables.rules_section(contest, judged, lang),
            tables.noise_section(contest, judged, lang),
        ]
    body.append(_per_run(contest, lang))
    return page(lang=lang, title=title, body=[part for part in body if part])


def _header(contest: Contest, title: str, lang: Lang) -> str:
    ko = lang == "ko"
    versions, runs = len(contest.entries), sum(len(entry.flat) for entry in contest.entries)
    count = f"{versions}개 판" if ko else f"{versions} versions"
    if runs != versions:
        count += f" · {runs}회 재생" if ko else f" · {runs} replays"
    period = f"{contest.days[0]} ~ {contest.days[-1]} · " if contest.common and contest.days else ""
    return (
        f'<header><p class="brand">kisbt</p><h1>{title} <small>{count}</small></h1>'
        f'<p class="sub">{escape(period)}{escape(contest.first.dataset.get("name", ""))}</p>'
        "</header>"
    )


def _said(contest: Contest, judged: Judged | None, lang: Lang) -> str:
    lines = sentences(contest, judged, lang)
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    head = "판정" if lang == "ko" else "Verdict"
    return f'<div class="banner calm"><strong>{head}</strong><ul>{items}</ul></div>'


def _period_notes(contest: Contest, figures: Mapping[str, Figure], lang: Lang) -> list[str]:
    ko = lang == "ko"
    if not contest.common:
        said = (
            "데이터나 기간이 서로 달라 숫자를 맞대어 볼 수 없습니다. 곡선은 그리지 않았습니다."
            if ko
            else "Data or periods differ: figures cannot be set against each other; no curves."
        )
        return [f'<div class="banner warn">{said}</div>']
    if contest.shortened:
        since = figures["first_day"]
        said = (
            f"준비 구간이 서로 달라 가장 긴 쪽에 맞췄습니다: 모든 숫자는 {since}부터입니다."
            if ko
            else f"Warm-ups differ, so the longest counts for all: figures start on {since}."
        )
        return [f'<p class="note">{escape(said)}</p>']
    return []


def _shared_box(contest: Contest, figures: Mapping[str, Figure], lang: Lang) -> str:
    if not contest.common:
        return ""
    rows = honesty_rows(contest.first, figures, lang)
    title = "결과를 보기 전에" if lang == "ko" else "Before the result"
    return box(title, [row for row in rows if row[0] in _SHARED[lang]])


def _tests(contest: Contest, judged: Judged | None, trials: Trials, lang: Lang) -> str:
    if judged is None or not judged.verdicts:
        return ""
    title = "차이는 우연인가" if lang == "ko" else "More than luck?"
    return section(
        title,
        tables.verdict_table(contest, judged, lang),
        note=method(contest, judged, trials, lang),
    )


def _chart(contest: Contest, lang: Lang) -> str:
    if not contest.common or not contest.days:
        return ""
    lines = []
    for index, entry in enumerate(contest.entries):
        moves = contest.returns[:, index].tolist()
        lines.append(Line(entry.name, f"s{index % 8}", _grown(moves)))
    market = [move for fold in contest.series[0][0] for move in fold.benchmark.returns()]
    if len(market) == len(contest.days):
        label = in_words(contest.first.benchmark_label, lang)
        lines.append(Line(label, "reference", _grown(market)))
    title = "누적 수익률 (비용 반영)" if lang == "ko" else "Cumulative return, net of costs"
    return section(title, line_chart(contest.days, lines, label=title))


def _grown(moves: Sequence[float]) -> list[float]:
    level, found = 1.0, []
    for move in moves:
        level *= 1.0 + move
        found.append(level - 1.0)
    return found


def _figures(contest: Contest, trials: Trials, lang: Lang) -> str:
    title = "숫자" if lang == "ko" else "Figures"
    return section(title, tables.standings_table(contest, standings(contest, trials), lang))


def _per_run(contest: Contest, lang: Lang) -> str:
    """The rest of each version's honesty box (of its first replay), one box a version."""
    shared = _SHARED[lang] if contest.common else ()
    boxes = []
    for entry in contest.entries:
        run = entry.flat[0]
        rows = [
            row for row in honesty_rows(run, compute_metrics(run), lang) if row[0] not in shared
        ]
        boxes.append(box(entry.name, rows))
    return section("판마다 다른 것" if lang == "ko" else "What differs by version", *boxes)
