"""Orders in: buy, sell, modify, cancel; and which orders may still be changed."""

from kisbt.domain.trading import Side
from kisbt.sim.exchange.checks import NewOrder
from kisbt.sim.exchange.orders import KINDS, Order, Revision
from kisbt.sim.exchange.refusals import Refusal, RefusedError
from kisbt.sim.flavour import FACTS, Flavour
from kisbt.sim.rest import sheets_account as sheets
from kisbt.sim.rest.balance import account_answer
from kisbt.sim.rest.errors import long_field, order_refusal
from kisbt.sim.rest.paging import condition, page
from kisbt.sim.rest.quote import market_code
from kisbt.sim.rest.wire import Answer, Call, Row, envelope, filled, hms

OPEN_ROWS = 50
OLD_ORDER_TRS = ("0802U", "0801U", "0803U")
_SIDE_CODES = {Side.SELL: "01", Side.BUY: "02"}
_SIDE_NAMES = {Side.SELL: "매도", Side.BUY: "매수"}
_REVISION_NAMES = {Revision.NEW: "", Revision.MODIFY: "정정", Revision.CANCEL: "취소"}


def order_cash(call: Call) -> Answer:
    """주식주문(현금): the TR id says buy or sell. HTTP 200 means taken, not filled."""
    account = call.account()
    side = Side.SELL if call.tr_id.endswith(("0801U", "0011U")) else Side.BUY
    new = NewOrder(
        account.key,
        _code(call.need("PDNO", 12)),
        side,
        call.need("ORD_DVSN", 2),
        call.whole("ORD_QTY"),
        call.whole("ORD_UNPR", 0),
        call.stamp,
        call.whole("CNDT_PRIC", 0),
        _venue(call),
        call.tr_id.endswith(OLD_ORDER_TRS),
    )
    try:
        order = call.exchange.place(new)
    except RefusedError as refused:
        raise order_refusal(refused.reason, call.flavour) from refused
    return _taken(call, order)


def order_rvsecncl(call: Call) -> Answer:
    """주식주문(정정취소). The branch may be blank; the change gets its own order number."""
    account = call.account()
    what = call.need("RVSE_CNCL_DVSN_CD", 2)
    number = call.whole("ORGN_ODNO")
    whole = call.get("QTY_ALL_ORD_YN", "Y") == "Y"
    quantity = None if whole else call.whole("ORD_QTY", 0)
    try:
        if what == "02":
            order = call.exchange.cancel(account.key, number, quantity, call.stamp)
        elif what == "01":
            price = call.whole("ORD_UNPR", 0)
            trigger = call.whole("CNDT_PRIC", 0)
            kind = call.need("ORD_DVSN", 2)
            order = call.exchange.modify(
                account.key, number, quantity, kind, price, call.stamp, trigger
            )
        else:
            raise long_field("RVSE_CNCL_DVSN_CD")
    except RefusedError as refused:
        raise order_refusal(refused.reason, call.flavour) from refused
    return _taken(call, order)


def inquire_psbl_rvsecncl(call: Call) -> Answer:
    """주식정정취소가능주문조회, real only."""
    account = call.account()
    wanted = {"1": Side.SELL, "2": Side.BUY}.get(call.get("INQR_DVSN_2"))
    rows = [
        filled(sheets.INQUIRE_PSBL_RVSECNCL, _open_values(call, order))
        for order in reversed(call.floor.resting_of(account.key))
        if wanted is None or order.side is wanted
    ]
    shown = page(call, rows, OPEN_ROWS, condition(call, "INQR_DVSN_1", "INQR_DVSN_2"))
    return account_answer(call, shown, output=shown.rows)


def order_values(call: Call, order: Order) -> dict[str, object]:
    """What every list says of an order."""
    floor = call.floor
    instrument = floor.market.instruments[order.ticker]
    original = order.original
    revision = _REVISION_NAMES[order.revision]
    label = f"{_SIDE_NAMES[order.side]}{revision}*" if revision else ""
    name = floor.name(order.ticker) if floor.known(order.ticker) else None
    return {
        "ord_gno_brno": FACTS[call.flavour].branch,
        "odno": order.odno,
        "orgn_odno": f"{original:010d}" if original else "",
        "ord_dvsn_name": KINDS[order.kind].name,
        "ord_dvsn_cd": order.kind,
        "sll_buy_dvsn_cd": _SIDE_CODES[order.side],
        "sll_buy_dvsn_cd_name": label or f"현금{_SIDE_NAMES[order.side]}",
        "rvse_cncl_dvsn_name": label,
        "pdno": order.ticker,
        "prdt_name": instrument.name or order.ticker,
        "ord_qty": order.quantity,
        "ord_unpr": order.price,
        "ord_tmd": hms(order.at),
        "tot_ccld_qty": order.filled,
        "tot_ccld_amt": order.amount,
        "excg_dvsn_cd": market_code(name) if name else "02",
        "excg_id_dvsn_cd": order.venue,
        "excg_id_dvsn_name": order.venue,
        "stpm_cndt_pric": order.trigger,
    }


def _open_values(call: Call, order: Order) -> dict[str, object]:
    return order_values(call, order) | {
        "psbl_qty": order.remaining,
        "mgco_aptm_odno": "",
        "stpm_efct_occr_yn": "N",
    }


def _taken(call: Call, order: Order) -> Answer:
    output: Row = {
        "KRX_FWDG_ORD_ORGNO": FACTS[call.flavour].branch,
        "ODNO": order.odno,
        "ORD_TMD": hms(call.floor.now),
    }
    if call.flavour is Flavour.REAL:
        success = ("APBK0013", "주문 전송 완료 되었습니다.")
    elif order.revision is Revision.CANCEL:
        success = ("40630000", "모의투자 취소주문이 완료 되었습니다.")
    elif order.revision is Revision.MODIFY:
        success = ("40620000", "모의투자 정정주문이 완료 되었습니다.")  # code unverified
    elif order.side is Side.BUY:
        success = ("40600000", "모의투자 매수주문이 완료 되었습니다.")
    else:
        success = ("40590000", "모의투자 매도주문이 완료 되었습니다.")
    return Answer({**envelope(*success), "output": output})


def _venue(call: Call) -> str:
    venue = call.get("EXCG_ID_DVSN_CD") or "KRX"
    if call.paper and venue != "KRX":
        raise order_refusal(Refusal.UNKNOWN_VENUE, call.flavour)
    return venue


def _code(text: str) -> str:
    """The six characters of a product number, which may come as ``A005930`` or twelve long."""
    return text[-6:] if len(text) in (7, 12) and not text.startswith("Q") else text
