import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kisbt.config import KISSettings
from kisbt.kis.client import KISClient
from kisbt.kis.config import KISConfig
from kisbt.kis.environment import Paper, Real
from kisbt.kis.events import StreamEvent
from kisbt.kis.stream import KISStream
from tests.kis.loopback import ACCOUNT, APP_KEY, APP_SECRET, HTS_ID, Loopback
from tests.kis.stream_server import StreamServer

NOW = datetime(2026, 9, 21, 10, 15)


@pytest.fixture
def server() -> Iterator[Loopback]:
    loopback = Loopback()
    yield loopback
    loopback.close()


@pytest.fixture
def settings(tmp_path: Path) -> KISSettings:
    return KISSettings(
        cache=str(tmp_path / "cache"),
        real_per_second=1000,
        paper_per_second=1000,
        connect_seconds=1.0,
        answer_seconds=0.5,
    )


def config_for(url: str, stream_url: str = "ws://127.0.0.1:9") -> KISConfig:
    return KISConfig(
        {
            "paper_app": APP_KEY,
            "paper_sec": APP_SECRET,
            "my_app": f"R{APP_KEY}",
            "my_sec": f"R{APP_SECRET}",
            "my_paper_stock": ACCOUNT,
            "my_acct_stock": ACCOUNT,
            "my_htsid": HTS_ID,
            "vps": url,
            "prod": url,
            "ops": stream_url,
            "vops": stream_url,
        },
        "kis_devlp.yaml",
    )


@pytest.fixture
def slept() -> list[float]:
    """What the clients below waited between tries; it passes at once."""
    return []


@pytest.fixture
def paper(
    server: Loopback, settings: KISSettings, slept: list[float]
) -> Iterator[KISClient[Paper]]:
    client = KISClient.connect(
        config_for(server.url), Paper(), settings, now=lambda: NOW, sleep=slept.append
    )
    with client:
        yield client


@pytest.fixture
def real(server: Loopback, settings: KISSettings, slept: list[float]) -> Iterator[KISClient[Real]]:
    client = KISClient.connect(
        config_for(server.url),
        Real(),
        settings,
        real_money=True,
        now=lambda: NOW,
        sleep=slept.append,
    )
    with client:
        yield client


@pytest.fixture
def venue() -> Iterator[StreamServer]:
    server = StreamServer()
    yield server
    server.close()


@pytest.fixture
def heard() -> list[StreamEvent]:
    return []


@pytest.fixture
def make(
    venue: StreamServer, server: Loopback, settings: Any, heard: list[StreamEvent]
) -> Iterator[Callable[..., KISStream]]:
    made: list[KISStream] = []
    client = KISClient.connect(config_for(server.url, venue.url), Paper(), settings)

    def build(**options: Any) -> KISStream:
        options = {"pace": 0.0, "first_wait": 0.02, **options}
        stream = KISStream(client.session, options.pop("on_event", heard.append), **options)
        made.append(stream)
        return stream

    yield build
    for stream in made:
        stream.stop()
    client.close()


@pytest.fixture(autouse=True)
def _no_filters_left() -> Iterator[None]:
    yield
    logging.getLogger("urllib3.connectionpool").filters.clear()
