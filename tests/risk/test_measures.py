from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kisbt.config import RiskLimits
from kisbt.domain.trading import TradingMode
from kisbt.risk.measures import LossTracker, drawdown, loss_fraction

MONDAY, TUESDAY, FRIDAY = date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 8)
NEXT_MONDAY = date(2024, 3, 11)
LIMITS = RiskLimits(daily_loss=0.03, weekly_loss=0.07, max_drawdown=0.2)


def tracker(*seen: tuple[date, int], start: int | None = None) -> LossTracker:
    losses = LossTracker(start)
    for session, equity in seen:
        losses.observe(session, equity)
    return losses


def mode(losses: LossTracker, limits: RiskLimits = LIMITS) -> TradingMode:
    return losses.status(limits).mode


def test_loss_is_a_fraction_of_its_base():
    assert loss_fraction(100, 97) == 0.03
    assert loss_fraction(100, 100) == loss_fraction(100, 130) == 0.0
    assert loss_fraction(1, 0) == 1.0
    assert loss_fraction(1, 1) == 0.0
    assert drawdown(75, 100) == 0.25


def test_an_account_that_had_nothing_has_lost_everything():
    assert loss_fraction(0, 5) == loss_fraction(-3, 5) == 1.0


def test_nothing_observed_is_no_loss():
    status = LossTracker().status(LIMITS)
    assert (status.mode, status.reason) == (TradingMode.ACTIVE, "")
    assert (status.drawdown, status.daily_loss, status.weekly_loss) == (0.0, 0.0, 0.0)


def test_the_first_equity_is_the_base_without_a_start():
    losses = tracker((MONDAY, 1_000), (MONDAY, 990))
    assert losses.daily_loss == losses.weekly_loss == losses.drawdown == 0.01


def test_the_start_equity_is_the_base_of_the_first_day():
    losses = tracker((MONDAY, 980), start=1_000)
    assert losses.daily_loss == losses.weekly_loss == losses.drawdown == 0.02


def test_daily_loss_is_measured_from_the_previous_sessions_last_equity():
    losses = tracker((MONDAY, 1_000), (MONDAY, 800), (TUESDAY, 720))
    assert losses.daily_loss == pytest.approx(0.1)
    assert losses.weekly_loss == pytest.approx(0.28)


def test_weekly_loss_is_measured_from_the_previous_iso_weeks_last_equity():
    losses = tracker((MONDAY, 2_000), (FRIDAY, 1_000), (NEXT_MONDAY, 950))
    assert losses.weekly_loss == losses.daily_loss == 0.05
    assert losses.drawdown == pytest.approx(0.525)


def test_the_first_days_of_january_belong_to_one_iso_week():
    losses = tracker((date(2024, 12, 30), 1_000), (date(2025, 1, 2), 940))
    assert losses.weekly_loss == 0.06


def test_drawdown_counts_from_the_peak():
    losses = tracker((MONDAY, 1_000), (TUESDAY, 1_200), (FRIDAY, 900))
    assert losses.drawdown == 0.25


def test_a_gain_is_no_loss():
    losses = tracker((MONDAY, 1_000), (TUESDAY, 1_100))
    assert losses.daily_loss == losses.weekly_loss == losses.drawdown == 0.0


def test_a_daily_loss_at_the_limit_leaves_exits_only_until_the_next_session():
    losses = tracker((MONDAY, 100_000), (TUESDAY, 97_000))
    assert losses.status(LIMITS).reason == "일일 손실 3.00% ≥ 한도 3.00%: 다음 거래일까지 매도만"
    assert mode(losses) is TradingMode.REDUCE_ONLY
    losses.observe(FRIDAY, 97_000)
    assert mode(losses) is TradingMode.ACTIVE


def test_a_daily_loss_just_below_the_limit_is_allowed():
    assert mode(tracker((MONDAY, 100_000), (TUESDAY, 97_001))) is TradingMode.ACTIVE


def test_a_recovery_within_the_session_does_not_lift_the_stop():
    losses = tracker((MONDAY, 100_000), (TUESDAY, 95_000), (TUESDAY, 99_500))
    status = losses.status(LIMITS)
    assert status.mode is TradingMode.REDUCE_ONLY
    assert "5.00%" in status.reason
    assert status.daily_loss == 0.005


def test_a_weekly_loss_at_the_limit_leaves_exits_only_until_the_next_week():
    losses = tracker((MONDAY, 100_000), (TUESDAY, 98_000), (FRIDAY, 93_000))
    assert losses.status(LIMITS).reason == "주간 손실 7.00% ≥ 한도 7.00%: 다음 주까지 매도만"
    losses.observe(NEXT_MONDAY, 93_000)
    assert mode(losses) is TradingMode.ACTIVE


def test_a_weekly_stop_outlasts_the_session_that_caused_it():
    losses = tracker((MONDAY, 100_000), (TUESDAY, 92_000), (FRIDAY, 99_000))
    assert mode(losses) is TradingMode.REDUCE_ONLY
    assert losses.weekly_loss == 0.01


def test_a_drawdown_at_the_limit_is_for_good():
    losses = tracker((MONDAY, 100_000), (TUESDAY, 80_000), (NEXT_MONDAY, 200_000))
    status = losses.status(LIMITS)
    assert status.mode is TradingMode.REDUCE_ONLY
    assert status.reason == "최대 낙폭 20.00% ≥ 한도 20.00%: 이 실행이 끝날 때까지 매도만"
    assert status.drawdown == 0.0


def test_a_halt_rules_every_other_state():
    losses = tracker((MONDAY, 100_000), (TUESDAY, 80_000))
    status = losses.status(LIMITS, halted=True)
    assert status.mode is TradingMode.HALTED
    assert status.reason == "비상 정지: 사람이 재개할 때까지 주문 없음"
    assert (status.drawdown, status.daily_loss, status.weekly_loss) == (0.2, 0.2, 0.2)
    assert mode(losses) is TradingMode.REDUCE_ONLY


def test_a_session_before_one_already_seen_is_refused():
    losses = tracker((TUESDAY, 1_000))
    with pytest.raises(ValueError, match="2024-03-04 comes after 2024-03-05 was observed"):
        losses.observe(MONDAY, 1_000)


equities = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000)), min_size=1, max_size=30)


@given(equities, st.floats(0.01, 1), st.floats(0, 1))
def test_a_tighter_loss_limit_never_gives_more_freedom(
    steps: list[tuple[int, int]], limit: float, by: float
):
    losses, day = LossTracker(1_000), MONDAY
    loose = RiskLimits(daily_loss=limit, weekly_loss=limit, max_drawdown=limit)
    tighter = max(limit * by, 1e-9)
    tight = RiskLimits(daily_loss=tighter, weekly_loss=tighter, max_drawdown=tighter)
    for gap, equity in steps:
        day = date.fromordinal(day.toordinal() + gap)
        losses.observe(day, equity)
        if mode(losses, tight) is TradingMode.ACTIVE:
            assert mode(losses, loose) is TradingMode.ACTIVE
