"""Files that only their owner may read, and locks between processes, on POSIX and Windows."""

import contextlib
import getpass
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from kisbt.errors import ConfigError

POLL_SECONDS = 0.002
"""How often a waiting process looks whether a lock is free."""


def private_folder(folder: Path) -> Path:
    """Create ``folder`` for its owner alone, if it is not there, and return it.

    Raises:
        ConfigError: it cannot be created, or is no folder.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"folder {folder} cannot be used: {error.strerror}", hint="set kis.cache in kisbt.toml"
        ) from error
    return folder


def write_private(path: Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``, readable by its owner only (0600).

    A reader sees the old or the new content, never a part. Windows has no modes: there the
    access list is cut down to the current user.

    Raises:
        ConfigError: the file cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if sys.platform == "win32":
            _keep_others_out(part)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ConfigError(
            f"file {path} cannot be written: {error.strerror}", hint="set kis.cache in kisbt.toml"
        ) from error


def open_to_others(path: Path) -> bool:
    """Whether other users of a POSIX system may read ``path``; always false on Windows."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)


@contextlib.contextmanager
def locked(path: Path, seconds: float = 30.0) -> Iterator[None]:
    """Hold the lock file ``path`` against other processes and threads.

    Raises:
        ConfigError: nobody let go of it for ``seconds``.
    """
    lock = FileLock(path, timeout=seconds, poll_interval=POLL_SECONDS, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigError(
            f"lock {path} is held by another process for {seconds:.0f} seconds",
            hint="end that process",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _keep_others_out(path: Path) -> None:
    """Leave the current user alone on the access list of a Windows file."""
    command = ["icacls", str(path), "/inheritance:r", "/grant:r", f"{getpass.getuser()}:F"]
    subprocess.run(command, check=True, capture_output=True)
