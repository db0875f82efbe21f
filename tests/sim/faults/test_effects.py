"""Each fault does what its name says, and the log accounts for it."""

import json
from datetime import timedelta

import pytest

from kisbt.sim.faults.profile import FaultKind, FaultProfile, parse_profile
from kisbt.sim.flavour import Flavour
from kisbt.sim.rest.front import Fate
from tests.sim.rest.caller import QUOTES, TRADING, Caller, band
from tests.sim.rest.conftest import DATA
from tests.sim.stream.listener import Listener
from tests.sim.venue import simulator

ASK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
PRICE = f"{QUOTES}/inquire-price"


def with_fault(**fault):
    profile = parse_profile({"faults": [fault]}, "test")
    sim = simulator(DATA, flavours=(Flavour.PAPER, Flavour.REAL))
    sim.advance_to(sim.target("open"))
    sim.advance_to(sim.now.replace(hour=10, minute=5))
    sim.load_faults(profile)
    return sim


def order(caller, **more):
    fields = {
        **caller.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0",
        **more,
    }  # fmt: skip
    return caller.raw("POST", f"{TRADING}/order-cash", "VTTC0012U", fields)


def kinds(sim):
    return [each.kind for each in sim.injector.log]


def test_a_lost_answer_leaves_the_order_in_the_book():
    sim = with_fault(kind="answer_lost", where="orders")
    caller = Caller(sim)
    assert order(caller).fate is Fate.CUT
    assert len(caller.executions()["output1"]) == 1
    assert kinds(sim) == [FaultKind.ANSWER_LOST]
    assert sim.injector.log[0].detail == "0000000001"


def test_a_lost_request_leaves_nothing():
    sim = with_fault(kind="request_lost", where="orders")
    caller = Caller(sim)
    assert order(caller).fate is Fate.CUT
    assert caller.executions()["output1"] == []


def test_a_server_error_has_no_body_and_does_nothing():
    sim = with_fault(kind="server_error", where="orders", most=1)
    caller = Caller(sim)
    reply = order(caller)
    assert (reply.status, reply.body) == (500, b"")
    assert order(caller).status == 200
    assert len(caller.executions()["output1"]) == 1


def test_throttling_comes_in_bursts():
    sim = with_fault(kind="throttled", where="quotes", count=3, most=1)
    caller = Caller(sim)
    codes = [
        json.loads(caller.raw("GET", PRICE, "FHKST01010100", ASK).body)["msg_cd"] for _ in "1234"
    ]
    assert codes == ["EGW00201"] * 3 + ["MCA00000"]


def test_a_token_may_expire_in_mid_session():
    sim = with_fault(kind="token_expired", most=1)
    caller = Caller(sim)
    for _ in range(2):
        reply = caller.raw("GET", PRICE, "FHKST01010100", ASK)
        assert (reply.status, json.loads(reply.body)["msg_cd"]) == (500, "EGW00123")


def test_a_slow_answer_waits():
    sim = with_fault(kind="slow", seconds=2.5)
    assert Caller(sim).raw("GET", PRICE, "FHKST01010100", ASK).seconds == 2.5


def test_the_daily_list_may_be_empty_or_behind():
    sim = with_fault(kind="executions_empty", most=1)
    caller = Caller(sim)
    order(caller)
    hollow = caller.executions()
    assert hollow["output1"] == []
    assert hollow["output2"]["tot_ccld_qty"] == "1"
    sim.load_faults(parse_profile({"faults": [{"kind": "executions_lag", "seconds": 30}]}, "t"))
    sim.advance_to(sim.now + timedelta(seconds=60))
    order(caller)
    assert len(caller.executions()["output1"]) == 1
    sim.advance_to(sim.now + timedelta(seconds=60))
    assert len(caller.executions()["output1"]) == 2


@pytest.fixture
def heard():
    def listen(sim):
        listener = Listener(sim)
        listener.ask("H0STCNI9", listener.key.holder.hts_id)
        return listener

    return listen


def numbers(listener):
    return [(f[0][2], f[0][13]) for f in listener.frames("H0STCNI9")]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "notice_lost", "most": 1}, ["2", "1", "2"]),
        ({"kind": "notice_doubled", "most": 1}, ["1", "1", "2", "1", "2"]),
        ({"kind": "notice_reordered", "most": 1}, ["2", "1", "1", "2"]),
        ({"kind": "notice_late", "count": 3, "most": 1}, ["2", "1", "2", "1"]),
    ],
)
def test_notices_are_lost_doubled_reordered_and_late(heard, fault, expected):
    sim = with_fault(**fault)
    listener, caller = heard(sim), Caller(sim)
    order(caller)
    order(caller)
    assert [kind for _, kind in numbers(listener)] == expected
    assert len(sim.injector.log) == 1


def test_what_is_late_comes_when_time_passes(heard):
    sim = with_fault(kind="notice_late", count=900)
    listener = heard(sim)
    order(Caller(sim))
    assert numbers(listener) == []
    sim.advance_to(sim.now + timedelta(seconds=1))
    assert [kind for _, kind in numbers(listener)] == ["1", "2"]


def test_early_notices_go_before_their_answer():
    sim = with_fault(kind="notice_early")
    assert order(Caller(sim)).early
    assert not Caller(with_fault(kind="slow")).raw("GET", PRICE, "FHKST01010100", ASK).early


def test_a_socket_may_drop_and_a_key_be_in_use():
    sim = with_fault(kind="stream_drop")
    listener = Listener(sim)
    listener.ask("H0STCNT0", "005930")
    sim.advance_to(sim.now + timedelta(minutes=10))
    assert listener.session.dropped
    sim = with_fault(kind="key_in_use", most=1)
    assert Listener(sim).ask("H0STCNT0", "005930")["body"]["msg_cd"] == "OPSP8996"
    assert Listener(sim).ask("H0STCNT0", "005930")["body"]["msg_cd"] == "OPSP0000"


def test_a_layout_may_grow_a_field():
    sim = with_fault(kind="layout_change")
    listener = Listener(sim)
    listener.ask("H0STCNT0", "005930")
    sim.advance_to(sim.now + timedelta(minutes=10))
    assert [len(f[0]) for f in listener.frames("H0STCNT0")] == [48]


@pytest.mark.parametrize("kind", ["halt", "vi", "limit_lock"])
def test_market_faults_strike_names_at_their_own_time(kind):
    profile = parse_profile({"faults": [{"kind": kind, "rate": 0.5}]}, "t")

    def lived():
        sim = simulator(DATA, faults=profile)
        for _ in range(3):
            sim.advance_to(sim.target("close"))
        return sim

    sim = lived()
    log = [(each.at, each.subject) for each in sim.injector.log]
    assert log
    assert all(at.hour >= 9 for at, _ in log)
    assert log == [(each.at, each.subject) for each in lived().injector.log]
    assert set(kinds(sim)) == {FaultKind(kind)}


def test_without_a_profile_nothing_is_injected():
    sim = with_fault(kind="slow", rate=0.0)
    caller = Caller(sim)
    order(caller)
    assert caller.send("VTTC0012U", 1, band(sim).lower)["rt_cd"] == "0"
    assert sim.injector.log == []
    assert FaultProfile().faults == ()
