"""History and live bars give the same features, and neither looks ahead."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kisbt.data.dataset import BarTable, Dataset
from kisbt.data.features import IncrementalFeatures, compute_features
from kisbt.data.replay import moments
from tests.data.worlds import make_world, worlds


def assert_same_rows(dataset: Dataset) -> None:
    table = compute_features(dataset)
    live = IncrementalFeatures(
        dataset.instruments, frequency=dataset.frequency, actions=dataset.actions
    )
    for t, moment in enumerate(moments(dataset)):
        rows = live.update(moment.at, moment.bars, bases=moment.bases)
        assert rows == table.rows(t), moment.at
    assert t == len(table) - 1


@settings(deadline=None, max_examples=60)
@given(worlds())
def test_history_and_live_bars_agree_to_the_last_bit(dataset: Dataset) -> None:
    assert_same_rows(dataset)


def test_history_and_live_bars_agree_beyond_the_longest_lookback() -> None:
    dataset = make_world(7, names=4, bars=340, split=True, bases=True)
    assert_same_rows(dataset)
    last = compute_features(dataset).rows(339)
    assert any(row["high52w_position"] is not None for row in last.values())


@settings(deadline=None, max_examples=60)
@given(worlds(), st.data())
def test_changing_bars_after_a_time_leaves_rows_up_to_it_unchanged(
    dataset: Dataset, data: st.DataObject
) -> None:
    times = dataset.timeline
    t = data.draw(st.integers(0, len(times) - 1), label="t")
    factor = data.draw(st.sampled_from([2, 7, 100]), label="factor")
    before = compute_features(dataset)
    after = compute_features(_changed_after(dataset, times[t], factor))
    for k in range(t + 1):
        assert after.rows(k) == before.rows(k)


@settings(deadline=None, max_examples=30)
@given(worlds(), st.data())
def test_cutting_the_future_off_leaves_the_past_unchanged(
    dataset: Dataset, data: st.DataObject
) -> None:
    days = np.unique(dataset.timeline.astype("datetime64[D]"))
    day = data.draw(st.sampled_from(list(days)), label="day").astype(object)
    whole = compute_features(dataset)
    try:
        part = dataset.between(None, day)
    except Exception as error:
        raise AssertionError("the first day always has a bar") from error
    cut = compute_features(part)
    missing = set(whole.tickers) - set(cut.tickers)
    for k in range(len(cut)):
        expected = whole.rows(k)
        assert not missing & set(expected)
        assert cut.rows(k) == expected


def test_a_split_changes_nothing_before_it_and_no_return_across_it() -> None:
    plain = make_world(3, names=1, bars=80, halts=0.0, missing=0.0)
    ticker = plain.tickers[0]
    table = plain.bars[ticker]
    at = 40
    day = table.times[at].astype("datetime64[D]").astype(object)
    from kisbt.data.manifest import CorporateAction

    columns = {c: getattr(table, c).copy() for c in ("open", "high", "low", "close", "volume")}
    for c in ("open", "high", "low", "close"):
        columns[c] *= 5
        columns[c][at:] //= 5
    columns["volume"][at:] *= 5
    split = Dataset.build(
        "split",
        {ticker: replace_columns(table, columns)},
        plain.instruments.values(),
        actions=[CorporateAction(ticker=ticker, date=day, ratio=5.0)],
    )
    scaled = {c: values * 5 for c, values in columns.items() if c != "volume"}
    whole = Dataset.build(
        "whole",
        {ticker: replace_columns(table, {c: getattr(table, c) * 5 for c in scaled})},
        plain.instruments.values(),
    )
    got, expected = compute_features(split), compute_features(whole)
    skip = {"value_traded_krw", "limit_up_streak"}
    for name in got.names:
        if name not in skip:
            np.testing.assert_array_equal(got.column(name), expected.column(name), err_msg=name)


def replace_columns(table: BarTable, columns: dict[str, np.ndarray]) -> BarTable:
    return replace(table, **columns)


def _changed_after(dataset: Dataset, moment: np.datetime64, factor: int) -> Dataset:
    bars = {}
    for ticker, table in dataset.bars.items():
        late = table.times > moment
        columns = {
            c: np.where(late, getattr(table, c) * factor + 1, getattr(table, c))
            for c in ("open", "high", "low", "close", "volume", "base")
        }
        bars[ticker] = replace(table, **columns)
    return Dataset.build(
        "changed",
        bars,
        dataset.instruments.values(),
        actions=dataset.actions,
        frequency=dataset.frequency,
    )
