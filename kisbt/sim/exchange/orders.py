"""Orders as the venue keeps them, and what each KIS order type (주문구분) means."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from kisbt.domain.trading import Side
from kisbt.sim.exchange.hours import Phase


class Pricing(StrEnum):
    """Where an order's price comes from."""

    LIMIT = "limit"
    MARKET = "market"
    OPPOSITE = "best of the other side"
    SAME = "best of the own side"
    CLOSE = "closing price"


class Kind(NamedTuple):
    """One order type. ``now`` is ``"IOC"`` or ``"FOK"`` for orders that never rest."""

    name: str
    pricing: Pricing
    phases: tuple[Phase, ...]
    now: str = ""


_REGULAR = (Phase.OPENING, Phase.CONTINUOUS, Phase.CLOSING)
_LIVE = (Phase.CONTINUOUS,)
_AFTER = (Phase.AFTER_MARKET,)
_L, _M, _O, _S, _C = (
    Pricing.LIMIT,
    Pricing.MARKET,
    Pricing.OPPOSITE,
    Pricing.SAME,
    Pricing.CLOSE,
)

KINDS = {
    "00": Kind("지정가", _L, _REGULAR),
    "01": Kind("시장가", _M, _REGULAR),
    "02": Kind("조건부지정가", _L, (Phase.OPENING, Phase.CONTINUOUS)),
    "03": Kind("최유리지정가", _O, _LIVE),
    "04": Kind("최우선지정가", _S, _LIVE),
    "05": Kind("장전시간외", _C, (Phase.OPENING,)),
    "06": Kind("장후시간외", _C, (Phase.POST_CLOSE,)),
    "07": Kind("시간외단일가", _L, (Phase.SINGLE_PRICE,)),
    "11": Kind("IOC지정가", _L, _LIVE, "IOC"),
    "12": Kind("FOK지정가", _L, _LIVE, "FOK"),
    "13": Kind("IOC시장가", _M, _LIVE, "IOC"),
    "14": Kind("FOK시장가", _M, _LIVE, "FOK"),
    "15": Kind("IOC최유리", _O, _LIVE, "IOC"),
    "16": Kind("FOK최유리", _O, _LIVE, "FOK"),
    "22": Kind("스톱지정가", _L, (Phase.OPENING, Phase.CONTINUOUS)),
    "41": Kind("애프터지정가", _L, _AFTER),
    "42": Kind("애프터IOC지정가", _L, _AFTER, "IOC"),
    "43": Kind("애프터FOK지정가", _L, _AFTER, "FOK"),
    "44": Kind("애프터최유리", _O, _AFTER),
    "45": Kind("애프터IOC최유리", _O, _AFTER, "IOC"),
    "46": Kind("애프터FOK최유리", _O, _AFTER, "FOK"),
    "47": Kind("애프터최우선", _S, _AFTER),
}
"""Order types that the simulator serves, by ``ORD_DVSN``.

Not served: 21, 23 and 24 (mid-price), 27 to 29 (Nextrade) and the block, basket and own-share
codes. ``00`` also rests through the after-market's own hours only as ``41``.
"""


class Revision(StrEnum):
    """What an order number stands for (``RCTF_CLS``)."""

    NEW = "0"
    MODIFY = "1"
    CANCEL = "2"


@dataclass(slots=True)
class Order:
    """One order number of a day.

    ``price`` is the sheet's price in won (0 for orders without one); ``limit`` what matching
    uses, ``None`` for a market order. ``remaining`` still rests; ``quantity`` = ``filled`` +
    ``remaining`` + ``cancelled`` + ``moved`` (to a modification's number) + ``expired``.
    A cancellation is an order number too, with ``revision`` CANCEL and nothing to rest.
    """

    number: int
    day: date
    stamp: date
    at: datetime
    account: str
    ticker: str
    side: Side
    kind: str
    quantity: int
    price: int
    limit: int | None
    remaining: int
    revision: Revision = Revision.NEW
    original: int = 0
    filled: int = 0
    amount: int = 0
    costs: int = 0
    cancelled: int = 0
    moved: int = 0
    expired: int = 0
    trigger: int = 0
    venue: str = "KRX"
    old_tr: bool = False

    @property
    def ref(self) -> str:
        """Key of its reservation, unique over days."""
        return f"{self.day:%Y%m%d}-{self.number}"

    @property
    def odno(self) -> str:
        """``ODNO``: ten digits."""
        return f"{self.number:010d}"

    @property
    def average(self) -> float:
        """Average fill price in won, 0 without fills."""
        return self.amount / self.filled if self.filled else 0.0

    @property
    def waiting(self) -> bool:
        """A stop order whose trigger has not been touched."""
        return self.trigger > 0
