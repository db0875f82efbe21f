"""Balances, buying power, sellable shares, assets."""

from kisbt.sim.exchange.views import base
from kisbt.sim.flavour import FACTS
from kisbt.sim.rest import sheets_account as sheets
from kisbt.sim.rest.paging import Page, condition, page
from kisbt.sim.rest.valuation import cash_values, held_values, holdings
from kisbt.sim.rest.wire import Answer, Call, Row, envelope, filled, rate

ASSET_ROWS = 20
MARKET_ORDERS = ("01", "13", "14")


def inquire_balance(call: Call) -> Answer:
    """주식잔고조회."""
    account = call.account()
    lines = holdings(call.floor, account)
    rows = [filled(sheets.INQUIRE_BALANCE_1, held_values(line)) for line in lines]
    shown = page(call, rows, FACTS[call.flavour].balance_rows, _balance_condition(call))
    totals = filled(sheets.INQUIRE_BALANCE_2, cash_values(call.floor, account, lines))
    return account_answer(call, shown, output1=shown.rows, output2=[totals])


def inquire_balance_rlz_pl(call: Call) -> Answer:
    """주식잔고조회_실현손익: the balance, and what today's sales earned."""
    account = call.account()
    lines = holdings(call.floor, account)
    rows = [filled(sheets.INQUIRE_BALANCE_RLZ_PL_1, held_values(line)) for line in lines]
    shown = page(call, rows, FACTS[call.flavour].balance_rows, _balance_condition(call))
    trades = list(account.traded_on(call.floor.day))
    earned = sum(trade.realised for trade in trades)
    sold_cost = sum(trade.sold_cost for trade in trades)
    values = cash_values(call.floor, account, lines)
    value, cost = sum(line.value for line in lines), sum(line.cost for line in lines)
    values |= {
        "rlzt_pfls": earned,
        "rlzt_erng_rt": rate(earned, sold_cost, 8),
        "real_evlu_pfls": value - cost,
        "real_evlu_pfls_erng_rt": rate(value - cost, cost, 8),
    }
    totals = filled(sheets.INQUIRE_BALANCE_RLZ_PL_2, values)
    return account_answer(call, shown, output1=shown.rows, output2=[totals])


def inquire_account_balance(call: Call) -> Answer:
    """투자계좌자산현황조회: twenty rows by kind of asset, of which shares and deposits are used."""
    account = call.account()
    lines = holdings(call.floor, account)
    value, cost = sum(line.value for line in lines), sum(line.cost for line in lines)
    cash, total = account.ledger.cash, value + account.ledger.cash
    amounts = {1: (cost, value), 18: (cash, cash), 20: (cost + cash, total)}
    rows = []
    for number in range(1, ASSET_ROWS + 1):
        bought, worth = amounts.get(number, (0, 0))
        rows.append(
            filled(
                sheets.INQUIRE_ACCOUNT_BALANCE_1,
                {
                    "pchs_amt": bought,
                    "evlu_amt": worth,
                    "evlu_pfls_amt": worth - bought,
                    "real_nass_amt": worth,
                    "whol_weit_rt": rate(worth, total, 8),
                },
            )
        )
    totals: dict[str, object] = {
        "pchs_amt_smtl": cost,
        "nass_tot_amt": total,
        "evlu_pfls_amt_smtl": value - cost,
        "evlu_amt_smtl": value,
        "tot_asst_amt": total,
        "tot_dncl_amt": account.ledger.settled(call.floor.day),
        "dncl_amt": cash,
        "ovrs_stck_evlu_amt1": "0.000000",
        "ovrs_bond_evlu_amt": "0.000000",
    }
    body = {"output1": rows, "output2": filled(sheets.INQUIRE_ACCOUNT_BALANCE_2, totals)}
    return Answer(body | envelope("KIOK0510", "조회가 완료되었습니다", pad=True))


def inquire_psbl_order(call: Call) -> Answer:
    """매수가능조회. Market orders are reckoned at the upper limit."""
    account, floor = call.account(), call.floor
    code, kind = call.get("PDNO"), call.need("ORD_DVSN", 2)
    price = call.whole("ORD_UNPR", 0)
    cash, quantity = account.ledger.orderable, 0
    if code and floor.known(code):
        name = floor.name(code)
        if kind in MARKET_ORDERS or not price:
            price = name.band.upper if name.band else base(name)
        product = name.instrument.product
        quantity = cash // price if price else 0
        while quantity and floor.costs.buy_total(price, quantity, product) > cash:
            quantity -= 1
    values = {
        "ord_psbl_cash": cash,
        "ruse_psbl_amt": max(0, account.ledger.cash - account.ledger.settled(floor.day)),
        "psbl_qty_calc_unpr": price,
        "nrcvb_buy_amt": cash,
        "nrcvb_buy_qty": quantity,
        "max_buy_amt": cash,
        "max_buy_qty": quantity,
    }
    body = {"output": filled(sheets.INQUIRE_PSBL_ORDER, values)}
    return Answer(body | _done(call))


def inquire_psbl_sell(call: Call) -> Answer:
    """매도가능수량조회."""
    account = call.account()
    code = call.need("PDNO", 12)[-6:]
    line = next((h for h in holdings(call.floor, account) if h.ticker == code), None)
    values: dict[str, object] = {"pdno": code}
    if line is not None:
        values = held_values(line) | {
            "buy_qty": line.today.bought,
            "sll_qty": line.today.sold,
            "cblc_qty": line.quantity,
            "nsvg_qty": 0,
            "now_pric": line.price,
        }
    body = {"output": filled(sheets.INQUIRE_PSBL_SELL, {"pchs_avg_pric": "0.0000", **values})}
    return Answer(body | envelope("KIOK0420", "정상적으로 조회되었습니다", pad=True))


def account_answer(call: Call, shown: Page, **outputs: object) -> Answer:
    """A paged account answer: keys, outputs, and the flavour's success code."""
    if call.paper:
        found = bool(shown.rows)
        code = ("20310000", "모의투자 조회가 완료되었습니다.")
        success = code if found else ("70070000", "모의투자 조회할 내역(자료)이 없습니다.")
    elif not shown.last:
        success = ("KIOK0490", "조회가 계속됩니다")
    elif call.more:
        success = ("KIOK0460", "조회 되었습니다. (마지막 자료)")
    else:
        success = ("KIOK0510", "조회가 완료되었습니다")
    return Answer({**shown.keys, **outputs, **envelope(*success, pad=True)}, shown.tr_cont)


def _done(call: Call) -> Row:
    if call.paper:
        return envelope("20310000", "모의투자 조회가 완료되었습니다.", pad=True)
    return envelope("KIOK0510", "조회가 완료되었습니다", pad=True)


def _balance_condition(call: Call) -> str:
    names = ("AFHR_FLPR_YN", "OFL_YN", "INQR_DVSN", "UNPR_DVSN", "FUND_STTL_ICLD_YN")
    return condition(call, *names)
