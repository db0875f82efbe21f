"""Market rules against real KRX prices, in the folder that ``KISBT_REAL_DATA`` names."""

import os
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kisbt.domain.market import Market, Product
from kisbt.krx import calendar
from kisbt.krx.limits import base_price, price_band, price_bands
from kisbt.krx.ticks import rounded_up, tick_size, tick_sizes

FOLDER = os.environ.get("KISBT_REAL_DATA", "")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="KISBT_REAL_DATA names no folder of real prices"),
]
ROOT = Path(FOLDER)
MID_PRICE_SINCE = "2025-03-04"  # since then trades off tick are possible
LIMIT_FIRST_DAYS = [("2024-01-24", "457550"), ("2024-01-26", "460930"), ("2025-01-24", "373160")]
FIRST_DAYS = [*LIMIT_FIRST_DAYS, ("2025-02-04", "462980"), ("2026-01-21", "0115H0")]
FIRST_DAYS += [("2026-01-30", "0001A0")]
LIQUIDATED = "001140 003560 010600 033180 036260 052670 057880 064510 111870 114120 150840"
LIQUIDATED += " 174880 208340 226360"
WINDOWS = ["_market_2023_window.csv.gz", "_market_2026_window.csv.gz"]


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """All raw rows of single names and of whole-market windows."""
    frames = []
    for path in sorted((ROOT / "unadjusted").glob("[0-9A-Z]*.csv")):
        frame = pd.read_csv(path, dtype={"market": str})
        frames.append(frame.assign(code=path.stem)[[*COLUMNS]])
    for window in WINDOWS:
        frame = pd.read_csv(ROOT / "unadjusted" / window, dtype={"code": str})
        frame["market"] = frame["m"].map({"P": "KOSPI", "Q": "KOSDAQ"})
        names = {"o": "open", "h": "high", "l": "low", "c": "close", "cc": "change_code"}
        frames.append(frame.rename(columns=names)[[*COLUMNS]])
    every = pd.concat(frames, ignore_index=True)
    every["date"] = pd.to_datetime(every["date"].astype(str).str.replace("-", "")).dt.strftime("%F")
    every["market"] = every["market"].replace({"KOSDAQ GLOBAL": "KOSDAQ"})
    return every.drop_duplicates(["code", "date"])


COLUMNS = ("code", "date", "open", "high", "low", "close", "base", "change_code", "market")


def per_market(frame: pd.DataFrame) -> list[tuple[Market, pd.DataFrame]]:
    return [(market, frame[frame["market"] == market.value]) for market in Market]


def test_all_limit_vectors_are_reproduced() -> None:
    rows = pd.read_csv(ROOT / "limit_price_vectors.csv", dtype={"code": str}).fillna({"note": ""})
    assert len(rows) == 1_237
    assert (rows["note"] == "ipo_day").sum() == 3
    for row in rows.itertuples():
        market, on = Market(row.market), date.fromisoformat(row.date)
        band = price_band(row.base, market, on, first_day=row.note == "ipo_day")
        assert (band.upper if row.side == "up" else band.lower) == row.limit_price, row
        assert tick_size(row.base, market, on) == row.tick_at_base, row
        assert tick_size(row.limit_price, market, on) == row.tick_at_limit, row


def test_limit_closes_of_raw_rows_are_at_the_limit(raw: pd.DataFrame) -> None:
    checked, exceptions = 0, []
    for market, rows in per_market(raw[raw["change_code"].isin([4, 5]) & (raw["base"] > 0)]):
        lower, upper = price_bands(rows["base"], market, rows["date"].to_numpy("datetime64[D]"))
        limit = np.where(rows["change_code"] == 4, upper, lower)
        off = rows[limit != rows["close"]]
        checked += len(rows)
        exceptions += [(row.date, row.code) for row in off.itertuples()]
    assert checked > 500
    assert sorted(exceptions) == LIMIT_FIRST_DAYS


