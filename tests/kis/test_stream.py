import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from kisbt.errors import ConfigError
from kisbt.kis.client import KISClient
from kisbt.kis.environment import Paper, Real
from kisbt.kis.errors import NotOnPaper
from kisbt.kis.events import (
    Connected,
    Disconnected,
    Registered,
    RegistrationRefused,
    StreamEvent,
    Unregistered,
)
from kisbt.kis.gaps import TradeGap, VIChange
from kisbt.kis.records import Book, Notice, Trade, VenueStatus
from kisbt.kis.registrations import Registration
from kisbt.kis.stream import KISStream
from tests.kis.conftest import config_for
from tests.kis.loopback import APPROVAL, HTS_ID, Loopback
from tests.kis.stream_server import StreamServer
from tests.kis.stream_texts import (
    BOOK,
    NOTICE_FIELDS_23,
    TRADE,
    VENUE,
    ack,
    encrypted,
    trade,
)

PING = '{"header":{"tr_id":"PINGPONG","datetime":"20260921101500"}}'
TRADES = Registration("H0STCNT0", "000660")


Make = Callable[..., KISStream]


def of(heard: list[StreamEvent], kind: type) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


def test_registrations_are_acknowledged_and_data_arrives_typed(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make()
    stream.watch("000660")
    stream.watch("000660", book=True)
    stream.watch_orders()
    stream.start()
    venue.wait_for(lambda: len(of(heard, Registered)) == 3)
    notice = encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23))
    venue.push(TRADE, BOOK, notice)
    venue.wait_for(lambda: len(of(heard, Notice)) == 1)
    assert [type(event) for event in heard[-3:]] == [Trade, Book, Notice]
    first = venue.messages[0]
    assert first["header"] == {
        "approval_key": APPROVAL,
        "custtype": "P",
        "tr_type": "1",
        "content-type": "utf-8",
    }
    keys = {(m["body"]["input"]["tr_id"], m["body"]["input"]["tr_key"]) for m in venue.messages}
    assert keys == {("H0STCNI9", HTS_ID), ("H0STCNT0", "000660"), ("H0STASP0", "000660")}
    assert of(heard, Registered)[0].registration == Registration("H0STCNI9", "")


def test_ping_is_echoed_as_it_came(make: Make, venue: StreamServer) -> None:
    make().start()
    venue.wait_for(lambda: bool(venue.connections))
    venue.push(PING)
    venue.wait_for(lambda: PING in venue.texts)


