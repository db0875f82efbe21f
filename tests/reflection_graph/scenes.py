"""Markets with traps, projects that traded them, and doubles of the ports."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.learning import NOON, POLICY, TEXT
from kisbt.config import Settings, load_settings
from kisbt.data.dataset import Dataset
from kisbt.data.features.catalogue import FEATURES
from kisbt.data.features.compute import compute_features
from kisbt.data.store import save_dataset
from kisbt.data.synth.traps import TRAPS, TrapSpec, make_trap_market
from kisbt.domain.rules import Condition, Rule
from kisbt.errors import DeciderError
from kisbt.gate.gate import Gate
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import Scope
from kisbt.journal.record import iso
from kisbt.journal.reflections import Reflections
from kisbt.reflection_graph.conditions import LEARNABLE
from kisbt.reflection_graph.evidence import Evidence, entry_evidence
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.panel import Panel
from kisbt.reflection_graph.state import Candidate, Options, Ruling, Workbench
from kisbt.reflection_graph.steps import StepStore
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from kisbt.rulebook.version import PromptVersion
from kisbt.run.command import run_order
from kisbt.run.order import Order
from tests.gate.scenes import DEVELOPMENT, HOLDOUT, evidence, held_out
from tests.gate.scenes import terms as gate_terms

CHECKOUT = Path(__file__).resolve().parents[2]
CATALOGUE = {feature.name: feature for feature in FEATURES}


def panel_of(dataset: Dataset) -> Panel:
    """The panel that a journal of this whole market would give."""
    table = compute_features(dataset)
    features = np.stack([table.column(name) for name in LEARNABLE], axis=2)
    closes = np.full(table.current.shape, np.nan)
    for n, ticker in enumerate(table.tickers):
        closes[:, n] = dataset.bars[ticker].close
    at = [iso(time) for time in table.times.astype("datetime64[s]").tolist()]
    return Panel(
        "market", at, np.arange(len(at)), list(table.tickers), LEARNABLE, features, closes,
        np.ones_like(closes),
    )  # fmt: skip


def trap_evidence(kind: str, effect: float, seed: int, **more: Any) -> Evidence:
    """Every surge of a trap market, as the champion's entry lines pick them."""
    market = make_trap_market("trap", TrapSpec(kind, effect, seed=seed, **more))
    return entry_evidence([panel_of(market)], {}, POLICY, 10, 0.0025)


def features_of(when: Sequence[Condition] | Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """Features and directions."""
    parts = [c if isinstance(c, Condition) else Condition.model_validate(c) for c in when]
    return {(c.feature, c.op) for c in parts}


def planted(kind: str) -> set[tuple[str, str]]:
    return features_of(TRAPS[kind])


def make_project(folder: Path, spec: TrapSpec, *, rules: tuple[Rule, ...] = ()) -> Settings:
    """A project whose champion has traded a trap market once; the journal holds that run."""
    save_dataset(make_trap_market("trap", spec), folder / "datasets")
    shutil.copytree(CHECKOUT / "strategies", folder / "strategies")
    (folder / "kisbt.toml").write_text('[backtest]\ndata = "trap"\n', encoding="utf-8")
    store = PromptStore(folder / "prompts", catalogue=CATALOGUE, clock=lambda: NOON)
    store.add(Draft(author="human", summary="급등 매수", policy=POLICY, rules=rules, text=TEXT))
    settings = load_settings(folder / "kisbt.toml", {})
    run_order(Order(), settings, quiet=True)
    return settings


def store_of(settings: Settings) -> PromptStore:
    return PromptStore(settings.folder("prompts"), catalogue=CATALOGUE, clock=lambda: NOON)


class Remembered:
    """Rules that were rejected before."""

    def __init__(self, *rules: Rule) -> None:
        self._rules = list(rules)

    def rejected(self) -> list[Rule]:
        return self._rules


class Answers:
    """A model that gives one answer, and keeps what it was asked. ``None``: it does not answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def ask(self, system: str, user: str, schema: dict[str, Any]) -> str:
        self.asked.append((system, user))
        if self.answer is None:
            raise DeciderError("no answer")
        return self.answer if isinstance(self.answer, str) else orjson.dumps(self.answer).decode()


class Passes:
    """A gate that passes the candidates whose place is in ``passed``."""

    def __init__(self, *passed: int) -> None:
        self.passed = passed
        self.seen: list[PromptVersion] = []

    def run(
        self, reflection: str, champion: PromptVersion, candidates: Sequence[Candidate]
    ) -> list[Ruling]:
        self.seen = [candidate.version for candidate in candidates]
        windows = {"development": {"first": "2019-03-01", "last": "2021-01-29"}, "holdout": None}
        return [
            Ruling(c.version.number, "promote_to_shadow" if i in self.passed else "keep",
                   "better" if i in self.passed else "undecided", i in self.passed, 100,
                   {"windows": windows, "reasons": []})
            for i, c in enumerate(candidates)
        ]  # fmt: skip


def bench_of(
    settings: Settings, db: DatabaseManager, *, steps: Path | None = None, **more: Any
) -> Workbench:
    """A workbench over all runs of a project's journal."""
    store = store_of(settings)
    champion = store.current()
    bench = Workbench(
        "RF-0000000000", db, Material(db, Scope(), champion.policy), champion, store,
        StepStore(steps), Options(), Remembered(),
    )  # fmt: skip
    return replace(bench, **more)


class At:
    """What a node is given beside the state."""

    def __init__(self, context: Workbench) -> None:
        self.context = context


def kept(db: DatabaseManager) -> Reflections:
    return Reflections(db, clock=lambda: NOON)


def let_through(
    settings: Settings, db: DatabaseManager, store: PromptStore, version: PromptVersion
) -> str:
    """The gate lets ``version`` replace the one in force; the campaign's id."""
    parent = store.current()
    gate = Gate(db, settings.gate, clock=lambda: NOON)
    campaign = gate.register_campaign(gate_terms(champion=parent.hash)).id
    gate.register(campaign, version.hash)
    gate.test(campaign, evidence((version.hash,), (6.0,)))
    found = gate.look(campaign, version.hash, lambda: held_out(5.0))
    assert found.verdict == "promote_to_shadow"
    windows = {"development": DEVELOPMENT.model_dump(mode="json"),
               "holdout": HOLDOUT.model_dump(mode="json")}  # fmt: skip
    number = version.number
    ruling = {"version": number, "passed": True,
              "detail": {"campaign": campaign, "windows": windows}}  # fmt: skip
    told = {"version": number, "hash": version.hash, "ruling": ruling, "proposal": {"rule": None}}
    kept(db).save(
        "RF-1", source_runs=[], parent_hash=parent.hash, candidate_hash=version.hash, insights=[],
        report={"champion": parent.number, "promoted": number, "candidates": [told]},
    )  # fmt: skip
    store.rollback(number, reason="심사 통과")
    return campaign
