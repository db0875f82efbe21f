"""Pages: sizes by environment, keys that move, and clients that forget ``tr_cont``."""

import json

from tests.sim.rest.caller import TRADING, band


def pages(caller, tr_id, *, tr_cont=True):
    seen, key, flags = [], "", []
    today = f"{caller.sim.stamp():%Y%m%d}"
    while True:
        fields = {
            **caller.account, "INQR_STRT_DT": today, "INQR_END_DT": today, "SLL_BUY_DVSN_CD": "00",
            "INQR_DVSN": "01", "CCLD_DVSN": "00", "CTX_AREA_FK100": "", "CTX_AREA_NK100": key,
        }  # fmt: skip
        more = {"tr_cont": "N"} if key.strip() and tr_cont else {}
        reply = caller.raw("GET", f"{TRADING}/inquire-daily-ccld", tr_id, fields, **more)
        body = json.loads(reply.body)
        flags.append(reply.headers["tr_cont"])
        seen.append([row["odno"] for row in body["output1"]])
        assert len(body["ctx_area_fk100"]) == len(body["ctx_area_nk100"]) == 100
        assert len(body["msg1"]) == 80
        previous, key = key, body["ctx_area_nk100"]
        if flags[-1] == "D":
            assert not key.strip()
            return seen, flags
        assert key.strip()
        assert key != previous


def test_paper_shows_15_orders_a_page_and_real_100(paper, real, sim):
    for _ in range(33):
        paper.send("VTTC0012U", 1, band(sim).lower)
        real.send("TTTC0012U", 1, band(sim).lower)
    seen, flags = pages(paper, "VTTC0081R")
    assert [len(page) for page in seen] == [15, 15, 3]
    assert flags == ["M", "M", "D"]
    numbers = [number for page in seen for number in page]
    assert numbers == sorted(set(numbers))
    assert pages(paper, "VTTC0081R", tr_cont=False)[0] == seen
    assert [len(page) for page in pages(real, "TTTC0081R")[0]] == [33]


def test_a_key_that_is_none_of_ours_starts_again(paper, sim):
    paper.send("VTTC0012U", 1, band(sim).lower)
    body = paper.executions(CTX_AREA_NK100="!^garbage")
    assert len(body["output1"]) == 1


def test_filters_choose_sides_states_and_names(paper, sim):
    filled = paper.send("VTTC0012U", 2)["output"]["ODNO"]
    rests = paper.send("VTTC0012U", 1, band(sim).lower)["output"]["ODNO"]

    def numbers(**more):
        return [row["odno"] for row in paper.executions(**more)["output1"]]

    assert numbers(CCLD_DVSN="01") == [filled]
    assert numbers(CCLD_DVSN="02") == [rests]
    assert numbers(SLL_BUY_DVSN_CD="01") == []
    assert numbers(PDNO="000660") == []
    assert numbers(ODNO=rests) == [rests]
    assert numbers(INQR_DVSN="00") == [rests, filled]


def test_no_rows_on_paper_say_so(paper):
    body = paper.executions()
    assert (body["rt_cd"], body["msg_cd"], body["output1"]) == ("0", "70070000", [])
