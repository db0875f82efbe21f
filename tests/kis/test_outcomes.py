"""A call ends in one of three ways, and only what surely did nothing is made again."""

import socket
import time
import traceback

import pytest
import requests

from kisbt.kis import wire
from kisbt.kis.client import KISClient
from kisbt.kis.endpoints import ORDER_BUY, PRICE
from kisbt.kis.environment import Paper
from kisbt.kis.errors import (
    KISAPIError,
    NotOnPaper,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unreachable,
)
from kisbt.kis.wire import Wire
from tests.kis.conftest import config_for
from tests.kis.loopback import ACCOUNT, OK, Loopback, Say, gateway

QUOTE = {**OK, "output": {"stck_prpr": "70100"}}
TAKEN = {
    "rt_cd": "0",
    "msg_cd": "40600000",
    "msg1": "모의투자 매수주문이 완료 되었습니다.",
    "output": {"KRX_FWDG_ORD_ORGNO": "00950", "ODNO": "0000000007", "ORD_TMD": "101500"},
}
ORDER_PATH, PRICE_PATH = "order-cash", "inquire-price"

LOST = [
    Say(hang_up=True),
    Say(status=500, raw=b""),
    Say(status=502, raw=b"<html>bad gateway</html>"),
    Say(raw=b"not json"),
    Say(raw=b"[1, 2]"),
    Say(wait=0.8),
    Say({**OK, "output": {"x": "y" * 40}}, drip=True),
    Say({"msg1": "no code at all"}, status=500),
    gateway("EGW00301"),
    gateway("EGW00302"),
    gateway("EGW00001"),
    gateway("IGW00009", status=200),
    gateway("EGW99999"),
    gateway("XX", status=404),
]


@pytest.mark.parametrize("lost", LOST)
def test_lost_order_is_unknown_and_never_sent_again(
    lost: Say, paper: KISClient[Paper], server: Loopback, slept: list[float]
) -> None:
    server.say(ORDER_PATH, lost)
    server.default(ORDER_PATH, TAKEN)
    with pytest.raises(OutcomeUnknown) as caught:
        paper.buy("005930", 1, 70100)
    assert len(server.of(ORDER_PATH)) == 1
    assert slept == []
    assert "day's orders" in (caught.value.hint or "")


@pytest.mark.parametrize("lost", LOST[:-1])
def test_lost_quote_is_asked_again(
    lost: Say, paper: KISClient[Paper], server: Loopback, slept: list[float]
) -> None:
    server.say(PRICE_PATH, lost)
    server.default(PRICE_PATH, QUOTE)
    assert paper.inquire_price("005930").price == 70100
    assert len(server.of(PRICE_PATH)) == 2
    assert len(slept) == 1


def test_order_taken_without_a_number_is_unknown(paper: KISClient[Paper], server: Loopback) -> None:
    server.say(ORDER_PATH, {**TAKEN, "output": {"ODNO": ""}})
    with pytest.raises(OutcomeUnknown, match="without an order number"):
        paper.buy("005930", 1)


def test_throttled_order_is_sent_again_because_it_was_not_taken(
    paper: KISClient[Paper], server: Loopback, slept: list[float]
) -> None:
    server.say(ORDER_PATH, gateway("EGW00201", "초당 거래건수를 초과하였습니다."), TAKEN)
    assert paper.buy("005930", 1, 70100).number == "0000000007"
    assert len(server.of(ORDER_PATH)) == 2
    assert slept[0] >= 1.0


def test_expired_token_is_replaced_and_the_order_sent_once_more(
    paper: KISClient[Paper], server: Loopback
) -> None:
    paper.session.auth.token()
    _age_token(paper)
    server.say(ORDER_PATH, gateway("EGW00123", "기간이 만료된 token 입니다."), TAKEN)
    assert paper.buy("005930", 1, 70100).number == "0000000007"
    first, second = server.of(ORDER_PATH)
    assert first.headers["authorization"] != second.headers["authorization"]
    assert server.tokens == 2


def test_token_refused_twice_is_a_refusal(paper: KISClient[Paper], server: Loopback) -> None:
    paper.session.auth.token()
    _age_token(paper)
    server.default(PRICE_PATH, lambda _: gateway("EGW00121", "유효하지 않은 token 입니다"))
    with pytest.raises((Refused, Throttled)):
        paper.inquire_price("005930")
    assert server.tokens <= 2


def _age_token(client: KISClient[Paper]) -> None:
    """Let the last issue be more than a minute ago."""
    auth = client.session.auth
    cache = auth._read()
    auth._write({**cache, "issued": cache["issued"] - 100})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("APBK0952", Refused),
        ("40250000", Refused),
        ("APBK1271", Refused),
        ("IGW00002", Refused),
        ("EGW02007", Refused),
        ("ZZZZ0000", Refused),
        ("90000000", NotOnPaper),
        ("EGW02006", NotOnPaper),
    ],
)
def test_no_is_no_for_orders_and_quotes(
    code: str, kind: type[KISAPIError], paper: KISClient[Paper], server: Loopback
) -> None:
    server.default(ORDER_PATH, lambda _: gateway(code, "안 됩니다   ", 200))
    server.default(PRICE_PATH, lambda _: gateway(code, "안 됩니다   ", 200))
    for call in (lambda: paper.buy("005930", 1), lambda: paper.inquire_price("005930")):
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.msg_cd == code
        assert "안 됩니다" in str(caught.value)
        assert caught.value.tr_id in ("VTTC0012U", "FHKST01010100")
    assert len(server.of(ORDER_PATH)) == len(server.of(PRICE_PATH)) == 1


