"""What a check finds, what it leaves alone, and that it names the rows."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kisbt.data.checks import check_dataset
from kisbt.data.dataset import Dataset
from kisbt.data.findings import Finding, Severity
from kisbt.data.manifest import CorporateAction
from kisbt.data.store import load_dataset
from kisbt.domain.market import Instrument, Market, Product
from kisbt.krx.calendar import session_closes, sessions

DAYS = sessions(date(2024, 3, 4), date(2024, 3, 29))
OHLC = ("open", "high", "low", "close")


def frame(closes: list[int], start: int = 0, **changes: dict[int, int]) -> pd.DataFrame:
    """One bar a session at each close; ``changes`` overwrites cells by column and row."""
    days = DAYS[start : start + len(closes)]
    rows: dict[str, list[int]] = {c: list(closes) for c in OHLC} | {"volume": [100] * len(closes)}
    for column, cells in changes.items():
        values = rows.setdefault(column, [0] * len(closes))
        for row, value in cells.items():
            values[row] = value
    return pd.DataFrame(rows, index=session_closes(days))


def check(
    data: pd.DataFrame | dict[str, pd.DataFrame],
    instrument: Instrument | None = None,
    **facts: object,
) -> list[Finding]:
    frames = data if isinstance(data, dict) else {"005930": data}
    known = [instrument] if instrument else []
    return check_dataset(Dataset.from_frames("d", frames, known, **facts))


def only(findings: list[Finding]) -> Finding:
    (one,) = findings
    return one


FLAT = [10_000] * 8


def test_a_clean_name_has_no_finding() -> None:
    assert check(frame([10_000, 10_100, 13_130, 9_200, 9_210])) == []


def test_the_shipped_datasets_are_clean() -> None:
    for name in ("sample", "sample-minutes"):
        found = check_dataset(load_dataset(name, Path(__file__).parents[2] / "datasets"))
        assert {f.severity for f in found} <= {Severity.INFO}


def test_a_range_that_does_not_hold_the_close_is_an_error_with_its_day() -> None:
    one = only(check(frame(FLAT, high={3: 9_990})))
    assert (one.kind, one.severity, one.at) == ("ohlc", Severity.ERROR, DAYS[3])
    assert str(DAYS[3]) in one.detail


def test_a_price_of_zero_and_a_negative_volume_are_errors() -> None:
    found = check(frame(FLAT, low={2: 0}, volume={4: -5}))
    assert [f.kind for f in found if f.severity is Severity.ERROR] == ["price", "volume"]


def test_missing_sessions_are_one_gap_a_run() -> None:
    data = frame([10_000] * 12).drop(index=session_closes([DAYS[3], DAYS[4], DAYS[8]]))
    found = check(data)
    assert [(f.kind, f.severity, f.at) for f in found] == [
        ("gap", Severity.WARNING, DAYS[3]),
        ("gap", Severity.WARNING, DAYS[8]),
    ]
    assert f"2 sessions without a bar: {DAYS[3]} to {DAYS[4]}" in found[0].detail


def test_a_bar_on_a_holiday_is_an_error() -> None:
    data = frame([10_000])
    holiday = pd.DataFrame(
        dict.fromkeys((*OHLC, "volume"), 10_000), index=[pd.Timestamp("2024-03-01 15:30")]
    )
    one = only(check(pd.concat([holiday, data])))
    assert (one.kind, one.severity, one.at) == ("no_session", Severity.ERROR, date(2024, 3, 1))


def test_a_late_listing_and_a_delisting_are_no_gaps() -> None:
    frames = {
        "000020": frame([10_000] * 10),
        "000040": frame([10_000] * 6, start=4),
        "000060": frame([10_000] * 6),
    }
    found = check(frames)
    assert [(f.ticker, f.kind, f.severity) for f in found] == [
        ("000040", "late_start", Severity.INFO),
        ("000060", "early_end", Severity.INFO),
    ]
    who = Instrument(ticker="000040", listed=DAYS[4])
    assert [f.ticker for f in check(frames, who)] == ["000060"]


def test_a_halt_is_information_with_its_length() -> None:
    one = only(check(frame(FLAT, volume={2: 0, 3: 0, 4: 0})))
    assert (one.kind, one.severity, one.at) == ("halt", Severity.INFO, DAYS[2])
    assert f"3 sessions: {DAYS[2]} to {DAYS[4]}" in one.detail


def test_movement_without_volume_is_a_warning() -> None:
    one = only(check(frame(FLAT, high={2: 10_010}, volume={2: 0})))
    assert (one.kind, one.severity) == ("no_volume", Severity.WARNING)


def test_a_close_at_the_limit_is_fine_and_a_tick_beyond_is_an_error() -> None:
    assert check(frame([10_000, 13_000, 9_100])) == []
    one = only(check(frame([10_000, 13_010])))
    assert (one.kind, one.severity, one.at) == ("limit", Severity.ERROR, DAYS[1])
    assert "13,010..13,010 beyond the limits 7,000..13,000" in one.detail


def test_the_limit_stands_on_the_base_price_where_it_is_given() -> None:
    rights = frame([10_000, 10_400], base={1: 8_000})
    assert check(rights) == []
    one = only(check(frame([10_000, 10_410], base={1: 8_000})))
    assert one.kind == "limit"


def test_adjusted_prices_may_miss_the_limit_by_their_rounding() -> None:
    assert check(frame([1_001, 1_305]), adjusted=True) == []
    one = only(check(frame([1_000, 1_450]), adjusted=True))
    assert (one.kind, one.severity) == ("adjustment", Severity.ERROR)


def test_a_split_missing_from_adjusted_data_is_a_bad_adjustment_with_its_ratio() -> None:
    one = only(check(frame([50_000, 50_000, 10_500]), adjusted=True))
    assert (one.kind, one.severity, one.at) == ("adjustment", Severity.ERROR, DAYS[2])
    assert "near a 5:1 split (액면분할)" in one.detail
    assert "-79.0 %" in one.detail


def test_a_split_missing_from_raw_data_proposes_the_action() -> None:
    data = frame([50_000, 50_000, 10_500])
    one = only(check(data))
    assert f"a row 005930,{DAYS[2]},5 in --actions" in one.proposal
    action = CorporateAction(ticker="005930", date=DAYS[2], ratio=5)
    assert check(data, actions=[action]) == []


def test_a_reverse_split_is_recognised_too() -> None:
    one = only(check(frame([500, 500, 5_200])))
    assert "1:10 reverse split (병합)" in one.detail
    assert "005930,2024-03-06,0.1 in --actions" in one.proposal


def test_a_jump_after_missing_sessions_is_a_warning_only() -> None:
    data = frame([10_000] * 4 + [14_000] * 4).drop(index=session_closes([DAYS[4]]))
    found = check(data)
    assert [(f.kind, f.severity) for f in found] == [
        ("gap", Severity.WARNING),
        ("limit", Severity.WARNING),
    ]


def test_a_wide_first_day_needs_its_listing() -> None:
    data = frame([20_000, 20_500], base={0: 5_300})
    assert only(check(data)).kind == "limit"
    who = Instrument(ticker="005930", listed=DAYS[0], offer_price=5_300)
    assert check(data, who) == []
    too_far = frame([21_300, 21_000], base={0: 5_300})
    assert only(check(too_far, who)).severity is Severity.ERROR


def test_liquidation_trading_at_the_end_of_a_name_is_explained() -> None:
    frames = {"000020": frame([10_000] * 10), "000040": frame([5_000] * 5 + [800, 300])}
    found = [f for f in check(frames) if f.kind == "liquidation"]
    assert [(f.ticker, f.severity) for f in found] == [("000040", Severity.INFO)] * 2


def test_a_leveraged_fund_has_a_wider_limit() -> None:
    fund = Instrument(ticker="122630", product=Product.ETF, leverage=2.0)
    data = {"122630": frame([10_000, 15_900])}
    assert check(data, fund) == []
    assert only(check(data)).severity is Severity.ERROR


def test_off_tick_prices_are_suspect_in_raw_data_and_normal_in_adjusted() -> None:
    data = frame([10_003, 10_003, 10_003])
    raw, adjusted = only(check(data)), only(check(data, adjusted=True))
    assert (raw.kind, raw.severity) == ("off_tick", Severity.WARNING)
    assert "3 bars off the tick (100.00 %)" in raw.detail
    assert (adjusted.kind, adjusted.severity) == ("off_tick", Severity.INFO)


def test_ticks_are_those_of_the_market_and_the_day() -> None:
    days = sessions(date(2023, 1, 19), date(2023, 1, 27))
    for market, off in ((Market.KOSPI, True), (Market.KOSDAQ, False)):
        rows = dict.fromkeys((*OHLC, "volume"), 150_100)
        data = pd.DataFrame(rows, index=session_closes(days[:2]))
        who = Instrument(ticker="005930", market=market)
        assert bool(check(data, who)) is off
    after = pd.DataFrame(rows, index=session_closes([d for d in days if d >= date(2023, 1, 25)]))
    assert check(after, Instrument(ticker="005930")) == []


def test_mid_price_prints_since_march_2025_are_normal() -> None:
    days = sessions(date(2025, 3, 5), date(2025, 3, 10))
    rows = dict.fromkeys((*OHLC, "volume"), 10_005)
    one = only(check(pd.DataFrame(rows, index=session_closes(days))))
    assert (one.kind, one.severity) == ("off_tick", Severity.INFO)
    assert "mid-price" in one.proposal


def test_minutes_outside_the_session_are_errors() -> None:
    index = pd.to_datetime(["2024-03-04 09:00", "2024-03-04 09:01", "2024-03-04 15:31"])
    data = pd.DataFrame(dict.fromkeys((*OHLC, "volume"), 10_000), index=index)
    one = only(check(data, frequency="1m"))
    assert (one.kind, one.severity) == ("hours", Severity.ERROR)
    assert "2 bars" in one.detail
    assert str(one.at) == "2024-03-04 09:00:00"


def test_minutes_are_judged_by_the_close_of_the_session_before() -> None:
    index = pd.to_datetime(
        ["2024-03-04 09:01", "2024-03-04 15:30", "2024-03-05 09:01", "2024-03-05 09:02"]
    )
    rows = {c: [10_000, 11_000, 14_000, 14_300] for c in OHLC} | {"volume": [1] * 4}
    assert check(pd.DataFrame(rows, index=index), frequency="1m") == []
    rows = {c: [10_000, 11_000, 14_000, 14_310] for c in OHLC} | {"volume": [1] * 4}
    one = only(check(pd.DataFrame(rows, index=index), frequency="1m"))
    assert (one.kind, one.at) == ("limit", date(2024, 3, 5))


def test_days_beyond_the_calendar_are_an_error_in_one_line() -> None:
    index = pd.to_datetime(["1985-01-04 15:30", "1985-01-07 15:30"])
    data = pd.DataFrame(dict.fromkeys((*OHLC, "volume"), 10_000), index=index)
    kinds = {f.kind: f for f in check(data)}
    assert kinds["calendar"].severity is Severity.ERROR
    assert "no exchange calendar for 1985-01-04" in kinds["calendar"].detail


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_fault_is_found_on_its_day(seed: int) -> None:
    from kisbt.data.synth import SynthSpec, make_market

    market = make_market("m", SynthSpec(names=3, years=1, seed=seed))
    rng = np.random.default_rng(seed)
    ticker = market.tickers[int(rng.integers(3))]
    table = market.bars[ticker]
    row = int(rng.integers(5, len(table) - 5))
    day = table.times[row].astype("datetime64[D]").astype(object)
    high = table.high.copy()
    high[row] = table.base[row] * 3 // 1000 * 1000
    from dataclasses import replace

    bars = dict(market.bars) | {ticker: replace(table, high=high)}
    broken = Dataset.build("m", bars, market.instruments.values())
    loud = [f for f in check_dataset(broken) if f.severity is Severity.ERROR]
    assert [(f.ticker, f.at) for f in loud] == [(ticker, day)]
