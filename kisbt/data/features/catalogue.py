"""The catalogue: every feature a prompt, a rule or a snapshot may name.

A bar is whatever the dataset's frequency says: lookbacks count bars, so ``ma20_gap_pct`` is 20
days of a daily and 20 minutes of a minute dataset. A lookback counts traded bars only, the
current one included; a feature has no value (``None``) until it is filled. Halted bars
(거래정지: volume 0, one price) enter no window: on them a feature keeps its last value, except
where ``on_halt`` says otherwise. Prices and volumes are rebased over splits, past ones only.
Values are rounded to six significant digits.
"""

import difflib
from dataclasses import dataclass

from kisbt.errors import DataError

KEEPS = "keeps its last value"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    ``unit`` is ``pct`` (12.0 means 12 %), ``ratio``, ``fraction`` (0..1), ``index`` (0..100),
    ``krw``, ``bars``, ``days`` or ``flag``. ``history`` is false for features that only a live
    feed has. ``market_wide`` features have one value for all names at a time.
    """

    name: str
    korean: str
    unit: str
    formula: str
    lookback: int = 1
    history: bool = True
    market_wide: bool = False
    on_halt: str = KEEPS


def _ma_gap(n: int) -> Feature:
    return Feature(
        f"ma{n}_gap_pct",
        f"{n}봉 이동평균 이격률",
        "pct",
        f"100 x (close - mean close of {n} bars) / that mean",
        n,
    )


def _past_return(n: int) -> Feature:
    formula = f"100 x (close - close {n} bars ago) / close {n} bars ago"
    return Feature(f"return_{n}d_pct", f"{n}봉 수익률", "pct", formula, n + 1)


_REFERENCE = "the base price (기준가) of a daily bar where known, else the previous close"

FEATURES: tuple[Feature, ...] = (
    Feature(
        "change_pct",
        "등락률",
        "pct",
        f"100 x (close - reference) / reference; reference is {_REFERENCE}",
        2,
        on_halt="0",
    ),
    Feature("gap_pct", "시가 갭", "pct", "100 x (open - reference) / reference", 2, on_halt="0"),
    _ma_gap(5),
    _ma_gap(20),
    _ma_gap(60),
    Feature(
        "atr14_pct",
        "평균 변동폭(ATR)",
        "pct",
        "100 x mean true range of 14 bars / close",
        15,
    ),
    Feature(
        "rsi14",
        "상대강도지수(RSI)",
        "index",
        "100 x sum of rises / (sum of rises + sum of falls) over 14 changes; 50 without any",
        15,
    ),
    Feature(
        "volume_ratio",
        "거래량 비율",
        "ratio",
        "volume / mean volume of the 20 traded bars before",
        21,
        on_halt="0",
    ),
    Feature("value_traded_krw", "거래대금", "krw", "close x volume", on_halt="0"),
    Feature(
        "high52w_position",
        "52주 가격 위치",
        "fraction",
        "(close - lowest low) / (highest high - lowest low) of 252 bars",
        252,
    ),
    Feature(
        "close_location",
        "당일 종가 위치",
        "fraction",
        "(close - low) / (high - low); none on a bar of one price",
    ),
    Feature(
        "limit_up_streak",
        "연속 상한가",
        "bars",
        "bars in a row, up to this one, that closed at the upper limit (상한가)",
        2,
    ),
    Feature(
        "days_since_listing",
        "상장 후 일수",
        "days",
        "calendar days since the first trading day; none where that is unknown",
        on_halt="goes on counting",
    ),
    _past_return(5),
    _past_return(20),
    _past_return(60),
    Feature(
        "volatility20_pct",
        "변동성",
        "pct",
        "sample standard deviation of 20 one-bar returns, not annualised",
        21,
    ),
    Feature(
        "breadth",
        "상승 종목 비율",
        "fraction",
        "share of names traded in this bar whose change_pct is above 0",
        2,
        market_wide=True,
        on_halt="counts traded names only",
    ),
    Feature(
        "market_mood",
        "시장 심리 지수",
        "index",
        "40 x mean breadth of 5 bars + 30 x share of names above their 20-bar mean"
        " + 30 x rising names' share of traded value",
        20,
        market_wide=True,
        on_halt="counts traded names only",
    ),
    Feature("halted", "거래정지", "flag", "1 when nothing traded in the bar", on_halt="1"),
    Feature(
        "trade_strength",
        "체결강도",
        "pct",
        "100 x volume bought at the offer / volume sold at the bid, today",
        history=False,
    ),
    Feature(
        "bid_ask_ratio",
        "매수·매도 잔량 비율",
        "ratio",
        "total resting bid quantity / total resting ask quantity",
        history=False,
    ),
    Feature(
        "program_net_buy_krw",
        "프로그램 순매수",
        "krw",
        "programme trading's bought minus sold value, today",
        history=False,
    ),
)

HISTORY: tuple[Feature, ...] = tuple(f for f in FEATURES if f.history)
LIVE_ONLY: tuple[Feature, ...] = tuple(f for f in FEATURES if not f.history)


def feature(name: str) -> Feature:
    """The feature called ``name``.

    Raises:
        DataError: there is none; names the nearest.
    """
    for one in FEATURES:
        if one.name == name:
            return one
    near = difflib.get_close_matches(name, [f.name for f in FEATURES], n=1)
    raise DataError(
        f"unknown feature '{name}'",
        hint=f"did you mean '{near[0]}'?" if near else "docs: the catalogue of kisbt.data.features",
    )
