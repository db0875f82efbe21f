"""Every endpoint: path, method, TR ids of both environments and both generations, handler."""

from collections.abc import Callable
from typing import NamedTuple

from kisbt.sim.rest import (
    balance,
    chart,
    days,
    history,
    indices,
    info,
    orders,
    overseas,
    profit,
    quote,
    ranking,
)
from kisbt.sim.rest.wire import Answer, Call

ROOT = "/uapi/domestic-stock/v1"
ABROAD = "/uapi/overseas-stock/v1"


class Endpoint(NamedTuple):
    """One path. ``paper`` is empty where paper does not serve it."""

    path: str
    method: str
    real: tuple[str, ...]
    paper: tuple[str, ...]
    answer: Callable[[Call], Answer]

    @property
    def family(self) -> str:
        """What faults may aim at: orders, account or quotes."""
        if self.method == "POST":
            return "orders"
        return "account" if self.path.split("/")[-2] == "trading" else "quotes"


def _trade(
    name: str, answer: Callable[[Call], Answer], *real: str, paper: bool = True, post: bool = False
) -> Endpoint:
    """A trading endpoint; on paper its ids begin with V."""
    virtual = tuple(f"V{tr_id[1:]}" for tr_id in real) if paper else ()
    return Endpoint(f"{ROOT}/trading/{name}", "POST" if post else "GET", real, virtual, answer)


def _abroad(name: str, answer: Callable[[Call], Answer], tr_id: str) -> Endpoint:
    """An overseas account query, which finds nothing."""
    path = f"{ABROAD}/trading/{name}"
    return Endpoint(path, "GET", (tr_id,), (f"V{tr_id[1:]}",), answer)


def _quote(
    name: str, answer: Callable[[Call], Answer], tr_id: str, *, paper: bool, under: str = ""
) -> Endpoint:
    """A quotation; on paper it has the same id, or is not there."""
    path = f"{ROOT}/{under or 'quotations'}/{name}"
    return Endpoint(path, "GET", (tr_id,), (tr_id,) if paper else (), answer)


ENDPOINTS = (
    _trade(
        "order-cash",
        orders.order_cash,
        *("TTTC0012U", "TTTC0011U", "TTTC0802U", "TTTC0801U"),
        post=True,
    ),
    _trade("order-rvsecncl", orders.order_rvsecncl, "TTTC0013U", "TTTC0803U", post=True),
    _trade(
        "inquire-psbl-rvsecncl",
        orders.inquire_psbl_rvsecncl,
        *("TTTC0084R", "TTTC8036R"),
        paper=False,
    ),
    _trade("inquire-balance", balance.inquire_balance, "TTTC8434R"),
    _trade("inquire-psbl-order", balance.inquire_psbl_order, "TTTC8908R"),
    _trade("inquire-psbl-sell", balance.inquire_psbl_sell, "TTTC8408R", paper=False),
    _trade("inquire-account-balance", balance.inquire_account_balance, "CTRP6548R", paper=False),
    _trade("inquire-balance-rlz-pl", balance.inquire_balance_rlz_pl, "TTTC8494R", paper=False),
    _trade(
        "inquire-daily-ccld",
        history.inquire_daily_ccld,
        *("TTTC0081R", "CTSC9215R", "TTTC8001R", "CTSC9115R"),
    ),
    _trade("inquire-period-profit", profit.inquire_period_profit, "TTTC8708R", paper=False),
    _trade(
        "inquire-period-trade-profit",
        profit.inquire_period_trade_profit,
        "TTTC8715R",
        paper=False,
    ),
    _quote("inquire-price", quote.inquire_price, "FHKST01010100", paper=True),
    _quote("inquire-price-2", quote.inquire_price_2, "FHPST01010000", paper=False),
    _quote("inquire-ccnl", quote.inquire_ccnl, "FHKST01010300", paper=True),
    _quote(
        "inquire-time-itemconclusion",
        quote.inquire_time_itemconclusion,
        "FHPST01060000",
        paper=True,
    ),
    _quote(
        "inquire-asking-price-exp-ccn",
        quote.inquire_asking_price_exp_ccn,
        "FHKST01010200",
        paper=True,
    ),
    _quote("inquire-investor", quote.inquire_investor, "FHKST01010900", paper=True),
    _quote("intstock-multprice", quote.intstock_multprice, "FHKST11300006", paper=False),
    _quote("inquire-daily-price", chart.inquire_daily_price, "FHKST01010400", paper=True),
    _quote(
        "inquire-daily-itemchartprice",
        chart.inquire_daily_itemchartprice,
        "FHKST03010100",
        paper=True,
    ),
    _quote(
        "inquire-time-itemchartprice",
        chart.inquire_time_itemchartprice,
        "FHKST03010200",
        paper=True,
    ),
    _quote(
        "inquire-time-dailychartprice",
        chart.inquire_time_dailychartprice,
        "FHKST03010230",
        paper=False,
    ),
    _quote("volume-rank", ranking.volume_rank, "FHPST01710000", paper=False),
    _quote("fluctuation", ranking.fluctuation, "FHPST01700000", paper=False, under="ranking"),
    _quote("volume-power", ranking.volume_power, "FHPST01680000", paper=False, under="ranking"),
    _quote("market-cap", ranking.market_cap, "FHPST01740000", paper=False, under="ranking"),
    _quote("inquire-index-price", indices.inquire_index_price, "FHPUP02100000", paper=False),
    _quote(
        "inquire-daily-indexchartprice",
        indices.inquire_daily_indexchartprice,
        "FHKUP03500100",
        paper=True,
    ),
    _quote(
        "inquire-time-indexchartprice",
        indices.inquire_time_indexchartprice,
        "FHKUP03500200",
        paper=False,
    ),
    _quote(
        "inquire-index-daily-price",
        indices.inquire_index_daily_price,
        "FHPUP02120000",
        paper=False,
    ),
    _quote("chk-holiday", days.chk_holiday, "CTCA0903R", paper=False),
    _quote("inquire-vi-status", days.inquire_vi_status, "FHPST01390000", paper=False),
    _quote("market-time", days.market_time, "HHMCM000002C0", paper=False),
    _quote("search-info", info.search_info, "CTPF1604R", paper=False),
    _abroad("inquire-present-balance", overseas.present_balance, "CTRP6504R"),
    _abroad("inquire-balance", overseas.balance, "TTTS3012R"),
    _abroad("inquire-nccs", overseas.open_orders, "TTTS3018R"),
    _abroad("inquire-ccnl", overseas.executions, "TTTS3035R"),
    _abroad("inquire-period-profit", overseas.period_profit, "TTTS3039R"),
    _quote("search-stock-info", info.search_stock_info, "CTPF1002R", paper=False),
)
BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
