"""Orders and what every list says of them, in both environments and generations of ids."""

import json

import pytest

from tests.sim.rest.caller import TRADING, band


def test_paper_orders_answer_as_paper_does(paper):
    bought = paper.send("VTTC0012U", 10)
    assert (bought["rt_cd"], bought["msg_cd"]) == ("0", "40600000")
    assert list(bought["output"]) == ["KRX_FWDG_ORD_ORGNO", "ODNO", "ORD_TMD"]
    assert bought["output"]["KRX_FWDG_ORD_ORGNO"] == "00950"
    assert bought["output"]["ODNO"] == "0000000001"
    assert bought["output"]["ORD_TMD"] == "100500"
    assert paper.send("VTTC0801U", 4)["msg_cd"] == "40590000"


def test_real_orders_answer_as_real_does(real):
    bought = real.send("TTTC0802U", 10)
    assert (bought["rt_cd"], bought["msg_cd"]) == ("0", "APBK0013")
    assert bought["output"]["KRX_FWDG_ORD_ORGNO"] == "06010"


def test_old_and_new_ids_act_on_one_book(paper, sim):
    rests = paper.send("VTTC0802U", 2, band(sim).lower)["output"]["ODNO"]
    rows = {row["odno"]: row for row in paper.executions("VTTC0081R")["output1"]}
    assert rows[rests]["rmn_qty"] == "2"
    cancelled = paper.change("VTTC0013U", rests, "02")
    assert cancelled["msg_cd"] == "40630000"
    rows = {row["odno"]: row for row in paper.executions("VTTC8001R")["output1"]}
    assert (rows[rests]["cncl_yn"], rows[rests]["rmn_qty"]) == ("Y", "0")
    assert rows[rests]["cnc_cfrm_qty"] == rows[rests]["cncl_cfrm_qty"] == "2"
    own = rows[cancelled["output"]["ODNO"]]
    assert own["orgn_odno"] == rests


@pytest.mark.parametrize(
    ("fields", "paper_code", "real_code"),
    [
        ({"ORD_UNPR": "53501", "ORD_DVSN": "00"}, "40030000", "APBK0506"),
        ({"ORD_UNPR": "99900", "ORD_DVSN": "00"}, "40310000", "APBK0507"),
        ({"ORD_QTY": "999999"}, "40250000", "APBK0952"),
        ({"PDNO": "999999"}, "40310000", "APBK0656"),
        ({"ORD_DVSN": "98"}, "40310000", "APBK0505"),
    ],
)
def test_refusals_are_http_200_with_the_flavours_code(paper, real, fields, paper_code, real_code):
    body = paper.send("VTTC0012U", 1, **fields)
    assert (body["rt_cd"], body["msg_cd"]) == ("1", paper_code)
    assert "output" not in body
    body = real.send("TTTC0012U", 1, **fields)
    assert (body["rt_cd"], body["msg_cd"]) == ("7", real_code)


def test_sales_without_shares_and_cancels_of_nothing_are_refused(paper, real):
    assert paper.send("VTTC0011U", 1)["msg_cd"] == "40240000"
    assert real.send("TTTC0011U", 1)["msg_cd"] == "APBK0400"
    assert paper.change("VTTC0013U", "0000000777", "02")["msg_cd"] == "40330000"


def test_an_account_that_is_not_the_keys_is_refused(paper, real):
    assert paper.send("VTTC0012U", 1, CANO="12345678")["msg_cd"] == "IGW00002"
    wrong = real.send("TTTC0012U", 1, CANO="12345678")
    assert (wrong["rt_cd"], wrong["msg_cd"]) == ("7", "APAC0081")
    assert paper.send("VTTC0012U", 1, ACNT_PRDT_CD="22")["msg_cd"] == "APBK1271"


def test_paper_knows_krx_alone(paper, real):
    assert paper.send("VTTC0012U", 1, EXCG_ID_DVSN_CD="SOR")["msg_cd"] == "90000000"
    assert real.send("TTTC0012U", 1, EXCG_ID_DVSN_CD="SOR")["rt_cd"] == "0"
    assert real.send("TTTC0012U", 1, EXCG_ID_DVSN_CD="NXT")["msg_cd"] == "APBK0509"


def test_a_missing_field_is_named(paper):
    fields = {**paper.account, "PDNO": "005930", "ORD_QTY": "1", "ORD_UNPR": "0"}
    reply = paper.raw("POST", f"{TRADING}/order-cash", "VTTC0012U", fields)
    body = json.loads(reply.body)
    assert (reply.status, body["msg_cd"]) == (200, "OPSQ2001")
    assert "ORD_DVSN" in body["msg1"]


def test_lower_case_body_keys_are_not_known(paper):
    fields = {key.lower(): value for key, value in paper.account.items()}
    reply = paper.raw("POST", f"{TRADING}/order-cash", "VTTC0012U", fields)
    assert json.loads(reply.body)["msg_cd"] == "OPSQ2001"


