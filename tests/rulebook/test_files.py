"""Small text files: whole or not at all, one writer at a time."""

import multiprocessing
import threading
from pathlib import Path

import pytest

from kisbt.errors import PromptError
from kisbt.rulebook.files import locked, replace_text
from kisbt.rulebook.lint import lint_store
from kisbt.rulebook.store import PromptStore
from tests.rulebook.samples import AT, draft, policy

TURNS = 3


def test_failed_replacement_leaves_the_old_text_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "text"
    target.mkdir()
    with pytest.raises(PromptError, match="cannot write"):
        replace_text(target, "x")
    assert list(tmp_path.iterdir()) == [target]


def test_replacement_waits_while_another_program_holds_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, refusals = Path.replace, iter((True, True, False))

    def like_windows(self: Path, target: Path) -> Path:
        if next(refusals):
            raise PermissionError(13, "in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", like_windows)
    replace_text(tmp_path / "text", "새 글\n")
    assert (tmp_path / "text").read_text(encoding="utf-8") == "새 글\n"


def test_replacement_gives_up_when_the_file_stays_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(self: Path, target: Path) -> Path:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr("kisbt.rulebook.files._PAUSE", 0.4)
    with pytest.raises(PromptError, match="in use"):
        replace_text(tmp_path / "text", "x")


def test_held_lock_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    with (
        locked(tmp_path / ".lock"),
        pytest.raises(PromptError, match="another process is changing the prompts"),
        locked(tmp_path / ".lock", wait=0.1),
    ):
        raise AssertionError("the lock was taken twice")


def test_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), locked(tmp_path / ".lock"):
        raise ValueError("inside")
    with locked(tmp_path / ".lock", wait=0):
        pass


def test_waiting_writer_gets_the_lock_when_it_is_freed(tmp_path: Path) -> None:
    order = []
    entered, waiting = threading.Event(), threading.Event()

    def first() -> None:
        with locked(tmp_path / ".lock"):
            entered.set()
            waiting.wait(5)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(5)
    threading.Timer(0.1, waiting.set).start()
    with locked(tmp_path / ".lock"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def turn(folder: str, number: int) -> None:
    store = PromptStore(Path(folder), clock=lambda: AT)
    for _ in range(TURNS):
        store.rollback(number, reason=f"과정 {number}")
        store.add(draft(parent=1, summary="함께", policy=policy(target_weight=0.01 * number)))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_concurrent_changes_leave_a_consistent_store(tmp_path: Path, kind: str) -> None:
    store = PromptStore(tmp_path, clock=lambda: AT)
    for weight in (0.1, 0.2, 0.3):
        store.add(draft(summary=f"비중 {weight}", policy=policy(target_weight=weight)))
    numbers = (1, 2, 3)
    if kind == "threads":
        workers = [threading.Thread(target=turn, args=(str(tmp_path), n)) for n in numbers]
    else:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=turn, args=(str(tmp_path), n)) for n in numbers]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [f for f in lint_store(store) if f.level == "error"] == []
    assert store.numbers() == list(range(1, 3 + 3 * TURNS + 1))
    log = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    moves = [line for line in log if ("→") in line]
    backups = list((tmp_path / "backups").iterdir())
    assert len(moves) == len(backups)
    assert len([line for line in log if "추가: 버전" in line]) == 3 + 3 * TURNS
    at = 1
    for line in moves:
        start, end = line.split("버전 ")[1].split(",")[0].split(" → ")
        assert int(start) == at
        at = int(end)
    assert store.current_number() == at


def test_reader_always_finds_a_sound_current_version(tmp_path: Path) -> None:
    store = PromptStore(tmp_path, clock=lambda: AT)
    texts = {store.add(draft(policy=policy(target_weight=w))).text for w in (0.1, 0.2, 0.3)}
    done = threading.Event()

    def write() -> None:
        for number in (1, 2, 3) * 8:
            store.rollback(number)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = set()
    while not done.is_set():
        seen.add(store.current().text)
    thread.join()
    assert seen <= texts
    assert seen
