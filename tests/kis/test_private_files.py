import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kisbt.errors import ConfigError
from kisbt.kis import private_files
from kisbt.kis.private_files import locked, open_to_others, private_folder, write_private

posix = pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")


@posix
def test_file_is_private_from_its_first_byte_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert not open_to_others(path)
    assert list(tmp_path.iterdir()) == [path]


def test_windows_cuts_the_access_list_down_to_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(private_files.sys, "platform", "win32")
    monkeypatch.setattr(private_files.getpass, "getuser", lambda: "trader")
    monkeypatch.setattr(
        private_files.subprocess, "run", lambda command, **_: commands.append(command)
    )
    write_private(tmp_path / "token.json", b"x")
    ((program, part, *rest),) = commands
    assert program == "icacls"
    assert part.startswith(str(tmp_path))
    assert rest == ["/inheritance:r", "/grant:r", "trader:F"]


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be"):
        write_private(tmp_path / "x", b"")


def test_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"taken.*kis\.cache"):
        private_folder(tmp_path / "taken")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_private(tmp_path / "taken" / "x", b"")


def test_lock_keeps_threads_apart(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            with locked(tmp_path / "lock"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_lock_held_too_long_is_one_clear_line(tmp_path: Path) -> None:
    held = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock"):
            held.set()
            done.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    with (
        pytest.raises(ConfigError, match="held by another process"),
        locked(tmp_path / "lock", 0.05),
    ):
        pass
    done.set()
    thread.join()


def test_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    script = (
        "import sys, os, pathlib; from kisbt.kis.private_files import locked\n"
        "lock = locked(pathlib.Path(sys.argv[1])); lock.__enter__(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "lock")], check=False)
    with locked(tmp_path / "lock", 1.0):
        pass
