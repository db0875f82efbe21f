import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kisbt.config import KISSettings
from kisbt.kis.client import KISClient
from kisbt.kis.config import KISConfig
from kisbt.kis.environment import Paper, Real
from tests.kis.loopback import ACCOUNT, APP_KEY, APP_SECRET, HTS_ID, Loopback

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


@pytest.fixture(autouse=True)
def _no_filters_left() -> Iterator[None]:
    yield
    logging.getLogger("urllib3.connectionpool").filters.clear()
