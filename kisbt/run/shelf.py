"""Finished replays of a sweep that is not over: the same command goes on from them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from kisbt.config import Settings
from kisbt.domain.result import RunResult
from kisbt.errors import JournalError
from kisbt.journal.database import DatabaseManager
from kisbt.report.card import code_hash
from kisbt.report.writing import write_whole
from kisbt.run.prepare import Prepared

_RESULT = TypeAdapter(RunResult)


class Shelf:
    """A folder with one finished replay a file, named after everything the sweep rests on.

    It is there only while the sweep is under way: ``clear`` removes it at the end, so that the
    same command later makes new runs. Another program, dataset, prompt or setting is another
    folder.

    Args:
        settings: Where results lie.
        jobs: The prepared replays of the sweep, in order.
    """

    def __init__(self, settings: Settings, jobs: Sequence[Prepared]) -> None:
        parts = [
            (
                job.spec.hash,
                job.dataset.hash,
                job.version.hash if job.version else "",
                job.strategy.hash,
            )
            for job in jobs
        ]
        key = hashlib.sha256(orjson.dumps([code_hash(), settings.lang, parts])).hexdigest()[:16]
        self.folder = settings.folder("results") / "sweeps" / key

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:04d}.json"

    def get(self, number: int, db: DatabaseManager) -> RunResult | None:
        """The replay that was finished before, if it is whole and its journal still has it."""
        try:
            raw = self._file(number).read_bytes()
            result = _RESULT.validate_json(raw)
            run = db.run(result.run_id)
        except (OSError, ValidationError, JournalError):
            return None
        return result if run.status == "finished" else None

    def put(self, number: int, result: RunResult) -> None:
        """Keep a replay whose run is journaled and finished.

        Raises:
            ConfigError: the folder cannot be written.
        """
        write_whole(self._file(number), _RESULT.dump_json(result))

    def clear(self) -> None:
        """Remove everything that was kept."""
        if not self.folder.is_dir():
            return
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()
        if not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()
