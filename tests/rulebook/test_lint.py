"""Lint reports everything that is wrong with a store, not only the first fault."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kisbt.errors import PromptError
from kisbt.rulebook.lint import lint_draft, lint_store, lint_version
from kisbt.rulebook.store import PromptStore
from tests.rulebook.samples import AT, draft, file_text


@pytest.fixture
def store(tmp_path: Path) -> PromptStore:
    made = PromptStore(tmp_path / "prompts", clock=lambda: AT)
    made.add(draft())
    made.add(draft(parent=1, summary="둘째 판"))
    return made


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_sound_store_has_no_findings(store: PromptStore) -> None:
    assert lint_store(store) == []


def test_empty_store_lacks_a_pointer(tmp_path: Path) -> None:
    assert [finding.code for finding in lint_store(PromptStore(tmp_path))] == ["pointer"]


PLANTS: dict[str, tuple[Callable[[PromptStore], object], list[str]]] = {
    "missing version": (lambda s: s.path(2).unlink(), ["missing-file"]),
    "edited version": (
        lambda s: edit(s.path(2), "priority: 5", "priority: 6"),
        ["edited-version", "edited-section"],
    ),
    "two edited versions": (
        lambda s: [edit(s.path(n), "끝.", "끝!") for n in (1, 2)],
        ["edited-version", "edited-version", "core"],
    ),
    "unsealed file": (
        lambda s: s.path(5).write_text(file_text(number=5), encoding="utf-8"),
        ["stray"],
    ),
    "broken pointer": (lambda s: s.pointer.write_text("x", encoding="utf-8"), ["pointer"]),
    "edited text": (lambda s: edit(s.core, "끝.", "끝!"), ["core"]),
    "longer text": (lambda s: edit(s.core, "끝.\n", "끝.\n더\n"), ["core"]),
    "shorter text": (lambda s: edit(s.core, "끝.\n", ""), ["core"]),
    "missing text": (lambda s: s.core.unlink(), ["core"]),
    "broken ledger": (lambda s: s.ledger.write_text("{", encoding="utf-8"), ["ledger"]),
}


@pytest.mark.parametrize(("plant", "codes"), PLANTS.values(), ids=PLANTS.keys())
def test_planted_fault_of_a_store_is_found(
    store: PromptStore, plant: Callable[[PromptStore], object], codes: list[str]
) -> None:
    plant(store)
    assert [finding.code for finding in lint_store(store)] == codes


def test_edited_text_is_named_with_its_line_and_a_way_out(store: PromptStore) -> None:
    edit(store.core, "조건은", "조건이")
    (finding,) = lint_store(store)
    assert (finding.source, finding.line) == ("core_decision_prompt.md", 3)
    assert "kisbt prompts rollback 1" in (finding.hint or "")


def test_version_that_names_another_number_is_found(store: PromptStore) -> None:
    edit(store.path(2), "version: 2", "version: 3")
    assert {"edited-version", "number"} == {f.code for f in lint_version(store, 2)}


def test_unknown_version_cannot_be_linted(store: PromptStore) -> None:
    with pytest.raises(PromptError, match="version 9 does not exist"):
        lint_version(store, 9)


def test_draft_is_linted_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text(file_text().replace("priority: 5", "priority: 11"), encoding="utf-8")
    (finding,) = lint_draft(path)
    assert finding.source.endswith("mine.md")
    with pytest.raises(PromptError, match="the draft is missing"):
        lint_draft(tmp_path / "none.md")


def test_backup_that_is_gone_is_named_with_the_line_that_tells_of_it(store: PromptStore) -> None:
    move = store.rollback(2, reason="시험")
    assert move.backup is not None
    assert lint_store(store) == []
    move.backup.unlink()
    (found,) = lint_store(store)
    assert (found.level, found.code, found.source) == ("warning", "backup", "CHANGELOG.md")
    assert move.backup.name in found.message
    told = store.changes.read_text(encoding="utf-8").split("\n")[found.line - 1]
    assert move.backup.name in told
