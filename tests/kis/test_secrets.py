"""A whole session full of trouble, at the loudest log level: no secret may be seen anywhere."""

import io
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from kisbt.errors import TradingSystemError
from kisbt.kis.client import KISClient
from kisbt.kis.environment import Paper
from kisbt.kis.events import Registered, StreamEvent
from kisbt.kis.stream import KISStream
from tests.kis.conftest import config_for
from tests.kis.loopback import (
    ACCOUNT,
    APP_KEY,
    APP_SECRET,
    APPROVAL,
    HTS_ID,
    OK,
    TOKEN,
    Loopback,
    Say,
    gateway,
)
from tests.kis.stream_server import StreamServer
from tests.kis.stream_texts import NOTICE_FIELDS_23, encrypted, key

SECRETS = (APP_KEY, APP_SECRET, ACCOUNT, HTS_ID, TOKEN, APPROVAL, key().key, "김한투")

ECHO = f"계좌 {ACCOUNT}-01 appkey {APP_KEY} token Bearer {TOKEN}1 를 확인하세요"
"""A server that quotes our own secrets back at us."""

FAULTS = [
    Say(hang_up=True),
    Say(status=500, raw=ECHO.encode()),
    Say(raw=ECHO.encode()),
    Say(wait=0.25),
    gateway("EGW00001", ECHO),
    gateway("EGW00123", ECHO),
    gateway("IGW00002", ECHO, 200),
    gateway("APBK0952", ECHO, 200),
    Say({**OK, "output": {"ODNO": "", "CANO": ACCOUNT}, "output1": [{"pdno": ACCOUNT}]}),
]


@pytest.fixture
def log() -> Any:
    """Everything that any logger says, formatted with tracebacks."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def trouble(client: KISClient[Paper], server: Loopback) -> list[str]:
    """Make every call meet every fault and return what its errors look like."""
    seen: list[str] = []
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("inquire-balance", client.inquire_balance),
        ("inquire-psbl-order", lambda: client.inquire_psbl_order("005930", 100)),
        ("inquire-daily-ccld", client.inquire_daily_ccld),
        ("order-cash", lambda: client.buy("005930", 1, 100)),
        ("order-rvsecncl", lambda: client.cancel("1")),
    ]
    for path, call in calls:
        for fault in FAULTS:
            server.default(path, lambda _, fault=fault: fault)  # type: ignore[misc]
            try:
                seen.append(repr(call()))
            except TradingSystemError as error:
                seen += [str(error), repr(error), repr(error.__dict__)]
                seen += traceback.format_exception(error)
                for hidden in (error.__cause__, error.__context__):
                    seen.append(str(hidden))
    return seen


def test_no_secret_in_logs_errors_tracebacks_or_prints(
    server: Loopback, settings: Any, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kisbt.kis.auth.MINUTE", 0.0)  # or a refused token would end the session
    venue = StreamServer()
    heard: list[StreamEvent] = []
    quick = settings.model_copy(update={"answer_seconds": 0.15})
    config = config_for(server.url, venue.url)
    try:
        with KISClient.connect(config, Paper(), quick, sleep=lambda _: None) as client:
            seen = trouble(client, server)
            with KISStream(client.session, heard.append, pace=0.0, first_wait=0.02) as stream:
                stream.watch_orders()
                venue.wait_for(lambda: any(isinstance(event, Registered) for event in heard))
                venue.push(encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23)), "garbage", "0|x|y")
                venue.push(encrypted("H0STCNI9", "^".join(NOTICE_FIELDS_23[:9])))
                venue.wait_for(lambda: stream.counts.garbage == 3)
                venue.drop()
                venue.wait_for(lambda: stream.counts.connects == 2)
                seen += [repr(stream), stream.last_reason, repr(client.session.auth.token())]
    finally:
        venue.close()
    seen += [repr(event) for event in heard] + [repr(config), repr(client), log.getvalue()]
    everything = "\n".join(seen)
    assert len(everything) > 10_000
    assert "urllib3.connectionpool" in everything
    for secret in SECRETS:
        assert secret not in everything
