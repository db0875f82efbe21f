"""Realised profit by day and by trade, real only. Days are the venue's trading days."""

from collections.abc import Iterable

from kisbt.sim.exchange.account import DayTrade
from kisbt.sim.rest import sheets_account as sheets
from kisbt.sim.rest.balance import account_answer
from kisbt.sim.rest.paging import condition, page
from kisbt.sim.rest.wire import Answer, Call, filled, rate, ymd

ROWS = 100


def inquire_period_profit(call: Call) -> Answer:
    """기간별손익일별합산조회: one row a day."""
    trades = _trades(call)
    rows = []
    for day in sorted({trade.day for trade in trades}):
        of_day = [trade for trade in trades if trade.day == day]
        values: dict[str, object] = {
            "trad_dt": ymd(day),
            "buy_amt": sum(t.buy_amount for t in of_day),
            "sll_amt": sum(t.sell_amount for t in of_day),
            "rlzt_pfls": sum(t.realised for t in of_day),
            "fee": sum(t.buy_fee + t.sell_fee for t in of_day),
            "tl_tax": sum(t.tax for t in of_day),
            "pfls_rt": _return(of_day),
            "sll_qty1": sum(t.sold for t in of_day),
            "buy_qty1": sum(t.bought for t in of_day),
        }
        rows.append(filled(sheets.INQUIRE_PERIOD_PROFIT_1, values))
    if call.get("SORT_DVSN", "00") != "01":
        rows.reverse()
    shown = page(call, rows, ROWS, condition(call, "INQR_STRT_DT", "INQR_END_DT", "SORT_DVSN"))
    totals = filled(sheets.INQUIRE_PERIOD_PROFIT_2, _totals(trades))
    return account_answer(call, shown, output1=shown.rows, output2=totals)


def inquire_period_trade_profit(call: Call) -> Answer:
    """기간별매매손익현황조회: one row a day and name."""
    account, floor = call.account(), call.floor
    trades = _trades(call)
    rows = []
    for trade in sorted(trades, key=lambda t: (t.day, t.ticker)):
        instrument = floor.market.instruments[trade.ticker]
        values: dict[str, object] = {
            "trad_dt": ymd(trade.day),
            "pdno": f"00000A{trade.ticker}",
            "prdt_name": instrument.name or trade.ticker,
            "trad_dvsn_name": "현금",
            "loan_dt": "",
            "hldg_qty": account.quantity(trade.ticker),
            "pchs_unpr": trade.sold_cost // trade.sold if trade.sold else 0,
            "buy_qty": trade.bought,
            "buy_amt": trade.buy_amount,
            "sll_pric": trade.sell_amount // trade.sold if trade.sold else 0,
            "sll_qty": trade.sold,
            "sll_amt": trade.sell_amount,
            "rlzt_pfls": trade.realised,
            "pfls_rt": _return([trade]),
            "fee": trade.buy_fee + trade.sell_fee,
            "tl_tax": trade.tax,
        }
        rows.append(filled(sheets.INQUIRE_PERIOD_TRADE_PROFIT_1, values))
    if call.get("SORT_DVSN", "00") != "01":
        rows.reverse()
    shown = page(call, rows, ROWS, condition(call, "INQR_STRT_DT", "INQR_END_DT", "SORT_DVSN"))
    totals = _totals(trades)
    totals |= {"buyqty_smtl": totals["buy_qty_smtl"], "tot_pftrt": _return(trades)}
    return account_answer(
        call,
        shown,
        output1=shown.rows,
        output2=filled(sheets.INQUIRE_PERIOD_TRADE_PROFIT_2, totals),
    )


def _trades(call: Call) -> list[DayTrade]:
    account = call.account()
    first, last = call.day("INQR_STRT_DT"), call.day("INQR_END_DT")
    code = call.get("PDNO")[-6:]
    return [
        trade
        for (day, ticker), trade in sorted(account.trades.items())
        if first <= day <= last and (not code or ticker == code)
    ]


def _return(trades: Iterable[DayTrade]) -> str:
    trades = list(trades)
    return rate(sum(t.realised for t in trades), sum(t.sold_cost for t in trades), 8)


def _totals(trades: list[DayTrade]) -> dict[str, object]:
    sold, bought = sum(t.sell_amount for t in trades), sum(t.buy_amount for t in trades)
    sell_fee, buy_fee = sum(t.sell_fee for t in trades), sum(t.buy_fee for t in trades)
    tax = sum(t.tax for t in trades)
    return {
        "sll_qty_smtl": sum(t.sold for t in trades),
        "sll_tr_amt_smtl": sold,
        "sll_fee_smtl": sell_fee,
        "sll_tltx_smtl": tax,
        "sll_excc_amt_smtl": sold - sell_fee - tax,
        "buy_qty_smtl": sum(t.bought for t in trades),
        "buy_tr_amt_smtl": bought,
        "buy_fee_smtl": buy_fee,
        "buy_excc_amt_smtl": bought + buy_fee,
        "tot_qty": sum(t.sold + t.bought for t in trades),
        "tot_tr_amt": sold + bought,
        "tot_fee": sell_fee + buy_fee,
        "tot_tltx": tax,
        "tot_excc_amt": sold - sell_fee - tax - bought - buy_fee,
        "tot_rlzt_pfls": sum(t.realised for t in trades),
    }
