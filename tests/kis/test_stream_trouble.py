import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kisbt.kis.client import KISClient
from kisbt.kis.crypto import StreamKey
from kisbt.kis.environment import Paper
from kisbt.kis.errors import Refused
from kisbt.kis.events import (
    Disconnected,
    Registered,
    RegistrationRefused,
    StreamEvent,
)
from kisbt.kis.gaps import Outage, TradeGap
from kisbt.kis.records import Notice, Trade
from kisbt.kis.registrations import Registration
from kisbt.kis.stream import KISStream
from tests.kis.conftest import config_for
from tests.kis.loopback import APPROVAL, HTS_ID, Loopback
from tests.kis.stream_server import StreamServer
from tests.kis.stream_texts import (
    NOTICE_FIELDS_23,
    ack,
    encrypt,
    key,
    trade,
)

TRADES = Registration("H0STCNT0", "000660")


Make = Callable[..., KISStream]


def of(heard: list[StreamEvent], kind: type) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


def test_dropped_line_is_reopened_and_everything_registered_again(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make()
    stream.watch("000660")
    stream.watch_orders()
    stream.start()
    venue.wait_for(lambda: len(of(heard, Registered)) == 2)
    venue.push(trade(10, 100, at="100000"))
    venue.wait_for(lambda: bool(of(heard, Trade)))
    venue.drop()
    venue.wait_for(lambda: len(of(heard, Registered)) == 4)
    venue.push(trade(5, 150, at="100009"))
    venue.wait_for(lambda: len(of(heard, Trade)) == 2)
    assert len(of(heard, Disconnected)) == 1
    (outage,) = of(heard, Outage)
    assert timedelta(0) <= outage.until - outage.since < timedelta(seconds=5)
    (gap,) = of(heard, TradeGap)
    assert (gap.ticker, gap.since, gap.until, gap.missing) == ("000660", "100000", "100009", 45)
    assert (stream.counts.connects, stream.counts.drops, stream.counts.gaps) == (2, 1, 1)


def test_key_of_the_last_connection_is_not_used_on_the_next(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    other = StreamKey("z" * 32, "y" * 16)
    text = "^".join(NOTICE_FIELDS_23)
    second = [
        f"1|H0STCNI9|001|{encrypt(text, other)}",
        ack("H0STCNI9", HTS_ID).replace(key().key, other.key).replace(key().iv, other.iv),
    ]
    venue.answer = lambda message: (
        venue.acknowledge(message) if len(venue.connections) == 1 else second
    )
    stream = make()
    stream.watch_orders()
    stream.start()
    venue.wait_for(lambda: bool(of(heard, Registered)))
    venue.drop()
    venue.wait_for(lambda: bool(of(heard, Notice)))
    assert stream.counts.garbage == 0


def test_unanswered_registration_is_sent_again(
    make: Make, venue: StreamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kisbt.kis.registrar.ANSWER_SECONDS", 0.1)
    venue.deaf = True
    stream = make()
    stream.watch("000660")
    stream.start()
    venue.wait_for(lambda: len(venue.messages) == 3)
    venue.wait_for(lambda: len(venue.connections) == 2)  # three tries, then a new connection


def test_lower_cap_of_the_server_is_respected(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    def answer(message: dict[str, Any]) -> list[str]:
        full = len(venue.registered) >= 5 and message["header"]["tr_type"] == "1"
        wanted = message["body"]["input"]
        if full:
            return [ack(wanted["tr_id"], wanted["tr_key"], "OPSP0008", "MAX SUBSCRIBE OVER")]
        return venue.acknowledge(message)

    venue.answer = answer
    stream = make(rotate_seconds=0.2)
    for number in range(8):
        stream.watch(f"{number:06d}")
    stream.start()
    wanted = {Registration("H0STCNT0", f"{number:06d}") for number in range(8)}
    venue.wait_for(lambda: wanted <= {e.registration for e in of(heard, Registered)}, 10.0)
    assert all(event.again for event in of(heard, RegistrationRefused))


def test_refused_registration_is_reported_and_not_tried_for_ever(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    def answer(message: dict[str, Any]) -> list[str]:
        wanted = message["body"]["input"]
        return [ack(wanted["tr_id"], wanted["tr_key"], "OPSP8992", "invalid tr_key")]

    venue.answer = answer
    stream = make()
    stream.watch("000660")
    stream.start()
    venue.wait_for(lambda: bool(of(heard, RegistrationRefused)))
    time.sleep(0.05)
    assert len(venue.messages) == 1
    (refused,) = of(heard, RegistrationRefused)
    assert (refused.registration, refused.again) == (TRADES, False)
    assert "OPSP8992" in refused.reason


def test_refused_approval_key_is_replaced(
    make: Make, venue: StreamServer, server: Loopback, heard: list[StreamEvent]
) -> None:
    from tests.kis.loopback import Say

    server.say("/oauth2/Approval", Say({"approval_key": "stale-stale-stale"}))
    stream = make()
    stream.watch("000660")
    stream.start()
    venue.wait_for(lambda: bool(of(heard, Registered)))
    assert [m["header"]["approval_key"] for m in venue.messages] == ["stale-stale-stale", APPROVAL]


def test_key_in_use_waits_before_the_next_try(
    make: Make,
    venue: StreamServer,
    heard: list[StreamEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kisbt.kis.registrar.IN_USE_WAIT", 0.4)
    said = [ack("(null)", "", "OPSP8996", "ALREADY IN USE appkey")]
    venue.answer = lambda message: said if len(venue.messages) == 1 else venue.acknowledge(message)
    stream = make()
    stream.watch("000660")
    started = time.monotonic()
    stream.start()
    venue.wait_for(lambda: bool(of(heard, Registered)))
    assert time.monotonic() - started >= 0.4
    assert "ALREADY IN USE" in of(heard, Disconnected)[0].reason


def test_line_that_drops_at_every_order_registration_names_the_login(
    make: Make, venue: StreamServer
) -> None:
    def answer(_: dict[str, Any]) -> list[str]:
        venue.drop()
        return []

    venue.answer = answer
    stream = make()
    stream.watch_orders()
    stream.start()
    venue.wait_for(lambda: stream.failure is not None)
    assert isinstance(stream.failure, Refused)
    assert "HTS login id" in str(stream.failure)
    assert HTS_ID not in str(stream.failure)


def test_silent_line_is_tested_and_a_dead_one_replaced(
    make: Make, venue: StreamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make(silence_seconds=0.2)
    stream.start()
    venue.wait_for(lambda: bool(venue.connections))
    time.sleep(0.5)
    assert len(venue.connections) == 1  # it answered the test
    monkeypatch.setattr("websockets.asyncio.connection.Connection.ping", lambda *_: _never())
    venue.wait_for(lambda: len(venue.connections) == 2)


async def _never() -> Any:
    import asyncio

    return asyncio.get_running_loop().create_future()


def test_server_that_is_away_is_tried_again_with_growing_waits(
    server: Loopback, settings: Any, heard: list[StreamEvent]
) -> None:
    config = config_for(server.url, "ws://127.0.0.1:9")
    with KISClient.connect(config, Paper(), settings) as client:
        stream = KISStream(client.session, heard.append, first_wait=0.01, longest_wait=0.05)
        with stream:
            assert not stream.wait_connected(0.3)
        assert stream.failure is None
        assert "refused" in stream.last_reason.lower() or "connect" in stream.last_reason.lower()
    assert heard == []


def test_wrong_key_ends_the_stream_with_a_refusal(
    make: Make, server: Loopback, venue: StreamServer
) -> None:
    from tests.kis.loopback import Say

    server.default(
        "/oauth2/Approval", lambda _: Say({"error_code": "EGW00103", "error_description": "x"}, 403)
    )
    stream = make()
    stream.start()
    venue.wait_for(lambda: isinstance(stream.failure, Refused))


def test_listener_that_raises_ends_the_stream_and_is_reported(
    make: Make, venue: StreamServer, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(_: StreamEvent) -> None:
        raise RuntimeError("my strategy has a bug")

    stream = make(on_event=explode)
    with caplog.at_level(logging.ERROR):
        stream.start()
        venue.wait_for(lambda: stream.failure is not None)
    assert "my strategy has a bug" in caplog.text
    assert not stream.connected
