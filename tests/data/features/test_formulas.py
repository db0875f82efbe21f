"""Each feature against its definition, written out again in the plainest way."""

import math
from dataclasses import replace
from datetime import date
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest

from kisbt.data.dataset import BarTable, Dataset
from kisbt.data.features import compute_features, feature
from kisbt.data.features.catalogue import FEATURES, HISTORY
from kisbt.domain.market import Instrument, Market
from kisbt.errors import DataError
from tests.data.worlds import make_world

OHLC = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def world() -> Dataset:
    return make_world(11, names=1, bars=300, halts=0.0, missing=0.0)


def expected(table: BarTable, name: str, t: int) -> float | None:
    c = table.close.astype(float)
    h, low, v = table.high.astype(float), table.low.astype(float), table.volume.astype(float)
    match name:
        case "change_pct":
            return 100 * (c[t] / c[t - 1] - 1) if t else None
        case "gap_pct":
            return 100 * (table.open[t] / c[t - 1] - 1) if t else None
        case "ma5_gap_pct" | "ma20_gap_pct" | "ma60_gap_pct":
            n = int(name[2:].split("_")[0])
            return 100 * (c[t] / mean(c[t - n + 1 : t + 1]) - 1) if t >= n - 1 else None
        case "atr14_pct":
            ranges = [
                max(h[k] - low[k], abs(h[k] - c[k - 1]), abs(low[k] - c[k - 1]))
                for k in range(t - 13, t + 1)
            ]
            return 100 * mean(ranges) / c[t] if t >= 14 else None
        case "rsi14":
            steps = [c[k] - c[k - 1] for k in range(t - 13, t + 1)]
            rises, falls = sum(s for s in steps if s > 0), -sum(s for s in steps if s < 0)
            return (100 * rises / (rises + falls) if rises + falls else 50) if t >= 14 else None
        case "volume_ratio":
            return v[t] / mean(v[t - 20 : t]) if t >= 20 else None
        case "value_traded_krw":
            return c[t] * v[t]
        case "high52w_position":
            top, bottom = max(h[max(t - 251, 0) : t + 1]), min(low[max(t - 251, 0) : t + 1])
            return (c[t] - bottom) / (top - bottom) if t >= 251 else None
        case "close_location":
            return (c[t] - low[t]) / (h[t] - low[t]) if h[t] > low[t] else None
        case "return_5d_pct" | "return_20d_pct" | "return_60d_pct":
            n = int(name.split("_")[1][:-1])
            return 100 * (c[t] / c[t - n] - 1) if t >= n else None
        case "volatility20_pct":
            changes = [100 * (c[k] / c[k - 1] - 1) for k in range(t - 19, t + 1)]
            return stdev(changes) if t >= 20 else None
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        f.name
        for f in HISTORY
        if f.name
        not in {"limit_up_streak", "days_since_listing", "breadth", "market_mood", "halted"}
    ],
)
def test_a_feature_is_what_the_catalogue_says(world: Dataset, name: str) -> None:
    table = world.bars["000010"]
    found = compute_features(world)
    lookback = feature(name).lookback
    for t in range(len(table)):
        got = found.rows(t)["000010"][name]
        want = expected(table, name, t)
        if want is None or math.isnan(want):
            assert got is None, t
        else:
            assert got == pytest.approx(want, rel=6e-6, abs=1e-9), t
        if name != "close_location":
            assert (got is None) == (t < lookback - 1), t


def one_name(closes: list[int], volumes: list[int] | None = None, **instrument: object) -> Dataset:
    days = pd.bdate_range("2024-03-04", periods=len(closes))
    columns = dict.fromkeys(OHLC, closes)
    frame = pd.DataFrame({**columns, "volume": volumes or [100] * len(closes)}, index=days)
    who = Instrument(ticker="005930", **instrument)  # type: ignore[arg-type]
    return Dataset.from_frames("d", {"005930": frame}, [who])


def column(dataset: Dataset, name: str) -> list[float | None]:
    found = compute_features(dataset)
    return [found.rows(t)["005930"][name] for t in range(len(found))]


def test_a_halted_bar_enters_no_window_and_repeats_the_last_values() -> None:
    closes = [1000 + 10 * k for k in range(25)]
    plain = one_name(closes)
    halted = one_name(
        [*closes[:22], closes[21], closes[21], *closes[22:]], [100] * 22 + [0, 0] + [100] * 3
    )
    for name in ("ma20_gap_pct", "rsi14", "atr14_pct", "return_20d_pct", "volatility20_pct"):
        without, with_halt = column(plain, name), column(halted, name)
        assert with_halt[:22] + with_halt[24:] == without, name
        assert with_halt[22] == with_halt[23] == without[21], name
    assert column(halted, "halted") == [0.0] * 22 + [1.0, 1.0] + [0.0] * 3
    for name in ("change_pct", "gap_pct", "volume_ratio", "value_traded_krw"):
        assert column(halted, name)[22:24] == [0.0, 0.0], name
    assert column(halted, "volume_ratio")[24] == 1.0


