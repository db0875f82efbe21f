"""The store: sealing, loading, moving the pointer, and every way in which files go wrong."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kisbt.errors import PromptError
from kisbt.rulebook.draft import Draft
from kisbt.rulebook.store import PromptStore
from tests.rulebook.samples import AT, TEXT, draft, policy, rule


class Watch:
    """A clock that goes on by a minute at every look."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


@pytest.fixture
def store(tmp_path: Path) -> PromptStore:
    """Two versions, the first one current."""
    made = PromptStore(tmp_path / "prompts", clock=Watch())
    made.add(draft(summary="첫 판"))
    made.add(draft(parent=1, summary="둘째 판", policy=policy(target_weight=0.05)))
    return made


def changes(store: PromptStore) -> list[str]:
    lines = (store.folder / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("- ")]


def test_first_version_becomes_current_and_later_ones_do_not(store: PromptStore) -> None:
    assert store.numbers() == [1, 2]
    assert [version.summary for version in store.versions()] == ["첫 판", "둘째 판"]
    assert store.current().number == 1
    assert store.core.read_text(encoding="utf-8") == store.load(1).text


def test_empty_store_has_no_versions_and_no_current_one(tmp_path: Path) -> None:
    empty = PromptStore(tmp_path)
    assert empty.versions() == []
    with pytest.raises(PromptError, match="the pointer to the current prompt is missing"):
        empty.current()


def test_added_version_can_be_made_current_at_once(store: PromptStore) -> None:
    made = store.add(draft(parent=2, summary="셋째 판"), activate=True, reason="시험 적용")
    assert store.current() == made
    assert "적용: 버전 1 → 3, 사유: 시험 적용" in changes(store)[-1]


def test_rollback_restores_the_text_exactly_and_keeps_what_was_there(store: PromptStore) -> None:
    move = store.rollback(2, reason="손절이 넓다")
    assert (move.before, move.after) == (1, 2)
    store.core.write_text("손으로 고친 글\n", encoding="utf-8")
    back = store.rollback(1)
    assert store.core.read_text(encoding="utf-8") == store.load(1).text
    assert back.backup is not None
    assert back.backup.read_text(encoding="utf-8") == "손으로 고친 글\n"
    assert "되돌림: 버전 2 → 1, 사유: 적지 않음, 백업 backups/" in changes(store)[-1]
    assert "적용: 버전 1 → 2, 사유: 손절이 넓다" in changes(store)[-2]


def test_rollback_to_what_is_current_changes_nothing(store: PromptStore) -> None:
    before = changes(store)
    assert not store.rollback(1).changed
    assert changes(store) == before


def test_rollback_to_the_current_number_restores_a_damaged_text(store: PromptStore) -> None:
    store.core.unlink()
    assert store.rollback(1).changed
    assert store.core.read_text(encoding="utf-8") == store.load(1).text


def test_two_backups_in_one_second_are_both_kept(tmp_path: Path) -> None:
    store = PromptStore(tmp_path, clock=lambda: AT)
    store.add(draft())
    store.add(draft(parent=1, summary="둘째 판"))
    for number in (2, 1, 2, 1):
        store.rollback(number)
    backups = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert backups == [
        "20260302T093000-0001-2.md",
        "20260302T093000-0001.md",
        "20260302T093000-0002-2.md",
        "20260302T093000-0002.md",
    ]


@pytest.mark.parametrize("pointer", ["", "zwei", "7", "0001 0002", "-1"])
def test_broken_pointer_is_one_clear_error_and_a_rollback_repairs_it(
    store: PromptStore, pointer: str
) -> None:
    store.pointer.write_text(pointer, encoding="utf-8")
    with pytest.raises(PromptError, match=r"^current:1: .* is not a prompt version \(set it with"):
        store.current()
    store.rollback(2)
    assert store.current().number == 2


def test_edited_version_is_found_by_its_hash(store: PromptStore) -> None:
    path = store.path(1)
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(PromptError, match=r"prompts/versions/0001\.md:1: changed after it was"):
        store.load(1)
    with pytest.raises(PromptError, match="changed after it was sealed"):
        store.rollback(1)


def test_line_ends_of_another_system_are_no_edit(store: PromptStore) -> None:
    path = store.path(1)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert store.load(1).summary == "첫 판"


