from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kisbt.config import Settings
from kisbt.domain.rules import Rule
from kisbt.journal.database import DatabaseManager
from kisbt.journal.learning import Scope
from kisbt.reflection_graph.graph import NODES, reflect
from kisbt.reflection_graph.insights import counterfactuals
from kisbt.reflection_graph.material import Material
from kisbt.reflection_graph.state import PeriodFigures, ReflectionState
from kisbt.reflection_graph.steps import StepStore
from kisbt.rulebook.draft import Draft
from tests.reflection_graph.scenes import (
    POLICY,
    TEXT,
    At,
    Passes,
    bench_of,
    features_of,
    kept,
    planted,
    store_of,
)


def test_the_journal_gives_back_the_market_that_was_traded(
    settings: Settings, db: DatabaseManager
) -> None:
    from kisbt.data.store import load_dataset
    from tests.reflection_graph.scenes import panel_of

    (panel,) = Material(db, Scope(), POLICY).panels
    whole = panel_of(load_dataset("trap", settings.folder("datasets")))
    shift = whole.at.index(panel.at[0])
    assert whole.at[shift:] == panel.at
    assert (whole.closes[shift:] == panel.closes).all()
    there = ~(panel.features != panel.features)
    assert (whole.features[shift:][there] == panel.features[there]).all()


def test_a_reflection_finds_the_trap_and_writes_a_version_that_avoids_it(
    settings: Settings, db: DatabaseManager
) -> None:
    gate = Passes()
    state = reflect(bench_of(settings, db, trial=gate))
    found = [features_of(insight["when"]) for insight in state["analysis"]["insights"][:3]]
    assert planted("chased_surge") in found
    assert 1 <= len(gate.seen) <= 3
    store = store_of(settings)
    assert store.current_number() == 1
    for version in gate.seen:
        assert version.author == "reflection"
        assert version.parent == 1
        assert len(version.rules) == 1
        assert "RF-0000000000" in version.evidence
        assert version.policy == store.load(1).policy
    assert state["update"]["outcome"] == "kept"


