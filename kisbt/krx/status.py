"""Issue status, halts, volatility interruption and circuit breakers, as data.

Source:
    Status codes: KIS ``iscd_stat_cls_code`` and ``mrkt_warn_cls_code``; effects from KOSPI Reg.
    56 and Oversight 5-3. Interruption and breakers: KOSPI Reg. 16, 25 and 26-2, Enf. 35, 39 and
    41-2, KOSDAQ Reg. 13 and 26, Enf. 14, 28-5 and 31, as in force in April 2026.
"""

from enum import StrEnum
from typing import NamedTuple

from kisbt.domain.market import Market, PriceBand
from kisbt.krx.fills import MatchBar


class IssueStatus(StrEnum):
    """State of a listed name (종목 상태 구분), as KIS codes it."""

    NORMAL = "00"
    ADMINISTRATIVE = "51"  # 관리종목
    RISK = "52"  # 투자위험
    ALERT = "53"  # 투자경고
    CAUTION = "54"  # 투자주의
    CREDIT_ALLOWED = "55"
    FULL_DEPOSIT = "57"  # 증거금 100 %
    HALTED = "58"  # 거래정지
    OVERHEATED = "59"  # 단기과열

    @property
    def tradable(self) -> bool:
        """False only in a halt."""
        return self is not IssueStatus.HALTED

    @property
    def single_price(self) -> bool:
        """Whether the name trades in 30-minute call auctions (단일가매매) all day."""
        return self is IssueStatus.OVERHEATED

    @property
    def cash_only(self) -> bool:
        """Whether a buy needs the full deposit."""
        return self in _CASH_ONLY


_CASH_ONLY = frozenset({IssueStatus.RISK, IssueStatus.ALERT, IssueStatus.FULL_DEPOSIT})


class MarketWarning(StrEnum):
    """Market alert level (시장경보), as KIS codes it."""

    NONE = "00"
    CAUTION = "01"
    ALERT = "02"
    RISK = "03"


class PriceChange(StrEnum):
    """Direction of the day, as KRX codes it. KIS ``prdy_vrss_sign`` numbers differ: ``to_kis``."""

    HALTED = "0"
    UP = "1"
    DOWN = "2"
    FLAT = "3"
    UPPER_LIMIT = "4"
    LOWER_LIMIT = "5"

    @property
    def to_kis(self) -> str:
        """The same direction in KIS's numbers; a halted name is flat there."""
        return _KIS_SIGN[self]


_KIS_SIGN = {
    PriceChange.UPPER_LIMIT: "1",
    PriceChange.UP: "2",
    PriceChange.FLAT: "3",
    PriceChange.HALTED: "3",
    PriceChange.LOWER_LIMIT: "4",
    PriceChange.DOWN: "5",
}


class Interruption(NamedTuple):
    """Triggers of the volatility interruption (VI, 변동성완화장치) in percent.

    ``dynamic`` is against the last price, ``closing`` the same in the closing auction, and
    ``static`` against the last auction price. It brings a call auction of ``VI_SECONDS``.
    """

    dynamic: int
    closing: int
    static: int


VI_SECONDS = 120
"""Length of the call auction; up to 30 random seconds come on top."""

VI_KOSPI200 = Interruption(dynamic=3, closing=2, static=10)
VI_OTHER = Interruption(dynamic=6, closing=4, static=10)


class BreakerStage(NamedTuple):
    """One stage of the circuit breaker (서킷브레이커): index fall in percent, halt in minutes.

    ``halt_minutes`` of ``None`` closes the market for the day. Stages 1 and 2 do not work in
    the last 40 minutes.
    """

    fall: int
    halt_minutes: int | None


BREAKER_STAGES = (BreakerStage(8, 20), BreakerStage(15, 20), BreakerStage(20, None))


def interruption(market: Market, *, in_kospi200: bool = False) -> Interruption:
    """Return the VI triggers of a share. Liquidation, IPO days and the like have none."""
    return VI_KOSPI200 if market is Market.KOSPI and in_kospi200 else VI_OTHER


def is_halted(bar: MatchBar) -> bool:
    """Whether nothing traded: the venue repeats the last close, or prints zeros."""
    return bar.volume <= 0 or bar.low < 1


def is_locked_up(bar: MatchBar, band: PriceBand) -> bool:
    """Whether all trades were at the upper limit (상한가): nothing to buy."""
    return bar.low >= band.upper


def is_locked_down(bar: MatchBar, band: PriceBand) -> bool:
    """Whether all trades were at the lower limit (하한가): nothing to sell."""
    return bar.high <= band.lower
