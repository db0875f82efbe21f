"""Real prices, where a folder of them is at hand: import, checks and features hold on them."""

import os
from pathlib import Path

import numpy as np
import pytest

from kisbt.data.checks import check_dataset
from kisbt.data.features import IncrementalFeatures, compute_features
from kisbt.data.findings import Severity
from kisbt.data.importing import check_files, import_files
from kisbt.data.replay import moments
from kisbt.data.store import load_dataset, save_dataset
from kisbt.domain.market import Market, Product

FOLDER = os.environ.get("KISBT_REAL_DATA")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(FOLDER is None, reason="KISBT_REAL_DATA names no folder of real prices"),
]
REAL = Path(FOLDER or ".")


def loud(findings: list) -> list[tuple[str, str]]:
    return [(f.ticker, f.kind) for f in findings if f.severity is Severity.ERROR]


def test_forty_names_import_whole_with_markets_and_index(tmp_path: Path) -> None:
    index = REAL / "index" / "KS11_close_2000_2026.csv"
    report = import_files([REAL / "daily"], "real", index_file=index)
    dataset = report.dataset
    assert report.findings == ()
    assert len(dataset.tickers) == 40
    assert dataset.rows == 67_025
    assert dataset.adjusted
    assert {i.market for i in dataset.instruments.values()} == {Market.KOSPI, Market.KOSDAQ}
    assert dataset.instruments["005930"].name == "삼성전자"
    assert dataset.index is not None
    assert dataset.index.name == "KOSPI"
    assert len(dataset.index.times) == len(dataset.timeline) - 2  # the file lacks two days
    found = check_dataset(dataset)
    assert {f.severity for f in found} == {Severity.INFO}
    assert {f.kind for f in found} == {"halt", "late_start", "off_tick"}
    assert load_dataset("real", save_dataset(dataset, tmp_path).parent).hash == dataset.hash


def test_real_limit_ups_are_streaks_and_live_features_agree() -> None:
    names = [REAL / "daily" / f"{code}.csv" for code in ("004830", "009410", "086520")]
    dataset = import_files([path for path in names if path.is_file()], "real").dataset
    table = compute_features(dataset)
    streak = table.column("limit_up_streak")
    change = table.column("change_pct")
    assert np.nanmax(streak) >= 1
    traded = table.column("halted") == 0
    assert (change[(streak >= 1) & traded] > 25).all()
    live = IncrementalFeatures(dataset.instruments)
    for t, moment in enumerate(moments(dataset)):
        rows = live.update(moment.at, moment.bars)
        if t % 7 == 0:
            assert rows == table.rows(t)


def test_the_unadjusted_jump_of_006740_is_found_on_its_day() -> None:
    findings, _ = check_files([REAL / "daily_to_2026" / "006740.csv"])
    (error,) = [f for f in findings if f.severity is Severity.ERROR]
    assert (error.kind, str(error.at)) == ("adjustment", "2026-05-29")
    assert "+1003.6 %" in error.detail
    assert loud(check_files([REAL / "daily_to_2026" / "005930.csv"])[0]) == []


def test_raw_rows_import_with_bases_listings_and_splits() -> None:
    report = import_files([REAL / "unadjusted"], "raw")
    dataset = report.dataset
    assert not dataset.adjusted
    assert all((table.base > 0).any() for table in dataset.bars.values())
    assert {(a.ticker, str(a.date)) for a in dataset.actions} == {
        ("003560", "2024-01-04"),
        ("054630", "2025-01-10"),
    }
    assert dataset.instruments["457550"].offer_price == 5_300
    assert {f.kind for f in report.findings} == {"halt_zeros"}
    assert "_market_2023_window.csv.gz" in report.skipped
    found = check_dataset(dataset)
    assert loud(found) == []
    assert "liquidation" in {f.kind for f in found}


def test_delisted_names_import_without_volume_and_end_in_liquidation() -> None:
    report = import_files([REAL / "delisted"], "gone")
    dataset = report.dataset
    assert len(dataset.tickers) == 14
    assert {f.kind for f in report.findings} == {"no_volume"}
    assert sum(i.delisted is not None for i in dataset.instruments.values()) == 10
    found = check_dataset(dataset)
    assert loud(found) == []
    assert {"gap", "liquidation", "halt"} <= {f.kind for f in found}


def test_funds_import_with_product_and_multiple() -> None:
    files = sorted((REAL / "etf").glob("*_to_2024.csv"))
    dataset = import_files([f for f in files if "ohlc" not in f.name], "etf").dataset
    assert {i.product for i in dataset.instruments.values()} == {Product.ETF}
    assert dataset.instruments["122630"].leverage == 2.0
    assert dataset.instruments["252670"].leverage == -2.0
    assert dataset.instruments["114800"].leverage == -1.0
    assert loud(check_dataset(dataset)) == []


def test_a_whole_raw_market_across_the_tick_change_has_no_error() -> None:
    findings, _ = check_files([REAL / "unadjusted" / "_market_2023_window.csv.gz"])
    assert loud(findings) == []
    assert not [f for f in findings if f.kind == "off_tick"]


def test_five_minute_bars_import_stamped_with_their_closing() -> None:
    report = import_files([REAL / "minute" / "396500_5m.csv"], "m")
    assert report.dataset.frequency == "5m"
    assert [f.kind for f in report.findings] == ["stamps"]
    assert str(report.dataset.timeline[0]) == "2025-12-05T09:05:00"
    assert loud(check_dataset(report.dataset)) == []
