"""Every endpoint answers with every field of its sheet, all strings, in KIS's order."""

import json

import pytest

from kisbt.sim.flavour import Flavour
from kisbt.sim.rest import sheets_account, sheets_market, sheets_quote
from kisbt.sim.rest.table import ENDPOINTS
from tests.sim.rest.caller import Caller
from tests.sim.rest.requests import DOMESTIC, fields

READS = [endpoint for endpoint in DOMESTIC if endpoint.method == "GET"]
NUMBERS = ("prpr", "vol", "qty", "amt", "oprc", "hgpr", "lwpr", "clpr", "pbmn")


def sheet(endpoint, part):
    stem = endpoint.path.rsplit("/", 1)[1].replace("-", "_").upper()
    suffix = {"output": "", "output1": "_1", "output2": "_2"}[part]
    for module in (sheets_account, sheets_quote, sheets_market):
        if hasattr(module, stem + suffix):
            return getattr(module, stem + suffix)
    raise AssertionError(stem + suffix)


def rows(part):
    return part if isinstance(part, list) else [part]


@pytest.mark.parametrize("endpoint", READS, ids=lambda e: e.path.rsplit("/", 1)[1])
@pytest.mark.parametrize("flavour", list(Flavour))
def test_an_answer_has_every_field_of_its_sheet(sim, endpoint, flavour):
    ids = endpoint.real if flavour is Flavour.REAL else endpoint.paper
    caller = Caller(sim, flavour)
    if ids:
        buy = "TTTC0012U" if flavour is Flavour.REAL else "VTTC0012U"
        caller.send(buy, 3)
        if flavour is Flavour.REAL:
            caller.send("TTTC0012U", 1, sim.floor.name("005930").band.lower)
    for tr_id in ids:
        reply = caller.raw(
            "GET", endpoint.path, tr_id, fields(endpoint, caller.account, sim.floor.day)
        )
        body = json.loads(reply.body)
        assert reply.status == 200
        assert body["rt_cd"] == "0", body["msg1"]
        outputs = {key: value for key, value in body.items() if key.startswith("output")}
        assert outputs
        for part, value in outputs.items():
            wanted = sheet(endpoint, part)
            for row in rows(value):
                assert set(wanted) - set(row) <= {"itewhol_loan_rmnd_ratem"}
                assert all(isinstance(cell, str) for cell in row.values())
                for key, cell in row.items():
                    if key.startswith(("stck_", "acml_")) and key.endswith(NUMBERS):
                        assert cell.lstrip("-").isdigit(), (key, cell)
        if endpoint.path.endswith("inquire-vi-status"):
            continue
        assert all(rows(value) for value in outputs.values())


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.path[6:])
def test_paper_refuses_what_it_does_not_serve_with_500(sim, paper, endpoint):
    if endpoint.paper:
        return
    for tr_id in endpoint.real:
        for asked in (tr_id, f"V{tr_id[1:]}"):
            reply = paper.raw("GET", endpoint.path, asked, paper.account)
            assert (reply.status, json.loads(reply.body)["msg_cd"]) == (500, "EGW02006")


def test_headers_are_spelt_as_kis_spells_them(paper):
    reply = paper.raw("GET", READS[0].path, "VTTC8434R", {}, tr_cont="")
    own = {name for name in reply.headers if name == name.lower()}
    assert own == {"tr_id", "tr_cont", "gt_uid"}
    assert len(reply.headers["gt_uid"]) == 32


def test_paths_forgive_double_slashes_and_query_names_any_case(paper):
    path = "//uapi//domestic-stock/v1/quotations/inquire-price"
    reply = paper.raw(
        "GET", path, "FHKST01010100", {"fid_cond_mrkt_div_code": "J", "Fid_Input_Iscd": "005930"}
    )
    assert json.loads(reply.body)["output"]["stck_shrn_iscd"] == "005930"


def test_an_empty_overseas_account_is_served_to_clients_that_ask(paper, real):
    for caller, prefix in ((paper, "V"), (real, "C")):
        body = caller.get(
            "/uapi/overseas-stock/v1/trading/inquire-present-balance",
            f"{prefix}TRP6504R",
            **caller.account,
        )
        assert (body["rt_cd"], body["output1"], body["output2"]) == ("0", [], [])
