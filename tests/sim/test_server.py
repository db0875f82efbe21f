"""Behind sockets: headers as KIS spells them, order of answer and notice, the control endpoint."""

import json
import socket
import threading
import time

import pytest
import requests
from websockets.sync.client import connect

from kisbt.errors import ConfigError
from kisbt.sim.flavour import Flavour
from kisbt.sim.runner import RunningSimulator
from tests.sim.rest.caller import QUOTES, TRADING
from tests.sim.rest.conftest import DATA
from tests.sim.venue import served, simulator

PAPER = Flavour.PAPER


@pytest.fixture(scope="module")
def venue():
    with served(DATA, strict_tokens=False, one_stream=False) as running:
        running.advance("open")
        running.control("POST", "advance", b'{"seconds":3900}')
        yield running


def key(venue):
    return venue.sim.doors[PAPER].credentials[0]


def headers(venue, tr_id):
    pair = key(venue)
    body = {"grant_type": "client_credentials", "appkey": pair.appkey, "appsecret": pair.appsecret}
    token = requests.post(f"{venue.rest_url()}/oauth2/tokenP", json=body, timeout=10).json()
    return {
        "authorization": f"Bearer {token['access_token']}",
        "appkey": pair.appkey,
        "appsecret": pair.appsecret,
        "tr_id": tr_id,
    }


def ask_price(venue):
    return requests.get(
        f"{venue.rest_url()}{QUOTES}/inquire-price",
        headers=headers(venue, "FHKST01010100"),
        params={"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"},
        timeout=10,
    )


def buy(venue, quantity=1):
    holder = key(venue).holder
    body = {
        "CANO": holder.number,
        "ACNT_PRDT_CD": holder.product,
        "PDNO": "005930",
        "ORD_DVSN": "01",
        "ORD_QTY": str(quantity),
        "ORD_UNPR": "0",
    }
    url = f"{venue.rest_url()}{TRADING}/order-cash"
    return requests.post(url, headers=headers(venue, "VTTC0012U"), json=body, timeout=10)


def registration(venue, tr_id, tr_key):
    pair = key(venue)
    body = {"grant_type": "client_credentials", "appkey": pair.appkey, "secretkey": pair.appsecret}
    approval = requests.post(f"{venue.rest_url()}/oauth2/Approval", json=body, timeout=10).json()
    header = {"approval_key": approval["approval_key"], "custtype": "P", "tr_type": "1"}
    return json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}}})


def test_standard_headers_are_title_case_and_kis_own_lower_case(venue):
    reply = ask_price(venue)
    names = [name for name, _ in reply.raw.headers.items()]
    assert {"tr_id", "tr_cont", "gt_uid", "Content-Type", "Content-Length", "Date"} <= set(names)
    assert not [name for name in names if name == name.lower() and "-" in name]
    assert reply.json()["output"]["stck_shrn_iscd"] == "005930"


