"""mojito2 0.1.6, unmodified, on both sides of the simulator."""

import pytest

from kisbt.sim.flavour import Flavour

pytestmark = pytest.mark.contract


@pytest.fixture
def seen(drive, legacy_venue):
    return drive("drive_mojito", legacy_venue, "mojito2", "pandas")


def test_mojito2_trades_on_the_simulator(seen, legacy_venue, books):
    days = seen["bars"]
    assert len(days) >= 120
    assert len(set(days)) == len(days)
    assert days == sorted(days, reverse=True)
    assert seen["recent"] == 30
    assert seen["balance"]["output2"][0]["dnca_tot_amt"] == "100000000"
    assert int(seen["buyable"]["output"]["nrcvb_buy_qty"]) > 1_000
    assert seen["market_buy"]["msg_cd"] == "APBK0013"
    assert seen["limit_buy"]["msg_cd"] == "40600000"
    assert seen["cancel"]["msg_cd"] == "40630000"
    assert seen["cancel"]["output"]["ODNO"] != seen["resting"]["output"]["ODNO"]
    assert seen["modify"]["rt_cd"] == "0"
    assert [row["psbl_qty"] for row in seen["open"]["output"]] == ["2"]
    real = books(legacy_venue, Flavour.REAL)
    assert real["positions"] == {"005930": 6}
    held = {row["pdno"]: row["hldg_qty"] for row in seen["after"]["output1"]}
    assert held == {"005930": "6"}
    assert seen["after"]["output2"][0]["prvs_rcdl_excc_amt"] == str(real["cash"])
    assert seen["minutes"] > 60
    assert seen["kospi"] >= 4
    stream = seen["stream"]
    assert {n["주문번호"] for n in stream["체잔"]} >= {seen["market_buy"]["output"]["ODNO"]}
    fills = [n for n in stream["체잔"] if n["체결여부"] == "2"]
    assert int(fills[0]["체결수량"]) == 10
    assert stream["체결"][0]["유가증권단축종목코드"] == "005930"
    assert stream["호가"]
