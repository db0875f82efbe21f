"""Whether a name can be traded at the price asked for, and what a share then counts as."""

from datetime import date
from typing import NamedTuple

from kisbt.domain.trading import Side
from kisbt.krx.ticks import round_down, round_up
from kisbt.risk.ask import Ask, Refusal

_HALTED = Refusal(("market:halted",), "거래정지이거나 시세가 멈춘 종목")
_NO_PRICE = Refusal(("market:no_price",), "종가를 알 수 없는 종목")
_NO_BAND = Refusal(("market:no_band",), "기준가를 알 수 없어 가격제한폭이 없는 종목")


class Priced(NamedTuple):
    """An order's price in won a share, seen three ways.

    ``limit`` is on a tick, ``None`` for a market order. ``value`` is what a share counts as in
    weights, exposure and turnover: the last close, or a higher limit. ``reserve`` is the most
    that a share can cost: the limit, or the day's upper limit (상한가) for a market order.
    """

    limit: int | None
    value: int
    reserve: int


def price_order(ask: Ask, side: Side, session: date) -> Priced | Refusal:
    """Price an order for ``session``, or say why nothing can be traded at that price.

    A limit price between two ticks moves to the safe side: a buy down, a sale up. One outside
    the day's limits, before or after that, is refused.
    """
    close, band, tradable = ask.quote
    if not tradable:
        return _HALTED
    if close < 1:
        return _NO_PRICE
    if band is None:
        return _NO_BAND
    limit = ask.decision.limit_price
    if limit is None:
        return Priced(None, close, band.upper)
    if band.holds(limit):
        instrument = ask.instrument
        rounded = round_down if side is Side.BUY else round_up
        limit = rounded(limit, instrument.market, session, instrument.product)
    if not band.holds(limit):
        span = f"{band.lower:,}~{band.upper:,}원"
        return Refusal(("limit:band",), f"지정가 {limit:,}원이 가격제한폭({span}) 밖")
    return Priced(limit, max(close, limit), limit)
