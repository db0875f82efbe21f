"""mojito2: token, price, bars, balance, buyable, buy, sell, cancel, live prices and notices."""

import redirect

redirect.install(pause=0.55)  # the client has no limiter of its own; its users sleep

import mojito  # noqa: E402

SETUP, CODE = redirect.SETUP, "005930"


def main() -> None:
    real, paper = SETUP["keys"]["real"], SETUP["keys"]["paper"]
    broker = mojito.KoreaInvestment(
        api_key=paper["appkey"], api_secret=paper["appsecret"], acc_no=paper["account"], mock=True
    )
    result = {"token": broker.access_token}
    result["price"] = broker.fetch_price(CODE)["output"]
    bars, end = [], SETUP["today"]
    while len(bars) < 120:
        page = broker.fetch_ohlcv(CODE, "D", start_day="20200101", end_day=end)["output2"]
        bars += page
        end = str(int(page[-1]["stck_bsop_date"]) - 1)
    result["bars"] = [bar["stck_bsop_date"] for bar in bars]
    result["recent"] = len(broker.fetch_ohlcv_recent30(CODE)["output"])
    result["balance"] = broker.fetch_balance()
    price = int(result["price"]["stck_prpr"])
    result["buyable"] = broker.check_buy_order(CODE, price, "00")
    stream = mojito.KoreaInvestmentWS(
        real["appkey"], real["appsecret"], ["H0STCNT0", "H0STASP0"], [CODE], user_id=real["hts_id"]
    )
    stream.daemon = True  # an error below ends the driver instead of waiting for its child
    stream.start()
    while not redirect.control("state")["doors"]["real"]["registrations"]:
        pass
    live = mojito.KoreaInvestment(
        api_key=real["appkey"], api_secret=real["appsecret"], acc_no=real["account"]
    )
    while len(redirect.control("state")["doors"]["real"]["registrations"][0]) < 3:
        pass
    result["market_buy"] = live.create_market_buy_order(CODE, 10)
    result["limit_buy"] = broker.create_limit_buy_order(CODE, price, 5)
    low = int(result["price"]["stck_llam"])
    resting = broker.create_limit_buy_order(CODE, low, 3)
    result["resting"] = resting
    result["cancel"] = broker.cancel_order(
        resting["output"]["KRX_FWDG_ORD_ORGNO"], resting["output"]["ODNO"], 3, True
    )
    live_rest = live.create_limit_buy_order(CODE, low, 2)
    result["open"] = live.fetch_open_order(
        {
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
            "INQR_DVSN_1": "0",
            "INQR_DVSN_2": "0",
        }
    )
    result["modify"] = live.modify_order(
        live_rest["output"]["KRX_FWDG_ORD_ORGNO"], live_rest["output"]["ODNO"], "00", low, 2, True
    )
    redirect.control("advance", {"seconds": 1200})
    result["market_sell"] = live.create_market_sell_order(CODE, 4)
    result["after"] = live.fetch_balance()
    # Without an hour the client asks until the hour of this machine's clock: nothing, at night.
    result["minutes"] = len(broker.fetch_today_1m_ohlcv(CODE, "153000")["output2"])
    result["kospi"] = len(broker.fetch_kospi_symbols())
    seen = {}
    while len(seen.get("체잔", [])) < 3 or "체결" not in seen or "호가" not in seen:
        kind, values = stream.queue.get(timeout=20)
        seen.setdefault(kind, []).append(values)
    stream.terminate()
    result["stream"] = seen
    redirect.report(result)


if __name__ == "__main__":
    main()