def test_garbage_is_counted_and_dropped(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make()
    stream.start()
    venue.wait_for(lambda: bool(venue.connections))
    venue.push("", "0|x", "1|H0STCNT0|001|zz", "{", "null", "7", "0|H0STCNT0|001|a^b", TRADE)
    venue.wait_for(lambda: bool(of(heard, Trade)))
    assert stream.counts.garbage == 7
    assert stream.connected


def test_several_records_a_frame_come_one_by_one(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    make().start()
    venue.wait_for(lambda: bool(venue.connections))
    payload = "^".join(trade(1, 100 + n).split("|")[3] + "^2" for n in range(4))
    venue.push(f"0|H0STCNT0|004|{payload}")
    venue.wait_for(lambda: len(of(heard, Trade)) == 4)
    assert [event.day_volume for event in of(heard, Trade)] == [100, 101, 102, 103]


def test_wishes_change_while_the_stream_is_up(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make()
    stream.start()
    assert stream.wait_connected(5)
    stream.watch("000660")
    venue.wait_for(lambda: len(of(heard, Registered)) == 1)
    stream.unwatch("000660")
    stream.unwatch("never-watched")
    venue.wait_for(lambda: of(heard, Unregistered) == [Unregistered(TRADES)])
    assert venue.registered == []


def test_repeated_trade_is_dropped_and_a_late_one_passed_on(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make()
    stream.start()
    venue.wait_for(lambda: bool(venue.connections))
    venue.push(trade(1, 100), trade(1, 100), trade(1, 102), trade(1, 101))
    venue.wait_for(lambda: len(of(heard, Trade)) == 3)
    assert stream.counts.duplicates == 1
    assert [event.day_volume for event in of(heard, Trade)] == [100, 102, 101]
    assert len(of(heard, TradeGap)) == 1


def test_notice_that_overtakes_its_acknowledgement_is_not_lost(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    notice = encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23))
    venue.answer = lambda _: [notice, ack("H0STCNI9", HTS_ID)]
    stream = make()
    stream.watch_orders()
    stream.start()
    venue.wait_for(lambda: len(of(heard, Notice)) == 1)
    assert stream.counts.garbage == 0


def test_more_wishes_than_places_take_turns(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make(rotate_seconds=0.1)
    names = [f"{number:06d}" for number in range(60)]
    stream.watch_orders()
    stream.watch("999999", pinned=True)
    for name in names:
        stream.watch(name)
    stream.start()
    everyone = {Registration("H0STCNT0", name) for name in names}
    venue.wait_for(
        lambda: everyone <= {event.registration for event in of(heard, Registered)}, 10.0
    )
    assert venue.most_registered == 41
    assert not of(heard, RegistrationRefused)
    assert Registration("H0STCNT0", "999999") not in {
        event.registration for event in of(heard, Unregistered)
    }


def test_interruption_shows_in_the_order_book_on_paper(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    make().start()
    venue.wait_for(lambda: bool(venue.connections))
    calm = BOOK
    vi = BOOK.replace("^101531^0^", "^101532^C^")
    auction = BOOK.replace("^101531^0^", "^152501^C^")
    venue.push(calm, vi, vi, calm, auction)
    venue.wait_for(lambda: len(of(heard, Book)) == 5)
    assert of(heard, VIChange) == [
        VIChange("000660", True, "101532"),
        VIChange("000660", False, "101531"),
    ]


def test_paper_has_no_venue_stream(make: Make) -> None:
    with pytest.raises(NotOnPaper):
        make().watch("000660", tr_id="H0STMKO0")


def test_order_stream_needs_the_login(server: Loopback, settings: Any) -> None:
    values = {**config_for(server.url)._values, "my_htsid": ""}
    config = type(config_for(""))(values, "kis_devlp.yaml")
    with (
        KISClient.connect(config, Paper(), settings) as client,
        pytest.raises(ConfigError, match="my_htsid"),
    ):
        KISStream(client.session, print).watch_orders()


def test_stream_starts_once_and_stops_quietly(
    make: Make, venue: StreamServer, heard: list[StreamEvent]
) -> None:
    stream = make()
    stream.start()
    venue.wait_for(lambda: bool(of(heard, Connected)))
    with pytest.raises(RuntimeError):
        stream.start()
    stream.stop()
    assert not of(heard, Disconnected)
    assert stream.failure is None


def test_wire_is_not_logged_even_at_debug(
    make: Make, venue: StreamServer, heard: list[StreamEvent], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        stream = make()
        stream.watch_orders()
        stream.start()
        venue.wait_for(lambda: bool(of(heard, Registered)))
        stream.stop()
    assert APPROVAL not in caplog.text
    assert HTS_ID not in caplog.text
    assert json.dumps(APPROVAL) in json.dumps(venue.messages)


def test_venue_stream_tells_interruptions_on_the_real_side(
    server: Loopback, venue: StreamServer, settings: Any, heard: list[StreamEvent]
) -> None:
    config = config_for(server.url, venue.url)
    with (
        KISClient.connect(config, Real(), settings) as client,
        KISStream(client.session, heard.append, pace=0.0) as stream,
    ):
        stream.watch("396300", tr_id="H0STMKO0")
        stream.watch_orders()
        venue.wait_for(lambda: len(of(heard, Registered)) == 2)
        venue.push(VENUE, VENUE.replace("55^N^N", "55^1^N"), VENUE)
        venue.wait_for(lambda: len(of(heard, VenueStatus)) == 3)
    assert of(heard, VIChange) == [VIChange("396300", True, ""), VIChange("396300", False, "")]
    assert ("H0STCNI0", HTS_ID) in {
        (m["body"]["input"]["tr_id"], m["body"]["input"]["tr_key"]) for m in venue.messages
    }
