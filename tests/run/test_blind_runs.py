"""Whole backtests with a model: what leaves the process, blind and with names shown."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kisbt.data.store import load_dataset
from kisbt.llm.shared import close_shared
from tests.llm.scripted_server import BAD_JSON, GOOD, ScriptedServer
from tests.run.conftest import Said

DAYS = ("--prompt", "1", "--from", "2024-11-18", "--to", "2024-12-06")


@pytest.fixture(autouse=True)
def own_connections() -> Iterator[None]:
    yield
    close_shared()


def run(kisbt: Callable[..., Said], *more: str) -> tuple[str, Said]:
    """All that the server was sent, and what the command said."""
    with ScriptedServer([GOOD, GOOD, BAD_JSON]) as server:
        said = kisbt(
            "backtest", "--llm", "openai", "--model", "m", "--base-url", server.base_url,
            *DAYS, *more, "--json",
        )  # fmt: skip
        assert said.code == 0, said.err
        assert server.calls > 14
    return json.dumps(server.bodies, ensure_ascii=False), said


def test_a_blind_run_sends_no_name_ticker_day_or_price_and_still_trades(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    sent, said = run(kisbt)
    dataset = load_dataset("sample", project / "datasets")
    for instrument in dataset.instruments.values():
        assert instrument.ticker not in sent
        assert instrument.name not in sent
    assert not re.search(r"20(2[2-9])[-./년]", sent)
    assert not re.search(r"(월|화|수|목|금)요일", sent)
    levels: dict[str, set[str]] = {}
    for code, close in re.findall(r'(종목[A-Z]+)\\",\\"close\\":(\d+)', sent):
        levels.setdefault(code, set()).add(close)
    assert len(levels) > 15
    assert all(len(level) == 1 for level in levels.values())  # no path to follow
    orders = Path(json.loads(said.out)["runs"][0]["card"]).parent / "trades.csv"
    assert any(ticker in orders.read_text(encoding="utf-8") for ticker in dataset.tickers)


def test_a_run_that_shows_names_sends_them_and_says_so_loudly(
    project: Path, kisbt: Callable[..., Said]
) -> None:
    sent, said = run(kisbt, "--no-blind")
    assert "가상전자" in sent
    assert "2024-11-18" in sent
    folder = Path(json.loads(said.out)["runs"][0]["card"]).parent
    pages = [page.read_text(encoding="utf-8") for page in folder.glob("*.html")]
    assert any("블라인드 꺼짐" in page for page in pages)
