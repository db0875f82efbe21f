from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from kisbt.config import GateSettings
from kisbt.errors import GateError
from kisbt.gate.decision import Claim, Tier, Verdict
from kisbt.gate.gate import Gate
from kisbt.gate.registry import Campaign, Window
from tests.gate.scenes import SETTINGS, evidence, held_out, open_gate, terms


def begun(gate: Gate, *versions: str, **changes: object) -> Campaign:
    campaign = gate.register_campaign(terms(**changes))
    for version in versions:
        gate.register(campaign.id, version)
    return campaign


def passed_test(gate: Gate, *others: str, **changes: object) -> Campaign:
    """A campaign in which version ``good`` has passed the development test."""
    campaign = begun(gate, "good", *others, **changes)
    edges = (5.0, *(0.0 for _ in others))
    assert gate.test(campaign.id, evidence(("good", *others), edges)).verdict == Verdict.TO_HOLDOUT
    return campaign


def in_shadow(gate: Gate) -> Campaign:
    campaign = passed_test(gate)
    gate.look(campaign.id, "good", lambda: held_out(4.0))
    assert gate.start_shadow(campaign.id, "good").verdict is Verdict.WAIT
    return campaign


def test_better_version_goes_all_the_way(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "bad", "good", "same")
        found = gate.test(campaign.id, evidence(("bad", "good", "same"), (-3.0, 5.0, 0.0)))
        assert (found.version, found.verdict, found.tier) == ("good", "promote_to_holdout", "E2")
        assert found.claim is Claim.UNDECIDED  # the holdout has not spoken
        found = gate.look(campaign.id, "good", lambda: held_out(4.0))
        assert (found.verdict, found.tier, found.claim) == ("promote_to_shadow", "E3", "better")
        gate.start_shadow(campaign.id, "good")
        day = date(2024, 1, 2)
        for difference in held_out(6.0, days=250):
            found = gate.shadow(campaign.id, "good", day, float(difference))
            day += timedelta(days=1)
            if found.verdict is not Verdict.WAIT:
                break
        assert found.verdict is Verdict.ASK_HUMAN
        found = gate.approve(campaign.id, "good", "owner")
        assert (found.verdict, found.tier, found.stage) == ("promote", "E4", "live_canary")
        assert gate.decision(campaign.id, "good") == found
        assert gate.decision(campaign.id, "same").verdict is Verdict.KEEP