def test_what_passes_becomes_the_current_version_with_backup_and_change_log(
    settings: Settings, db: DatabaseManager
) -> None:
    gate = Passes(0)
    state = reflect(bench_of(settings, db, trial=gate))
    store = store_of(settings)
    assert state["update"]["promoted"] == gate.seen[0].number == store.current_number()
    assert len(list((store.folder / "backups").iterdir())) == 1
    log = (store.folder / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "심사 통과 (RF-0000000000)" in log
    assert "자동 반성" in log
    store.rollback(1)
    assert store.current() == store.load(1)


def test_links_run_from_rule_to_trades_and_from_trade_to_rule(
    settings: Settings, db: DatabaseManager
) -> None:
    from kisbt.journal.explain_rule import learnt_from, learnt_lines, rule_lines

    state = reflect(bench_of(settings, db, trial=Passes(0)))
    rule = state["accepted"][0]["rule"]["id"]
    history = kept(db).rule_history(rule)
    assert history.insight is not None
    trade = history.insight["trades"][0]
    record, link = db.get_trade(trade)
    assert record.market_snapshot != "{}"
    assert link.run_id == state["performance"]["runs"][0]["run"]
    back = learnt_from(kept(db), trade)
    assert any(rule in one["rules"] for one in back)
    for lang in ("ko", "en"):
        told = "\n".join([*rule_lines(history, lang), *learnt_lines(back, lang)])
        assert rule in told
        assert trade in told
        assert history.insight["id"] in told


def test_interrupted_anywhere_and_begun_again_it_gives_the_same(
    settings: Settings, db: DatabaseManager, tmp_path: Path
) -> None:
    dry = bench_of(settings, db).options.model_copy(update={"dry_run": True})
    whole = reflect(bench_of(settings, db, steps=tmp_path / "whole", options=dry))
    for stop_before in range(1, len(NODES)):
        bench = bench_of(settings, db, steps=tmp_path / f"torn{stop_before}", options=dry)
        state: ReflectionState = {}
        for node in NODES[:stop_before]:
            state |= node(state, At(bench))
        assert (
            reflect(bench_of(settings, db, steps=tmp_path / f"torn{stop_before}", options=dry))
            == whole
        )


def test_finished_steps_are_not_done_again(
    settings: Settings, db: DatabaseManager, tmp_path: Path
) -> None:
    told: list[str] = []
    first = reflect(bench_of(settings, db, steps=tmp_path / "s", trial=Passes()))
    bench = bench_of(settings, db, steps=tmp_path / "s", trial=Passes(), tell=told.append)
    assert reflect(bench)["analysis"] == first["analysis"]
    assert not [one for one in told if one.startswith("mine")]


def test_a_second_attempt_finds_the_versions_of_the_first(
    settings: Settings, db: DatabaseManager
) -> None:
    first, second = Passes(), Passes(0)
    reflect(bench_of(settings, db, trial=first))
    written = store_of(settings).numbers()
    reflect(bench_of(settings, db, trial=second))
    assert store_of(settings).numbers() == written
    assert second.seen == first.seen


def test_a_gate_that_may_not_test_again_does_not_hide_what_it_said(
    settings: Settings, db: DatabaseManager
) -> None:
    class Refuses(Passes):
        def run(self, reflection: str, champion: Any, candidates: Any) -> Any:
            found = super().run(reflection, champion, candidates)
            return [r._replace(verdict="untested", passed=False) for r in found]

    reflect(bench_of(settings, db, trial=Passes()))
    before = kept(db).find("RF-0000000000")
    state = reflect(bench_of(settings, db, trial=Refuses()))
    assert state["update"]["outcome"] == "not_tried"
    assert kept(db).find("RF-0000000000") == before


def test_a_step_file_of_other_inputs_or_torn_is_ignored(tmp_path: Path) -> None:
    steps = StepStore(tmp_path)
    assert steps.once("a", "key", lambda: {"x": 1}) == {"x": 1}
    assert steps.once("a", "key", lambda: {"x": 2}) == {"x": 1}
    assert steps.once("a", "other", lambda: {"x": 3}) == {"x": 3}
    (tmp_path / "a.json").write_text('{"input": "oth', encoding="utf-8")
    assert steps.once("a", "other", lambda: {"x": 4}) == {"x": 4}


def test_a_champion_that_changed_meanwhile_is_not_replaced(
    settings: Settings, db: DatabaseManager
) -> None:
    class Meddles(Passes):
        def run(self, reflection: str, champion: Any, candidates: Any) -> Any:
            person = Draft(author="human", summary="사람", parent=1, policy=POLICY, text=TEXT)
            store_of(settings).add(person, activate=True)
            return super().run(reflection, champion, candidates)

    state = reflect(bench_of(settings, db, trial=Meddles(0)))
    assert state["update"]["outcome"] == "champion_changed"
    assert state["update"]["promoted"] is None


def test_with_approval_wanted_the_pointer_waits(settings: Settings, db: DatabaseManager) -> None:
    bench = bench_of(settings, db, trial=Passes(0))
    options = bench.options.model_copy(update={"require_approval": True})
    state = reflect(bench_of(settings, db, trial=Passes(0), options=options))
    assert state["update"]["outcome"] == "waiting"
    assert state["update"]["waiting"] is not None
    assert store_of(settings).current_number() == 1


def test_a_dry_run_leaves_no_trace(settings: Settings, db: DatabaseManager) -> None:
    bench = bench_of(settings, db)
    options = bench.options.model_copy(update={"dry_run": True})
    state = reflect(bench_of(settings, db, trial=Passes(0), options=options))
    assert state["update"]["candidates"]
    assert store_of(settings).numbers() == [1]
    assert kept(db).all() == []


def test_a_journal_without_trades_ends_after_the_figures(
    settings: Settings, tmp_path: Path
) -> None:
    with DatabaseManager(f"sqlite:///{tmp_path}/empty.sqlite") as empty:
        state = reflect(bench_of(settings, empty))
    assert state["performance"]["overall"]["trips"] == 0
    assert "analysis" not in state


def test_every_judged_name_is_evidence(db: DatabaseManager) -> None:
    material = Material(db, Scope(), POLICY)
    fates = {row["fate"]: row["rows"] for row in counterfactuals(material.entries)}
    bought = sum(1 for fills in material.judged.values() for _, filled in fills if filled)
    assert fates["traded"] <= bought
    assert fates["traded"] > 0.8 * bought  # the last ones have no outcome yet
    assert fates["skipped"] > 0


def test_nothing_behind_the_scope_is_read(db: DatabaseManager) -> None:
    whole = Material(db, Scope(), POLICY)
    end = whole.panels[0].at[300][:10]
    early = Material(db, Scope(until=end), POLICY, whole.horizon)
    assert max(early.panels[0].at)[:10] <= end
    assert max(early.trips.closed) <= end
    same = whole.entries.where(whole.entries.day <= early.entries.day.max())
    shared = dict(zip(same.place, same.outcome, strict=True))
    for place, outcome in zip(early.entries.place, early.entries.outcome, strict=True):
        assert shared[place] == pytest.approx(outcome, abs=2e-3)  # costs are of another period


def test_what_was_read_once_and_cut_is_what_would_have_been_read(db: DatabaseManager) -> None:
    whole = Material(db, Scope(), POLICY)
    for tick in (60, 301, len(whole.panels[0].at) - 1):
        scope = Scope(until=whole.panels[0].at[tick][:10])
        read = Material(db, scope, POLICY)
        cut = Material(db, scope, POLICY, whole=whole)
        (ours,), (theirs,) = cut.panels, read.panels
        assert (ours.at, ours.tickers, ours.names) == (theirs.at, theirs.tickers, theirs.names)
        for name in ("day", "features", "closes", "shares"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert (cut.executions, cut.judged) == (read.executions, read.judged)
        assert (cut.trips.closed, cut.horizon) == (read.trips.closed, read.horizon)
        for one, other in ((cut.entries, read.entries), (cut.holdings, read.holdings)):
            assert (one.place, one.by) == (other.place, other.by)
            for name in ("rows", "outcome", "excess", "day", "fate"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_market_that_was_thinned_out_is_not_cut(db: DatabaseManager) -> None:
    (panel,) = Material(db, Scope(), POLICY).panels
    with pytest.raises(ValueError, match="every 2-th"):
        replace(panel, every=2).until(date(2021, 1, 4))


def test_rules_that_were_rejected_are_not_tried_again(
    settings: Settings, db: DatabaseManager
) -> None:
    from tests.reflection_graph.scenes import Remembered

    first = reflect(bench_of(settings, db))
    rules = [Rule.model_validate(one["rule"]) for one in first["accepted"]]
    again = reflect(bench_of(settings, db, memory=Remembered(*rules)))
    told = {fault for one in again["refused"] for fault in one["faults"]}
    assert any("rejected before" in fault for fault in told)
    tried = [one["rule"]["when"] for one in again["accepted"] if one["tried"]]
    assert all(rule.model_dump(mode="json")["when"] not in tried for rule in rules)


def test_kis_figures_are_compared_line_by_line(settings: Settings, db: DatabaseManager) -> None:
    from sqlalchemy import update

    from kisbt.journal.schema import runs

    class Theirs:
        mode = "paper"

        def figures(self, first: str, last: str) -> PeriodFigures:
            return PeriodFigures(0, None, 1, 2, "inquire_period_profit")

    with db.writing(durable=True) as connection:
        connection.execute(update(runs).values(mode="paper", scope="paper-50xx"))
    state: ReflectionState = {}
    state = NODES[0](state, At(bench_of(settings, db, kis=Theirs())))
    check = state["performance"]["kis"]
    rows = {row["what"]: row for row in check["rows"]}
    assert rows["realised"]["difference"] == state["performance"]["overall"]["pnl"]
    assert rows["commission_and_tax"]["difference"] is None
    assert rows["buys"]["difference"] == rows["buys"]["ours"] - 1
