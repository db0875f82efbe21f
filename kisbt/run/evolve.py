"""``kisbt evolve`` without its terminal: walk through history as if living it.

Trade a week, reflect on Sunday, let the gate decide, go on under the pointer. Everything happens in
a folder of its own; the project's prompts and journal are not touched. The same order goes on
where it was interrupted, and gives the same result, day for day.
"""

import hashlib
from collections.abc import Callable
from contextlib import closing
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from kisbt.config import Settings
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.report.card import code_hash
from kisbt.report.evolution import write_evolution
from kisbt.report.writing import canonical_json, write_whole
from kisbt.rulebook.store import PromptStore
from kisbt.run.evolve_account import accounts
from kisbt.run.evolve_courses import Courses
from kisbt.run.evolve_facts import evolution_facts
from kisbt.run.evolve_state import Home, Record, Week, standing, weeks_of
from kisbt.run.evolve_weeks import Walk
from kisbt.run.evolve_workers import Workers
from kisbt.run.order import Order, specs_of
from kisbt.run.prepare import Prepared, prepare
from kisbt.run.progress import progress_bar
from kisbt.run.spec import RunSpec


class EvolveOrder(NamedTuple):
    """The command line of ``kisbt evolve``; ``None`` takes the settings' value.

    ``weeks`` from ``first`` on; by default all of the data. Days before ``first`` are the past that
    the first version is known by. After a reflection that had nothing to test, ``rest`` weeks pass
    until the next one. ``jobs`` of ``None`` is all processors.
    """

    data: str | None = None
    weeks: int | None = None
    first: date | None = None
    last: date | None = None
    prompt: int | None = None
    tickers: str | None = None
    cash: int | None = None
    seed: int | None = None
    rest: int = 4
    jobs: int | None = None


class Evolved(NamedTuple):
    """A finished evolution: its home, its weeks, and the facts that its report tells."""

    home: Home
    records: list[Record]
    facts: dict[str, Any]


def run_evolution(
    order: EvolveOrder,
    settings: Settings,
    *,
    tell: Callable[[str], None] = lambda _: None,
    quiet: bool = True,
) -> Evolved:
    """Evolve, or go on evolving, and write the report.

    Args:
        order: What to walk through.
        settings: Where things lie.
        tell: Told of each piece of work.
        quiet: Show no progress.

    Raises:
        TradingSystemError: options, data, prompts, journal or gate.
    """
    settings = _with_seed(settings, order.seed)
    spec = _spec(order, settings)
    first = prepare(spec, settings)
    weeks = _weeks(first, order)
    ready = _until(first, weeks[-1].sessions[-1], settings)
    home = _home(order, ready, weeks, settings)
    own = home.settings(settings)
    start = ready.version.number if ready.version else 0
    workers = closing(Workers(_jobs(order)))
    with DatabaseManager(own.journal_url()) as db, workers as others:
        courses = Courses(home.courses, own, ready, workers=others, tell=tell)
        walk = Walk(home, own, ready, db, courses, rest=order.rest, tell=tell)
        records = home.done()[: len(weeks)]
        if len(records) < len(weeks):
            courses.begin()
        with progress_bar("evolve", len(weeks), quiet=quiet) as advance:
            for week in weeks[len(records) :]:
                if advance is not None:
                    advance(len(records))
                record = walk.week(week, standing(start, records))
                home.keep(record)
                records.append(record)
        tell("account")
        live = ready.spec.model_copy(update={"first": weeks[0].sessions[0]})
        whole = courses.of([walk.prompts.load(start)])[0]
        traded = accounts(
            prepare(live, own, ready), moves(records), whole, own, db, walk.prompts,
            f"{home.folder.name}-account",
        )  # fmt: skip
        facts = evolution_facts(home.folder.name, ready, records, traded, walk.prompts, own)
    write_whole(home.facts, canonical_json(facts))
    write_evolution(facts, home.report, settings.lang)
    return Evolved(home, records, facts)


def moves(records: list[Record]) -> list[tuple[date, int]]:
    """From which day on which version is in force; the first one aside."""
    found = []
    for before, after in pairwise(records):
        if before["move"] is not None:
            found.append((date.fromisoformat(after["first"]), before["move"]["to"]))
    return found


def _with_seed(settings: Settings, seed: int | None) -> Settings:
    """A walk through history asks nobody and commits nothing."""
    changed: dict[str, Any] = {"require_approval": False, "commit": False}
    if seed is not None:
        changed["seed"] = seed
    reflection = settings.reflection.model_copy(update=changed)
    return settings.model_copy(update={"reflection": reflection})


def _spec(order: EvolveOrder, settings: Settings) -> RunSpec:
    if order.weeks is not None and order.weeks < 1:
        raise ConfigError(f"{order.weeks} weeks are no walk", hint="use --weeks 1 or more")
    asked = Order(data=order.data, tickers=order.tickers, cash=order.cash)
    spec = specs_of(asked, settings)[0]
    prompt = order.prompt
    if prompt is None:
        prompt = PromptStore(settings.folder("prompts")).current_number()
    return spec.model_copy(update={"prompt": prompt, "last": order.last})


def _weeks(ready: Prepared, order: EvolveOrder) -> list[Week]:
    """Weeks to walk through.

    Raises:
        ConfigError: none, or a first day before features are there.
    """
    sessions = sorted(set(ready.tape.sessions))
    if ready.version is None:
        raise ConfigError("this strategy has no prompt to evolve")
    from_day = order.first or sessions[0]
    lived = [day for day in sessions if day >= from_day]
    weeks = weeks_of(lived, order.weeks)
    if not weeks:
        raise ConfigError(
            f"no session on or after {from_day} in dataset '{ready.dataset.name}'",
            hint=f"the data ends on {sessions[-1]}",
        )
    return weeks


def _until(first: Prepared, last: date, settings: Settings) -> Prepared:
    """The same, cut after the last week."""
    if first.tape.sessions[-1] == last:
        return first
    return prepare(first.spec.model_copy(update={"last": last}), settings, first)


def _home(order: EvolveOrder, ready: Prepared, weeks: list[Week], settings: Settings) -> Home:
    version = ready.version
    assert version is not None  # checked with the weeks
    told: Record = {
        "code": code_hash(),
        "dataset": ready.whole.hash,
        "spec": ready.spec.as_json(),
        "strategy": ready.strategy.hash,
        "version": version.hash,
        "first": weeks[0].sessions[0].isoformat(),
        "weeks": len(weeks),
        "rest": order.rest,
        "gate": settings.gate.model_dump(mode="json"),
        "reflection": settings.reflection.model_dump(mode="json"),
    }
    body = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    name = f"evolve-{hashlib.sha256(body).hexdigest()[:10]}"
    home = Home(settings.folder("results") / name)
    home.begin(told, settings.folder("prompts"), version.number)
    return home


def _jobs(order: EvolveOrder) -> int:
    import os

    return order.jobs or os.cpu_count() or 1
