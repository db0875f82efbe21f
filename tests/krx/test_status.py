"""Status codes and market safety devices as data."""

from kisbt.domain.market import Market, PriceBand
from kisbt.krx.fills import MatchBar
from kisbt.krx.status import (
    BREAKER_STAGES,
    VI_SECONDS,
    Interruption,
    IssueStatus,
    MarketWarning,
    PriceChange,
    interruption,
    is_halted,
    is_locked_down,
    is_locked_up,
)

BAND = PriceBand(10_000, 7_000, 13_000)


def flat(price: int, volume: int = 10) -> MatchBar:
    return MatchBar(price, price, price, price, volume)


def test_only_a_halt_stops_trading() -> None:
    assert [status for status in IssueStatus if not status.tradable] == [IssueStatus("58")]


def test_overheated_names_trade_in_call_auctions() -> None:
    assert [status for status in IssueStatus if status.single_price] == [IssueStatus("59")]


def test_alert_and_risk_names_need_the_full_deposit() -> None:
    assert sorted(s.value for s in IssueStatus if s.cash_only) == ["52", "53", "57"]


def test_warning_levels_rise_with_their_code() -> None:
    names = [MarketWarning(code).name for code in ("00", "01", "02", "03")]
    assert names == ["NONE", "CAUTION", "ALERT", "RISK"]


def test_direction_of_the_day_has_other_numbers_at_kis() -> None:
    krx_to_kis = {"1": "2", "2": "5", "3": "3", "4": "1", "5": "4", "0": "3"}
    assert {change.value: change.to_kis for change in PriceChange} == krx_to_kis


def test_interruption_is_tighter_for_kospi_200() -> None:
    assert interruption(Market.KOSPI, in_kospi200=True) == Interruption(3, 2, 10)
    assert interruption(Market.KOSPI) == Interruption(6, 4, 10)
    assert interruption(Market.KOSDAQ, in_kospi200=True) == Interruption(6, 4, 10)
    assert VI_SECONDS == 120


def test_third_breaker_stage_closes_the_market() -> None:
    assert [stage.fall for stage in BREAKER_STAGES] == [8, 15, 20]
    assert [stage.halt_minutes for stage in BREAKER_STAGES] == [20, 20, None]


def test_halt_shows_as_no_volume_or_as_zeros() -> None:
    assert is_halted(flat(10_000, 0))
    assert is_halted(MatchBar(0, 0, 0, 10_000, 300))
    assert not is_halted(flat(1, 1))


def test_lock_is_a_bar_that_never_left_its_limit() -> None:
    assert is_locked_up(flat(13_000), BAND)
    assert not is_locked_up(MatchBar(13_000, 13_000, 12_990, 13_000, 10), BAND)
    assert is_locked_down(flat(7_000), BAND)
    assert not is_locked_down(MatchBar(7_000, 7_010, 7_000, 7_000, 10), BAND)
