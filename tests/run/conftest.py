"""A project folder of its own for each test, and the command line in this process."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kisbt.cli import main

CHECKOUT = Path(__file__).resolve().parents[2]


class Said(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the shipped sample, prompts and strategies."""
    (tmp_path / "datasets").mkdir()
    shutil.copytree(CHECKOUT / "datasets" / "sample", tmp_path / "datasets" / "sample")
    shutil.copytree(CHECKOUT / "prompts", tmp_path / "prompts")
    shutil.copytree(CHECKOUT / "strategies", tmp_path / "strategies")
    (tmp_path / "kisbt.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KISBT_JOURNAL", raising=False)
    return tmp_path


@pytest.fixture
def kisbt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run ``kisbt ARGS`` as a user would and return what it left."""

    def run(*args: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["kisbt", *args])
        capsys.readouterr()
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        else:
            code = 0
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
