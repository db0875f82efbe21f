"""``kisbt chaos``: sessions survive, and the checks that say so can fail."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kisbt.config import RiskLimits
from kisbt.domain.trading import Fill
from kisbt.errors import ConfigError
from kisbt.journal.database import DatabaseManager
from kisbt.run.chaos import run_cell, run_chaos
from kisbt.run.chaos_checks import Findings, breaches, judge, read
from kisbt.run.chaos_faults import FAULTS, Named
from kisbt.run.chaos_market import chaos_market
from kisbt.run.chaos_points import POINTS, WatchedBooks
from kisbt.run.chaos_trader import script
from kisbt.run.chaos_world import World
from tests.run.conftest import Said

BY_NAME = {fault.name: fault for fault in FAULTS}


def session(folder: Path, on_point: Callable[[World, str], None]) -> tuple[World, Findings]:
    """One ordinary session of two days with somebody looking on."""
    dataset = chaos_market(3)
    names = dict(dataset.instruments)
    world = World(
        folder, dataset, 2, seed=0,
        decide=lambda context, day: script(context, names, day), on_point=on_point,
    )  # fmt: skip
    with world:
        world.run()
        return world, judge(world)


def nothing(_world: World, _point: str) -> None:
    """Nobody strikes."""


def test_there_are_thirty_faults_and_more_each_with_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(FAULTS) >= 30


def test_an_ordinary_session_passes_every_point_and_nothing_is_found(tmp_path: Path) -> None:
    world, found = session(tmp_path, nothing)
    assert found.clean, found.lines()
    assert {point for point in POINTS if not world.wire.passed[point]} == {"restart"}
    assert world.lives == 1


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("kill", "taken"),
        ("kill_answer_lost", "intent"),
        ("answer_lost", "before_open"),
        ("disk_full", "fill_heard"),
        ("halt_kill", "accepted"),
        ("everything_kill", "cancelling"),
    ],
)
def test_a_session_survives(fault: str, point: str) -> None:
    cell = run_cell(BY_NAME[fault], point, 0)
    assert cell.survived, cell
    assert (cell.kills > 0) == fault.endswith(("kill", "kill_answer_lost"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_every_fault_and_every_point_is_survived(number: int) -> None:
    """The diagonals of the table; ``kisbt chaos`` runs all of it."""
    points = list(POINTS)
    cell = run_cell(FAULTS[number], points[number % len(points)], seed=1)
    assert cell.survived, cell


def test_an_order_that_is_nobodys_is_found(tmp_path: Path) -> None:
    def copy(world: World, point: str) -> None:
        if point == "accepted" and world.wire.passed[point] == 1:
            BY_NAME["stranger_order"].act(world)
            world.foreign.clear()  # as if we had sent it

    _, found = session(tmp_path, copy)
    assert len(found.doubled) == 1
    assert "is nobody's" in found.doubled[0]


def test_an_execution_that_was_not_journaled_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = WatchedBooks.record_fill

    def forget(self: WatchedBooks, fill: Fill) -> None:
        if fill.number != 1:
            record(self, fill)

    monkeypatch.setattr(WatchedBooks, "record_fill", forget)
    _, found = session(tmp_path, nothing)
    assert len(found.lost) == 1
    assert any("journal has" in line for line in found.unresolved)


def test_an_order_sent_off_cerebros_thread_is_found(tmp_path: Path) -> None:
    def stray(world: World, point: str) -> None:
        if point == "auction" and not world.wire.passed["leaving"]:
            return
        if point == "auction" and world.desk is not None:
            client = world.desk.setup.venue.client
            thread = threading.Thread(target=client.inquire_daily_ccld)
            thread.start()
            thread.join()

    _, found = session(tmp_path, stray)
    assert found.breaches
    assert "touched off Cerebro's thread" in found.breaches[0]


def test_limits_that_were_passed_are_found(tmp_path: Path) -> None:
    world, found = session(tmp_path, nothing)
    assert not found.breaches
    with DatabaseManager(world.url) as db:
        told = read(db, world.scope)
    for limits, said in (
        (RiskLimits(max_weight=0.1), "weight of"),
        (RiskLimits(max_exposure=0.2, max_weight=1), "exposure"),
        (RiskLimits(max_positions=1, max_weight=1), "positions"),
        (RiskLimits(max_turnover_per_day=0.1, max_weight=1), "turnover"),
        (RiskLimits(max_orders_per_day=1, max_weight=1), "orders"),
    ):
        assert any(said in line for line in breaches(told, world.closes, limits)), said


def test_a_fault_that_breaks_something_fails_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def order_twice(world: World) -> None:
        BY_NAME["stranger_order"].act(world)
        world.foreign.clear()

    monkeypatch.setattr("kisbt.run.chaos.FAULTS", (Named("bad", "orders twice", order_twice),))
    table = run_chaos(points=["resting"])
    assert not table.clean
    assert table.rows[0].total("doubled") == 1


def test_the_command_says_how_it_went(kisbt: Callable[..., Said]) -> None:
    said = kisbt("chaos", "--faults", "kill", "--points", "taken", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["clean"] is True
    assert (told["sessions"], told["faults"][0]["survived"]) == (1, 1)


def test_an_unknown_fault_or_point_is_one_clear_line(kisbt: Callable[..., Said]) -> None:
    said = kisbt("chaos", "--faults", "earthquake")
    assert said.code == ConfigError.exit_code
    assert said.err.count("\n") == 1
    assert "no fault 'earthquake'" in said.err
    assert "no point 'noon'" in kisbt("chaos", "--points", "noon").err
