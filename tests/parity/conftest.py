"""A project folder with the shipped data, prompts and strategies, and parity runs in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kisbt.config import load_settings
from kisbt.llm.shared import close_shared
from kisbt.run.order import Order, specs_of, with_llm
from kisbt.run.parity import Parity, run_parity

CHECKOUT = Path(__file__).resolve().parents[2]

Compare = Callable[..., Parity]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("datasets", "prompts", "strategies", "examples"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)
    (tmp_path / "kisbt.toml").write_text('[llm]\nmodel = "m"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KISBT_JOURNAL", raising=False)
    yield tmp_path
    close_shared()


@pytest.fixture
def compare(project: Path) -> Compare:
    """Run ``kisbt parity`` with these options of ``Order``."""

    def run(days: int, **options: Any) -> Parity:
        order = Order(**options)
        settings = with_llm(order, load_settings())
        (spec,) = specs_of(order, settings)
        return run_parity(spec, settings, days=days)

    return run


def equal(found: Parity, *, at_least: dict[str, int]) -> None:
    """Everything is equal, and something happened."""
    assert found.difference is None, str(found.difference)
    counts = {each.stream: each for each in found.streams}
    for each in found.streams:
        assert each.backtest == each.live == each.equal
    for stream, count in at_least.items():
        assert counts[stream].equal >= count, stream
