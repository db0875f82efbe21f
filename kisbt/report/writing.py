"""Writes report files whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from kisbt.errors import ConfigError


def write_whole(path: Path, content: bytes) -> Path:
    """Write ``content`` so that a reader sees the old file or the new one, never half of it.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    import tempfile

    handle, scratch = -1, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp makes files for their owner only; a report is for showing around.
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except OSError as error:
        if scratch and os.path.exists(scratch):
            os.unlink(scratch)
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"cannot write {path.name} in {path.parent}: {reason}",
            hint="check the folder's permissions and free space, or set paths.results",
        ) from error
    return path


def canonical_json(value: Any) -> bytes:
    """One spelling for one value: sorted keys, two spaces, UTF-8, no NaN, a final newline.

    Raises:
        ValueError: NaN or infinity, which JSON cannot say.
        TypeError: something that is not JSON.
    """
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()
