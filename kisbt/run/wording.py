"""What a result says about how it was made, in Korean and English."""

from collections.abc import Iterator

from kisbt.run.replay import Replayed
from kisbt.run.spec import RunSpec

_ASSUMPTIONS = {
    "ko": (
        "결정은 봉 마감에, 체결은 다음 봉부터: 시장가는 시가(시초 단일가), "
        "지정가는 시가가 더 유리하면 시가",
        "한 봉 거래량의 {participation:.0%}까지만 체결, 남은 수량은 당일 소멸",
        "상한가로 잠긴 봉은 매수 없음, 하한가로 잠긴 봉은 매도 없음, 거래정지 봉은 체결 없음",
        "호가 잔량, VI(변동성완화장치), 시간외 거래는 모형에 없음",
        "매도 대금은 당일 재매수에 쓸 수 있고 D+2 예수금은 음수가 되지 않음",
        "위탁수수료 편도 {commission:.7%}, 증권거래세는 결제일 기준 세율{untaxed}",
        "상장폐지 종목은 마지막 종가로 정산",
    ),
    "en": (
        "Decisions at a bar's close, fills from the next bar on: market orders at its open "
        "(opening auction), limit orders at the open where that is better",
        "At most {participation:.0%} of a bar's volume is filled; the rest ends with the session",
        "Nothing bought on a bar locked at the upper limit, nothing sold on one locked at the "
        "lower, nothing filled on a halted one",
        "Order-book depth, VI (volatility interruptions) and off-hours trading are not modelled",
        "Sale proceeds may fund buys on the same day; D+2 cash is never negative",
        "Commission {commission:.7%} a side, transaction tax by settlement date{untaxed}",
        "A delisted name is paid out at its last close",
    ),
}
_ADJUSTED = {
    "ko": "수정주가: 과거 가격이 호가 단위에서 벗어날 수 있어 불리한 쪽 호가로 옮겨 체결",
    "en": "Adjusted prices: past prices may be off tick, so fills move to the tick against us",
}
_UNTAXED = {"ko": " (설정에서 꺼짐)", "en": " (switched off in the settings)"}


def assumptions(spec: RunSpec, lang: str, *, adjusted: bool) -> list[str]:
    """What the simulation takes for granted, one sentence each."""
    said = [
        line.format(
            participation=spec.fills.participation,
            commission=spec.costs.commission_rate,
            untaxed="" if spec.costs.tax else _UNTAXED[lang],
        )
        for line in _ASSUMPTIONS[lang]
    ]
    return [*said, _ADJUSTED[lang]] if adjusted else said


def notes(net: Replayed, lang: str) -> list[str]:
    """What a reader must know of this run: refused orders, waiting, corporate actions."""
    return list(_notes(net, korean=lang == "ko"))


def _notes(net: Replayed, *, korean: bool) -> Iterator[str]:
    for reason, count in net.refusals.items():
        yield f"거부된 주문 {count:,}건: {reason}" if korean else f"{count:,} refused: {reason}"
    if net.waiting:
        yield (
            f"처음 {net.waiting:,}개 봉에서는 전략이 움직이지 못함 (지표나 상장을 기다림)"
            if korean
            else f"the strategy could not act on the first {net.waiting:,} bars "
            "(it waited for an indicator or a listing)"
        )
    kinds = {"split": "액면분할·병합", "delisting": "상장폐지"}
    for change in net.changes:
        kind = kinds[change.kind] if korean else change.kind
        shares = f"{change.quantity_before:,} → {change.quantity_after:,}"
        yield (
            f"{change.session} {change.ticker} {kind}: {shares}주, 현금 {change.cash:,}원"
            if korean
            else f"{change.session} {change.ticker} {kind}: {shares} shares, {change.cash:,} won"
        )
    if net.unfilled:
        yield (
            f"마지막 봉 뒤에 남은 주문 {net.unfilled}건은 체결되지 않음"
            if korean
            else f"{net.unfilled} orders were still open after the last bar"
        )
