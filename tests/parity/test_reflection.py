"""What a live session teaches is what the backtest of the same tape teaches."""

import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kisbt.config import Settings, load_settings
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.store import save_dataset
from kisbt.data.synth.traps import TrapSpec, make_trap_market
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.run.order import Order, specs_of
from kisbt.run.parity import run_parity
from kisbt.run.reflect import Reflected, ReflectOrder, run_reflection
from tests.reflection_graph.scenes import CHECKOUT, POLICY, TEXT

SPEC = TrapSpec("chased_surge", 0.15, names=20, sessions=200, seed=2, surges=0.06)
DAYS = 110


@pytest.fixture
def trap(tmp_path: Path) -> Settings:
    save_dataset(make_trap_market("trap", SPEC), tmp_path / "datasets")
    shutil.copytree(CHECKOUT / "strategies", tmp_path / "strategies")
    (tmp_path / "kisbt.toml").write_text('[backtest]\ndata = "trap"\n', encoding="utf-8")
    store = PromptStore(
        tmp_path / "prompts", catalogue={f.name: f for f in FEATURES},
        clock=lambda: datetime(2026, 11, 24, 12),
    )  # fmt: skip
    store.add(Draft(author="human", summary="급등 매수", policy=POLICY, text=TEXT))
    return load_settings(tmp_path / "kisbt.toml", {})


def learnt(done: Reflected, run: str) -> dict[str, Any]:
    """Everything that was learnt, with the run's own name taken out."""
    state = done.state
    told = {
        "insights": state["analysis"]["insights"],
        "counterfactuals": state["analysis"]["counterfactuals"],
        "judged": state["analysis"]["judged"],
        "held": state["analysis"]["held"],
        "overall": state["performance"]["overall"],
        "proposals": state["proposals"],
        "accepted": state["accepted"],
        "refused": state["refused"],
    }
    found: dict[str, Any] = json.loads(re.sub(re.escape(run), "RUN", json.dumps(told)))
    return found


def test_live_journal_and_backtest_of_one_tape_give_the_same_rules(trap: Settings) -> None:
    (spec,) = specs_of(Order(), trap)
    found = run_parity(spec, trap, days=DAYS)
    assert found.difference is None, str(found.difference)
    mine, live = (
        learnt(run_reflection(ReflectOrder(runs=(run,), dry_run=True), trap), run)
        for run in (found.backtest, found.live)
    )
    assert mine == live
    assert mine["accepted"]
    assert mine["overall"]["trips"] > 20
    assert mine["insights"]
