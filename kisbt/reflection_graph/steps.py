"""Results of finished steps, kept by the hash of their inputs: an interrupted reflection goes on.

    results/reflections/RF-.../aggregate_performance_data.json
    {"input": "sha256:...", "output": ...}

A file whose input hash differs is ignored and replaced. Writing is whole or not at all.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from kisbt.errors import JournalError


def input_hash(*parts: Any) -> str:
    """``sha256:`` of plain values."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return "sha256:" + hashlib.sha256(orjson.dumps(parts, option=options)).hexdigest()


def plain(value: Any) -> Any:
    """``value`` as it comes back from its file: a step gives the same, fresh or kept."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


class StepStore:
    """One reflection's folder of step results; ``None`` keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, key: str) -> Any | None:
        """The kept result of ``name`` for the inputs ``key``, or ``None``."""
        if self.folder is None:
            return None
        try:
            kept = orjson.loads((self.folder / f"{name}.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        if not isinstance(kept, dict) or kept.get("input") != key:
            return None
        return kept.get("output")

    def put(self, name: str, key: str, output: Any) -> None:
        """Keep a result.

        Raises:
            JournalError: the folder cannot be written.
        """
        if self.folder is None:
            return
        body = orjson.dumps({"input": key, "output": output}, option=orjson.OPT_INDENT_2)
        path = self.folder / f"{name}.json"
        scratch = path.with_name(f".{name}.{os.getpid()}.tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(body)
            os.replace(scratch, path)
        except OSError as error:
            raise JournalError(
                f"cannot keep reflection step {name} in {self.folder}: {error.strerror}"
            ) from error

    def once(self, name: str, key: str, work: Callable[[], Any]) -> Any:
        """The kept result, or that of ``work``, which is kept before it is returned."""
        kept = self.get(name, key)
        if kept is None:
            kept = plain(work())
            self.put(name, key, kept)
        return kept
