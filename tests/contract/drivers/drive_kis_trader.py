"""kis-trader: typed client; both sides, since paper lacks open orders and rankings."""

import datetime
import time

import redirect

redirect.install()

from kis_trader import KISClient  # noqa: E402
from kis_trader.errors import OrderRejectedError  # noqa: E402

SETUP, CODE = redirect.SETUP, "005930"


def session(side: str) -> KISClient:
    key = SETUP["keys"][side]
    return KISClient(
        app_key=key["appkey"], app_secret=key["appsecret"], account=key["account"],
        environment=side, hts_id=key["hts_id"], token_cache_dir=SETUP["scratch"],
        requests_per_second=50,
    )  # fmt: skip


def main() -> None:
    kis = session("paper")
    stock = kis.domestic.stock(CODE)
    quote = stock.quote()
    result = {"price": int(quote.current_price)}
    day = datetime.datetime.strptime(SETUP["today"], "%Y%m%d").date()
    bars = stock.bars("1d", start=day - datetime.timedelta(days=260), end=day)
    result["bars"] = [str(bar.timestamp)[:10] for bar in bars]
    book = stock.order_book()
    result["book"] = [int(book.asks[0].price), int(book.bids[0].price)]
    balance = kis.account.domestic.balance()
    result["balance"] = str(balance)
    result["buyable"] = str(stock.buyable(limit_price=int(quote.current_price)))
    ticks, fills = [], []
    with kis.realtime() as stream:
        handle = stream.domestic.stock(CODE)
        handle.trades(on=ticks.append)
        stream.domestic.execution_notices.stock(SETUP["keys"]["paper"]["hts_id"], on=fills.append)
        wait_for_registrations(2)
        limit = stock.buy(quantity=5, limit_price=int(quote.current_price) + 100)
        market = stock.buy(quantity=3)
        low = int(SETUP["lower_limit"])
        resting = stock.buy(quantity=2, limit_price=low)
        cancelled = kis.orders.cancel(resting.client_order_id)
        redirect.control("advance", {"seconds": 1200})
        sold = stock.sell(quantity=4)
        until = time.time() + 20
        while (not ticks or len(fills) < 4) and time.time() < until:
            time.sleep(0.05)
    result["orders"] = [str(o.order_id) for o in (limit, market, resting, sold)]
    result["cancelled"] = str(cancelled.status)
    try:
        stock.buy(quantity=1, limit_price=int(quote.current_price) + 1)
    except OrderRejectedError as refused:
        result["refused"] = str(refused)
    history = kis.account.domestic.order_history(
        start=SETUP["stamp_date_text"], end=SETUP["stamp_date_text"]
    )
    result["history"] = [str(row) for row in history.orders]
    result["ticks"] = [str(tick) for tick in ticks[:3]]
    result["fills"] = [str(fill) for fill in fills]
    result["held"] = [str(p) for p in kis.account.domestic.positions()]
    live = session("real")
    rest = live.domestic.stock(CODE).buy(quantity=2, limit_price=low)
    result["open"] = [str(o) for o in live.account.domestic.open_orders()]
    result["rest"] = str(rest.order_id)
    redirect.report(result)


def wait_for_registrations(count: int) -> None:
    for _ in range(400):
        doors = redirect.control("state")["doors"]
        found = [r for door in doors.values() for socket in door["registrations"] for r in socket]
        if len(found) >= count:
            return
        time.sleep(0.05)
    raise TimeoutError(found)


if __name__ == "__main__":
    main()