def break_missing(store: PromptStore) -> None:
    store.path(1).unlink()


def break_encoding(store: PromptStore) -> None:
    store.path(1).write_bytes("규칙".encode("cp949"))


def break_ledger(store: PromptStore) -> None:
    store.ledger.write_text('{"0001":\n "x"}', encoding="utf-8")


def break_ledger_syntax(store: PromptStore) -> None:
    store.ledger.write_text('{\n"0001"}', encoding="utf-8")


def break_ledger_shape(store: PromptStore) -> None:
    store.ledger.write_text("[]", encoding="utf-8")


def break_folder(store: PromptStore) -> None:
    store.path(1).unlink()
    store.path(1).mkdir()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (break_missing, "prompt version 1 is missing"),
        (break_encoding, "prompt version 1 is not UTF-8"),
        (break_ledger, r"versions/hashes\.json:1: not a ledger"),
        (break_ledger_syntax, r"versions/hashes\.json:2: not a ledger"),
        (break_ledger_shape, r"versions/hashes\.json:1: not a ledger"),
        (break_folder, "prompt version 1 cannot be read"),
    ],
)
def test_damaged_store_is_one_clear_error(
    store: PromptStore, harm: Callable[[PromptStore], None], message: str
) -> None:
    harm(store)
    with pytest.raises(PromptError, match=message) as caught:
        store.load(1)
    assert "\n" not in str(caught.value)


def test_unknown_version_names_the_known_ones(store: PromptStore) -> None:
    with pytest.raises(PromptError, match=r"version 9 does not exist \(known versions: 1, 2\)"):
        store.load(9)


def test_file_that_was_never_sealed_is_no_version(store: PromptStore) -> None:
    store.path(3).write_text(store.path(2).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(PromptError, match="it was never sealed"):
        store.load(3)
    assert store.strays() == [3]
    assert store.add(draft(parent=1, summary="넷째 판")).number == 4


def test_version_in_the_wrong_file_is_refused(store: PromptStore) -> None:
    store.path(2).write_text(store.path(1).read_text(encoding="utf-8"), encoding="utf-8")
    hashes = json.loads(store.ledger.read_text(encoding="utf-8"))
    hashes["0002"] = hashes["0001"]
    store.ledger.write_text(json.dumps(hashes), encoding="utf-8")
    with pytest.raises(PromptError, match=r"0002\.md:3: says it is version 1"):
        store.load(2)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (draft(parent=8), "version 8 does not exist"),
        (draft(text="표시 없음\n"), "marker .* is missing"),
        (draft(policy=policy(entry=("rsi14 > 5", "rsi14 < 5"))), "draft of version 3:"),
        (draft(author="reflection"), "needs a parent"),
        (draft(author="reflection", parent=1, text=TEXT + "더\n"), "changed line"),
        (draft(rules=(rule(1, "rsi14 > 1"), rule(2, "rsi14 > 2"))), "R0002 adds nothing"),
    ],
)
def test_broken_draft_is_refused_and_nothing_is_written(
    store: PromptStore, made: Draft, message: str
) -> None:
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    with pytest.raises(PromptError, match=message):
        store.add(made, activate=True)
    after = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    assert after == before


def test_reflection_adds_a_version_with_other_rules(store: PromptStore) -> None:
    parent = store.load(1)
    made = store.add(
        Draft.of_rules(parent, (*parent.rules, rule(2, "rsi14 > 80")), summary="과열 회피")
    )
    assert (made.author, made.number, made.parent) == ("reflection", 3, 1)
    assert store.load(3) == made
    assert "작성 자동 반성" in changes(store)[-1]


def test_change_log_keeps_what_a_person_wrote_into_it(store: PromptStore) -> None:
    path = store.folder / "CHANGELOG.md"
    path.write_text(path.read_text(encoding="utf-8") + "메모", encoding="utf-8")
    store.rollback(2, reason="두\n줄")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[-2] == "메모"
    assert "사유: 두 줄" in lines[-1]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_one_clear_error(store: PromptStore) -> None:
    store.folder.chmod(0o500)
    try:
        with pytest.raises(PromptError, match="cannot write"):
            store.rollback(2)
    finally:
        store.folder.chmod(0o700)


def test_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(PromptError, match="cannot write"):
        PromptStore(tmp_path / "file" / "prompts").add(draft())
