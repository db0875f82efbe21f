"""The synthetic market keeps every rule of the real one."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.data.checks import check_dataset
from kisbt.data.dataset import Dataset
from kisbt.data.findings import Severity
from kisbt.data.splits import find_splits
from kisbt.data.store import load_dataset, save_dataset
from kisbt.data.synth import SynthSpec, make_market, make_minutes
from kisbt.domain.market import Market, Product
from kisbt.errors import ConfigError
from kisbt.krx.calendar import sessions
from kisbt.krx.limits import price_bands
from kisbt.krx.ticks import tick_sizes

PRICES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def market() -> Dataset:
    return make_market("market", SynthSpec(seed=24))


def assert_lawful(dataset: Dataset) -> None:
    """No error, no gap; prices on tick and inside the limits, written out again."""
    loud = [f for f in check_dataset(dataset) if f.severity is not Severity.INFO]
    assert loud == []
    for ticker, table in dataset.bars.items():
        who = dataset.instruments[ticker]
        days = table.times.astype("datetime64[D]")
        lower, upper = price_bands(table.base, who.market, days, who.product, who.leverage)
        usual = ~table.halted
        if who.offer_price is not None and who.listed is not None:
            usual &= days != np.datetime64(who.listed)
        assert (table.base > 0).all()
        for column in PRICES:
            price = getattr(table, column)
            ticks = tick_sizes(price, who.market, days, who.product)
            assert (price[usual] % ticks[usual] == 0).all(), ticker
            assert (price[usual] <= upper[usual]).all(), ticker
            assert (price[usual] >= lower[usual]).all(), ticker


@settings(deadline=None, max_examples=12)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 6, 11]),
    st.dates(date(2012, 1, 1), date(2024, 6, 1)),
)
def test_any_seed_size_and_period_obeys_the_rules(seed: int, names: int, start: date) -> None:
    assert_lawful(make_market("m", SynthSpec(names=names, years=1, start=start, seed=seed)))


def test_the_market_of_the_sample_obeys_the_rules(market: Dataset) -> None:
    assert_lawful(market)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    spec = SynthSpec(names=7, years=1, seed=5)
    one = save_dataset(make_market("m", spec), tmp_path / "a")
    two = save_dataset(make_market("m", spec), tmp_path / "b")
    for file in ("manifest.json", "bars.parquet", "index.parquet"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    other = make_market("m", SynthSpec(names=7, years=1, seed=6))
    assert other.hash != load_dataset("m", tmp_path / "a").hash


def test_the_shipped_sample_is_the_market_of_its_command(market: Dataset) -> None:
    shipped = load_dataset("sample", Path(__file__).parents[3] / "datasets")
    assert shipped.manifest.source.endswith(
        "kisbt data synth --name sample --names 20 --years 3 --start 2022-01-01 --seed 24"
    )
    assert shipped.hash == market.hash


def test_the_shipped_minutes_are_those_of_the_sample(market: Dataset) -> None:
    shipped = load_dataset("sample-minutes", Path(__file__).parents[3] / "datasets")
    assert shipped.hash == make_minutes("minutes", market, 3, 20, 24).hash


def test_sessions_are_those_of_the_exchange(market: Dataset) -> None:
    days = [t.astype("datetime64[D]").astype(object) for t in market.timeline]
    assert days == sessions(date(2022, 1, 1), date(2024, 12, 31))
    assert str(market.timeline[days.index(date(2022, 11, 17))])[11:] == "16:30:00"
    assert str(market.timeline[0])[11:] == "15:30:00"


def test_everything_says_that_it_is_synthetic(market: Dataset) -> None:
    assert market.manifest.synthetic
    assert market.manifest.created is None
    assert not market.adjusted
    assert "synthetic" in market.manifest.source
    names = [i.name for i in market.instruments.values()]
    assert len(set(names)) == len(names) == 20
    fake = ("가상", "모의", "예시", "허구", "연습", "상상", "견본", "시늉", "지어낸", "본보기")
    assert all(name.startswith(fake) for name in names)
    assert {i.market for i in market.instruments.values()} == {Market.KOSPI, Market.KOSDAQ}
    assert len({i.sector for i in market.instruments.values()}) == 7


def test_the_market_has_limit_days_locked_and_unlocked(market: Dataset) -> None:
    locked = unlocked = fallen = 0
    for ticker, table in market.bars.items():
        who = market.instruments[ticker]
        days = table.times.astype("datetime64[D]")
        lower, upper = price_bands(table.base, who.market, days, who.product, who.leverage)
        traded = ~table.halted
        locked += int(((table.low == upper) & traded).sum())
        unlocked += int(((table.close == upper) & (table.low < upper) & traded).sum())
        fallen += int(((table.close == lower) & traded).sum())
    assert locked >= 3
    assert unlocked >= 5
    assert fallen >= 3


def test_the_split_is_an_action_with_base_price_and_halt(market: Dataset) -> None:
    (action,) = market.actions
    table = market.bars[action.ticker]
    days = table.times.astype("datetime64[D]")
    at = int(np.searchsorted(days, np.datetime64(action.date)))
    assert action.ratio == 5.0
    assert table.halted[at - 3 : at].all()
    assert 0 <= table.base[at] - table.close[at - 1] / 5 < 1000
    assert find_splits(table, market.instruments[action.ticker]) == [action]


def test_one_name_is_offered_late_and_its_first_day_is_wide(market: Dataset) -> None:
    (who,) = [i for i in market.instruments.values() if i.offer_price is not None]
    table = market.bars[who.ticker]
    assert table.times[0].astype("datetime64[D]").astype(object) == who.listed
    assert table.base[0] == who.offer_price
    assert who.offer_price is not None
    assert 1.3 * who.offer_price < table.high[0] <= 4 * who.offer_price


def test_before_june_2023_a_first_day_opens_in_its_auction_range() -> None:
    early = make_market("m", SynthSpec(names=6, years=2, start=date(2018, 1, 1), seed=4))
    (who,) = [i for i in early.instruments.values() if i.offer_price is not None]
    table = early.bars[who.ticker]
    assert who.offer_price is not None
    assert table.base[0] == table.open[0]
    assert 0.9 * who.offer_price <= table.open[0] <= 2 * who.offer_price


def test_one_name_is_delisted_after_a_fall(market: Dataset) -> None:
    (who,) = [i for i in market.instruments.values() if i.delisted is not None]
    table = market.bars[who.ticker]
    assert table.times[-1].astype("datetime64[D]").astype(object) == who.delisted
    assert table.close[-1] < 0.6 * table.close[-60]
    assert who.delisted is not None
    assert who.delisted < market.last_day


def test_there_are_long_halts_with_carried_prices(market: Dataset) -> None:
    longest = 0
    for table in market.bars.values():
        for t in np.flatnonzero(table.halted):
            assert {int(getattr(table, c)[t]) for c in PRICES} == {int(table.close[t - 1])}
        runs = "".join("x" if halted else " " for halted in table.halted).split()
        longest = max([longest, *(len(run) for run in runs)])
    assert longest >= 20


def test_funds_have_their_own_product_and_multiple(market: Dataset) -> None:
    funds = [i for i in market.instruments.values() if i.product is Product.ETF]
    assert sorted(i.leverage for i in funds) == [1.0, 2.0]
    plain, double = (market.bars[i.ticker] for i in sorted(funds, key=lambda i: i.leverage))
    assert np.diff(np.log(double.close)).std() > 1.5 * np.diff(np.log(plain.close)).std()


def test_the_index_is_weighted_by_value_and_blind_to_split_and_listing(market: Dataset) -> None:
    assert market.index is not None
    values = market.index.values
    assert (market.index.times == market.timeline).all()
    assert values[0] == 1000.0
    steps = np.diff(np.log(values))
    assert np.abs(steps).max() < 0.12
    assert 0.005 < steps.std() < 0.03


def test_surges_on_heavy_volume_last_longer_than_thin_ones() -> None:
    from kisbt.data.features import compute_features

    heavy, thin = [], []
    for seed in range(6):
        dataset = make_market("m", SynthSpec(seed=100 + seed))
        table = compute_features(dataset)
        change, ratio, later = (
            table.column(n) for n in ("change_pct", "volume_ratio", "return_5d_pct")
        )
        surge = change[:-5] >= 8
        heavy.append(later[5:][surge & (ratio[:-5] >= 3.5)])
        thin.append(later[5:][surge & (ratio[:-5] < 2)])
    good, bad = (np.concatenate(part) for part in (heavy, thin))
    assert len(good) > 300
    assert len(bad) > 150
    assert np.nanmean(good) > np.nanmean(bad) + 1.0


def test_many_names_have_a_label_and_a_ticker_of_their_own() -> None:
    crowd = make_market("m", SynthSpec(names=200, years=1, seed=3))
    names = {who.name for who in crowd.instruments.values()}
    assert len(names) == len(crowd.tickers) == 200


def test_a_start_before_the_known_tick_tables_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--start must be 2011-01-01 or later"):
        make_market("m", SynthSpec(start=date(2005, 1, 3)))


@pytest.mark.parametrize("spec", [SynthSpec(names=0), SynthSpec(names=1000), SynthSpec(years=0)])
def test_an_impossible_market_is_refused(spec: SynthSpec) -> None:
    with pytest.raises(ConfigError, match=r"must be 1 to"):
        make_market("m", spec)
