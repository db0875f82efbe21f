"""Days on which something is wrong: one clear line each, and nothing lost."""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from kisbt.config import Settings
from kisbt.data.store import load_dataset
from kisbt.errors import ConfigError, TradingSystemError
from kisbt.journal.controls import Controls
from kisbt.journal.database import DatabaseManager
from kisbt.journal.runs import RunMode
from kisbt.kis.master import MasterFiles
from kisbt.run.chaos_checks import judge
from kisbt.run.chaos_client import WatchedClient
from kisbt.run.chaos_faults import FAULTS
from kisbt.run.chaos_market import chaos_market
from kisbt.run.chaos_trader import script
from kisbt.run.chaos_world import World
from kisbt.run.live_command import trade
from kisbt.run.live_order import LiveOrder, names_at_kis, understand
from kisbt.sim.credentials import devlp_yaml
from kisbt.sim.faults.profile import FaultProfile
from kisbt.sim.flavour import Flavour
from kisbt.sim.options import SimOptions
from kisbt.sim.runner import RunningSimulator
from kisbt.sim.simulator import Simulator
from tests.run.conftest import CHECKOUT


def nothing(_world: World, _point: str) -> None:
    """Nobody strikes."""


def world_of(
    folder: Path,
    days: int = 2,
    *,
    faults: list[dict[str, Any]] | None = None,
    mode: RunMode = "sim",
    on_point: Callable[[World, str], None] = nothing,
) -> World:
    dataset = chaos_market(days + 1)
    names = dict(dataset.instruments)
    return World(
        folder, dataset, days, seed=0, mode=mode, on_point=on_point,
        decide=lambda context, day: script(context, names, day),
        profile=FaultProfile.model_validate({"faults": faults or []}),
    )  # fmt: skip


def alerts(world: World) -> list[str]:
    with DatabaseManager(world.url) as db:
        return [alert.message for alert in Controls(db).alerts()]


def test_a_closed_market_is_waited_for(tmp_path: Path) -> None:
    """Started on a Saturday: Friday's close is decided on, and orders leave on Monday."""
    times: list[datetime] = []

    def watch(world: World, point: str) -> None:
        if point == "leaving":
            times.append(world.sim.now)

    with world_of(tmp_path, days=5, on_point=watch) as world:
        saturday = datetime(2025, 3, 8, 12, 0)
        world.running.call(lambda sim: sim.advance_to(saturday))
        world.run()
        assert judge(world).clean
    assert times
    assert min(times) == datetime.combine(date(2025, 3, 10), time(8, 40))


def test_a_holiday_that_only_kis_knows_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = WatchedClient.chk_holiday

    def closed(self: WatchedClient, first: date) -> Any:
        days = asked(self, first)
        return tuple(day.model_copy(update={"open": False}) for day in days)

    monkeypatch.setattr(WatchedClient, "chk_holiday", closed)
    with world_of(tmp_path, mode="real") as world:
        world.run()
        assert judge(world).clean
    assert "2025-03-04: 한국투자증권 휴장일. 오늘은 체결되지 않음" in alerts(world)


def test_a_clock_that_is_off_is_said_and_trading_goes_on(tmp_path: Path) -> None:
    skewed = [{"kind": "clock_skew", "seconds": 60}]
    with world_of(tmp_path, faults=skewed, mode="paper") as world:
        world.run()
        assert judge(world).clean
    told = [re.search(r"시계가 서버와 \+([\d.]+)초", line) for line in alerts(world)]
    assert any(abs(float(each[1]) - 60) < 1 for each in told if each), alerts(world)


def test_a_stream_that_is_refused_costs_nothing_but_time(tmp_path: Path) -> None:
    """No notice all day: the day's orders tell the executions."""
    refused = [{"kind": "key_in_use"}, {"kind": "notice_lost"}]
    with world_of(tmp_path, faults=refused) as world:
        world.run()
        found = judge(world)
    assert found.clean, found.lines()
    assert world.wire.passed["fill_booked"]


def test_a_balance_that_reads_empty_is_not_believed(tmp_path: Path) -> None:
    (fault,) = [fault for fault in FAULTS if fault.name == "balance_empty"]

    def empty(world: World, point: str) -> None:
        if point == "resting" and world.wire.passed[point] == 1:
            fault.act(world)

    with world_of(tmp_path, on_point=empty) as world:
        world.run()
        found = judge(world)
        assert found.clean, found.lines()
        assert world.account()[1]
    with DatabaseManager(world.url) as db:
        assert not [a for a in Controls(db).alerts() if "정정" in a.message]


def test_keys_of_the_other_environment_are_one_clear_line(project: Path) -> None:
    sample = load_dataset("sample", CHECKOUT / "datasets").only(("990010",))
    both = (Flavour.PAPER, Flavour.REAL)
    sim = Simulator(sample, SimOptions(flavours=both, speed=60.0, stamp="venue", per_second=0))
    with RunningSimulator(sim) as running:
        pair = sim.doors[Flavour.REAL].credentials[0]
        text = devlp_yaml({Flavour.PAPER: (pair, running.rest_url(), running.stream_url())})
        (project / "kis_devlp.yaml").write_text(text, encoding="utf-8")
        settings = Settings.model_validate(
            {"kis": {"cache": str(project / "cache"), "paper_per_second": 1000}, "root": project}
        )
        order = LiveOrder(days=1, config_dir=project)
        with pytest.raises(TradingSystemError) as met:
            trade(order, settings, confirm=str, quiet=True, environ={})
    assert "\n" not in str(met.value)
    assert met.value.hint
    assert "EGW" in str(met.value) or "모의" in str(met.value), met.value


def test_a_name_that_was_delisted_is_refused_before_anything_starts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MasterFiles, "records", lambda *_: ())
    settings = Settings(root=project)
    plan = understand(LiveOrder(tickers="005930,000000"), settings)
    with pytest.raises(ConfigError, match=r"not listed at KRX today: 000000, 005930"):
        names_at_kis(plan, settings, project)
