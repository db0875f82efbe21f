"""The probe's verdict in words, Korean and English."""

from collections.abc import Sequence
from typing import Literal

from kisbt.llm.probe import FEWEST, ProbeReport
from kisbt.llm.probe_questions import TOLERANCE

Lang = Literal["ko", "en"]

COLUMNS: dict[Lang, tuple[str, ...]] = {
    "ko": ("질문", "답", "맞음", "정확도 %", "95 % 구간", "우연일 확률 p"),
    "en": ("question", "answered", "right", "accuracy %", "95 % interval", "p of a coin"),
}

_KINDS: dict[Lang, tuple[str, str, str]] = {
    "ko": (
        "방향: 이름과 날짜만 (다음 날 오름/내림)",
        "종가: 이름과 날짜만 (그 날 대 다른 날)",
        "방향: 가린 자료 (블라인드)",
    ),
    "en": (
        "direction: name and day only",
        "close: name and day only (that day v. another)",
        "direction: masked data (blind)",
    ),
}


def title(report: ProbeReport, lang: Lang) -> str:
    """One line: model, data and period."""
    head = "기억 시험" if lang == "ko" else "memory probe"
    return f"{head}: {report.model} · {report.data} {report.first} ~ {report.last}"


def rows(report: ProbeReport, lang: Lang) -> list[list[object]]:
    """A row for each kind of question, in the order of ``COLUMNS``."""
    found: list[list[object]] = []
    shares = (report.direction, report.closes.day, report.masked)
    for label, share in zip(_KINDS[lang], shares, strict=True):
        shown = f"{share.low * 100:.1f} ~ {share.high * 100:.1f}"
        rate = round(share.estimate * 100, 1)
        found.append([label, share.answered, share.right, rate, shown, f"{share.p:.3g}"])
    return found


def verdict_lines(report: ProbeReport, lang: Lang) -> list[str]:
    """What the answers mean, a sentence or two a line."""
    lines = [*_closes(report, lang), *_memory(report, lang), *_masking(report, lang)]
    lines += _cutoffs(report, lang)
    if report.unanswered:
        lines.append(
            f"답하지 않았거나 형식이 틀린 질문: {report.unanswered}/{report.asked}"
            if lang == "ko"
            else f"not answered, or not in the format: {report.unanswered} of {report.asked}"
        )
    if report.synthetic:
        lines.append(
            "가상 데이터이므로 기억할 것이 없습니다: 이 시험의 대조군입니다."
            if lang == "ko"
            else "The data is synthetic: there is nothing to remember, so this is a control."
        )
    return lines


def _closes(report: ProbeReport, lang: Lang) -> Sequence[str]:
    closes = report.closes
    if not closes.answered:
        return ()
    right, control = closes.right / closes.answered, closes.control / closes.answered
    if lang == "ko":
        return (
            f"종가를 {TOLERANCE:.0%} 안으로 맞힌 비율 {right:.1%}, "
            f"같은 종목 다른 날의 종가에 맞은 비율 {control:.1%} (답 {closes.answered}개)",
        )
    return (
        f"Closes named to within {TOLERANCE:.0%}: {right:.1%}; the same answers fit another day's "
        f"close in {control:.1%} ({closes.answered} answers)",
    )


def _memory(report: ProbeReport, lang: Lang) -> Sequence[str]:
    korean = lang == "ko"
    span = f"{report.first} ~ {report.last}"
    if report.verdict == "too_few":
        return (
            f"판단 보류: 종류마다 답이 {FEWEST}개는 있어야 합니다. --questions를 늘리십시오."
            if korean
            else f"Undecided: each kind needs {FEWEST} answers. Raise --questions.",
        )
    if report.verdict == "no_evidence":
        return (
            f"이 기간을 기억한다는 증거가 없습니다. 이 질문 수로는 정확도 {report.detectable:.0%} "
            "이상이라야 알아챕니다 (검정력 80 %). 블라인드 백테스트를 믿지 못할 이유를 찾지 "
            "못했습니다."
            if korean
            else "No evidence that the model remembers this period. So many questions would notice "
            f"an accuracy of {report.detectable:.0%} or more (power 80 %). No reason was found "
            "to disbelieve a blind backtest.",
        )
    if report.verdict == "remembers":
        return (
            f"기억합니다: 모델은 {span}의 시세를 압니다. 이 기간에 이름과 날짜를 보여 준 백테스트"
            "(--no-blind)는 믿을 수 없습니다."
            if korean
            else f"It remembers: the model knows prices of {span}. A backtest of this period that "
            "shows names and days (--no-blind) cannot be believed.",
        )
    until, high = report.horizon.until, report.horizon.high
    return (
        f"{until}까지 기억합니다 (95 %로 늦어도 {high}). 그때까지의 기간에 이름과 날짜를 보여 준 "
        f"백테스트는 믿을 수 없고, {high} 뒤의 결과만 증거로 셉니다."
        if korean
        else f"It remembers until {until} (95 %: {high} at the latest). A backtest up to then that "
        f"shows names and days cannot be believed; only results after {high} are evidence.",
    )


def _masking(report: ProbeReport, lang: Lang) -> Sequence[str]:
    masked = report.masked
    if masked.answered < FEWEST:
        return ()
    shown = f"{masked.estimate:.1%}"
    low, gain, high = (100 * value for value in report.masking)
    if lang == "ko":
        return (
            f"가린 자료로도 우연보다 자주 맞혔습니다({shown}). 숫자로 날을 알아보았거나 숫자에 "
            "예측력이 있습니다. 이 기간의 블라인드 성과도 증거로 세지 마십시오."
            if report.masked_leaks
            else f"가린 자료에서는 우연과 구별되지 않습니다({shown}): 블라인드 모드에서 기억이 "
            "새는 것을 찾지 못했습니다.",
            f"이름을 보일 때의 이득: {gain:+.1f} %p (95 % {low:+.1f} ~ {high:+.1f})",
        )
    return (
        f"Masked data was answered better than chance, too ({shown}): either the numbers betray "
        "the day or they foretell. Do not count a blind backtest of this period as evidence."
        if report.masked_leaks
        else f"Masked data was answered no better than chance ({shown}): no memory was "
        "seen to leak through blind mode.",
        f"Gain from seeing names: {gain:+.1f} points (95 % {low:+.1f} ~ {high:+.1f})",
    )


def _cutoffs(report: ProbeReport, lang: Lang) -> Sequence[str]:
    horizon = report.horizon
    declared = "?" if report.cutoff is None else str(report.cutoff)
    if horizon.until is None:
        measured = "없음" if lang == "ko" else "none found"
    else:
        later = ("자료 끝까지", "to the end of the data") if horizon.open_end else ("", "")
        tail = later[0 if lang == "ko" else 1]
        measured = f"{horizon.until} ({horizon.low} ~ {horizon.high})" + (tail and f", {tail}")
    if lang == "ko":
        return (f"지식 시한: 선언 {declared}, 측정 {measured}",)
    return (f"Knowledge cutoff: declared {declared}, measured {measured}",)
