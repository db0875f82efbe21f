"""What a comparison says in words, in Korean and English.

"Better" and "worse" (낫다, 못하다) stand here and nowhere else on the page, and only for a verdict
whose test holds; everything else is undecided (판단 보류).
"""

import math

from kisbt.report.contest import Contest, Trials
from kisbt.report.verdicts import FEWEST_BLOCKS, Judged, Verdict
from kisbt.report.wording import Lang


def word_of(verdict: Verdict, lang: Lang) -> str:
    """The verdict in one word."""
    words = {
        "better": ("낫다", "better"),
        "worse": ("못하다", "worse"),
        "undecided": ("판단 보류", "undecided"),
    }
    return words[verdict.word][lang != "ko"]


def points(value: float) -> str:
    """A daily difference in hundredths of a percent point, signed."""
    text = f"{value * 10_000:+,.2f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def chance(p: float) -> str:
    """A p-value as people read it."""
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 1 else "1"


def sentence(verdict: Verdict, name: str, first: str, judged: Judged, lang: Lang) -> str:
    """One version against the first, in one or two sentences."""
    ko = lang == "ko"
    if not verdict.differs:
        return (
            f"{name}: 판단 보류. {first}와(과) 하루도 다르지 않았습니다."
            if ko
            else f"{name}: undecided. It never differed from {first}."
        )
    mean, p = verdict.mean, min(verdict.p_better, verdict.p_worse)
    if ko:
        seen = (
            f"하루 평균 차이 {points(mean.estimate)}bp "
            f"(95 % 구간 {points(mean.low)} ~ {points(mean.high)}), p = {chance(p)}"
        )
    else:
        seen = (
            f"daily mean difference {points(mean.estimate)} bp "
            f"(95 % interval {points(mean.low)} to {points(mean.high)}), p = {chance(p)}"
        )
    if verdict.word != "undecided":
        word = word_of(verdict, lang)
        said = f"{first}보다 {word}." if ko else f"{word} than {first};"
        return f"{name}: {said} {seen}"
    rest = missing(verdict, judged, lang)
    return f"{name}: 판단 보류. {seen}. {rest}" if ko else f"{name}: undecided; {seen}. {rest}"


def missing(verdict: Verdict, judged: Judged, lang: Lang) -> str:
    """How much longer one would have to look."""
    ko = lang == "ko"
    if judged.blocks < FEWEST_BLOCKS:
        return (
            f"{judged.block}거래일 블록이 {judged.blocks}개뿐이라 어떤 차이도 판정할 수 없습니다."
            if ko
            else f"Only {judged.blocks} blocks of {judged.block} sessions: nothing can be decided."
        )
    if verdict.days_missing is None:
        return (
            "이 차이라면 아무리 오래 보아도 판정할 수 없습니다."
            if ko
            else "At this difference no time would be enough."
        )
    if verdict.days_missing == 0:
        return (
            "이만한 차이면 보통은 판정이 났을 기간입니다."
            if ko
            else "This many sessions would usually have decided a difference like this."
        )
    years = verdict.days_missing / 252
    return (
        f"본 차이가 참이라면 약 {verdict.days_missing:,}거래일({years:,.1f}년)이 더 필요합니다."
        if ko
        else f"If what was seen is the truth, about {verdict.days_missing:,} more sessions "
        f"({years:,.1f} years) are needed."
    )


def sentences(contest: Contest, judged: Judged | None, lang: Lang) -> list[str]:
    """What the comparison says: one line a later version, or why nothing was tested."""
    ko = lang == "ko"
    if len(contest.entries) < 2:
        return []
    if judged is None:
        return [
            "판단 보류: 같은 데이터의 같은 기간이 아니라서 검정하지 않았습니다."
            if ko
            else "undecided: data or periods differ, so nothing was tested."
        ]
    first = contest.entries[0].name
    return [
        sentence(verdict, entry.name, first, judged, lang)
        for verdict, entry in zip(judged.verdicts, contest.entries[1:], strict=True)
    ]


def method(contest: Contest, judged: Judged, trials: Trials, lang: Lang) -> str:
    """How the test was made, in one paragraph."""
    days = len(contest.days)
    versions, earlier = judged.versions, ""
    if judged.earlier:
        earlier = (
            f", 여기 없는 전에 재생한 {judged.earlier}개 포함"
            if lang == "ko"
            else f", {judged.earlier} of them replayed before and not shown"
        )
    best = judged.best
    p, draws = (chance(best.p), best.draws) if best is not None else ("–", 0)
    other = "–" if judged.spa is None else chance(judged.spa)
    small = "–" if math.isinf(judged.smallest) else f"{judged.smallest:.1f}"
    if lang == "ko":
        return (
            f"{days:,}거래일을 {judged.block}거래일 블록 {judged.blocks}개로 나눠 부호를 "
            f"{draws:,}번 뒤집는 max-T 검정 (판 {versions}개를 함께{earlier}, 양쪽 합해 2.5 %, "
            f"손실 쪽으로 치우치면 1.25 %): 가장 앞선 판 p = {p}. 참고로 SPA p = {other}. "
            f"이 기간으로 찾아낼 수 있는 가장 작은 차이는 정보비율 {small} (검정력 80 %). "
            f"이 데이터로 해 본 서로 다른 재생은 {max(trials.tried, 1):,}번."
        )
    return (
        f"Block sign-flip max-T over {days:,} sessions in {judged.blocks} blocks of "
        f"{judged.block}, {draws:,} flips, {versions} versions together{earlier}, "
        f"2.5 % for both sides (1.25 % where losses lean heavy): p = {p} for the one ahead. "
        f"SPA beside it: p = {other}. Smallest difference these sessions can find (80 % power): "
        f"information ratio {small}. Distinct replays ever made on this data: "
        f"{max(trials.tried, 1):,}."
    )
