"""Every command that the READMEs show is run, and both READMEs say the same."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from kisbt.config import parse_settings
from tests.run.conftest import CHECKOUT, Said
from tests.run.conftest import kisbt as kisbt  # fixtures
from tests.run.conftest import project as project

READMES = ("README.md", "README.ko.md")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(readme: str, kind: str) -> list[str]:
    text = (CHECKOUT / readme).read_text(encoding="utf-8")
    return [body for language, body in FENCE.findall(text) if language == kind]


def commands(readme: str) -> list[str]:
    return [line for block in blocks(readme, "sh") for line in block.splitlines() if line]


@pytest.mark.parametrize("kind", ["sh", "python", "toml"])
def test_both_readmes_show_the_same(kind: str) -> None:
    assert blocks("README.md", kind) == blocks("README.ko.md", kind) != []


def test_first_screen_has_the_two_commands() -> None:
    for readme in READMES:
        first = (CHECKOUT / readme).read_text(encoding="utf-8").splitlines()[:24]
        assert "pip install uv && uv run kisbt backtest" in first
        assert "uv run pytest" in first


def test_pictures_and_files_that_the_readmes_name_exist() -> None:
    for readme in READMES:
        text = (CHECKOUT / readme).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            if not link.startswith("http"):
                assert (CHECKOUT / link).exists(), link


def test_settings_shown_are_valid() -> None:
    for body in blocks("README.md", "toml"):
        parse_settings(tomllib.loads(body), CHECKOUT, "README.md")


@pytest.mark.slow
def test_every_command_shown_runs(project: Path, kisbt: Callable[..., Said]) -> None:
    (source,) = blocks("README.md", "python")
    assert len(source.strip().splitlines()) <= 11
    (project / "my_strategy.py").write_text(source, encoding="utf-8")
    export_prices(project / "prices")
    ran = []
    for line in commands("README.md"):
        if line == "uv run pytest":
            continue  # this very run
        words = shlex.split(line.rpartition("&& ")[2])
        if words[0] == "cp":
            shutil.copy(project / words[1], project / words[2])
            continue
        assert words[:3] == ["uv", "run", "kisbt"], line
        said = kisbt(*words[3:])
        assert said.code == 0, f"{line}\n{said.out}{said.err}"
        ran.append(line)
    assert len(ran) >= 18


def export_prices(folder: Path) -> None:
    """The sample's names as pykrx would save them, for the import that the README shows."""
    from kisbt.data.store import load_dataset

    folder.mkdir()
    dataset = load_dataset("sample", CHECKOUT / "datasets")
    for ticker in dataset.tickers[:3]:
        table = dataset.bars[ticker]
        rows = ["날짜,시가,고가,저가,종가,거래량"]
        rows += [
            f"{str(at)[:10]},{o},{h},{lo},{c},{v}"
            for at, o, h, lo, c, v in zip(
                table.times, table.open, table.high, table.low, table.close, table.volume,
                strict=True,
            )
        ]  # fmt: skip
        (folder / f"{ticker}.csv").write_text("\n".join(rows), encoding="utf-8")
