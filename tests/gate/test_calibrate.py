import numpy as np
import pytest

from kisbt.config import GateSettings
from kisbt.gate.calibrate import ADOPTED, GATE, Cell, Rate, Report, calibrate, measure
from kisbt.gate.nulls import KINDS, NOISE, Kind, champion, differences

SETTINGS = GateSettings()


@pytest.mark.parametrize("kind", KINDS)
def test_useless_versions_are_rarely_promoted(kind: Kind) -> None:
    """A short look, loose bound; ``kisbt gate --calibrate`` takes thousands."""
    rates = {rate.rule: rate for rate in measure(Cell(kind, 20), SETTINGS, campaigns=300, seed=5)}
    assert rates[GATE].rate <= 0.02
    assert rates[GATE].promoted <= rates[ADOPTED].promoted


def test_choosing_the_higher_return_promotes_nearly_always() -> None:
    rates = measure(Cell("iid", 5), SETTINGS, campaigns=150, seed=5, rules=True)
    found = {rate.rule: rate.rate for rate in rates}
    assert found["higher return"] > 0.9
    assert found["Sharpe better by .2"] > 0.5
    assert found["deflated Sharpe >= .95, absolute"] > 0.1
    assert found["deflated Sharpe >= .95, differences"] < 0.02
    assert found["sign-flip <= .05"] < 0.12


@pytest.mark.parametrize(("ir", "least", "most"), [(1.0, 0.0, 0.12), (3.0, 0.70, 0.92)])
def test_power_is_that_of_the_design_study(ir: float, least: float, most: float) -> None:
    rates = measure(Cell("iid", 5, 500, 125, ir), SETTINGS, campaigns=200, seed=5)
    (rate,) = (one.rate for one in rates if one.rule == GATE)
    assert least <= rate <= most


@pytest.mark.slow
def test_result_does_not_depend_on_the_number_of_processes() -> None:
    alone, shared = (
        measure(Cell("iid", 5), SETTINGS, campaigns=40, seed=1, rules=True, jobs=jobs)
        for jobs in (1, 2)
    )
    assert alone == shared


def test_standard_error_and_exact_bound() -> None:
    rate = Rate(Cell("iid", 5), GATE, 12, 3000)
    assert rate.error == pytest.approx(np.sqrt(0.004 * 0.996 / 3000))
    assert rate.upper == pytest.approx(0.00647, abs=2e-5)  # R: binom.test(12, 3000, alt = "less")
    assert Rate(Cell("iid", 5), GATE, 0, 300).upper == pytest.approx(1 - 0.05 ** (1 / 300))
    assert Rate(Cell("iid", 5), GATE, 5, 5).upper == 1.0
    assert Rate(Cell("iid", 5), GATE, 0, 300).lower == 0.0
    assert rate.lower < rate.rate < rate.upper


@pytest.mark.parametrize(
    ("promoted", "promise"), [(10, "kept"), (40, "open"), (80, "broken"), (3000, "broken")]
)
def test_promise_is_kept_open_or_broken_by_the_bounds(promoted: int, promise: str) -> None:
    rates = [Rate(Cell("iid", 5), GATE, 1, 3000), Rate(Cell("crash", 20), GATE, promoted, 3000)]
    assert Report(rates, [], [], []).promise == promise


def test_report_holds_every_null_and_says_whether_the_promise_is_kept() -> None:
    seen: list[str] = []
    report = calibrate(
        SETTINGS, kinds=("skew",), campaigns=20, seed=0, with_power=False, progress=seen.append
    )
    assert [(rate.cell.kind, rate.cell.versions) for rate in report.nulls] == [
        ("skew", 5),
        ("skew", 20),
    ]
    assert len(seen) == 2
    assert report.promise == "open"  # twenty campaigns prove nothing
    assert report.power == []


@pytest.mark.parametrize("kind", KINDS)
def test_null_worlds_have_mean_zero_and_the_same_noise(kind: Kind) -> None:
    world = differences(kind, 2000, 60, np.random.default_rng(0))
    assert world.std() == pytest.approx(NOISE, rel=0.1)
    slack = 4 if kind == "related" else 1.2  # related versions share their luck
    assert abs(world.mean()) < slack * 3 * NOISE / np.sqrt(world.size)


def test_related_versions_are_related_and_dependent_in_time() -> None:
    world = differences("related", 4000, 10, np.random.default_rng(0))
    assert np.corrcoef(world.T)[0, 1] == pytest.approx(0.5, abs=0.12)
    assert np.corrcoef(world[1:, 0], world[:-1, 0])[0, 1] == pytest.approx(0.385, abs=0.06)


def test_losses_and_crashes_lean_to_the_left() -> None:
    for kind, least in (("skew", -1.0), ("crash", -2.0)):
        world = differences(kind, 4000, 5, np.random.default_rng(0))  # type: ignore[arg-type]
        unit = (world - world.mean(axis=0)) / world.std(axis=0)
        assert (np.mean(unit**3, axis=0) < least).all()


def test_champion_earns_the_sharpe_it_is_said_to() -> None:
    returns = champion(100_000, np.random.default_rng(0))
    assert returns.mean() / returns.std() * np.sqrt(252) == pytest.approx(0.8, abs=0.1)