def test_a_right_hashkey_is_taken_and_a_wrong_one_is_not(paper):
    fields = {
        **paper.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0",
    }  # fmt: skip
    made = paper.raw("POST", "/uapi/hashkey", "", fields)
    given = json.loads(made.body)["HASH"]
    path = f"{TRADING}/order-cash"
    assert paper.raw("POST", path, "VTTC0012U", fields, hashkey=given).status == 200
    refused = paper.raw("POST", path, "VTTC0012U", fields, hashkey="0" * 64)
    assert json.loads(refused.body)["msg_cd"] == "EGW00131"


def test_open_orders_are_listed_on_real_and_refused_on_paper(real, paper, sim):
    number = real.send("TTTC0012U", 3, band(sim).lower)["output"]["ODNO"]
    for tr_id in ("TTTC0084R", "TTTC8036R"):
        body = real.mine("inquire-psbl-rvsecncl", tr_id, INQR_DVSN_1="0", INQR_DVSN_2="0")
        assert [(r["odno"], r["psbl_qty"]) for r in body["output"]] == [(number, "3")]
    reply = paper.raw("GET", f"{TRADING}/inquire-psbl-rvsecncl", "VTTC0084R", paper.account)
    assert (reply.status, json.loads(reply.body)["msg_cd"]) == (500, "EGW02006")


def test_balance_orders_and_profit_agree_with_the_books(real, sim):
    real.send("TTTC0012U", 10)
    real.send("TTTC0011U", 4)
    account = sim.floor.accounts[real.key.holder.number + "01"]
    balance = real.mine("inquire-balance", "TTTC8434R", AFHR_FLPR_YN="N", INQR_DVSN="02")
    row, total = balance["output1"][0], balance["output2"][0]
    assert (row["hldg_qty"], row["ord_psbl_qty"]) == ("6", "6")
    assert (row["thdt_buyqty"], row["thdt_sll_qty"]) == ("10", "4")
    assert total["dnca_tot_amt"] == str(account.start_cash)
    assert total["prvs_rcdl_excc_amt"] == str(account.ledger.cash)
    assert int(total["nass_amt"]) == account.ledger.cash + int(total["scts_evlu_amt"])
    orders = real.executions("TTTC0081R")
    assert orders["output2"]["tot_ccld_qty"] == "14"
    assert orders["output2"]["prsm_tlex_smtl"] == total["thdt_tlex_amt"]
    day = f"{sim.floor.day:%Y%m%d}"
    span = {"INQR_STRT_DT": day, "INQR_END_DT": day, "PDNO": "", "SORT_DVSN": "00"}
    profit = real.mine("inquire-period-profit", "TTTC8708R", **span, INQR_DVSN="00")
    trades = real.mine("inquire-period-trade-profit", "TTTC8715R", **span, CBLC_DVSN="00")
    realised = str(next(iter(account.trades.values())).realised)
    assert profit["output1"][0]["rlzt_pfls"] == trades["output1"][0]["rlzt_pfls"] == realised
    assert trades["output1"][0]["pdno"] == "00000A005930"
    held = real.mine("inquire-balance-rlz-pl", "TTTC8494R", INQR_DVSN="00")
    assert held["output2"][0]["rlzt_pfls"] == realised
    sellable = real.mine("inquire-psbl-sell", "TTTC8408R", PDNO="005930")
    assert sellable["output"]["ord_psbl_qty"] == "6"
    assets = real.mine(
        "inquire-account-balance", "CTRP6548R", INQR_DVSN_1="", BSPR_BF_DT_APLY_YN=""
    )
    assert len(assets["output1"]) == 20
    assert assets["output2"]["tot_asst_amt"] == total["tot_evlu_amt"]


def test_a_market_buys_power_is_reckoned_at_the_upper_limit(paper, sim):
    ask = {"PDNO": "005930", "CMA_EVLU_AMT_ICLD_YN": "1", "OVRS_ICLD_YN": "1"}
    market = paper.mine("inquire-psbl-order", "VTTC8908R", ORD_UNPR="", ORD_DVSN="01", **ask)
    upper = band(sim).upper
    assert market["output"]["psbl_qty_calc_unpr"] == str(upper)
    assert paper.send("VTTC0012U", int(market["output"]["nrcvb_buy_qty"]))["rt_cd"] == "0"


def test_more_than_the_buying_power_says_is_refused(paper, sim):
    ask = {"PDNO": "005930", "CMA_EVLU_AMT_ICLD_YN": "Y", "OVRS_ICLD_YN": "N"}
    limit = str(band(sim).base)
    power = paper.mine("inquire-psbl-order", "VTTC8908R", ORD_UNPR=limit, ORD_DVSN="00", **ask)
    most = int(power["output"]["nrcvb_buy_qty"])
    assert paper.send("VTTC0012U", most + 1, int(limit))["msg_cd"] == "40250000"
    assert paper.send("VTTC0012U", most, int(limit))["rt_cd"] == "0"


def test_sold_out_names_stay_in_the_balance_with_no_shares(paper):
    paper.send("VTTC0012U", 5)
    paper.send("VTTC0011U", 5)
    balance = paper.mine("inquire-balance", "VTTC8434R", AFHR_FLPR_YN="N", INQR_DVSN="02")
    assert [row["hldg_qty"] for row in balance["output1"]] == ["0"]
