"""The wording of generated sections is pinned: sealed versions are compared with it."""

import pytest

from kisbt.domain.rules import Category, Condition, EffectKind, Evidence
from kisbt.rulebook.render import render_policy, render_rules
from kisbt.rulebook.wording import CATEGORIES, EFFECTS, OPERATORS, condition_text, number, spoken
from tests.rulebook.samples import OPS, condition, policy, rule

POLICY = """
**시장 조건 (모두 충족해야 신규 매수)**

- 상승 종목 비율 `breadth` ≥ 0.5

**진입 조건 (모두 충족)**

- 거래량 비율 `volume_ratio` ≥ 2
- 등락률 `change_pct` > 1.5

**회피 조건 (하나라도 해당하면 매수하지 않음)**

- 거래정지 `halted` ≠ 0

**청산 조건 (하나라도 해당하면 전량 매도)**

- 손절: 평균 매입가보다 7 % 이상 하락
- 익절: 평균 매입가보다 12.5 % 이상 상승
- 추적 손절: 보유 중 최고 종가보다 6 % 이상 하락
- 보유 기간: 15거래일
- 20봉 이동평균 이격률 `ma20_gap_pct` < -3

**선택과 주문**

- 후보가 여럿이면 상대강도지수(RSI) `rsi14` 값이 낮은 순으로 하루 최대 3종목
- 종목당 목표 비중 7 %
- 매수는 지정가(종가 +0.5 %, 호가 단위로 내림), 매도는 시장가

"""

SHORT_POLICY = """
**진입 조건 (모두 충족)**

- `my_feature` = 0.07

**선택과 주문**

- 후보가 여럿이면 `my_feature` 값이 높은 순으로 하루 최대 2종목
- 종목당 목표 비중 10 %
- 매수는 시장가, 매도는 시장가

"""

RULES = (
    "\n"
    "- **R0002** [위험, 우선순위 9] 시장 심리 지수 `market_mood` < 20 → 사람의 승인 필요."
    " 근거: 공포 장세\n"
    "- **R0001** [진입, 우선순위 5] 등락률 `change_pct` ≥ 12 그리고 거래량 비율 `volume_ratio`"
    " < 1.5 → 신규 매수 금지. 근거: 급등 추격 (거래 14건 중 손실 12건, 평균 수익률 -4.1 %)\n"
    "- **R0003** [비중, 우선순위 5] 변동성 `volatility20_pct` > 4 → 종목 비중 한도 5 %."
    " 근거: 시험 (거래 3건 중 손실 1건)\n"
    "- **R0004** [비중, 우선순위 5] 변동성 `volatility20_pct` > 5 → 매수 수량 0.5배로 축소."
    " 근거: 시험\n"
    "- **R0005** [청산, 우선순위 1] 등락률 `change_pct` ≤ -8 → 전량 매도. 근거: 시험\n"
    "\n"
)


def test_policy_reads_as_pinned() -> None:
    made = policy(
        market=("breadth >= 0.5",),
        entry=("volume_ratio >= 2", "change_pct > 1.5"),
        avoid=("halted != 0",),
        rank_by="rsi14",
        rank_order="low",
        max_new_per_day=3,
        target_weight=0.07,
        take_profit_pct=12.5,
        trailing_stop_pct=6,
        max_holding_days=15,
        order="limit",
        limit_offset_pct=0.5,
    )
    assert render_policy(made) == POLICY


def test_policy_without_extras_has_no_empty_headings() -> None:
    made = policy(entry=("my_feature == 0.07",), exits=(), rank_by="my_feature", stop_loss_pct=None)
    assert render_policy(made) == SHORT_POLICY


def test_limit_below_the_close_shows_its_sign() -> None:
    assert "종가 -0.5 %" in render_policy(policy(order="limit", limit_offset_pct=-0.5))


def test_rules_read_as_pinned_highest_priority_first() -> None:
    rules = (
        rule(
            1,
            "change_pct >= 12",
            "volume_ratio < 1.5",
            because="급등 추격",
            evidence=Evidence(trades=14, losers=12, mean_return=-0.041),
        ),
        rule(5, "change_pct <= -8", then="force_exit", category=Category.EXIT, priority=1),
        rule(4, "volatility20_pct > 5", then="scale_size", value=0.5, category=Category.SIZING),
        rule(
            3,
            "volatility20_pct > 4",
            then="cap_weight",
            value=0.05,
            category=Category.SIZING,
            evidence=Evidence(trades=3, losers=1),
        ),
        rule(
            2,
            "market_mood < 20",
            then="require_approval",
            category=Category.RISK,
            priority=9,
            because="공포 장세",
        ),
    )
    assert render_rules(rules) == RULES


def test_no_rules_say_so() -> None:
    assert render_rules(()) == "\n- (규칙 없음)\n\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (12.0, "12"),
        (-0.041, "-0.041"),
        (1e-7, "0.0000001"),
        (5e8, "500000000"),
        (1e22, "10000000000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_numbers_are_exact_decimals(value: float, text: str) -> None:
    assert number(value) == text
    assert float(text) == value


@pytest.mark.parametrize(
    ("feature", "value", "text"),
    [
        ("volume_ratio", 3.21, "거래량 3.2배"),
        ("ma20_gap_pct", 4.06, "20이평 +4.1 %"),
        ("value_traded_krw", 123_456_000_000.0, "거래대금 1,235억원"),
        ("limit_up_streak", 2.0, "연속 상한가 2회"),
        ("rsi14", None, "상대강도지수(RSI) 없음"),
        ("my_feature", 1.5, "my_feature 1.5"),
        ("my_feature", None, "my_feature 없음"),
    ],
)
def test_features_are_spoken_with_their_numbers(
    feature: str, value: float | None, text: str
) -> None:
    assert spoken(feature, value) == text


def test_every_word_of_the_rule_language_has_a_korean_one() -> None:
    assert set(OPERATORS) == set(OPS)
    assert set(CATEGORIES) == set(Category)
    assert set(EFFECTS) == set(EffectKind)
    assert condition_text(Condition(feature="zzz", op="!=", value=1)) == "`zzz` ≠ 1"
    assert condition_text(condition("rsi14 <= 30")) == "상대강도지수(RSI) `rsi14` ≤ 30"
