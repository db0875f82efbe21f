"""One replay of a sweep as a pure function that any process of any machine can compute."""

from typing import NamedTuple

from kisbt.config import Settings
from kisbt.domain.result import RunResult
from kisbt.journal.script import Line, ScriptJournal
from kisbt.run.backtest import compute
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.spec import RunSpec


class Task(NamedTuple):
    """A replay to be made. ``number`` is its place in the sweep, ``run_id`` the journal's."""

    number: int
    run_id: str
    spec: RunSpec


class Replay(NamedTuple):
    """A replay that was made: its result, and every record for the parent to journal."""

    result: RunResult
    lines: list[Line]


_latest: list[Prepared] = []
"""What this process prepared last: the next replay of the same names starts from it."""


def replay_job(spec: RunSpec, settings: Settings) -> Replay:
    """Prepare and replay one spec. Nothing is written; the same spec gives the same bytes.

    Raises:
        TradingSystemError: data, strategy or prompt are not as the parent process saw them.
    """
    ready = prepare(spec, settings, _latest[0] if _latest else None)
    _latest[:] = [ready]
    script = ScriptJournal()
    return Replay(compute(ready, settings, script), script.lines)