def test_no_raw_price_leaves_its_limits_but_on_first_days_and_in_liquidation(
    raw: pd.DataFrame,
) -> None:
    traded = raw[(raw["base"] > 0) & (raw["low"] > 0)]
    first_days, liquidated = [], set()
    for market, rows in per_market(traded):
        lower, upper = price_bands(rows["base"], market, rows["date"].to_numpy("datetime64[D]"))
        for row in rows[(rows["low"] < lower) | (rows["high"] > upper)].itertuples():
            if row.code in LIQUIDATED.split():
                liquidated.add(row.code)
                continue
            band = price_band(row.base, market, date.fromisoformat(row.date), first_day=True)
            assert band.holds(row.low), row
            assert band.holds(row.high), row
            first_days.append((row.date, row.code))
    assert len(traded) > 160_000
    assert sorted(first_days) == FIRST_DAYS
    assert sorted(liquidated) == LIQUIDATED.split()


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_raw_prices_are_on_tick_until_mid_price_orders_came(raw: pd.DataFrame, column: str) -> None:
    for market, rows in per_market(raw[(raw["low"] > 0) & (raw["market"] != "KONEX")]):
        days = rows["date"].to_numpy("datetime64[D]")
        off = rows[column] % tick_sizes(rows[column], market, days) != 0
        before = rows["date"] < MID_PRICE_SINCE
        assert off[before].sum() <= before.sum() * 1e-4, rows[off & before]
        assert off[~before].sum() <= (~before).sum() * 0.01


def test_base_is_the_previous_close_rounded_up(raw: pd.DataFrame) -> None:
    ordered = raw.sort_values(["code", "date"])
    before = ordered.groupby("code")[["close", "date"]].shift()
    days = sorted(ordered["date"].unique())
    follows = {
        day: prior for prior, day in pairwise(days)
        if calendar.next_session(date.fromisoformat(prior)) == date.fromisoformat(day)
    }  # fmt: skip
    neighbours = before["date"].notna() & (ordered["date"].map(follows) == before["date"])
    rows = ordered[neighbours & (ordered["base"] > 0) & (before["close"] > 0)]
    closes = before.loc[rows.index, "close"].astype(int)
    agree = checked = off_tick = 0
    for market, part in per_market(rows):
        expected = rounded_up(closes[part.index], market, part["date"].to_numpy("datetime64[D]"))
        agree += int((expected == part["base"]).sum())
        checked += len(part)
        off_tick += int((expected != closes[part.index]).sum())
    assert checked > 160_000
    assert off_tick >= 50
    assert checked - agree <= 45  # rights issues, splits, re-listings
    assert base_price(71_050, Market.KOSPI, date(2026, 1, 5)) == 71_100


def test_sessions_are_the_days_that_have_prices() -> None:
    found = set(pd.read_csv(ROOT / "etf" / "069500_ohlc_to_2026.csv")["date"])
    found |= set(pd.read_csv(ROOT / "etf" / "069500_2021_2026.csv")["date"])
    first, last = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    listed = {day.isoformat() for day in calendar.sessions(first, last)}
    assert sorted(found ^ listed) == []
    assert len(listed) >= 3_000


def test_index_days_agree_back_to_2000() -> None:
    found = set(pd.read_csv(ROOT / "index" / "KQ11_close_2000_2026.csv").iloc[:, 0].astype(str))
    first, last = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    listed = {day.isoformat() for day in calendar.sessions(first, last)}
    assert found <= listed
    assert len(listed - found) <= 8  # holes of that vendor: all have prices elsewhere


def test_leveraged_funds_stay_inside_twice_the_limit() -> None:
    for code, multiple in (("122630", 2.0), ("252670", -2.0), ("233740", 2.0), ("114800", -1.0)):
        rows = pd.read_csv(ROOT / "etf" / f"{code}_ohlc_to_2026.csv")
        rows = rows[rows["date"] >= "2015-06-16"]
        days = rows["date"].to_numpy("datetime64[D]")[1:]
        closes = rows["close"].astype(int).to_numpy()[:-1]
        base = rounded_up(closes, Market.KOSPI, days, Product.ETF)
        lower, upper = price_bands(base, Market.KOSPI, days, Product.ETF, multiple)
        bad = rows.iloc[1:][(rows["low"].iloc[1:] < lower) | (rows["high"].iloc[1:] > upper)]
        assert len(bad) == 0, (code, bad)
