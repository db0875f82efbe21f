"""python-kis: the same on its paper side, with quotes from the real side, as it always does."""

import datetime
import threading
import time

import redirect

redirect.install()

from pykis import KisAuth, PyKis  # noqa: E402

SETUP, CODE = redirect.SETUP, "005930"


def auth(side: str) -> KisAuth:
    key = SETUP["keys"][side]
    return KisAuth(
        id=key["hts_id"], account=key["account"], appkey=key["appkey"],
        secretkey=key["appsecret"], virtual=side == "paper",
    )  # fmt: skip


def main() -> None:
    kis = PyKis(auth("real"), auth("paper"), keep_token=False)
    stock, account = kis.stock(CODE), kis.account()
    result = {"token": str(kis.token.token), "name": stock.name}
    quote = stock.quote()
    result["price"] = int(quote.price)
    result["bars"] = [f"{bar.time:%Y%m%d}" for bar in stock.daily_chart(start=None).bars][:150]
    book = stock.orderbook()
    result["book"] = [int(book.asks[0].price), int(book.bids[0].price), len(book.asks)]
    balance = account.balance()
    result["cash"] = int(balance.deposits["KRW"].amount)
    result["buyable"] = int(account.orderable_amount("KRX", CODE, price=int(quote.price)).qty)
    prices, fills = [], []
    price_seen, fill_seen = threading.Event(), threading.Event()

    def on_price(_sender, event) -> None:  # type: ignore[no-untyped-def]
        prices.append(int(event.response.price))
        price_seen.set()

    def on_fill(_sender, event) -> None:  # type: ignore[no-untyped-def]
        fills.append([event.response.order_number.number, int(event.response.executed_quantity)])
        if sum(each[1] for each in fills) >= 10:
            fill_seen.set()

    tickets = [stock.on("price", on_price), account.on("execution", on_fill)]
    wait_for_registrations()
    buy = stock.buy(price=int(quote.price), qty=7, condition=None)
    market = stock.buy(qty=3)
    resting = stock.buy(price=int(quote.low_limit), qty=2)
    result["orders"] = [buy.number, market.number, resting.number]
    resting.cancel()
    redirect.control("advance", {"seconds": 1200})
    result["price_seen"], result["fill_seen"] = price_seen.wait(20), fill_seen.wait(20)
    sell = stock.sell(qty=4)
    result["sell"] = sell.number
    today = datetime.date.fromisoformat(SETUP["stamp_date"])
    orders = account.daily_orders(today, today)
    result["daily"] = [
        [o.order_number.number, int(o.executed_qty), int(o.quantity)] for o in orders.orders
    ]
    after = account.balance()
    result["held"] = {s.symbol: int(s.qty) for s in after.stocks}
    result["prices"], result["fills"] = prices, fills
    for ticket in tickets:
        ticket.unsubscribe()
    redirect.report(result)
    kis.close()


def wait_for_registrations() -> None:
    wanted = ("H0STCNT0|005930", "H0STCNI9|", "H0STCNI0|")
    for _ in range(400):
        doors = redirect.control("state")["doors"]
        found = [r for door in doors.values() for socket in door["registrations"] for r in socket]
        if any(wanted[0] in r for r in found) and any(r.startswith(wanted[1:]) for r in found):
            return
        time.sleep(0.05)
    raise TimeoutError(found)


if __name__ == "__main__":
    main()