def raw_exchange(venue, text):
    port = int(venue.rest_url().rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(text)
        return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.mark.parametrize(
    "text",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: \x01\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /uapi/hashkey HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_broken_http_gets_a_kis_shaped_body(venue, text):
    answer = raw_exchange(venue, text)
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert json.loads(body)["msg_cd"] == "EGW00101"


def test_a_huge_body_is_refused_not_swallowed(venue):
    url = f"{venue.rest_url()}{TRADING}/order-cash"
    reply = requests.post(
        url, headers=headers(venue, "VTTC0012U"), data=b"x" * 3_000_000, timeout=30
    )
    assert (reply.status_code, reply.json()["msg_cd"]) == (200, "OPSQ9995")


@pytest.mark.parametrize("path", ["", "/", "/tryitout", "/tryitout/H0STCNT0"])
def test_the_stream_takes_any_path_and_answers_in_order(venue, path):
    with connect(venue.stream_url() + path, compression=None) as stream:
        stream.send(registration(venue, "H0STCNT0", "005930"))
        ack = json.loads(stream.recv(timeout=10))
        assert ack["body"]["msg_cd"] == "OPSP0000"
        venue.control("POST", "advance", b'{"seconds":600}')
        frame = stream.recv(timeout=10)
        assert frame.startswith("0|H0STCNT0|001|005930^")


def test_notices_follow_their_answer_and_the_control_endpoint_waits_for_frames(venue):
    with connect(venue.stream_url(), compression=None) as stream:
        stream.send(registration(venue, "H0STCNI9", key(venue).holder.hts_id))
        stream.recv(timeout=10)
        answered = buy(venue).json()
        assert answered["rt_cd"] == "0"
        frames = [stream.recv(timeout=10) for _ in range(2)]
        assert all(frame.startswith("1|H0STCNI9|001|") for frame in frames)


def test_a_lost_answer_is_a_broken_connection(venue):
    fault = {"faults": [{"kind": "answer_lost", "where": "orders", "most": 1}]}
    venue.control("POST", "faults", json.dumps(fault).encode())
    with pytest.raises(requests.ConnectionError):
        buy(venue)
    log = venue.control("GET", "faults")["log"]
    number = log[-1]["detail"]
    orders = next(iter(venue.control("GET", "state")["accounts"].values()))["orders"]
    assert number in {order["odno"] for order in orders}
    venue.control("POST", "faults", b'{"faults": []}')


def test_clock_skew_shows_in_the_date(venue):
    fault = {"faults": [{"kind": "clock_skew", "seconds": 86_400}]}
    plain = ask_price(venue).headers["Date"]
    venue.control("POST", "faults", json.dumps(fault).encode())
    skewed = ask_price(venue).headers["Date"]
    venue.control("POST", "faults", b'{"faults": []}')
    assert skewed[:16] != plain[:16]


def test_a_dropped_socket_ends_without_a_close_frame_and_may_come_again(venue):
    with connect(venue.stream_url(), compression=None) as stream:
        stream.send(registration(venue, "H0STCNT0", "005930"))
        stream.recv(timeout=10)
        assert venue.control("POST", "drop-streams")["dropped"] >= 1
        with pytest.raises(Exception, match="close frame") as caught:
            stream.recv(timeout=10)
        assert caught.value.rcvd is None
    with connect(venue.stream_url(), compression=None) as stream:
        stream.send(registration(venue, "H0STCNT0", "005930"))
        assert json.loads(stream.recv(timeout=10))["body"]["rt_cd"] == "0"


def test_pings_come_as_text():
    with (
        RunningSimulator(simulator(DATA), ping_seconds=0.05) as running,
        connect(running.stream_url(), compression=None) as stream,
    ):
        ping = json.loads(stream.recv(timeout=10))
        assert ping["header"]["tr_id"] == "PINGPONG"
        stream.send(json.dumps(ping))
        assert json.loads(stream.recv(timeout=10))["header"]["tr_id"] == "PINGPONG"


@pytest.mark.parametrize(
    ("method", "what", "body", "word"),
    [
        ("POST", "advance", b"{}", "seconds, until or to"),
        ("POST", "advance", b"[]", "one JSON object"),
        ("POST", "advance", b'{"to": "noon"}', "unknown moment"),
        ("POST", "advance", b'{"seconds": "x"}', "bad request"),
        ("POST", "interrupt", b'{"ticker": "999999"}', "999999"),
        ("POST", "faults", b'{"faults": [{"kind": "?"}]}', "faults.0.kind"),
        ("GET", "nothing", b"", "no GET"),
    ],
)
def test_bad_control_requests_are_told_so(venue, method, what, body, word):
    reply = requests.request(method, f"{venue.rest_url()}/control/{what}", data=body, timeout=10)
    assert reply.status_code in (400, 404)
    assert word in reply.json()["error"]


def test_a_taken_port_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = RunningSimulator(simulator(DATA), {PAPER: (port, 0)})
        with pytest.raises(ConfigError, match=f"port {port} is taken"), running:
            pass
    assert not running._thread.is_alive()


def test_time_passes_by_itself_at_speed_and_skips_the_night():
    with RunningSimulator(simulator(DATA, speed=100_000.0)) as running:
        first = running.sim.floor.day
        until = time.monotonic() + 10
        while running.sim.floor.day == first and time.monotonic() < until:
            time.sleep(0.05)
        assert running.sim.floor.day > first
        assert running.sim.now.hour >= 8


def test_many_clients_at_once_are_all_answered(venue):
    results = []

    def work():
        results.extend(ask_price(venue).status_code for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 30
    assert all(not d["crashes"] for d in venue.control("GET", "state")["doors"].values())
