"""Korean words for features, operators and effects, shared by prompts and justifications.

Prompt files are compared byte for byte with what this table renders, so an entry may be added but
never changed: a change would make every sealed version look edited.
"""

from decimal import Decimal
from typing import NamedTuple

from kisbt.domain.rules import Category, Condition, EffectKind


class Wording(NamedTuple):
    """How one feature is spoken of: its label, and a format for ``value / divisor``."""

    label: str
    spoken: str
    divisor: float = 1.0


WORDINGS: dict[str, Wording] = {
    "atr14_pct": Wording("평균 변동폭(ATR)", "ATR {:.1f} %"),
    "bid_ask_ratio": Wording("매수·매도 잔량 비율", "잔량비 {:.2f}"),
    "breadth": Wording("상승 종목 비율", "상승 종목 비율 {:.2f}"),
    "change_pct": Wording("등락률", "등락률 {:+.1f} %"),
    "close_location": Wording("당일 종가 위치", "당일 종가 위치 {:.2f}"),
    "days_since_listing": Wording("상장 후 일수", "상장 후 {:.0f}일"),
    "gap_pct": Wording("시가 갭", "시가 갭 {:+.1f} %"),
    "halted": Wording("거래정지", "거래정지 {:.0f}"),
    "high52w_position": Wording("52주 가격 위치", "52주 위치 {:.2f}"),
    "limit_up_streak": Wording("연속 상한가", "연속 상한가 {:.0f}회"),
    "ma20_gap_pct": Wording("20봉 이동평균 이격률", "20이평 {:+.1f} %"),
    "ma5_gap_pct": Wording("5봉 이동평균 이격률", "5이평 {:+.1f} %"),
    "ma60_gap_pct": Wording("60봉 이동평균 이격률", "60이평 {:+.1f} %"),
    "market_mood": Wording("시장 심리 지수", "시장 심리 {:.0f}"),
    "program_net_buy_krw": Wording("프로그램 순매수", "프로그램 순매수 {:+,.0f}억원", 1e8),
    "return_20d_pct": Wording("20봉 수익률", "20봉 수익률 {:+.1f} %"),
    "return_5d_pct": Wording("5봉 수익률", "5봉 수익률 {:+.1f} %"),
    "return_60d_pct": Wording("60봉 수익률", "60봉 수익률 {:+.1f} %"),
    "rsi14": Wording("상대강도지수(RSI)", "RSI {:.0f}"),
    "trade_strength": Wording("체결강도", "체결강도 {:.0f}"),
    "value_traded_krw": Wording("거래대금", "거래대금 {:,.0f}억원", 1e8),
    "volatility20_pct": Wording("변동성", "변동성 {:.1f} %"),
    "volume_ratio": Wording("거래량 비율", "거래량 {:.1f}배"),
}

CATEGORIES: dict[Category, str] = {
    Category.RISK: "위험",
    Category.ENTRY: "진입",
    Category.EXIT: "청산",
    Category.SIZING: "비중",
}

EFFECTS: dict[EffectKind, str] = {
    EffectKind.BLOCK_BUY: "신규 매수 금지",
    EffectKind.FORCE_EXIT: "전량 매도",
    EffectKind.CAP_WEIGHT: "종목 비중 한도 {}",
    EffectKind.SCALE_SIZE: "매수 수량 {}배로 축소",
    EffectKind.REQUIRE_APPROVAL: "사람의 승인 필요",
}

OPERATORS: dict[str, str] = {">=": "≥", ">": ">", "<=": "≤", "<": "<", "==": "=", "!=": "≠"}


def spoken(feature: str, value: float | None) -> str:
    """The feature with its value as a person says it, e.g. ``"거래량 3.2배"``."""
    wording = WORDINGS.get(feature)
    if wording is None:
        return f"{feature} {'없음' if value is None else format(value, 'g')}"
    if value is None:
        return f"{wording.label} 없음"
    return wording.spoken.format(value / wording.divisor)


def condition_text(condition: Condition) -> str:
    """The condition with its machine name, e.g. ``"거래량 비율 `volume_ratio` ≥ 2"``."""
    wording = WORDINGS.get(condition.feature)
    label = f"{wording.label} " if wording else ""
    return f"{label}`{condition.feature}` {OPERATORS[condition.op]} {number(condition.value)}"


def number(value: float) -> str:
    """Shortest exact decimal: no exponent, no trailing zeros."""
    text = format(Decimal(repr(float(value) + 0.0)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
