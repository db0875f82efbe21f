"""Every KIS call that kisbt makes: path, transaction ids by environment, and rate family."""

from enum import StrEnum
from typing import Literal, NamedTuple


class Family(StrEnum):
    """Calls that share a limit. Account and order calls also meet the ledger's own (EGW00215)."""

    OAUTH = "oauth"
    QUOTE = "quote"
    ACCOUNT = "account"
    ORDER = "order"


class Endpoint(NamedTuple):
    """One call. ``paper`` is ``None`` where the paper server has none; see ``instead`` then.

    ``repeatable`` calls only read: sending one twice does no harm.
    """

    name: str
    korean: str
    path: str
    real: str
    paper: str | None
    family: Family
    method: Literal["GET", "POST"] = "GET"
    instead: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether a lost answer may be answered by asking again."""
        return self.family is not Family.ORDER


_ROOT = "/uapi/domestic-stock/v1"


def _quote(
    name: str,
    korean: str,
    tr_id: str,
    *,
    paper: bool,
    group: str = "quotations",
    instead: str | None = None,
) -> Endpoint:
    path = f"{_ROOT}/{group}/{name.replace('_', '-')}"
    served = tr_id if paper else None
    return Endpoint(name, korean, path, tr_id, served, Family.QUOTE, instead=instead)


def _account(
    name: str,
    korean: str,
    real: str,
    paper: str | None,
    *,
    path: str = "",
    instead: str | None = None,
) -> Endpoint:
    path = f"{_ROOT}/trading/{(path or name).replace('_', '-')}"
    return Endpoint(name, korean, path, real, paper, Family.ACCOUNT, instead=instead)


def _order(name: str, korean: str, path: str, real: str, paper: str) -> Endpoint:
    return Endpoint(name, korean, f"{_ROOT}/trading/{path}", real, paper, Family.ORDER, "POST")


ORDER_BUY = _order("order_cash", "현금매수", "order-cash", "TTTC0012U", "VTTC0012U")
ORDER_SELL = _order("order_cash", "현금매도", "order-cash", "TTTC0011U", "VTTC0011U")
ORDER_CHANGE = _order(
    "order_rvsecncl", "주식주문(정정취소)", "order-rvsecncl", "TTTC0013U", "VTTC0013U"
)

ACCOUNT_BALANCE = _account("inquire_account_balance", "투자계좌자산현황조회", "CTRP6548R", None)
BALANCE = _account("inquire_balance", "주식잔고조회", "TTTC8434R", "VTTC8434R")
BALANCE_REALISED = _account(
    "inquire_balance_rlz_pl",
    "주식잔고조회_실현손익",
    "TTTC8494R",
    None,
    instead="inquire_balance, and inquire_period_profit for what was realised",
)
BUYABLE = _account("inquire_psbl_order", "매수가능조회", "TTTC8908R", "VTTC8908R")
SELLABLE = _account("inquire_psbl_sell", "매도가능수량조회", "TTTC8408R", None)
CHANGEABLE = _account("inquire_psbl_rvsecncl", "정정취소가능주문조회", "TTTC0084R", None)
DAILY_ORDERS = _account("inquire_daily_ccld", "주식일별주문체결조회", "TTTC0081R", "VTTC0081R")
OLD_ORDERS = _account(
    "inquire_daily_ccld_old",
    "주식일별주문체결조회",
    "CTSC9215R",
    "VTSC9215R",
    path="inquire_daily_ccld",
)
PERIOD_PROFIT = _account("inquire_period_profit", "기간별손익일별합산조회", "TTTC8708R", None)
TRADE_PROFIT = _account("inquire_period_trade_profit", "기간별매매손익현황조회", "TTTC8715R", None)

PRICE = _quote("inquire_price", "주식현재가 시세", "FHKST01010100", paper=True)
PRICE_2 = _quote(
    "inquire_price_2",
    "주식현재가 시세2",
    "FHPST01010000",
    paper=False,
    instead="inquire_price has most of it",
)
TICKS = _quote("inquire_ccnl", "주식현재가 체결", "FHKST01010300", paper=True)
TICKS_BY_TIME = _quote(
    "inquire_time_itemconclusion", "당일시간대별체결", "FHPST01060000", paper=True
)
ORDER_BOOK = _quote("inquire_asking_price_exp_ccn", "호가/예상체결", "FHKST01010200", paper=True)
INVESTORS = _quote("inquire_investor", "주식현재가 투자자", "FHKST01010900", paper=True)
MANY_PRICES = _quote(
    "intstock_multprice",
    "관심종목 시세조회",
    "FHKST11300006",
    paper=False,
    instead="quotes() asks name by name",
)

DAILY_PRICE = _quote("inquire_daily_price", "주식현재가 일자별", "FHKST01010400", paper=True)
DAILY_CHART = _quote("inquire_daily_itemchartprice", "기간별시세", "FHKST03010100", paper=True)
MINUTE_CHART = _quote("inquire_time_itemchartprice", "당일분봉조회", "FHKST03010200", paper=True)
PAST_MINUTES = _quote(
    "inquire_time_dailychartprice",
    "일별분봉조회",
    "FHKST03010230",
    paper=False,
    instead="minute_bars_of() has today's; a dataset the past",
)
INDEX_CHART = _quote("inquire_daily_indexchartprice", "업종기간별시세", "FHKUP03500100", paper=True)
INDEX_MINUTES = _quote(
    "inquire_time_indexchartprice",
    "업종 분봉조회",
    "FHKUP03500200",
    paper=False,
    instead="index_bars() has daily ones",
)
INDEX_DAILY = _quote("inquire_index_daily_price", "업종 일자별지수", "FHPUP02120000", paper=False)
INDEX_PRICE = _quote("inquire_index_price", "업종 현재지수", "FHPUP02100000", paper=False)

VOLUME_RANK = _quote("volume_rank", "거래량순위", "FHPST01710000", paper=False)
FLUCTUATION = _quote("fluctuation", "등락률 순위", "FHPST01700000", paper=False, group="ranking")
VOLUME_POWER = _quote(
    "volume_power", "체결강도 상위", "FHPST01680000", paper=False, group="ranking"
)
MARKET_CAP = _quote("market_cap", "시가총액 상위", "FHPST01740000", paper=False, group="ranking")

HOLIDAYS = _quote("chk_holiday", "국내휴장일조회", "CTCA0903R", paper=False)
VI_STATUS = _quote(
    "inquire_vi_status",
    "변동성완화장치(VI) 현황",
    "FHPST01390000",
    paper=False,
    instead="inquire_price().in_vi tells it of one name",
)
MARKET_TIME = _quote(
    "market_time",
    "국내선물 영업일조회",
    "HHMCM000002C0",
    paper=False,
    instead="the Date header of any answer tells the server's clock",
)
PRODUCT = _quote(
    "search_info",
    "상품기본조회",
    "CTPF1604R",
    paper=False,
    instead="the master files hold names and codes: kisbt.kis.master",
)
STOCK = _quote(
    "search_stock_info",
    "주식기본조회",
    "CTPF1002R",
    paper=False,
    instead="the master files hold most of it: kisbt.kis.master",
)

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, Endpoint)
)
"""All of them, in the order above."""
