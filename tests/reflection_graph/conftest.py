"""One project that fell into a trap, made once; every test gets a copy of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kisbt.config import Settings, load_settings
from kisbt.data.synth.traps import TrapSpec
from kisbt.journal.database import DatabaseManager
from tests.reflection_graph.scenes import make_project

SPEC = TrapSpec("chased_surge", 0.06, names=30, sessions=620, seed=3)


@pytest.fixture(scope="session")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trapped")
    make_project(folder, SPEC)
    return folder


@pytest.fixture
def settings(trapped: Path, tmp_path: Path) -> Settings:
    shutil.copytree(trapped, tmp_path, dirs_exist_ok=True)
    return load_settings(tmp_path / "kisbt.toml", {})


@pytest.fixture
def db(settings: Settings) -> Iterator[DatabaseManager]:
    with DatabaseManager(settings.journal_url()) as opened:
        yield opened
