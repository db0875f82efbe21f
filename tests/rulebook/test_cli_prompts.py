"""``kisbt prompts`` from the outside: tables, JSON, exit codes, and commits."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kisbt.cli.app import app
from kisbt.errors import PromptError
from kisbt.rulebook.store import PromptStore
from tests.rulebook.samples import AT, draft, file_text, policy

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PromptStore:
    """A project folder with two versions, made the working directory."""
    (tmp_path / "kisbt.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = PromptStore(tmp_path / "prompts", clock=lambda: AT)
    made.add(draft())
    made.add(draft(parent=1, summary="둘째 판", policy=policy(target_weight=0.05)))
    return made


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["prompts", *arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def run_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(store: PromptStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = store.folder.parent
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "start")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
    return folder


def test_list_marks_the_current_version(store: PromptStore) -> None:
    assert "둘째 판" in run("list")
    body = run_json("list")
    assert body["current"] == 1
    assert [v["current"] for v in body["versions"]] == [True, False]
    assert body["versions"][1]["hash"] == store.load(2).hash


def test_list_of_an_empty_store_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kisbt.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run_json("list") == {"current": None, "versions": []}


def test_show_prints_the_text_alone_on_stdout(store: PromptStore) -> None:
    assert run("show") == store.load(1).text
    assert run("show", "2") == store.load(2).text
    body = run_json("show", "2")
    assert body["version"] == 2
    assert body["policy"]["target_weight"] == 0.05
    assert body["created"] == "2026-03-02T09:30:00+09:00"


def test_diff_shows_data_and_text(store: PromptStore) -> None:
    assert "policy.target_weight" in run("diff", "1", "2")
    body = run_json("diff", "1", "2")
    assert body["data"] == [{"what": "policy.target_weight", "before": "0.1", "after": "0.05"}]
    assert "+- 종목당 목표 비중 5 %" in body["text"]


def test_lint_of_a_sound_store_exits_with_zero(store: PromptStore) -> None:
    assert run("lint") == ""
    assert run_json("lint", "2") == {"errors": 0, "warnings": 0, "findings": []}


def test_lint_names_file_line_and_fault_and_exits_with_four(store: PromptStore) -> None:
    path = store.folder.parent / "mine.md"
    text = file_text(draft(policy=policy(entry=("volume_ratio >= 2", "trade_strength > 120"))))
    path.write_text(text.replace("priority: 5", "priority: 11"), encoding="utf-8")
    assert "mine.md:31: 오류 [schema] rules.0.priority" in run("lint", "mine.md", code=4)
    path.write_text(text, encoding="utf-8")
    body = run_json("lint", "mine.md")
    assert (body["errors"], body["warnings"]) == (0, 1)
    assert body["findings"][0]["code"] == "live-only"
    assert "주의 [live-only]" in run("lint", "mine.md")


def test_unknown_feature_is_refused_by_the_catalogue(store: PromptStore) -> None:
    path = store.folder.parent / "mine.md"
    path.write_text(file_text().replace("limit_up_streak", "limit_up_strek"), encoding="utf-8")
    assert "did you mean 'limit_up_streak'?" in run("lint", "mine.md", code=4)
    result = CliRunner().invoke(app, ["prompts", "add", "mine.md"])
    assert isinstance(result.exception, PromptError)
    assert store.numbers() == [1, 2]


def test_add_seals_a_draft_and_leaves_the_pointer(store: PromptStore) -> None:
    path = store.folder.parent / "mine.md"
    path.write_text(file_text(draft(summary="내 판")), encoding="utf-8")
    assert "버전 3 추가" in run("add", "mine.md")
    assert store.current_number() == 1
    body = run_json("add", "mine.md", "--activate", "--reason", "시험")
    assert (body["version"], body["current"], body["commit"]) == (4, True, None)
    assert store.current_number() == 4


def test_rollback_moves_the_pointer_and_says_what_it_did(store: PromptStore) -> None:
    assert "현재 버전: 1 → 2" in run("rollback", "2", "--reason", "시험")
    assert "이미 버전 2입니다" in run("rollback", "2")
    body = run_json("rollback", "1")
    assert (body["before"], body["current"]) == (2, 1)
    assert Path(body["backup"]).read_text(encoding="utf-8") == store.load(2).text


def test_rollback_of_a_lost_pointer_needs_no_version_before(store: PromptStore) -> None:
    store.pointer.unlink()
    store.core.unlink()
    assert "현재 버전: 없음 → 2" in run("rollback", "2")


@needs_git
def test_commit_holds_the_prompts_and_nothing_else(store: PromptStore, repository: Path) -> None:
    (repository / "other.txt").write_text("x", encoding="utf-8")
    git(repository, "add", "other.txt")
    body = run_json("rollback", "2", "--reason", "시험", "--commit")
    assert git(repository, "log", "-1", "--format=%h %s").strip() == (
        f"{body['commit']} Point to prompt version 2: 시험"
    )
    names = git(repository, "show", "--name-only", "--format=", "HEAD").split()
    assert all(name.startswith("prompts/") for name in names)
    assert run_json("rollback", "2", "--commit")["commit"] is None


@needs_git
def test_commit_outside_a_work_tree_is_refused_before_anything_changes(
    store: PromptStore,
) -> None:
    result = CliRunner().invoke(app, ["prompts", "rollback", "2", "--commit"])
    assert isinstance(result.exception, PromptError)
    assert "needs a git work tree" in str(result.exception)
    assert store.current_number() == 1


@needs_git
def test_refused_commit_says_that_the_prompts_are_changed(
    store: PromptStore, repository: Path
) -> None:
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    result = CliRunner().invoke(app, ["prompts", "rollback", "2", "--commit"])
    assert isinstance(result.exception, PromptError)
    assert "the prompts are changed, but git commit failed: no" in str(result.exception)
    assert store.current_number() == 2


def test_missing_git_is_one_clear_error(
    store: PromptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(app, ["prompts", "rollback", "2", "--commit"])
    assert isinstance(result.exception, PromptError)
    assert "git, which is not installed" in str(result.exception)


def test_shipped_version_can_be_copied_edited_and_added_as_the_readme_says(
    store: PromptStore,
) -> None:
    shipped = Path(__file__).parents[2] / "prompts" / "versions" / "0001.md"
    text = shipped.read_text(encoding="utf-8").replace("parent: null", "parent: 1")
    assert "stop_loss_pct: 7" in text
    path = store.folder.parent / "mine.md"
    path.write_text(text.replace("stop_loss_pct: 7", "stop_loss_pct: 4"), encoding="utf-8")
    assert run("lint", "mine.md") == ""
    assert run_json("add", "mine.md")["version"] == 3
    run("rollback", "3", "--reason", "손절을 좁힘")
    assert "- 손절: 평균 매입가보다 4 % 이상 하락" in run("show")
