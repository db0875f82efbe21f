"""What an evolution leaves behind week by week, so that it can go on after an interruption.

    results/evolve-1a2b3c4d5e/
        prompts/         its own versions and pointer
        journal.sqlite   its own runs, reflections and gate ledger
        courses/         what every version's replay gave, by hash
        weeks/0001.json  one finished week a file; the first that is missing is next
        reflections/     finished steps and learning reports

A week's file is written whole, after everything that the week did. Whatever a week does can be done
again with the same result, so an interruption loses at most the steps of one week.
"""

import shutil
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from kisbt.config import Paths, Settings
from kisbt.errors import ConfigError
from kisbt.gate.registry import Window
from kisbt.report.writing import canonical_json, write_whole
from kisbt.rulebook.store import PromptStore

Record = dict[str, Any]

EVENING = time(18)
"""When a week is reflected on: Sunday, KST."""


class Week(NamedTuple):
    """One calendar week of trading: its number from 1, and its sessions."""

    number: int
    sessions: tuple[date, ...]

    @property
    def evening(self) -> datetime:
        """Sunday 18:00 after the week, naive KST."""
        last = self.sessions[-1]
        return datetime.combine(last + timedelta(days=6 - last.weekday()), EVENING)

    @property
    def monday(self) -> date:
        """The day from which a version promoted on that Sunday is in force."""
        return (self.evening + timedelta(days=1)).date()


def weeks_of(sessions: Sequence[date], count: int | None = None) -> list[Week]:
    """Calendar weeks, oldest first, at most ``count``."""
    found: dict[tuple[int, int], list[date]] = {}
    for day in sessions:
        found.setdefault(day.isocalendar()[:2], []).append(day)
    weeks = [Week(n, tuple(days)) for n, days in enumerate(found.values(), start=1)]
    return weeks if count is None else weeks[:count]


class Promotion(NamedTuple):
    """How a version came into force: by which campaign, over which version, from which day."""

    number: int
    hash: str
    campaign: str
    parent: int
    since: date


class Standing(NamedTuple):
    """Where an evolution stands, told from its finished weeks alone.

    ``tested`` are holdout windows that a development test has been spent on, ``shadows`` are
    challengers on paper, ``promotions`` how versions came into force (by number). ``idle`` is the
    last week whose reflection had nothing to test, ``None`` after a test or a move.
    """

    champion: int
    promotions: dict[int, Promotion]
    shadows: tuple[Promotion, ...]
    tested: tuple[Window, ...]
    idle: int | None


class Home:
    """The folder of one evolution.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.courses = folder / "courses"
        self.report = folder / "evolution.html"
        self.facts = folder / "evolution.json"

    def settings(self, settings: Settings) -> Settings:
        """The settings with prompts, results and journal of this evolution alone."""
        own = Paths(
            datasets=settings.folder("datasets").as_posix(),
            prompts=(self.folder / "prompts").as_posix(),
            results=self.folder.as_posix(),
            simulator=settings.paths.simulator,
        )
        return settings.model_copy(update={"paths": own})

    def begin(self, order: Record, prompts: Path, start: int) -> None:
        """Make the folder with its copy of the prompts, once; version ``start`` is in force.

        Raises:
            ConfigError: it cannot be made.
        """
        mark = self.folder / "order.json"
        if mark.is_file():
            return
        try:
            shutil.rmtree(self.folder / "prompts", ignore_errors=True)
            shutil.copytree(prompts, self.folder / "prompts")
            PromptStore(self.folder / "prompts").rollback(start, reason="kisbt evolve")
        except OSError as error:
            raise ConfigError(
                f"cannot copy the prompts to {self.folder}: {error.strerror or error}"
            ) from error
        write_whole(mark, canonical_json(order))

    def done(self) -> list[Record]:
        """Finished weeks, oldest first, up to the first gap or damaged file."""
        found: list[Record] = []
        while True:
            try:
                found.append(orjson.loads(self._week(len(found) + 1).read_bytes()))
            except (OSError, orjson.JSONDecodeError):
                return found

    def keep(self, record: Record) -> None:
        """Write a finished week."""
        write_whole(self._week(record["week"]), canonical_json(record))

    def _week(self, number: int) -> Path:
        return self.folder / "weeks" / f"{number:04d}.json"


def standing(start: int, records: Sequence[Record]) -> Standing:
    """Where the evolution stands after ``records``; it began under version ``start``."""
    champion = start
    promotions: dict[int, Promotion] = {}
    shadows: dict[int, Promotion] = {}
    tested = []
    idle = None
    for record in records:
        if record["step"] == "learned":
            idle = None if record["tested"] else record["week"]
        if record["tested"]:
            tested.append(Window.model_validate(record["windows"]["holdout"]))
        for raw in record["shadowed"]:
            one = promotion_of(raw)
            shadows[one.number] = one
        for number in record["unshadowed"]:
            shadows.pop(number, None)
        move = record["move"]
        if move is None:
            continue
        champion, idle = move["to"], None
        if move["kind"] == "promotion":
            promotions[champion] = promotion_of(move["promotion"])
        shadows.clear()  # they were compared with a version that is no longer in force
    return Standing(champion, promotions, tuple(shadows.values()), tuple(tested), idle)


def promotion_of(raw: Record) -> Promotion:
    """Back from plain values."""
    return Promotion(**{**raw, "since": date.fromisoformat(raw["since"])})


def plain(one: Promotion) -> Record:
    """Plain values."""
    return {**one._asdict(), "since": one.since.isoformat()}
