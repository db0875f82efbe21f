"""What ``Verdict.by`` says, in Korean, for people."""

from collections.abc import Mapping

PHRASES: Mapping[str, str] = {
    "limit:max_weight": "종목 비중 한도",
    "limit:max_exposure": "총 투자 비중 한도",
    "limit:max_positions": "보유 종목 수 한도",
    "limit:max_orders_per_day": "하루 주문 수 한도",
    "limit:max_turnover_per_day": "하루 매매 대금 한도",
    "limit:min_cash": "최소 현금",
    "limit:orderable_cash": "주문가능금액(상한가 증거금)",
    "limit:sellable": "매도가능수량",
}
"""By ``Verdict.by`` entry; rules are named by their id."""


def phrase(by: str) -> str:
    """Return what one ``by`` entry is called."""
    kind, _, name = by.partition(":")
    return f"학습 규칙 {name}" if kind == "rule" else PHRASES[by]


def clip_reason(by: tuple[str, ...], requested: int, size: int) -> str:
    """Return why ``requested`` shares became ``size``."""
    return f"{', '.join(map(phrase, by))}: {requested:,}주 → {size:,}주"


def tick_reason(asked: int, moved: int) -> str:
    """Return what happened to a limit price between two ticks, in won."""
    return f"지정가를 호가 단위로 {asked:,}원 → {moved:,}원"
