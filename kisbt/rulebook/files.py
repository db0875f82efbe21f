"""Reading and replacing small text files, on POSIX and on Windows."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kisbt.errors import PromptError

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


LOCK_WAIT = 10.0
"""Seconds to wait for another process before giving up."""

_PAUSE = 0.02


def read_text(path: Path, what: str, hint: str | None = None) -> str:
    """The file's text with LF line ends.

    Raises:
        PromptError: missing, unreadable or not UTF-8; ``what`` names it.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise PromptError(f"{what} is missing: {path}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{what} is not UTF-8 (byte {error.start}): {path}") from error
    except OSError as error:
        raise PromptError(f"{what} cannot be read: {path}: {error.strerror}") from error


def replace_text(path: Path, text: str) -> None:
    """Write the file whole or not at all.

    Windows refuses to replace a file that someone has open at that moment, so it is tried again
    for a second.

    Raises:
        PromptError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        for _ in range(round(1 / _PAUSE)):
            try:
                temporary.replace(path)
            except PermissionError:
                time.sleep(_PAUSE)
            else:
                return
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PromptError(
            f"cannot write {path}: {error.strerror}", hint="check the folder's permissions"
        ) from error


@contextmanager
def locked(path: Path, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Hold the lock file ``path``; the system frees it when a process dies.

    Raises:
        PromptError: another process holds it for longer than ``wait`` seconds, or the folder
            cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise PromptError(f"cannot write {path}: {error.strerror}") from error
    with file:
        deadline = time.monotonic() + wait
        while True:
            try:
                _try_lock(file)
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise PromptError(
                        f"another process is changing the prompts in {path.parent}",
                        hint="try again when it is done",
                    ) from error
                time.sleep(_PAUSE)
            else:
                break
        try:
            yield
        finally:
            _unlock(file)
