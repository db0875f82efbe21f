"""A small market with a large trap: the loop closes, and gives the same whatever interrupts it."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.learning import project as trap_project
from kisbt.config import Settings, load_settings
from kisbt.data.store import load_dataset
from kisbt.data.synth.traps import TrapSpec
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.journal.experiments import ExperimentLedger
from kisbt.rulebook.store import PromptStore
from kisbt.run.evolve import Evolved, EvolveOrder, run_evolution
from kisbt.run.evolve_courses import Course
from kisbt.run.paired import day_returns
from kisbt.run.spec import RunSpec

SPEC = TrapSpec("chased_surge", 0.10, names=16, sessions=480, seed=2)
PAST, WEEKS = 330, 20


class StopHereError(Exception):
    """Stands for whatever ends a process."""


def order_of(settings: Settings, **more: Any) -> EvolveOrder:
    days = load_dataset("market", settings.folder("datasets")).timeline.astype("datetime64[D]")
    return EvolveOrder(first=days[PAST].item(), weeks=WEEKS, seed=7, jobs=1)._replace(**more)


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trapped")
    trap_project(folder, SPEC, holdout=120)
    return folder


@pytest.fixture(scope="module")
def evolved(trapped: Path) -> tuple[Settings, Evolved, list[str]]:
    settings = load_settings(trapped / "kisbt.toml", {})
    told: list[str] = []
    return settings, run_evolution(order_of(settings), settings, tell=told.append), told


def copy_of(trapped: Path, folder: Path) -> Settings:
    shutil.copytree(trapped, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results"))
    return load_settings(folder / "kisbt.toml", {})


class Stopper:
    """Ends the process, as it were, at one piece of work, and remembers all that it was told."""

    def __init__(self, at: int) -> None:
        self.told: list[str] = []
        self._at = at

    def __call__(self, what: str) -> None:
        self.told.append(what)
        # A look that was begun is spent, by protocol: then it ends right after it.
        if len(self.told) > self._at and what != "holdout":
            raise StopHereError(what)


def test_the_loop_closes_by_itself(evolved: tuple[Settings, Evolved, list[str]]) -> None:
    _, done, _ = evolved
    facts = done.facts
    assert [record["week"] for record in done.records] == list(range(1, WEEKS + 1))
    assert facts["trials"]["promotions"] == 1
    move = next(record["move"] for record in done.records if record["move"])
    assert (move["kind"], move["from"]) == ("promotion", 1)
    assert done.records[-1]["version"] == move["to"] == facts["end_version"]
    (rule,) = [one["rule"] for one in facts["rules"]]
    assert rule["evidence"]["trades"] > rule["evidence"]["losers"] > 0
    assert done.home.report.read_text(encoding="utf-8").count("<section") >= 4
    page = done.home.folder / "reflections" / done.records[0]["learning"]["reflection"]
    assert (page / "learning.html").is_file()


def test_the_account_goes_on_under_the_new_version_with_its_positions(
    evolved: tuple[Settings, Evolved, list[str]],
) -> None:
    _, done, _ = evolved
    evolving, frozen = (done.facts["accounts"][name]["growth"] for name in ("evolving", "frozen"))
    days = done.facts["days"]
    change = days.index(done.records[1]["first"])
    assert evolving[: change + 1] == frozen[: change + 1]  # orders of Monday's close fill later
    assert evolving != frozen
    with DatabaseManager(done.home.settings(evolved[0]).journal_url()) as db:
        run = db.run(f"{done.home.folder.name}-account")
    assert run.status == "finished"


def test_a_version_is_registered_before_it_runs(
    evolved: tuple[Settings, Evolved, list[str]],
) -> None:
    settings, done, told = evolved
    with DatabaseManager(done.home.settings(settings).journal_url()) as db:
        entries = ExperimentLedger(db).entries()
    kinds = [entry.kind for entry in entries]
    assert kinds[0] == "campaign"
    assert kinds.index("variant") < kinds.index("test") < kinds.index("look")
    assert told.index("trial") < told.index("replay 2") or told.index("trial") < told.index("test")
    versions = {entry.version for entry in entries if entry.kind == "variant"}
    courses = {path.stem for path in done.home.courses.iterdir()}
    start = PromptStore(settings.folder("prompts")).load(1).hash
    names = {one.removeprefix("sha256:")[:24] for one in {*versions, start} if one}
    assert courses == names


def test_the_project_is_not_touched(evolved: tuple[Settings, Evolved, list[str]]) -> None:
    settings, _, _ = evolved
    assert PromptStore(settings.folder("prompts")).numbers() == [1]
    assert not (settings.folder("results") / "journal.sqlite").exists()


def test_a_finished_evolution_is_told_again_without_work(
    evolved: tuple[Settings, Evolved, list[str]],
) -> None:
    settings, done, _ = evolved
    told: list[str] = []
    again = run_evolution(order_of(settings), settings, tell=told.append)
    assert again.facts == done.facts
    assert [what for what in told if what.startswith(("week", "replay", "trial"))] == []


POINTS = (
    "week 1", "journal 1", "trips", "entries", "panels", "mine entry", "holdings", "mine holding",
    "trial", "replay 2", "replays 1", "test", "holdout", "week 2", "journal 2", f"week {WEEKS}",
    "account",
)  # fmt: skip
"""First pieces of work of their kind, the very first and the very last one among them."""

OFTEN = ("trips", "holdout")
"""Points that every run of the tests interrupts at; the others take the slow ones."""


def test_every_kind_of_work_is_a_point_of_interruption(
    evolved: tuple[Settings, Evolved, list[str]],
) -> None:
    _, _, told = evolved
    kinds = {what.rstrip("0123456789 ") for what in told}
    assert kinds == {point.rstrip("0123456789 ") for point in POINTS}
    assert (told[0], told[-1]) == (POINTS[0], POINTS[-1])


@pytest.mark.parametrize(
    "point",
    [pytest.param(p, marks=() if p in OFTEN else pytest.mark.slow) for p in POINTS],
)
def test_an_interrupted_evolution_ends_the_same(
    point: str, trapped: Path, tmp_path: Path, evolved: tuple[Settings, Evolved, list[str]]
) -> None:
    settings = copy_of(trapped, tmp_path)
    order = order_of(settings)
    whole = evolved[2]
    stopper = Stopper(whole.index(point))
    with pytest.raises(StopHereError):
        run_evolution(order, settings, tell=stopper)
    # Up to there it did what the uninterrupted one did, piece by piece.
    assert stopper.told == whole[: len(stopper.told)]
    assert stopper.told[-1] == (point if point != "holdout" else "week 2")
    done = run_evolution(order, settings)
    assert done.facts == evolved[1].facts
    assert done.home.facts.read_bytes() == evolved[1].home.facts.read_bytes()


@pytest.mark.slow
def test_two_processes_give_the_same_as_one(
    trapped: Path, tmp_path: Path, evolved: tuple[Settings, Evolved, list[str]]
) -> None:
    settings = copy_of(trapped, tmp_path)
    done = run_evolution(order_of(settings, jobs=2), settings)
    assert done.home.facts.read_bytes() == evolved[1].home.facts.read_bytes()
    kept, others = (
        {path.name: path.read_bytes() for path in home.courses.iterdir()}
        for home in (done.home, evolved[1].home)
    )
    assert kept == others


def test_a_kept_course_is_the_replay_that_ends_on_that_day(
    evolved: tuple[Settings, Evolved, list[str]],
) -> None:
    settings, done, _ = evolved
    own = done.home.settings(settings)
    version = PromptStore(own.folder("prompts")).load(1)
    path = done.home.courses / f"{version.hash.removeprefix('sha256:')[:24]}.json"
    course = Course.from_json(orjson.loads(path.read_bytes()))
    last = course.days[250]
    order = orjson.loads((done.home.folder / "order.json").read_bytes())
    spec = RunSpec.model_validate({**order["spec"], "last": last})
    (plain,) = day_returns([spec], own)
    cut = course.until(last)
    assert plain.days == cut.days
    assert plain.returns.tolist() == cut.returns.tolist()
    assert (plain.turnover, plain.breaches) == (cut.turnover, cut.breaches)


def test_a_version_that_turns_bad_is_demoted(trapped: Path, tmp_path: Path) -> None:
    settings = copy_of(trapped, tmp_path)
    order = order_of(settings, weeks=24)
    done = run_evolution(order._replace(weeks=1), settings)
    move = done.records[0]["move"]
    assert move["kind"] == "promotion"
    # The same evolution over more weeks, in which the promoted version loses half a percent a day.
    longer = run_evolution(order, settings)
    own = longer.home.settings(settings)
    version = PromptStore(own.folder("prompts")).load(move["to"])
    path = longer.home.courses / f"{version.hash.removeprefix('sha256:')[:24]}.json"
    raw = orjson.loads(path.read_bytes())
    first = raw["days"].index(longer.records[1]["first"])
    for place in range(first, len(raw["equity"])):
        raw["equity"][place] = round(raw["equity"][place] * 0.995 ** (place - first + 1))
    path.write_bytes(orjson.dumps(raw))
    for week in range(2, 25):
        (longer.home.folder / "weeks" / f"{week:04d}.json").unlink()
    journal = longer.home.folder / "journal.sqlite"
    assert journal.is_file()
    with DatabaseManager(own.journal_url()) as db, db.writing(durable=True) as connection:
        connection.exec_driver_sql("DELETE FROM gate_events WHERE kind = 'guard_day'")
    again = run_evolution(order, settings)
    moves = [record["move"] for record in again.records if record["move"]]
    assert [(one["kind"], one["to"]) for one in moves[:2]] == [("promotion", 2), ("demotion", 1)]
    assert moves[1]["evidence"]["wealth"] >= moves[1]["evidence"]["needed"]
    assert PromptStore(own.folder("prompts")).current_number() == again.records[-1]["after"]


def test_a_challenger_may_have_to_pass_on_paper_first(trapped: Path, tmp_path: Path) -> None:
    settings = copy_of(trapped, tmp_path)
    file = tmp_path / "kisbt.toml"
    text = (
        file.read_text(encoding="utf-8")
        + 'shadow_wealth = 1.5\n[reflection]\npromote_on = "shadow"\n'
    )
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, {})
    done = run_evolution(order_of(settings, weeks=30), settings)
    begun = next(record for record in done.records if record["shadowed"])
    assert begun["move"] is None
    followed = [record for record in done.records if record["shadows"]]
    assert followed[0]["week"] == begun["week"] + 1
    assert followed[0]["shadows"][0]["days"] <= 5
    move = next(record["move"] for record in done.records if record["move"])
    assert move["kind"] == "promotion"
    assert move["evidence"]["wealth"] >= move["evidence"]["needed"] == 1.5


def test_no_weeks_and_no_days_are_refused(trapped: Path) -> None:
    settings = load_settings(trapped / "kisbt.toml", {})
    with pytest.raises(ConfigError, match="no walk"):
        run_evolution(order_of(settings, weeks=0), settings)
    late = order_of(settings).first
    assert late is not None
    with pytest.raises(ConfigError, match="no session"):
        run_evolution(order_of(settings, first=late.replace(year=2040)), settings)
