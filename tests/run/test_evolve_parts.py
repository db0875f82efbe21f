"""Weeks, standings, courses and takeovers of an evolution, each by itself."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.learning import project as trap_project
from kisbt.config import GateSettings
from kisbt.data.synth.traps import TrapSpec
from kisbt.journal.database import DatabaseManager
from kisbt.krx.calendar import sessions
from kisbt.rulebook.store import PromptStore
from kisbt.run.evolve_account import InForce, accounts
from kisbt.run.evolve_courses import Course, course_of
from kisbt.run.evolve_facts import account_figures, judged
from kisbt.run.evolve_state import Home, Promotion, plain, promotion_of, standing, weeks_of
from kisbt.run.order import Order, specs_of
from kisbt.run.prepare import prepare
from kisbt.run.replay import Brain

DAYS = sessions(date(2023, 1, 2), date(2024, 12, 30))


@given(st.integers(0, 400), st.integers(1, 90))
def test_weeks_hold_every_session_once_and_their_sunday_comes_after(first: int, count: int) -> None:
    chosen = DAYS[first : first + count]
    weeks = weeks_of(chosen)
    assert [day for week in weeks for day in week.sessions] == chosen
    assert [week.number for week in weeks] == list(range(1, len(weeks) + 1))
    for week in weeks:
        assert week.evening.strftime("%a %H:%M") == "Sun 18:00"
        assert week.sessions[-1] < week.evening.date() < week.monday
        assert week.evening.date() - week.sessions[0] < timedelta(days=7)


def test_only_as_many_weeks_as_asked_for() -> None:
    assert [week.number for week in weeks_of(DAYS, 3)] == [1, 2, 3]


def record(week: int, **more: Any) -> dict[str, Any]:
    found = {"week": week, "step": "waiting", "tested": False, "windows": None, "move": None,
             "shadowed": [], "unshadowed": []}  # fmt: skip
    return {**found, **more}


def promotion(number: int, parent: int) -> Promotion:
    return Promotion(number, f"sha256:{number}", "c1", parent, date(2024, 3, 4))


def promoted(number: int, parent: int) -> dict[str, Any]:
    return {"kind": "promotion", "from": parent, "to": number,
            "promotion": plain(promotion(number, parent))}  # fmt: skip


def test_where_an_evolution_stands_follows_from_its_weeks() -> None:
    windows = {"development": {"first": "2023-01-02", "last": "2023-06-30"},
               "holdout": {"first": "2023-07-10", "last": "2023-12-28"}}  # fmt: skip
    weeks = [
        record(1, step="learned"),
        record(2, step="learned", tested=True, windows=windows, move=promoted(3, 1)),
        record(3, shadowed=[plain(promotion(4, 3)), plain(promotion(5, 3))]),
        record(4, unshadowed=[5]),
    ]
    assert standing(1, weeks[:1]).idle == 1
    now = standing(1, weeks)
    assert now.champion == 3
    assert now.promotions == {3: promotion(3, 1)}
    assert now.shadows == (promotion(4, 3),)
    assert [one.last for one in now.tested] == [date(2023, 12, 28)]
    assert now.idle is None
    demotion = record(5, move={"kind": "demotion", "from": 3, "to": 1})
    later = standing(1, [*weeks, demotion])
    assert (later.champion, later.shadows) == (1, ())


def test_a_promotion_survives_its_file() -> None:
    assert promotion_of(plain(promotion(4, 2))) == promotion(4, 2)


def test_weeks_behind_a_gap_do_not_count(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for number in (1, 2, 4):
        home.keep(record(number))
    (tmp_path / "weeks" / "0002.json").write_text("{", encoding="utf-8")
    assert [one["week"] for one in home.done()] == [1]


@given(
    st.lists(st.integers(50_000, 200_000), min_size=2, max_size=30),
    st.integers(0, 29),
)
def test_a_course_cut_at_a_day_knows_nothing_later(equity: Sequence[int], cut: int) -> None:
    days = tuple(DAYS[: len(equity)])
    last = days[min(cut, len(days) - 1)]
    whole = Course(days, 100_000, tuple(equity), tuple(equity), (days[-1],))
    changed = Course(
        days,
        100_000,
        tuple(e if d <= last else 1 for d, e in zip(days, equity, strict=True)),
        tuple(e if d <= last else 0 for d, e in zip(days, equity, strict=True)),
        (days[-1],),
    )
    one, other = whole.until(last), changed.until(last)
    assert one.returns.tolist() == other.returns.tolist()
    assert one[2:] == other[2:]
    assert Course.from_json(whole.as_json()) == whole


def test_a_version_taking_over_from_itself_changes_nothing(tmp_path: Path) -> None:
    settings = trap_project(
        tmp_path, TrapSpec("weak_close", 0.05, names=8, sessions=160, seed=4), holdout=120
    )
    ready = prepare(specs_of(Order(), settings)[0].model_copy(update={"prompt": 1}), settings)
    alone = course_of(ready)
    first, second = ready.brain(), ready.brain()
    assert first is not None
    assert second is not None
    deciders = [first.decider, second.decider]
    half = sorted(set(ready.tape.sessions))[80]
    both = course_of(
        ready,
        None,
        Brain(InForce(deciders, 0), first.rules, first.features, first.warmup),
        [(half, Brain(InForce(deciders, 1), first.rules, first.features, first.warmup))],
    )
    assert sum(alone.traded) > 0
    assert both == alone
    with DatabaseManager(settings.journal_url()) as db:
        traded = accounts(
            ready, [], alone, settings, db, PromptStore(settings.folder("prompts")), "unused"
        )
    assert traded.evolving is traded.frozen is alone


GATE = GateSettings()


@pytest.mark.parametrize(("drift", "claim"), [(0.004, "better"), (-0.004, "worse")])
def test_a_large_difference_is_called_what_it_is(drift: float, claim: str) -> None:
    noise = np.random.default_rng(5).normal(0, 0.004, 200)
    found = judged(drift + noise, GATE, 10, 7)
    assert found["claim"] == claim
    assert found["days_missing"] is None
    low, middle, high = found["yearly"]
    assert low <= middle <= high


def test_no_difference_is_undecided_and_says_how_many_days_are_missing() -> None:
    noise = 0.0004 + np.random.default_rng(6).normal(0, 0.01, 200)
    found = judged(noise, GATE, 10, 7)
    assert found["claim"] == "undecided"
    assert found["days_missing"] is not None
    assert found["days_missing"] > 0
    assert judged(-noise, GATE, 10, 7)["days_missing"] == found["days_missing"]
    assert judged(np.zeros(200), GATE, 10, 7)["p"] is None


def test_account_figures_are_those_of_a_plain_count() -> None:
    found = account_figures(np.array([0.1, -0.5, 0.2]))
    assert found["growth"] == pytest.approx([0.1, -0.45, -0.34])
    assert found["total_return"] == pytest.approx(-0.34)
    assert found["max_drawdown"] == pytest.approx(-0.5)