def test_a_daily_change_refers_to_the_base_price_where_it_is_known() -> None:
    dataset = make_world(1, names=1, bars=3, halts=0.0, missing=0.0)
    table = dataset.bars["000010"]
    close = table.close
    based = Dataset.build("d", {"000010": replace(table, base=np.array([0, close[0] * 2, 0]))})
    found = compute_features(based).column("change_pct")[:, 0]
    assert found[1] == pytest.approx(100 * (close[1] / (2 * close[0]) - 1), rel=1e-5)
    assert found[2] == pytest.approx(100 * (close[2] / close[1] - 1), rel=1e-5, abs=1e-9)


def test_a_limit_up_streak_counts_closes_at_the_upper_limit() -> None:
    closes = [10_000, 13_000, 16_900, 16_900, 21_950, 28_500, 28_550]
    assert column(one_name(closes), "limit_up_streak") == [0, 1, 2, 0, 1, 2, 0]


def test_a_halt_does_not_break_a_limit_up_streak() -> None:
    closes = [10_000, 13_000, 13_000, 16_900]
    volumes = [100, 100, 0, 100]
    assert column(one_name(closes, volumes), "limit_up_streak") == [0, 1, 1, 2]


def test_a_first_day_at_four_times_the_offer_is_a_limit_up() -> None:
    dataset = one_name([20_000, 26_000], listed=date(2024, 3, 4), offer_price=5_000)
    assert column(dataset, "limit_up_streak") == [1, 2]


def test_the_limit_follows_market_and_day() -> None:
    days = pd.DatetimeIndex(["2023-01-02", "2023-01-03"])
    for market, upper in ((Market.KOSPI, 165_000), (Market.KOSDAQ, 165_100)):
        frame = pd.DataFrame(
            {c: [127_000, upper] for c in OHLC} | {"volume": [1, 1]},
            index=days,
        )
        who = Instrument(ticker="005930", market=market)
        assert column(Dataset.from_frames("d", {"005930": frame}, [who]), "limit_up_streak")[1] == 1


def test_days_since_listing_are_calendar_days_and_unknown_without_one() -> None:
    assert column(one_name([1000] * 6, listed=date(2024, 3, 1)), "days_since_listing") == [
        3, 4, 5, 6, 7, 10,
    ]  # fmt: skip
    assert column(one_name([1000] * 2), "days_since_listing") == [None, None]
    assert column(one_name([1000] * 2, listed=date(2024, 3, 5)), "days_since_listing") == [None, 0]


def test_breadth_counts_traded_names_that_rose() -> None:
    days = pd.bdate_range("2024-03-04", periods=2)

    def frame(second: int, volume: int = 100) -> pd.DataFrame:
        prices = {c: [1000, second] for c in OHLC}
        return pd.DataFrame({**prices, "volume": [100, volume]}, index=days)

    frames = {
        "000010": frame(1010),
        "000020": frame(1005),
        "000030": frame(990),
        "000040": frame(1000, 0),
        "000050": frame(1020).iloc[:1],
    }
    found = compute_features(Dataset.from_frames("d", frames))
    assert {row["breadth"] for row in found.rows(0).values()} == {None}
    assert {row["breadth"] for row in found.rows(1).values()} == {0.666667}
    assert set(found.rows(1)) == {"000010", "000020", "000030", "000040"}


def test_market_mood_runs_from_fear_to_greed() -> None:
    rising, falling = ([1000 + sign * 5 * k for k in range(30)] for sign in (1, -1))
    assert column(one_name(rising), "market_mood")[18:] == [None] + [100.0] * 11
    assert column(one_name(falling), "market_mood")[19:] == [0.0] * 11


def test_market_mood_weighs_breadth_trend_and_money() -> None:
    days = pd.bdate_range("2024-03-04", periods=25)

    def frame(step: int, volume: int) -> pd.DataFrame:
        closes = [2000 + step * k for k in range(25)]
        prices = dict.fromkeys(OHLC, closes)
        return pd.DataFrame({**prices, "volume": volume}, index=days)

    up, down = frame(1, 300), frame(-1, 100)
    found = compute_features(Dataset.from_frames("d", {"000010": up, "000020": down}))
    money_up, money_down = 2024 * 300, 1976 * 100
    want = 40 * 0.5 + 30 * 0.5 + 30 * money_up / (money_up + money_down)
    assert found.rows(24)["000010"]["market_mood"] == pytest.approx(want, rel=1e-6)


def test_the_catalogue_names_every_feature_once_and_in_korean() -> None:
    names = [f.name for f in FEATURES]
    assert len(set(names)) == len(names)
    assert {"change_pct", "volume_ratio", "market_mood", "trade_strength"} <= set(names)
    for one in FEATURES:
        assert one.formula
        assert any("가" <= letter <= "힣" for letter in one.korean), one.name
        assert one.unit in {"pct", "ratio", "fraction", "index", "krw", "bars", "days", "flag"}
    assert not feature("trade_strength").history
    assert compute_features(make_world(1)).names == [f.name for f in HISTORY]


def test_an_unknown_feature_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown feature 'change' .did you mean 'change_pct'"):
        feature("change")
