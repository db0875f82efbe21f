"""Instruments and prices: the words of the market that every package shares."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

Won = int
"""Whole won. KRX quotes and settles equities without fractions."""

Ticker = Annotated[str, Field(pattern=r"^[0-9A-Z]{6}$")]
"""Six characters, e.g. ``"005930"``; letters occur in newer codes."""


class Frozen(BaseModel):
    """An immutable value; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def made(cls, **fields: Any) -> Self:
        """Return one of values that are known to be right: nothing is checked or filled in.

        Every field must be given, in the order of the class. For what is made at every tick:
        ``model_construct`` takes four times as long.
        """
        one = cls.__new__(cls)
        _set(one, "__dict__", fields)
        _set(one, "__pydantic_fields_set__", set(fields))
        _set(one, "__pydantic_extra__", None)
        _set(one, "__pydantic_private__", None)
        return one


_set = object.__setattr__


class Market(StrEnum):
    """Market division (시장 구분)."""

    KOSPI = "KOSPI"
    KOSDAQ = "KOSDAQ"
    KONEX = "KONEX"


class Product(StrEnum):
    """Product kind, as far as ticks, limits and taxes differ."""

    STOCK = "STOCK"
    ETF = "ETF"
    ETN = "ETN"
    ELW = "ELW"


class Instrument(Frozen):
    """One listed name.

    ``leverage`` is the signed multiple of an ETF or ETN (2.0, -1.0, -2.0), 1.0 for anything
    else. ``listed`` and ``delisted`` are the first and the last trading day, where known.
    ``offer_price`` is the public offering price (공모가), the base of an IPO's first day.
    """

    ticker: Ticker
    name: str = ""
    market: Market = Market.KOSPI
    product: Product = Product.STOCK
    leverage: float = 1.0
    sector: str | None = None
    listed: date | None = None
    delisted: date | None = None
    offer_price: int | None = Field(default=None, gt=0)


class PriceBand(NamedTuple):
    """The day's price limits (상한가 and 하한가) around the base price (기준가), in won."""

    base: int
    lower: int
    upper: int

    def holds(self, price: int) -> bool:
        """Whether an order at ``price`` would be accepted."""
        return self.lower <= price <= self.upper


class Quote(NamedTuple):
    """What is known of one name at a decision: the last close and the next order's band.

    ``band`` is the band of the session in which an order sent now would trade, ``None`` when
    no base price is known. ``tradable`` is false for a halted or a stale name (거래정지).
    """

    close: int
    band: PriceBand | None
    tradable: bool
