"""kis-wrapper: a thin httpx client."""

import datetime

import redirect

redirect.install()

from kis import KIS, domestic  # noqa: E402

SETUP, CODE = redirect.SETUP, "005930"


def main() -> None:
    key = SETUP["keys"]["paper"]
    kis = KIS(key["appkey"], key["appsecret"], key["account"], env="paper")
    price = domestic.price(kis, CODE)
    result = {"price": int(price["stck_prpr"]), "daily": len(domestic.daily(kis, CODE))}
    bars, end = [], SETUP["today"]
    while len(bars) < 110:
        # The client has no chart call of its own; its public request method pages as it would.
        page = kis.get(
            "/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice",
            {
                "FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": CODE, "FID_INPUT_DATE_1":
                "20200101", "FID_INPUT_DATE_2": end, "FID_PERIOD_DIV_CODE": "D",
                "FID_ORG_ADJ_PRC": "0",
            },
            "FHKST03010100",
        )["output2"]  # fmt: skip
        bars += [row["stck_bsop_date"] for row in page]
        last = datetime.datetime.strptime(bars[-1], "%Y%m%d") - datetime.timedelta(days=1)
        end = f"{last:%Y%m%d}"
    result["bars"] = bars
    result["book"] = int(domestic.orderbook(kis, CODE)["output1"]["askp1"])
    result["balance"] = domestic.balance(kis)["output2"][0]
    limit = domestic.buy(kis, CODE, 5, price=int(price["stck_prpr"]) + 100)
    market = domestic.buy(kis, CODE, 3)
    resting = domestic.buy(kis, CODE, 2, price=int(price["stck_llam"]))
    modified = domestic.modify(kis, resting["ODNO"], 2, int(price["stck_llam"]) + 100)
    cancelled = domestic.cancel_remaining(kis, modified["ODNO"])
    result["position"] = domestic.position(kis, CODE)
    sold = domestic.sell(kis, CODE, 4)
    result["orders"] = [o["ODNO"] for o in (limit, market, resting, modified, cancelled, sold)]
    redirect.report(result)


if __name__ == "__main__":
    main()
