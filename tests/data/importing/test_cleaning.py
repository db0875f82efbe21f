"""Rows become bars, and every one dropped or changed is said."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.data.dataset import BarTable
from kisbt.data.findings import Finding, Severity, errors
from kisbt.data.importing.cleaning import clean, frequency_of
from kisbt.data.importing.reading import RawTable, read_csv

HEADER = "date,open,high,low,close,volume\n"
GOOD = [
    "2024-01-02,100,110,90,105,1000",
    "2024-01-03,105,115,95,110,2000",
    "2024-01-04,110,120,100,115,3000",
]


def cleaned(
    folder: Path, rows: list[str], header: str = HEADER
) -> tuple[BarTable | None, list[Finding]]:
    path = folder / "005930.csv"
    path.write_text(header + "\n".join(rows) + "\n")
    (raw,) = read_csv(path)
    return clean(raw, frequency_of([raw]))


def only(findings: list[Finding]) -> tuple[str, Severity, str]:
    (one,) = findings
    assert one.ticker == "005930"
    assert one.proposal
    return one.kind, one.severity, one.detail


def test_good_rows_become_bars_at_the_session_close_without_a_word(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, GOOD)
    assert findings == []
    assert table is not None
    assert [str(t) for t in table.times][:2] == ["2024-01-02T15:30:00", "2024-01-03T15:30:00"]
    assert table.close.tolist() == [105, 110, 115]
    assert table.close.dtype == np.int64


def test_a_csat_day_closes_an_hour_later(tmp_path: Path) -> None:
    table, _ = cleaned(tmp_path, ["2023-11-16,1,1,1,1,1"])
    assert table is not None
    assert str(table.times[0]) == "2023-11-16T16:30:00"


def test_newest_first_is_turned_round(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, GOOD[::-1])
    assert only(findings)[:2] == ("order", Severity.INFO)
    assert table is not None
    assert table.close.tolist() == [105, 110, 115]


def test_a_row_out_of_order_is_named_and_sorted(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, [GOOD[0], GOOD[2], GOOD[1]])
    kind, severity, detail = only(findings)
    assert (kind, severity) == ("order", Severity.WARNING)
    assert detail == "1 rows out of order: 2024-01-03 (005930.csv:4)"
    assert table is not None
    assert table.close.tolist() == [105, 110, 115]


def test_a_repeated_row_is_kept_once(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, [*GOOD, GOOD[2]])
    kind, severity, detail = only(findings)
    assert (kind, severity) == ("duplicate", Severity.WARNING)
    assert "2024-01-04 (005930.csv:5)" in detail
    assert table is not None
    assert len(table) == 3


def test_two_rows_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, [*GOOD, "2024-01-04,110,120,100,116,3000"])
    assert table is None
    kind, severity, detail = only(findings)
    assert (kind, severity) == ("duplicate", Severity.ERROR)
    assert "2024-01-04 (005930.csv:5)" in detail


def test_a_halt_written_as_zeros_repeats_the_close(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, [GOOD[0], "2024-01-03,0,0,0,105,7", GOOD[2]])
    assert only(findings)[:2] == ("halt_zeros", Severity.INFO)
    assert table is not None
    assert [getattr(table, c)[1] for c in ("open", "high", "low", "close", "volume")] == [
        105, 105, 105, 105, 0,
    ]  # fmt: skip


def test_rows_without_any_price_are_dropped(tmp_path: Path) -> None:
    rows = [GOOD[0], "2024-01-03,0,0,0,0,0", "2024-01-04,,,,,"]
    table, findings = cleaned(tmp_path, rows)
    assert [(f.kind, f.severity) for f in findings] == [("empty", Severity.WARNING)] * 2
    assert table is not None
    assert len(table) == 1


def test_a_day_without_a_session_is_dropped(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, [*GOOD, "2024-01-06,1,1,1,1,1"])
    kind, severity, detail = only(findings)
    assert (kind, severity) == ("no_session", Severity.WARNING)
    assert "2024-01-06" in detail
    assert table is not None
    assert len(table) == 3


def test_vendor_rounding_of_half_a_percent_widens_the_range(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, ["2024-01-02,10000,10010,9900,10030,5"])
    assert only(findings)[:2] == ("ohlc_rounding", Severity.WARNING)
    assert table is not None
    assert table.high.tolist() == [10030]


def test_fractions_of_a_won_are_rounded(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, ["2024-01-02,100.4,110.0,90.2,105.5,5"])
    assert only(findings)[:2] == ("fraction", Severity.WARNING)
    assert table is not None
    assert (table.open[0], table.low[0], table.close[0]) == (100, 90, 106)


def test_missing_volume_is_zero_and_said(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, ["2024-01-02,100,110,90,105,"])
    assert only(findings)[:2] == ("no_volume", Severity.WARNING)
    assert table is not None
    assert table.volume.tolist() == [0]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("2024-01-05,100,103,90,105,1", "ohlc"),
        ("2024-01-05,100,110,102,105,1", "ohlc"),
        ("2024-01-05,-5,110,90,105,1", "price"),
        ("2024-01-05,100,110,0,105,1", "price"),
        ("2024-01-05,100,1e20,90,105,1", "price"),
        ("2024-01-05,100,110,90,105,-1", "volume"),
        ("2024-01-05,100,110,90,105,1e30", "volume"),
        ("2024-01-05,100,110,90,x,1", "number"),
        ("2024-01-05,100,,90,105,1", "number"),
        ("tomorrow,100,110,90,105,1", "date"),
    ],
)
def test_what_cannot_be_repaired_is_an_error_that_names_the_row(
    tmp_path: Path, row: str, kind: str
) -> None:
    table, findings = cleaned(tmp_path, [*GOOD, row])
    assert table is None
    assert [f.kind for f in errors(findings)] == [kind]
    assert "005930.csv:5" in errors(findings)[0].detail


MINUTES = [
    "2024-01-03 09:00:00,100,110,90,105,10",
    "2024-01-03 09:05:00,105,110,90,105,10",
    "2024-01-03 15:25:00,105,110,90,105,10",
]


def test_minute_bars_stamped_with_their_opening_are_moved_to_their_closing(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, MINUTES)
    assert only(findings)[0] == "stamps"
    assert table is not None
    assert [str(t)[11:16] for t in table.times] == ["09:05", "09:10", "15:30"]


def test_minute_bars_stamped_with_their_closing_stay(tmp_path: Path) -> None:
    table, findings = cleaned(tmp_path, [*MINUTES[1:], "2024-01-03 15:30:00,105,110,90,105,10"])
    assert findings == []
    assert table is not None
    assert [str(t)[11:16] for t in table.times] == ["09:05", "15:25", "15:30"]


def test_bars_after_the_session_are_dropped(tmp_path: Path) -> None:
    rows = [*MINUTES, "2024-01-03 15:40:00,105,110,90,105,10"]
    table, findings = cleaned(tmp_path, rows)
    assert [f.kind for f in findings] == ["stamps", "hours"]
    assert table is not None
    assert len(table) == 3


def test_the_closing_auction_stamped_with_its_opening_stays_inside_the_session(
    tmp_path: Path,
) -> None:
    table, findings = cleaned(tmp_path, [*MINUTES[:2], "2024-01-03 15:30:00,105,110,90,105,10"])
    assert [f.kind for f in findings] == ["stamps"]
    assert table is not None
    assert str(table.times[-1])[11:16] == "15:30"


@pytest.mark.parametrize(("step", "want"), [("1", "1m"), ("5", "5m"), ("60", "60m")])
def test_the_frequency_is_the_usual_step(step: str, want: str) -> None:
    start = np.datetime64("2024-01-03T09:00", "s")
    times = start + np.arange(5) * np.timedelta64(int(step), "m")
    empty: dict[str, np.ndarray] = {}
    zeros = np.zeros(5, np.int64)
    raw = RawTable("005930", "", "", times, empty, zeros.astype(bool), ("f",), zeros, zeros)
    assert frequency_of([raw]) == want


fields = st.sampled_from(["", "0", "-1", "x", "100", "110.5", "90", "1e20", "nan"])
stamps = st.sampled_from(["2024-01-02", "2024-01-03", "2024-01-06", "soon", "2051-01-03", ""])


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(stamps, fields, fields, fields, fields, fields), min_size=1, max_size=6))
def test_no_rubbish_breaks_the_cleaning_or_passes_as_bars(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    table, findings = cleaned(folder, [",".join(row) for row in rows])
    assert table is None or not errors(findings)
    if table is None:
        return
    assert (table.low > 0).all()
    assert (table.low <= np.minimum(table.open, table.close)).all()
    assert (table.high >= np.maximum(table.open, table.close)).all()
    assert (np.diff(table.times.astype(np.int64)) > 0).all()
    assert (table.volume >= 0).all()
