"""Candidates where a model decides: recorded replies, followed under changed rules."""

from pathlib import Path

import numpy as np
import pytest

from kisbt.config import Settings, load_settings
from kisbt.data.synth.traps import TrapSpec
from kisbt.domain.rules import Condition, Effect, EffectKind, Rule
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import Scope
from kisbt.llm.shared import close_shared
from kisbt.rulebook.draft import Draft
from kisbt.run.command import run_order
from kisbt.run.order import Order, with_llm
from kisbt.run.paired import day_returns, session_returns
from kisbt.run.reflect import RECORDED, _prepared
from tests.llm.scripted_server import ScriptedServer, said
from tests.parity.test_parity import restless
from tests.reflection_graph.scenes import make_project, store_of

MARKET = TrapSpec("chased_surge", 0.05, names=6, sessions=120, seed=2)
NOTHING = Rule(
    id="R0001", category="entry", when=(Condition(feature="rsi14", op=">=", value=0),),
    then=Effect(kind=EffectKind.BLOCK_BUY), priority=5, because="시험",
)  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path) -> Settings:
    """A project whose version 1 has traded twenty days on a model's replies."""
    settings = make_project(tmp_path, MARKET)
    (tmp_path / "kisbt.toml").write_text(
        '[backtest]\ndata = "trap"\n[llm]\nmodel = "m"\n', encoding="utf-8"
    )
    settings = load_settings(tmp_path / "kisbt.toml", {})
    champion = store_of(settings).current()
    store_of(settings).add(Draft.of_rules(champion, (), summary="같음", evidence=()))
    store_of(settings).add(Draft.of_rules(champion, (NOTHING,), summary="금지", evidence=()))
    order = Order(first="2019-06-03", llm="openai", model="m")
    with ScriptedServer([said(restless)]) as server:
        order = order._replace(base_url=server.base_url)
        run_order(order, with_llm(order, settings), quiet=True)
    close_shared()
    return settings


def test_all_versions_follow_the_recorded_plans_and_nobody_is_asked(asked: Settings) -> None:
    store = store_of(asked)
    with DatabaseManager(asked.journal_url()) as db:
        run = next(run for run in db.runs() if run.spec["llm"])
        ready, why = _prepared(db, Scope(runs=(run.run_id,)), store.current(), asked)
    assert ready is not None
    assert why == RECORDED["ko"]
    specs = [ready.spec.model_copy(update={"prompt": number}) for number in (1, 2, 3)]
    own, same, nothing = day_returns(specs, asked)
    assert [one.failed for one in (own, same, nothing)] == ["", "", ""]
    assert own.turnover > 0
    assert np.array_equal(own.returns, same.returns)
    assert np.array_equal(own.days, same.days)
    assert not nothing.returns.any()
    assert run.metrics is not None
    total = float(np.prod(1 + own.returns) - 1)
    assert total == pytest.approx(run.metrics["total_return"], abs=1e-9)


def test_reply_that_was_never_recorded_fails_all_with_its_reason(asked: Settings) -> None:
    store = store_of(asked)
    with DatabaseManager(asked.journal_url()) as db:
        ready, _ = _prepared(db, Scope(), store.current(), asked)
    assert ready is not None
    assert ready.spec.llm is not None
    other = ready.spec.llm.model_copy(update={"seed": 99})
    spec = ready.spec.model_copy(update={"llm": other})
    found = day_returns([spec, spec.model_copy(update={"prompt": 3})], asked)
    assert len(found) == 2
    assert all("repl" in one.failed for one in found)
    assert all(len(one.days) == 0 for one in found)


def test_returns_of_sessions_start_from_the_cash() -> None:
    days, returns = session_returns([], 100)
    assert days == ()
    assert len(returns) == 0
