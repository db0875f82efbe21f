"""Keys, tokens, limits and the errors around them."""

import json
from datetime import datetime, timedelta

import pytest

from kisbt.sim.flavour import Flavour
from kisbt.sim.options import LOCKSTEP, SimOptions
from kisbt.sim.rest.errors import GatewayError
from kisbt.sim.simulator import Simulator
from tests.sim.rest.caller import QUOTES, Caller
from tests.sim.rest.conftest import DATA

PRICE = f"{QUOTES}/inquire-price"
ASK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}


class Clocks:
    """A wall clock and a ticking clock that stand still."""

    def __init__(self):
        self.now, self.seconds = datetime(2026, 1, 5, 9), 100.0

    def simulator(self, **options):
        both = (Flavour.PAPER, Flavour.REAL)
        made = SimOptions(flavours=both, speed=LOCKSTEP, **options)
        return Simulator(DATA, made, wall=lambda: self.now, ticking=lambda: self.seconds)


@pytest.fixture
def clocks():
    return Clocks()


def oauth(sim, path, body, flavour=Flavour.PAPER):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = sim.doors[flavour].front.respond("POST", f"/oauth2/{path}", "", {}, raw)
    return reply.status, json.loads(reply.body)


def token_body(sim, flavour=Flavour.PAPER, **more):
    key = sim.doors[flavour].credentials[0]
    pair = {"appkey": key.appkey, "appsecret": key.appsecret}
    return {"grant_type": "client_credentials", **pair, **more}


def test_a_token_lives_a_day_and_comes_again_within_six_hours(clocks):
    sim = clocks.simulator()
    status, first = oauth(sim, "tokenP", token_body(sim))
    assert status == 200
    assert first["expires_in"] == 86_400
    assert first["access_token_token_expired"] == "2026-01-06 09:00:00"
    clocks.now += timedelta(hours=5)
    assert oauth(sim, "tokenP", token_body(sim))[1]["access_token"] == first["access_token"]
    clocks.now += timedelta(hours=2)
    assert oauth(sim, "tokenP", token_body(sim))[1]["access_token"] != first["access_token"]


def test_a_second_token_within_the_minute_is_refused_with_403(clocks):
    sim = clocks.simulator()
    oauth(sim, "tokenP", token_body(sim))
    clocks.now += timedelta(seconds=59)
    status, body = oauth(sim, "tokenP", token_body(sim))
    assert status == 403
    assert body["error_code"] == "EGW00133"
    assert "rt_cd" not in body
    clocks.now += timedelta(seconds=1)
    assert oauth(sim, "tokenP", token_body(sim))[0] == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"appkey": "P" * 36}, "EGW00103"),
        ({"appsecret": "x" * 180}, "EGW00105"),
        ({"appkey": ""}, "EGW00102"),
        ({"grant_type": "password"}, "EGW00116"),
    ],
)
def test_bad_oauth_bodies_are_refused_by_code(clocks, change, code):
    sim = clocks.simulator()
    status, body = oauth(sim, "tokenP", token_body(sim, **change))
    assert (status, body["error_code"]) == (403, code)


def test_oauth_takes_no_garbage(clocks):
    assert oauth(clocks.simulator(), "tokenP", b"\xff{")[1]["error_code"] == "EGW00101"


def test_requests_beyond_the_limit_get_500_and_the_window_slides(clocks):
    sim = clocks.simulator()
    caller = Caller(sim)
    for expected in (200, 200, 500):
        assert caller.raw("GET", PRICE, "FHKST01010100", ASK).status == expected
    clocks.seconds += 0.999
    refused = caller.raw("GET", PRICE, "FHKST01010100", ASK)
    assert json.loads(refused.body)["msg_cd"] == "EGW00201"
    clocks.seconds += 0.002
    assert caller.raw("GET", PRICE, "FHKST01010100", ASK).status == 200
    meter = sim.doors[Flavour.PAPER].gateway.meters[caller.key.appkey]
    assert (meter.most, meter.refused, meter.let_through) == (2, 2, 3)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"authorization": ""}, "EGW00122"),
        ({"authorization": "Basic abc"}, "EGW00205"),
        ({"authorization": "Bearer nonsense"}, "EGW00121"),
        ({"appkey": "unknown"}, "EGW00103"),
        ({"appsecret": ""}, "EGW00104"),
        ({"appsecret": "wrong"}, "EGW00105"),
    ],
)
def test_bad_headers_are_500_with_their_code(sim, paper, change, code):
    reply = paper.raw("GET", PRICE, "FHKST01010100", ASK, **change)
    assert reply.status == 500
    assert json.loads(reply.body)["msg_cd"] == code


def test_an_expired_token_is_500_egw00123(clocks):
    sim = clocks.simulator()
    caller = Caller(sim)
    clocks.now += timedelta(hours=24)
    reply = caller.raw("GET", PRICE, "FHKST01010100", ASK)
    assert (reply.status, json.loads(reply.body)["msg_cd"]) == (500, "EGW00123")


def test_a_revoked_token_is_no_token(sim, paper):
    door, key = paper.door, paper.key
    assert door.gateway.revoke(key.appkey, key.appsecret, paper.token)["code"] == 200
    reply = paper.raw("GET", PRICE, "FHKST01010100", ASK)
    assert json.loads(reply.body)["msg_cd"] == "EGW00121"
    with pytest.raises(GatewayError):
        door.gateway.revoke(key.appkey, key.appsecret, paper.token)


def test_keys_of_the_other_environment_are_told_so(sim, paper, real):
    mixed = {"appkey": real.key.appkey, "appsecret": real.key.appsecret}
    reply = paper.raw("GET", PRICE, "FHKST01010100", ASK, **mixed)
    assert json.loads(reply.body)["msg_cd"] == "EGW02007"
    mixed = {"appkey": paper.key.appkey, "appsecret": paper.key.appsecret}
    reply = real.raw("GET", PRICE, "FHKST01010100", ASK, **mixed)
    assert json.loads(reply.body)["msg_cd"] == "EGW02004"


def test_a_real_key_gets_tokens_on_the_paper_host_that_no_call_accepts(clocks):
    sim = clocks.simulator()
    status, body = oauth(sim, "tokenP", token_body(sim, Flavour.REAL))
    assert status == 200
    assert oauth(sim, "tokenP", token_body(sim), Flavour.REAL)[1]["error_code"] == "EGW02004"
    caller = Caller(sim)
    key = sim.doors[Flavour.REAL].credentials[0]
    headers = {
        "authorization": f"Bearer {body['access_token']}",
        "appkey": key.appkey,
        "appsecret": key.appsecret,
    }
    reply = caller.raw("GET", PRICE, "FHKST01010100", ASK, **headers)
    assert json.loads(reply.body)["msg_cd"] == "EGW02007"


def test_approval_wants_secretkey_and_looks_like_a_uuid(sim):
    key = sim.doors[Flavour.PAPER].credentials[0]
    body = {"grant_type": "client_credentials", "appkey": key.appkey}
    status, answer = oauth(sim, "Approval", {**body, "secretkey": key.appsecret})
    assert status == 200
    assert len(answer["approval_key"]) == 36
    assert oauth(sim, "Approval", {**body, "appsecret": key.appsecret})[0] == 403


def test_nothing_printed_of_a_key_shows_its_secret(sim):
    key = sim.doors[Flavour.PAPER].credentials[0]
    assert key.appsecret not in repr(key)
    assert key.appsecret not in repr(sim.doors[Flavour.PAPER].credentials)
