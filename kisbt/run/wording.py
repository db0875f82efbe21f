"""What a result says about how it was made, in Korean and English."""

from collections.abc import Iterator

from kisbt.run.prepare import Prepared
from kisbt.run.replay import Replayed


def assumptions(ready: Prepared) -> list[str]:
    """What the simulation takes for granted, as codes that the report words (``code:value``)."""
    spec, dataset = ready.spec, ready.dataset
    said = [
        "next_bar",
        f"participation:{spec.fills.participation:.0%}",
        "locked",
        "day_orders",
        "no_vi",
        "no_impact",
        "settlement",
        f"fees:{spec.costs.commission_rate:.7%}",
    ]
    if not spec.costs.tax:
        said.append("no_tax")
    if any(instrument.delisted for instrument in dataset.instruments.values()):
        said.append("delisting")
    elif not dataset.manifest.synthetic:
        said.append("survivors")
    if dataset.adjusted:
        said.append("adjusted")
    return said


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
