"""What an evolution report says, in Korean and English.

"Better" and "worse" stand here and nowhere else on the page, and only where the test holds.
"""

from collections.abc import Mapping
from typing import Any

from kisbt.gate.wording import rollback_words
from kisbt.report.learning_words import CLAIMS
from kisbt.report.wording import Lang, write_figure

WORDS: dict[str, tuple[str, str]] = {
    "title": ("진화 보고서", "Evolution report"),
    "accounts": ("세 계좌", "Three accounts"),
    "evolving": ("진화", "evolving"),
    "frozen": ("고정", "frozen"),
    "market": ("매수 후 보유", "buy and hold"),
    "total_return": ("누적 수익률", "Total return"),
    "cagr": ("연환산 수익률", "A year (CAGR)"),
    "annual_volatility": ("연 변동성", "Volatility (ann.)"),
    "sharpe": ("Sharpe", "Sharpe"),
    "max_drawdown": ("최대 낙폭", "Max drawdown"),
    "compared": ("비교", "Compared"),
    "yearly": ("차이 (연, 95% 구간)", "Difference a year (95% interval)"),
    "p": ("p", "p"),
    "claim": ("말할 수 있는 것", "What may be said"),
    "missing": ("모자란 거래일", "Days missing"),
    "moves": ("승격과 강등", "Promotions and demotions"),
    "campaigns": ("심사한 주", "Weeks with a trial"),
    "rules": ("살아 있던 규칙", "Rules alive"),
    "rule": ("규칙", "Rule"),
    "life": ("살아 있던 주", "Weeks in force"),
    "version": ("버전", "Version"),
    "weeks": ("주간 기록", "Week by week"),
    "week": ("주", "Week"),
    "days": ("거래일", "Sessions"),
    "closed": ("끝난 거래", "Closed trades"),
    "win_rate": ("승률", "Win rate"),
    "pnl": ("손익", "Result"),
    "sunday": ("일요일에 한 일", "What Sunday brought"),
    "against_frozen": ("진화 − 고정", "evolving − frozen"),
    "against_market": ("진화 − 매수 후 보유", "evolving − buy and hold"),
    "frozen_against_market": ("고정 − 매수 후 보유", "frozen − buy and hold"),
    "insights": ("가장 큰 패턴", "Strongest patterns"),
    "report": ("학습 보고서", "learning report"),
}


def word(key: str, lang: Lang) -> str:
    """One heading or label."""
    return WORDS[key][lang != "ko"]


def claim(comparison: Mapping[str, Any] | None, lang: Lang) -> str:
    """What may be said of a comparison."""
    return CLAIMS[comparison["claim"] if comparison else "undecided"][lang != "ko"]


def verdict(facts: Mapping[str, Any], lang: Lang) -> str:
    """One sentence: did learning help?"""
    found, start = facts["against_frozen"], facts["start_version"]
    ko = lang == "ko"
    if found is None:
        return (
            f"새 버전으로 거래한 날이 없어 진화한 계좌와 고정된 버전 {start}의 계좌가 같습니다. "
            "학습이 도움이 되었는지는 판단 보류입니다."
            if ko
            else f"No day was traded under another version: the evolving account is that of "
            f"version {start}, frozen. Whether learning helped is undecided."
        )
    p = "–" if found["p"] is None else f"{found['p']:.4f}"
    if found["claim"] == "better":
        return (
            f"학습이 도움이 되었습니다: 진화한 계좌가 고정된 버전 {start}보다 낫습니다 (p {p})."
            if ko
            else f"Learning helped: the evolving account is better than version {start}, "
            f"frozen (p {p})."
        )
    if found["claim"] == "worse":
        return (
            f"학습이 해가 되었습니다: 진화한 계좌가 고정된 버전 {start}보다 못합니다."
            if ko
            else f"Learning did harm: the evolving account is worse than version {start}, frozen."
        )
    return (
        f"학습이 도움이 되었는지 판단 보류입니다 (p {p}): {missing_words(found, lang)}."
        if ko
        else f"Whether learning helped is undecided (p {p}): {missing_words(found, lang)}."
    )


def missing_words(comparison: Mapping[str, Any], lang: Lang) -> str:
    """How many more days such a difference would need."""
    missing = comparison["days_missing"]
    if missing is None:
        return (
            "이만한 차이는 날이 더 있어도 가려지지 않습니다"
            if lang == "ko"
            else "more days of the same would not decide it"
        )
    if lang == "ko":
        return f"같은 차이가 이어질 때 {missing:,}거래일이 더 필요합니다"
    return f"{missing:,} more sessions of the same difference are needed"


def yearly_words(comparison: Mapping[str, Any] | None, lang: Lang) -> str:
    """A year's difference with its interval."""
    if comparison is None or comparison["yearly"] is None:
        return "–"
    low, middle, high = (write_figure(v, "signed", lang) for v in comparison["yearly"])
    return f"{middle} ({low} ~ {high})" if lang == "ko" else f"{middle} ({low} to {high})"


def step_words(record: Mapping[str, Any], lang: Lang) -> str:
    """What a Sunday brought, in a few words."""
    ko = lang == "ko"
    move = record["move"]
    if move is not None:
        return move_words(move, lang)
    if record["step"] == "short":
        return (
            "잠가 둘 기간이 아직 없음"
            if ko
            else "not enough days to lock some away"
        )  # fmt: skip
    if record["step"] == "waiting":
        return (
            f"다음 심사는 {record['next_test']}부터"
            if ko
            else f"next test from {record['next_test']}"
        )
    if record["step"] == "resting":
        return "올릴 후보가 없어 쉼" if ko else "resting: there was nothing to test"
    learning = record["learning"]
    tried = len(learning["candidates"])
    if record["tested"]:
        return f"후보 {tried}개 심사, 유지" if ko else f"{tried} candidates tested, kept"
    if tried:
        return f"후보 {tried}개, 심사하지 못함" if ko else f"{tried} candidates, not tested"
    return "올릴 후보 없음" if ko else "no candidate"


def move_words(move: Mapping[str, Any], lang: Lang) -> str:
    """A promotion, or a demotion and why; the bet against the predecessor is told in figures."""
    kinds = {"promotion": ("승격", "promoted"), "demotion": ("강등", "demoted")}
    said = f"{kinds[move['kind']][lang != 'ko']}: {move['from']} → {move['to']}"
    others = [one for one in move.get("reasons", ()) if one != "worse_than_parent"]
    why = rollback_words(others, lang)
    return f"{said} ({why})" if why else said


def trials_words(facts: Mapping[str, Any], lang: Lang) -> str:
    """How much was tried."""
    t, w = facts["trials"], facts["weeks"]
    if lang == "ko":
        return (
            f"{w['all']}주 가운데 {w['learned']}주에 배우고 {t['campaigns']}번 심사했습니다 "
            f"({w['waiting']}주는 새 홀드아웃을, {w['short']}주는 충분한 기간을 기다렸고, "
            f"{w['resting']}주는 올릴 후보가 없어 쉼). "
            f"시도한 버전 {t['versions']}개, 홀드아웃을 연 횟수 {t['looks']}번, 승격 "
            f"{t['promotions']}번, 강등 {t['demotions']}번."
        )
    return (
        f"{w['learned']} of {w['all']} weeks learnt and {t['campaigns']} were tested "
        f"({w['waiting']} waited for a new holdout, {w['short']} for enough days, {w['resting']} "
        f"rested with nothing to test). "
        f"{t['versions']} versions tried, {t['looks']} looks at a holdout, {t['promotions']} "
        f"promotions, {t['demotions']} demotions."
    )
