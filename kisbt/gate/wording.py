"""The gate in words, Korean first. Only a proved difference is called better or worse."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from kisbt.gate.decision import Claim, GateDecision, Reason, Tier, Verdict
from kisbt.journal.experiments import LedgerEntry

Lang = Literal["ko", "en"]

_VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.REJECT: ("기각", "rejected"),
    Verdict.KEEP: ("챔피언 유지", "the champion stays"),
    Verdict.TO_HOLDOUT: ("홀드아웃 심사로", "goes to the holdout"),
    Verdict.TO_SHADOW: ("그림자 운용으로", "goes into shadow"),
    Verdict.WAIT: ("그림자 운용 중", "in shadow, not decided"),
    Verdict.ASK_HUMAN: ("사람의 승인 대기", "waits for a person"),
    Verdict.PROMOTE: ("승격", "promoted"),
    Verdict.ROLL_BACK: ("부모 버전으로 되돌림", "rolled back to its parent"),
}
_CLAIMS: dict[Claim, tuple[str, str]] = {
    Claim.BETTER: ("챔피언보다 낫다", "better than the champion"),
    Claim.WORSE: ("챔피언보다 못하다", "worse than the champion"),
    Claim.UNDECIDED: ("판단 보류", "undecided"),
}
_TIERS: dict[Tier, tuple[str, str]] = {
    Tier.E0: ("증거 없음", "no evidence"),
    Tier.E1: ("개발 구간에서 실행됨", "ran on development days"),
    Tier.E2: ("개발 구간 심사 통과", "passed the development test"),
    Tier.E3: ("홀드아웃 통과", "passed the holdout"),
    Tier.E4: ("그림자 운용 통과, 승인됨", "passed in shadow, approved"),
}
_STEPS: dict[str, tuple[str, str]] = {
    "crash": (
        "실행 실패 {times:.0f}회 (시도로 계산됨)",
        "crashed {times:.0f} times, still a trial",
    ),
    "max_t": (
        "부호 뒤집기 최대 T 검정: p {p:.4f} (기준 {level:.4f}), 하루 평균 {mean_bp:+.2f} bp, "
        "정보비율 {ir:+.2f}, {days:.0f}일, {block:.0f}일 블록, {versions:.0f}개 버전, "
        "블록 왜도 {skew:+.2f}",
        "block sign-flip max-T: p {p:.4f} (level {level:.4f}), mean {mean_bp:+.2f} bp a day, "
        "information ratio {ir:+.2f}, {days:.0f} days in blocks of {block:.0f}, "
        "{versions:.0f} versions, block skewness {skew:+.2f}",
    ),
    "spa": (
        "SPA 참고값: p {p:.4f} (판정에 쓰지 않음)",
        "SPA beside it: p {p:.4f} (decides nothing)",
    ),
    "pbo": (
        "과최적화 확률 PBO {value:.2f} (시도 {trials:.0f}개)",
        "probability of overfitting {value:.2f} ({trials:.0f} trials)",
    ),
    "dsr": (
        "디플레이티드 샤프 {value:.3f} (시도 {trials:.0f}개 중 최고, 참고값)",
        "deflated Sharpe {value:.3f} (best of {trials:.0f} trials, a label)",
    ),
    "sharpe_difference": (
        "변동성이 10% 넘게 달라 샤프 차이도 비교: 하루 {difference:+.4f}, 양측 p {p:.4f} (참고값)",
        "volatilities differ by more than 10 %, so Sharpe ratios are compared, too: "
        "{difference:+.4f} a day, two-sided p {p:.4f} (a label)",
    ),
    "constraint:affected_days": (
        "영향받은 날 {found:.0f}일 (최소 {limit:.0f}일)",
        "{found:.0f} days affected (at least {limit:.0f})",
    ),
    "constraint:changed_decisions": (
        "바뀐 결정 {found:.1%} (최소 {limit:.1%})",
        "{found:.1%} of decisions changed (at least {limit:.1%})",
    ),
    "constraint:drawdown": (
        "최대 낙폭 차이 상한 {found:+.2%} (한도 {limit:+.2%})",
        "maximum drawdown worse by at most {found:+.2%} (limit {limit:+.2%})",
    ),
    "constraint:turnover": (
        "회전율 {found:.2f} (한도 {limit:.2f})",
        "turnover {found:.2f} (limit {limit:.2f})",
    ),
    "constraint:breaches": ("위험 규칙 위반 {found:.0f}건", "{found:.0f} risk breaches"),
    "constraint:parse_failures": (
        "해석 실패 {found:.2%} (한도 {limit:.2%})",
        "parse failures {found:.2%} (limit {limit:.2%})",
    ),
    "constraint:llm_cost_krw": (
        "LLM 비용 {found:,.0f}원 (한도 {limit:,.0f}원)",
        "LLM cost {found:,.0f} won (limit {limit:,.0f})",
    ),
    "cutoff": (
        "모델이 알고 있을 수 있는 기간이라 E0까지만 인정",
        "days that the model may remember count for E0 only",
    ),
    "no_holdout": ("홀드아웃 구간이 등록되지 않음", "no holdout was registered"),
    "holdout_closed": ("홀드아웃이 개발 구간이 되었음", "the holdout has become development data"),
    "holdout": (
        "홀드아웃 한 번 보기: 기준 {level:.3f}, {days:.0f}일",
        "one look at the holdout: level {level:.3f}, {days:.0f} days",
    ),
    "shadow": (
        "그림자 운용 {days:.0f}일: 베팅 자산 {wealth:.2f}배 (필요 {needed:.0f}배), "
        "잘린 날 {clipped_share:.1%}",
        "{days:.0f} days in shadow: wealth {wealth:.2f} (needs {needed:.0f}), "
        "{clipped_share:.1%} of days clipped",
    ),
    "guard": (
        "승격 후 감시 {days:.0f}일: 반대 베팅 {wealth:.2f}배 ({needed:.0f}배면 되돌림)",
        "watched for {days:.0f} days: mirror bet {wealth:.2f} (rolls back at {needed:.0f})",
    ),
    "approval": ("사람이 승인함", "approved by a person"),
    "rollback": ("되돌림이 기록됨", "a rollback is on record"),
}
_KINDS: dict[str, tuple[str, str]] = {
    "variant": ("등록", "registered"),
    "crash": ("실행 실패", "crashed"),
    "test": ("개발 구간 심사", "development test"),
    "look": ("홀드아웃을 열기로 기록", "look written down"),
    "look_result": ("홀드아웃 결과", "holdout result"),
    "shadow": ("그림자 운용 시작", "shadow begins"),
    "shadow_passed": ("그림자 운용 통과", "passed in shadow"),
    "approval": ("승인", "approval"),
    "rollback": ("되돌림", "rollback"),
}

ROLLBACKS: Mapping[str, tuple[str, str]] = {
    "worse_than_parent": ("이전 버전보다 나쁨", "worse than its predecessor"),
    "drawdown": ("최대 낙폭 한도", "drawdown at its limit"),
    "breach": ("위험 한도 위반", "a risk limit broken"),
    "parse_failures": ("읽을 수 없는 답", "unreadable answers"),
    "drift": ("백테스트와의 차이", "drift from the backtest"),
}
"""Every reason to roll back, in the order in which they are told, Korean and English."""


def _pick(pair: tuple[str, str], lang: str) -> str:
    return pair[0] if lang == "ko" else pair[1]


def verdict_words(verdict: Verdict, lang: str) -> str:
    """A verdict in words."""
    return _pick(_VERDICTS[verdict], lang)


def rollback_words(reasons: Iterable[str], lang: str) -> str:
    """Why a version went back, in one line."""
    return ", ".join(_pick(ROLLBACKS[reason], lang) for reason in reasons)


def claim_words(claim: Claim, lang: str) -> str:
    """What may be said of a version."""
    return _pick(_CLAIMS[claim], lang)


def tier_words(tier: Tier, lang: str) -> str:
    """A tier in words."""
    return _pick(_TIERS[tier], lang)


def reason_line(reason: Reason, lang: str) -> str:
    """One step with its numbers; begins with its outcome."""
    mark = {True: "✓", False: "✗", None: "·"}[reason.passed]
    numbers: dict[str, Any] = {
        name: float("nan") if value is None else value for name, value in reason.numbers.items()
    }
    if "mean" in numbers:
        numbers["mean_bp"] = numbers["mean"] * 1e4
    template = _STEPS.get(reason.step)
    if template is None:
        return f"{mark} {reason.step} {dict(reason.numbers)}"
    return f"{mark} {_pick(template, lang).format_map(numbers)}"


def decision_lines(decision: GateDecision, lang: str) -> list[str]:
    """A decision as lines of text: verdict first, then every step."""
    verdict = verdict_words(decision.verdict, lang)
    claim = claim_words(decision.claim, lang)
    tier = f"{decision.tier} ({tier_words(decision.tier, lang)})"
    if lang == "ko":
        lines = [f"판정: {verdict}. {claim}. 증거 등급 {tier}"]
    else:
        lines = [f"Verdict: {verdict}; {claim}; evidence tier {tier}"]
    lines += [f"  {reason_line(reason, lang)}" for reason in decision.reasons]
    if missing := missing_words(decision, lang):
        lines.append(f"  {missing}")
    return lines


def missing_words(decision: GateDecision, lang: str) -> str:
    """How many days an undecided version still lacks; empty when it is decided or untested."""
    tested = any(reason.step == "max_t" for reason in decision.reasons)
    if decision.claim is not Claim.UNDECIDED or not tested or decision.verdict is Verdict.REJECT:
        return ""
    if decision.verdict is Verdict.TO_HOLDOUT:
        return ""
    days = decision.days_missing
    if days is None:
        return _pick(
            ("지금까지 본 차이로는 날이 더 있어도 입증되지 않음",
             "the difference seen so far would not be proved by more days"),
            lang,
        )  # fmt: skip
    if lang == "ko":
        return f"지금 본 차이가 참이라면 거래일 {days:,}일이 더 필요함"
    return f"if the difference seen is the true one, {days:,} more trading days are needed"


def entry_line(entry: LedgerEntry, lang: str) -> str | None:
    """One entry of the ledger about a version; ``None`` for daily bets, which are summed up."""
    if entry.kind not in _KINDS:
        return None
    told = _entry_numbers(entry.kind, entry.body, lang)
    what = _pick(_KINDS[entry.kind], lang)
    return f"{entry.at[:16].replace('T', ' ')}  {what}{': ' + told if told else ''}"


def _entry_numbers(kind: str, body: Mapping[str, Any], lang: str) -> str:
    if kind == "variant":
        return str(body["experiment"])
    if kind == "crash":
        return str(body["why"])
    if kind == "look":
        return f"{_pick(('기준', 'level'), lang)} {body['level']:.3f}"
    if kind in ("look_result", "test"):
        words = ("통과", "passed") if body["passed"] else ("통과하지 못함", "not passed")
        outcome = _pick(words, lang)
        return f"{outcome}, p {body['p']:.4f}" if kind == "test" else outcome
    if kind == "approval":
        return str(body["by"])
    return ", ".join(map(str, body.get("reasons", ())))
