"""Somebody else's clients, as published, in virtual environments of their own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kisbt.krx import calendar
from kisbt.sim.flavour import Flavour
from kisbt.sim.runner import RunningSimulator
from tests.sim.venue import daily_dataset, served

DRIVERS = Path(__file__).parent / "drivers"
ROOT = Path(__file__).parents[2]
START = datetime(2025, 5, 7)
"""A day with some 165 sessions before it, so that 100 bars take two pages."""

Drive = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def environment() -> Callable[..., Path]:
    """Makes (once) an environment with the named requirements, and returns its interpreter."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = {
        line.split("=")[0].split(">")[0]: line for line in group["dependency-groups"]["contract"]
    }

    def make(*names: str) -> Path:
        wanted = [pins[name] for name in names]
        tag = hashlib.sha256(f"{sys.version}{wanted}".encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"kisbt-contract-{names[0]}-{tag}"
        python = folder / "bin" / "python"
        if not (folder / "ready").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            for command in (
                ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)],
                ["uv", "pip", "install", "--quiet", "--python", str(python), *wanted],
            ):
                try:
                    subprocess.run(command, check=True, capture_output=True, timeout=240)
                except (OSError, subprocess.SubprocessError) as error:
                    pytest.skip(f"no environment with {', '.join(wanted)}: {error}")
            (folder / "ready").touch()
        return python

    return make


@pytest.fixture
def legacy_venue() -> Iterator[RunningSimulator]:
    """Both sides, as clients of before September 2026 know them."""
    options = {"layout": "legacy", "notice_fields": 23, "per_second": None}
    with served(daily_dataset(), start=START, stamp="wall", **options) as venue:
        yield at_ten(venue)


@pytest.fixture
def current_venue() -> Iterator[RunningSimulator]:
    """Both sides, as they are now."""
    with served(daily_dataset(), start=START, stamp="wall") as venue:
        yield at_ten(venue)


def at_ten(venue: RunningSimulator) -> RunningSimulator:
    """Trading has run for an hour."""
    venue.advance("open")
    venue.control("POST", "advance", b'{"seconds":3700}')
    return venue


@pytest.fixture
def drive(environment: Callable[..., Path], tmp_path: Path) -> Drive:
    """Runs a driver in its client's environment and returns what it observed."""

    def run(driver: str, venue: RunningSimulator, *requirements: str) -> dict[str, Any]:
        python = environment(*requirements)
        today = calendar.now().date()
        paper, real = venue.rest_url(Flavour.PAPER), venue.rest_url(Flavour.REAL)
        setup = {
            "hosts": {
                "https://openapivts.koreainvestment.com:29443": paper,
                "https://openapi.koreainvestment.com:9443": real,
                "ws://ops.koreainvestment.com:31000": venue.stream_url(Flavour.PAPER),
                "ws://ops.koreainvestment.com:21000": venue.stream_url(Flavour.REAL),
                "https://new.real.download.dws.co.kr": paper,
            },
            "keys": {flavour.value: _key(venue, flavour) for flavour in Flavour},
            "control": paper,
            "today": f"{venue.sim.floor.day:%Y%m%d}",
            "stamp_date": today.isoformat(),
            "stamp_date_text": f"{today:%Y%m%d}",
            "scratch": str(tmp_path),
            "lower_limit": venue.call(lambda sim: sim.floor.name("005930").band.lower),
        }
        command = [str(python), str(DRIVERS / f"{driver}.py"), json.dumps(setup)]
        home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TZ": "Asia/Seoul"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=150, cwd=tmp_path, env=home
        )
        lines = [each for each in done.stdout.splitlines() if each.startswith("RESULT ")]
        assert done.returncode == 0, done.stderr[-4000:]
        assert lines, done.stdout[-2000:]
        observed: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
        return observed

    return run


def _key(venue: RunningSimulator, flavour: Flavour) -> dict[str, str]:
    pair = venue.sim.doors[flavour].credentials[0]
    return {
        "appkey": pair.appkey,
        "appsecret": pair.appsecret,
        "account": f"{pair.holder.number}-{pair.holder.product}",
        "hts_id": pair.holder.hts_id,
    }


@pytest.fixture
def books() -> Callable[[RunningSimulator, Flavour], dict[str, Any]]:
    """The venue's own books of a side's account, to compare with."""

    def read(venue: RunningSimulator, flavour: Flavour) -> dict[str, Any]:
        state = venue.control("GET", "state")
        assert all(not door["crashes"] for door in state["doors"].values())
        holder = venue.sim.doors[flavour].credentials[0].holder
        account: dict[str, Any] = state["accounts"][holder.number + holder.product]
        return account

    return read
