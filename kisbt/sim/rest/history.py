"""Orders and fills of past and present days."""

from datetime import date

from kisbt.domain.trading import Side
from kisbt.sim.exchange.orders import Order, Revision
from kisbt.sim.flavour import FACTS
from kisbt.sim.rest import sheets_account as sheets
from kisbt.sim.rest.balance import account_answer
from kisbt.sim.rest.orders import order_values
from kisbt.sim.rest.paging import condition, page
from kisbt.sim.rest.wire import Answer, Call, Row, filled, ymd


def inquire_daily_ccld(call: Call) -> Answer:
    """주식일별주문체결조회. Days are those that orders were stamped with, or traded on."""
    account = call.account()
    first, last = call.day("INQR_STRT_DT"), call.day("INQR_END_DT")
    orders = [
        order for order in matching_orders(call, account.key, first, last) if _wanted(call, order)
    ]
    if call.get("INQR_DVSN", "00") != "01":
        orders.reverse()
    rows = [_row(call, order) for order in orders]
    names = ("INQR_STRT_DT", "INQR_END_DT", "PDNO", "SLL_BUY_DVSN_CD", "CCLD_DVSN")
    shown = page(call, rows, FACTS[call.flavour].orders_rows, condition(call, *names))
    quantity = sum(order.filled for order in orders)
    amount = sum(order.amount for order in orders)
    totals: dict[str, object] = {
        "tot_ord_qty": sum(o.quantity for o in orders if o.revision is not Revision.CANCEL),
        "tot_ccld_qty": quantity,
        "tot_ccld_amt": amount,
        "prsm_tlex_smtl": sum(order.costs for order in orders),
        "pchs_avg_pric": f"{amount / quantity if quantity else 0.0:.4f}",
    }
    return account_answer(
        call, shown, output1=shown.rows, output2=filled(sheets.INQUIRE_DAILY_CCLD_2, totals)
    )


def matching_orders(call: Call, account: str, first: date, last: date) -> list[Order]:
    """An account's orders of a period, oldest first: by their stamp, or by the day replayed.

    At real speed orders carry today's date, for clients that ask by their own clock. One that
    lives by the venue's asks for the replayed day, and finds them too.
    """
    return [
        order
        for day in sorted(call.floor.orders)
        for order in call.floor.orders[day].values()
        if order.account == account and (first <= order.stamp <= last or first <= order.day <= last)
    ]


def _wanted(call: Call, order: Order) -> bool:
    side = {"01": Side.SELL, "02": Side.BUY}.get(call.get("SLL_BUY_DVSN_CD"))
    state, number = call.get("CCLD_DVSN"), call.get("ODNO")
    code = call.get("PDNO")
    return (
        (side is None or order.side is side)
        and (not code or order.ticker == code[-6:])
        and (not number or number.lstrip("0") == str(order.number))
        and (state != "01" or order.filled > 0)
        and (state != "02" or _unfilled(order) > 0)
    )


def _unfilled(order: Order) -> int:
    """Shares neither filled nor cancelled nor moved; an expired rest stays unfilled."""
    return order.remaining + order.expired


def _row(call: Call, order: Order) -> Row:
    cancelled = order.cancelled + order.moved
    values = order_values(call, order) | {
        "ord_dt": ymd(order.stamp),
        "avg_prvs": f"{order.average:.4f}".rstrip("0").rstrip(".") if order.filled else "0",
        "cncl_yn": "Y" if cancelled or order.revision is Revision.CANCEL else "N",
        "loan_dt": "",
        "ordr_empno": "OpenAPI",
        "cnc_cfrm_qty": order.quantity if order.revision is Revision.CANCEL else cancelled,
        "rmn_qty": _unfilled(order),
        "rjct_qty": 0,
        "ccld_cndt_name": "없음",
        "inqr_ip_addr": "127.0.0.1",
        "infm_tmd": "",
        "prdt_type_cd": "300",
        "ord_orgno": FACTS[call.flavour].branch,
        "excg_id_dvsn_Cd": order.venue,
    }
    row = filled(sheets.INQUIRE_DAILY_CCLD_1, values)
    # The sheet and the example body disagree on the spelling: both are served.
    row["cncl_cfrm_qty"] = row["cnc_cfrm_qty"]
    return row
