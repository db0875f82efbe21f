from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.data.checks import check_dataset
from kisbt.data.dataset import Dataset
from kisbt.data.findings import Severity
from kisbt.data.synth import SynthSpec, make_market, make_minutes
from kisbt.data.synth.minutes import minute_closes
from kisbt.errors import ConfigError
from kisbt.krx.ticks import tick_sizes


@pytest.fixture(scope="module")
def market() -> Dataset:
    return make_market("m", SynthSpec(names=8, years=1, start=date(2024, 2, 1), seed=9))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 8), st.integers(1, 12))
def test_minutes_put_together_are_the_daily_bars(
    market: Dataset, seed: int, names: int, days: int
) -> None:
    minutes = make_minutes("mm", market, names, days, seed)
    assert 1 <= len(minutes.tickers) <= names
    for ticker, table in minutes.bars.items():
        daily = market.bars[ticker]
        day_of = table.times.astype("datetime64[D]")
        for row in range(len(daily) - days, len(daily)):
            here = day_of == daily.times[row].astype("datetime64[D]")
            if daily.volume[row] == 0:
                assert not here.any()
                continue
            assert table.open[here][0] == daily.open[row]
            assert table.close[here][-1] == daily.close[row]
            assert table.high[here].max() == daily.high[row]
            assert table.low[here].min() == daily.low[row]
            assert table.volume[here].sum() == daily.volume[row]
            assert (table.base[here] == daily.base[row]).all()
            assert table.times[here][-1] == daily.times[row]


def test_minutes_obey_the_rules(market: Dataset) -> None:
    minutes = make_minutes("mm", market, 4, 10, 1)
    assert [f for f in check_dataset(minutes) if f.severity is not Severity.INFO] == []
    for ticker, table in minutes.bars.items():
        who = minutes.instruments[ticker]
        days = table.times.astype("datetime64[D]")
        for column in ("open", "high", "low", "close"):
            price = getattr(table, column)
            assert (price % tick_sizes(price, who.market, days, who.product) == 0).all()
        assert (table.volume >= 0).all()
        idle = table.volume == 0
        assert (table.high[idle] == table.low[idle]).all()


def test_minutes_end_with_the_closing_auction_alone() -> None:
    closes = [str(at)[11:16] for at in minute_closes(date(2024, 3, 5))]
    assert closes[0] == "09:01"
    assert closes[-2:] == ["15:20", "15:30"]
    assert len(closes) == 381
    assert str(minute_closes(date(2024, 1, 2))[0])[11:16] == "10:01"


def test_minutes_know_their_daily_index_and_frequency(market: Dataset) -> None:
    minutes = make_minutes("mm", market, 2, 5, 1)
    assert minutes.frequency == "1m"
    assert minutes.index is not None
    assert len(minutes.index.times) == 5
    assert minutes.manifest.synthetic


@pytest.mark.parametrize(("names", "days"), [(0, 5), (3, 0)])
def test_no_minutes_at_all_are_refused(market: Dataset, names: int, days: int) -> None:
    with pytest.raises(ConfigError, match=r"must be 1 or more"):
        make_minutes("mm", market, names, days, 1)