def test_business_no_without_a_code_is_a_refusal(paper: KISClient[Paper], server: Loopback) -> None:
    server.say(ORDER_PATH, {"rt_cd": "1", "msg_cd": "", "msg1": "거부"})
    with pytest.raises(Refused, match="거부"):
        paper.buy("005930", 1)


def test_wrong_account_product_and_key_name_what_to_check(
    paper: KISClient[Paper], server: Loopback
) -> None:
    for code, word in [("IGW00002", "account"), ("APBK1271", "my_prod"), ("EGW02007", "real key")]:
        server.say("inquire-balance", gateway(code, "오류", 200))
        with pytest.raises(Refused) as caught:
            paper.inquire_balance()
        assert word in str(caught.value)
        assert "\n" not in str(caught.value)


def test_unreachable_server_gives_up_after_five_tries(
    paper: KISClient[Paper], server: Loopback, slept: list[float]
) -> None:
    server.default(PRICE_PATH, lambda _: Say(hang_up=True))
    with pytest.raises(Unreachable):
        paper.inquire_price("005930")
    assert len(server.of(PRICE_PATH)) == 5
    assert all(0 <= wait <= 8 for wait in slept)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_nothing_listening_means_an_order_was_not_taken(closed_port: int) -> None:
    nobody = Wire(f"http://127.0.0.1:{closed_port}", connect_seconds=0.5)
    with pytest.raises(Unreachable, match="connection refused"):
        nobody.exchange("POST", ORDER_BUY.path, body={}, repeatable=False)
    with pytest.raises(Unreachable, match="host unknown"):
        Wire("http://no-such-host.invalid").exchange("POST", "/x", body={}, repeatable=False)


def test_error_of_the_network_quotes_no_url_in_message_or_traceback(
    paper: KISClient[Paper], server: Loopback
) -> None:
    server.default("inquire-psbl-order", lambda _: Say(hang_up=True))
    try:
        paper.inquire_psbl_order("005930", 70100)
    except Unreachable as error:
        text = "".join(traceback.format_exception(error))
        assert ACCOUNT not in text
        assert error.__cause__ is None  # noqa: PT017
        assert error.__context__ is None or ACCOUNT not in str(error.__context__)  # noqa: PT017
    else:
        pytest.fail("no error")


def test_every_error_of_requests_becomes_ours(
    monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    """A class that ``requests`` adds must be safe: an order that hits it is unknown at worst."""
    pending = [requests.RequestException]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        client = Wire(server.url)

        def fail(*_: object, kind: type[requests.RequestException] = kind, **__: object) -> None:
            if issubclass(kind, requests.exceptions.JSONDecodeError):
                raise requests.RequestException
            raise kind("boom")

        monkeypatch.setattr(requests.Session, "request", fail)
        with pytest.raises((Unreachable, OutcomeUnknown)):
            client.exchange("POST", "/x", body={}, repeatable=False)
        with pytest.raises(Unreachable):
            client.exchange("GET", "/x")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("CERTIFICATE_VERIFY_FAILED", Unreachable), ("UNEXPECTED_EOF", OutcomeUnknown)],
)
def test_failed_certificate_is_safe_and_a_broken_tls_line_is_not(
    said: str, outcome: type[KISAPIError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise requests.exceptions.SSLError(said)

    monkeypatch.setattr(requests.Session, "request", fail)
    with pytest.raises(outcome):
        Wire("https://127.0.0.1:9").exchange("POST", "/x", body={}, repeatable=False)


def test_idle_connection_is_not_trusted_with_an_order(
    monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    client = Wire(server.url)
    server.default("/x", OK)
    client.exchange("GET", "/x")
    monkeypatch.setattr(wire, "IDLE_LIMIT", -1.0)
    closed: list[bool] = []
    monkeypatch.setattr(requests.Session, "close", lambda _: closed.append(True))
    client.exchange("POST", "/x", body={}, repeatable=False)
    assert closed == [True]


def test_netrc_does_not_replace_our_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, server: Loopback
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="ascii") as file:
        file.write("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", netrc)
    server.default("/x", OK)
    client = Wire(server.url)
    client._session(fresh=False).trust_env = True
    client.exchange("GET", "/x", headers={"authorization": "Bearer abc"})
    assert server.of("/x")[0].headers["authorization"] == "Bearer abc"


def test_redirect_is_not_followed_with_our_keys(server: Loopback) -> None:
    server.say("/x", Say({"rt_cd": "0"}, 307, {"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(OutcomeUnknown, match="307"):
        Wire(server.url).exchange("POST", "/x", body={}, repeatable=False)
    assert server.of("/elsewhere") == []


def test_hanging_server_is_left_in_time(server: Loopback) -> None:
    server.default(PRICE.path, lambda _: Say(wait=5.0))
    started = time.monotonic()
    with pytest.raises(Unreachable, match="too long"):
        Wire(server.url, answer_seconds=0.2).exchange("GET", PRICE.path)
    assert time.monotonic() - started < 2.0


def test_real_client_sends_no_order_unless_told_that_it_may(
    server: Loopback, settings: object
) -> None:
    from kisbt.config import KISSettings
    from kisbt.kis.environment import Real

    assert isinstance(settings, KISSettings)
    with (
        KISClient.connect(config_for(server.url), Real(), settings) as client,
        pytest.raises(Refused, match="real money"),
    ):
        client.buy("005930", 1, 70100)
    assert server.of(ORDER_PATH) == []