def test_version_that_is_no_better_is_undecided_with_days_missing(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a")
        found = gate.test(campaign.id, evidence(("a",), (0.8,)))
    assert (found.verdict, found.tier, found.claim) == ("keep", "E1", "undecided")
    assert found.days_missing is not None
    assert found.days_missing > 500


def test_version_that_is_proved_worse_is_called_worse(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a", "b")
        gate.test(campaign.id, evidence(("a", "b"), (-6.0, 0.3)))
        assert gate.decision(campaign.id, "a").claim is Claim.WORSE
        assert gate.decision(campaign.id, "b").claim is Claim.UNDECIDED


def test_constant_zero_difference_is_never_promoted(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "copy")
        given = evidence(("copy",), (0.0,))
        given = given._replace(returns=given.champion[:, None].copy())
        found = gate.test(campaign.id, given)
    assert found.verdict is Verdict.REJECT  # it affects no day at all
    assert found.days_missing is None


def test_unregistered_version_may_not_run(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a")
        gate.require_registered(campaign.id, "a")
        gate.require_registered(campaign.id, "sha256:champion")
        with pytest.raises(GateError, match="not registered"):
            gate.require_registered(campaign.id, "b")
        with pytest.raises(GateError, match="no campaign"):
            gate.require_registered("c0", "a")
        with pytest.raises(GateError, match="never registered"):
            gate.test(campaign.id, evidence(("a", "b"), (0.0, 0.0)))
        with pytest.raises(GateError, match="cannot challenge itself"):
            gate.register(campaign.id, "sha256:champion")


def test_version_left_out_of_the_test_is_missed(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a", "b")
        with pytest.raises(GateError, match="1 registered versions are left out"):
            gate.test(campaign.id, evidence(("a",), (5.0,)))


def test_crashed_version_stays_a_trial(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a", "b")
        gate.crashed(campaign.id, "b", "division by zero")
        found = gate.test(campaign.id, evidence(("a",), (1.0,)))
        (dsr,) = (reason for reason in found.reasons if reason.step == "dsr")
        assert dsr.numbers["trials"] == 2
        assert gate.decision(campaign.id, "b").tier is Tier.E0


def test_versions_of_earlier_campaigns_on_the_same_days_count_too(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        begun(gate, "a", "b", champion="sha256:old")
        campaign = begun(gate, "c", note="a later champion")
        assert gate.variants(campaign.id) == ["sha256:old", "a", "b", "c"]
        elsewhere = begun(gate, "d", dataset="sha256:other")
        assert gate.variants(elsewhere.id) == ["d"]


def test_asking_again_with_the_same_arrays_finds_the_same_answer(tmp_path: Path) -> None:
    given = evidence(("a",), (1.0,))
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a")
        first = gate.test(campaign.id, given)
    with open_gate(tmp_path) as gate:
        assert begun(gate, "a") == campaign
        assert gate.test(campaign.id, given) == first


def test_asking_every_night_is_no_way_round_the_level(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a")
        gate.test(campaign.id, evidence(("a",), (1.0,)))
        with pytest.raises(GateError, match="used up"):
            gate.test(campaign.id, evidence(("a",), (1.0,), seed=1))
        again = begun(gate, note="the same holdout, another name")
        with pytest.raises(GateError, match="used up"):
            gate.test(again.id, evidence(("a",), (1.0,), seed=2))


def test_three_planned_tests_share_one_level(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a", tests=3)
        for seed in range(3):
            found = gate.test(campaign.id, evidence(("a",), (0.5,), seed=seed))
            (test,) = (reason for reason in found.reasons if reason.step == "max_t")
            assert test.numbers["level"] in (
                pytest.approx(SETTINGS.level / 3),
                pytest.approx(SETTINGS.skew_level / 3),
            )
        with pytest.raises(GateError, match="used up"):
            gate.test(campaign.id, evidence(("a",), (0.5,), seed=3))
        with pytest.raises(GateError, match="at most 3"):
            gate.register_campaign(terms(tests=4))


def test_second_look_at_a_spent_holdout_raises(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)
        failed = gate.look(campaign.id, "good", lambda: held_out(-1.0))
        assert (failed.verdict, failed.tier, failed.claim) == ("keep", "E2", "undecided")
        with pytest.raises(GateError, match="looked at this holdout before"):
            gate.look(campaign.id, "good", lambda: held_out(9.0))


def test_look_that_crashed_is_spent(tmp_path: Path) -> None:
    def crash() -> np.ndarray:
        raise MemoryError("out of memory")

    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)
        with pytest.raises(MemoryError):
            gate.look(campaign.id, "good", crash)
        assert gate.decision(campaign.id, "good").verdict is Verdict.KEEP
        with pytest.raises(GateError, match="looked at this holdout before"):
            gate.look(campaign.id, "good", lambda: held_out(9.0))


def test_look_is_written_before_the_holdout_is_opened(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)

        def reading_the_ledger() -> np.ndarray:
            with open_gate(tmp_path) as other, pytest.raises(GateError, match="looked"):
                other.look(campaign.id, "good", lambda: held_out(9.0))
            return held_out(4.0)

        assert gate.look(campaign.id, "good", reading_the_ledger).verdict is Verdict.TO_SHADOW


def test_look_tells_nothing_but_pass_or_fail(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)
        found = gate.look(campaign.id, "good", lambda: held_out(-0.5))
        (reason,) = (reason for reason in found.reasons if reason.step == "holdout")
        assert set(reason.numbers) == {"level", "days"}


@pytest.mark.parametrize("bad", [np.zeros(30), np.zeros((130, 2)), np.full(130, np.nan)])
def test_holdout_that_is_too_short_or_broken_is_spent_all_the_same(
    tmp_path: Path, bad: np.ndarray
) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)
        with pytest.raises(ValueError, match=r"holdout|finite"):
            gate.look(campaign.id, "good", lambda: bad)
        assert gate.decision(campaign.id, "good").verdict is Verdict.KEEP


def test_only_the_candidate_that_passed_may_look(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate, "other")
        with pytest.raises(GateError, match="may not look"):
            gate.look(campaign.id, "other", lambda: held_out(9.0))


def test_levels_halve_and_the_holdout_closes_when_its_looks_are_spent(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"holdout_looks": 2})
    with open_gate(tmp_path, settings) as gate:
        for number, name in enumerate(("one", "two", "three")):
            campaign = begun(gate, name, tests=3, seed=number)
            known = tuple(gate.variants(campaign.id))
            edges = tuple(6.0 if version == name else 0.0 for version in known)
            assert gate.test(campaign.id, evidence(known, edges, seed=number)).version == name
            if number == 2:
                with pytest.raises(GateError, match="looked at 2 times and is closed"):
                    gate.look(campaign.id, name, lambda: held_out(9.0))
                break
            failed = gate.look(campaign.id, name, lambda: held_out(-1.0))
            (reason,) = (reason for reason in failed.reasons if reason.step == "holdout")
            assert reason.numbers["level"] == pytest.approx(0.20 / 2**number)


def test_changed_threshold_voids_open_evidence(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)
    loose = SETTINGS.model_copy(update={"level": 0.05})
    with open_gate(tmp_path, loose) as gate:
        for act in (
            lambda: gate.register(campaign.id, "late"),
            lambda: gate.require_registered(campaign.id, "good"),
            lambda: gate.test(campaign.id, evidence(("good",), (5.0,))),
            lambda: gate.look(campaign.id, "good", lambda: held_out(4.0)),
            lambda: gate.start_shadow(campaign.id, "good"),
        ):
            with pytest.raises(GateError, match="another epoch"):
                act()
        assert gate.register_campaign(terms()).id != campaign.id


def test_days_the_model_may_remember_are_no_evidence(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a", after_cutoff=False)
        found = gate.test(campaign.id, evidence(("a",), (6.0,)))
        assert (found.verdict, found.tier) == ("keep", "E0")
        with pytest.raises(GateError, match="may not look"):
            gate.look(campaign.id, "a", lambda: held_out(9.0))


def test_without_a_holdout_nothing_goes_beyond_the_development_test(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = begun(gate, "a", holdout=None)
        found = gate.test(campaign.id, evidence(("a",), (6.0,)))
        assert (found.verdict, found.tier) == ("keep", "E2")


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (date(2022, 12, 1), date(2023, 7, 28), "inside the development days"),
        (date(2023, 1, 3), date(2023, 7, 28), "sessions between"),
        (date(2023, 1, 16), date(2023, 3, 31), "not worth opening"),
    ],
)
def test_windows_that_leak_or_say_nothing_are_refused(
    tmp_path: Path, first: date, last: date, why: str
) -> None:
    with open_gate(tmp_path) as gate, pytest.raises(GateError, match=why):
        gate.register_campaign(terms(holdout=Window(first=first, last=last)))


def test_days_developed_on_can_never_be_held_out(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        later = Window(first=date(2021, 1, 4), last=date(2023, 3, 31))
        begun(gate, "a", development=later, holdout=None)
        with pytest.raises(GateError, match="were development data"):
            gate.register_campaign(terms())


def test_holdout_that_is_developed_on_closes(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = passed_test(gate)
        begun(
            gate,
            "next",
            development=Window(first=date(2021, 1, 4), last=date(2023, 7, 28)),
            holdout=Window(first=date(2023, 8, 14), last=date(2024, 3, 29)),
        )
        with pytest.raises(GateError, match="become development data"):
            gate.look(campaign.id, "good", lambda: held_out(4.0))
        assert gate.decision(campaign.id, "good").verdict is Verdict.KEEP


def test_shadow_day_counts_once_and_in_order(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = in_shadow(gate)
        first = gate.shadow(campaign.id, "good", date(2024, 1, 3), 0.01)
        assert gate.shadow(campaign.id, "good", date(2024, 1, 3), 0.05) == first
        with pytest.raises(GateError, match="comes before"):
            gate.shadow(campaign.id, "good", date(2024, 1, 2), 0.01)
        with pytest.raises(ValueError, match="difference"):
            gate.shadow(campaign.id, "good", date(2024, 1, 4), float("nan"))


def test_shadow_that_proves_nothing_is_given_up_as_undecided(tmp_path: Path) -> None:
    settings = GateSettings(drawdown_points=0.5, shadow_days=30)
    with open_gate(tmp_path, settings) as gate:
        campaign = in_shadow(gate)
        for number in range(30):
            found = gate.shadow(campaign.id, "good", date(2024, 1, 1) + timedelta(number), 0.0)
        assert (found.verdict, found.claim) == ("keep", "undecided")
        with pytest.raises(GateError, match="no shadow_day now"):
            gate.shadow(campaign.id, "good", date(2024, 3, 1), 0.01)


def test_two_in_shadow_need_twice_the_wealth(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = in_shadow(gate)
        second = begun(gate, "second", dataset="sha256:other")
        gate.test(second.id, evidence(("second",), (5.0,)))
        gate.look(second.id, "second", lambda: held_out(4.0))
        gate.start_shadow(second.id, "second")
        found = gate.shadow(campaign.id, "good", date(2024, 1, 2), 0.0)
        (bet,) = (reason for reason in found.reasons if reason.step == "shadow")
        assert bet.numbers["needed"] == 40.0


def test_promoted_version_that_falls_behind_is_rolled_back(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = in_shadow(gate)
        day = date(2024, 1, 2)
        for difference in held_out(-8.0, days=250):
            found = gate.guard(campaign.id, "good", day, float(difference))
            day += timedelta(days=1)
            if found.verdict is Verdict.ROLL_BACK:
                break
        assert (found.verdict, found.claim) == ("roll_back", "worse")


def test_rollback_for_another_reason_is_on_record(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = in_shadow(gate)
        found = gate.rolled_back(campaign.id, "good", ("drawdown",))
        assert found.verdict is Verdict.ROLL_BACK


def test_nobody_is_promoted_without_a_person(tmp_path: Path) -> None:
    with open_gate(tmp_path) as gate:
        campaign = in_shadow(gate)
        with pytest.raises(GateError, match="no approval now"):
            gate.approve(campaign.id, "good", "owner")


def test_failed_constraint_rejects_whatever_the_statistic_says(tmp_path: Path) -> None:
    with open_gate(tmp_path, GateSettings(drawdown_points=0.5)) as gate:
        campaign = begun(gate, "a")
        given = evidence(("a",), (6.0,))
        wild = given.conduct["a"]._replace(turnover=9.0)
        found = gate.test(campaign.id, given._replace(conduct={"a": wild}))
        assert found.verdict is Verdict.REJECT
        (turnover,) = (r for r in found.reasons if r.step == "constraint:turnover")
        assert (turnover.passed, turnover.numbers["limit"]) == (False, 1.5)
